//! Keys and tokens: where they come from, who else can get at them, and that nothing ever shows them.

use crate::routing::World;
use crate::support::{App, Block, Client, EdgeProcess, client, edge, eventually};
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

const HOP: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9a";
const SESSION: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f1";
const TOKEN: &str = "homeward_Zm9vYmFyYmF6cXV4MDEyMzQ1Njc4OWFiY2RlZmdoaWo";

/// Writes a file for its owner alone.
fn write(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, Permissions::from_mode(0o600)).unwrap();
    fs::rename(beside, path).unwrap();
}

/// An edge with all sorts of secrets.
async fn edge_with_secrets(more: &str) -> (World, EdgeProcess) {
    let world = World::start("", "").await;
    let directory = tempfile::tempdir().unwrap();
    let address = SocketAddr::new(world.block.address(20), 8080);
    let admin = SocketAddr::new(world.block.address(20), 9901);
    let table = table(&world, "key_file: session.key");
    let settings = format!("hop: {{key_file: hop.key}}\n{more}");
    let plan = edge::Plan { region: "us-west", settings, table };
    edge::write_settings(directory.path(), &plan, address, admin);
    let file = directory.path().join("homeward.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("socket: run/homeward.sock", "socket: run/homeward.sock, token_file: admin.tokens");
    fs::write(&file, text).unwrap();
    fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
    write(&directory.path().join("hop.key"), &format!("{HOP}\n"));
    write(&directory.path().join("session.key"), &format!("{SESSION}\n"));
    write(&directory.path().join("admin.tokens"), &format!("operate:{TOKEN}\n"));
    (world, EdgeProcess::start_in(directory, address, admin).await)
}

fn table(world: &World, key: &str) -> String {
    world.table("").replace("session: {cookie: sid}", &format!("session: {{cookie: sid, minted_by: edge, {key}}}"))
}

/// Whether `text` has any part of a secret that would be of use: 12 characters in a row.
fn leaks(text: &str) -> Option<&str> {
    let parts = |secret: &'static str| (0..secret.len() - 11).map(move |at| &secret[at..at + 12]);
    let lower = text.to_lowercase();
    [HOP, SESSION, &TOKEN[9..]]
        .into_iter()
        .flat_map(parts)
        .find(|part| text.contains(part) || lower.contains(&part.to_lowercase()))
}

#[tokio::test]
async fn nothing_ever_shows_a_secret() {
    let (world, edge) = edge_with_secrets("log: {level: debug}\n").await;
    let mut said = String::new();
    let mut keep = |what: &str, text: &str| said.push_str(&format!("=== {what}\n{text}\n"));

    let mut visitor = Client::connect(edge.address, edge::NEW_YORK).await;
    let answer = visitor.get("/", &[("x-set", "sid=abc; Path=/")]).await;
    assert_eq!(answer.status, 200);
    // What a visitor proves itself by is no less secret in a log, however much that says.
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(
        visitor.get("/", &[("cookie", &format!("sid=east-{SESSION}")), ("authorization", &bearer)]).await.status,
        200
    );
    keep("answer", &format!("{answer:?}"));
    // A token where none belongs: in a request of a visitor, wrong, and right.
    let wrong = format!("Bearer {TOKEN}x");
    for (path, authorization) in [("/api/v1/status", &*wrong), ("/metrics", &format!("Bearer {TOKEN}")), ("/", "")] {
        let mut client = Client::connect(edge.admin, edge.admin.ip()).await.host(&edge.admin.to_string());
        keep(path, &format!("{:?}", client.get(path, &[("authorization", authorization)]).await));
    }
    for path in ["/", "/metrics", "/api/v1/status", "/api/v1/explain?ip=203.0.113.7&cookie=sid%3Deast-1", "/nowhere"] {
        keep(path, &format!("{:?}", edge.admin(path).await));
    }
    for verb in [
        &["check", "--config", "homeward.yaml"][..],
        &["check", "--config", "homeward.yaml", "--json"],
        &["status", "--config", "homeward.yaml"],
        &["status", "--config", "homeward.yaml", "--json"],
        &["explain", "--config", "homeward.yaml", "--ip", "203.0.113.7", "--json"],
        &["explain", "--config", "homeward.yaml", "--ip", "203.0.113.7", "--live", "--json"],
    ] {
        let output = edge.verb(verb);
        assert!(output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
        keep(
            &verb.join(" "),
            &format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        );
    }

    // Every file broken, with the secret still in it; and the secrets where files should be named.
    write(&edge.file("hop.key"), &format!("{HOP}0\n"));
    write(&edge.file("admin.tokens"), &format!("{TOKEN}\n"));
    write(&edge.file("session.key"), &format!("{SESSION} {SESSION}\n"));
    let status = edge
        .status_where("three refused files", |status| {
            let refused = |at: &str| !status[at]["problem"].is_null();
            refused("hops") && refused("admin") && refused("table")
        })
        .await;
    keep("status of broken files", &status.to_string());
    for file in ["hop.key", "admin.tokens", "session.key"] {
        assert!(edge.log().contains(&format!("--> {file}\n")), "{file}: {}", edge.log());
    }
    let broken = edge.verb(&["check", "--config", "homeward.yaml"]);
    assert_eq!(broken.status.code(), Some(1));
    keep(
        "check of broken files",
        &format!("{}{}", String::from_utf8_lossy(&broken.stdout), String::from_utf8_lossy(&broken.stderr)),
    );
    for key in [
        format!("key_file: {SESSION}"),
        format!("key_env: {SESSION}"),
        format!("key: {SESSION}"),
        format!("{SESSION}: 1"),
    ] {
        edge.save_table(&table(&world, &key));
        let status = edge
            .status_where("a refused table", |status| {
                let text = status["table"]["problem"]["text"].as_str().unwrap_or_default();
                text.contains("routing.yaml:") && !text.contains("session.key")
            })
            .await;
        keep(&format!("a table with a key in it ({})", key.len()), &status.to_string());
        keep(
            "its check",
            &String::from_utf8_lossy(&edge.verb(&["check", "--config", "homeward.yaml", "--json"]).stdout),
        );
        edge.save_table(&table(&world, "key_file: session.key"));
        edge.status_where("the table's own trouble", |status| {
            status["table"]["problem"]["text"].as_str().unwrap_or_default().contains("session.key")
        })
        .await;
    }
    let bad_settings =
        fs::read_to_string(edge.file("homeward.yaml")).unwrap().replace("key_file: hop.key", &format!("key: {HOP}"));
    fs::write(edge.file("bad.yaml"), bad_settings.replace("token_file: admin.tokens", &format!("token: {TOKEN}")))
        .unwrap();
    let output = edge.verb(&["run", "--config", "bad.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    keep("a start with secrets in the settings", &String::from_utf8_lossy(&output.stderr));

    keep("process log", &edge.log());
    keep("access log", &fs::read_to_string(edge.file("access.log")).unwrap_or_default());
    for entry in fs::read_dir(edge.file("run")).unwrap() {
        let path = entry.unwrap().path();
        keep(&path.display().to_string(), &fs::read_to_string(&path).unwrap_or_default());
    }
    assert!(said.contains("hop.key") && said.contains("admin.tokens") && said.len() > 10_000, "{said}");
    assert_eq!(leaks(&said), None, "{said}");
    assert!(
        leaks(&format!("x{HOP}")).is_some() && leaks(&TOKEN.to_uppercase()).is_some(),
        "the search finds what there is"
    );
}

#[tokio::test]
async fn secrets_come_out_of_the_environment_too() {
    let block = Block::new();
    let app = App::start("us-west", SocketAddr::new(block.address(2), 8080)).await;
    let directory = tempfile::tempdir().unwrap();
    let (address, admin) = (SocketAddr::new(block.address(1), 8080), SocketAddr::new(block.address(1), 9901));
    let table = edge::table(&[], &[], &[app.address], "")
        .replace("session: {cookie: sid}", "session: {cookie: sid, minted_by: edge, key_env: SESSION_KEY}");
    let plan = edge::Plan { region: "us-west", settings: "hop: {key_env: HOP_KEY}\n".to_owned(), table };
    edge::write_settings(directory.path(), &plan, address, admin);
    let file = directory.path().join("homeward.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("socket: run/homeward.sock", "token_env: ADMIN_TOKENS")).unwrap();
    fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();

    let homeward = |verb: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_homeward"));
        command.args([verb, "--config", "homeward.yaml"]).current_dir(directory.path()).stdin(Stdio::null());
        command
    };
    // Without the variables the start is refused, and says which one is missing.
    let refused = homeward("run").output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("$ADMIN_TOKENS") && said.contains("the environment has no such variable"), "{said}");

    let with = |verb: &str| {
        let mut command = homeward(verb);
        command.env("HOP_KEY", HOP).env("SESSION_KEY", format!("{SESSION}\n{HOP}\n"));
        command.env("ADMIN_TOKENS", format!("read:{TOKEN}"));
        command
    };
    let checked = with("check").output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert!(String::from_utf8(checked.stdout).unwrap().contains("$ADMIN_TOKENS"));
    let mut edge = with("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let minted = eventually("an edge with keys from the environment", async || {
        tokio::net::TcpStream::connect(address).await.ok()?;
        let answer = client::get(address, edge::NEW_YORK, "/", &[("x-set", "sid=abc")]).await;
        (answer.status == 200).then(|| answer.header("set-cookie").to_owned())
    })
    .await;
    // prefix, tag of 22 characters, value
    assert_eq!(minted.len(), "sid=west-".len() + 22 + "-abc".len(), "{minted}");
    edge.kill().unwrap();
    edge.wait().unwrap();
}

#[tokio::test]
async fn a_file_that_others_can_read_is_used_with_a_warning_and_refused_where_that_is_asked_for() {
    let (_world, edge) = edge_with_secrets("").await;
    assert_eq!(edge.status().await["secret_warnings"], serde_json::json!([]));
    fs::set_permissions(edge.file("hop.key"), Permissions::from_mode(0o644)).unwrap();
    let status = edge
        .status_where("a warning", |status| status["secret_warnings"].as_array().is_some_and(|all| all.len() == 1))
        .await;
    let warning = status["secret_warnings"][0].as_str().unwrap();
    assert!(warning.contains("everybody can read hop.key") && warning.contains("chmod 600 hop.key"), "{warning}");
    assert!(edge.log().contains(warning), "{}", edge.log());
    let shown = String::from_utf8(edge.verb(&["status", "--config", "homeward.yaml"]).stdout).unwrap();
    assert!(shown.contains(warning), "{shown}");
    let checked = edge.verb(&["check", "--config", "homeward.yaml"]);
    assert!(checked.status.success());
    assert!(String::from_utf8(checked.stderr).unwrap().contains("everybody can read hop.key"));

    // Where everybody can write, what was used stays.
    fs::set_permissions(edge.file("hop.key"), Permissions::from_mode(0o666)).unwrap();
    let status = edge.status_where("a refused key file", |status| !status["hops"]["problem"].is_null()).await;
    let summary = status["hops"]["problem"]["summary"].as_str().unwrap();
    assert!(summary.contains("everybody can change the file (mode 0666)"), "{summary}");
    fs::set_permissions(edge.file("hop.key"), Permissions::from_mode(0o600)).unwrap();
    edge.status_where("no trouble", |status| {
        status["hops"]["problem"].is_null() && status["secret_warnings"] == serde_json::json!([])
    })
    .await;

    let settings = fs::read_to_string(edge.file("homeward.yaml")).unwrap();
    fs::write(edge.file("strict.yaml"), format!("{settings}secret_files: strict\n")).unwrap();
    assert!(edge.verb(&["check", "--config", "strict.yaml"]).status.success());
    fs::set_permissions(edge.file("session.key"), Permissions::from_mode(0o604)).unwrap();
    let refused = edge.verb(&["check", "--config", "strict.yaml"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("secret_files: strict forbids") && said.contains("session.key"), "{said}");
}

/// A number of `/proc/PID/limits`.
fn core_limit(process: u32) -> (String, String) {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    let mut words = line.split_whitespace().map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

#[tokio::test]
async fn a_crash_leaves_no_core_dump_unless_that_is_asked_for() {
    for allowed in [false, true] {
        let (_world, mut edge) = edge_with_secrets(if allowed { "core_dumps: true\n" } else { "" }).await;
        let (soft, hard) = core_limit(edge.id());
        if allowed {
            assert_eq!(soft, hard, "as large as may be");
            assert!(edge.log().contains("core_dumps: true: a crash may write keys"), "{}", edge.log());
        } else {
            assert_eq!(soft, "0");
            assert_eq!(hard, core_limit(std::process::id()).1, "nothing that could not be taken back");
        }
        edge.signal("ABRT");
        let status = edge.ended().await;
        assert_eq!(status.signal(), Some(6));
        if !allowed {
            assert!(!status.core_dumped());
        }
        let cores = fs::read_dir(edge.directory.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("core"));
        if !allowed {
            assert_eq!(cores.count(), 0);
        }
    }
}

/// Nobody of the same user can look into the process: what it has in `/proc` belongs to root.
#[tokio::test]
async fn other_processes_of_the_user_cannot_look_into_the_memory() {
    let directory = tempfile::tempdir().unwrap();
    let own = fs::metadata(directory.path()).unwrap().uid();
    let (_world, edge) = edge_with_secrets("").await;
    let owner = fs::metadata(format!("/proc/{}/environ", edge.id())).unwrap().uid();
    assert_eq!(owner, 0);
    if own != 0 {
        assert!(fs::read(format!("/proc/{}/environ", edge.id())).is_err());
    }
}

#[tokio::test]
async fn a_key_is_exchanged_step_by_step_over_edges_that_are_out_of_step() {
    use crate::support::fleet::{EAST, Fleet, Reach, WEST};
    let fleet = Fleet::start(Reach::Edge).await;
    let master = tempfile::tempdir().unwrap();
    let file = master.path().join("hop.key");
    write(&file, &format!("{}\n", crate::support::fleet::KEY));
    // A visitor of the north-west arrives in the east, and is handed on with a token.
    let hop = async |from: usize| {
        let address = fleet.edges[from].address;
        let answer = client::get(address, edge::NEW_YORK, "/", &[("cookie", "sid=west-1")]).await;
        assert_eq!((answer.status, &*answer.body), (200, "us-west"));
    };
    let refused = async || {
        let text = fleet.edges[WEST].admin("/metrics").await.body;
        let counted = |result: &str| {
            let line = format!("homeward_hop_tokens_total{{result=\"{result}\"}} ");
            text.lines().find_map(|l| l.strip_prefix(&line)).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
        };
        counted("bad_signature") + counted("malformed")
    };
    for step in ["accept", "sign", "retire"] {
        let output = edge::verb(master.path(), &["key", "rotate", "hop.key", "--step", step]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        for at in [EAST, 1, WEST] {
            // One edge after the other: in between they are a step apart.
            let before = reloads(&fleet.edges[at]);
            write(&fleet.edges[at].file("hop.key"), &fs::read_to_string(&file).unwrap());
            eventually("the new hop keys", async || (reloads(&fleet.edges[at]) > before).then_some(())).await;
            hop(EAST).await;
        }
    }
    assert_eq!(refused().await, 0, "every token was believed");
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(crate::support::fleet::KEY) && text.lines().count() == 1, "the old key is gone");
}

/// How often new hop keys were taken in.
fn reloads(edge: &EdgeProcess) -> usize {
    edge.log().matches("hops are signed with the keys in").count()
}

#[tokio::test]
async fn a_generated_file_is_what_an_edge_takes() {
    let directory = tempfile::tempdir().unwrap();
    let verb = |arguments: &[&str]| edge::verb(directory.path(), arguments);
    assert!(verb(&["key", "generate", "--out", "hop.key"]).status.success());
    assert!(verb(&["key", "generate", "--kind", "token", "--role", "read", "--out", "admin.tokens"]).status.success());
    for name in ["hop.key", "admin.tokens"] {
        assert_eq!(fs::metadata(directory.path().join(name)).unwrap().mode() & 0o7777, 0o600, "{name}");
    }
    let before = fs::read_to_string(directory.path().join("hop.key")).unwrap();
    let again = verb(&["key", "generate", "--out", "hop.key"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8(again.stderr).unwrap().contains("is there already, and stays as it is"));
    assert_eq!(fs::read_to_string(directory.path().join("hop.key")).unwrap(), before);
    let printed = String::from_utf8(verb(&["key", "generate"]).stdout).unwrap();
    assert!(
        printed.len() == 65 && printed.trim_end().bytes().all(|b| b.is_ascii_hexdigit()),
        "64 digits and a line break"
    );
    assert_ne!(printed, String::from_utf8(verb(&["key", "generate"]).stdout).unwrap());
    let token = String::from_utf8(verb(&["key", "generate", "--kind", "token"]).stdout).unwrap();
    assert!(token.starts_with("operate:homeward_") && token.len() == "operate:homeward_".len() + 44, "{}", token.len());
    let settings = "version: 1\nregion: us-west\nlisten: [{address: 127.0.0.1:0}]\nrouting: {file: routing.yaml}\n\
                    hop: {key_file: hop.key}\nadmin: {token_file: admin.tokens}\nsecret_files: strict\n";
    fs::write(directory.path().join("homeward.yaml"), settings).unwrap();
    fs::write(directory.path().join("routing.yaml"), edge::table(&["127.0.0.1:1".parse().unwrap()], &[], &[], ""))
        .unwrap();
    let checked = verb(&["check", "--config", "homeward.yaml"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert!(String::from_utf8(checked.stdout).unwrap().contains("1 admin token"));
}
