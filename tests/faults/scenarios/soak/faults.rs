//! Faults, edits and drains by chance.

use crate::behaviour::{Answering, Behaviour};
use crate::ground::Ground;
use crate::proxies::Proxy;
use crate::record::{REGIONS, ServerId};
use crate::table::{self, Service};
use crate::town::Town;
use std::collections::BTreeMap;
use std::time::Duration;

/// The most servers of a region that fail at once: one of three stays well.
const MOST: usize = 2;

/// How many kinds of trouble there are.
const KINDS: u32 = 8;

/// For how many times what goes wrong does so in turn, with every edit and drain, before it is by chance: by then the process has
/// needed what it ever needs, and what it holds more of later it does not let go.
const IN_TURN: u32 = 16;

/// What goes wrong, and what operators do, one thing after the other.
pub(super) struct Trouble {
    random: fastrand::Rng,
    times: u32,
    /// Who is struck now.
    struck: Vec<ServerId>,
    counts: BTreeMap<&'static str, u32>,
}

impl Trouble {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), times: 0, struck: Vec::new(), counts: BTreeMap::new() }
    }

    /// What was wrong is well again; then something else goes wrong, or an operator does something: in turn, and later by chance.
    pub(super) async fn go_on(
        &mut self,
        ground: &Ground,
        town: &mut Town,
        proxy: &Proxy,
        service: &Service,
        more: &str,
    ) {
        self.end(ground, town).await;
        let in_turn = (self.times < IN_TURN).then_some(self.times);
        self.times += 1;
        if in_turn.is_some() || self.random.u32(0..4) == 0 {
            self.edit(town, proxy, service, more);
        }
        if in_turn.is_some_and(|nth| nth % 2 == 0) || self.random.u32(0..12) == 0 {
            self.drain(proxy).await;
        }
        let region = self.random.u8(0..3);
        let mut struck = town.of_region(region);
        self.random.shuffle(&mut struck);
        struck.truncate(if in_turn.is_some() { MOST } else { self.random.usize(1..=MOST) });
        let answering = |answering| Behaviour { answering, ..Behaviour::default() };
        let (what, behaviour) = match in_turn.map_or_else(|| self.random.u32(0..KINDS), |nth| nth % KINDS) {
            0 => {
                self.count("servers killed");
                town.kill(&struck).await;
                self.struck = struck;
                return;
            }
            1 => {
                self.count("servers vanished");
                let gone: Vec<_> = struck.iter().map(|server| ground.address_of(*server)).collect();
                ground.drop_packets(&gone).expect("packets can be dropped");
                return;
            }
            2 => ("servers silent", answering(Answering::Silent)),
            3 => ("servers slow", Behaviour { time: 200, ..Behaviour::default() }),
            4 => ("servers that answer 500", answering(Answering::Fails(50))),
            5 => ("servers that reset", answering(Answering::Resets(30))),
            6 => ("servers that say that they fail", answering(Answering::DeclaresFailure)),
            _ => {
                self.count("quiet times");
                return;
            }
        };
        self.count(what);
        town.tell(&struck, behaviour).await;
        self.struck = struck;
    }

    /// All is well again.
    pub(super) async fn end(&mut self, ground: &Ground, town: &mut Town) {
        ground.heal();
        let struck = std::mem::take(&mut self.struck);
        town.tell(&struck, Behaviour::default()).await;
        town.revive(&struck).await;
    }

    fn edit(&mut self, town: &Town, proxy: &Proxy, service: &Service, more: &str) {
        self.count("tables edited");
        let pools = [0, 1, 2].map(|region| town.addresses(region).iter().map(ToString::to_string).collect());
        let balance = if self.random.bool() { "least_requests" } else { "round_robin" };
        let text = table::text(&service.clone().with("balance", balance), &pools, more);
        let beside = proxy.directory.path().join("routing.yaml.new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, proxy.directory.path().join("routing.yaml")).unwrap();
    }

    async fn drain(&mut self, proxy: &Proxy) {
        let region = REGIONS[self.random.usize(0..REGIONS.len())];
        let sessions = if self.random.bool() { "move" } else { "keep" };
        let arguments =
            ["drain", region, "--reason", "soak", "--for", "20s", "--sessions", sessions, "--config", "homeward.yaml"];
        let said = tokio::process::Command::new(env!("CARGO_BIN_EXE_homeward"))
            .args(arguments)
            .current_dir(proxy.directory.path())
            .kill_on_drop(true)
            .output();
        let said = tokio::time::timeout(Duration::from_secs(10), said).await;
        // It may be refused where another region is away: that is its good right.
        let is_done = matches!(said, Ok(Ok(said)) if said.status.success());
        self.count(if is_done { "drains" } else { "drains refused" });
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// What happened, in words.
    pub(super) fn said(&self) -> String {
        self.counts.iter().map(|(what, count)| format!("{count} × {what}")).collect::<Vec<_>>().join(", ")
    }
}
