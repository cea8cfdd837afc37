//! Names out of a table, each with a value, found again in a few steps whatever their number.

/// A fixed set of names, each with a value.
///
/// Finding one takes a hash of it and nearly always one comparison, whether there are ten names or 100,000. The hash is a
/// quick one without a secret, which is safe here: the names are those of a table, so that nobody outside chooses what is
/// put in, and what is looked for is never put in. The longest way that a look-up can go is given by the table's own names.
#[derive(Debug, Clone)]
pub struct NameIndex<T> {
    names: Vec<(Box<[u8]>, T)>,
    /// The first place where a name may be is that of its hash; where another name is there, it is the next one, and so
    /// on. At most a quarter is taken, and a power of two: so there is always an empty one to stop at.
    places: Box<[Taken]>,
}

/// A place that a name has, or nobody has.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    /// The upper half of the name's hash: other names are told apart by it, nearly always.
    mark: u32,
    /// The position of the name among the names, from 1; 0 is an empty place.
    number: u32,
}

impl<T> Default for NameIndex<T> {
    fn default() -> Self {
        Self { names: Vec::new(), places: Box::default() }
    }
}

impl<N: AsRef<[u8]>, T> FromIterator<(N, T)> for NameIndex<T> {
    /// Of two values for one name the first counts.
    fn from_iter<I: IntoIterator<Item = (N, T)>>(names: I) -> Self {
        let names = names.into_iter().map(|(name, value)| (name.as_ref().into(), value)).collect::<Vec<_>>();
        let mut index = Self { places: vec![Taken::default(); (names.len() * 4).next_power_of_two()].into(), names };
        for (position, number) in (0..index.names.len()).zip(1..) {
            let Some((name, _)) = index.names.get(position) else { continue };
            if index.get(name).is_some() {
                continue;
            }
            let hash = hash(name);
            let mut at = hash as usize & (index.places.len() - 1);
            while index.places.get(at).is_some_and(|place| place.number != 0) {
                at = (at + 1) & (index.places.len() - 1);
            }
            if let Some(place) = index.places.get_mut(at) {
                *place = Taken { mark: mark(hash), number };
            }
        }
        index
    }
}

impl<T> NameIndex<T> {
    /// The value of a name; `None` where it is none of them.
    #[must_use]
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<&T> {
        let hash = hash(name);
        let mut at = hash as usize;
        loop {
            let place = self.places.get(at & self.places.len().wrapping_sub(1))?;
            if place.number == 0 {
                return None;
            }
            if place.mark == mark(hash) {
                let (known, value) = self.names.get(place.number as usize - 1)?;
                if are_same(known, name) {
                    return Some(value);
                }
            }
            at = at.wrapping_add(1);
        }
    }

    /// Whether there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

fn mark(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Folded multiplication of eight bytes at a time, the last eight perhaps partly for a second time.
#[inline(always)]
fn hash(name: &[u8]) -> u64 {
    let start = 0x243F_6A88_85A3_08D3 ^ name.len() as u64;
    let Some(last) = name.last_chunk::<8>() else { return mix(start, short(name)) };
    let (words, _) = name.as_chunks::<8>();
    mix(words.iter().fold(start, |hash, word| mix(hash, u64::from_le_bytes(*word))), u64::from_le_bytes(*last))
}

#[inline(always)]
fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * u128::from(0x9E37_79B9_7F4A_7C15_u64);
    product as u64 ^ (product >> 64) as u64
}

/// Names are short: a call to compare them takes longer than comparing them.
#[inline(always)]
fn are_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (Some(last_of_a), Some(last_of_b)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) else {
        return short(a) == short(b);
    };
    let ((words_of_a, _), (words_of_b, _)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    last_of_a == last_of_b && words_of_a.iter().zip(words_of_b).all(|(a, b)| a == b)
}

/// All bytes of a name of less than eight, some of them twice, so that there is no loop.
#[inline(always)]
fn short(name: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
    } else if let ([first, ..], [.., last]) = (name, name) {
        let middle = name.get(name.len() / 2).unwrap_or(first);
        u64::from(*first) << 16 | u64::from(*middle) << 8 | u64::from(*last)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn the_first_of_two_values_counts() {
        let index: NameIndex<_> = [("east", 1), ("west", 2), ("east", 3)].into_iter().collect();
        assert_eq!((index.get(b"east"), index.get(b"west"), index.get(b"north")), (Some(&1), Some(&2), None));
        assert!(!index.is_empty());
        let none = NameIndex::<u8>::default();
        assert!(none.is_empty() && none.get(b"").is_none() && none.get(b"east").is_none());
        let empty: NameIndex<u8> = [("", 7)].into_iter().collect();
        assert_eq!((empty.get(b""), empty.get(b"a")), (Some(&7), None));
    }

    #[test]
    fn many_names_lie_apart() {
        let names: Vec<_> = (0..10_000).map(|at| format!("shop-{at}.example.com")).collect();
        let index: NameIndex<_> = names.iter().zip(0..).collect();
        names.iter().zip(0..).for_each(|(name, at)| assert_eq!(index.get(name.as_bytes()), Some(&at)));
        let taken: Vec<_> = index.places.iter().map(|place| place.number != 0).collect();
        let longest = taken.split(|is_taken| !is_taken).map(<[bool]>::len).max();
        assert!(longest < Some(16), "{longest:?} names in a row");
    }

    proptest! {
        #[test]
        fn it_answers_as_a_map(
            names in prop::collection::vec("[ab]{0,12}|[a-c.]{14,18}", 0..40),
            others in prop::collection::vec("[ab]{0,12}|[a-c.]{14,18}", 0..40),
        ) {
            let index: NameIndex<usize> = names.iter().zip(0..).collect();
            let mut map = HashMap::new();
            names.iter().zip(0..).for_each(|(name, at)| _ = map.entry(name.as_str()).or_insert(at));
            for name in names.iter().chain(&others) {
                prop_assert_eq!(index.get(name.as_bytes()), map.get(name.as_str()));
            }
        }
    }
}
