//! Certificates as they are renewed: well, badly, and one file after the other.

use super::*;
use crate::config::{CertificateFiles, ClientAuthority, ClientCertificates, Tls, TlsProfile};
use crate::live::LiveCertificate;
use crate::telemetry::Metrics;
use rcgen::{CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// A certificate for this name and its key, both PEM.
fn issue(name: &str) -> (String, String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_after = date_time_ymd(2200, 1, 1);
    params.is_ca = IsCa::ExplicitNoCa;
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

struct World {
    directory: tempfile::TempDir,
    edge: Arc<Edge>,
    tls: ListenersTls,
    nudge: crate::source::Nudge,
    follower: Option<std::thread::JoinHandle<()>>,
}

impl World {
    /// An edge with a plain listener and two that speak TLS by the same certificate, followed as a running edge does.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let (certificate, key) = issue("first.example.com");
        fs::write(path("edge.pem"), certificate).unwrap();
        fs::write(path("edge.key"), key).unwrap();
        fs::write(path("clients.pem"), issue("clients").0).unwrap();
        let pair = CertificateFiles { certificate: path("edge.pem"), key: path("edge.key") };
        let tls = Tls { certificates: vec![pair], acme: Vec::new(), profile: TlsProfile::Intermediate, clients: None };
        let clients = Some(ClientAuthority { ca: path("clients.pem"), certificates: ClientCertificates::Required });
        let listener =
            |tls| Listener { address: "127.0.0.1:0".parse().unwrap(), http2: true, tls, proxy_protocol: false };
        let listen = [listener(None), listener(Some(tls.clone())), listener(Some(Tls { clients, ..tls }))];
        let metrics = Arc::new(Metrics::new("1", clock::now()).unwrap());
        let edge = Arc::new(Edge::new("us-west".parse().unwrap(), metrics));
        let watch = FileWatch::over(&CertificateSources::files(&listen));
        let nudge = watch.nudge();
        let (sources, tls) = CertificateSources::start(&listen, &edge, SecretFiles::Warn).unwrap();
        let follower = Some(std::thread::spawn(move || sources.follow(&watch)));
        Self { directory, edge, tls, nudge, follower }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// What is told of the certificate of the edge.
    fn told(&self) -> LiveCertificate {
        self.edge.certificates()[0].clone()
    }

    fn serves(&self, name: &str) -> bool {
        self.tls.iter().flatten().all(|tls| tls.certificates().covers(name))
    }

    fn reloads(&self, result: &str) -> u64 {
        let series = format!("homeward_tls_reloads_total{{result=\"{result}\"}} ");
        let text = self.edge.metrics().render();
        text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    }

    fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let end = clock::monotonic() + Duration::from_secs(20);
        while !condition() {
            assert!(clock::monotonic() < end, "{what} does not happen: {:?}", self.told());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.nudge.stop();
        self.follower.take().unwrap().join().unwrap();
    }
}

#[test]
fn a_renewed_certificate_is_live_on_every_listener_without_a_flap() {
    let world = World::new();
    assert!(world.tls[0].is_none() && world.serves("first.example.com"));
    assert_eq!(
        (world.reloads("applied"), world.edge.certificates().len()),
        (2, 2),
        "a pair and a client CA, each once"
    );
    for (number, order) in [(2, ["pem", "key"]), (3, ["key", "pem"])] {
        let name = format!("renewed-{number}.example.com");
        let (certificate, key) = issue(&name);
        for part in order {
            world.write(&format!("edge.{part}"), if part == "pem" { &certificate } else { &key });
            // In between the two do not belong together, for as long as a slow script may take.
            std::thread::sleep(Duration::from_millis(300));
        }
        world.until("the renewal", || world.serves(&name));
    }
    assert_eq!((world.reloads("applied"), world.reloads("refused")), (4, 0), "nobody heard of the time in between");
    assert!(world.told().problem.is_none());
    assert_eq!(world.told().names(), ["renewed-3.example.com"]);
    let expiry = "homeward_tls_certificate_expiry_timestamp_seconds{name=\"renewed-3.example.com\"} 7258118400\n";
    assert!(world.edge.metrics().render().contains(expiry));
}

#[test]
fn what_stays_bad_is_refused_until_it_is_good_again() {
    let world = World::new();
    let good = fs::read_to_string(world.directory.path().join("edge.key")).unwrap();
    let (_, stranger) = issue("other.example.com");
    let begin: Instant = clock::monotonic();
    world.write("edge.key", &stranger);
    world.until("a refusal", || world.told().problem.is_some());
    assert!(clock::monotonic() - begin > Duration::from_millis(900), "it is waited for");
    let problem = world.told().problem.unwrap();
    assert!(problem.file.ends_with("edge.key") && problem.summary.contains("does not belong"), "{problem:?}");
    let secret = stranger.lines().nth(1).unwrap();
    assert!(!problem.text.contains(secret), "nothing of a key is told");
    assert!(world.serves("first.example.com"), "the old one stays");
    assert_eq!(world.reloads("refused"), 1);
    world.write("edge.key", &good);
    world.until("an end of it", || world.told().problem.is_none());
    assert_eq!((world.reloads("applied"), world.reloads("unchanged")), (2, 1));

    fs::remove_file(world.directory.path().join("edge.pem")).unwrap();
    world.until("a refusal", || world.told().problem.is_some());
    assert!(world.told().problem.unwrap().summary.contains("cannot be read"));
    assert!(world.serves("first.example.com"));
}

#[test]
fn a_new_client_ca_is_for_those_who_ask_for_it() {
    let world = World::new();
    let configs = || world.tls.iter().flatten().map(|tls| tls.config()).collect::<Vec<_>>();
    let before = configs();
    world.nudge.ask();
    world.until("a reading of everything", || world.reloads("unchanged") == 2);
    assert!(Arc::ptr_eq(&before[1], &configs()[1]), "sessions go on where nothing is new");
    world.write("clients.pem", &issue("newer clients").0);
    world.until("the change", || !Arc::ptr_eq(&before[1], &configs()[1]));
    assert!(Arc::ptr_eq(&before[0], &configs()[0]));
    world.until("the news of it", || world.edge.certificates()[1].names()[0].contains("newer clients"));
}

#[test]
fn a_start_needs_every_file() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("edge.pem");
    let said = |problems: Problems| problems.render(false);
    let files = CertificateFiles { certificate: missing.clone(), key: missing.clone() };
    let text = said(read_certificate(&files, SecretFiles::Warn).unwrap_err());
    assert!(text.contains("cannot be read") && text.contains("correct certificate:"), "{text}");
    fs::write(&missing, vec![b'x'; 600 << 10]).unwrap();
    assert!(said(read_client_ca(&missing).unwrap_err()).contains("more than 512 KiB"));
    assert!(said(read_client_ca(Path::new("/")).unwrap_err()).contains("cannot be read"));
}
