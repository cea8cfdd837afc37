//! Clients that flood again and again: they are kept out for a while, which costs less than to cut each connection anew.

use crate::client::ClientSource;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many are remembered, in rows of so many places. Where a row is full, the one that has been quiet for longest is forgotten.
const ROWS: usize = 4096;
const PLACES: usize = 4;

/// So many floods keep a client out. One may be a mistake of its program's.
const ENOUGH: u64 = 3;

/// For so many seconds after the last flood they count, and it stays out.
const SECONDS: u64 = 10;

/// The clients that have flooded of late: IPv4 addresses and IPv6 /64, in 128 KiB.
#[derive(Debug)]
pub struct Offenders {
    secret: RandomState,
    /// By place: 24 bits of whose it is, 8 bits of how many floods, 32 bits of the second of the last one.
    rows: Box<[[AtomicU64; PLACES]]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    whose: u64,
    floods: u64,
    last: u64,
}

impl Record {
    fn read(bits: u64) -> Self {
        Self { whose: bits >> 40, floods: bits >> 32 & 0xff, last: bits & 0xffff_ffff }
    }

    fn bits(self) -> u64 {
        self.whose << 40 | self.floods << 32 | self.last
    }

    fn counts(self, whose: u64, now: u64) -> bool {
        self.floods > 0 && self.whose == whose && now < self.last.saturating_add(SECONDS)
    }
}

impl Default for Offenders {
    fn default() -> Self {
        Self { secret: RandomState::new(), rows: std::iter::repeat_with(Default::default).take(ROWS).collect() }
    }
}

impl Offenders {
    /// Takes note of a flood of `client` in the second `now`.
    pub fn flooded(&self, client: IpAddr, now: u64) {
        let (row, whose) = self.row(client);
        let records = || row.iter().map(|place| (place, Record::read(place.load(Ordering::Relaxed))));
        let own = records().find(|(_, record)| record.counts(whose, now));
        let floods = own.map_or(1, |(_, record)| (record.floods + 1).min(0xff));
        let Some((place, _)) = own.or_else(|| records().min_by_key(|(_, record)| record.last)) else { return };
        // Two floods at once may count as one: the next ones will do.
        place.store(Record { whose, floods, last: now & 0xffff_ffff }.bits(), Ordering::Relaxed);
    }

    /// Whether `client` has flooded so often that it is kept out in the second `now`.
    #[must_use]
    pub fn keep_out(&self, client: IpAddr, now: u64) -> bool {
        let (row, whose) = self.row(client);
        let record = |place: &AtomicU64| Record::read(place.load(Ordering::Relaxed));
        row.iter().map(record).any(|record| record.counts(whose, now) && record.floods >= ENOUGH)
    }

    fn row(&self, client: IpAddr) -> (&[AtomicU64; PLACES], u64) {
        let hash = self.secret.hash_one(ClientSource::from(client));
        (&self.rows[(hash % ROWS as u64) as usize], hash >> 40)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_third_flood_keeps_a_client_out_for_a_while() {
        let offenders = Offenders::default();
        for second in [100, 105] {
            offenders.flooded(at("192.0.2.1"), second);
            assert!(!offenders.keep_out(at("192.0.2.1"), second));
        }
        offenders.flooded(at("192.0.2.1"), 114);
        assert!(offenders.keep_out(at("192.0.2.1"), 114));
        assert!(offenders.keep_out(at("::ffff:192.0.2.1"), 123));
        assert!(!offenders.keep_out(at("192.0.2.1"), 124), "it is over");
        offenders.flooded(at("192.0.2.1"), 200);
        assert!(!offenders.keep_out(at("192.0.2.1"), 200), "and forgotten");
    }

    #[test]
    fn a_64_is_one_client() {
        let offenders = Offenders::default();
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
            offenders.flooded(at(host), 5);
        }
        assert!(offenders.keep_out(at("2001:db8::ffff"), 5));
        assert!(!offenders.keep_out(at("2001:db8:0:1::1"), 5));
    }

    #[test]
    fn thousands_are_kept_out_at_once() {
        let offenders = Offenders::default();
        let clients = || (0..4000_u32).map(|nth| IpAddr::from((0x0a00_0000 + nth).to_be_bytes()));
        for _ in 0..ENOUGH {
            clients().for_each(|client| offenders.flooded(client, 7));
        }
        let out = clients().filter(|client| offenders.keep_out(*client, 7)).count();
        assert!(out > 3900, "{out}");
    }

    proptest! {
        #[test]
        fn who_floods_less_than_three_times_is_never_kept_out(
            floods in prop::collection::vec((0_u8..200, 0_u64..30), 0..300), others in 0_u8..200,
        ) {
            let offenders = Offenders::default();
            let client = IpAddr::from([198, 51, 100, others]);
            offenders.flooded(client, 3);
            offenders.flooded(client, 3);
            for (host, second) in floods {
                offenders.flooded(IpAddr::from([192, 0, 2, host]), second);
            }
            for second in 0..40 {
                prop_assert!(!offenders.keep_out(client, second));
            }
        }
    }
}
