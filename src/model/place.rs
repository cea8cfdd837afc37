//! Where a visitor is: country, subdivision, continent and coordinates, as far as a database knows them.

use std::fmt;
use std::str::FromStr;

/// Why a text or a number is not a place. The message is written for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPlace(&'static str);

/// A country by its ISO 3166-1 alpha-2 code, e.g. `US`. Always two upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 2]);

impl Country {
    /// How many codes there can be.
    pub const CODES: usize = 26 * 26;

    /// Its position among all codes that there can be, in the order of the alphabet: less than [`Country::CODES`].
    #[must_use]
    pub fn position(self) -> usize {
        let [a, b] = self.0.map(|letter| usize::from(letter.wrapping_sub(b'A')) % 26);
        a * 26 + b
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

impl FromStr for Country {
    type Err = BadPlace;
    fn from_str(text: &str) -> Result<Self, BadPlace> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Self([*a, *b])),
            _ => Err(BadPlace("a country is its ISO 3166-1 code of two upper-case letters, e.g. US")),
        }
    }
}

/// A subdivision of a country by its ISO 3166-2 code, e.g. `US-CA`. It carries its country, so that California (`US-CA`)
/// is never Canada (`CA`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subdivision {
    country: Country,
    /// One to three upper-case letters or digits, padded with zero bytes.
    code: [u8; 3],
}

impl Subdivision {
    /// The subdivision of `country` with the part of the code after the `-`, e.g. `CA` for California.
    ///
    /// # Errors
    /// Where `code` is not one to three upper-case letters or digits.
    pub fn new(country: Country, code: &str) -> Result<Self, BadPlace> {
        let bytes = code.as_bytes();
        let allowed = bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let mut padded = [0; 3];
        match padded.get_mut(..bytes.len()) {
            Some(start) if allowed && !bytes.is_empty() => start.copy_from_slice(bytes),
            _ => return Err(BadPlace("a subdivision is its ISO 3166-2 code, country first, e.g. US-CA")),
        }
        Ok(Self { country, code: padded })
    }

    /// The country that it is a part of.
    #[must_use]
    pub fn country(&self) -> Country {
        self.country
    }

    /// The part of the code after the `-`.
    #[must_use]
    pub fn code(&self) -> &str {
        let length = self.code.iter().position(|b| *b == 0).unwrap_or(self.code.len());
        std::str::from_utf8(&self.code[..length]).unwrap_or("?")
    }
}

impl FromStr for Subdivision {
    type Err = BadPlace;
    fn from_str(text: &str) -> Result<Self, BadPlace> {
        let (country, code) =
            text.split_once('-').ok_or(BadPlace("a subdivision is its ISO 3166-2 code, country first, e.g. US-CA"))?;
        Self::new(country.parse()?, code)
    }
}

/// A continent by MaxMind's two-letter code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Continent {
    Africa,
    Antarctica,
    Asia,
    Europe,
    NorthAmerica,
    Oceania,
    SouthAmerica,
}

impl Continent {
    /// All seven, by code.
    pub const ALL: [Self; 7] = [
        Self::Africa,
        Self::Antarctica,
        Self::Asia,
        Self::Europe,
        Self::NorthAmerica,
        Self::Oceania,
        Self::SouthAmerica,
    ];

    /// The two-letter code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Africa => "AF",
            Self::Antarctica => "AN",
            Self::Asia => "AS",
            Self::Europe => "EU",
            Self::NorthAmerica => "NA",
            Self::Oceania => "OC",
            Self::SouthAmerica => "SA",
        }
    }
}

impl FromStr for Continent {
    type Err = BadPlace;
    fn from_str(text: &str) -> Result<Self, BadPlace> {
        Self::ALL
            .into_iter()
            .find(|c| c.as_str() == text)
            .ok_or(BadPlace("a continent is one of AF, AN, AS, EU, NA, OC, SA"))
    }
}

/// A point on the globe (WGS 84), in degrees; latitude in [-90, 90], longitude in [-180, 180], both finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    latitude: f64,
    longitude: f64,
}

impl Location {
    /// The point at these degrees.
    ///
    /// # Errors
    /// Where one of them is out of range or not a number.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, BadPlace> {
        if !(-90.0..=90.0).contains(&latitude) {
            Err(BadPlace("a latitude lies between -90 and 90 degrees"))
        } else if !(-180.0..=180.0).contains(&longitude) {
            Err(BadPlace("a longitude lies between -180 and 180 degrees"))
        } else {
            Ok(Self { latitude, longitude })
        }
    }

    /// Degrees north of the equator.
    #[must_use]
    pub fn latitude(&self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich.
    #[must_use]
    pub fn longitude(&self) -> f64 {
        self.longitude
    }
}

/// What is known of where a visitor is. Any part may be missing.
///
/// Where `subdivision` is known, `country` is its country.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Place {
    /// The continent.
    pub continent: Option<Continent>,
    /// The country.
    pub country: Option<Country>,
    /// The first-level subdivision.
    pub subdivision: Option<Subdivision>,
    /// The coordinates: the database's own or, where it has none, the country's centre.
    pub location: Option<Location>,
}

macro_rules! text {
    ($type:ty, |$value:ident, $f:ident| $write:expr) => {
        impl fmt::Display for $type {
            fn fmt(&self, $f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $value = self;
                $write
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

text!(Country, |c, f| f.write_str(c.as_str()));
text!(Subdivision, |s, f| write!(f, "{}-{}", s.country, s.code()));
text!(Continent, |c, f| f.write_str(c.as_str()));
text!(Location, |l, f| write!(f, "{:.2},{:.2}", l.latitude, l.longitude));

// The most exact part that is known: 'US-CA', 'US', 'EU', or 'unknown'.
text!(Place, |p, f| match (p.subdivision, p.country, p.continent) {
    (Some(subdivision), _, _) => write!(f, "{subdivision}"),
    (None, Some(country), _) => write!(f, "{country}"),
    (None, None, Some(continent)) => write!(f, "{continent}"),
    (None, None, None) => f.write_str("unknown"),
});

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Subdivision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
