//! What is known of a country without any database: its continent and its centre.

use super::countries::COUNTRIES;
use crate::model::{Continent, Country, Location};

/// No country has this index.
const NONE: u8 = u8::MAX;

/// The index into [`COUNTRIES`] of each of the 26 × 26 pairs of letters.
static INDEX: [u8; 26 * 26] = index();

const fn index() -> [u8; 26 * 26] {
    let mut index = [NONE; 26 * 26];
    let mut i = 0;
    while i < COUNTRIES.len() {
        let [a, b] = COUNTRIES[i].0;
        // Fails the build, not a request, where the table outgrows one byte.
        assert!(i < NONE as usize);
        index[(a - b'A') as usize * 26 + (b - b'A') as usize] = i as u8;
        i += 1;
    }
    index
}

/// A country's code, continent, and the latitude and longitude of its centre.
pub(super) type Facts = ([u8; 2], Continent, f64, f64);

/// What is known of the country; nothing where the code is neither one of ISO 3166-1's nor Kosovo's `XK`.
pub(super) fn facts(country: Country) -> Option<&'static Facts> {
    let &[a, b] = country.as_str().as_bytes() else { return None };
    let pair = usize::from(a.wrapping_sub(b'A')) * 26 + usize::from(b.wrapping_sub(b'A'));
    COUNTRIES.get(usize::from(*INDEX.get(pair)?))
}

/// The middle of the country's main land, in a constant number of steps; nothing where the code is no country's.
#[must_use]
pub fn country_centre(country: Country) -> Option<Location> {
    facts(country).and_then(centre)
}

/// The centre among the facts; always there, since the table's degrees are in range.
pub(super) fn centre(&(_, _, latitude, longitude): &Facts) -> Option<Location> {
    Location::new(latitude, longitude).ok()
}

/// The continent that geolocation databases put the country on, in a constant number of steps; nothing where the code
/// is no country's.
#[must_use]
pub fn continent_of(country: Country) -> Option<Continent> {
    facts(country).map(|&(_, continent, _, _)| continent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::distance_km;

    fn country(code: &str) -> Country {
        code.parse().unwrap()
    }

    #[test]
    fn every_country_has_its_own_facts() {
        assert_eq!(COUNTRIES.len(), 250, "249 of ISO 3166-1, and Kosovo");
        for (code, continent, latitude, longitude) in COUNTRIES {
            let country = country(std::str::from_utf8(&code).unwrap());
            assert_eq!(continent_of(country), Some(continent), "{country}");
            let centre = country_centre(country).unwrap();
            assert_eq!((centre.latitude(), centre.longitude()), (latitude, longitude), "{country}");
        }
    }

    #[test]
    fn centres_are_where_an_atlas_has_them() {
        for (code, latitude, longitude) in [
            ("US", 39.8, -98.6),
            ("FR", 46.6, 2.4),
            ("DE", 51.1, 10.4),
            ("JP", 37.5, 138.0),
            ("BR", -10.8, -53.1),
            ("AU", -25.7, 134.5),
            ("ZA", -29.0, 25.1),
            ("FJ", -17.8, 178.0),
            ("GF", 3.9, -53.1),
            ("SJ", 78.8, 18.4),
        ] {
            let away = distance_km(country_centre(country(code)).unwrap(), Location::new(latitude, longitude).unwrap());
            assert!(away < 150.0, "{code}'s centre is {away:.0} km off");
        }
    }

    #[test]
    fn a_code_of_no_country_has_no_facts() {
        for code in ["ZZ", "XX", "EU", "AA", "AP"] {
            assert_eq!((country_centre(country(code)), continent_of(country(code))), (None, None), "{code}");
        }
        assert_eq!(continent_of(country("XK")), Some(Continent::Europe));
    }
}
