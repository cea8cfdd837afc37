//! Hides what looks like a secret, before a line of a file is shown.
//!
//! Secrets do not belong into these files. Where somebody has put one there all the same, the message about it goes to logs and
//! to the status, and the secret must not.

use std::borrow::Cow;
use std::ops::Range;

/// From how many hexadecimal digits in a row on they are taken for a key: 128 bits.
const HEXADECIMAL: usize = 32;

/// From how many letters and digits in a row on they are taken for a key or a token, where there are capitals, small letters
/// and digits among them.
const MIXED: usize = 40;

/// How far the end of a private key is looked for, in bytes.
const LONGEST_PEM: usize = 64 << 10;

/// `text` with a `*` for each byte of what looks like a secret. Everything stays in its place.
pub(super) fn masked(text: &str) -> Cow<'_, str> {
    let secrets = secrets(text);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut done = 0;
    for Range { start, end } in secrets {
        // The parts are made of ASCII, so that both ends are between characters.
        shown.push_str(text.get(done..start).unwrap_or_default());
        shown.extend(std::iter::repeat_n('*', end - start.max(done)));
        done = end;
    }
    shown.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(shown)
}

/// Whether something in `text` looks like a secret.
pub(super) fn is_secret(text: &str) -> bool {
    !secrets(text).is_empty()
}

/// The places of what looks like a secret, in their order.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    let mut private = private_key(bytes, 0);
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(|b| is_part(**b)).count();
        if length == 0 {
            at += 1;
            continue;
        }
        let run = at..at + length;
        if private.as_ref().is_some_and(|key| key.end < run.end) {
            private = private_key(bytes, at);
        }
        if private.as_ref().is_some_and(|key| key.start <= run.start && run.end <= key.end) {
            found.push(run);
        } else if length >= HEXADECIMAL {
            in_run(&bytes[run.clone()], at, &mut found);
        }
        at += length;
    }
    found
}

/// The place of what stands between the first and the last line of the next private key in PEM form.
fn private_key(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    const KIND: &[u8] = b"PRIVATE KEY-----";
    let rest = bytes.get(from..)?;
    let start = memchr::memmem::find_iter(rest, b"-----BEGIN ").find_map(|begin| {
        let line = rest[begin..].split(|b| *b == b'\n').next()?;
        Some(begin + memchr::memmem::find(line, KIND)? + KIND.len())
    })?;
    let within = &rest[start..rest.len().min(start + LONGEST_PEM)];
    let end = memchr::memmem::find(within, b"-----END").unwrap_or(within.len());
    Some(from + start..from + start + end)
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte)
}

/// What looks like a secret in a run of letters, digits and what base64 has besides. A run may be a path too.
fn in_run(run: &[u8], at: usize, found: &mut Vec<Range<usize>>) {
    if run.len() >= MIXED && is_mixed(run) && (run.contains(&b'+') || run.ends_with(b"=")) {
        found.push(at..at + run.len());
        return;
    }
    let mut start = at;
    for segment in run.split(|b| *b == b'/') {
        if segment.len() >= MIXED && is_mixed(segment) {
            found.push(start..start + segment.len());
        } else {
            let mut from = start;
            for part in segment.split(|b| !b.is_ascii_alphanumeric()) {
                if part.len() >= HEXADECIMAL && part.iter().all(u8::is_ascii_hexdigit) {
                    found.push(from..from + part.len());
                }
                from += part.len() + 1;
            }
        }
        start += segment.len() + 1;
    }
}

fn is_mixed(bytes: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| bytes.iter().any(is);
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const BASE64: &str = "aGVsbG8/d29ybGQ+Zm9vYmFyMTIzNDU2Nzg5MGFi/E8=";

    #[test]
    fn secrets_are_hidden_and_nothing_moves() {
        let token = "homeward_dGhpcyBpcyBub3QgYSByZWFsIHRva2VuMDA5OQ";
        let stars = |text: &str| "*".repeat(text.len());
        for (text, secret) in [
            (format!("hop: {{key: {KEY}}}"), KEY),
            (format!("key_file: \"{}\" # é", KEY.to_uppercase()), &*KEY.to_uppercase()),
            (format!("  - east-{}x: 1", &KEY[..32]), ""),
            (format!("sid=east-{}, b", &KEY[..32]), &KEY[..32]),
            (format!("token: operate:{token}"), token),
            (format!("key: {BASE64}"), BASE64),
            (format!("é: conf/{KEY}/x"), KEY),
        ] {
            assert_eq!(masked(&text), text.replace(secret, &stars(secret)), "{text}");
            assert_eq!(masked(&text).len(), text.len());
            assert_eq!(is_secret(&text), !secret.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_private_key_is_hidden_whole() {
        let text =
            "key: |\n  -----BEGIN EC PRIVATE KEY-----\n  MHcCAQEE\n  Q==\n  -----END EC PRIVATE KEY-----\nnext: abc\n";
        let shown = text.replace("MHcCAQEE", "********").replace("Q==", "***");
        assert_eq!(masked(text), shown);
        let two = format!("{text}{text}");
        assert_eq!(masked(&two), format!("{shown}{shown}"));
        assert!(!masked(&text[..60]).contains("MHcC"), "cut off");
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "",
            "certificate: /etc/Homeward/tls/2026/edge-of-the-region-in-the-far-west/certificates/fullchain.pem",
            "hosts: [a-very-long-name-of-a-host-that-somebody-has-chosen-for-reasons.example.com]",
            "file: /Srv/Users/Somebody/projects/homeward-settings-2026/configuration/keys/hop",
            "network: [2001:db8:1111:2222:3333:4444:5555:6666/128]",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
