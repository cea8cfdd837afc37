//! One record of a database: the few fields that say a place, borrowed from the database's bytes.
//!
//! Reading is lenient: a field of an unexpected type counts as missing, and everything else in the record is skipped.
//! Only bytes that break the format are an error. Nothing is allocated unless there is an error to describe.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{Deserialize, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::country::{continent_of, country_centre, exists};
use super::database::Schema;
use super::subdivision::{from_code, from_name};
use crate::model::{Continent, Country, Location, Place};

/// What a record says of a place, as the database words it.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    /// The schema whose keys the record has; nothing where it has none of either.
    pub(super) schema: Option<Schema>,
    continent: Option<&'a str>,
    country: Option<&'a str>,
    /// Where the network's owner is registered; only of use where the record does not say where its users are.
    registered_country: Option<&'a str>,
    subdivision_code: Option<&'a str>,
    subdivision_name: Option<&'a str>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl Record<'_> {
    /// The place that the record describes; nothing where it says nothing of one.
    pub(super) fn place(&self) -> Option<Place> {
        let stated = self.country.and_then(known_country);
        let country = stated.or_else(|| self.registered_country.and_then(known_country));
        // A subdivision is one of the stated country's: of the registered one's it would be a guess.
        let subdivision = stated.and_then(|country| {
            let by_code = self.subdivision_code.and_then(|code| from_code(country, code));
            by_code.or_else(|| self.subdivision_name.and_then(|name| from_name(country, name)))
        });
        let stated_continent = self.continent.and_then(|code| code.parse::<Continent>().ok());
        let continent = stated_continent.or_else(|| country.and_then(continent_of));
        let stated_location = self.latitude.zip(self.longitude).and_then(|(lat, lon)| Location::new(lat, lon).ok());
        let location = stated_location.or_else(|| country.and_then(country_centre));
        (continent.is_some() || location.is_some()).then_some(Place { continent, country, subdivision, location })
    }
}

/// The country, unless the code is none's, as `ZZ` is.
fn known_country(code: &str) -> Option<Country> {
    code.parse().ok().filter(|country| exists(*country))
}

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lenient(PhantomData))
    }
}

impl<'de> Part<'de> for Record<'de> {
    fn entry<A: MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<(), A::Error> {
        match key {
            b"continent" => self.continent = self.nested(map.next_value::<Read<Codes<'de>>>()?.0).code,
            b"country" => self.country = self.nested(map.next_value::<Read<Codes<'de>>>()?.0).iso_code,
            b"registered_country" => {
                self.registered_country = self.nested(map.next_value::<Read<Codes<'de>>>()?.0).iso_code;
            }
            b"subdivisions" => {
                let first = map.next_value::<Read<First<Codes<'de>>>>()?.0.0;
                let first = self.nested(first);
                (self.subdivision_code, self.subdivision_name) = (first.iso_code, first.english_name);
            }
            b"location" => {
                let location = map.next_value::<Read<Coordinates>>()?.0;
                (self.latitude, self.longitude) = (location.latitude, location.longitude);
            }
            b"country_code" => self.country = self.flat(map)?,
            b"state1" => self.subdivision_name = self.flat(map)?,
            b"latitude" => self.latitude = map.next_value::<Read<Number>>()?.0.0,
            b"longitude" => self.longitude = map.next_value::<Read<Number>>()?.0.0,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> Record<'de> {
    /// Notes that a key of the nested schema held what that schema has there.
    fn nested(&mut self, part: Codes<'de>) -> Codes<'de> {
        if part.code.or(part.iso_code).or(part.english_name).is_some() {
            self.schema.get_or_insert(Schema::Nested);
        }
        part
    }

    /// The text of a key of the flat schema, if it is one.
    fn flat<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<Option<&'de str>, A::Error> {
        let text = map.next_value::<Read<Text<'de>>>()?.0.0;
        if text.is_some() {
            self.schema.get_or_insert(Schema::Flat);
        }
        Ok(text)
    }
}

/// Some part of a record. Each of these is asked for what the database holds there; what it does not expect leaves it
/// at its default.
trait Part<'de>: Default {
    fn text(&mut self, _text: &'de str) {}
    fn number(&mut self, _number: f64) {}
    /// Must take the value of `key` from `map`.
    fn entry<A: MapAccess<'de>>(&mut self, _key: &[u8], map: &mut A) -> Result<(), A::Error> {
        map.next_value::<IgnoredAny>().map(drop)
    }
    /// The first item of a list; says whether there was one.
    fn first<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        Ok(list.next_element::<IgnoredAny>()?.is_some())
    }
}

#[derive(Default)]
struct Text<'a>(Option<&'a str>);

impl<'de> Part<'de> for Text<'de> {
    fn text(&mut self, text: &'de str) {
        self.0 = Some(text);
    }
}

#[derive(Default)]
struct Number(Option<f64>);

impl Part<'_> for Number {
    fn number(&mut self, number: f64) {
        self.0 = Some(number);
    }
}

/// A map with codes and names, as MaxMind describes continents, countries and subdivisions.
#[derive(Default)]
struct Codes<'a> {
    code: Option<&'a str>,
    iso_code: Option<&'a str>,
    english_name: Option<&'a str>,
}

impl<'de> Part<'de> for Codes<'de> {
    fn entry<A: MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<(), A::Error> {
        match key {
            b"code" => self.code = map.next_value::<Read<Text<'de>>>()?.0.0,
            b"iso_code" => self.iso_code = map.next_value::<Read<Text<'de>>>()?.0.0,
            // The names stand after the code: where there is one they need no look.
            b"names" if self.iso_code.is_none() && self.code.is_none() => {
                self.english_name = map.next_value::<Read<Names<'de>>>()?.0.english;
            }
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

#[derive(Default)]
struct Names<'a> {
    english: Option<&'a str>,
}

impl<'de> Part<'de> for Names<'de> {
    fn entry<A: MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<(), A::Error> {
        match key {
            b"en" => self.english = map.next_value::<Read<Text<'de>>>()?.0.0,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

#[derive(Default)]
struct Coordinates {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl<'de> Part<'de> for Coordinates {
    fn entry<A: MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<(), A::Error> {
        match key {
            b"latitude" => self.latitude = map.next_value::<Read<Number>>()?.0.0,
            b"longitude" => self.longitude = map.next_value::<Read<Number>>()?.0.0,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

/// The first item of a list.
#[derive(Default)]
struct First<T>(T);

impl<'de, T: Part<'de>> Part<'de> for First<T> {
    fn first<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let item = list.next_element::<Read<T>>()?;
        let any = item.is_some();
        self.0 = item.map_or_else(T::default, |read| read.0);
        Ok(any)
    }
}

/// Reads a part, whatever the type of what the database holds in its stead.
struct Read<T>(T);

impl<'de, T: Part<'de>> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lenient(PhantomData)).map(Self)
    }
}

struct Lenient<T>(PhantomData<T>);

/// Visits a number as `f64`; what an integer loses in precision is far below a metre on the globe.
macro_rules! numbers {
    ($($visit:ident: $number:ty),*) => {
        $(fn $visit<E>(self, number: $number) -> Result<T, E> {
            let mut part = T::default();
            part.number(number as f64);
            Ok(part)
        })*
    };
}

impl<'de, T: Part<'de>> Visitor<'de> for Lenient<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a database")
    }

    numbers!(visit_f64: f64, visit_f32: f32, visit_i32: i32, visit_u16: u16, visit_u32: u32);

    fn visit_u64<E>(self, _: u64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_u128<E>(self, _: u128) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_borrowed_bytes<E>(self, _: &'de [u8]) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<T, E> {
        let mut part = T::default();
        part.text(text);
        Ok(part)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut part = T::default();
        while let Some(Key(key)) = map.next_key()? {
            part.entry(key, &mut map)?;
        }
        Ok(part)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        let mut part = T::default();
        if part.first(&mut list)? {
            while list.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(part)
    }
}

/// A key of a map, as bytes: those are compared, never shown, so they need not be checked to be text.
pub(super) struct Key<'a>(pub(super) &'a [u8]);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_bytes<E>(self, key: &'de [u8]) -> Result<Key<'de>, E> {
                Ok(Key(key))
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}
