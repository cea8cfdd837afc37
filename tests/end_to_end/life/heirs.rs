//! New processes that do not become ready, or may not: the running one serves on.

use crate::routing::World;
use crate::support::{Client, edge, edge::has_ended, eventually};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

async fn serves(world: &World) {
    let mut visitor = Client::connect(world.edge.address, edge::NEW_YORK).await;
    assert_eq!(visitor.get("/", &[]).await.status, 200, "{}", world.edge.log());
    assert_eq!(world.edge.admin("/readyz").await.status, 200);
}

async fn failed(world: &World, times: u32, why: &str) {
    let line = format!("homeward_handovers_total{{result=\"failed\"}} {times}");
    eventually("a hand-over that failed", async || {
        world.edge.admin("/metrics").await.body.lines().any(|of| of == line).then_some(())
    })
    .await;
    let log = world.edge.log();
    assert!(log.contains("the hand-over failed, and this process goes on serving: "), "{log}");
    assert!(log.contains(why), "{log}");
    serves(world).await;
}

fn put(program: &Path, text: &str) {
    let beside = program.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(beside, program).unwrap();
}

/// Starts a world whose edge was started through a link, so that the program can be changed.
async fn linked(settings: &str) -> World {
    let mut world = World::start(settings, "").await;
    world.edge.kill();
    symlink(env!("CARGO_BIN_EXE_homeward"), world.edge.file("homeward")).unwrap();
    world.edge.start_again().await;
    world
}

#[tokio::test]
async fn a_program_that_crashes_at_its_start_leaves_the_old_one_serving() {
    let mut world = linked("handover: {ready_within: 400ms}\n").await;
    let program = world.edge.file("homeward");
    let first = world.edge.id();
    for (times, text, why) in [
        (1, "#!/bin/sh\nexit 3\n", "never asked to take over: it ended by exit status: 3"),
        (2, "#!/bin/sh\nkill -SEGV $$\n", "it ended by signal: 11 (SIGSEGV)"),
        (3, "no program at all", "cannot be started: Exec format error"),
        (4, "#!/bin/sh\nexec sleep 1000\n", "did not ask to take over within 400ms"),
    ] {
        put(&program, text);
        world.edge.signal("QUIT");
        failed(&world, times, why).await;
    }
    let log = world.edge.log();
    let sleeper =
        log.lines().filter_map(|line| line.split_once("as process ")?.1.split(',').next()?.parse().ok()).next_back();
    eventually("the end of the one that slept", async || has_ended(sleeper.unwrap()).then_some(())).await;
    std::fs::remove_file(&program).unwrap();
    symlink(env!("CARGO_BIN_EXE_homeward"), &program).unwrap();
    world.edge.hand_over().await;
    world.edge.ended().await;
    assert_ne!(world.edge.id(), first);
    serves(&world).await;
}

#[tokio::test]
async fn settings_with_a_problem_leave_the_old_one_serving() {
    let mut world = World::start("", "").await;
    let file = world.edge.file("homeward.yaml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("threads: 2", "threads: two")).unwrap();
    world.edge.signal("QUIT");
    failed(&world, 1, "never asked to take over: it ended by exit status: 1; see what it has said").await;
    assert!(world.edge.log().contains("homeward.yaml:9"), "{}", world.edge.log());

    // One that is found only when everything is put together: somebody else has the address.
    let taken = std::net::TcpListener::bind((world.block.address(20), 8080)).unwrap();
    let listen = format!("listen: [{{address: \"{}\"}}, ", taken.local_addr().unwrap());
    std::fs::write(&file, good.replace("listen: [", &listen)).unwrap();
    world.edge.signal("QUIT");
    failed(&world, 2, "cannot take over: cannot listen on ").await;

    // And it can be put right: with an address more than before.
    drop(taken);
    world.edge.hand_over().await;
    assert_eq!(world.edge.ended().await.code(), Some(0));
    serves(&world).await;
    let mut visitor = Client::connect((world.block.address(20), 8080).into(), edge::NEW_YORK).await;
    assert_eq!(visitor.get("/", &[]).await.status, 200);
}

/// One side of a hand-over, as far as it says so.
struct Pretender(UnixStream);

impl Pretender {
    async fn hello(socket: &Path, protocol: u32) -> Self {
        // It is made once the edge serves.
        let stream = eventually("the socket of hand-overs", async || UnixStream::connect(socket).ok()).await;
        let mut pretender = Self(stream);
        pretender.say(&format!("{{\"say\":\"hello\",\"protocol\":{protocol},\"homeward\":\"9.9.9\",\"more\":[1]}}"));
        pretender
    }

    fn say(&mut self, text: &str) {
        self.0.write_all(&u32::try_from(text.len()).unwrap().to_be_bytes()).unwrap();
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// What is said to it. The sockets that come with it are closed.
    fn hear(&mut self) -> serde_json::Value {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut text = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

fn upgrade(world: &World) -> Output {
    Command::new(env!("CARGO_BIN_EXE_homeward"))
        .args(["run", "--config", "homeward.yaml", "--upgrade"])
        .current_dir(world.edge.directory.path())
        .output()
        .unwrap()
}

#[tokio::test]
async fn only_one_may_try_at_a_time_and_not_for_ever() {
    let world = World::start("handover: {ready_within: 5s}\n", "").await;
    let socket = world.edge.file("run/handover.sock");
    let mut first = Pretender::hello(&socket, 1).await;
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let offer = first.hear();
    assert_eq!(offer["say"], "offer", "{offer}");
    let names: Vec<_> =
        offer["sockets"].as_array().unwrap().iter().map(|name| name["what"].as_str().unwrap()).collect();
    assert_eq!(names, ["listen", "admin", "admin_socket"], "{offer}");

    let second = upgrade(&world);
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("the running edge does not hand over: process ") && said.contains("only one can"), "{said}");
    world.edge.signal("QUIT");
    eventually("a refusal", async || world.edge.log().contains("so that no other one is started").then_some(())).await;

    let no = first.hear();
    assert_eq!(no["say"], "no", "{no}");
    failed(&world, 1, "was not ready within 5s").await;

    let mut other = Pretender::hello(&socket, 2).await;
    let no = other.hear();
    assert!(no["why"].as_str().unwrap().contains("version 2 of the conversation, and this is 1"), "{no}");
    let metrics = world.edge.admin("/metrics").await.body;
    assert!(metrics.contains("homeward_handovers_total{result=\"refused\"} 2"), "{metrics}");
    serves(&world).await;
}

#[tokio::test]
async fn a_heir_that_dies_half_way_is_forgotten() {
    let mut world = World::start("", "").await;
    let mut heir = Pretender::hello(&world.edge.file("run/handover.sock"), 1).await;
    assert_eq!(heir.hear()["say"], "offer");
    drop(heir);
    failed(&world, 1, "ended before it was ready").await;
    world.edge.hand_over().await;
    world.edge.ended().await;
    serves(&world).await;
}

#[tokio::test]
async fn a_stop_is_heard_by_the_one_that_gets_ready() {
    let mut world = World::start("", "").await;
    let mut heir = Pretender::hello(&world.edge.file("run/handover.sock"), 1).await;
    assert_eq!(heir.hear()["say"], "offer");
    world.edge.signal("TERM");
    assert_eq!(heir.hear()["say"], "no");
    assert_eq!(world.edge.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_edge_on_the_same_state_is_refused() {
    let world = World::start("", "").await;
    eventually("the socket of hand-overs", async || world.edge.file("run/handover.sock").exists().then_some(())).await;
    let said = world.edge.verb(&["run", "--config", "homeward.yaml"]);
    let text = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(1), "{text}");
    assert!(
        text.contains("an edge runs already with the state directory run; take over from it with --upgrade"),
        "{text}"
    );
    assert!(!has_ended(world.edge.id()));
    serves(&world).await;
}

/// Begins an edge that takes over from a running one that this test plays; until it says that it is ready.
async fn begin_to_take_over(world: &mut World) -> (Child, Pretender) {
    world.edge.kill();
    let socket = world.edge.file("run/handover.sock");
    if socket.exists() {
        std::fs::remove_file(&socket).unwrap();
    }
    let listener = UnixListener::bind(&socket).unwrap();
    let log = std::fs::OpenOptions::new().append(true).open(world.edge.file("process.log")).unwrap();
    let heir = Command::new(env!("CARGO_BIN_EXE_homeward"))
        .args(["run", "--config", "homeward.yaml", "--upgrade"])
        .current_dir(world.edge.directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut elder = Pretender(listener.accept().unwrap().0);
    assert_eq!(elder.hear()["say"], "hello");
    elder.say(r#"{"say":"offer","protocol":1,"homeward":"0.0.1","sockets":[]}"#);
    assert_eq!(elder.hear()["say"], "ready");
    (heir, elder)
}

#[tokio::test]
async fn who_is_told_no_in_the_last_moment_ends() {
    let mut world = World::start("", "").await;
    let (mut heir, mut elder) = begin_to_take_over(&mut world).await;
    elder.say(r#"{"say":"counts"}"#);
    assert_eq!(elder.hear()["say"], "serving");
    elder.say(r#"{"say":"no","why":"I have thought better of it"}"#);
    let status = eventually("the end", async || heir.try_wait().unwrap()).await;
    assert_eq!(status.code(), Some(1));
    let log = world.edge.log();
    assert!(log.contains("the running edge did not hand over: I have thought better of it; 0 request(s)"), "{log}");
}

#[tokio::test]
async fn who_is_left_alone_serves() {
    let mut world = World::start("", "").await;
    let (mut heir, elder) = begin_to_take_over(&mut world).await;
    drop(elder);
    eventually("an edge that is alone", async || world.edge.log().contains("this one goes on alone").then_some(()))
        .await;
    eventually("a ready edge", async || {
        let mut visitor = tokio::net::TcpStream::connect(world.edge.address).await.ok()?;
        tokio::io::AsyncWriteExt::shutdown(&mut visitor).await.ok()
    })
    .await;
    serves(&world).await;
    assert!(Command::new("kill").args(["-TERM", &heir.id().to_string()]).status().unwrap().success());
    assert_eq!(eventually("the end", async || heir.try_wait().unwrap()).await.code(), Some(0));
}
