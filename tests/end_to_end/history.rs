//! Tables that were live: what is remembered of them, and the way back.

mod drills;
mod edits;
mod guard;
mod rollback;

use crate::routing::World;
use crate::support::edits::sha256sum;
use crate::support::{Client, EdgeProcess, edge, eventually};
use serde_json::Value as Json;
use std::net::SocketAddr;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a verb says, and how it ends.
#[derive(Debug)]
pub(super) struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs a verb beside an edge.
pub(super) fn say(edge: &EdgeProcess, arguments: &[&str]) -> Said {
    let arguments: Vec<_> = arguments.iter().copied().chain(["--config", "homeward.yaml"]).collect();
    said(edge.verb(&arguments))
}

pub(super) fn said(Output { status, stdout, stderr }: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

/// The entries of the history that tables have brought, the newest first: what brought them, and their revision.
pub(super) async fn tables(edge: &EdgeProcess) -> Vec<(String, String)> {
    let history: Json = serde_json::from_str(&edge.admin("/api/v1/history").await.body).unwrap();
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let entries = history["entries"].as_array().unwrap().iter().filter(|entry| !entry["revision"].is_null());
    entries.map(|entry| (text(&entry["origin"]), text(&entry["revision"]))).collect()
}

pub(super) fn brought(origin: &str, revision: &str) -> (String, String) {
    (origin.to_owned(), revision.to_owned())
}

#[tokio::test]
async fn every_table_that_was_live_is_remembered_and_a_kill_forgets_none() {
    let mut world = World::start("", "").await;
    let texts = ["# one\n", "# two: umlauts äöü\n", "# three\n"].map(|more| world.table(more));
    let mut wanted = vec![brought("start", &sha256sum(&world.table("")))];
    for text in &texts {
        world.edge.adopt(text).await;
        wanted.insert(0, brought("file", &sha256sum(text)));
    }
    // At once: what was seen live is there afterwards.
    world.edge.kill_and_start_again().await;
    wanted.insert(0, brought("start", &sha256sum(&texts[2])));
    assert_eq!(tables(&world.edge).await, wanted);

    let refused = world.table("").replace("region: us-west", "region: us-wets");
    world.edge.save_table(&refused);
    world.edge.status_where("the refusal", |status| !status["table"]["problem"].is_null()).await;
    assert_eq!(tables(&world.edge).await, wanted, "what was never live is not there");
    // The edge notices the file by itself as often as not.
    world.edge.save_table(&world.table("# hung up\n"));
    world.edge.signal("HUP");
    let revision = sha256sum(&world.table("# hung up\n"));
    world.edge.status_where("the new table", |status| status["table"]["revision"] == *revision).await;
    assert_eq!(tables(&world.edge).await[0].1, *revision);

    let second = sha256sum(&texts[1]);
    let table = say(&world.edge, &["history", &second[..6]]);
    assert_eq!((table.code, table.out.as_str()), (0, texts[1].as_str()), "as it was, comments and all");
    let diff = say(&world.edge, &["history", &second, "--diff"]);
    let first = sha256sum(&texts[0]);
    assert!(diff.out.starts_with(&format!("both say the same\n\n--- {first}\n+++ {second}\n@@")), "{}", diff.out);
    assert!(diff.out.ends_with("-# one\n+# two: umlauts äöü\n"), "{}", diff.out);
    let back = say(&world.edge, &["history", &first, "--diff", "--against", &second]);
    assert!(back.out.ends_with("-# two: umlauts äöü\n+# one\n"), "{}", back.out);
    let list = say(&world.edge, &["history"]);
    assert!(list.out.lines().nth(1).unwrap().contains(&format!("{revision} live")), "{}", list.out);

    let unknown = say(&world.edge, &["history", "123456789abc"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("there is no table '123456789abc': "), "{}", unknown.err);
    let ambiguous = say(&world.edge, &["history", ""]);
    assert_eq!(ambiguous.code, 1, "{ambiguous:?}");

    // Without an edge it is told from the directory for state.
    world.edge.kill();
    let alone = say(&world.edge, &["history", &second]);
    assert_eq!((alone.code, alone.out.as_str()), (0, texts[1].as_str()));
    assert_eq!(alone.err, "homeward: no edge answers: this is what run holds\n");
    let list: Json = serde_json::from_str(&say(&world.edge, &["history", "--json"]).out).unwrap();
    assert_eq!((list["entries"].as_array().unwrap().len(), &list["live"]), (6, &Json::Null));
}

#[tokio::test]
async fn a_torn_journal_and_a_directory_that_cannot_be_written_stop_no_table() {
    let mut world = World::start("", "").await;
    world.edge.kill();
    let journal = world.edge.file("run/history/journal.jsonl");
    let whole = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, &whole[..whole.len() - 9]).unwrap();
    world.edge.start_again().await;
    assert_eq!(tables(&world.edge).await.len(), 1);
    assert!(world.edge.log().contains("1 line(s) of run/history/journal.jsonl cannot be read"), "{}", world.edge.log());

    // Something else lies where the history should be, as on a disk that takes nothing.
    std::fs::remove_dir_all(world.edge.file("run/history")).unwrap();
    std::fs::write(world.edge.file("run/history"), "in the way").unwrap();
    world.edge.adopt(&world.table("# one\n")).await;
    let status = world.edge.status().await;
    let problem = status["history"]["problem"].as_str().unwrap();
    assert!(problem.contains("run/history cannot be written"), "{problem}");
    let page = say(&world.edge, &["status"]);
    assert!(page.out.contains("History the history in run/history cannot be written"), "{}", page.out);

    std::fs::remove_file(world.edge.file("run/history")).unwrap();
    world.edge.adopt(&world.table("# two\n")).await;
    assert_eq!(world.edge.status().await["history"]["problem"], Json::Null);
    let live = async || Some(tables(&world.edge).await).filter(|tables| tables.len() == 1);
    eventually("an entry", live).await;
}

/// A table that serves, and one whose servers in us-east are those of nobody.
pub(super) fn without_servers_in_the_east(world: &World) -> String {
    let nobody = SocketAddr::new(world.block.address(30), 8080);
    edge::table(&[nobody], &[], &[], "# bad\n")
}

/// Visitors who come without end; how many requests there were, and how many of them failed.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    requests: Arc<AtomicUsize>,
    visitors: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    pub(super) fn on(edge: SocketAddr, cookie: &'static str, host: &'static str) -> Self {
        let (stop, requests) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let visitors = (0..4).map(|_| {
            let (stop, requests) = (Arc::clone(&stop), Arc::clone(&requests));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let mut visitor = Client::connect(edge, edge::NEW_YORK).await.host(host);
                    for _ in 0..200 {
                        if visitor.send("GET", "/", &[("cookie", cookie)], "").await.is_err() {
                            break; // the edge closes a connection now and then
                        }
                        requests.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(std::time::Duration::from_millis(4)).await;
                    }
                }
            })
        });
        let visitors = visitors.collect();
        Self { stop, requests, visitors }
    }

    /// Waits for so many more requests.
    pub(super) async fn more(&self, count: usize) {
        let goal = self.requests.load(Ordering::Relaxed) + count;
        eventually("requests", async || (self.requests.load(Ordering::Relaxed) >= goal).then_some(())).await;
    }

    pub(super) async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for visitor in self.visitors {
            visitor.await.unwrap();
        }
    }
}
