//! A distinguished name as text, by RFC 4514: what comes last in the certificate stands first.

use std::fmt::Write as _;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The attributes that have a short name, by their object identifiers.
const SHORT: [(&str, &str); 12] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// The name as text, in visible ASCII and single blanks between words, so that it can stand in a header and in a log.
pub(super) fn text(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter_rdn()
        .map(|rdn| rdn.iter().map(attribute).collect::<Vec<_>>().join("+"))
        .filter(|part| !part.is_empty())
        .collect();
    parts.reverse();
    parts.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let id = attribute.attr_type().to_id_string();
    let short = SHORT.iter().find(|(known, _)| *known == id).map(|(_, short)| *short);
    match (short, attribute.as_str()) {
        (Some(short), Ok(value)) => format!("{short}={}", escaped(value)),
        // What has no name, or is no text, is given as the bytes that it is.
        (short, _) => {
            let mut text = format!("{}=#", short.unwrap_or(&id));
            for byte in attribute.as_slice() {
                let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
            }
            text
        }
    }
}

/// The value with everything escaped that would mean something, or that is no visible ASCII.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'#' if at == 0 => text.push_str("\\#"),
            b' ' if at == 0 || at == last => text.push_str("\\ "),
            b' ' => text.push(' '),
            _ if byte.is_ascii_graphic() => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\{byte:02X}"); // writing to a String cannot fail
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_of_a_name_can_be_taken_for_something_else() {
        for (value, text) in [
            ("Portal", "Portal"),
            ("A, B + C", "A\\, B \\+ C"),
            (" both ", "\\ both\\ "),
            ("#1 #2", "\\#1 #2"),
            ("Zoë", "Zo\\C3\\AB"),
            ("a\r\nX-Admin: 1", "a\\0D\\0AX-Admin: 1"),
            ("", ""),
            (" ", "\\ "),
        ] {
            assert_eq!(escaped(value), text);
        }
    }
}
