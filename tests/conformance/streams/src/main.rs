//! Sends streams of requests, right and wrong ones, through an edge to a pool that records what comes, and compares how two parsers
//! read that: `homeward-streams EDGE PORT FIRST COUNT SEED LLHTTP < ACCESS_LOG`. It says `sent` when all streams are; once the access
//! log ends, what was found, as JSON.
//!
//! `homeward-streams show SEED NUMBER` prints one stream.

mod boundaries;
mod client;
mod comparison;
mod grammar;
mod log;
mod mutation;
mod pool;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// How many clients there are at once.
const CLIENTS: usize = 300;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &arguments[..] {
        ["show", seed, number] => {
            for part in mutation::stream(seed.parse()?, number.parse()?).parts {
                println!("{}", part.escape_ascii());
            }
            Ok(())
        }
        [edge, port, first, count, seed, script] => {
            let run = Run {
                edge: edge.parse()?,
                port: port.parse()?,
                first: first.parse()?,
                count: count.parse()?,
                seed: seed.parse()?,
                script: (*script).to_owned(),
            };
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run.go())
        }
        _ => Err("homeward-streams EDGE PORT FIRST COUNT SEED LLHTTP, or show SEED NUMBER".into()),
    }
}

struct Run {
    edge: SocketAddr,
    /// The pool's.
    port: u16,
    first: u64,
    count: u64,
    seed: u64,
    script: String,
}

#[derive(Default)]
struct Totals {
    connected: AtomicU64,
    answers: AtomicU64,
    ok: AtomicU64,
}

impl Run {
    /// Waits until the edge serves from the pool.
    async fn ready(&self) -> Result<(), Failure> {
        let hello = mutation::Stream { parts: vec![b"GET /hello HTTP/1.1\r\nHost: streams.test\r\n\r\n".to_vec()] };
        for _ in 0..100 {
            if client::play(self.edge, 0, &hello).await.ok == 1 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("the edge does not serve".into())
    }

    async fn go(self) -> Result<(), Failure> {
        let script = self.script.clone();
        let (records, recorded) = mpsc::channel(1024);
        let comparing = tokio::spawn(async move { comparison::compare(&script, recorded).await });
        let pool = pool::serve(self.port, records).await?;
        let reading = tokio::spawn(log::read(tokio::io::stdin()));
        self.ready().await?;

        let (gate, totals) = (Arc::new(Semaphore::new(CLIENTS)), Arc::new(Totals::default()));
        for number in self.first..self.first + self.count {
            let permit = Arc::clone(&gate).acquire_owned().await?;
            let totals = Arc::clone(&totals);
            tokio::spawn(async move {
                let outcome = client::play(self.edge, number, &mutation::stream(self.seed, number)).await;
                totals.connected.fetch_add(u64::from(outcome.connected), Ordering::Relaxed);
                totals.answers.fetch_add(outcome.answers, Ordering::Relaxed);
                totals.ok.fetch_add(outcome.ok, Ordering::Relaxed);
                drop(permit);
            });
        }
        let _all = gate.acquire_many(u32::try_from(CLIENTS)?).await?;
        println!("sent");

        // Whoever started the edge ends it now, which ends the log, and the connections to the pool.
        let log = reading.await??;
        pool.iter().for_each(tokio::task::JoinHandle::abort);
        let comparison = comparing.await??;
        report(&totals, &log, &comparison)
    }
}

fn report(totals: &Totals, log: &log::Log, comparison: &comparison::Comparison) -> Result<(), Failure> {
    for shown in &comparison.shown {
        eprintln!("{shown}\n");
    }
    let beyond = |(id, seen): (&(u64, u64), &u32)| log.asked_for.get(id).copied().unwrap_or(0) < *seen;
    let unasked: Vec<_> = comparison.seen.iter().filter(|one| beyond(*one)).map(|(id, seen)| (*id, *seen)).collect();
    for (id, seen) in unasked.iter().take(5) {
        eprintln!("request {id:?} was seen {seen} times, the edge asked for it {:?} times", log.asked_for.get(id));
    }
    let of = |total: &AtomicU64| total.load(Ordering::Relaxed);
    println!(
        "{}",
        serde_json::to_string(&serde_json::json!({
            "connected": of(&totals.connected), "answers": of(&totals.answers), "ok": of(&totals.ok),
            "logged": log.lines, "asked": log.asked, "statuses": log.statuses,
            "connections": comparison.connections, "requests": comparison.requests, "nameless": comparison.nameless,
            "disagreements": comparison.disagreements, "malformed": comparison.malformed, "unasked": unasked.len(),
        }))?
    );
    Ok(())
}
