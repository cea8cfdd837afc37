//! Starts that must fail, and starts that must not.

use crate::routing::World;
use crate::support::{App, Block, EdgeProcess, PATIENCE, client, edge, edge::Plan};
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

/// The files of an edge that listens on these addresses, with one server in us-east.
fn files(address: SocketAddr, admin: SocketAddr, server: SocketAddr) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let table = edge::table(&[server], &[], &[], "");
    let plan = Plan { region: "us-west", settings: String::new(), table };
    edge::write_settings(directory.path(), &plan, address, admin);
    std::fs::write(directory.path().join("routing.yaml"), &plan.table).unwrap();
    directory
}

/// What a start says that fails, with 1.
async fn refusal(directory: &Path) -> String {
    let edge = tokio::process::Command::new(env!("CARGO_BIN_EXE_homeward"))
        .args(["run", "--config", "homeward.yaml"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, edge).await.expect("the edge should not run").unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let world = World::start("", "").await;
    let free = |number| SocketAddr::new(world.block.address(number), 8080);
    for (address, admin, taken, key) in [
        (world.edge.address, free(10), world.edge.address, "listen:"),
        (free(11), world.edge.admin, world.edge.admin, "admin.address"),
    ] {
        let second = files(address, admin, world.east.address);
        let said = refusal(second.path()).await;
        let last = said.lines().last().unwrap();
        assert!(last.contains(&taken.to_string()), "{said}");
        assert!(last.contains("another process has it: stop that one, or choose another"), "{said}");
        assert!(last.contains(key), "{said}");
        assert!(!second.path().join("run/homeward.sock").exists(), "nothing is left behind");
    }
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[]).await;
    assert_eq!(answer.status, 200, "the first one does not notice");
}

#[tokio::test]
async fn two_edges_cannot_have_one_socket() {
    let world = World::start("", "").await;
    let free = |number, port| SocketAddr::new(world.block.address(number), port);
    let second = files(free(10, 8080), free(10, 9901), world.east.address);
    let settings = second.path().join("homeward.yaml");
    let socket = world.edge.file("run/homeward.sock");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("run/homeward.sock", socket.to_str().unwrap())).unwrap();
    let said = refusal(second.path()).await;
    assert!(said.contains(socket.to_str().unwrap()) && said.contains("another edge answers there"), "{said}");
    let status = world.edge.verb(&["status", "--json", "--admin", socket.to_str().unwrap()]);
    assert_eq!(status.status.code(), Some(0), "the first one still answers at its socket: {status:?}");
}

#[tokio::test]
async fn a_dead_socket_is_replaced_and_a_file_is_not() {
    let block = Block::new();
    let at = |number, port| SocketAddr::new(block.address(number), port);
    let app = App::start("us-east", at(2, 8080)).await;
    let directory = files(at(1, 8080), at(1, 9901), app.address);
    let socket = directory.path().join("run/homeward.sock");
    std::fs::create_dir(directory.path().join("run")).unwrap();
    std::fs::write(&socket, "precious").unwrap();
    let said = refusal(directory.path()).await;
    assert!(said.contains("a file lies there that is no socket; move it away"), "{said}");
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "precious");

    std::fs::remove_file(&socket).unwrap();
    drop(UnixListener::bind(&socket).unwrap()); // its file stays
    assert!(socket.exists());
    let edge = EdgeProcess::start_in(directory, at(1, 8080), at(1, 9901)).await;
    let status = edge.verb(&["status", "--json", "--admin", "run/homeward.sock"]);
    assert_eq!(status.status.code(), Some(0), "{status:?}");
    assert!(serde_json::from_slice::<serde_json::Value>(&status.stdout).unwrap()["regions"].is_array());
}

#[tokio::test]
async fn an_edge_that_was_killed_starts_again_on_its_files() {
    let mut world = World::start("", "").await;
    let before = world.edge.id();
    world.edge.kill_and_start_again().await;
    assert_ne!(world.edge.id(), before);
    let answer = client::get(world.edge.address, edge::NEW_YORK, "/", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"));
    let status = world.edge.verb(&["status", "--admin", "run/homeward.sock"]);
    assert_eq!(status.status.code(), Some(0), "{status:?}");

    // And with a table that was broken meanwhile, on the last good one.
    world.edge.save_table("version: 1\nregions: [");
    world.edge.kill_and_start_again().await;
    assert_eq!(client::get(world.edge.address, edge::NEW_YORK, "/", &[]).await.body, "us-east");
    assert!(world.edge.log().contains("the last good table serves"), "{}", world.edge.log());
}

#[tokio::test]
async fn a_pool_may_name_its_servers() {
    let block = Block::new();
    // A name of /etc/hosts leads to 127.0.0.1 for all tests alike, so the system chooses the port.
    let app = App::start("us-east", SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let named = format!("localhost:{}", app.address.port());
    let table = edge::table(&[app.address], &[], &[], "").replace(&app.address.to_string(), &named);
    assert!(table.contains(&named));
    let plan = Plan { region: "us-west", settings: String::new(), table };
    let edge = EdgeProcess::start(&block, 1, &plan).await;
    for _ in 0..20 {
        let answer = client::get(edge.address, edge::NEW_YORK, "/", &[("cookie", "sid=east-1")]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "us-east"), "from the first request on");
    }
    assert_eq!(app.seen().len(), 20);
}
