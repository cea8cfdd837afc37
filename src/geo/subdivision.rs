//! The code of a subdivision, also where a database gives only its name.

use std::cmp::Ordering;

use crate::model::{Country, Subdivision};

/// A subdivision's name in lower case and its code, in the order of the names.
type Names = [(&'static str, &'static str)];

/// The states of the United States, and the District of Columbia.
const UNITED_STATES: &Names = &[
    ("alabama", "AL"),
    ("alaska", "AK"),
    ("arizona", "AZ"),
    ("arkansas", "AR"),
    ("california", "CA"),
    ("colorado", "CO"),
    ("connecticut", "CT"),
    ("d.c.", "DC"),
    ("delaware", "DE"),
    ("district of columbia", "DC"),
    ("florida", "FL"),
    ("georgia", "GA"),
    ("hawaii", "HI"),
    ("idaho", "ID"),
    ("illinois", "IL"),
    ("indiana", "IN"),
    ("iowa", "IA"),
    ("kansas", "KS"),
    ("kentucky", "KY"),
    ("louisiana", "LA"),
    ("maine", "ME"),
    ("maryland", "MD"),
    ("massachusetts", "MA"),
    ("michigan", "MI"),
    ("minnesota", "MN"),
    ("mississippi", "MS"),
    ("missouri", "MO"),
    ("montana", "MT"),
    ("nebraska", "NE"),
    ("nevada", "NV"),
    ("new hampshire", "NH"),
    ("new jersey", "NJ"),
    ("new mexico", "NM"),
    ("new york", "NY"),
    ("north carolina", "NC"),
    ("north dakota", "ND"),
    ("ohio", "OH"),
    ("oklahoma", "OK"),
    ("oregon", "OR"),
    ("pennsylvania", "PA"),
    ("rhode island", "RI"),
    ("south carolina", "SC"),
    ("south dakota", "SD"),
    ("tennessee", "TN"),
    ("texas", "TX"),
    ("utah", "UT"),
    ("vermont", "VT"),
    ("virginia", "VA"),
    ("washington", "WA"),
    ("washington d.c.", "DC"),
    ("washington, d.c.", "DC"),
    ("west virginia", "WV"),
    ("wisconsin", "WI"),
    ("wyoming", "WY"),
];

/// The provinces and territories of Canada. Only ASCII letters lose their case in a comparison, so Québec stands twice.
const CANADA: &Names = &[
    ("alberta", "AB"),
    ("british columbia", "BC"),
    ("manitoba", "MB"),
    ("new brunswick", "NB"),
    ("newfoundland", "NL"),
    ("newfoundland and labrador", "NL"),
    ("northwest territories", "NT"),
    ("nova scotia", "NS"),
    ("nunavut", "NU"),
    ("ontario", "ON"),
    ("prince edward island", "PE"),
    ("quebec", "QC"),
    ("quÉbec", "QC"),
    ("québec", "QC"),
    ("saskatchewan", "SK"),
    ("yukon", "YT"),
    ("yukon territory", "YT"),
];

/// The subdivision with this ISO 3166-2 code, with or without the country before it: `CA` or `US-CA`.
pub(super) fn from_code(country: Country, code: &str) -> Option<Subdivision> {
    let bare = code.strip_prefix(country.as_str()).and_then(|rest| rest.strip_prefix('-')).unwrap_or(code);
    Subdivision::new(country, bare).ok()
}

/// The subdivision with this English name, in any case of letters; only the United States' and Canada's are known. A
/// code of theirs in place of a name will do too.
pub(super) fn from_name(country: Country, name: &[u8]) -> Option<Subdivision> {
    let names = match country.as_str() {
        "US" => UNITED_STATES,
        "CA" => CANADA,
        _ => return None,
    };
    let code = match names.binary_search_by(|(known, _)| compare(known, name)) {
        Ok(found) => names.get(found)?.1,
        Err(_) => names.iter().find(|(_, code)| code.as_bytes() == name)?.1,
    };
    Subdivision::new(country, code).ok()
}

/// Compares a name in lower case with one in any.
fn compare(known: &str, name: &[u8]) -> Ordering {
    known.bytes().cmp(name.iter().map(u8::to_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(country: &str, name: &str) -> Option<String> {
        from_name(country.parse().unwrap(), name.as_bytes()).map(|subdivision| subdivision.to_string())
    }

    #[test]
    fn every_name_leads_to_its_code() {
        for (country, names) in [("US", UNITED_STATES), ("CA", CANADA)] {
            assert!(
                names.is_sorted_by(|a, b| compare(a.0, b.0.as_bytes()) == Ordering::Less),
                "{country}'s names are in order"
            );
            for (name, code) in names {
                let expected = Some(format!("{country}-{code}"));
                assert_eq!(named(country, name), expected);
                assert_eq!(named(country, &name.to_ascii_uppercase()), expected);
                assert_eq!(named(country, code), expected);
            }
        }
        let mut codes: Vec<_> = UNITED_STATES.iter().map(|(_, code)| code).collect();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 51, "50 states and the District of Columbia");
    }

    #[test]
    fn names_belong_to_their_country() {
        assert_eq!(named("US", "California").as_deref(), Some("US-CA"));
        assert_eq!(named("CA", "QUÉBEC").as_deref(), Some("CA-QC"));
        assert_eq!(named("MX", "California"), None);
        assert_eq!(named("CA", "California"), None);
        assert_eq!(named("US", "Ontario"), None);
        assert_eq!(named("US", ""), None);
        assert_eq!(named("US", "Californi"), None);
    }

    #[test]
    fn a_code_may_carry_its_country() {
        let us: Country = "US".parse().unwrap();
        assert_eq!(from_code(us, "US-CA"), from_code(us, "CA"));
        assert_eq!(from_code(us, "CA-ON"), None);
        assert_eq!(from_code(us, ""), None);
    }
}
