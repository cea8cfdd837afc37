//! Networks by address: which rule is the first one on a network that an address lies in.
//!
//! Whatever lies in one another becomes ranges that do not: where each begins, in order, and the rule from there on. So it is
//! made by sorting, in a time that does not depend on how the networks lie. An address is looked for among the few ranges that begin
//! with the same bits as it does, so that many rules cost what few cost.

use super::parts::{HomeCondition, HomeRule};
use super::pieces::in_pieces;
use crate::model::Network;
use std::net::IpAddr;

/// The most bits by which ranges are told apart before they are searched: 256 KiB of positions.
const MOST_BITS: u32 = 16;

/// No rule is the first.
const NO_RULE: u32 = u32::MAX;

/// For each address the first rule on a network that it lies in.
#[derive(Debug)]
pub(super) struct NetworkIndex {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    /// Whether no network lies in one that stands before it.
    is_each_first: bool,
}

impl NetworkIndex {
    /// Of all rules on networks among these; with a `rest` whenever it has worked for a few tenths of a millisecond.
    pub(super) fn new(rules: &[HomeRule], rest: fn()) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (rule, at) in in_pieces(rules, rest).flatten().zip(0..) {
            let HomeCondition::Networks(networks) = &rule.condition else { continue };
            for (nth, network) in networks.iter().enumerate() {
                let stands = Standing { rule: at, nth: u16::try_from(nth).unwrap_or(u16::MAX) };
                match network {
                    Network::V4(net) => v4.push(Named::new(net.network().to_bits(), net.prefix_len(), stands)),
                    Network::V6(net) => v6.push(Named::new(net.network().to_bits(), net.prefix_len(), stands)),
                }
            }
        }
        let (v4, is_each_first_of_v4) = Ranges::new(v4, rest);
        let (v6, is_each_first_of_v6) = Ranges::new(v6, rest);
        Self { v4, v6, is_each_first: is_each_first_of_v4 && is_each_first_of_v6 }
    }

    /// The position of the first rule on a network that `client` lies in.
    pub(super) fn first(&self, client: IpAddr) -> Option<usize> {
        match client.to_canonical() {
            IpAddr::V4(address) => self.v4.first(address.to_bits()),
            IpAddr::V6(address) => self.v6.first(address.to_bits()),
        }
    }

    /// Whether no network lies in one that stands before it: then each of them can match. `false` says nothing of rules with
    /// more than 65,535 networks.
    pub(super) fn is_each_first(&self) -> bool {
        self.is_each_first
    }
}

/// Where ranges of addresses begin, each with the first rule for it; up to the next one.
#[derive(Debug)]
struct Ranges<A> {
    starts: Vec<A>,
    rules: Vec<u32>,
    /// By the first bits of an address: how many ranges begin before any that has these; and at the end, how many there are.
    before: Vec<u32>,
    /// How many bits of an address are behind those.
    others: u32,
}

impl<A: Address> Ranges<A> {
    /// The ranges of these networks; and whether none of them lies in one that stands before it.
    fn new(networks: Vec<Named<A>>, rest: fn()) -> (Self, bool) {
        let mut ranges = Self { starts: Vec::new(), rules: Vec::new(), before: Vec::new(), others: 0 };
        ranges.begin(A::default(), NO_RULE);
        // The networks around the one that is looked at: where they end, and the first of those that reach so far.
        let mut around: Vec<(A, Standing)> = Vec::new();
        let mut is_each_first = true;
        for network in in_pieces(&sorted(networks, rest), rest).flatten() {
            ranges.end_before(network.start, &mut around);
            let outer = around.last().map(|(_, first)| *first);
            is_each_first &= outer.is_none_or(|outer| network.stands < outer);
            let first = outer.map_or(network.stands, |outer| outer.min(network.stands));
            ranges.begin(network.start, first.rule);
            around.push((network.start.last_of(network.length), first));
        }
        while let Some(end) = around.pop() {
            ranges.end(end, &around);
        }
        ranges.tell_apart(rest);
        (ranges, is_each_first)
    }

    /// Counts the ranges by their first bits: about as many of these as tell all of them apart where they are spread evenly.
    fn tell_apart(&mut self, rest: fn()) {
        let bits = self.starts.len().ilog2().clamp(1, MOST_BITS);
        self.others = A::BITS - bits;
        self.before = vec![0; (1 << bits) + 1];
        for start in in_pieces(&self.starts, rest).flatten() {
            self.before[start.shifted(self.others) + 1] += 1;
        }
        let mut sum = 0;
        for before in &mut self.before {
            sum += *before;
            *before = sum;
        }
    }

    /// Ends those that do not reach as far as `start`.
    fn end_before(&mut self, start: A, around: &mut Vec<(A, Standing)>) {
        while let Some(end) = around.pop_if(|(last, _)| *last < start) {
            self.end(end, around);
        }
    }

    /// Behind a network goes on what is around it.
    fn end(&mut self, (last, _): (A, Standing), around: &[(A, Standing)]) {
        if let Some(next) = last.next() {
            self.begin(next, around.last().map_or(NO_RULE, |(_, first)| first.rule));
        }
    }

    fn begin(&mut self, start: A, rule: u32) {
        match (self.starts.last(), self.rules.last_mut()) {
            (Some(same), Some(last)) if *same == start => *last = rule,
            (_, Some(last)) if *last == rule => {}
            _ => {
                self.starts.push(start);
                self.rules.push(rule);
            }
        }
    }

    fn first(&self, address: A) -> Option<usize> {
        let bits = address.shifted(self.others);
        let (from, until) = (*self.before.get(bits)? as usize, *self.before.get(bits + 1)? as usize);
        let alike = self.starts.get(from..until)?;
        // The first range of all begins with the first address.
        let at = (from + alike.partition_point(|start| *start <= address)).checked_sub(1)?;
        self.rules.get(at).filter(|rule| **rule != NO_RULE).map(|rule| *rule as usize)
    }
}

/// Where a network stands: in which rule, and as which of its networks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    rule: u32,
    nth: u16,
}

/// A network that a rule names.
#[derive(Debug, Clone, Copy, Default)]
struct Named<A> {
    start: A,
    length: u8,
    stands: Standing,
}

impl<A: Address> Named<A> {
    const fn new(start: A, length: u8, stands: Standing) -> Self {
        Self { start, length, stands }
    }
}

/// By their beginnings, the wider first, and those that are the same in the order in which they were.
///
/// Byte by byte from the lowest one on (radix sort): unlike another sort of so many it can rest in between.
fn sorted<A: Address>(mut networks: Vec<Named<A>>, rest: fn()) -> Vec<Named<A>> {
    let mut others = vec![Named::default(); networks.len()];
    for nth in 0..=A::BYTES {
        let key =
            |network: &Named<A>| nth.checked_sub(1).map_or(network.length, |nth| network.start.byte(nth)) as usize;
        let mut ends = [0; 256];
        in_pieces(&networks, rest).flatten().for_each(|network| ends[key(network)] += 1);
        if ends.contains(&networks.len()) {
            continue;
        }
        let mut before = 0;
        for end in &mut ends {
            (*end, before) = (before, before + *end);
        }
        for network in in_pieces(&networks, rest).flatten() {
            let place = &mut ends[key(network)];
            others[*place] = *network;
            *place += 1;
        }
        std::mem::swap(&mut networks, &mut others);
    }
    networks
}

/// An address as a number.
trait Address: Copy + Ord + Default {
    /// How many bytes it has.
    const BYTES: usize;

    /// How many bits.
    const BITS: u32;

    /// The `nth` of these, from the lowest one on.
    fn byte(self, nth: usize) -> u8;

    /// Its first bits, without so many others: at most [`MOST_BITS`] of them.
    fn shifted(self, others: u32) -> usize;

    /// The one behind it.
    fn next(self) -> Option<Self>;

    /// The last one of the network that begins with it and has so many bits in common.
    fn last_of(self, length: u8) -> Self;
}

macro_rules! address {
    ($number:ty) => {
        impl Address for $number {
            const BYTES: usize = size_of::<Self>();
            const BITS: u32 = Self::BITS;

            fn byte(self, nth: usize) -> u8 {
                self.to_le_bytes()[nth]
            }

            fn shifted(self, others: u32) -> usize {
                (self >> others) as usize
            }

            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            fn last_of(self, length: u8) -> Self {
                self | Self::MAX.checked_shr(u32::from(length)).unwrap_or(0)
            }
        }
    };
}

address!(u32);
address!(u128);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RegionId;
    use crate::routing::HomeTarget;
    use ipnet::{Ipv4Net, Ipv6Net};
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn rules(networks: &[Vec<Network>]) -> Vec<HomeRule> {
        let target = || HomeTarget::Region(RegionId::at(0).unwrap());
        let rule = |networks: &Vec<Network>| HomeRule {
            condition: HomeCondition::Networks(networks.iter().copied().collect()),
            target: target(),
        };
        networks.iter().map(rule).collect()
    }

    /// Networks that often lie in one another, at the ends of what there is too, and that are often the same.
    fn network() -> impl Strategy<Value = Network> {
        let edge =
            prop_oneof![Just(0_u32), Just(u32::MAX), any::<u32>(), (0_u32..4).prop_map(|top| top << 30 | 0x0102)];
        let v4 = (edge.clone(), 0_u8..=32)
            .prop_map(|(bits, length)| Network::V4(Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), length).trunc()));
        let v6 = (edge, any::<bool>(), 0_u8..=128).prop_map(|(bits, low, length)| {
            let bits = if low { u128::from(bits) } else { u128::from(bits) << 96 | u128::from(bits) };
            Network::V6(Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), length).trunc())
        });
        prop_oneof![2 => v4, 1 => v6]
    }

    fn first_by_looking(rules: &[Vec<Network>], address: IpAddr) -> Option<usize> {
        rules.iter().position(|networks| networks.iter().any(|network| network.contains(&address)))
    }

    proptest! {
        #[test]
        fn it_is_the_first_rule_in_their_order(
            networks in prop::collection::vec(prop::collection::vec(network(), 1..3), 0..40),
            others in prop::collection::vec(any::<u32>(), 8),
        ) {
            let index = NetworkIndex::new(&rules(&networks), || ());
            let ends = networks.iter().flatten().flat_map(|network| [network.network(), network.broadcast()]);
            let beyond = ends.clone().flat_map(|end| match end {
                IpAddr::V4(end) => [end.to_bits().wrapping_sub(1), end.to_bits().wrapping_add(1)].map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits))),
                IpAddr::V6(end) => [end.to_bits().wrapping_sub(1), end.to_bits().wrapping_add(1)].map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits))),
            });
            let others = others.iter().map(|bits| IpAddr::from(Ipv4Addr::from_bits(*bits)));
            for address in ends.chain(beyond).chain(others) {
                // An address of the other kind that is written as one of IPv6.
                let address = address.to_canonical();
                prop_assert_eq!(index.first(address), first_by_looking(&networks, address), "{}", address);
            }
        }

        #[test]
        fn each_is_first_where_none_lies_in_one_that_stands_before_it(
            networks in prop::collection::vec(prop::collection::vec(network(), 1..3), 0..8),
        ) {
            let all: Vec<_> = networks.iter().flatten().collect();
            let covers = (0..all.len()).any(|outer| all[outer + 1..].iter().any(|inner| all[outer].contains(*inner)));
            prop_assert_eq!(NetworkIndex::new(&rules(&networks), || ()).is_each_first(), !covers);
        }
    }

    #[test]
    fn many_networks_are_sorted_as_few_are() {
        let bits = |at: u32| at.wrapping_mul(0x9e37_79b1);
        let networks: Vec<Vec<Network>> =
            (0..30_000).map(|at| vec![Network::V4(Ipv4Net::new_assert(Ipv4Addr::from_bits(bits(at)), 32))]).collect();
        let index = NetworkIndex::new(&rules(&networks), || ());
        assert!(index.is_each_first());
        for (at, some) in networks.iter().enumerate() {
            assert_eq!(index.first(some[0].network()), Some(at));
        }
    }
}
