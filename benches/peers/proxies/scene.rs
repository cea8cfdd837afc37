//! What a proxy is to do, and the values that its configuration gets for it.

use super::places::Places;
use crate::countries::{self, COUNTRIES, PROBE};
use crate::template::Values;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What a new table has that the old one has not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reload {
    /// Each rule names another region.
    Rules,
    /// One rule does: that of one visitor.
    Rule,
    /// A region that serves nobody but one visitor is drained: the next one serves that one.
    Drain,
}

/// The job.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Session, else country, decides; else all goes to one server.
    pub is_whole: bool,
    /// Access log and metrics are on.
    pub logs: bool,
    /// Clients speak TLS 1.3.
    pub tls: bool,
    /// They speak HTTP/2.
    pub http2: bool,
    /// Servers do.
    pub http2_servers: bool,
    /// Connections become WebSockets.
    pub websocket: bool,
    /// How many regions there are.
    pub regions: usize,
    /// How many rules stand before those of the countries, which meet nobody.
    pub rules: usize,
    /// Whether requests go through a second proxy, in front of the servers.
    pub hop: bool,
    /// How tables are changed while it runs, where they are.
    pub reload: Option<Reload>,
    /// Whether this is the other one of two tables.
    pub is_new: bool,
}

impl Scene {
    /// Plain forwarding.
    pub fn plain() -> Self {
        Self {
            is_whole: false,
            logs: false,
            tls: false,
            http2: false,
            http2_servers: false,
            websocket: false,
            regions: 1,
            rules: 0,
            hop: false,
            reload: None,
            is_new: false,
        }
    }

    /// The whole job, with three regions.
    pub fn whole() -> Self {
        Self { is_whole: true, regions: 3, ..Self::plain() }
    }

    /// The region that its table has for the one visitor that a rule of its own means.
    pub fn probe_region(&self) -> usize {
        match (self.reload, self.is_new) {
            (Some(Reload::Drain), true) => 0,
            (_, true) => 2,
            (_, false) => 1,
        }
    }
}

/// The region that is drained where one is: it shares the server of another one.
pub const SPARE: &str = "spare";

/// The region whose requests go through a second proxy, where there is one.
pub const HOP: usize = 2;

/// What all proxies are handed.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The app servers.
    pub servers: Vec<SocketAddr>,
    /// Where addresses are.
    pub places: Places,
    /// The certificate, its key, and both in one file.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Both in one file.
    pub both: PathBuf,
    /// The key that edges share.
    pub hop_key: PathBuf,
    /// How many files a process may have open.
    pub files: u64,
    /// Where nginx has its modules.
    pub modules: PathBuf,
}

impl Ground {
    /// The server of a region.
    pub fn server(&self, region: usize) -> SocketAddr {
        self.servers[region % self.servers.len()]
    }

    /// The values of a scene, for a proxy with these addresses; `edge` is where requests go on where there is a hop.
    pub fn values(&self, scene: &Scene, listen: SocketAddr, admin: SocketAddr, edge: Option<SocketAddr>) -> Values {
        let mut values = Values::default();
        values
            .word("listen", listen)
            .word("listen_host", listen.ip())
            .word("listen_port", listen.port())
            .word("admin", admin)
            .word("admin_port", admin.port())
            .word("places", self.places.database.display())
            .word("countries", self.places.map.display())
            .word("certificate", self.certificate.display())
            .word("key", self.key.display())
            .word("both", self.both.display())
            .word("hop_key", self.hop_key.display())
            .word("modules", self.modules.display())
            .word("files", self.files)
            // Each has two ends, and there are listeners and checks.
            .word("connections", self.files / 2 - 500)
            // The first of two edges stands elsewhere.
            .word("region", countries::region(if scene.hop && edge.is_none() { HOP } else { 0 }))
            .flag("whole", scene.is_whole)
            .flag("logs", scene.logs)
            .flag("tls", scene.tls)
            .flag("http2", scene.http2)
            .flag("http2_servers", scene.http2_servers)
            .flag("websocket", scene.websocket)
            .flag("rules", scene.rules > 0)
            .flag("hop", scene.hop);
        values.flag("drained", scene.reload == Some(Reload::Drain) && scene.is_new);
        if scene.reload == Some(Reload::Drain) {
            let (server, app) = (self.server(scene.probe_region()), self.server(1));
            values.item(
                "region",
                &[
                    ("name", SPARE.to_owned()),
                    ("prefix", SPARE.to_owned()),
                    ("server", server.to_string()),
                    ("app", app.to_string()),
                    ("edge", String::new()),
                    ("server_host", server.ip().to_string()),
                    ("server_port", server.port().to_string()),
                ],
            );
        }
        for region in 0..scene.regions {
            let server = edge.unwrap_or_else(|| self.server(region));
            values.item(
                "region",
                &[
                    ("name", countries::region(region)),
                    ("prefix", countries::prefix(region)),
                    ("server", server.to_string()),
                    ("app", self.server(region).to_string()),
                    (
                        "edge",
                        edge.filter(|_| region == HOP)
                            .map(|edge| format!(", edge: \"http://{edge}\""))
                            .unwrap_or_default(),
                    ),
                    ("server_host", server.ip().to_string()),
                    ("server_port", server.port().to_string()),
                ],
            );
            let codes: Vec<&str> = countries::of_region(region, scene.regions).collect();
            if !codes.is_empty() {
                let region = ("region", countries::region(region));
                values.item("home", &[region, ("countries", codes.join(", ")), ("codes", codes.join("|"))]);
            }
        }
        for (country, code) in COUNTRIES.iter().enumerate() {
            let region = countries::region(countries::home(country, scene.regions));
            values.item("country", &[("code", (*code).to_owned()), ("region", region)]);
        }
        for (network, region) in rules(scene) {
            values.item("rule", &[("network", network), ("region", region)]);
        }
        values
    }
}

/// The rules that meet nobody: networks of 10.0.0.0/8 and the region of each.
pub fn rules(scene: &Scene) -> impl Iterator<Item = (String, String)> {
    let regions = scene.regions;
    let home =
        if scene.reload == Some(Reload::Drain) { SPARE.to_owned() } else { countries::region(scene.probe_region()) };
    let of_probe = (format!("{PROBE}/32"), home);
    let others = (0..scene.rules).map(move |nth| {
        let network = format!("10.{}.{}.{}/28", nth >> 12 & 255, nth >> 4 & 255, (nth & 15) << 4);
        let others = scene.is_new && scene.reload == Some(Reload::Rules);
        (network, countries::region((nth + usize::from(others)) % regions))
    });
    others.chain(scene.reload.map(|_| of_probe))
}
