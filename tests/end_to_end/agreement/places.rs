//! The places of the fixture database, and visitors from there.

use fastrand::Rng;
use ipnet::IpNet;
use std::net::IpAddr;

/// A place that a rule may name; what is not known of it is empty.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) continent: String,
    pub(super) country: String,
    pub(super) subdivision: String,
}

/// All places, and all networks in them.
pub(super) struct Places {
    pub(super) rows: Vec<Row>,
    pub(super) networks: Vec<IpNet>,
}

/// Networks of which nothing is known.
const NOWHERE: [&str; 5] = ["127.0.5.0/24", "203.0.113.200/29", "2001:db8:99::/48", "10.1.0.0/16", "fd00::/16"];

impl Places {
    /// As the readable source of the fixture has them.
    pub(super) fn read() -> Self {
        let text = include_str!("../../../geoip/fixture.csv");
        let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
        let (mut rows, mut networks) = (Vec::new(), Vec::new());
        for line in lines {
            let cells: Vec<_> = line.split(',').collect();
            networks.extend(cells[0].split(' ').map(|network| network.parse::<IpNet>().unwrap()));
            let [continent, country, subdivision] = [1, 2, 3].map(|at| cells[at].to_owned());
            rows.push(Row { continent, country, subdivision });
        }
        networks.extend(NOWHERE.map(|network| network.parse::<IpNet>().unwrap()));
        Self { rows, networks }
    }

    /// The address of a random visitor, as a proxy would write it; some come from one of the `special` networks.
    pub(super) fn visitor(&self, rng: &mut Rng, special: &[IpNet]) -> String {
        let network = match rng.choice(special) {
            Some(network) if rng.u8(..5) == 0 => *network,
            _ => self.networks[rng.usize(..self.networks.len())],
        };
        match network {
            IpNet::V4(network) => {
                let free = u32::MAX.checked_shr(network.prefix_len().into()).unwrap_or(0);
                let address = std::net::Ipv4Addr::from(u32::from(network.network()) | (rng.u32(..) & free));
                if rng.u8(..10) == 0 { format!("::ffff:{address}") } else { address.to_string() }
            }
            IpNet::V6(network) => {
                let free = u128::MAX.checked_shr(network.prefix_len().into()).unwrap_or(0);
                IpAddr::from((u128::from(network.network()) | (rng.u128(..) & free)).to_be_bytes()).to_string()
            }
        }
    }
}
