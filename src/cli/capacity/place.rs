//! The regions: those of a table, or as many as are asked for.

use super::super::ending::Failure;
use crate::capacity::Region;
use crate::config::{did_you_mean, read_routing};
use crate::live::clock;
use crate::model::{RegionId, Share, WhenHomeIsAway};
use crate::routing::RoutingTable;
use crate::source::read_source;
use clap::Args;
use std::path::{Path, PathBuf};

/// A region and its part of the visitors, as `REGION=SHARE`.
#[derive(Debug, Clone)]
struct Part {
    region: String,
    share: f64,
}

fn part(text: &str) -> Result<Part, String> {
    let (region, share) =
        text.split_once('=').ok_or_else(|| "it is a region and its share, e.g. us-east=40%".to_owned())?;
    let share = share.parse::<Share>().map_err(|bad| bad.to_string())?;
    Ok(Part { region: region.to_owned(), share: share.ratio() })
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Regions")]
pub(super) struct PlaceOptions {
    /// How many regions there are, all alike
    #[arg(long, value_name = "NUMBER", default_value = "3", value_parser = clap::value_parser!(u8).range(1..), conflicts_with = "routing")]
    regions: u8,
    /// A routing table's file: its regions, their capacities, who stands in for whom
    #[arg(long, value_name = "FILE")]
    routing: Option<PathBuf>,
    /// A region's part of the visitors; said once for each [default: by capacity where every region has one, else alike]
    #[arg(long, value_name = "REGION=SHARE", value_parser = part)]
    share: Vec<Part>,
}

/// The regions, and what else a table says.
pub(super) struct Place {
    pub(super) regions: Vec<Region>,
    /// Home rules, where there is a table.
    pub(super) rules: Option<f64>,
    /// By region: the services that nobody else can serve, and those whose sessions wait for their home.
    pub(super) stranded: Vec<Vec<String>>,
    pub(super) waiting: Vec<Vec<String>>,
}

impl Place {
    /// The position of the region of this name, which `option` has named.
    pub(super) fn position(&self, name: &str, option: &str) -> Result<usize, Failure> {
        let known = || self.regions.iter().map(|region| region.name.as_str());
        known().position(|known| known == name).ok_or_else(|| {
            let hint = did_you_mean(name, known()).map_or_else(
                || format!("there are {}", known().collect::<Vec<_>>().join(", ")),
                |meant| format!("did you mean '{meant}'?"),
            );
            Failure::Usage(format!("{option}: there is no region '{name}'; {hint}"))
        })
    }
}

impl PlaceOptions {
    pub(super) fn place(&self) -> Result<Place, Failure> {
        let mut place = match (&self.routing, self.share.is_empty()) {
            (Some(file), _) => of_table(file)?,
            (None, true) => alike((1..=self.regions).map(|number| format!("region-{number}"))),
            (None, false) => alike(self.share.iter().map(|part| part.region.clone())),
        };
        if !self.share.is_empty() {
            let mut shares = vec![None; place.regions.len()];
            for part in &self.share {
                let at = place.position(&part.region, "--share")?;
                if shares[at].replace(part.share).is_some() {
                    return Err(Failure::Usage(format!("--share: '{}' stands twice", part.region)));
                }
            }
            let sum: f64 = shares.iter().flatten().sum();
            if (sum - 1.0).abs() > 1e-6 {
                let percent = (sum * 1e4).round() / 1e2;
                return Err(Failure::Usage(format!("--share: the shares are {percent}% together, and must be 100%")));
            }
            for (region, share) in place.regions.iter_mut().zip(shares) {
                region.share = share.unwrap_or(0.0);
            }
        }
        Ok(place)
    }
}

fn alike(names: impl Iterator<Item = String>) -> Place {
    let region = |name| Region { name, share: 1.0, capacity: None, substitutes: None };
    let regions: Vec<_> = names.map(region).collect();
    let none = vec![Vec::new(); regions.len()];
    Place { regions, rules: None, stranded: none.clone(), waiting: none }
}

fn of_table(file: &Path) -> Result<Place, Failure> {
    let parts = read_source(file).and_then(|source| read_routing(&source, clock::now()));
    let table = RoutingTable::new(parts.map_err(|problems| Failure::of_problems(&problems))?);
    let all_have_one = table.regions().iter().all(|region| region.capacity.is_some());
    let region = |(id, region): (RegionId, &crate::routing::Region)| {
        let capacity = region.capacity.map(|rate| rate.per_second());
        Region {
            name: region.name.to_string(),
            share: if all_have_one { capacity.unwrap_or(1.0) } else { 1.0 },
            capacity,
            substitutes: Some(table.substitutes_of(id).iter().map(|id| id.index()).collect()),
        }
    };
    let services = |of: &dyn Fn(RegionId, &crate::model::Service) -> bool| {
        let in_region = |(id, _)| {
            let named = table.services().iter().filter(|service| of(id, service));
            named.map(|service| service.name.to_string()).collect()
        };
        table.regions_by_id().map(in_region).collect()
    };
    let is_here = |id: RegionId, service: &crate::model::Service| service.pools.iter().any(|(region, _)| *region == id);
    let is_elsewhere = |id: RegionId, service: &crate::model::Service| {
        let substitutes = table.substitutes_of(id);
        service.pools.iter().any(|(region, _)| substitutes.contains(region))
    };
    Ok(Place {
        regions: table.regions_by_id().map(region).collect(),
        rules: Some(table.home_rules().len() as f64),
        stranded: services(&|id, service| is_here(id, service) && !is_elsewhere(id, service)),
        waiting: services(&|id, service| {
            is_here(id, service) && is_elsewhere(id, service) && service.when_home_is_away == WhenHomeIsAway::Refuse
        }),
    })
}
