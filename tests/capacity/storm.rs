//! A real storm beside the simulated one: two edges, one is killed, its clients reconnect to the other.

use crate::Options;
use crate::app::App;
use crate::check::{MACHINE, NOTHING, Verdict};
use crate::clients::{Door, answer, request};
use crate::costs::open;
use crate::edge::{Edge, Plan};
use homeward::capacity::{Costs, Failure, Load, Work};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

/// Clients of the edge that is killed: more than the other one can take in while they come.
const CLIENTS: f64 = 5_000.0;

/// How long they wait at the most before they first try again.
const BACK_OFF: f64 = 1.0;

const PATIENCE: f64 = 10.0;

/// The simulation knows waits to a step, in seconds.
const STEP: f64 = 0.1;

/// What became of one of them.
struct Back {
    /// Seconds from the loss until it had an answer.
    after: f64,
    /// Seconds from its first attempt on.
    waited: f64,
    failed: bool,
}

/// How often it is done. Of what is seen the medians count.
const STORMS: usize = 3;

/// What was seen of a storm.
struct Seen {
    /// Seconds of a core that it took.
    took: f64,
    /// Seconds until half of the clients, and all of them, were back.
    half_after: f64,
    all_after: f64,
    /// The longest that one waited, in seconds.
    longest: f64,
    /// How many saw an error, and waited longer than a second.
    errors: f64,
    slow: f64,
}

pub async fn run(options: &Options, costs: &Costs, verdict: &mut Verdict) {
    let app = App::start().await;
    let count = (CLIENTS * options.scale.min(1.0)).ceil();
    let mut all = Vec::new();
    for _ in 0..STORMS {
        all.push(once(options, &app, count).await);
    }
    let seen = |of: fn(&Seen) -> f64| {
        let mut each: Vec<_> = all.iter().map(of).collect();
        each.sort_by(f64::total_cmp);
        each[each.len() / 2]
    };
    let moved = Load { connections: count, tls: 1.0, websockets: 1.0, ..NOTHING };
    let failure = Failure {
        own: NOTHING,
        moved,
        machine: MACHINE,
        ramp: None,
        redirect: 0.0,
        back_off: BACK_OFF,
        longest_back_off: 30.0,
        patience: PATIENCE,
        resumed: 0.0,
        longest: 60.0,
        seed: 1,
    };
    let course = failure.course(costs);
    let told_half =
        course.moments.iter().find(|moment| moment.connected >= 0.5).map_or(f64::NAN, |moment| moment.second + STEP);
    let once = Load { new_connections: count, requests: count, ..moved };
    // Where the core has pauses, it wakes up in between.
    let told_seconds = course.steady_after.unwrap_or(f64::NAN);
    let told_took = Work::of(costs, &once).utilisation(told_seconds) * told_seconds;
    verdict.hold("a storm: core-seconds that it takes", "s", seen(|one| one.took), told_took, 1.25);
    verdict.hold("a storm: half of the clients are back after", "s", seen(|one| one.half_after), told_half, 1.5);
    verdict.hold("a storm: all clients are back after", "s", seen(|one| one.all_after), told_seconds, 1.5);
    let told_longest = course.peak_delay + STEP;
    verdict.hold("a storm: the longest wait of a client", "s", seen(|one| one.longest), told_longest, 2.0);
    println!("clients that saw an error: {}, and {} predicted", seen(|one| one.errors), course.errors);
    println!("clients that waited longer than a second: {}, and {} predicted", seen(|one| one.slow), course.slow);
}

/// Does it once.
async fn once(options: &Options, app: &App, count: f64) -> Seen {
    let mut lost = Edge::start(&options.homeward, app, &Plan { number: 3, ..Plan::default() }).await;
    let left = Edge::start(&options.homeward, app, &Plan { number: 4, ..Plan::default() }).await;
    let streams = open(&Door::tls(&lost, true), count as usize).await;
    let door = Door::tls(&left, false);
    open(&door, 50).await; // warm
    let failures = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    let before = left.cpu();
    lost.kill();
    let killed = Instant::now();
    for (at, mut stream) in streams.into_iter().enumerate() {
        let (door, failures) = (door.clone(), failures.clone());
        clients.spawn(async move {
            let mut random = fastrand::Rng::with_seed(at as u64);
            let mut byte = [0];
            let _ = stream.read(&mut byte).await; // it is over
            tokio::time::sleep(Duration::from_secs_f64(BACK_OFF * random.f64())).await;
            let first = Instant::now();
            let mut wait = 2.0 * BACK_OFF;
            let mut failed = false;
            loop {
                let attempt = connect(&door);
                if tokio::time::timeout(Duration::from_secs_f64(PATIENCE), attempt).await.is_ok_and(|well| well) {
                    let (after, waited) = (killed.elapsed().as_secs_f64(), first.elapsed().as_secs_f64());
                    return Back { after, waited, failed };
                }
                failed = true;
                failures.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs_f64(wait * (0.5 + 0.5 * random.f64()))).await;
                wait = (2.0 * wait).min(30.0);
            }
        });
    }
    let mut backs = Vec::new();
    while let Some(back) = clients.join_next().await {
        backs.push(back.unwrap());
    }
    let took = left.cpu() - before;
    backs.sort_by(|a, b| a.after.total_cmp(&b.after));
    let many = |is: fn(&Back) -> bool| backs.iter().filter(|back| is(back)).count() as f64;
    Seen {
        took,
        half_after: backs[backs.len() / 2].after,
        all_after: backs.last().map_or(0.0, |back| back.after),
        longest: backs.iter().map(|back| back.waited).fold(0.0, f64::max),
        errors: many(|back| back.failed),
        slow: many(|back| back.waited > 1.0),
    }
}

async fn connect(door: &Door) -> bool {
    let Ok(mut stream) = door.connect().await else { return false };
    let text = request("portal.example.com", "/1", "east", false);
    let mut buffer = Vec::new();
    stream.write_all(&text).await.is_ok() && answer(&mut stream, &mut buffer).await.unwrap_or(false)
}
