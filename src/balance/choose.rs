//! The choice.

use super::{KeyHash, ServerHash, Weight};
use crate::model::{Balance, BalanceFactor, Balancing};

/// With fewer active requests than this, a server has room whatever its part is.
///
/// Among few requests the bound would be one or two of them, and a browser that asks for six things at once would be
/// spread over the pool. No server is in trouble with eight.
pub const ALWAYS_ROOM: usize = 8;

/// A server that may get the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Which one it is, to the one who asks.
    pub place: usize,
    /// The hash of its address.
    pub hash: ServerHash,
    /// Its part of the requests.
    pub weight: Weight,
    /// How many requests it serves at the moment.
    pub active: usize,
}

/// How to choose for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The servers in turn; by weight, evenly mixed.
    RoundRobin,
    /// The server with the fewest active requests for its weight, this one included; those that are equal in turn.
    LeastRequests,
    /// The first server in the order of the key that has room.
    Keyed {
        /// What names the server.
        key: KeyHash,
        /// How many times its part of the active requests a server may have.
        factor: BalanceFactor,
    },
}

impl Rule {
    /// What a service says for a request with this key. Where the request has none, the servers take turns.
    #[must_use]
    pub fn new(balancing: &Balancing, key: Option<KeyHash>) -> Self {
        match (&balancing.by, key) {
            (Balance::LeastRequests, _) => Self::LeastRequests,
            (by, Some(key)) if by.is_keyed() => Self::Keyed { key, factor: balancing.factor },
            _ => Self::RoundRobin,
        }
    }
}

/// The place of the server that gets the request; none where there is no server.
///
/// `turn` is one more for each request. The servers are gone through at most twice; what they serve may change in
/// between, which makes the choice a little less even and never wrong. Allocates nothing.
#[must_use]
pub fn choose(rule: Rule, turn: usize, servers: impl Iterator<Item = Candidate> + Clone) -> Option<usize> {
    match rule {
        Rule::RoundRobin => in_turn(turn, servers),
        Rule::LeastRequests => least_busy(turn, servers),
        Rule::Keyed { key, factor } => by_key(key, factor, servers),
    }
}

/// What the servers have together.
#[derive(Default)]
struct Sum {
    count: usize,
    active: u64,
    weight: u64,
    first: Option<Weight>,
    uneven: bool,
}

impl Sum {
    fn add(&mut self, server: &Candidate) {
        self.count += 1;
        self.active += server.active as u64;
        self.weight += u64::from(server.weight.get());
        self.uneven |= *self.first.get_or_insert(server.weight) != server.weight;
    }

    fn of(servers: impl Iterator<Item = Candidate>) -> Self {
        servers.fold(Self::default(), |mut sum, server| {
            sum.add(&server);
            sum
        })
    }

    /// Whether `server`, with one more request, stays within `factor` times its part of those that are there already.
    ///
    /// The authors of bounded loads count the new request in and round the bound up. This is a little less, so that the
    /// factor is what it says, also right after a request has ended.
    fn has_room(&self, server: &Candidate, factor: BalanceFactor) -> bool {
        // active + 1 <= factor * all * weight / weights, without a division.
        let load = (u128::from(server.active as u64) + 1) * u128::from(self.weight) * 100;
        let bound = u128::from(self.active) * u128::from(server.weight.get()) * u128::from(factor.percent());
        server.active < ALWAYS_ROOM || load <= bound
    }
}

fn in_turn(turn: usize, mut servers: impl Iterator<Item = Candidate> + Clone) -> Option<usize> {
    let sum = Sum::of(servers.clone());
    if !sum.uneven {
        return servers.nth(turn.checked_rem(sum.count)?).map(|server| server.place);
    }
    // The multiples of the golden ratio, in parts of one, never come in a clump: so do the turns of each server, however
    // small or large its part of the circle is. (Knuth, The Art of Computer Programming 3, 6.4, theorem S.)
    let around = (turn as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut point = (u128::from(around) * u128::from(sum.weight)) >> 64;
    let mut last = None;
    for server in servers {
        let weight = u128::from(server.weight.get());
        if point < weight {
            return Some(server.place);
        }
        point -= weight;
        last = Some(server.place);
    }
    last
}

fn least_busy(turn: usize, servers: impl Iterator<Item = Candidate> + Clone) -> Option<usize> {
    let mut least: Option<Candidate> = None;
    let mut equals = 0;
    for server in servers.clone() {
        match least.map(|least| busier(&least, &server)) {
            None | Some(std::cmp::Ordering::Greater) => (least, equals) = (Some(server), 1),
            Some(std::cmp::Ordering::Equal) => equals += 1,
            Some(std::cmp::Ordering::Less) => {}
        }
    }
    let least = least?;
    let mut equal = servers.filter(|server| busier(&least, server).is_eq());
    Some(equal.nth(turn % equals).map_or(least.place, |server| server.place))
}

/// Which of two would be the busier one for its weight, if it got the request.
fn busier(one: &Candidate, other: &Candidate) -> std::cmp::Ordering {
    let load = |of: &Candidate, against: &Candidate| (of.active as u128 + 1) * u128::from(against.weight.get());
    load(one, other).cmp(&load(other, one))
}

fn by_key(key: KeyHash, factor: BalanceFactor, servers: impl Iterator<Item = Candidate> + Clone) -> Option<usize> {
    let mut sum = Sum::default();
    let mut first: Option<(u64, Candidate)> = None;
    for server in servers.clone() {
        sum.add(&server);
        let score = server.hash.score(key);
        if first.is_none_or(|(best, _)| score > best) {
            first = Some((score, server));
        }
    }
    // Nearly always: all weights are the same, and the key's own server has room.
    let (_, first) = first?;
    if !sum.uneven && sum.has_room(&first, factor) {
        return Some(first.place);
    }
    let mut best: Option<(f64, usize)> = None;
    let mut least = first;
    for server in servers {
        if sum.has_room(&server, factor) {
            let rank = rank(&server, key, sum.uneven);
            if best.is_none_or(|(highest, _)| rank > highest) {
                best = Some((rank, server.place));
            }
        } else if busier(&least, &server).is_gt() {
            least = server;
        }
    }
    // With a factor close to 100 % and few requests, rounding down may leave room nowhere: then the least busy one.
    Some(best.map_or(least.place, |(_, place)| place))
}

/// Where a server stands in the order of the key; the highest is first.
///
/// With weights it is ln(u) / weight for the score u in (0, 1]: then each server is first for its part of the keys, and
/// a weight that grows takes keys to its server only. Where all weights are the same, that is the order of the scores.
fn rank(server: &Candidate, key: KeyHash, uneven: bool) -> f64 {
    let score = server.hash.score(key) as f64;
    if uneven { (score / (1_u64 << 53) as f64).ln() / f64::from(server.weight.get()) } else { score }
}
