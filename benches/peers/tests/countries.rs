use crate::countries::{COUNTRIES, address, country, home, network, of_region};
use std::collections::BTreeSet;

#[test]
fn a_connection_comes_from_its_countrys_network() {
    for connection in [0, 1, 59, 60, 9_999, 14_999] {
        let network: ipnet::Ipv4Net = network(country(connection)).parse().unwrap();
        assert!(network.contains(&address(connection)), "{connection}");
    }
}

#[test]
fn addresses_and_codes_are_told_apart() {
    let addresses: BTreeSet<_> = (0..15_000).map(address).collect();
    assert_eq!(addresses.len(), 15_000);
    assert_eq!(BTreeSet::from(COUNTRIES).len(), COUNTRIES.len());
}

#[test]
fn every_country_is_at_home_in_one_region() {
    for regions in [1, 2, 3, 20, 200] {
        let all: Vec<_> = (0..regions).flat_map(|region| of_region(region, regions)).collect();
        assert_eq!(all.len(), COUNTRIES.len());
        assert!((0..COUNTRIES.len()).all(|country| home(country, regions) < regions));
    }
}
