//! The two files of the demo: a routing table to play with, and the settings of its edge.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// A region of the demo.
#[derive(Debug, Clone, Copy)]
pub(super) struct DemoRegion {
    pub(super) name: &'static str,
    pub(super) prefix: &'static str,
    latitude: f64,
    longitude: f64,
}

/// The regions of the demo.
pub(super) const REGIONS: [DemoRegion; 3] = [
    DemoRegion { name: "us-east", prefix: "east", latitude: 39.04, longitude: -77.49 },
    DemoRegion { name: "us-central", prefix: "central", latitude: 41.26, longitude: -95.86 },
    DemoRegion { name: "us-west", prefix: "west", latitude: 37.35, longitude: -121.96 },
];
/// The region that the edge of the demo stands in.
pub(super) const EDGE_REGION: &str = "us-west";
/// How many servers each region has.
pub(super) const SERVERS: usize = 2;

/// The routing table, whose regions have the servers `pools`, in the order of [`REGIONS`].
pub(super) fn routing_table(pools: &[Vec<SocketAddr>]) -> String {
    let mut text = String::from(
        "# The routing table of the demo. Change it and save: it is live within a second. A table with a mistake is refused\n\
         # whole, and the last good one stays. It was written for this demo, and is removed with it.\n\
         version: 1\n\n\
         regions:\n",
    );
    // Writing to a string cannot fail.
    for region in REGIONS {
        _ = write!(
            text,
            "  {}:\n    session_prefix: {}           # a session key {}-… is at home here\n    \
             location: {{latitude: {}, longitude: {}}}\n    capacity: 200/s\n",
            region.name, region.prefix, region.prefix, region.latitude, region.longitude
        );
    }
    text.push_str(
        "\n# Where a visitor without a session is at home; the first rule that matches decides. The visitors of the demo come\n\
         # from addresses such as 127.10.4.1, which its place database says are in New York.\n\
         homes:\n\
         \x20 - networks: [127.0.0.0/16]         # you, with a browser on this machine; try another region here\n\
         \x20   region: us-central\n\
         \x20 - subdivisions: [US-CA, US-OR, US-WA]\n\
         \x20   region: us-west\n\
         \x20 - countries: [US, CA, MX]          # CA is Canada; California is US-CA\n\
         \x20   nearest: [us-east, us-central]\n\
         \x20 - continents: [EU, AF]\n\
         \x20   region: us-east\n\
         \x20 - otherwise: nearest\n\n\
         services:\n\
         \x20 portal:\n\
         \x20   hosts: [\"*\"]\n\
         \x20   session: {cookie: sid, separator: \"-\", minted_by: app}\n\
         \x20   when_home_is_away: rehome       # or refuse: 503, for what is worse to lose than to wait for\n\
         \x20   pools:\n",
    );
    for (region, servers) in REGIONS.iter().zip(pools) {
        let servers: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
        _ = writeln!(text, "      {}: [{}]", region.name, servers.join(", "));
    }
    text.push_str(
        "\n# Take the \"# \" off the lines below to drain us-west. Its new visitors go elsewhere at once; those who have a session\n\
         # stay with it, until you say move. Then try a share of 50%, or another region.\n\
         # drains:\n\
         #   - region: us-west\n\
         #     sessions: keep                # or move: those who have a session must leave too, and log in again\n\
         #     share: 0%                     # of its new visitors that it still gets\n\
         #     by: me\n\
         #     reason: to see what happens\n",
    );
    text
}

/// Where everything of a running demo is.
#[derive(Debug, Clone)]
pub(super) struct Addresses<'a> {
    pub(super) edge: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) directory: &'a Path,
}

/// The settings of the edge, whose files are all in the directory of `addresses`.
pub(super) fn settings(addresses: &Addresses<'_>) -> String {
    let file = |name: &str| quoted(&addresses.directory.join(name).to_string_lossy());
    format!(
        "# The settings of the demo's edge.\n\
         version: 1\n\
         region: {EDGE_REGION}\n\
         listen:\n\
         \x20 - address: {}\n\
         trusted_proxies: [127.0.0.1/32]     # so that curl -H 'X-Forwarded-For: 127.20.0.1' comes from elsewhere\n\
         geoip: {{database: {}}}\n\
         routing: {{file: {}}}\n\
         admin: {{address: {}, socket: {}}}\n\
         state: {}\n\
         access_log: {{file: {}}}\n\
         stop: {{grace: 1s}}\n",
        addresses.edge,
        file("places.mmdb"),
        file("routing.yaml"),
        addresses.admin,
        file("homeward.sock"),
        file("state"),
        file("access.log"),
    )
}

/// `text` as a YAML scalar, whatever is in it. A JSON string is one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn table() -> String {
        let server = |port| SocketAddr::from(([127, 0, 0, 1], port));
        routing_table(&[vec![server(1), server(2)], vec![server(3), server(4)], vec![server(5), server(6)]])
    }

    /// What the `sed` of the guide makes of the table.
    fn drained() -> String {
        let table = table();
        let (above, drains) = table.split_once("# drains:\n").unwrap();
        let drains: String = drains.lines().map(|line| format!("{}\n", line.strip_prefix("# ").unwrap())).collect();
        format!("{above}drains:\n{drains}")
    }

    fn read(text: String) -> Result<crate::routing::TableParts, String> {
        let now = "2026-11-22T00:00:00Z".parse().unwrap();
        crate::config::read_routing(&Source::new("routing.yaml", text), now).map_err(|problems| problems.render(false))
    }

    #[test]
    fn the_table_and_its_drain_are_valid_and_the_break_of_the_guide_is_not() {
        let table_parts = read(table()).unwrap();
        let names: Vec<&str> = table_parts.regions.iter().map(|region| region.name.as_str()).collect();
        assert_eq!(names, REGIONS.map(|region| region.name));
        assert!(table_parts.drains.is_empty());
        let drains = read(drained()).unwrap().drains;
        assert_eq!(drains.len(), 1);
        assert_eq!(drains[0].region.index(), 2, "us-west");
        let message = read(table().replace("region: us-east", "region: us-eest")).unwrap_err();
        assert!(message.contains("us-eest") && message.contains("did you mean 'us-east'"), "{message}");
    }

    #[test]
    fn the_settings_are_valid() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let addresses = Addresses { edge: at(8080), admin: at(9901), directory: Path::new("/tmp/it's \"here\"") };
        let source = Source::new("homeward.yaml", settings(&addresses));
        let settings = crate::config::read_settings(&source).map_err(|problems| problems.render(false)).unwrap();
        assert_eq!(settings.region.unwrap().as_str(), EDGE_REGION);
        assert_eq!(settings.routing, Path::new("/tmp/it's \"here\"/routing.yaml"));
    }

    #[test]
    fn the_drain_is_at_the_end_and_every_line_of_it_can_be_uncommented() {
        let drained = drained();
        assert!(drained.contains("\ndrains:\n  - region: us-west\n    sessions: keep"), "{drained}");
        assert!(drained.contains("us-central: [127.0.0.1:3, 127.0.0.1:4]"));
    }

    #[test]
    fn a_path_stays_one_scalar() {
        assert_eq!(quoted("/tmp/a \"b\": #c"), r#""/tmp/a \"b\": #c""#);
    }
}
