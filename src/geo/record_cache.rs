//! Records that were read before: what they say is kept, as most addresses share few of them.

use crate::model::Place;
use std::sync::OnceLock;

/// The most records that are kept. A database of countries has a few hundred; of one of cities it is those that are asked
/// for first, which are those of most visitors. 1 MiB.
const MOST_RECORDS: usize = 1 << 14;

/// The places of records, by where they begin in the data section.
///
/// A record is kept for good, in one of two places, when it is read for the first time; where both are taken it is read anew
/// each time. So nobody who asks for rare records can put those out that others need, readers never wait, and what is kept
/// is what the bytes say, which never change.
#[derive(Debug)]
pub(super) struct RecordCache {
    slots: Box<[Slot]>,
}

/// Where a record begins, and what it says.
type Slot = OnceLock<(usize, Option<Place>)>;

impl RecordCache {
    /// For the records of a data section of this many bytes.
    pub(super) fn for_records_of(bytes: usize) -> Self {
        // A record of fewer bytes says nothing of interest, and half of the room stays empty.
        let slots = (bytes / 8).next_power_of_two().clamp(2, MOST_RECORDS);
        Self { slots: std::iter::repeat_with(OnceLock::new).take(slots).collect() }
    }

    /// The place that the record at `offset` gives: what was kept of it, or what `read` finds. Errors are not kept.
    pub(super) fn get_or_read<E>(
        &self,
        offset: usize,
        read: impl FnOnce() -> Result<Option<Place>, E>,
    ) -> Result<Option<Place>, E> {
        let first = offset.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32 & (self.slots.len() - 1);
        let slots = [first, first ^ 1].map(|at| self.slots.get(at));
        for (at, place) in slots.iter().flatten().filter_map(|slot| slot.get()) {
            if *at == offset {
                return Ok(*place);
            }
        }
        let place = read()?;
        // Another thread may have been quicker with it, or with another one.
        let _ = slots.into_iter().flatten().find(|slot| slot.get().is_none()).map(|slot| slot.set((offset, place)));
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Continent;

    fn place(at: usize) -> Place {
        Place { continent: Some(Continent::ALL[at % 7]), ..Place::default() }
    }

    #[test]
    fn a_record_is_read_once_where_there_is_room() {
        let cache = RecordCache::for_records_of(1 << 12);
        let mut reads = 0;
        for _ in 0..3 {
            for at in 0..40 {
                let read = || {
                    reads += 1;
                    Ok::<_, ()>(Some(place(at)))
                };
                assert_eq!(cache.get_or_read(at * 13, read), Ok(Some(place(at))));
            }
        }
        assert!((40..60).contains(&reads), "{reads}");
    }

    #[test]
    fn what_has_no_room_is_right_all_the_same() {
        let cache = RecordCache::for_records_of(0);
        for at in (0..100).chain(0..100) {
            assert_eq!(cache.get_or_read::<()>(at, || Ok(Some(place(at)))), Ok(Some(place(at))));
        }
        assert!(cache.slots.iter().all(|slot| slot.get().is_some()));
    }

    #[test]
    fn errors_are_not_kept() {
        let cache = RecordCache::for_records_of(1 << 12);
        assert_eq!(cache.get_or_read(7, || Err("damaged")), Err("damaged"));
        assert_eq!(cache.get_or_read::<()>(7, || Ok(None)), Ok(None));
        assert_eq!(cache.get_or_read(7, || Err("never read again")), Ok(None));
    }
}
