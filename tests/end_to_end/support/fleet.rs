//! Three regions, each with an edge of its own; the edges hand requests to each other.

use super::{App, Block, EdgeProcess, edge, edits::sha256sum};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The regions, in the order in which all lists here have them.
pub const REGIONS: [&str; 3] = ["us-east", "us-central", "us-west"];
pub const EAST: usize = 0;
pub const CENTRAL: usize = 1;
pub const WEST: usize = 2;

/// A proxy that all edges believe. None of them believes another edge for its address alone.
pub const BELIEVED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 9, 9, 9));

/// Hop keys.
pub const KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";
pub const OTHER_KEY: &str = "2222222222222222222222222222222222222222222222222222222222222222";

/// How the edges of other regions reach a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Its servers, directly.
    Pool,
    /// Through its edge, or not at all.
    Edge,
    /// Through its edge and, where that is gone, its servers directly.
    EdgeOrPool,
    /// Through its edge, by HTTP/2.
    Http2,
}

impl Reach {
    /// What stands in the table of a region whose edge is at `edge`.
    pub fn written(self, edge: SocketAddr) -> String {
        match self {
            Self::Pool => String::new(),
            Self::Edge => format!("edge: \"http://{edge}\""),
            Self::EdgeOrPool => format!("edge: {{url: \"http://{edge}\", fallback: direct}}"),
            Self::Http2 => format!("edge: {{url: \"http://{edge}\", http2: true}}"),
        }
    }

    /// Whether a request takes a hop there.
    pub fn is_hop(self) -> bool {
        self != Self::Pool
    }
}

/// Where the edge of each region listens.
pub fn edge_addresses(block: &Block) -> [SocketAddr; 3] {
    [1, 2, 3].map(|number| SocketAddr::new(block.address(number), 8080))
}

/// Starts the edge of a region, with a hop key and HTTP/2.
pub async fn start_edge(block: &Block, region: usize, key: &str, table: &str) -> EdgeProcess {
    start_edge_with(block, region, key, table, "").await
}

/// The same, with more settings.
pub async fn start_edge_with(block: &Block, region: usize, key: &str, table: &str, more: &str) -> EdgeProcess {
    let directory = tempfile::tempdir().unwrap();
    let address = edge_addresses(block)[region];
    let admin = SocketAddr::new(address.ip(), 9901);
    let settings = format!("hop: {{key_file: hop.key}}\ntrusted_proxies: [{BELIEVED}/32]\n{more}");
    let plan = edge::Plan { region: REGIONS[region], settings, table: table.to_owned() };
    edge::write_settings(directory.path(), &plan, address, admin);
    let file = directory.path().join("homeward.yaml");
    let plain = format!("listen: [{{address: \"{address}\"}}]");
    let both = format!("listen: [{{address: \"{address}\", http2: true}}]");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace(&plain, &both)).unwrap();
    std::fs::write(directory.path().join("routing.yaml"), table).unwrap();
    std::fs::write(directory.path().join("hop.key"), format!("{key}\n")).unwrap();
    EdgeProcess::start_in(directory, address, admin).await
}

/// Waits until each edge can reach every region.
pub async fn all_are_well(edges: &[EdgeProcess]) {
    for edge in edges {
        edge.status_where("a fleet without a trouble", |status| {
            let regions = status["regions"].as_array().unwrap();
            regions.iter().all(|region| region["healthy"] == true && region["away"] == serde_json::json!([]))
        })
        .await;
    }
}

/// The three edges and an app server behind each.
pub struct Fleet {
    pub edges: Vec<EdgeProcess>,
    pub apps: Vec<App>,
    pub block: Block,
}

impl Fleet {
    /// All regions are reached in the same way.
    pub async fn start(reach: Reach) -> Self {
        Self::start_with(Block::new(), reach, "").await
    }

    /// The same in a block of addresses that the caller has, with more settings for all edges.
    pub async fn start_with(block: Block, reach: Reach, more: &str) -> Self {
        let mut apps = Vec::new();
        for (number, name) in (4..).zip(REGIONS) {
            apps.push(App::start(name, SocketAddr::new(block.address(number), 8080)).await);
        }
        let mut fleet = Self { edges: Vec::new(), apps, block };
        let table = fleet.table([reach; 3]);
        for region in 0..REGIONS.len() {
            fleet.edges.push(start_edge_with(&fleet.block, region, KEY, &table, more).await);
        }
        all_are_well(&fleet.edges).await;
        fleet
    }

    /// The table of `edge::table`, with the edges of the regions in it.
    pub fn table(&self, reach: [Reach; 3]) -> String {
        let [east, central, west] = [EAST, CENTRAL, WEST].map(|region| [self.apps[region].address]);
        let mut table = edge::table(&east, &central, &west, "");
        for ((reach, address), name) in reach.into_iter().zip(edge_addresses(&self.block)).zip(REGIONS) {
            if reach.is_hop() {
                let mut line = format!("{name}: {{");
                write!(line, "{}, ", reach.written(address)).unwrap();
                table = table.replacen(&format!("  {name}: {{"), &format!("  {line}"), 1);
            }
        }
        table
    }

    /// Saves a table at all edges and waits until it is live, and all is well with it.
    pub async fn adopt(&self, table: &str) {
        self.edges.iter().for_each(|edge| edge.save_table(table));
        let revision = sha256sum(table);
        for edge in &self.edges {
            edge.status_where("the table", |status| status["table"]["revision"] == *revision).await;
        }
        all_are_well(&self.edges).await;
    }
}
