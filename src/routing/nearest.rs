//! Which of a rule's regions is the nearest, in the same time whatever their number.

use crate::geo::Direction;
use crate::model::{Location, RegionId};
use std::f64::consts::PI;

/// Up to as many regions are all looked at.
const FEW: usize = 6;

/// How many degrees of latitude and of longitude a cell of the map has. The equator is between two cells, so that the corner
/// of a cell is the point farthest from its middle.
const CELL: f64 = 5.0;
const ROWS: usize = (180.0 / CELL) as usize;
const COLUMNS: usize = (360.0 / CELL) as usize;

/// What rounding could be wrong by, in radians, many times over: six metres.
const ROUNDING: f64 = 1e-6;

/// Regions of which a visitor goes to the nearest.
#[derive(Debug)]
pub(super) struct Nearest {
    regions: Vec<(RegionId, Direction)>,
    map: Option<Map>,
}

/// For each cell of the globe the regions that can be the nearest of some point in it.
#[derive(Debug)]
struct Map {
    /// Where the regions of a cell begin in `candidates`; those of the last one end where that ends.
    starts: Vec<u32>,
    /// Positions of regions, in their order in each cell.
    candidates: Vec<u16>,
}

impl Nearest {
    /// Takes the regions in the order of their rule; where they are not few, it makes a map of them if it is to have one.
    pub(super) fn new(regions: Vec<(RegionId, Direction)>, has_map: bool) -> Self {
        let map = if has_map && regions.len() > FEW { Map::new(&regions) } else { None };
        Self { regions, map }
    }

    /// The region where nothing is known of the visitor: the first of the rule.
    pub(super) fn first(&self) -> Option<RegionId> {
        self.regions.first().map(|(region, _)| *region)
    }

    /// The nearest of the regions; among equally near ones the first in the rule's order.
    pub(super) fn to(&self, location: Location) -> Option<RegionId> {
        let here = Direction::from(location);
        match &self.map {
            None => nearest(here, self.regions.iter()),
            Some(map) => {
                let candidates = map.candidates_at(location).iter();
                nearest(here, candidates.filter_map(|at| self.regions.get(usize::from(*at))))
            }
        }
    }
}

fn nearest<'a>(here: Direction, regions: impl Iterator<Item = &'a (RegionId, Direction)>) -> Option<RegionId> {
    let ways = regions.map(|(region, there)| (here.chord_squared(*there), *region));
    ways.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, region)| region)
}

impl Map {
    /// `None` where a region's position has no room in it, which is so for no table.
    fn new(regions: &[(RegionId, Direction)]) -> Option<Self> {
        let count = u16::try_from(regions.len()).ok()?;
        let (mut starts, mut candidates) = (Vec::with_capacity(ROWS * COLUMNS), Vec::new());
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                starts.push(u32::try_from(candidates.len()).ok()?);
                let (south, west) = (row as f64 * CELL - 90.0, column as f64 * CELL - 180.0);
                let at = |north: f64, east: f64| Location::new(south + north, west + east).ok().map(Direction::from);
                let middle = at(CELL / 2.0, CELL / 2.0)?;
                let corners = [at(0.0, 0.0)?, at(CELL, 0.0)?];
                let radius = corners.map(|corner| angle(middle.chord_squared(corner))).into_iter().fold(0.0, f64::max);
                let chords = || regions.iter().map(|(_, region)| middle.chord_squared(*region));
                // From the middle to any point of the cell the way to a region becomes longer or shorter by the radius at
                // most. So a region that is farther from the middle than this is nowhere in the cell the nearest.
                let reach = angle(chords().fold(4.0, f64::min)) + 2.0 * radius + ROUNDING;
                let reach = if reach < PI { 4.0 * (reach / 2.0).sin().powi(2) } else { f64::INFINITY };
                candidates.extend((0..count).zip(chords()).filter(|(_, chord)| *chord <= reach).map(|(at, _)| at));
            }
        }
        candidates.shrink_to_fit();
        Some(Self { starts, candidates })
    }

    fn candidates_at(&self, location: Location) -> &[u16] {
        // Degrees are in range, so that nothing is cut off but the edges in the north and in the east.
        let row = (((location.latitude() + 90.0) / CELL) as usize).min(ROWS - 1);
        let column = (((location.longitude() + 180.0) / CELL) as usize).min(COLUMNS - 1);
        let cell = row * COLUMNS + column;
        let start_of = |cell| self.starts.get(cell).map(|start| *start as usize);
        let Some(start) = start_of(cell) else { return &[] };
        self.candidates.get(start..start_of(cell + 1).unwrap_or(self.candidates.len())).unwrap_or_default()
    }
}

/// The angle in radians that a chord is seen under from the centre of the globe.
fn angle(chord_squared: f64) -> f64 {
    2.0 * (chord_squared.sqrt() / 2.0).min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Degrees anywhere, and often on the edges of cells.
    fn location() -> impl Strategy<Value = Location> {
        let latitude = prop_oneof![-90.0..=90.0_f64, (-18..=18_i8).prop_map(|edge| f64::from(edge) * CELL)];
        let longitude = prop_oneof![-180.0..=180.0_f64, (-36..=36_i8).prop_map(|edge| f64::from(edge) * CELL)];
        (latitude, longitude).prop_map(|(latitude, longitude)| Location::new(latitude, longitude).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_map_finds_what_a_look_at_all_regions_finds(
            // Of few different ones: some stand in the same place, or opposite each other.
            places in prop::collection::vec(location(), 1..40),
            picked in prop::collection::vec(any::<prop::sample::Index>(), FEW + 1..120),
            visitors in prop::collection::vec(location(), 200),
        ) {
            let regions: Vec<_> = picked.iter().zip(0..).map(|(index, at)| {
                (RegionId::at(at).unwrap(), Direction::from(places[index.index(places.len())]))
            }).collect();
            let all = regions.clone();
            let mapped = Nearest::new(regions, true);
            prop_assert!(mapped.map.is_some());
            for visitor in visitors.iter().chain(&places) {
                prop_assert_eq!(mapped.to(*visitor), nearest(Direction::from(*visitor), all.iter()), "{}", visitor);
            }
        }
    }

    #[test]
    fn few_of_many_regions_are_candidates() {
        let region = |at: usize| {
            let location = Location::new((at * 37 % 140) as f64 - 70.0, (at * 101 % 360) as f64 - 180.0).unwrap();
            (RegionId::at(at).unwrap(), Direction::from(location))
        };
        let map = Map::new(&(0..200).map(region).collect::<Vec<_>>()).unwrap();
        assert_eq!(map.starts.len(), ROWS * COLUMNS);
        let mean = map.candidates.len() as f64 / map.starts.len() as f64;
        assert!((1.0..8.0).contains(&mean), "{mean}");
    }
}
