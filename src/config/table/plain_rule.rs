//! A home rule as nearly all of a large table are written: networks and a region, without anything that makes YAML hard
//! to read. A table of such rules is read in a sixth of the time that YAML takes; whatever is written in another way is left
//! to that.

use super::rule_lines::is_blank;
use crate::config::form;
use crate::routing::Networks;

/// The networks of a rule and the name of its region, where its `lines` are one of
///
/// ```yaml
///   - networks: [192.0.2.0/24, 2001:db8::/32]
///     region: us-west
///   - {networks: [192.0.2.0/24, 2001:db8::/32], region: us-west}
/// ```
///
/// and comments behind it. `None` is no refusal.
pub(super) fn read(lines: &str) -> Option<(Networks, &str)> {
    let (first, behind) = first_line(lines);
    let words = first.trim_start_matches(' ');
    let indent = first.len() - words.len();
    let words = words.strip_prefix("- ")?;
    let (networks, region, behind) = match words.strip_prefix("{networks: [") {
        Some(words) => {
            let (networks, region) = words.strip_suffix('}')?.split_once(']')?;
            (networks, region.strip_prefix(", region: ")?, behind)
        }
        None => {
            let networks = words.strip_prefix("networks: [")?.strip_suffix(']')?;
            let (second, behind) = first_line(behind);
            let words = second.trim_start_matches(' ');
            let region = words.strip_prefix("region: ").filter(|_| second.len() - words.len() == indent + 2)?;
            (networks, region, behind)
        }
    };
    let texts = networks.split(',').enumerate();
    let texts = texts.map(|(nth, text)| if nth == 0 { Some(text) } else { text.strip_prefix(' ') });
    let networks = texts.map(|text| form::network(word(text?, is_network)?).ok()).collect::<Option<_>>()?;
    let region = word(region, is_name)?;
    behind.split('\n').all(is_blank).then_some((networks, region))
}

/// As many nodes as YAML makes of a rule on so many networks.
pub(super) const fn nodes(networks: usize) -> usize {
    // The map and its end, two keys, the list and its end, the region.
    networks + 7
}

fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// A text in quotes or without, where it has nothing in it that YAML could take for anything else.
fn word(text: &str, is_plain: fn(&str) -> bool) -> Option<&str> {
    let in_quotes = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    in_quotes('"').or_else(|| in_quotes('\'')).or(Some(text)).filter(|word| is_plain(word))
}

/// Whether YAML takes it for a text: not for nothing, and not for the beginning of anything else.
fn is_name(text: &str) -> bool {
    let is_of_names = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(is_of_names) && text != "null"
}

/// The same for a network. A colon at its end would make it a key.
fn is_network(text: &str) -> bool {
    let is_of_networks = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'/');
    let is_digit = |end: Option<u8>| end.is_some_and(|byte| byte.is_ascii_hexdigit());
    text.bytes().all(is_of_networks) && is_digit(text.bytes().next()) && is_digit(text.bytes().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::problem::Findings;
    use crate::config::yaml;

    #[test]
    fn a_plain_rule_is_what_yaml_makes_of_it() {
        for (lines, networks, region) in [
            ("- {networks: [\"192.0.2.0/24\", '1.2.3.4'], region: 'b'}\n", vec!["192.0.2.0/24", "1.2.3.4/32"], "b"),
            ("- networks: [192.0.2.0/24]\n  region: us-west\n", vec!["192.0.2.0/24"], "us-west"),
            ("  - {networks: [192.0.2.0/24, 192.0.3.1], region: b2}", vec!["192.0.2.0/24", "192.0.3.1/32"], "b2"),
            (
                "    - networks: [2001:db8::/32, 1::2]\n      region: b\n# c\n\n  # d",
                vec!["2001:db8::/32", "1::2/128"],
                "b",
            ),
        ] {
            let (found, of) = read(lines).unwrap_or_else(|| panic!("{lines}"));
            assert_eq!(
                (found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), of),
                (networks.join(" "), region)
            );

            let mut findings = Findings::default();
            let document = yaml::parse(lines, &mut findings).unwrap();
            let rule = &document.root.items()[0];
            let texts = rule.get("networks").unwrap().items().iter().map(|item| item.text().unwrap());
            let as_yaml: Networks = texts.map(|text| form::network(text).unwrap()).collect();
            assert_eq!((as_yaml, rule.get("region").unwrap().text()), (found.clone(), Some(region)), "{lines}");
            let twice = [lines, "\n", lines].concat();
            let two = yaml::parse(&twice, &mut findings).unwrap();
            assert_eq!(two.nodes - document.nodes, nodes(found.len()), "{lines}");
            assert!(findings.is_empty());
        }
    }

    #[test]
    fn another_way_to_write_is_left_to_yaml() {
        for lines in [
            "",
            "- networks: [192.0.2.0/24]\n",
            "- networks: [192.0.2.0/24]\n   region: b\n",
            "- networks: [192.0.2.0/24]\n region: b\n",
            "-  networks: [192.0.2.0/24]\n  region: b\n",
            "- networks: [192.0.2.0/24]  \n  region: b\n",
            "- networks: [192.0.2.0/24] # c\n  region: b\n",
            "- networks: [192.0.2.0/24]\n  region: b # c\n",
            "- networks: [192.0.2.0/24]\r\n  region: b\r\n",
            "- networks: [192.0.2.0/24]\n  region: b\n  region: c\n",
            "- networks: [192.0.2.0/24]\n  region: b\n    c\n",
            "- networks: [192.0.2.0/24,192.0.3.0/24]\n  region: b\n",
            "- networks: [192.0.2.0/24, ]\n  region: b\n",
            "- networks: []\n  region: b\n",
            "- networks: [\"192.0.2.0/24']\n  region: b\n",
            "- networks: [\"192.0.2.0/24]\n  region: b\"\n",
            "- networks: [\"\\x31.0.0.0/8\"]\n  region: b\n",
            "- networks: ['']\n  region: b\n",
            "- networks: [192.0.2.1/24]\n  region: b\n",
            "- networks: [2001:db8::]\n  region: b\n",
            "- networks: [::/0]\n  region: b\n",
            "- networks: [192.0.2.0/24]\n  region: null\n",
            "- networks: [192.0.2.0/24]\n  region: ''\n",
            "- networks: [192.0.2.0/24]\n  region: \"\n",
            "- networks: [192.0.2.0/24]\n  region: B\n",
            "- networks: [192.0.2.0/24]\n  region: \n",
            "- networks: [192.0.2.0/24]\n  region: -\n",
            "- networks: [192.0.2.0/24]\n  nearest: [b]\n",
            "- {networks: [192.0.2.0/24], region: b} # c\n",
            "- {networks: [192.0.2.0/24], region: b}}\n",
            "- {networks: [192.0.2.0/24], region: b, region: c}\n",
            "- {networks: [192.0.2.0/24], region: [b]}\n",
            "- {region: b, networks: [192.0.2.0/24]}\n",
            "- countries: [US]\n  region: b\n",
        ] {
            assert_eq!(read(lines), None, "{lines:?}");
        }
    }
}
