//! 200 hand-overs and 50 new certificates under load.

use crate::memory::Memory;
use crate::support::edge::{self, Plan, has_ended};
use crate::support::steady::{APP, ECHO, Kind, Steady, Target, echo, echo_section};
use crate::support::{App, Block, EdgeProcess, eventually};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// How many hand-overs; after every fourth there is a new certificate.
const HANDOVERS: usize = 200;

/// How long an old process may go on: twice as long as a download takes.
const GRACE: &str = "3s";

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes a new certificate with its key, in one step.
    fn renew(&self, file: &Path) {
        let key = KeyPair::generate().unwrap();
        let names = vec![APP.to_owned(), ECHO.to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        let beside = file.with_extension("new");
        std::fs::write(&beside, certificate.pem() + &key.serialize_pem()).unwrap();
        std::fs::rename(beside, file).unwrap();
    }

    fn believed(&self, protocol: &str) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        Arc::new(config)
    }
}

async fn applied(edge: &EdgeProcess) -> u64 {
    let metrics = edge.admin("/metrics").await.body;
    let name = "homeward_tls_reloads_total{result=\"applied\"} ";
    metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make heavy"]
async fn two_hundred_handovers_and_fifty_certificates_under_load() {
    let block = Block::new();
    let at = |number, port| SocketAddr::new(block.address(number), port);
    let app = App::start("us-east", at(2, 8080)).await;
    tokio::spawn(echo(TcpListener::bind(at(3, 8080)).await.unwrap()));
    let plan = Plan {
        region: "us-west",
        settings: format!("handover: {{grace: {GRACE}}}\n"),
        table: edge::table(&[app.address], &[], &[], &echo_section(at(3, 8080))),
    };
    let directory = tempfile::tempdir().unwrap();
    let (plain, tls, admin) = (at(1, 8080), at(1, 8443), at(1, 9901));
    edge::write_settings(directory.path(), &plan, plain, admin);
    let file = directory.path().join("homeward.yaml");
    let listeners =
        format!("\"{plain}\", http2: true}}, {{address: \"{tls}\", tls: {{certificate: edge.pem, key: edge.pem}}}}]");
    let text = std::fs::read_to_string(&file).unwrap().replace(&format!("\"{plain}\"}}]"), &listeners);
    std::fs::write(&file, text).unwrap();
    std::fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
    let authority = Authority::new();
    let certificate = directory.path().join("edge.pem");
    authority.renew(&certificate);
    let mut edge = EdgeProcess::start_in(directory, plain, admin).await;

    let mut visitors = Steady::new();
    let secret = |protocol| Target { address: tls, tls: Some(authority.believed(protocol)) };
    for (count, kind, target, name) in [
        (3, Kind::Http1, Target::plain(plain), "HTTP/1.1"),
        (5, Kind::Seldom, Target::plain(plain), "HTTP/1.1, mostly idle"),
        (2, Kind::Http2, Target::plain(plain), "HTTP/2"),
        (2, Kind::WebSocket, Target::plain(plain), "WebSocket"),
        (3, Kind::Download, Target::plain(plain), "long download"),
        (2, Kind::Http1, secret("http/1.1"), "HTTP/1.1 over TLS"),
        (1, Kind::Http2, secret("h2"), "HTTP/2 over TLS"),
        (1, Kind::WebSocket, secret("http/1.1"), "WebSocket over TLS"),
        (1, Kind::Download, secret("http/1.1"), "long download over TLS"),
    ] {
        for _ in 0..count {
            visitors.visit(kind, target.clone(), name);
        }
    }

    let began = Instant::now();
    let (mut processes, mut times, mut reloads) = (vec![edge.id()], Vec::new(), 0);
    for nth in 1..=HANDOVERS {
        let asked = Instant::now();
        processes.push(edge.hand_over().await);
        times.push(asked.elapsed());
        if nth % 4 == 0 {
            let before = applied(&edge).await;
            authority.renew(&certificate);
            eventually("a new certificate", async || (applied(&edge).await > before).then_some(())).await;
            reloads += 1;
        }
        // The load goes on in the new process before there is a newer one.
        let before = visitors.so_far();
        let goes_on = |name: &str| visitors.so_far().of(name) > before.of(name) + 5;
        eventually("requests", async || (goes_on("HTTP/1.1 requests") && goes_on("HTTP/2 requests")).then_some(()))
            .await;
        let alive = processes.iter().filter(|process| !has_ended(**process)).count();
        assert!(alive < 40, "{alive} processes after {nth} hand-overs");
    }
    let memory = Memory::of(edge.id()).resident();
    let tally = visitors.stop().await;
    let seconds = began.elapsed().as_secs_f64();
    eventually("the end of all old processes", async || {
        processes[..HANDOVERS].iter().all(|process| has_ended(*process)).then_some(())
    })
    .await;

    times.sort_unstable();
    let milliseconds = |time: &Duration| time.as_secs_f64() * 1000.0;
    println!("{HANDOVERS} hand-overs and {reloads} new certificates in {seconds:.0} s under load");
    let (half, most) = (milliseconds(&times[HANDOVERS / 2]), milliseconds(&times[HANDOVERS * 99 / 100]));
    println!("  from the signal to the new process serving: p50 {half:.0} ms, p99 {most:.0} ms");
    for (name, count) in &tally.counts {
        println!("  {count:>9}  {name}");
    }
    let resets = tally.failures.iter().filter(|failure| failure.to_lowercase().contains("reset")).count();
    println!("  {:>9}  failures, {resets} of them resets", tally.failures.len());
    println!("  {memory:>9.1}  MiB in the last process");
    assert_eq!(tally.failures, [""; 0]);
    let answered: u64 =
        tally.counts.iter().filter(|(name, _)| name.ends_with(" requests")).map(|(_, count)| count).sum();
    assert_eq!(
        app.seen().len() as u64,
        answered,
        "each request that came to the app was answered, and came there once"
    );
    assert_eq!((times.len(), reloads), (HANDOVERS, 50));
    assert!(tally.counts.values().all(|count| *count > 0));
    // Each old process that was left with something at the end of its grace says what it cut.
    let cut: u64 = edge
        .log()
        .lines()
        .filter_map(|line| line.split_once("stopped; ")?.1.split(' ').next()?.parse::<u64>().ok())
        .sum();
    let ends = tally.of("WebSocket orderly ends") + tally.of("WebSocket over TLS orderly ends");
    assert_eq!(cut, ends, "nothing but WebSockets outlives the grace");
}
