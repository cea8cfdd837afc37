//! The certifier against a small authority that does what no good one does, or not when it is wanted. It checks no
//! signatures and makes no connections: the end-to-end tests have an authority of somebody else's making for that.

use super::*;
use crate::config::{Acme, Source, read_settings};
use crate::live::{AcmeStanding, Edge, clock};
use crate::model::Timestamp;
use crate::telemetry::Metrics;
use crate::tls::read_authorities;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

const HOST: &str = "portal.example.com";
const TOKEN: &str = "a-token";

/// From so many seconds from now until so many.
macro_rules! times {
    ($from:expr, $until:expr) => {{
        let at = |seconds: i64| {
            let since = u64::try_from(clock::now().as_second() + seconds).unwrap();
            date_time_ymd(1970, 1, 1) + Duration::from_secs(since)
        };
        (at($from), at($until))
    }};
}

/// What the authority does otherwise than a good one.
#[derive(Debug, Default)]
struct Ways {
    /// How many nonces it rejects.
    rejects_nonces: usize,
    /// It issues for another key.
    issues_for_another_key: bool,
    /// It issues for another host.
    issues_for_another_host: bool,
    /// What it answers to an order.
    refuses_orders: Option<Value>,
    /// It does not know accounts that it has not made since.
    forgets_accounts: bool,
    /// It says that this is the time to renew.
    suggests: Option<(Timestamp, Timestamp)>,
}

struct Stub {
    base: String,
    ways: Mutex<Ways>,
    edge: Arc<Edge>,
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// The orders that it got, and what it issued last.
    orders: Mutex<Vec<Value>>,
    chain: Mutex<String>,
    is_proved: Mutex<bool>,
}

impl Stub {
    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Response<Full<Bytes>> {
        let url = |path: &str| format!("{}{path}", self.base);
        let payload: Value = serde_json::from_slice::<Value>(body)
            .ok()
            .and_then(|jws| URL_SAFE_NO_PAD.decode(jws["payload"].as_str()?).ok())
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let mut ways = self.ways.lock().unwrap();
        let reply = |status: u16, location: &str, value: Value| {
            let mut reply =
                Response::builder().status(status).header("replay-nonce", "nonce").header("retry-after", "0");
            if !location.is_empty() {
                reply = reply.header("location", url(location));
            }
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            reply.body(Full::new(Bytes::from(text))).unwrap()
        };
        let problem = |status: u16, word: &str| {
            let kind = format!("urn:ietf:params:acme:error:{word}");
            reply(status, "", json!({"type": kind, "detail": format!("this is {word}")}))
        };
        if *method == Method::POST && ways.rejects_nonces > 0 {
            ways.rejects_nonces -= 1;
            return problem(400, "badNonce");
        }
        let order = |status: &str| {
            let orders = self.orders.lock().unwrap();
            let asked = orders.last().cloned().unwrap_or_default();
            json!({
                "status": status, "identifiers": asked["identifiers"], "authorizations": [url("/authorization")],
                "finalize": url("/finalize"), "certificate": url("/certificate"), "replaces": asked["replaces"],
            })
        };
        let proved = |yes: &'static str, no: &'static str| if *self.is_proved.lock().unwrap() { yes } else { no };
        match path {
            "/directory" => {
                let mut directory = json!({
                    "newNonce": url("/nonce"), "newAccount": url("/account"), "newOrder": url("/order"), "meta": {},
                });
                if ways.suggests.is_some() {
                    directory["renewalInfo"] = url("/renewal").into();
                }
                reply(200, "", directory)
            }
            "/nonce" => reply(200, "", json!("")),
            "/account" => {
                assert_eq!(payload["termsOfServiceAgreed"], true);
                ways.forgets_accounts = false;
                reply(201, "/account/1", json!({"status": "valid"}))
            }
            "/order" if ways.forgets_accounts => problem(400, "accountDoesNotExist"),
            "/order" => {
                self.orders.lock().unwrap().push(payload);
                *self.is_proved.lock().unwrap() = false;
                match &ways.refuses_orders {
                    Some(value) => reply(429, "", value.clone()),
                    None => reply(201, "/order/1", order("pending")),
                }
            }
            "/authorization" => {
                let status = proved("valid", "pending");
                let challenge = json!({"type": "http-01", "url": url("/challenge"), "token": TOKEN, "status": status});
                let identifier = json!({"type": "dns", "value": HOST});
                reply(200, "", json!({"identifier": identifier, "status": status, "challenges": [challenge]}))
            }
            "/challenge" => {
                let said = self.edge.challenges().answer(&format!("/.well-known/acme-challenge/{TOKEN}"));
                *self.is_proved.lock().unwrap() = said.is_some_and(|said| said.starts_with("a-token."));
                reply(
                    200,
                    "",
                    json!({"type": "http-01", "url": url("/challenge"), "token": TOKEN, "status": "processing"}),
                )
            }
            "/order/1" if !self.chain.lock().unwrap().is_empty() => reply(200, "", order("valid")),
            "/order/1" => reply(200, "", order(proved("ready", "invalid"))),
            "/finalize" => {
                let request = URL_SAFE_NO_PAD.decode(payload["csr"].as_str().unwrap()).unwrap();
                *self.chain.lock().unwrap() = self.issue(&request, &ways);
                reply(200, "", order("processing"))
            }
            "/certificate" => reply(200, "", std::mem::take(&mut *self.chain.lock().unwrap()).into()),
            _ if path.starts_with("/renewal/") => {
                let (start, end) = ways.suggests.unwrap();
                reply(200, "", json!({"suggestedWindow": {"start": start.to_string(), "end": end.to_string()}}))
            }
            _ => problem(404, "malformed"),
        }
    }

    fn issue(&self, request: &[u8], ways: &Ways) -> String {
        let mut request = CertificateSigningRequestParams::from_der(&request.to_vec().into()).unwrap();
        assert_eq!(request.params.subject_alt_names.len(), 1);
        if ways.issues_for_another_host {
            request.params = CertificateParams::new(vec!["other.example.com".to_owned()]).unwrap();
        }
        request.params.use_authority_key_identifier_extension = true;
        (request.params.not_before, request.params.not_after) = times!(-60, 90 * 24 * 3600);
        let signed = match ways.issues_for_another_key {
            true => request.params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap(),
            false => request.signed_by(&self.issuer).unwrap(),
        };
        signed.pem() + &self.issuer.pem()
    }
}

/// The authority, an edge that asks it, and its directory.
struct World {
    stub: Arc<Stub>,
    acme: Acme,
    certificates: Vec<crate::config::AcmeCertificate>,
    root: String,
    _directory: tempfile::TempDir,
}

/// An edge that looks after its certificate, until this goes.
struct Running {
    again: watch::Sender<Timestamp>,
    _stop: watch::Sender<bool>,
}

impl World {
    async fn new(ways: Ways) -> Self {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let metrics = Arc::new(Metrics::new("1", clock::now()).unwrap());
        let edge = Arc::new(Edge::new("us-west".parse().unwrap(), metrics));
        let root = issuer.pem();
        let stub = Arc::new(Stub {
            base: base.clone(),
            ways: Mutex::new(ways),
            edge,
            issuer,
            orders: Mutex::default(),
            chain: Mutex::default(),
            is_proved: Mutex::default(),
        });
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&stub)));
        let directory = tempfile::tempdir().unwrap();
        let settings = format!(
            "version: 1\nlisten: [{{address: 0.0.0.0:443, tls: {{acme: [{HOST}]}}}}]\nrouting: {{file: r.yaml}}\n\
             acme: {{directory: \"{base}/directory\", terms_accepted: true, challenges: [http-01], state: {}}}\n",
            directory.path().join("acme").display()
        );
        let settings = read_settings(&Source::new("homeward.yaml", settings)).unwrap();
        let certificates = settings.listen[0].tls.as_ref().unwrap().acme.clone();
        Self { stub, acme: settings.acme.unwrap(), certificates, root, _directory: directory }
    }

    fn run(&self) -> Running {
        let authorities = read_authorities(self.root.as_bytes()).unwrap();
        let authority = Authority {
            acme: self.acme.clone(),
            authorities: Box::new(move || Ok(Some(authorities.clone()))),
            external_key: Box::new(|| Ok(None)),
        };
        let certifier = Certifier::new(authority, self.certificates.clone(), Arc::clone(&self.stub.edge)).unwrap();
        let (stop, stopped) = watch::channel(false);
        let again = watch::Sender::new(clock::now());
        tokio::spawn(certifier.run(again.subscribe(), stopped));
        Running { again, _stop: stop }
    }

    /// Puts a certificate there that is valid from so many seconds from now until so many.
    fn put(&self, from: i64, until: i64) {
        store::make_directory(&self.acme.state).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = times!(from, until);
        let certificate = params.signed_by(&key, &self.stub.issuer).unwrap();
        store::write(&self.certificates[0].file, (certificate.pem() + &key.serialize_pem()).as_bytes()).unwrap();
    }

    fn standing(&self) -> AcmeStanding {
        self.stub.edge.acme()[0].clone()
    }

    fn ways(&self, ways: Ways) {
        *self.stub.ways.lock().unwrap() = ways;
    }

    fn orders(&self) -> usize {
        self.stub.orders.lock().unwrap().len()
    }

    async fn until(&self, what: &str, condition: impl Fn(&AcmeStanding) -> bool) -> AcmeStanding {
        let end: Instant = clock::monotonic() + Duration::from_secs(20);
        loop {
            let standing = self.standing();
            if condition(&standing) {
                return standing;
            }
            assert!(clock::monotonic() < end, "{what} does not happen: {standing:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, stub: Arc<Stub>) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let (acceptor, stub) = (acceptor.clone(), Arc::clone(&stub));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(tcp).await else { return };
            let answer = service_fn(|request: Request<Incoming>| {
                let stub = Arc::clone(&stub);
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    Ok::<_, Infallible>(stub.answer(&head.method, head.uri.path(), &body))
                }
            });
            // Whoever leaves in the midst of it is none of ours.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

fn is_had(standing: &AcmeStanding) -> bool {
    standing.expires.is_some() && standing.failures == 0 && standing.next.is_some()
}

#[tokio::test]
async fn nonces_that_are_rejected_cost_nothing() {
    let world = World::new(Ways { rejects_nonces: 2, ..Ways::default() }).await;
    let running = world.run();
    let standing = world.until("a certificate", is_had).await;
    assert_eq!(world.orders(), 1);
    let days = standing.next.unwrap().duration_since(clock::now()).as_hours() / 24;
    assert!((55..=60).contains(&days), "two thirds of 90 days: {days}");
    assert!(
        world.stub.edge.challenges().answer(&format!("/.well-known/acme-challenge/{TOKEN}")).is_none(),
        "it is over"
    );
    // Another start takes what is there.
    drop(running);
    let _running = world.run();
    world.until("a look", is_had).await;
    assert_eq!(world.orders(), 1);
}

#[tokio::test]
async fn what_is_issued_and_cannot_be_used_is_not() {
    let world = World::new(Ways { issues_for_another_key: true, ..Ways::default() }).await;
    let running = world.run();
    let standing = world.until("a failure", |standing| standing.failures == 1).await;
    let text = standing.problem.unwrap().text;
    assert!(text.contains("cannot be used: the key does not belong to the certificate"), "{text}");
    assert!(!world.certificates[0].file.exists());
    world.ways(Ways { issues_for_another_host: true, ..Ways::default() });
    running.again.send_replace(clock::now());
    let standing = world.until("another failure", |standing| standing.failures == 2).await;
    let text = standing.problem.unwrap().text;
    assert!(text.contains("issued a certificate that is not for portal.example.com"), "{text}");
    let pause = standing.next.unwrap().duration_since(clock::now());
    assert!(pause > SignedDuration::from_mins(4), "{pause}");
    world.ways(Ways::default());
    running.again.send_replace(clock::now());
    world.until("a certificate", is_had).await;
}

#[tokio::test]
async fn an_authority_that_is_asked_too_often_is_left_alone_also_by_those_who_start_again() {
    let detail = "too many certificates (5) already issued for this exact set of hosts";
    let refusal = json!({"type": "urn:ietf:params:acme:error:rateLimited", "detail": detail, "status": 429});
    let world = World::new(Ways { refuses_orders: Some(refusal), ..Ways::default() }).await;
    for _ in 0..3 {
        let running = world.run();
        let standing = world.until("a failure", |standing| standing.failures == 1 && standing.next.is_some()).await;
        assert!(standing.next.unwrap().duration_since(clock::now()) > SignedDuration::from_mins(55));
        drop(running);
    }
    assert_eq!(world.orders(), 1);
    let running = world.run();
    running.again.send_replace(clock::now());
    let standing = world.until("one that was asked for", |standing| standing.failures == 2).await;
    let text = standing.problem.unwrap().text;
    assert!(text.contains(detail) && text.contains("(rateLimited); wait, or use"), "{text}");
}

#[tokio::test]
async fn an_authority_that_has_forgotten_the_account_gets_another() {
    let world = World::new(Ways::default()).await;
    let running = world.run();
    world.until("a certificate", is_had).await;
    drop(running);
    std::fs::remove_file(&world.certificates[0].file).unwrap();
    world.ways(Ways { forgets_accounts: true, ..Ways::default() });
    let running = world.run();
    let standing = world.until("a failure", |standing| standing.failures == 1).await;
    assert!(standing.problem.unwrap().text.contains("accountDoesNotExist"));
    running.again.send_replace(clock::now());
    world.until("a certificate", is_had).await;
    assert!(world.acme.account_file().with_extension("json.old").exists());
}

#[tokio::test]
async fn the_authority_s_advice_goes_before_two_thirds() {
    let hours = |hours| clock::now().checked_add(SignedDuration::from_hours(hours)).unwrap();
    let window = (hours(1), hours(2));
    let world = World::new(Ways { suggests: Some(window), ..Ways::default() }).await;
    world.put(-3600, 90 * 24 * 3600);
    let running = world.run();
    let standing = world.until("the advice", |standing| standing.next.is_some_and(|next| next <= window.1)).await;
    assert!(standing.next.unwrap() >= window.0 && world.orders() == 0);
    drop(running);
    // One that is due says whom it replaces.
    world.put(-90 * 24 * 3600, 24 * 3600);
    let _running = world.run();
    world.until("a newer one", |standing| standing.expires.is_some_and(|expires| expires > hours(48))).await;
    let orders = world.stub.orders.lock().unwrap();
    let replaces = orders[0]["replaces"].as_str().unwrap();
    let (issuer, serial) = replaces.split_once('.').unwrap();
    assert!(issuer.len() > 20 && !serial.is_empty(), "{replaces}");
}

#[tokio::test]
async fn what_is_no_directory_is_said_to_be_none() {
    let mut world = World::new(Ways::default()).await;
    world.acme.directory = world.acme.directory.replace("/directory", "/certificate");
    let running = world.run();
    let standing = world.until("a failure", |standing| standing.failures == 1).await;
    drop(running);
    let text = standing.problem.unwrap().text;
    assert!(text.contains("/certificate is no ACME directory: correct directory: under acme:"), "{text}");
    assert!(standing.next.unwrap().duration_since(clock::now()) < SignedDuration::from_secs(10));
    // Nor is one believed that shows a certificate of somebody else.
    let other = CertificateParams::new(vec!["other".to_owned()]).unwrap();
    world.root = other.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    std::fs::remove_dir_all(&world.acme.state).unwrap();
    let _other = world.run();
    let standing = world.until("another", |standing| {
        standing.problem.as_ref().is_some_and(|problem| problem.text.contains("invalid peer certificate"))
    });
    assert!(standing.await.problem.unwrap().text.contains("ca_file: under acme:"));
}
