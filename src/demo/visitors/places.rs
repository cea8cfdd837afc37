//! Where the visitors come from: networks of the demo's place database, all of them in 127.0.0.0/8.

use std::net::{IpAddr, Ipv4Addr};

/// A place, and how many of the visitors begin there.
#[derive(Debug, Clone, Copy)]
pub(in crate::demo) struct VisitorPlace {
    /// What people call it.
    pub(in crate::demo) name: &'static str,
    /// `N` in the place's network, 127.N.0.0/16.
    network: u8,
    visitors: usize,
}

const fn place(name: &'static str, network: u8, visitors: usize) -> VisitorPlace {
    VisitorPlace { name, network, visitors }
}

/// All places that visitors come from.
pub(in crate::demo) const PLACES: [VisitorPlace; 10] = [
    place("New York", 10, 7),
    place("California", 11, 7),
    place("Texas", 12, 5),
    place("Illinois", 14, 4),
    place("Ontario", 20, 4),
    place("Mexico City", 23, 2),
    place("Germany", 30, 4),
    place("Japan", 40, 3),
    place("Brazil", 50, 3),
    place("South Africa", 60, 1),
];

impl VisitorPlace {
    /// The address of the visitor `number` while it is here. Each visitor has a /24 of its own, because shares and ramps
    /// take visitors by /24.
    pub(in crate::demo) fn address(self, number: usize) -> IpAddr {
        let own = u8::try_from(number % 250).unwrap_or_default();
        IpAddr::V4(Ipv4Addr::new(127, self.network, own + 1, 1))
    }
}

/// For each visitor the index of the place where it begins.
pub(super) fn beginnings() -> impl Iterator<Item = usize> {
    PLACES.iter().enumerate().flat_map(|(at, place)| std::iter::repeat_n(at, place.visitors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_in_the_fixture_database() {
        let source = include_str!("../../../geoip/fixture.csv");
        for place in PLACES {
            let network = format!("127.{}.0.0/16 ", place.network);
            let row = source.lines().find(|line| line.starts_with(&network));
            let row = row.unwrap_or_else(|| panic!("{} is not a network of {}", network, place.name));
            let country = match place.name {
                "Germany" => ",DE,",
                "Japan" => ",JP,",
                "Brazil" => ",BR,",
                "South Africa" => ",ZA,",
                name => name,
            };
            assert!(row.contains(country), "{row}");
        }
    }

    #[test]
    fn visitors_have_networks_of_their_own() {
        assert_eq!(beginnings().count(), 40);
        assert_eq!(PLACES[0].address(0).to_string(), "127.10.1.1");
        assert_eq!(PLACES[0].address(39).to_string(), "127.10.40.1");
    }
}
