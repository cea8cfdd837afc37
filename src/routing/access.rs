//! From where a service may be asked, compiled so that 100,000 networks cost what ten cost.

use crate::model::{ClientRules, Network};
use ipnet::{Ipv4Net, Ipv6Net};
use prefix_trie::PrefixSet;
use std::net::IpAddr;

/// Why a client may not ask a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Its address lies in this network, which is denied.
    By(Network),
    /// Its address lies in none of the networks that are allowed.
    NotAllowed,
}

/// The rules of one service.
#[derive(Debug)]
pub(super) struct Access {
    allow: Option<Networks>,
    deny: Networks,
}

#[derive(Debug, Default)]
struct Networks {
    v4: PrefixSet<Ipv4Net>,
    v6: PrefixSet<Ipv6Net>,
}

impl Access {
    pub(super) fn new(rules: &ClientRules) -> Self {
        Self { allow: rules.allow.as_deref().map(Networks::new), deny: Networks::new(&rules.deny) }
    }

    pub(super) fn check(&self, client: IpAddr) -> Result<(), Denied> {
        if let Some(network) = self.deny.find(client) {
            return Err(Denied::By(network));
        }
        match &self.allow {
            Some(allow) if allow.find(client).is_none() => Err(Denied::NotAllowed),
            _ => Ok(()),
        }
    }
}

impl Networks {
    fn new(networks: &[Network]) -> Self {
        let mut all = Self::default();
        for network in networks {
            match network {
                Network::V4(v4) => _ = all.v4.insert(*v4),
                Network::V6(v6) => _ = all.v6.insert(*v6),
            }
        }
        all
    }

    /// The smallest of them that `client` lies in; IPv4 in IPv6 is IPv4.
    fn find(&self, client: IpAddr) -> Option<Network> {
        match client.to_canonical() {
            IpAddr::V4(v4) => self.v4.get_lpm(&v4.into()).map(Network::V4),
            IpAddr::V6(v6) => self.v6.get_lpm(&v6.into()).map(Network::V6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn checked(allow: Option<&[&str]>, deny: &[&str], client: &str) -> Result<(), Denied> {
        let rules = ClientRules { allow: allow.map(networks), deny: networks(deny) };
        Access::new(&rules).check(client.parse().unwrap())
    }

    #[test]
    fn what_is_denied_wins() {
        let allow = Some(&["10.0.0.0/8", "2001:db8::/32"][..]);
        let deny = &["10.1.0.0/16", "10.0.0.0/9", "2001:db8:1::/48"];
        let by = |network: &str| Err(Denied::By(network.parse().unwrap()));
        assert_eq!(checked(allow, deny, "10.200.0.1"), Ok(()));
        assert_eq!(checked(allow, deny, "::ffff:10.200.0.1"), Ok(()));
        assert_eq!(checked(allow, deny, "10.1.2.3"), by("10.1.0.0/16"));
        assert_eq!(checked(allow, deny, "10.2.2.3"), by("10.0.0.0/9"));
        assert_eq!(checked(allow, deny, "192.0.2.1"), Err(Denied::NotAllowed));
        assert_eq!(checked(allow, deny, "2001:db8:2::1"), Ok(()));
        assert_eq!(checked(allow, deny, "2001:db8:1::1"), by("2001:db8:1::/48"));
        assert_eq!(checked(allow, deny, "2001:db9::1"), Err(Denied::NotAllowed));
        assert_eq!(checked(None, deny, "192.0.2.1"), Ok(()));
        assert_eq!(checked(None, &["0.0.0.0/0"], "192.0.2.1"), by("0.0.0.0/0"));
    }

    proptest! {
        #[test]
        fn it_is_a_walk_through_the_lists(
            allow in prop::option::of(prop::collection::vec((any::<u32>(), 0..=32_u8), 0..8)),
            deny in prop::collection::vec((any::<u32>(), 0..=32_u8), 0..8),
            client in any::<u32>(),
        ) {
            let list = |all: Vec<(u32, u8)>| -> Vec<Network> {
                all.into_iter().map(|(at, length)| Network::new(IpAddr::from(at.to_be_bytes()), length).unwrap().trunc()).collect()
            };
            let rules = ClientRules { allow: allow.map(list), deny: list(deny) };
            let client = IpAddr::from(client.to_be_bytes());
            let inside = |networks: &[Network]| networks.iter().any(|network| network.contains(&client));
            let goes = !inside(&rules.deny) && rules.allow.as_deref().is_none_or(inside);
            prop_assert_eq!(Access::new(&rules).check(client).is_ok(), goes);
        }
    }
}
