//! Where addresses are: the country database of this project, and in it the loopback networks of the visitors; once as a
//! database, which all proxies but HAProxy read, and once as its map.

use crate::countries::{COUNTRIES, network};
use ipnet::IpNet;
use mmdb_writer::{Value, Writer};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Both files.
#[derive(Debug, Clone)]
pub struct Places {
    /// The database: IPv4 and IPv6, in MaxMind's schema.
    pub database: PathBuf,
    /// The map: a network and its country a line.
    pub map: PathBuf,
}

impl Places {
    /// Makes them where they are not there yet.
    pub fn make(directory: &Path) -> Self {
        let places = Self { database: directory.join("places.mmdb"), map: directory.join("countries.map") };
        if !places.database.exists() || !places.map.exists() {
            eprintln!("peers: making {} ...", places.database.display());
            places.write();
        }
        places
    }

    fn write(&self) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip/country.mmdb");
        let source = maxminddb::Reader::open_readfile(source).unwrap();
        let mut writer = Writer::new("Peers-Country");
        let mut map = String::new();
        let mut add = |network: IpNet, code: &str| {
            let country = Value::map([("iso_code", Value::from(code))]);
            writer.insert_value(network, Value::map([("country", country)])).unwrap();
            writeln!(map, "{network} {code}").unwrap();
        };
        for found in source.networks(Default::default()).unwrap() {
            let found = found.unwrap();
            let path = [maxminddb::PathElement::Key("country_code")];
            let Some(code) = found.decode_path::<String>(&path).unwrap() else { continue };
            let network: IpNet = found.network().unwrap().to_string().parse().unwrap();
            add(network, &code);
        }
        for (country, code) in COUNTRIES.iter().enumerate() {
            add(network(country).parse().unwrap(), code);
        }
        std::fs::create_dir_all(self.database.parent().unwrap()).unwrap();
        // The map comes last, so that what was interrupted is made again.
        std::fs::write(&self.database, writer.to_bytes().unwrap()).unwrap();
        std::fs::write(&self.map, map).unwrap();
    }
}
