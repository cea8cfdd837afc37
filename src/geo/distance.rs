//! How far two points on the globe are apart.

use crate::model::Location;

/// The mean radius of the earth in kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// The great-circle distance in kilometres, by the haversine formula on a sphere; within 0.6 % of the ellipsoid's.
#[must_use]
pub fn distance_km(a: Location, b: Location) -> f64 {
    let (lat_a, lat_b) = (a.latitude().to_radians(), b.latitude().to_radians());
    let half_lat = ((lat_b - lat_a) / 2.0).sin();
    let half_lon = ((b.longitude() - a.longitude()).to_radians() / 2.0).sin();
    let h = half_lat * half_lat + lat_a.cos() * lat_b.cos() * half_lon * half_lon;
    // Rounding can push `h` a hair above 1 for points that face each other; asin would then be not a number.
    2.0 * EARTH_RADIUS_KM * h.clamp(0.0, 1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Location {
        Location::new(latitude, longitude).unwrap()
    }

    #[test]
    fn known_distances_come_out() {
        let (london, new_york) = (at(51.5074, -0.1278), at(40.7128, -74.0060));
        assert!((distance_km(london, new_york) - 5570.0).abs() < 5.0);
        assert!((distance_km(at(0.0, 179.5), at(0.0, -179.5)) - 111.2).abs() < 0.1, "across the date line");
        assert!((distance_km(at(90.0, 0.0), at(-90.0, 77.0)) - 20015.1).abs() < 0.5, "from pole to pole");
        assert_eq!(distance_km(london, london), 0.0);
    }
}
