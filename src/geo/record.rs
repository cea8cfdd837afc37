//! One record of a database: the few fields that say a place, borrowed from the database's bytes.
//!
//! Reading is lenient: a field of an unexpected type counts as missing, and everything else in the record is skipped.
//! Only bytes that break the format are an error. Nothing is allocated.

use super::country::{Facts, centre, facts};
use super::cursor::{Cursor, Damaged};
use super::database::Schema;
use super::subdivision::{from_code, from_name};
use crate::model::{Continent, Country, Location, Place};

/// What a record says of a place, as the database words it.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    /// The schema whose keys the record has; nothing where it has none of either.
    pub(super) schema: Option<Schema>,
    continent: Option<&'a [u8]>,
    country: Option<&'a [u8]>,
    /// Where the network's owner is registered; only of use where the record does not say where its users are.
    registered_country: Option<&'a [u8]>,
    subdivision_code: Option<&'a [u8]>,
    subdivision_name: Option<&'a [u8]>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// A map with codes and names, as MaxMind describes continents, countries and subdivisions.
#[derive(Default)]
struct Codes<'a> {
    code: Option<&'a [u8]>,
    iso_code: Option<&'a [u8]>,
    english_name: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// Reads the record that the cursor stands before.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, Damaged> {
        let mut record = Self::default();
        cursor.map(|key, value| {
            match key {
                b"continent" => record.continent = record.nested(Codes::read(value)?).code,
                b"country" => record.country = record.nested(Codes::read(value)?).iso_code,
                b"registered_country" => record.registered_country = record.nested(Codes::read(value)?).iso_code,
                b"subdivisions" => {
                    // The first is the largest: a country of the United Kingdom, then a county.
                    let mut first = Codes::default();
                    value.first(|item| Codes::read(item).map(|codes| first = codes))?;
                    (record.subdivision_code, record.subdivision_name) = (first.iso_code, first.english_name);
                }
                b"location" => {
                    value.map(|key, value| record.coordinate(key, value))?;
                }
                b"country_code" => record.country = record.flat(value.text()?),
                b"state1" => record.subdivision_name = record.flat(value.text()?),
                _ => record.coordinate(key, value)?,
            }
            Ok(())
        })?;
        Ok(record)
    }

    /// The place that the record describes; nothing where it says nothing of one.
    pub(super) fn place(&self) -> Option<Place> {
        let stated = self.country.and_then(known_country);
        let known = stated.or_else(|| self.registered_country.and_then(known_country));
        // A subdivision is one of the stated country's: of the registered one's it would be a guess.
        let subdivision = stated.and_then(|(country, _)| {
            let by_code = self.subdivision_code.and_then(text).and_then(|code| from_code(country, code));
            by_code.or_else(|| self.subdivision_name.and_then(|name| from_name(country, name)))
        });
        let stated_continent = self.continent.and_then(text).and_then(|code| code.parse::<Continent>().ok());
        let continent = stated_continent.or(known.map(|(_, facts)| facts.1));
        let stated_location = self.latitude.zip(self.longitude).and_then(|(lat, lon)| Location::new(lat, lon).ok());
        let location = stated_location.or_else(|| known.and_then(|(_, facts)| centre(facts)));
        let country = known.map(|(country, _)| country);
        (continent.is_some() || location.is_some()).then_some(Place { continent, country, subdivision, location })
    }

    /// Takes a coordinate: under `location` in the nested schema, beside the country in the flat one.
    fn coordinate(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Damaged> {
        match key {
            b"latitude" => self.latitude = value.number()?,
            b"longitude" => self.longitude = value.number()?,
            _ => value.skip(1)?,
        }
        Ok(())
    }

    /// Notes that a key of the nested schema held what that schema has there.
    fn nested(&mut self, codes: Codes<'a>) -> Codes<'a> {
        if codes.code.or(codes.iso_code).is_some() {
            self.schema.get_or_insert(Schema::Nested);
        }
        codes
    }

    /// Notes that a key of the flat schema held what that schema has there.
    fn flat(&mut self, text: Option<&'a [u8]>) -> Option<&'a [u8]> {
        if text.is_some() {
            self.schema.get_or_insert(Schema::Flat);
        }
        text
    }
}

impl<'a> Codes<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Damaged> {
        let mut codes = Self::default();
        cursor.map(|key, value| {
            match key {
                b"code" => codes.code = value.text()?,
                b"iso_code" => codes.iso_code = value.text()?,
                // Names are only of use where there is no code, and stand after it.
                b"names" if codes.code.or(codes.iso_code).is_none() => {
                    value.map(|key, value| {
                        match key {
                            b"en" => codes.english_name = value.text()?,
                            _ => value.skip(1)?,
                        }
                        Ok(())
                    })?;
                }
                _ => value.skip(1)?,
            }
            Ok(())
        })?;
        Ok(codes)
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// The country and what is known of it, unless the code is none's, as `ZZ` is.
fn known_country(code: &[u8]) -> Option<(Country, &'static Facts)> {
    let country = text(code)?.parse().ok()?;
    Some((country, facts(country)?))
}
