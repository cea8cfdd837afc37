//! TLS toward clients, and between edges.

use crate::support::fleet::{EAST, Fleet, Reach, WEST};
use crate::support::{App, Block, EdgeProcess, client, edge, eventually};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Who issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate and its key, both PEM.
    pub(crate) fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    pub(crate) fn write(&self, directory: &Path, file: &str, name: &str) {
        let (certificate, key) = self.issue(name);
        std::fs::write(directory.join(file), certificate + &key).unwrap();
    }

    /// Connects, asking for `name`; with HTTP/2 where it is offered and `http2` is wanted.
    async fn connect(
        &self,
        to: SocketAddr,
        name: &str,
        http2: bool,
        own: Option<(String, String)>,
    ) -> TlsStream<TcpStream> {
        self.try_connect(to, name, http2, own).await.unwrap()
    }

    async fn try_connect(
        &self,
        to: SocketAddr,
        name: &str,
        http2: bool,
        own: Option<(String, String)>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        self.speak(TcpStream::connect(to).await?, name, http2, own).await
    }

    /// Speaks TLS over `tcp`.
    pub(crate) async fn speak(
        &self,
        tcp: TcpStream,
        name: &str,
        http2: bool,
        own: Option<(String, String)>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => config
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap(),
        };
        config.alpn_protocols =
            if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    }
}

/// One request over `stream`, by the version of HTTP that the two sides have settled on.
pub(crate) async fn get(stream: TlsStream<TcpStream>, target: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let mut request = Request::builder().uri(target);
    if !is_h2 {
        request = request
            .uri(target.strip_prefix("https://portal.example.com").unwrap())
            .header("host", "portal.example.com");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let answer = if is_h2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    };
    let (head, body) = answer.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

const URL: &str = "https://portal.example.com/cart?item=1";

/// An edge in us-west with a listener of each kind, and one app server in us-east.
struct World {
    edge: EdgeProcess,
    secure: SocketAddr,
    east: App,
    authority: Authority,
}

impl World {
    async fn start(tls: &str, service: &str) -> Self {
        let (block, authority) = (Block::new(), Authority::new("Test CA"));
        let address = SocketAddr::new(block.address(1), 8080);
        let (admin, secure) = (SocketAddr::new(block.address(1), 9901), SocketAddr::new(block.address(1), 8443));
        let east = App::start("us-east", SocketAddr::new(block.address(2), 8080)).await;
        let table = edge::table(&[east.address], &[], &[], service);
        let plan = edge::Plan { region: "us-west", settings: String::new(), table };
        let directory = tempfile::tempdir().unwrap();
        edge::write_settings(directory.path(), &plan, address, admin);
        let file = directory.path().join("homeward.yaml");
        let plain = format!("listen: [{{address: \"{address}\"}}]");
        let both = format!("listen: [{{address: \"{address}\"}}, {{address: \"{secure}\", tls: {{{tls}}}}}]");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(&plain), "{text}");
        std::fs::write(&file, text.replace(&plain, &both)).unwrap();
        std::fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
        authority.write(directory.path(), "edge.pem", "portal.example.com");
        std::fs::write(directory.path().join("clients.pem"), authority.0.pem()).unwrap();
        Self { edge: EdgeProcess::start_in(directory, address, admin).await, secure, east, authority }
    }
}

const PAIR: &str = "certificate: edge.pem, key: edge.pem";

#[tokio::test]
async fn requests_over_tls_are_served_by_either_version_of_http() {
    let world = World::start(PAIR, "").await;
    for http2 in [false, true] {
        let stream = world.authority.connect(world.secure, "portal.example.com", http2, None).await;
        let said = [("cookie", "sid=east-1"), ("x-client-cert-subject", "CN=root"), ("client-cert", ":AAAA:")];
        let answer = get(stream, URL, &said).await;
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"us-east"[..]));
        let seen = world.east.seen().pop().unwrap();
        assert_eq!(seen.target, "/cart?item=1");
        assert_eq!(seen.header("x-forwarded-proto"), ["https"]);
        assert_eq!(seen.header("x-forwarded-host"), ["portal.example.com"]);
        assert_eq!(seen.header("host"), ["portal.example.com"]);
        assert_eq!(seen.header("via"), [if http2 { "2.0 homeward" } else { "1.1 homeward" }]);
        assert_eq!(seen.header("homeward-session"), ["flopped"]);
        assert_eq!(
            (seen.header("x-client-cert-subject"), seen.header("client-cert")),
            (vec![], vec![]),
            "nobody's word"
        );
    }
    let metrics = world.edge.admin("/metrics").await.body;
    assert!(metrics.contains("homeward_tls_handshakes_total{result=\"completed\"} 2"), "{metrics}");
    // What is no handshake is counted, and nothing else.
    let answer = client::Client::connect(world.secure, edge::NEW_YORK).await.send("GET", "/", &[], "").await;
    assert!(answer.is_err());
    eventually("the failed handshake", async || {
        let metrics = world.edge.admin("/metrics").await.body;
        metrics.contains("homeward_tls_handshakes_total{result=\"failed\"} 1").then_some(())
    })
    .await;
    let lines = eventually("both lines", async || Some(world.edge.access_log()).filter(|log| log.len() == 2)).await;
    assert_eq!(
        lines.iter().map(|line| line["protocol"].as_str().unwrap()).collect::<Vec<_>>(),
        ["HTTP/1.1", "HTTP/2.0"]
    );
    assert!(lines.iter().all(|line| line["host"] == "portal.example.com"));
}

#[tokio::test]
async fn certificates_are_exchanged_while_connections_go_on() {
    let world = World::start(PAIR, "").await;
    let old = world.authority.connect(world.secure, "portal.example.com", false, None).await;
    let of = |stream: &TlsStream<TcpStream>| stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let first = of(&old);
    // A pair that does not fit is refused, and the old one goes on.
    let (certificate, _) = world.authority.issue("portal.example.com");
    let (_, key) = world.authority.issue("portal.example.com");
    std::fs::write(world.edge.file("edge.pem"), certificate + &key).unwrap();
    let status = world.edge.status_where("the problem", |status| !status["certificates"][0]["problem"].is_null()).await;
    assert!(status["certificates"][0]["problem"].to_string().contains("key"), "{}", status["certificates"]);
    assert!(of(&world.authority.connect(world.secure, "portal.example.com", false, None).await) == first);
    world.authority.write(world.edge.directory.path(), "edge.pem", "portal.example.com");
    eventually("the new certificate", async || {
        let stream = world.authority.connect(world.secure, "portal.example.com", true, None).await;
        (of(&stream) != first).then_some(())
    })
    .await;
    assert_eq!(get(old, URL, &[("cookie", "sid=east-1")]).await.status().as_u16(), 200, "the old connection");
}

#[tokio::test]
async fn a_client_s_certificate_is_told_to_the_app() {
    let world = World::start(&format!("{PAIR}, client_ca: clients.pem, client_certificates: optional"), "").await;
    let own = world.authority.issue("reports");
    let stream = world.authority.connect(world.secure, "portal.example.com", false, Some(own)).await;
    assert_eq!(get(stream, URL, &[("x-client-cert-subject", "CN=root")]).await.status().as_u16(), 200);
    let seen = world.east.seen().pop().unwrap();
    assert_eq!(seen.header("x-client-cert-subject"), ["CN=reports"]);
    assert_eq!(seen.header("client-cert").len(), 1);
    let stranger = Authority::new("Other CA").issue("reports");
    let refused = world.authority.try_connect(world.secure, "portal.example.com", false, Some(stranger)).await;
    if let Ok(mut stream) = refused {
        // With TLS 1.3 the client hears of it when it reads.
        let mut byte = [0];
        assert!(tokio::io::AsyncReadExt::read(&mut stream, &mut byte).await.is_err());
    }
}

#[tokio::test]
async fn a_service_may_be_had_by_https_alone() {
    let world = World::start(PAIR, "    redirect_to_https: true\n    hsts: {max_age: 365d}\n").await;
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/cart?item=1", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (308, URL));
    assert_eq!(answer.header("strict-transport-security"), "");
    assert_eq!(world.east.seen().len(), 0);
    let stream = world.authority.connect(world.secure, "portal.example.com", true, None).await;
    let answer = get(stream, URL, &[]).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["strict-transport-security"]),
        (200, &"max-age=31536000".parse().unwrap())
    );
}

/// The edge of us-east behind TLS: the other ones believe it where its certificate is good, and only there.
#[tokio::test]
async fn a_hop_goes_over_tls() {
    let mut fleet = Fleet::start(Reach::Edge).await;
    let authority = Authority::new("Fleet CA");
    let plain = fleet.edges[EAST].address;
    // Names are looked up in the machine's own list of hosts, where this one is everywhere.
    let secure = SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), free_port());
    let file = fleet.edges[EAST].file("homeward.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let listener = format!("listen: [{{address: \"{secure}\", tls: {{{PAIR}}}}}, ");
    std::fs::write(&file, text.replace("listen: [", &listener)).unwrap();
    authority.write(fleet.edges[EAST].directory.path(), "edge.pem", "localhost");
    fleet.edges[EAST].kill_and_start_again().await;
    std::fs::write(fleet.edges[WEST].file("roots.pem"), authority.0.pem()).unwrap();
    fleet.edges[WEST].kill_and_start_again().await;
    for http2 in [false, true] {
        let url = format!("edge: {{url: \"https://localhost:{}\", http2: {http2}}}", secure.port());
        fleet.edges[WEST]
            .adopt(&fleet.table([Reach::Edge; 3]).replace(&format!("edge: \"http://{plain}\""), &url))
            .await;
        let answer = client::get(fleet.edges[WEST].address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"), "HTTP/2: {http2}");
        let seen = fleet.apps[EAST].seen().pop().unwrap();
        assert_eq!((seen.edges_passed(), seen.header("homeward-session")), (2, vec!["flopped"]));
        assert_eq!(seen.header("x-forwarded-proto"), ["http"], "as the visitor came");
    }
    // A certificate of somebody else: no request goes there, whatever it says.
    Authority::new("Other CA").write(fleet.edges[EAST].directory.path(), "edge.pem", "localhost");
    let before = fleet.apps[EAST].seen().len();
    eventually("the other certificate", async || {
        let refused = authority.try_connect(secure, "localhost", false, None).await.is_err();
        refused.then_some(())
    })
    .await;
    fleet.edges[WEST].kill_and_start_again().await; // without the connections of before
    let answer = client::get(fleet.edges[WEST].address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
    assert_ne!(answer.body, "us-east");
    assert_eq!(fleet.apps[EAST].seen().len(), before);
}

/// A port of the machine's own that nobody has.
///
/// It is one below those that the system gives to connections (from 32768 on), and looked for from another one on in
/// each process: a port that the system chose would be given to somebody else's connection before an edge listens there.
pub(crate) fn free_port() -> u16 {
    const PORTS: u32 = 20_000;
    (0..PORTS)
        .map(|n| 10_000 + ((std::process::id().wrapping_mul(8).wrapping_add(n)) % PORTS) as u16)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a port that nobody has")
}
