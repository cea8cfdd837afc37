//! Streams of requests, and what chance makes of their bytes.

use crate::grammar;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};

/// The bytes of one connection of a client.
#[derive(Debug)]
pub struct Stream {
    /// What is written at once; a further part once the answers to those before are there, or nothing more comes.
    pub parts: Vec<Vec<u8>>,
}

/// Bytes that mean something to somebody who reads requests.
const BYTES: &[u8] = b"\r\n\0 \t:;,=\"0159aAfFgGzZ-+%/\\\x0b\x0c\x1f\x7f\x80\xa0\xff";

/// Ends of lines in place of CR LF.
const LINE_ENDS: [&str; 6] = ["\n", "\r", "\r\r\n", "\n\r\n", "\r\n\r\n", ""];

/// Stream `number` of the run that `seed` names: always the same.
pub fn stream(seed: u64, number: u64) -> Stream {
    let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
    if rng.random_ratio(1, 50) {
        let mut bytes = vec![0; rng.random_range(1..400)];
        rng.fill_bytes(&mut bytes);
        return Stream { parts: vec![bytes] };
    }
    let oddity = grammar::Oddity(if rng.random() { 40 } else { 6 });
    let count = rng.random_range(1..=3_u64);
    let mut parts: Vec<Vec<u8>> = (0..count).map(|place| grammar::request(&mut rng, oddity, number, place)).collect();
    if rng.random_ratio(1, 2) {
        parts.push(
            format!("GET {} HTTP/1.1\r\nHost: streams.test\r\nConnection: close\r\n\r\n", grammar::id(number, 9))
                .into_bytes(),
        );
    }
    if rng.random_ratio(1, 3) {
        for _ in 0..rng.random_range(1..=3_u8) {
            let which = rng.random_range(0..parts.len());
            mutate(&mut rng, &mut parts[which]);
        }
    }
    if rng.random_ratio(2, 5) {
        parts = vec![parts.concat()];
    }
    Stream { parts }
}

fn mutate(rng: &mut StdRng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.random_range(0..bytes.len());
    let until = (at + rng.random_range(1..40)).min(bytes.len());
    match rng.random_range(0..9_u8) {
        0 => bytes[at] = *BYTES.choose(rng).expect("not empty"),
        1 => bytes.insert(at, *BYTES.choose(rng).expect("not empty")),
        2 => drop(bytes.remove(at)),
        3 => drop(bytes.drain(at..until)),
        4 => {
            let piece = bytes[at..until].to_vec();
            bytes.splice(at..at, piece);
        }
        5 => bytes[at] ^= 1 << rng.random_range(0..8_u8),
        6 => bytes.truncate(at),
        7 => {
            // A line that ends in another way.
            if let Some(end) = bytes[at..].windows(2).position(|pair| pair == b"\r\n") {
                let other = *LINE_ENDS.choose(rng).expect("a list that is not empty");
                bytes.splice(at + end..at + end + 2, other.bytes());
            }
        }
        _ => {
            // A line once more, elsewhere.
            let lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let line = lines.choose(rng).cloned().unwrap_or_default();
            let place = lines[..rng.random_range(0..lines.len())].iter().map(Vec::len).sum::<usize>();
            bytes.splice(place..place, line);
        }
    }
}
