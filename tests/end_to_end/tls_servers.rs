//! TLS toward app servers and other edges: whom the edge believes, what it shows, and that connections never mix.

use crate::support::fleet::{EAST, Fleet, Reach, WEST};
use crate::support::{Block, EdgeProcess, client, edge, eventually};
use crate::tls::{Authority, free_port};
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring};

/// An app server behind TLS. It answers with the version of HTTP, the name that was asked for, and whether the other side has
/// shown a certificate.
struct SecureApp {
    address: SocketAddr,
    handshakes: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl SecureApp {
    /// With this certificate; asks clients for one of `clients` where there is one.
    async fn start(address: SocketAddr, (certificate, key): (String, String), clients: Option<&Authority>) -> Self {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
                let provider = Arc::new(ring::default_provider());
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                config.with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
            }
        };
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let mut config =
            config.with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(address).await.unwrap();
        let this = Self { address, handshakes: Arc::default(), requests: Arc::default() };
        let (handshakes, requests) = (Arc::clone(&this.handshakes), Arc::clone(&this.requests));
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (acceptor, handshakes, requests) = (acceptor.clone(), handshakes.clone(), requests.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(tcp).await else { return };
                    let is_counted = AtomicBool::new(false); // a probe's handshake is none that a request needed
                    let (_, tls) = stream.get_ref();
                    let shown = if tls.peer_certificates().is_some() { "shown" } else { "nothing" };
                    let name = tls.server_name().unwrap_or("-").to_owned();
                    let is_h2 = tls.alpn_protocol() == Some(b"h2");
                    let answer = service_fn(|request: Request<hyper::body::Incoming>| {
                        let text = format!("{:?} {name} {shown}", request.version());
                        if !is_counted.swap(true, Ordering::SeqCst) {
                            handshakes.fetch_add(1, Ordering::SeqCst);
                        }
                        requests.lock().unwrap().push(request.uri().path().to_owned());
                        async move { Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(text)))) }
                    });
                    let io = TokioIo::new(stream);
                    // Whoever leaves in the midst of it is none of ours.
                    let _ = if is_h2 {
                        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                            .serve_connection(io, answer)
                            .await
                    } else {
                        hyper::server::conn::http1::Builder::new().serve_connection(io, answer).await
                    };
                });
            }
        });
        this
    }

    fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// An edge in us-west; each service is one more host, with a pool of us-east that is written as said here.
struct World {
    edge: EdgeProcess,
}

impl World {
    async fn start(block: &Block, files: &[(&str, String)], pools: &[(&str, String)]) -> Self {
        let address = SocketAddr::new(block.address(1), 8080);
        let admin = SocketAddr::new(block.address(1), 9901);
        let mut table = edge::table(&["127.0.0.1:1".parse().unwrap()], &[], &[], "");
        for (host, pool) in pools {
            table.push_str(&format!(
                "  {host}:\n    hosts: [{host}.example.com]\n    pools:\n      us-east: {{{pool}}}\n"
            ));
        }
        let plan = edge::Plan { region: "us-west", settings: String::new(), table };
        let directory = tempfile::tempdir().unwrap();
        edge::write_settings(directory.path(), &plan, address, admin);
        std::fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        Self { edge: EdgeProcess::start_in(directory, address, admin).await }
    }

    async fn ask(&self, host: &str) -> client::Answer {
        let host = format!("{host}.example.com");
        let mut client = client::Client::connect(self.edge.address, edge::NEW_YORK).await.host(&host);
        client.get("/", &[]).await
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.edge.file(name), text).unwrap();
    }

    /// Waits until the table was read anew.
    async fn after(&self, change: impl FnOnce()) {
        let since = self.edge.status().await["table"]["since"].clone();
        change();
        self.edge.status_where("a new reading", |status| status["table"]["since"] != since).await;
    }
}

fn is_refused(answer: &client::Answer) {
    assert!([502, 503].contains(&answer.status), "{} {}", answer.status, answer.body);
}

#[tokio::test]
async fn servers_are_verified_by_the_file_and_the_file_is_followed() {
    let (block, good, other) = (Block::new(), Authority::new("Internal CA"), Authority::new("Other CA"));
    let app = SecureApp::start(SocketAddr::new(block.address(2), 8443), good.issue("app.internal"), None).await;
    let pool =
        |http2| format!("servers: [\"{}\"], tls: {{sni: app.internal, ca_file: ca.pem}}, http2: {http2}", app.address);
    let both = other.pem() + &good.pem();
    let world = World::start(&block, &[("ca.pem", both)], &[("one", pool(false)), ("two", pool(true))]).await;
    let well = async || {
        for (service, version) in [("one", "HTTP/1.1"), ("two", "HTTP/2.0")] {
            let answer = world.ask(service).await;
            assert_eq!((answer.status, answer.body), (200, format!("{version} app.internal nothing")), "{service}");
        }
    };
    // A connection is there again a moment after its answer.
    let handshakes = eventually("connections that are used again", async || {
        let before = app.handshakes.load(Ordering::SeqCst);
        well().await;
        (before > 0 && app.handshakes.load(Ordering::SeqCst) == before).then_some(before)
    })
    .await;

    // Whom the file names no more is not believed any more, also not on the connections that are there.
    world.after(|| world.write("ca.pem", &other.pem())).await;
    let served = app.requests();
    for service in ["one", "two"] {
        is_refused(&world.ask(service).await);
    }
    assert_eq!((app.requests(), app.handshakes.load(Ordering::SeqCst)), (served, handshakes));
    assert!(world.edge.log().contains("its certificate is not believed: UnknownIssuer"), "{}", world.edge.log());

    // A bad file changes nothing, and says why.
    world.after(|| world.write("ca.pem", &both_of(&other, &good))).await;
    eventually("the way back", async || (world.ask("one").await.status == 200).then_some(())).await;
    world.write("ca.pem", "nothing of this is PEM\n");
    let status = world.edge.status_where("the problem", |status| !status["table"]["problem"].is_null()).await;
    let problem = status["table"]["problem"].to_string();
    assert!(problem.contains("ca.pem") && problem.contains("there is no certificate in the file"), "{problem}");
    assert!(world.edge.log().contains("there is no certificate in the file"), "{}", world.edge.log());
    well().await;
    world.write("ca.pem", &good.pem());
    world.edge.status_where("its end", |status| status["table"]["problem"].is_null()).await;
    well().await;
}

fn both_of(one: &Authority, other: &Authority) -> String {
    one.pem() + &other.pem()
}

/// A service that believes an authority keeps a connection to the server; others that do not must not get it.
#[tokio::test]
async fn a_server_with_a_wrong_certificate_is_unhealthy_and_stays_so() {
    let (block, good, other) = (Block::new(), Authority::new("Internal CA"), Authority::new("Other CA"));
    let app = SecureApp::start(SocketAddr::new(block.address(2), 8443), other.issue("app.internal"), None).await;
    let well = SecureApp::start(SocketAddr::new(block.address(3), 8443), good.issue("app.internal"), None).await;
    let pool = |app: &SecureApp, more: &str| {
        format!(
            "servers: [\"{}\"], tls: {{sni: app.internal, ca_file: ca.pem}}, health: {{interval: 50ms{more}}}",
            app.address
        )
    };
    let pools = [
        ("wrong", pool(&app, "")),
        ("right", pool(&well, ", path: /healthz, body: HTTP/1.1 app.internal nothing")),
        ("newer", format!("{}, http2: true", pool(&well, ", path: /healthz, body: HTTP/2.0 app.internal nothing"))),
    ];
    let world = World::start(&block, &[("ca.pem", good.pem())], &pools).await;
    let status = world
        .edge
        .status_where("an unhealthy server", |status| {
            let services = status["regions"][0]["services"].as_array().unwrap();
            services.iter().any(|service| service["service"] == "wrong" && service["healthy"] == 0)
        })
        .await;
    assert!(status.to_string().contains("its certificate is not believed: UnknownIssuer"), "{status}");
    // More probes than it would take it to come back, and requests among them.
    let failures = "homeward_probes_total{kind=\"connection\",region=\"us-east\",result=\"failed\",service=\"wrong\"} ";
    eventually("many probes", async || {
        is_refused(&world.ask("wrong").await);
        let metrics = world.edge.admin("/metrics").await.body;
        let count = metrics.lines().find_map(|line| line.strip_prefix(failures)?.parse::<u64>().ok());
        count.filter(|count| *count >= 10)
    })
    .await;
    let log = world.edge.log();
    let of_it = format!("server {} of wrong in us-east is ", app.address);
    assert_eq!(log.matches(&of_it).count(), 1, "{log}");
    for service in ["right", "newer"] {
        assert_eq!(world.ask(service).await.status, 200, "{service}");
        assert!(!log.contains(&format!("of {service} in us-east is unhealthy")), "{log}");
    }
}

#[tokio::test]
async fn connections_are_never_shared_by_services_that_believe_or_show_something_else() {
    let (block, good, other) = (Block::new(), Authority::new("Internal CA"), Authority::new("Other CA"));
    let address = SocketAddr::new(block.address(2), 8443);
    let app = SecureApp::start(address, good.issue("app.internal"), Some(&good)).await;
    let pool = |tls: &str| format!("servers: [\"{address}\"], tls: {{{tls}}}");
    let two_of_it = |name| {
        let (certificate, key) = good.issue(name);
        certificate + &key
    };
    let world = World::start(
        &block,
        &[("good.pem", good.pem()), ("other.pem", other.pem()), ("own.pem", two_of_it("edge"))],
        &[
            ("good", pool("sni: app.internal, ca_file: good.pem")),
            ("showing", pool("sni: app.internal, ca_file: good.pem, certificate: own.pem, key: own.pem")),
            ("other", pool("sni: app.internal, ca_file: other.pem")),
            ("named", pool("sni: other.internal, ca_file: good.pem")),
            ("machine", pool("sni: app.internal")),
            ("blind", pool("sni: app.internal, verify: false")),
        ],
    )
    .await;
    // A connection is there again a moment after its answer.
    let handshakes = eventually("connections that are used again", async || {
        let before = app.handshakes.load(Ordering::SeqCst);
        assert_eq!(world.ask("good").await.body, "HTTP/1.1 app.internal nothing");
        assert_eq!(world.ask("showing").await.body, "HTTP/1.1 app.internal shown");
        assert_eq!(world.ask("blind").await.body, "HTTP/1.1 app.internal nothing");
        let served = app.requests();
        for service in ["other", "named", "machine"] {
            is_refused(&world.ask(service).await);
        }
        assert_eq!(app.requests(), served);
        (before >= 3 && app.handshakes.load(Ordering::SeqCst) == before).then_some(before)
    })
    .await;
    assert!(world.edge.log().contains("servers of blind are not verified"), "{}", world.edge.log());
    // A newer certificate is shown as soon as it is there, one file being written after the other.
    world.after(|| world.write("own.pem", &two_of_it("edge"))).await;
    assert_eq!(world.ask("showing").await.body, "HTTP/1.1 app.internal shown");
    assert_eq!(
        app.handshakes.load(Ordering::SeqCst),
        handshakes + 1,
        "the connection of the older one is not used any more"
    );
    let checked = world.edge.verb(&["check", "--config", "homeward.yaml"]);
    let (said, messages) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(said.contains("good.pem  ok  CN=Internal CA") || said.contains("CN=Internal CA"), "{said}");
    assert!(said.contains("CN=edge, shown to servers"), "{said}");
    assert!(messages.contains("the servers of blind in us-east may be anybody (verify: false)"), "{messages}");
}

/// The edges of a fleet that has an authority of its own, and certificates for its edges alone.
#[tokio::test]
async fn a_hop_is_verified_by_the_file_of_the_table() {
    let mut fleet = Fleet::start(Reach::Edge).await;
    let authority = Authority::new("Fleet CA");
    let plain = fleet.edges[EAST].address;
    let secure = SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), free_port());
    let file = fleet.edges[EAST].file("homeward.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let tls = "certificate: edge.pem, key: edge.pem, client_ca: fleet.pem, client_certificates: required";
    std::fs::write(&file, text.replace("listen: [", &format!("listen: [{{address: \"{secure}\", tls: {{{tls}}}}}, ")))
        .unwrap();
    for edge in &fleet.edges {
        std::fs::write(edge.file("fleet.pem"), authority.pem()).unwrap();
        authority.write(edge.directory.path(), "edge.pem", "edge.east.internal");
    }
    fleet.edges[EAST].kill_and_start_again().await;
    for http2 in [false, true] {
        let url = format!(
            "edge: {{url: \"https://localhost:{}\", http2: {http2}, tls: {{sni: edge.east.internal, ca_file: fleet.pem, \
             certificate: edge.pem, key: edge.pem}}}}",
            secure.port()
        );
        let table = fleet.table([Reach::Edge; 3]).replace(&format!("edge: \"http://{plain}\""), &url);
        fleet.edges[WEST].adopt(&table).await;
        let answer = client::get(fleet.edges[WEST].address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"), "HTTP/2: {http2}");
        assert_eq!(fleet.apps[EAST].seen().pop().unwrap().edges_passed(), 2);
    }
    // By another authority the edge is nobody.
    std::fs::write(fleet.edges[WEST].file("fleet.pem"), Authority::new("Other CA").pem()).unwrap();
    let before = fleet.apps[EAST].seen().len();
    eventually("the other authority", async || {
        let answer = client::get(fleet.edges[WEST].address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
        (answer.body != "us-east").then_some(())
    })
    .await;
    let reached = fleet.apps[EAST].seen().len();
    let answer = client::get(fleet.edges[WEST].address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
    assert!(answer.body != "us-east" && fleet.apps[EAST].seen().len() == reached && reached >= before);
}
