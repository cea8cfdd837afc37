//! The advisor: says which regions stand out, and drains one by itself where the settings want that and nothing speaks
//! against it.

use crate::config::AutoDrain;
use crate::history::{Entry, EntryOrigin};
use crate::live::{Advice, Edge, Lease, LiveTable, clock, quick_preview_of};
use crate::model::{Drain, DrainLayer, RegionId, RegionName, Timestamp};
use crate::resilience::{AutoDrainLimits, Objection, RegionSecond, Situation, Standouts, StandsOut};
use crate::routing::{Hazard, hazards};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Who drains, where the edge does.
const BY: &str = "homeward";

/// How often it is looked. What is counted is counted by the second.
const LOOK: Duration = Duration::from_millis(500);

/// What the edge says of regions that stand out.
pub struct Advisor {
    edge: Arc<Edge>,
    rule: Option<AutoDrain>,
    standouts: Standouts,
    /// The next second that it has not seen.
    next: u64,
    /// Since when the regions stand out that do.
    since: HashMap<RegionName, Timestamp>,
    /// The drain that it has made, as long as that should be there.
    made: Option<Lease>,
    /// When a drain of its own was ended before its time, by region.
    undone: HashMap<RegionName, Duration>,
}

impl Advisor {
    /// That of `edge`, which drains by `rule`; not at all without one.
    #[must_use]
    pub fn new(edge: Arc<Edge>, rule: Option<AutoDrain>) -> Self {
        let made = rule.and_then(|_| edge.leases().into_iter().find(is_own));
        let next = clock::second();
        Self { edge, rule, standouts: Standouts::default(), next, since: HashMap::new(), made, undone: HashMap::new() }
    }

    /// Looks until it is told to stop.
    pub async fn watch(mut self, mut stopped: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                // An error means that the edge is gone, which is as good as stopped.
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            // It may write files.
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looked.await {
                Ok(advisor) => self = advisor,
                Err(_) => return,
            }
        }
    }

    fn look(&mut self) {
        let Some(live) = self.edge.table() else { return };
        self.see_what_became_of_the_drain();
        // The second before last: errors are counted when an answer ends, in the second after the request at the latest.
        let now = clock::second();
        if self.next + 1 >= now {
            return;
        }
        // After a long sleep what was before does not matter any more.
        self.next = self.next.max(now.saturating_sub(60));
        while self.next + 1 < now {
            self.observe(&live, self.next);
            self.next += 1;
        }
        let mut advice = self.advice(&live);
        self.drain_one(&live, &mut advice);
        self.edge.set_advice(advice);
    }

    /// Takes in one full second, and logs what that changes.
    fn observe(&mut self, live: &LiveTable, second: u64) {
        let seconds: Vec<_> = live
            .table
            .regions_by_id()
            .filter_map(|(id, region)| {
                let traffic = live.traffic(id)?;
                let half = traffic.now(second).latency.map(|[half, _]| half);
                Some((region.name.as_str(), RegionSecond { count: traffic.in_second(second), half }))
            })
            .collect();
        for (name, stands_out) in self.standouts.observe(&seconds) {
            let Ok(region) = name.parse::<RegionName>() else { continue };
            match stands_out {
                Some(stands_out) => {
                    let since = clock::now();
                    self.since.insert(region.clone(), since);
                    let advice = Advice { region, stands_out, since, not_drained: None };
                    tracing::warn!("{advice}; to drain it: {}", advice.command());
                }
                None => {
                    self.since.remove(&region);
                    tracing::info!("{region} does not stand out any more");
                }
            }
        }
    }

    fn advice(&self, live: &LiveTable) -> Vec<Advice> {
        let regions = live.table.regions().iter();
        let standing = |region: &RegionName| {
            self.standouts.iter().find(|(name, ..)| *name == region.as_str()).map(|(_, stands_out, _)| stands_out)
        };
        let advice = regions.filter_map(|region| {
            let since = self.since.get(&region.name).copied().unwrap_or_else(clock::now);
            let (region, stands_out) = (region.name.clone(), standing(&region.name)?);
            Some(Advice { region, stands_out, since, not_drained: None })
        });
        advice.collect()
    }

    /// Drains the region that is worth it, or says why not.
    fn drain_one(&mut self, live: &LiveTable, advice: &mut [Advice]) {
        let Some(rule) = self.rule else { return };
        let limits = AutoDrainLimits { after: rule.after, pause: rule.pause };
        let alone = advice.len() == 1;
        for each in advice {
            let Some(region) = live.table.region_id(each.region.as_str()) else { continue };
            let drain = self.wanted(rule, region, each);
            let situation = self.situation(live, &drain, &each.region, !alone);
            each.not_drained = match situation.objection(limits) {
                Some(objection) => Some(objection.to_string()),
                None => self.put_on(drain, &each.region, each.stands_out).err(),
            };
        }
    }

    fn wanted(&self, rule: AutoDrain, region: RegionId, advice: &Advice) -> Drain {
        let since = whole_second(clock::now());
        Drain {
            sessions: rule.sessions,
            share: rule.share,
            since: Some(since),
            until: since.checked_add(rule.lasts).ok(),
            by: Some(BY.into()),
            reason: Some(advice.reason().into()),
            layer: DrainLayer::Operator,
            ..Drain::of(region)
        }
    }

    /// What speaks against a drain, or for it.
    fn situation(&self, live: &LiveTable, drain: &Drain, region: &RegionName, others_stand_out: bool) -> Situation {
        let now = clock::now();
        let stands_out_for = self
            .standouts
            .iter()
            .find(|(name, ..)| *name == region.as_str())
            .map_or(Duration::ZERO, |(_, _, seconds)| Duration::from_secs(seconds));
        let is_any_drained = live.table.drains().iter().any(|other| !other.is_over_at(now));
        // A share or kept sessions leave it something; but what is worth draining is to be one that nobody depends on.
        let closed = Drain { share: crate::model::Share::NONE, ..drain.clone() };
        let found = hazards(&live.table, &closed, |service, region| live.is_present(service, region), now);
        let is_last = found.iter().any(|hazard| matches!(hazard, Hazard::LastHealthyRegion { .. }));
        let mut situation = Situation {
            stands_out_for,
            others_stand_out,
            is_any_drained: is_any_drained || found.iter().any(|h| !matches!(h, Hazard::LastHealthyRegion { .. })),
            is_last,
            is_too_much: Some(false),
            undone_ago: None,
        };
        // What takes time is asked only where it matters.
        let limits = self.rule.map(|rule| AutoDrainLimits { after: rule.after, pause: rule.pause });
        if limits.is_some_and(|limits| situation.objection(limits).is_none()) {
            situation.undone_ago = self.undone_ago(region, now);
            situation.is_too_much = self.is_too_much(live, drain, now);
        }
        situation
    }

    /// Whether a region that stands in would get more than it can carry, by the drain's doing.
    fn is_too_much(&self, live: &LiveTable, drain: &Drain, now: Timestamp) -> Option<bool> {
        let drained = live.table.with_drains(live.table.drains().iter().chain([drain]).cloned().collect());
        let preview = quick_preview_of(&self.edge, &drained, drain.settles_at().unwrap_or(now)).ok()?;
        let name = live.table.region_name(drain.region);
        let mut others = preview.regions.iter().filter(|load| load.name != name);
        Some(others.any(|load| load.over_capacity && load.would_get_per_second > load.today_per_second))
    }

    /// How long ago somebody has ended a drain of this region, as far as that is known: by what was seen, and by the journal,
    /// which outlives the process.
    fn undone_ago(&self, region: &RegionName, now: Timestamp) -> Option<Duration> {
        let seen = self.undone.get(region).map(|then| clock::elapsed().saturating_sub(*then));
        let written = match self.edge.changes().history().map(|history| history.entries()) {
            None => None,
            // Who cannot know that nobody has does not act.
            Some(Err(_)) => Some(Duration::ZERO),
            Some(Ok(entries)) => {
                let is_of_region = |entry: &&Entry| {
                    let rest = entry.note.as_deref().and_then(|note| note.strip_prefix(region.as_str()));
                    entry.origin == EntryOrigin::Undrain
                        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
                };
                entries.iter().find(is_of_region).map(|entry| now.duration_since(entry.time).unsigned_abs())
            }
        };
        [seen, written].into_iter().flatten().min()
    }

    /// Makes the drain, in the same way in which an operator does.
    fn put_on(&mut self, drain: Drain, region: &RegionName, stands_out: StandsOut) -> Result<(), String> {
        let lease = drain.with_region(region.clone());
        let changed = self.edge.change_leases(|leases, live| {
            // Nobody changes anything from here on: the last look at what may have changed since the first.
            let now = clock::now();
            let is_drained = !leases.is_empty() || live.table.drains().iter().any(|other| !other.is_over_at(now));
            if is_drained || live.table.region_id(region.as_str()).is_none() {
                return Err(Objection::Drained);
            }
            Ok(vec![lease.clone()])
        });
        if let Err(error) = changed {
            let why = match error {
                crate::live::NotChanged::Refused(objection) => objection.to_string(),
                error => format!("{error:?}"),
            };
            tracing::warn!("{region} is not drained by homeward: {why}");
            return Err(why);
        }
        let reason = lease.reason.as_deref().unwrap_or_default();
        let until = lease.until.map(|until| format!(" until {until}")).unwrap_or_default();
        tracing::warn!(
            "{region} is drained by {BY}{until}, sessions {}: {reason}; to end it: homeward undrain {region}",
            lease.sessions.as_str()
        );
        tracing::debug!("it stands out: {stands_out:?}");
        if let Some(history) = self.edge.changes().history() {
            let note = format!("{region}: {reason}");
            history.record(Entry::new(clock::now(), EntryOrigin::Drain).by(Some(BY)).note(Some(note)));
        }
        self.made = Some(lease);
        Ok(())
    }

    /// Whether the drain that it made was ended by somebody.
    fn see_what_became_of_the_drain(&mut self) {
        let Some(made) = &self.made else { return };
        let is_there = self.edge.leases().iter().any(|lease| is_own(lease) && lease.region == made.region);
        if is_there {
            return;
        }
        let is_over = made.until.is_some_and(|until| until <= clock::now());
        if let Some(made) = self.made.take().filter(|_| !is_over) {
            tracing::info!("{} is left alone by homeward for a while: an operator has ended its drain", made.region);
            self.undone.insert(made.region, clock::elapsed());
        }
    }
}

fn is_own(lease: &Lease) -> bool {
    lease.by.as_deref() == Some(BY)
}

/// The moment without parts of a second, which files do not keep.
fn whole_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
