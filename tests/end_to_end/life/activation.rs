//! Sockets that a service manager has bound.

use crate::support::edge::{self, Plan};
use crate::support::{App, Block, Client, eventually};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The files of an edge on the first address of a block, and an app behind it.
async fn files(block: &Block) -> (TempDir, SocketAddr, App) {
    let at = |number| SocketAddr::new(block.address(number), 8080);
    let app = App::start("us-east", at(2)).await;
    let plan = Plan { region: "us-west", settings: String::new(), table: edge::table(&[app.address], &[], &[], "") };
    let directory = tempfile::tempdir().unwrap();
    edge::write_settings(directory.path(), &plan, at(1), SocketAddr::new(block.address(1), 9901));
    std::fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
    (directory, at(1), app)
}

/// Starts an edge as systemd does: with the socket as file descriptor 3.
fn start(directory: &Path, socket: TcpListener) -> Child {
    let log = std::fs::File::create(directory.join("process.log")).unwrap();
    Command::new("sh")
        .args(["-c", "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" run --config homeward.yaml"])
        .arg(env!("CARGO_BIN_EXE_homeward"))
        .current_dir(directory)
        .stdin(Stdio::from(OwnedFd::from(socket)))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn an_edge_takes_the_socket_that_is_passed_to_it() {
    let block = Block::new();
    let (directory, address, _app) = files(&block).await;
    let socket = TcpListener::bind(address).unwrap();
    // Whoever comes before there is an edge waits.
    let early = tokio::spawn(async move { Client::connect(address, edge::NEW_YORK).await.get("/", &[]).await });
    let mut child = start(directory.path(), socket);
    assert_eq!(early.await.unwrap().status, 200);
    let log = || std::fs::read_to_string(directory.path().join("process.log")).unwrap();

    // And hands it over, and leaves no trace of how it came by it.
    let kill = |signal: &str, process: u32| {
        assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
    };
    kill("-QUIT", child.id());
    let process: u32 = eventually("a process that has taken over", async || {
        log().split_once(" serves from now on")?.0.rsplit(' ').next()?.parse().ok()
    })
    .await;
    assert_eq!(eventually("the end", async || child.try_wait().unwrap()).await.code(), Some(0), "{}", log());
    let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(!environment.contains("LISTEN_"), "{environment}");
    assert_eq!(Client::connect(address, edge::NEW_YORK).await.get("/", &[]).await.status, 200);
    kill("-TERM", process);
    eventually("the end of it", async || edge::has_ended(process).then_some(())).await;
}

#[tokio::test]
async fn a_socket_that_the_settings_do_not_name_is_a_mistake() {
    let block = Block::new();
    let (directory, _, _app) = files(&block).await;
    let other = SocketAddr::new(block.address(9), 8080);
    let mut child = start(directory.path(), TcpListener::bind(other).unwrap());
    let status = eventually("the end", async || child.try_wait().unwrap()).await;
    let said = std::fs::read_to_string(directory.path().join("process.log")).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("passes sockets that nobody would listen on: {other}; name them under listen:")),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_no_socket_is_a_mistake() {
    let block = Block::new();
    let (directory, _, _app) = files(&block).await;
    let log = directory.path().join("said");
    let status = Command::new("sh")
        .args(["-c", "exec 3</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" run --config homeward.yaml"])
        .arg(env!("CARGO_BIN_EXE_homeward"))
        .current_dir(directory.path())
        .stderr(std::fs::File::create(&log).unwrap())
        .status()
        .unwrap();
    let said = std::fs::read_to_string(log).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("passes as file descriptor 3 what is no stream socket"), "{said}");
}
