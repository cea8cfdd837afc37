//! The files of `docker-compose.yml` belong together.
#![allow(missing_docs, clippy::unwrap_used)]

use homeward::config::{Source, read_routing, read_settings};

fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_settings_are_valid() {
    let source = Source::new("conf/compose/homeward.yaml", file("conf/compose/homeward.yaml"));
    let settings = read_settings(&source).map_err(|problems| problems.render(false)).unwrap();
    assert!(file("docker-compose.yml").contains("./conf/compose:/etc/homeward:ro"));
    assert_eq!(settings.routing.to_str(), Some("/etc/homeward/routing.yaml"));
    let gateway = settings.trusted_proxies[0].addr().to_string();
    assert!(file("docker-compose.yml").contains(&format!("gateway: {gateway}}}")), "the gateway is trusted");
}

#[test]
fn the_table_is_valid_with_and_without_its_drain_and_names_the_services() {
    let text = file("conf/compose/routing.yaml");
    let (above, drains) = text.split_once("# drains:\n").unwrap();
    let drains: String = drains.lines().map(|line| format!("{}\n", line.strip_prefix("# ").unwrap())).collect();
    let drained = format!("{above}drains:\n{drains}");
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    for (text, count) in [(text, 0), (drained, 1)] {
        let source = Source::new("conf/compose/routing.yaml", text);
        let parts = read_routing(&source, now).map_err(|problems| problems.render(false)).unwrap();
        assert_eq!(parts.drains.len(), count);
        let compose = file("docker-compose.yml");
        for region in &parts.regions {
            let name = region.name.as_str();
            assert!(compose.contains(&format!("  app-{name}:\n")) && compose.contains(&format!("  edge-{name}:\n")));
            assert!(compose.contains(&format!("{{HOMEWARD_REGION: {name}}}")));
            assert!(source.text.contains(&format!("{name}: [app-{name}:8080, app-{name}:8081]")));
            let prefix = &region.session_prefix;
            assert!(compose.contains(&format!("--region, {name}, --session-prefix, {}, --listen", prefix.as_str())));
        }
    }
}
