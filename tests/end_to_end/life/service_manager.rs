//! What systemd is told.

use crate::routing::World;
use crate::support::eventually;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

/// What was said up to now.
fn heard(socket: &UnixDatagram, said: &mut Vec<String>) {
    let mut text = [0; 4096];
    while let Ok(length) = socket.recv(&mut text) {
        said.push(String::from_utf8_lossy(&text[..length]).into_owned());
    }
}

#[tokio::test]
async fn systemd_hears_of_the_whole_life() {
    let mut world = World::start("watchdog: {stalled_after: 2s}\n", "").await;
    world.edge.kill();
    let directory = world.edge.directory.path().to_owned();
    let socket = UnixDatagram::bind(directory.join("notify")).unwrap();
    socket.set_nonblocking(true).unwrap();
    let log = std::fs::OpenOptions::new().append(true).open(directory.join("process.log")).unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "WATCHDOG_PID=$$ exec \"$0\" run --config homeward.yaml", env!("CARGO_BIN_EXE_homeward")])
        .current_dir(&directory)
        .env("NOTIFY_SOCKET", directory.join("notify"))
        .env("WATCHDOG_USEC", "400000")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    let mut hear = async |what: &str| {
        eventually(what, async || {
            heard(&socket, &mut said);
            let at = said.iter().position(|of| of.lines().any(|line| line == what))?;
            Some(said.drain(..=at).collect::<Vec<_>>())
        })
        .await
    };
    hear("READY=1").await;
    hear("WATCHDOG=1").await;
    let kill = |signal: &str, process: u32| {
        assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
    };
    kill("-HUP", child.id());
    let reload = hear("RELOADING=1").await.concat();
    assert!(reload.contains("MONOTONIC_USEC="), "{reload}");
    hear("READY=1").await;

    kill("-QUIT", child.id());
    let process = world.edge.taken_over().await;
    hear(&format!("MAINPID={process}")).await;
    hear("READY=1").await;
    assert!(eventually("the end", async || child.try_wait().unwrap()).await.success());
    hear("WATCHDOG=1").await;
    world.edge.signal("TERM");
    hear("STOPPING=1").await;
    world.edge.is_gone().await;
}
