//! The admin address where others than this machine can reach it: TLS, tokens, and the verbs that ask there.

use crate::support::{App, Block, PATIENCE, edge, eventually};
use crate::tls::Authority;
use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const READ: &str = "homeward_UmVhZFJlYWRSZWFkUmVhZFJlYWRSZWFkUmVhZDAx";
const OPERATE: &str = "homeward_T3BlcmF0ZU9wZXJhdGVPcGVyYXRlT3BlcmF0ZTAx";

/// An edge whose admin address is on all interfaces; killed when dropped.
struct Public {
    directory: TempDir,
    authority: Authority,
    admin: SocketAddr,
    child: Child,
    _app: App,
}

impl Public {
    async fn start() -> Self {
        let block = Block::new();
        let app = App::start("us-west", SocketAddr::new(block.address(2), 8080)).await;
        let directory = tempfile::tempdir().unwrap();
        // A port that nobody has at the moment.
        let port = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddr::new(block.address(1), 8080);
        let table = edge::table(&[], &[], &[app.address], "");
        let plan = edge::Plan { region: "us-west", settings: String::new(), table };
        edge::write_settings(directory.path(), &plan, address, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
        let file = directory.path().join("homeward.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let safe = "tls: {certificate: admin.pem, key: admin.pem}, token_file: admin.tokens";
        fs::write(&file, text.replace("socket: run/homeward.sock", safe)).unwrap();
        fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
        let authority = Authority::new("admins");
        let this = |name: &str| directory.path().join(name);
        save(&this("admin.pem"), &certificate(&authority, "admin.example.com"));
        save(&this("ca.pem"), &authority.pem());
        save(&this("admin.tokens"), &format!("# ours\nread:{READ}\n"));
        save(&this("one.token"), &format!("{READ}\n"));
        let log = fs::File::create(this("process.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_homeward"))
            .args(["run", "--config", "homeward.yaml"])
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let public =
            Self { directory, authority, admin: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), child, _app: app };
        eventually("a ready edge", async || {
            TcpStream::connect(public.admin).await.ok()?;
            (public.status("/readyz", "").await == 200).then_some(())
        })
        .await;
        public
    }

    /// The whole answer over TLS, asking for `name` and saying `head` behind the request line.
    async fn ask(&self, name: &str, path: &str, head: &str) -> Option<String> {
        let tcp = TcpStream::connect(self.admin).await.unwrap();
        let mut stream = self.authority.speak(tcp, name, false, None).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\n{head}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    }

    /// The answer at `path` with this token, if any.
    async fn get(&self, path: &str, token: &str) -> String {
        let authorization = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let head = format!("Host: {}\r\n{authorization}", self.admin);
        self.ask("admin.example.com", path, &head).await.unwrap()
    }

    async fn status(&self, path: &str, token: &str) -> u16 {
        code(&self.get(path, token).await)
    }

    fn verb(&self, arguments: &[&str]) -> Output {
        edge::verb(self.directory.path(), arguments)
    }

    fn save(&self, name: &str, text: &str) {
        save(&self.directory.path().join(name), text);
    }
}

impl Drop for Public {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.directory.path().join("process.log")).unwrap_or_default());
        }
    }
}

fn certificate(authority: &Authority, name: &str) -> String {
    let (certificate, key) = authority.issue(name);
    certificate + &key
}

fn save(path: &std::path::Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, Permissions::from_mode(0o600)).unwrap();
    fs::rename(beside, path).unwrap();
}

fn code(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn only_probes_are_open_to_others() {
    let edge = Public::start().await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(edge.status(path, "").await, 200);
        assert_eq!(edge.status(path, "wrong").await, 200, "a probe is asked for nothing");
    }
    // Everybody gets the page that asks for a token, and what it looks like: there is nothing of the edge in them.
    for path in ["/", "/page/style.css", "/page/page.js"] {
        let answer = edge.get(path, "").await;
        assert_eq!(code(&answer), 200, "{path}");
        assert!(!answer.contains("us-east") && !answer.contains("portal"), "{answer}");
    }
    assert!(edge.get("/", "").await.contains("This edge asks for a token"));
    assert!(edge.get("/", READ).await.contains("id=\"regions\""));
    assert_eq!(code(&edge.get("/", "wrong").await), 401);
    for path in [
        "/metrics",
        "/api/v1/events",
        "/api/v1/status",
        "/api/v1/explain?ip=192.0.2.1",
        "/nowhere",
        "/readyz/",
        "/livez/..",
    ] {
        let answer = edge.get(path, "").await;
        assert_eq!(code(&answer), 401, "{path}");
        assert!(answer.to_lowercase().contains("www-authenticate: bearer realm=\"homeward\"\r\n"), "{answer}");
        assert!(!answer.to_lowercase().contains("access-control-"), "{answer}");
    }
    let wrong = edge.get("/metrics", OPERATE).await;
    assert_eq!(code(&wrong), 401);
    assert!(wrong.contains("error=\"invalid_token\"") && !wrong.contains(OPERATE), "{wrong}");
    let metrics = edge.get("/metrics", READ).await;
    assert_eq!(code(&metrics), 200);
    for line in ["{why=\"no_token\"} 7\n", "{why=\"wrong_token\"} 2\n"] {
        assert!(metrics.contains(&format!("homeward_admin_refusals_total{line}")), "{line}{metrics}");
    }
    assert_eq!(edge.status("/nowhere", READ).await, 404);

    // By another's name nobody gets in, whatever the token; by a name of the certificate everybody who may.
    for (host, wanted) in [("evil.example", 403), ("admin.example.com", 200), ("ADMIN.example.com:9901", 200)] {
        let head = format!("Host: {host}\r\nAuthorization: Bearer {READ}\r\n");
        let answer = edge.ask("admin.example.com", "/metrics", &head).await.unwrap();
        assert_eq!(code(&answer), wanted, "{host}");
    }
    // Who speaks no TLS learns nothing.
    let mut plain = TcpStream::connect(edge.admin).await.unwrap();
    plain.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The connection may be reset as well as closed.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.windows(4).any(|part| part == b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn who_guesses_is_told_to_wait() {
    let edge = Public::start().await;
    let mut refused = None;
    for _ in 0..40 {
        let answer = edge.get("/metrics", "wrong").await;
        if code(&answer) == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(code(&answer), 401);
    }
    let refused = refused.expect("no end of guesses");
    let wait = refused.lines().find_map(|line| line.to_lowercase().strip_prefix("retry-after: ")?.parse::<u32>().ok());
    assert!(wait.is_some_and(|wait| (1..=5).contains(&wait)), "{refused}");
    assert_eq!(edge.status("/readyz", "").await, 200, "probes go on");
}

#[tokio::test]
async fn tokens_and_certificates_are_exchanged_while_it_runs() {
    let edge = Public::start().await;
    assert_eq!(edge.status("/metrics", OPERATE).await, 401);
    edge.save("admin.tokens", &format!("read:{READ}\noperate:{OPERATE}\n"));
    eventually("the second token", async || (edge.status("/metrics", OPERATE).await != 401).then_some(())).await;
    assert_eq!(
        (edge.status("/metrics", OPERATE).await, edge.status("/metrics", READ).await),
        (200, 200),
        "both for a while"
    );
    // What cannot be used changes nothing, and is said.
    edge.save("admin.tokens", "read:short\n");
    let status = eventually("a refused token file", async || {
        let answer = edge.get("/api/v1/status", OPERATE).await;
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let status: serde_json::Value = serde_json::from_str(body).unwrap();
        (!status["admin"]["problem"].is_null()).then_some(status)
    })
    .await;
    assert_eq!(status["admin"]["tokens"], 2);
    let text = status["admin"]["problem"]["text"].as_str().unwrap();
    assert!(text.contains("less than 24 characters") && !text.contains("short\n"), "{text}");
    edge.save("admin.tokens", &format!("operate:{OPERATE}\n"));
    eventually("the end of the first token", async || (edge.status("/metrics", READ).await == 401).then_some(())).await;
    assert_eq!(edge.status("/metrics", OPERATE).await, 200);

    assert!(edge.ask("next.example.com", "/livez", "Host: localhost\r\n").await.is_none());
    edge.save("admin.pem", &certificate(&edge.authority, "next.example.com"));
    eventually("the next certificate", async || edge.ask("next.example.com", "/livez", "Host: localhost\r\n").await)
        .await;
}

#[tokio::test]
async fn the_verbs_find_their_way_in() {
    let edge = Public::start().await;
    // The settings say all of it: address, certificate, token.
    let status = edge.verb(&["status", "--config", "homeward.yaml", "--json"]);
    assert!(said(&status).contains("\"region\": \"us-west\""), "{}", said(&status));
    let explained = edge.verb(&["explain", "--config", "homeward.yaml", "--live", "--ip", "192.0.2.1"]);
    assert!(explained.status.success() && said(&explained).contains("us-west serves"), "{}", said(&explained));

    // From elsewhere, the command line or the environment does. The certificate must be for the address that is named.
    edge.save("admin.pem", &certificate(&edge.authority, "127.0.0.1"));
    let url = format!("https://{}", edge.admin);
    let arguments = ["status", "--admin", &url, "--ca-file", "ca.pem", "--token-file", "one.token"];
    eventually("a status", async || said(&edge.verb(&arguments)).contains("Edge in us-west").then_some(())).await;
    for (arguments, wanted) in [
        (&arguments[..5], "needs a token"),
        (&["status", "--admin", &url, "--token-file", "one.token"], "it is not believed"),
        (&["status", "--admin", &url, "--ca-file", "ca.pem", "--token-file", "ca.pem"], "is no token"),
        (&["status", "--admin", &url, "--ca-file", "one.token"], "there is no certificate in the file"),
        (&["status", "--admin", &url, "--ca-file", "none.pem"], "correct --ca-file"),
        (&["status", "--admin", &url.replace("127.0.0.1", "localhost"), "--ca-file", "ca.pem"], "it is not believed"),
    ] {
        let output = edge.verb(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(wanted), "{arguments:?}: {}", said(&output));
    }
    let by_environment = Command::new(env!("CARGO_BIN_EXE_homeward"))
        .args(["status", "--admin", &url])
        .env("HOMEWARD_CA_FILE", "ca.pem")
        .env("HOMEWARD_TOKEN_FILE", "one.token")
        .current_dir(edge.directory.path())
        .output()
        .unwrap();
    assert!(said(&by_environment).contains("Edge in us-west"), "{}", said(&by_environment));
}

#[tokio::test]
async fn an_open_address_is_refused_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let plan = edge::Plan { region: "us-west", settings: String::new(), table: String::new() };
    let at = |text: &str| text.parse().unwrap();
    edge::write_settings(directory.path(), &plan, at("127.0.0.1:0"), at("0.0.0.0:9901"));
    let run = tokio::process::Command::new(env!("CARGO_BIN_EXE_homeward"))
        .args(["run", "--config", "homeward.yaml"])
        .current_dir(directory.path())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(text.contains("others than this machine can reach 0.0.0.0:9901"), "{text}");
    assert!(text.contains("add tls: {certificate: ..., key: ...} and token_file:"), "{text}");
}
