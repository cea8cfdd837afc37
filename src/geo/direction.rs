//! Which of many points is the nearest, without trigonometry for each of them.

use crate::model::Location;

/// A point on the globe as a unit vector from its centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Direction([f64; 3]);

impl From<Location> for Direction {
    fn from(location: Location) -> Self {
        let (sin_lat, cos_lat) = location.latitude().to_radians().sin_cos();
        let (sin_lon, cos_lon) = location.longitude().to_radians().sin_cos();
        Self([cos_lat * cos_lon, cos_lat * sin_lon, sin_lat])
    }
}

impl Direction {
    /// The square of the straight line between two points, in earth radii: between 0 and 4, and the larger the farther the
    /// points are apart over the globe. Points less than a millimetre apart may come out alike.
    #[must_use]
    pub fn chord_squared(self, other: Self) -> f64 {
        let [x, y, z] = [0, 1, 2].map(|axis: usize| self.0[axis] - other.0[axis]);
        x * x + y * y + z * z
    }
}

#[cfg(test)]
mod tests {
    use super::super::distance_km;
    use super::*;
    use proptest::prelude::*;

    fn location() -> impl Strategy<Value = Location> {
        (-90.0..=90.0_f64, -180.0..=180.0_f64).prop_map(|(lat, lon)| Location::new(lat, lon).unwrap())
    }

    proptest! {
        #[test]
        fn the_shorter_chord_is_the_shorter_way(here in location(), a in location(), b in location()) {
            let chord = |there: Location| Direction::from(here).chord_squared(there.into());
            let way = |there| distance_km(here, there);
            if way(a) + 0.001 < way(b) {
                prop_assert!(chord(a) < chord(b));
            }
            prop_assert!((0.0..=4.000_001).contains(&chord(a)));
        }
    }
}
