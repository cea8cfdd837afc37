//! Certificates by ACME, from an authority of somebody else's making.

mod authority;

use crate::support::{App, Block, EdgeProcess, client, edge, eventually};
use crate::tls::{self, Authority};
use authority::{EXTERNAL_KEY, PORTS, Pebble, file_of};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

const HOST: &str = "portal.example.com";

/// An edge in us-west with a plain listener and one that speaks TLS, an app behind it, and an authority that is not there yet.
struct World {
    edge: EdgeProcess,
    pebble: Pebble,
    block: Block,
    secure: SocketAddr,
    app: App,
}

impl World {
    /// `None` where there is no authority to be had.
    async fn start(names: &str, acme: &str, external: bool) -> Option<Self> {
        let block = Block::new();
        let pebble = Pebble::new(&block, external)?;
        let at = |port| SocketAddr::new(block.address(1), port);
        let (plain, secure, admin) = (at(PORTS.0), at(PORTS.1), at(9901));
        let app = App::start("us-west", SocketAddr::new(block.address(2), 8080)).await;
        let table = edge::table(&[], &[], &[app.address], "    redirect_to_https: true\n");
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("eab.key"), EXTERNAL_KEY).unwrap();
        let plan = edge::Plan { region: "us-west", settings: pebble.settings(directory.path(), acme), table };
        edge::write_settings(directory.path(), &plan, plain, admin);
        let file = directory.path().join("homeward.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let listen = format!("listen: [{{address: \"{secure}\", tls: {{acme: {names}}}}}, ");
        std::fs::write(&file, text.replace("listen: [", &listen)).unwrap();
        std::fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
        Some(Self { edge: EdgeProcess::start_in(directory, plain, admin).await, pebble, block, secure, app })
    }

    async fn start_authority(&mut self, elsewhere: &[(&str, std::net::IpAddr)]) {
        self.pebble.start(self.edge.address.ip(), elsewhere).await;
    }

    /// Makes a handshake as a visitor does who believes `root`.
    async fn visit(&self, root: &str, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(self.secure).await?).await
    }

    /// Waits until visitors can come who believe the authority. Where a try has failed, another is asked for, as an operator
    /// would.
    async fn until_served(&self, name: &str) -> TlsStream<TcpStream> {
        let root = self.pebble.root().await;
        eventually("a certificate", async || {
            let served = self.visit(&root, name).await.ok();
            if served.is_none() {
                self.edge.signal("HUP");
                tokio::time::timeout(std::time::Duration::from_millis(100), std::future::pending::<()>())
                    .await
                    .unwrap_err();
            }
            served
        })
        .await
    }

    async fn orders(&self, result: &str) -> u32 {
        let series = format!("homeward_acme_orders_total{{result=\"{result}\"}} ");
        let metrics = self.edge.admin("/metrics").await.body;
        metrics.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    }
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

#[tokio::test]
async fn an_authority_that_is_down_at_the_start_is_asked_again_and_what_it_issues_is_kept() {
    let Some(mut world) = World::start("[portal.example.com]", ", challenges: [tls-alpn-01]", false).await else {
        return;
    };
    let status = world.edge.status_where("a failure", |status| status["acme"][0]["failures"] != 0).await;
    let problem = status["acme"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("no connection to") && problem.contains("can be reached from here"), "{problem}");
    assert!(world.orders("unreachable").await >= 1);
    let nobody = Authority::new("Nobody").pem();
    let refused = world.visit(&nobody, HOST).await.unwrap_err().to_string();
    assert!(refused.contains("received fatal alert"), "no certificate at all: {refused}");
    let page = String::from_utf8(world.edge.verb(&["status", "--config", "homeward.yaml"]).stdout).unwrap();
    assert!(page.contains("ACME 0 of 1 there") && page.contains("none yet, handshakes fail"), "{page}");

    world.start_authority(&[]).await;
    let stream = world.until_served(HOST).await;
    let first = shown(&stream);
    let answer = tls::get(stream, "https://portal.example.com/", &[]).await;
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"us-west"[..]));
    assert_eq!(world.orders("issued").await, 1);
    let status = world.edge.status_where("its end", |status| status["acme"][0]["problem"].is_null()).await;
    assert_eq!(status["acme"][0]["failures"], 0);
    assert_eq!(status["certificates"][0]["names"][0], HOST);
    let state = world.edge.file("run/acme");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for entry in std::fs::read_dir(&state).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }

    // A start takes what is there, and asks for nothing, whether or not the authority is there.
    let orders = world.pebble.orders();
    assert_eq!(orders, 1);
    world.pebble.stop();
    world.edge.kill_and_start_again().await;
    let status = world.edge.status().await;
    assert!(!status["acme"][0]["next"].is_null() && status["acme"][0]["failures"] == 0, "{}", status["acme"]);
    let own = world.edge.verb(&["check", "--config", "homeward.yaml"]);
    let said = String::from_utf8_lossy(&own.stdout).into_owned();
    assert!(own.status.success() && said.contains("portal.example.com, expires in"), "{said}");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(nobody.as_bytes()).unwrap()).unwrap();
    let error = world.visit(&nobody, HOST).await.unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer"), "it is shown, and of the authority: {error}");
    assert!(std::fs::read_to_string(world.edge.file("process.log")).unwrap().matches("asking https").count() >= 2);
    let asked = |log: String| log.matches("there is a new certificate").count();
    assert_eq!(asked(world.edge.log()), 1);
    let _ = first;
}

#[tokio::test]
async fn a_host_is_proved_by_plain_http_for_an_external_account() {
    let more =
        ", challenges: [http-01], contact: [ops@example.com], external_account: {key_id: kid-1, key_file: eab.key}";
    let names = "[[portal.example.com, www.portal.example.com]]";
    let Some(mut world) = World::start(names, more, true).await else { return };
    world.start_authority(&[]).await;
    for name in [HOST, "www.portal.example.com"] {
        world.until_served(name).await;
    }
    assert_eq!(world.orders("issued").await, 1, "one certificate for both");
    let lines = eventually("the requests of the authority", async || {
        let lines = world.edge.access_log();
        let asked =
            lines.iter().filter(|line| line["path"].as_str().unwrap().starts_with("/.well-known/acme-challenge/"));
        let asked: Vec<_> = asked.cloned().collect();
        (asked.len() >= 2).then_some(asked)
    })
    .await;
    assert!(lines.iter().all(|line| line["status"] == 200), "{lines:?}");
    assert!(world.app.seen().is_empty(), "no app hears of it");
    // What is not pending goes its usual way: here to HTTPS, as the service says.
    for path in [lines[0]["path"].as_str().unwrap(), "/.well-known/acme-challenge/other"] {
        let answer = client::get(world.edge.address, edge::NEW_YORK, path, &[]).await;
        assert_eq!((answer.status, answer.header("location")), (308, &*format!("https://portal.example.com{path}")));
    }
}

#[tokio::test]
async fn an_order_that_is_invalid_says_why_and_harms_no_other() {
    let names = "[portal.example.com, gone.example.com]";
    let Some(mut world) = World::start(names, "", false).await else { return };
    let nowhere = world.block.address(9);
    world.start_authority(&[("gone.example.com", nowhere)]).await;
    world.until_served(HOST).await;
    let status = world
        .edge
        .status_where("the refusal", |status| {
            let text = status["acme"][1]["problem"].as_str().unwrap_or_default();
            text.contains("the authority says")
        })
        .await;
    let problem = status["acme"][1]["problem"].as_str().unwrap().to_owned();
    assert!(
        problem.starts_with("gone.example.com: the authority says: ") && problem.contains("(connection)"),
        "{problem}"
    );
    assert!(problem.contains("lead to this edge, for everybody"), "{problem}");
    assert!(world.edge.log().contains(&problem), "{}", world.edge.log());
    assert!(world.orders("refused").await >= 1);
    let root = world.pebble.root().await;
    assert!(world.visit(&root, "gone.example.com").await.is_err(), "no certificate of another host");
    assert!(world.visit(&root, HOST).await.is_ok());
    // A start does not forget that it failed: whoever is started again and again does not ask each time.
    let settled = world.edge.status_where("a pause", |status| !status["acme"][1]["next"].is_null()).await;
    let (orders, next) = (world.pebble.orders(), settled["acme"][1]["next"].clone());
    world.edge.kill_and_start_again().await;
    let status = world.edge.status().await;
    assert_eq!((&status["acme"][1]["next"], world.pebble.orders()), (&next, orders), "{}", status["acme"]);
    assert!(status["acme"][1]["failures"].as_u64().unwrap() >= 1);
}

#[tokio::test]
async fn an_expired_certificate_is_renewed_at_the_start_under_connections_that_go_on() {
    let Some(mut world) = World::start("[portal.example.com]", "", false).await else { return };
    let file = world.edge.directory.path().join(file_of(&world.edge.status().await));
    world.edge.kill();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 4, 1));
    let old = params.self_signed(&key).unwrap();
    std::fs::write(&file, old.pem() + &key.serialize_pem()).unwrap();
    world.edge.start_again().await;
    let status = world.edge.status().await;
    assert_eq!(status["certificates"][0]["expires"], "2020-04-01T00:00:00Z", "better than none");
    world.edge.status_where("a try", |status| status["acme"][0]["failures"] != 0).await;
    let kept = Unverified::connect(world.secure).await;
    assert_eq!(shown(&kept), *old.der());

    world.start_authority(&[]).await;
    let new = world.until_served(HOST).await;
    assert_ne!(shown(&new), *old.der());
    let answer = tls::get(kept, "https://portal.example.com/", &[]).await;
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"us-west"[..]), "the connection of before");
    world
        .edge
        .status_where("the new expiry", |status| status["certificates"][0]["days_left"].as_i64().unwrap() > 1)
        .await;
}

/// A visitor who clicks warnings away.
#[derive(Debug)]
struct Unverified;

impl Unverified {
    async fn connect(to: SocketAddr) -> TlsStream<TcpStream> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Self))
            .with_no_client_auth();
        let name = ServerName::try_from(HOST).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(to).await.unwrap()).await.unwrap()
    }
}

mod unverified {
    use super::Unverified;
    use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use tokio_rustls::rustls::{DigitallySignedStruct, Error, SignatureScheme, crypto::ring};

    impl ServerCertVerifier for Unverified {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            ring::default_provider().signature_verification_algorithms.supported_schemes()
        }
    }
}
