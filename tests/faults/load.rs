//! Visitors who come at their own pace, whatever becomes of those before them.

use crate::client::{PATIENCE, Pool};
use crate::record::{Ask, End, Record, SECOND, now};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// The most requests that are on their way at once: 10 s of 800 a second.
const ON_THE_WAY: usize = 8_000;

/// What visitors do.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// Requests a second.
    pub rate: f64,
    /// How many of them are at home in each region, as parts of the sum.
    pub homes: [u32; 3],
    /// The part that has a session.
    pub sessions: f64,
    /// How many sessions each region has.
    pub sessions_each: u32,
    /// The part that may not be sent twice.
    pub posts: f64,
}

/// A load that goes on until it is stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    pace: JoinHandle<()>,
    records: Arc<Mutex<Vec<Record>>>,
    on_the_way: Arc<Semaphore>,
}

impl Load {
    /// Begins it. The same seed gives the same requests in the same order.
    pub fn start(target: SocketAddr, mix: Mix, seed: u64) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let records = Arc::<Mutex<Vec<Record>>>::default();
        let on_the_way = Arc::new(Semaphore::new(ON_THE_WAY));
        let pace = keep_pace(Arc::new(Pool::new(target)), mix, seed, stop.clone(), records.clone(), on_the_way.clone());
        Self { stop, pace: tokio::spawn(pace), records, on_the_way }
    }

    /// Ends it, waits for those that are on their way, and gives back all records in the order in which they were due.
    pub async fn stop(self) -> Vec<Record> {
        self.stop.store(true, Ordering::Relaxed);
        self.pace.await.unwrap();
        let patience = PATIENCE + Duration::from_secs(5);
        let all = self.on_the_way.acquire_many(ON_THE_WAY as u32);
        assert!(tokio::time::timeout(patience, all).await.is_ok(), "requests are on their way for ever");
        let mut records = std::mem::take(&mut *self.records.lock().unwrap());
        records.sort_by_key(|record| record.ask.due);
        records
    }
}

/// The number of the next request: no two of one process have the same.
pub fn next_id() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

async fn keep_pace(
    pool: Arc<Pool>,
    mix: Mix,
    seed: u64,
    stop: Arc<AtomicBool>,
    records: Arc<Mutex<Vec<Record>>>,
    on_the_way: Arc<Semaphore>,
) {
    let mut random = fastrand::Rng::with_seed(seed);
    let began = now();
    let mut nth = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let due = began + (nth as f64 / mix.rate * SECOND as f64) as u64;
        let left = due.saturating_sub(now());
        if left > 0 {
            tokio::time::sleep(Duration::from_micros(left)).await;
        }
        nth += 1;
        let ask = draw(&mut random, &mix, due);
        let Ok(place) = on_the_way.clone().try_acquire_owned() else {
            records.lock().unwrap().push(Record { ask, over: now(), end: End::Unsent });
            continue;
        };
        let (pool, records) = (pool.clone(), records.clone());
        tokio::spawn(async move {
            let end = pool.ask(&ask).await;
            records.lock().unwrap().push(Record { ask, over: now(), end });
            drop(place);
        });
    }
}

fn draw(random: &mut fastrand::Rng, mix: &Mix, due: u64) -> Ask {
    let mut at = random.u32(0..mix.homes.iter().sum());
    let mut home = 0;
    for (region, part) in (0..).zip(mix.homes) {
        if at < part {
            home = region;
            break;
        }
        at -= part;
    }
    let session =
        (random.f64() < mix.sessions).then(|| u32::from(home) * mix.sessions_each + random.u32(0..mix.sessions_each));
    Ask { id: next_id(), home, session, is_post: random.f64() < mix.posts, due }
}
