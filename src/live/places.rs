//! The place databases that are live.

use crate::geo::{Lookup, Places};
use crate::model::{Place, Timestamp};
use crate::routing::PlaceFinder;
use crate::telemetry::{GeoLookup, Metrics};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// The databases, and what became of the last try to load newer ones.
#[derive(Debug, Default)]
pub struct LivePlaces {
    /// The databases; none where the settings name none.
    pub places: Places,
    /// Where they came from.
    pub files: Vec<PathBuf>,
    /// When they went live.
    pub since: Option<Timestamp>,
}

/// Finds places and counts the look-ups.
pub struct CountingFinder {
    places: Arc<LivePlaces>,
    metrics: Option<Arc<Metrics>>,
}

impl CountingFinder {
    /// A finder in `places`, which counts where `metrics` are given.
    #[must_use]
    pub fn new(places: Arc<LivePlaces>, metrics: Option<Arc<Metrics>>) -> Self {
        Self { places, metrics }
    }
}

impl PlaceFinder for CountingFinder {
    fn place_of(&self, address: IpAddr) -> Place {
        let found = self.places.places.place(address);
        if let Some(metrics) = &self.metrics {
            metrics.geo_lookup(match found {
                _ if self.places.files.is_empty() => GeoLookup::NoDatabase,
                Lookup::Found(_) => GeoLookup::Found,
                Lookup::Unknown => GeoLookup::NotFound,
                Lookup::Failed => GeoLookup::Failed,
            });
        }
        found.place()
    }
}
