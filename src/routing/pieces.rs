//! Much work in small pieces.

/// How many rules, or networks, are worked on between two rests: what takes about a tenth of a millisecond.
const AT_ONCE: usize = 8192;

/// Items in pieces, with a `rest` before each but the first.
pub(crate) fn in_pieces<T>(items: &[T], rest: fn()) -> impl Iterator<Item = &[T]> {
    items.chunks(AT_ONCE).enumerate().map(move |(nth, piece)| {
        if nth > 0 {
            rest();
        }
        piece
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static RESTS: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn pieces_are_the_items_in_their_order_and_it_rests_between_them() {
        for (length, rests) in [(0, 0), (1, 0), (AT_ONCE, 0), (AT_ONCE + 1, 1), (3 * AT_ONCE, 2)] {
            let items: Vec<usize> = (0..length).collect();
            RESTS.set(0);
            let pieces: Vec<&[usize]> = in_pieces(&items, || RESTS.set(RESTS.get() + 1)).collect();
            assert_eq!((pieces.concat(), RESTS.get()), (items, rests));
        }
    }
}
