//! Visitors that roam: sessions of all regions arrive at the edges of all regions, while tables come and go.

mod judge;
mod tables;
mod visits;

use super::fleet::{KEY, OTHER_KEY, REGIONS, all_are_well, edge_addresses, start_edge};
use super::{App, Block, EdgeProcess, edits::sha256sum, eventually};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tables::{Layout, Place, Words, written};
use tokio::time::Instant;
use visits::Visit;

/// How many app servers each region has.
const SERVERS: u8 = 3;

/// What came of it.
#[derive(Debug, Default)]
pub struct Figures {
    pub requests: usize,
    pub tables: usize,
    /// Requests whose session's home is not where they arrived.
    pub flops: usize,
    /// Requests that passed two edges.
    pub hops: usize,
    /// Times that an edge could not serve what it was handed, and the first edge decided anew.
    pub refused_by_edges: usize,
    pub statuses: BTreeMap<u16, usize>,
    pub slowest: Duration,
    pub took: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, tables, flops, hops, refused_by_edges, statuses, slowest, took } = self;
        let seconds = took.as_secs_f64();
        write!(
            f,
            "{requests} requests over {tables} tables: {flops} flops, {hops} hops, {refused_by_edges} of them refused by an edge; \
             answered {statuses:?}, the slowest after {slowest:.0?}; {seconds:.1} s, {:.0}/s",
            *requests as f64 / seconds
        )
    }
}

/// The town: three edges, and the app servers behind each.
struct Town {
    block: Block,
    apps: Vec<Vec<App>>,
    edges: Vec<EdgeProcess>,
    rng: Rng,
    places: Vec<Place>,
    figures: Figures,
}

/// `requests` of visitors while all edges have the same table, `rounds` times another one; in the middle of each round
/// another one still, in which sessions and places mean the same and all servers and ways are different. Each request is
/// served at home, once, after one hop at most, and its app is told the truth.
pub async fn while_edges_agree(seed: u64, requests: usize, rounds: usize) -> Figures {
    let mut town = Town::build(seed).await;
    let began = Instant::now();
    let first = town.tables_that_agree();
    town.open([KEY; 3], [&first.1, &first.1, &first.1]).await;
    all_are_well(&town.edges).await;
    let mut next = Some(first);
    for round in 0..rounds {
        let (words, before, layout) = match next.take() {
            Some((words, text, layout)) => (words, text, layout),
            None => town.tables_that_agree(),
        };
        town.adopt([&before, &before, &before]).await;
        let (after, second_layout) = town.another_layout(&words);
        let visits = town.visits(round, requests / rounds, &words, |visit, _| visit);
        let done = Arc::new(AtomicUsize::new(0));
        let half = visits.len() / 2;
        let (answers, ()) = tokio::join!(visits::make(town.addresses(), &visits, &done), async {
            eventually("half of the visits", async || (done.load(Ordering::Relaxed) >= half).then_some(())).await;
            town.adopt([&after, &after, &after]).await;
        });
        let records = town.take_records();
        judge::at_home(&visits, &answers, &records, [&layout, &second_layout], &mut town.figures);
        town.figures.tables += 2;
    }
    town.figures.took = began.elapsed();
    town.figures
}

/// `requests` of visitors while each edge has a table of its own that has little to do with those of the others, and one of
/// them another hop key. Each is answered, and passes two edges at most on the way to the server that it gets to.
pub async fn while_edges_disagree(seed: u64, requests: usize, rounds: usize) -> Figures {
    let mut town = Town::build(seed).await;
    let began = Instant::now();
    let mut all = Vec::new();
    for round in 0..rounds {
        let (words, texts): (Vec<_>, Vec<_>) = REGIONS.map(|_| town.wrong_table()).into_iter().unzip();
        let texts: [&str; 3] = [0, 1, 2].map(|at: usize| texts[at].as_str());
        if town.edges.is_empty() {
            town.open([KEY, KEY, OTHER_KEY], texts).await;
        } else {
            town.adopt(texts).await;
        }
        let words = words[round % words.len()].clone();
        let visits = town.visits(round, requests / rounds, &words, Visit::odd);
        let answers = visits::make(town.addresses(), &visits, &Arc::default()).await;
        let records = town.take_records();
        judge::answered(&visits, &answers, &records, &mut town.figures);
        town.figures.tables += texts.len();
        all.push(visits);
    }
    town.figures.took = began.elapsed();
    // A graceful stop writes the last lines of the logs.
    town.edges.iter().for_each(|edge| edge.signal("TERM"));
    let mut lines = Vec::new();
    for edge in &mut town.edges {
        assert!(edge.ended().await.success());
        lines.extend(edge.access_log());
    }
    judge::logged(&all.iter().flat_map(|visits| visits.iter()).collect::<Vec<_>>(), lines, &mut town.figures);
    town.figures
}

impl Town {
    async fn build(seed: u64) -> Self {
        let block = Block::new();
        let mut apps = Vec::new();
        for (region, name) in (0..).zip(REGIONS) {
            let mut servers = Vec::new();
            for nth in 0..SERVERS {
                let number = 4 + region * SERVERS + nth;
                servers.push(App::start(name, SocketAddr::new(block.address(number), 8080)).await);
            }
            apps.push(servers);
        }
        let rng = Rng::with_seed(seed);
        Self { block, apps, edges: Vec::new(), rng, places: Place::all(), figures: Figures::default() }
    }

    async fn open(&mut self, keys: [&str; 3], tables: [&str; 3]) {
        for region in 0..REGIONS.len() {
            self.edges.push(start_edge(&self.block, region, keys[region], tables[region]).await);
        }
    }

    fn addresses(&self) -> [SocketAddr; 3] {
        edge_addresses(&self.block)
    }

    fn servers(&self) -> Vec<Vec<SocketAddr>> {
        self.apps.iter().map(|apps| apps.iter().map(|app| app.address).collect()).collect()
    }

    fn tables_that_agree(&mut self) -> (Words, String, Layout) {
        let (servers, edges) = (self.servers(), self.addresses());
        loop {
            let words = Words::random(&mut self.rng, &self.places);
            let layout = Layout::truthful(&mut self.rng, &servers, edges);
            if let Some(text) = written(&words, &layout) {
                return (words, text, layout);
            }
        }
    }

    fn another_layout(&mut self, words: &Words) -> (String, Layout) {
        let (servers, edges) = (self.servers(), self.addresses());
        let layout = Layout::truthful(&mut self.rng, &servers, edges);
        (written(words, &layout).expect("the words are good"), layout)
    }

    fn wrong_table(&mut self) -> (Words, String) {
        let (servers, edges) = (self.servers(), self.addresses());
        let nobody = SocketAddr::new(self.block.address(30), 8080);
        loop {
            let words = Words::random(&mut self.rng, &self.places).mostly_common(&mut self.rng);
            let layout = Layout::wrong(&mut self.rng, &servers, edges, nobody);
            if let Some(text) = written(&words, &layout) {
                return (words, text);
            }
        }
    }

    fn visits(
        &mut self,
        round: usize,
        count: usize,
        words: &Words,
        change: impl Fn(Visit, &mut Rng) -> Visit,
    ) -> Arc<Vec<Visit>> {
        let Self { rng, places, .. } = self;
        let one = |nth| {
            let visit = Visit::random(rng, format!("/{round}/{nth}"), words, places);
            change(visit, rng)
        };
        Arc::new((0..count).map(one).collect())
    }

    /// Saves a table at each edge and waits until all of them are live.
    async fn adopt(&self, tables: [&str; 3]) {
        self.edges.iter().zip(tables).for_each(|(edge, table)| edge.save_table(table));
        for (edge, table) in self.edges.iter().zip(tables) {
            let revision = sha256sum(table);
            edge.status_where("the table", |status| status["table"]["revision"] == *revision).await;
        }
    }

    /// What the app servers of each region saw since the last time.
    fn take_records(&self) -> judge::Records {
        let mut records = judge::Records::new();
        for (region, apps) in self.apps.iter().enumerate() {
            for seen in apps.iter().flat_map(App::take_seen) {
                records.entry(seen.target.clone()).or_default().push((region, seen));
            }
        }
        records
    }
}
