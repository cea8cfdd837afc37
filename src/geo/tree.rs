//! The search tree of a database: from an address to the place of its record.
//!
//! A tree is walked a bit of the address at a time, and each step is a look at memory that is far from the one before. The
//! first steps are taken once, when the database is loaded, for every way that they can go.

use std::net::IpAddr;

/// The most bits of an address whose steps are taken beforehand, and so 65,536 nodes of four bytes for each kind of address.
const MOST_BITS: u32 = 16;

/// The bits that an IPv4 address has in front of it in a tree of IPv6 networks, all of them 0.
const BITS_BEFORE_IPV4: u32 = 96;

/// How the nodes of a database's tree lie in its bytes, and where the first steps lead.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: u32,
    layout: Layout,
    bits: u32,
    /// The node behind each value of an address's first `bits` bits; from `nodes` on it is no node any more.
    v4: Box<[u32]>,
    /// The same for IPv6; empty in a tree of IPv4 networks.
    v6: Box<[u32]>,
}

/// How many bits each of a node's two records has.
#[derive(Debug, Clone, Copy)]
enum Layout {
    Bits24,
    Bits28,
    Bits32,
}

/// What a walk has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A record at this offset of the data section, if there is one as far as that.
    Record(usize),
    /// The database has nothing for the address.
    Nothing,
    /// A node outside of the tree that is no record.
    Astray,
}

impl Tree {
    /// Takes the tree at the start of `bytes`; `None` where it has no such layout or is not whole.
    pub(super) fn new(bytes: &[u8], nodes: u32, record_bits: u16, ip_version: u16) -> Option<Self> {
        let layout = match record_bits {
            24 => Layout::Bits24,
            28 => Layout::Bits28,
            32 => Layout::Bits32,
            _ => return None,
        };
        let bits = nodes.checked_ilog2().unwrap_or(0).min(MOST_BITS);
        let mut tree = Self { nodes, layout, bits, v4: Box::default(), v6: Box::default() };
        (bytes.len() >= tree.length()).then_some(())?;
        let mut start_of_v4 = 0;
        if ip_version == 6 {
            (0..BITS_BEFORE_IPV4).for_each(|_| start_of_v4 = tree.step(bytes, start_of_v4, 0));
            tree.v6 = tree.first_steps(bytes, 0);
        }
        tree.v4 = tree.first_steps(bytes, start_of_v4);
        Some(tree)
    }

    /// How many bytes it takes up.
    pub(super) fn length(&self) -> usize {
        let node = match self.layout {
            Layout::Bits24 => 6,
            Layout::Bits28 => 7,
            Layout::Bits32 => 8,
        };
        self.nodes as usize * node
    }

    /// Follows the bits of an address. `bytes` are those that the tree was made from.
    pub(super) fn find(&self, bytes: &[u8], address: IpAddr) -> Found {
        let (first, mut rest, left) = match address {
            IpAddr::V4(address) => (&self.v4, u128::from(u32::from(address)) << 96, 32),
            IpAddr::V6(address) => (&self.v6, u128::from(address), 128),
        };
        let begin = if self.bits == 0 { 0 } else { (rest >> (128 - self.bits)) as usize };
        let Some(mut node) = first.get(begin).copied() else { return Found::Nothing };
        rest <<= self.bits;
        for _ in self.bits..left {
            if node >= self.nodes {
                break;
            }
            node = self.step(bytes, node, (rest >> 127) as u32);
            rest <<= 1;
        }
        if node <= self.nodes {
            return Found::Nothing;
        }
        // The numbers behind the nodes' are those of offsets, and the first sixteen of these are between tree and data.
        match (node - self.nodes).checked_sub(SEPARATOR as u32) {
            Some(offset) => Found::Record(offset as usize),
            None => Found::Astray,
        }
    }

    /// The number that `node` has for this bit; `node` itself where it is none.
    #[inline(always)]
    fn step(&self, bytes: &[u8], node: u32, bit: u32) -> u32 {
        if node >= self.nodes {
            return node;
        }
        let (size, part) = match self.layout {
            Layout::Bits24 => (6, 2),
            Layout::Bits28 => (7, 3),
            Layout::Bits32 => (8, 4),
        };
        // All four bytes are inside the node; of those of a record of less than 32 bits, some are its neighbour's.
        let at = node as usize * size + bit as usize * part;
        let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let word = word.map_or(self.nodes, |word| u32::from_be_bytes(*word));
        match (self.layout, bit) {
            (Layout::Bits24, 0) => word >> 8,
            (Layout::Bits24, _) => word & 0x00FF_FFFF,
            // The byte in the middle has the highest four bits of both.
            (Layout::Bits28, 0) => word >> 8 | (word & 0xF0) << 20,
            (Layout::Bits28, _) => word & 0x0FFF_FFFF,
            (Layout::Bits32, _) => word,
        }
    }

    /// Where the first `bits` steps from `start` lead, by the value of these bits.
    fn first_steps(&self, bytes: &[u8], start: u32) -> Box<[u32]> {
        let mut reached = vec![start];
        for _ in 0..self.bits {
            reached = reached.iter().flat_map(|node| [0, 1].map(|bit| self.step(bytes, *node, bit))).collect();
        }
        reached.into()
    }
}

/// How many bytes part the search tree from the data.
pub(super) const SEPARATOR: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use maxminddb::Reader;
    use mmdb_writer::{IpVersion, RecordSize, Writer};
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn bytes(file: &str) -> Vec<u8> {
        std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip").join(file)).unwrap()
    }

    /// What the library that others use finds.
    fn expected(reader: &Reader<&[u8]>, address: IpAddr) -> Found {
        match reader.lookup(address).map(|result| result.offset()) {
            Ok(Some(offset)) => Found::Record(offset),
            Ok(None) => Found::Nothing,
            Err(_) if reader.metadata().ip_version == 4 && address.is_ipv6() => Found::Nothing,
            Err(_) => Found::Astray,
        }
    }

    fn assert_same(bytes: &[u8], addresses: impl IntoIterator<Item = IpAddr>) {
        let Ok(reader) = Reader::from_source(bytes) else { return };
        let metadata = reader.metadata();
        let tree = Tree::new(bytes, metadata.node_count, metadata.record_size, metadata.ip_version).unwrap();
        let marker = bytes.windows(14).rposition(|window| window == b"\xab\xcd\xefMaxMind.com").unwrap();
        for address in addresses {
            let found = match tree.find(bytes, address) {
                Found::Record(offset) if offset >= marker - tree.length() - SEPARATOR => Found::Astray,
                found => found,
            };
            assert_eq!(found, expected(&reader, address), "{address}");
        }
    }

    /// Addresses of all kinds, some of them where the fixtures have networks.
    fn addresses(seed: u64) -> impl Iterator<Item = IpAddr> {
        (0..4000_u64).flat_map(move |at| {
            let random = u128::from((at ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let random = random.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
            let v4 = Ipv4Addr::from(random as u32);
            let near = Ipv4Addr::new(127, v4.octets()[1], v4.octets()[2], 1);
            let global = 0x2000_u128 << 112 | random << 4 >> 3;
            let documentation = 0x2001_0db8_u128 << 96 | random << 32 >> 32;
            let v6 = [random, global, documentation, random & 0xFFFF_FFFF];
            [v4, near].map(IpAddr::V4).into_iter().chain(v6.map(|address| IpAddr::V6(Ipv6Addr::from(address))))
        })
    }

    #[test]
    fn every_database_is_walked_as_others_walk_it() {
        for file in
            ["fixture.mmdb", "fixture-flat.mmdb", "fixture-flat-ipv4.mmdb", "fixture-flat-ipv6.mmdb", "country.mmdb"]
        {
            assert_same(&bytes(file), addresses(7));
        }
    }

    #[test]
    fn every_size_of_records_is_walked_as_others_walk_it() {
        for size in [RecordSize::Bits24, RecordSize::Bits28, RecordSize::Bits32] {
            for version in [IpVersion::V4, IpVersion::V6] {
                let mut writer = Writer::builder("Test").ip_version(version).record_size(size).build();
                for at in 0..60_u8 {
                    let network =
                        format!("{}.{}.0.0/{}", at * 4, at, 8 + at % 16).parse::<ipnet::IpNet>().unwrap().trunc();
                    // One inside of another is refused by the writer, or not: what it has made counts.
                    let _ = writer.insert_value(network, mmdb_writer::Value::map([("country_code", "US")]));
                }
                assert_same(&writer.to_bytes().unwrap(), addresses(size as u64));
            }
        }
        let empty = Writer::new("Empty").to_bytes().unwrap();
        assert_same(&empty, addresses(1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_damaged_tree_is_walked_as_others_walk_it(
            file in prop::sample::select(vec!["fixture.mmdb", "fixture-flat-ipv4.mmdb"]),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
            seed: u64,
        ) {
            let mut bytes = bytes(file);
            let tree = bytes.len() / 2;
            changes.into_iter().for_each(|(index, byte)| bytes[index.index(tree)] = byte);
            assert_same(&bytes, addresses(seed).take(2000));
        }
    }
}
