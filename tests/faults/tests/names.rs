//! What names.rs promises.

use crate::names::*;
use std::net::Ipv4Addr;

/// A question for `app.test` of this type.
fn question(kind: u16) -> Vec<u8> {
    let mut question = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    question.extend_from_slice(b"\x03App\x04test\x00");
    question.extend_from_slice(&kind.to_be_bytes());
    question.extend_from_slice(&[0, 1]);
    question
}

fn known(name: &str) -> Option<Vec<Ipv4Addr>> {
    (name == "app.test").then(|| vec![Ipv4Addr::new(127, 0, 1, 5), Ipv4Addr::new(127, 0, 1, 6)])
}

#[test]
fn addresses_are_answered() {
    let answer = reply(&question(1), known).unwrap();
    assert_eq!(answer[..8], [0xab, 0xcd, 0x85, 0, 0, 1, 0, 2]);
    assert_eq!(answer[12..26], question(1)[12..26], "the question comes back");
    assert_eq!(answer[26..42], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 127, 0, 1, 5]);
    assert_eq!(answer.len(), 26 + 2 * 16);
}

#[test]
fn other_types_have_nothing_and_other_names_do_not_exist() {
    let aaaa = reply(&question(28), known).unwrap();
    assert_eq!((aaaa[3], aaaa[7], aaaa.len()), (0, 0, 26));
    let unknown = reply(&question(1), |_| None).unwrap();
    assert_eq!((unknown[3], unknown.len()), (3, 26));
}

#[test]
fn what_is_no_question_gets_no_answer() {
    let whole = question(1);
    for length in 0..whole.len() {
        assert_eq!(reply(&whole[..length], known), None, "{length}");
    }
    let answer = reply(&whole, known).unwrap();
    assert_eq!(reply(&answer, known), None);
}
