//! The files of `docker-compose.yml` belong together.
#![allow(missing_docs, clippy::unwrap_used)]

use homeward::config::{Source, read_routing, read_settings};
use serde_json::Value;
use std::process::Command;

fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_settings_are_valid() {
    let source = Source::new("conf/compose/homeward.yaml", file("conf/compose/homeward.yaml"));
    let settings = read_settings(&source).map_err(|problems| problems.render(false)).unwrap();
    assert!(file("docker-compose.yml").contains("./conf/compose:/etc/homeward:ro"));
    assert!(settings.admin.is_public() && settings.admin.tls.is_some() && settings.admin.tokens.is_some());
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
            // By its edge, which is a service of that name, and whose name the certificate of the admin address has.
            assert!(source.text.contains(&format!("edge: {{url: \"http://edge-{name}:8080\", fallback: direct}}")));
            assert!(file("conf/compose/keys.sh").contains(&format!("DNS:edge-{name},")));
            assert!(file("conf/prometheus/prometheus.yaml").contains(&format!("edge-{name}:9901")));
            let prefix = &region.session_prefix;
            assert!(compose.contains(&format!("--region, {name}, --session-prefix, {}, --listen", prefix.as_str())));
        }
    }
}

fn compose() -> Value {
    // docker-compose merges `<<`; the reader of our own files has no merge keys, so they are read as they stand.
    let text = file("docker-compose.yml").replace("<<: ", "from: ").replace('*', "").replace('&', "#");
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn images_have_versions_and_what_is_published_is_published_on_loopback() {
    let text = file("docker-compose.yml");
    let images: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("image: ")).collect();
    assert_eq!(images.len(), 4, "{images:?}");
    let from = file("Dockerfile");
    let from = from.lines().filter_map(|line| line.strip_prefix("FROM ")?.split(' ').next());
    for image in images.into_iter().chain(from).filter(|image| *image != "scratch") {
        let version = image.rsplit_once(':').map_or("", |(_, version)| version);
        assert!(version.contains(|c: char| c.is_ascii_digit()) && !version.contains("latest"), "{image}");
    }
    for (name, service) in compose()["services"].as_object().unwrap() {
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
}

#[test]
fn every_volume_is_there_and_everything_mounted_is_in_the_project() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            let is_there = match source.strip_prefix("./") {
                Some(path) => std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path).is_dir(),
                None => compose["volumes"].as_object().unwrap().contains_key(source),
            };
            assert!(is_there, "{name}: {volume}");
        }
    }
}

#[test]
fn the_image_runs_as_nobody_and_checks_itself_without_a_shell() {
    let text = file("Dockerfile");
    let last = text.rsplit_once("\nFROM ").unwrap().1;
    assert!(last.starts_with("scratch "), "the image is made of nothing but the program and what it needs");
    assert!(last.contains("\nUSER 10001:10001\n"));
    assert!(last.contains(r#"CMD ["/usr/local/bin/homeward", "healthcheck"]"#));
    assert!(!last.contains("RUN "), "there is no shell in it");
}

#[test]
fn docker_compose_understands_it() {
    let programs: [&[&str]; 2] = [&["docker", "compose"], &["docker-compose"]];
    let run = |words: &[&str], more: &[&str]| {
        Command::new(words[0]).args(&words[1..]).args(more).current_dir(env!("CARGO_MANIFEST_DIR")).output()
    };
    let is_there = |words: &[&str]| run(words, &["version"]).is_ok_and(|output| output.status.success());
    let Some(words) = programs.into_iter().find(|words| is_there(words)) else {
        println!("docker compose is not installed: its check is left out");
        return;
    };
    let output = run(words, &["config", "--quiet"]).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
