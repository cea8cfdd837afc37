//! What `homeward check`, a start and the status say of certificates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use homeward::admin::Status;
use homeward::config::{SecretFiles, Source, read_settings};
use homeward::live::{Edge, clock};
use homeward::source::CertificateSources;
use homeward::telemetry::Metrics;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;

const SETTINGS: &str = "\
version: 1
region: us-east
listen:
  - address: 127.0.0.1:0
    tls:
      certificates:
        - {certificate: portal.pem, key: portal.key}
        - {certificate: old.pem, key: old.key}
      client_ca: clients.pem
routing: {file: routing.yaml}
admin: {address: 127.0.0.1:0}
";

const TABLE: &str = "\
version: 1
regions: {us-east: {}}
homes: [{otherwise: us-east}]
services:
  portal:
    hosts: [portal.example.com, \"*.portal.example.com\", www.example.com, \"[::1]\"]
    pools: {us-east: [127.0.0.1:9]}
";

/// A directory with settings, a table, a certificate that is good until 2200, one that has expired, and a client CA.
fn world() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("homeward.yaml", SETTINGS);
    write("routing.yaml", TABLE);
    for (file, name, end) in
        [("portal", "portal.example.com", 2200), ("old", "old.example.com", 2020), ("clients", "ca", 2200)]
    {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(end, 1, 1);
        let key = KeyPair::generate().unwrap();
        write(&format!("{file}.pem"), &params.self_signed(&key).unwrap().pem());
        write(&format!("{file}.key"), &key.serialize_pem());
        let owner_alone = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(directory.path().join(format!("{file}.key")), owner_alone).unwrap();
    }
    directory
}

fn homeward(directory: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeward"));
    command.args(arguments).args(["--config", "homeward.yaml"]).current_dir(directory.path());
    command.env_remove("HOMEWARD_REGION").env_remove("HOMEWARD_CONFIG").output().unwrap()
}

fn text(output: &Output) -> (String, String) {
    (String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[test]
fn check_tells_of_every_certificate() {
    let directory = world();
    let output = homeward(&directory, &["check"]);
    let (said, warned) = text(&output);
    assert!(output.status.success(), "an expired certificate is a warning: {said}{warned}");
    let line = |file: &str| said.lines().find(|line| line.starts_with(file)).unwrap_or_else(|| panic!("{said}"));
    assert!(line("portal.pem").contains("ok") && line("portal.pem").contains("portal.example.com, expires in"));
    assert!(line("portal.pem").ends_with("on 2200-01-01"));
    assert!(line("old.pem").ends_with("old.example.com, expired on 2020-01-01"));
    assert!(line("clients.pem").contains("CN=rcgen self signed cert"));
    assert!(warned.contains("warning: old.pem: the certificate has expired at 2020-01-01T00:00:00Z: renew it\n"));
    let bare = "homeward: no certificate is for *.portal.example.com, www.example.com, which lead to portal\n";
    assert!(warned.contains(bare), "{warned}");

    let json: serde_json::Value = serde_json::from_slice(&homeward(&directory, &["check", "--json"]).stdout).unwrap();
    let files = json["files"].as_array().unwrap();
    let kinds: Vec<_> = files.iter().map(|file| file["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["settings", "routing", "certificate", "certificate", "client_ca"]);
    assert_eq!((files[2].get("warnings"), files[3]["warnings"].as_array().unwrap().len()), (None, 1));
}

#[test]
fn check_and_start_refuse_what_cannot_be_used() {
    let directory = world();
    let path = |name: &str| directory.path().join(name);
    fs::copy(path("old.key"), path("portal.key")).unwrap();
    fs::remove_file(path("clients.pem")).unwrap();
    let output = homeward(&directory, &["check"]);
    let (said, shown) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(shown.contains("error: the key does not belong to the certificate\n--> portal.key"), "{shown}");
    assert!(shown.contains("correct client_ca: under tls: in the settings"), "{shown}");
    assert!(!shown.contains("no certificate is for"), "nobody knows: {shown}");
    let output = homeward(&directory, &["run"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).1.contains("error: the key does not belong to the certificate\n--> portal.key"));
    for name in ["old.key", "portal.key"] {
        let secret = fs::read_to_string(path(name)).unwrap().lines().nth(1).unwrap().to_owned();
        assert!(!shown.contains(&secret), "nothing of a key is shown");
    }
}

#[test]
fn the_status_tells_what_is_live_and_for_how_long() {
    let directory = world();
    let metrics = Arc::new(Metrics::new("1", clock::now()).unwrap());
    let edge = Arc::new(Edge::new("us-east".parse().unwrap(), metrics));
    assert!(Status::of(&edge).certificates.is_empty());
    let settings = read_settings(&Source::new("homeward.yaml", SETTINGS)).unwrap();
    let mut listen = settings.listen;
    let tls = listen[0].tls.as_mut().unwrap();
    let inside = |path: &mut PathBuf| *path = directory.path().join(&*path);
    for files in &mut tls.certificates {
        inside(&mut files.certificate);
        inside(&mut files.key);
    }
    inside(&mut tls.clients.as_mut().unwrap().ca);
    let (_, listeners) = CertificateSources::start(&listen, &edge, SecretFiles::Warn).unwrap();
    assert!(listeners[0].as_ref().unwrap().certificates().covers("portal.example.com"));
    let status = Status::of(&edge);
    let told: Vec<_> =
        status.certificates.iter().map(|each| (&*each.usage, &*each.names[0], each.days_left > 0)).collect();
    assert_eq!(
        told,
        [
            ("server", "portal.example.com", true),
            ("server", "old.example.com", false),
            ("clients", "CN=rcgen self signed cert", true)
        ]
    );
    let old = serde_json::to_value(&status.certificates[1]).unwrap();
    assert_eq!((&old["expires"], &old["problem"]), (&"2020-01-01T00:00:00Z".into(), &serde_json::Value::Null));
    assert!(old["days_left"].as_i64().unwrap() < 0 && old["warnings"].as_array().unwrap().len() == 1);
}
