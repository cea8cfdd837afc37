use crate::proxies::{Ground, HOP, Places, Reload, Scene};
use homeward::config::{Source, read_routing};
use std::net::SocketAddr;
use std::path::PathBuf;

const CONFIGS: [(&str, &str); 5] = [
    ("homeward.yaml", include_str!("../configs/homeward.yaml")),
    ("routing.yaml", include_str!("../configs/routing.yaml")),
    ("nginx.conf", include_str!("../configs/nginx.conf")),
    ("haproxy.cfg", include_str!("../configs/haproxy.cfg")),
    ("envoy.yaml", include_str!("../configs/envoy.yaml")),
];

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A file with its holes filled.
fn filled(name: &str, scene: &Scene, edge: Option<SocketAddr>) -> String {
    let path = PathBuf::from;
    let ground = Ground {
        servers: [9001, 9002, 9003].map(address).to_vec(),
        places: Places { database: path("/places.mmdb"), map: path("/countries.map") },
        certificate: path("/edge.pem"),
        key: path("/edge.key"),
        both: path("/both.pem"),
        hop_key: path("/hop.key"),
        files: 20_000,
        modules: path("/modules"),
    };
    let mut values = ground.values(scene, address(8080), address(9901), edge);
    values.word("listen_options", "");
    let (_, text) = CONFIGS.iter().find(|(known, _)| *known == name).unwrap();
    values.fill(text).unwrap_or_else(|why| panic!("{name}: {why}"))
}

#[test]
fn every_file_of_every_sheet_can_be_written() {
    for sheet in crate::sheets::all(false, 9_500) {
        for point in &sheet.points {
            for (name, _) in CONFIGS {
                let text = filled(name, &point.scene, point.scene.hop.then(|| address(7000)));
                assert!(!text.contains("{{") && !text.contains("\n%"), "{} {name}", sheet.name);
            }
        }
    }
}

#[test]
fn this_projects_tables_are_good() {
    let scenes = [
        Scene::plain(),
        Scene::whole(),
        Scene { regions: 20, rules: 100, reload: Some(Reload::Rules), ..Scene::whole() },
        Scene { rules: 100, reload: Some(Reload::Drain), is_new: true, ..Scene::whole() },
        Scene { http2_servers: true, ..Scene::whole() },
    ];
    for scene in scenes {
        let text = filled("routing.yaml", &scene, None);
        let source = Source::new("routing.yaml", text.as_str());
        let read = read_routing(&source, "2026-11-22T05:00:00Z".parse().unwrap());
        assert!(read.is_ok(), "{text}\n{}", read.err().map(|problems| problems.render(false)).unwrap_or_default());
    }
}

#[test]
fn one_region_is_reached_through_the_second_proxy() {
    let scene = Scene { hop: true, ..Scene::whole() };
    let front = filled("routing.yaml", &scene, Some(address(7000)));
    let lines: Vec<_> = front.lines().filter(|line| line.contains("edge: \"http://127.0.0.1:7000\"")).collect();
    assert!(lines.len() == 1 && lines[0].trim().starts_with(&crate::countries::region(HOP)), "{front}");
    assert!(filled("homeward.yaml", &scene, Some(address(7000))).contains("region: us-east"));
    assert!(filled("homeward.yaml", &scene, None).contains("region: us-west"));
    assert_eq!(filled("haproxy.cfg", &scene, Some(address(7000))).matches("127.0.0.1:7000").count(), 3);
}

#[test]
fn two_tables_differ_for_the_visitor_that_is_looked_for() {
    let scene = Scene { reload: Some(Reload::Rules), rules: 1, ..Scene::whole() };
    let new = Scene { is_new: true, ..scene.clone() };
    let of = |scene: &Scene| {
        let text = filled("routing.yaml", scene, None);
        let line = text.lines().find(|line| line.contains("127.250.0.1/32")).unwrap().to_owned();
        (line, crate::countries::region(scene.probe_region()))
    };
    let ((old, old_region), (new, new_region)) = (of(&scene), of(&new));
    assert!(old.ends_with(&format!("{old_region}}}")) && new.ends_with(&format!("{new_region}}}")) && old != new);
}

#[test]
fn one_rule_or_each_is_another_one() {
    for (reload, others) in [(Reload::Rule, 1), (Reload::Rules, 6)] {
        let scene = Scene { reload: Some(reload), rules: 5, ..Scene::whole() };
        let tables = [false, true].map(|is_new| filled("routing.yaml", &Scene { is_new, ..scene.clone() }, None));
        let differ = tables[0].lines().zip(tables[1].lines()).filter(|(old, new)| old != new).count();
        assert_eq!(differ, others, "{reload:?}");
    }
}

#[test]
fn one_table_drains_a_region_that_has_one_visitor() {
    let scene = Scene { reload: Some(Reload::Drain), rules: 1, ..Scene::whole() };
    let new = Scene { is_new: true, ..scene.clone() };
    for (name, old_way, new_way) in [
        ("routing.yaml", "services:", "drains:\n  - {region: spare, sessions: move, reason: power loss}\nservices:"),
        ("haproxy.cfg", "backend spare\n    server app 127.0.0.1:9002", "backend spare\n    server app 127.0.0.1:9001"),
        (
            "nginx.conf",
            "upstream spare {\n        server 127.0.0.1:9002",
            "upstream spare {\n        server 127.0.0.1:9001",
        ),
    ] {
        let (old, new) = (filled(name, &scene, None), filled(name, &new, None));
        assert_eq!(old.replacen(old_way, new_way, 1), new, "{name}");
        assert_ne!(old, new, "{name}");
    }
    assert_eq!((scene.probe_region(), new.probe_region()), (1, 0));
}
