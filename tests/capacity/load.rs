//! Load at a rate, whatever becomes of what came before: times count from when a request was due.

use crate::clients::{Door, answer, request};
use crate::edge::Edge;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::sleep_until;
use tokio_tungstenite::tungstenite::Message;

/// What is sent.
#[derive(Clone)]
pub enum Kind {
    /// Requests on so many kept connections.
    Kept { connections: usize, path: &'static str, prefix: &'static str },
    /// Each on a connection of its own.
    Fresh { workers: usize },
    /// By HTTP/2, on so many connections.
    Http2 { connections: usize },
    /// Messages on so many WebSockets.
    Sockets { connections: usize },
}

/// The rate of whoever sends the next as soon as the last one is answered.
pub const AT_ONCE: f64 = 1e9;

/// What came of a load.
#[derive(Default)]
pub struct Outcome {
    /// When each was done, in seconds of the measured time, and the seconds from when it was due until then.
    pub times: Vec<(f64, f64)>,
    pub failed: usize,
    /// Of the measured time.
    pub seconds: f64,
    /// Seconds of a core that the edges took meanwhile.
    pub cpu: f64,
}

impl Outcome {
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.seconds
    }

    /// How busy the edges' core was with it.
    pub fn utilisation(&self) -> f64 {
        self.cpu / self.seconds
    }

    /// µs of a core for each.
    pub fn each(&self) -> f64 {
        self.cpu / self.times.len().max(1) as f64 * 1e6
    }

    /// The time that `part` of them were done in, in a second that a quarter of those that were measured are not above: the
    /// neighbours of a virtual machine, and its kernel, stop all of it for milliseconds in others, of which no calculation
    /// knows. They never make it faster.
    pub fn below(&self, part: f64) -> f64 {
        let mut seconds = vec![Vec::new(); self.seconds.ceil().max(1.0) as usize];
        for (done, time) in &self.times {
            if let Some(second) = seconds.get_mut(*done as usize) {
                second.push(*time);
            }
        }
        let of_each = seconds.into_iter().map(|mut times| {
            times.sort_by(f64::total_cmp);
            times.get((times.len() as f64 * part) as usize).copied().unwrap_or(f64::INFINITY)
        });
        let mut of_each: Vec<_> = of_each.collect();
        of_each.sort_by(f64::total_cmp);
        of_each[of_each.len() / 4]
    }
}

/// Sends `rate` of `kind` a second for `seconds`, after a warm-up.
pub async fn run(edges: &[&Edge], door: &Door, kind: &Kind, rate: f64, seconds: f64) -> Outcome {
    run_all(edges, &[(door.clone(), kind.clone(), rate)], seconds).await.pop().unwrap()
}

/// Several at once. Each outcome has the time of the cores that all took together.
pub async fn run_all(edges: &[&Edge], all: &[(Door, Kind, f64)], seconds: f64) -> Vec<Outcome> {
    let begin = Instant::now() + Duration::from_secs_f64(1.0_f64.min(seconds));
    let end = begin + Duration::from_secs_f64(seconds);
    let mut sets = Vec::new();
    for (door, kind, rate) in all {
        let mut set = JoinSet::new();
        let tasks = match kind {
            Kind::Kept { connections, .. } | Kind::Http2 { connections } | Kind::Sockets { connections } => {
                *connections
            }
            Kind::Fresh { workers } => *workers,
        };
        for task in 0..tasks {
            let (door, kind, rate) = (door.clone(), kind.clone(), rate / tasks as f64);
            set.spawn(async move {
                let mut pace = Pace::new(task as u64 + 1, rate, begin, end);
                if work(&door, &kind, &mut pace).await.is_err() {
                    pace.failed += 1;
                }
                (pace.times, pace.failed)
            });
        }
        sets.push(set);
    }
    sleep_until(begin.into()).await;
    let before: f64 = edges.iter().map(|edge| edge.cpu()).sum();
    sleep_until(end.into()).await;
    let took = edges.iter().map(|edge| edge.cpu()).sum::<f64>() - before;
    let mut outcomes = Vec::new();
    for mut set in sets {
        let mut outcome = Outcome { seconds, cpu: took, ..Outcome::default() };
        while let Some(done) = set.join_next().await {
            let (times, failed) = done.unwrap();
            outcome.times.extend(times);
            outcome.failed += failed;
        }
        outcomes.push(outcome);
    }
    outcomes
}

/// When a task sends next: at random, as visitors come.
struct Pace {
    random: fastrand::Rng,
    rate: f64,
    due: Instant,
    started: Instant,
    begin: Instant,
    end: Instant,
    times: Vec<(f64, f64)>,
    failed: usize,
}

impl Pace {
    fn new(seed: u64, rate: f64, begin: Instant, end: Instant) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        let now = Instant::now();
        Self { random, rate, due: now, started: now, begin, end, times: Vec::new(), failed: 0 }
    }

    /// Waits until the next one is due; `None` where the time is over.
    async fn next(&mut self) -> Option<()> {
        let gap = -(1.0 - self.random.f64()).ln() / self.rate;
        self.due += Duration::from_secs_f64(gap.min(60.0));
        if self.due >= self.end || Instant::now() >= self.end {
            return None;
        }
        if self.due < Instant::now() {
            // Late because of what came before it: that counts.
            self.started = self.due;
            return Some(());
        }
        // Timers know milliseconds only, and would send in bursts.
        let timer = self.due - Duration::from_millis(2);
        if timer > Instant::now() {
            sleep_until(timer.into()).await;
        }
        while Instant::now() < self.due {
            tokio::task::yield_now().await;
        }
        self.started = Instant::now();
        Some(())
    }

    fn done(&mut self) {
        let now = Instant::now();
        if now >= self.begin && now < self.end {
            self.times.push(((now - self.begin).as_secs_f64(), (now - self.started).as_secs_f64()));
        }
    }
}

type Done = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn work(door: &Door, kind: &Kind, pace: &mut Pace) -> Done {
    let mut buffer = Vec::with_capacity(1 << 17);
    match kind {
        Kind::Kept { path, prefix, .. } => {
            let text = request("portal.example.com", path, prefix, false);
            let mut stream = door.connect().await?;
            while pace.next().await.is_some() {
                stream.write_all(&text).await?;
                if !answer(&mut stream, &mut buffer).await? {
                    pace.failed += 1;
                }
                pace.done();
            }
        }
        Kind::Fresh { .. } => {
            let text = request("portal.example.com", "/1", "east", true);
            while pace.next().await.is_some() {
                let mut stream = door.connect().await?;
                stream.write_all(&text).await?;
                if !answer(&mut stream, &mut buffer).await? {
                    pace.failed += 1;
                }
                pace.done();
            }
        }
        Kind::Http2 { .. } => {
            let stream = tokio::net::TcpStream::connect(door.to).await?;
            stream.set_nodelay(true)?;
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
            let driver = tokio::spawn(connection);
            while pace.next().await.is_some() {
                let request =
                    hyper::Request::get("http://portal.example.com/1").header("cookie", "sid=east-9f2c5be1d07a4");
                let answer = sender.send_request(request.body(Empty::<bytes::Bytes>::new())?).await?;
                if !answer.status().is_success() {
                    pace.failed += 1;
                }
                answer.into_body().collect().await?;
                pace.done();
            }
            driver.abort();
        }
        Kind::Sockets { .. } => {
            let stream = tokio::net::TcpStream::connect(door.to).await?;
            stream.set_nodelay(true)?;
            let (mut socket, _) = tokio_tungstenite::client_async("ws://ws.example.com/", stream).await?;
            while pace.next().await.is_some() {
                socket.send(Message::text("64 bytes of a message, as a chat or a ticker sends them: 0123456")).await?;
                socket.next().await.ok_or("closed")??;
                pace.done();
            }
        }
    }
    Ok(())
}
