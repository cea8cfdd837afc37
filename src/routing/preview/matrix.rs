//! The sums of a preview.

use super::compare::{Comparison, End, Input};
use super::form::{Cell, Preview, RegionLoad};
use super::project::Projection;
use crate::model::{RegionId, Timestamp};
use crate::routing::RoutingTable;
use smallvec::SmallVec;
use std::collections::BTreeMap;

impl Comparison<'_> {
    /// What becomes of `inputs`, each with its rate in requests per second, which were seen within `seconds` and stand for
    /// `samples` requests that were looked at; `at` is the moment of the new table.
    #[must_use]
    pub fn preview(&self, inputs: &[(Input, f64)], seconds: f64, samples: u64, at: Timestamp) -> Preview {
        let (today, new) = (self.project_today(inputs), self.project_new(inputs));
        let mut sums: BTreeMap<(usize, End, End), Sums> = BTreeMap::new();
        let mut whole = Sums::default();
        let mut moved = 0.0;
        for ((input, rate), ends) in inputs.iter().zip(today.beside(&new)) {
            let ends: SmallVec<[_; 1]> = ends.collect();
            for (from, to) in &ends {
                let one = self.sums_of(input, *from, *to).times(rate / ends.len() as f64);
                sums.entry((self.service(input), *from, *to)).or_default().add(&one);
                whole.add(&one);
                if !self.is_same(*from, *to) {
                    moved += one.requests;
                }
            }
        }
        let cells = sums.into_iter().map(|((service, from, to), sums)| Cell {
            service: self.service_name(service).to_owned(),
            from: word(self.today.table, from).to_owned(),
            to: word(self.new.table, to).to_owned(),
            requests_per_second: rounded(sums.requests),
            new_visitors_per_second: rounded(sums.new_visitors),
            sessions_at_home_per_second: rounded(sums.at_home),
            sessions_orphaned_per_second: rounded(sums.orphaned),
        });
        Preview {
            at,
            seconds: rounded(seconds),
            samples,
            requests_per_second: rounded(whole.requests),
            moved_per_second: rounded(moved),
            orphaned_per_second: rounded(whole.orphaned),
            cells: cells.filter(|cell| cell.requests_per_second > 0.0).collect(),
            regions: self.loads(&today, &new),
        }
    }

    /// What one request adds.
    fn sums_of(&self, input: &Input, from: End, to: End) -> Sums {
        let one = Sums { requests: 1.0, ..Sums::default() };
        let Some(home) = input.session else { return Sums { new_visitors: 1.0, ..one } };
        let End::Region(region) = to else { return one };
        // A session that the new table takes for none has its data where it was.
        let data_is_at = home.new.or_else(|| self.new.table.region_id(self.today.table.region_name(home.today?)));
        let was_orphan = matches!((from, home.today), (End::Region(region), Some(home)) if region != home);
        match data_is_at == Some(region) {
            true => Sums { at_home: 1.0, ..one },
            false => Sums { orphaned: if was_orphan { 0.0 } else { 1.0 }, ..one },
        }
    }

    fn is_same(&self, from: End, to: End) -> bool {
        word(self.today.table, from) == word(self.new.table, to)
    }

    /// Services of today's table first, then those that only the new one has, then none.
    fn service(&self, input: &Input) -> usize {
        let count = self.today.table.services().len();
        let new = || input.services.new.map(|id| count + id.index());
        input.services.today.map(|id| id.index()).or_else(new).unwrap_or(usize::MAX)
    }

    fn service_name(&self, service: usize) -> &str {
        let all = self.today.table.services().iter().chain(self.new.table.services());
        all.map(|service| service.name.as_str()).nth(service).unwrap_or("(no service)")
    }

    fn loads(&self, today: &Projection, new: &Projection) -> Vec<RegionLoad> {
        let of =
            |loads: &[f64], id: Option<RegionId>| id.and_then(|id| loads.get(id.index())).copied().map_or(0.0, rounded);
        let load = |name: &str, id: Option<RegionId>| {
            let would_get = of(&new.would_get, id);
            let capacity = id.and_then(|id| self.new.table.region(id)?.capacity).map(|rate| rate.per_second());
            RegionLoad {
                name: name.to_owned(),
                capacity_per_second: capacity,
                today_per_second: of(&today.gets, self.today.table.region_id(name)),
                would_get_per_second: would_get,
                gets_per_second: of(&new.gets, id),
                over_capacity: capacity.is_some_and(|capacity| would_get > capacity),
            }
        };
        let kept = self.new.table.regions_by_id().map(|(id, region)| load(region.name.as_str(), Some(id)));
        let gone = self.today.table.regions().iter().map(|region| region.name.as_str());
        let gone = gone.filter(|name| self.new.table.region_id(name).is_none());
        kept.chain(gone.map(|name| load(name, None))).collect()
    }
}

/// Rates of one cell.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    requests: f64,
    new_visitors: f64,
    at_home: f64,
    orphaned: f64,
}

impl Sums {
    fn times(self, rate: f64) -> Self {
        let Self { requests, new_visitors, at_home, orphaned } = self;
        Self {
            requests: requests * rate,
            new_visitors: new_visitors * rate,
            at_home: at_home * rate,
            orphaned: orphaned * rate,
        }
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.new_visitors += other.new_visitors;
        self.at_home += other.at_home;
        self.orphaned += other.orphaned;
    }
}

/// A region's name; no region's name has a parenthesis.
fn word(table: &RoutingTable, end: End) -> &str {
    match end {
        End::Region(region) => table.region_name(region),
        End::Waits => "(waits)",
        End::Nobody => "(nobody)",
        End::NoService => "(no service)",
    }
}

fn rounded(rate: f64) -> f64 {
    (rate * 1_000.0).round() / 1_000.0
}
