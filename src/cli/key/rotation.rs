//! The steps by which a key is exchanged for a newer one, on the text of a key file.

use crate::model::Keyring;
use clap::ValueEnum;
use zeroize::Zeroizing;

/// A step of an exchange. Each must have reached every edge before the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Step {
    /// Put a new key on the last line: all edges accept it, and none signs with it
    Accept,
    /// Move the last key to the first line: it signs, and what the older ones signed is accepted
    Sign,
    /// Take out all keys but the first
    Retire,
    /// Put a new key on the first line, for one edge alone
    AtOnce,
}

impl Step {
    /// What was done, and what is to be done now.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Accept => {
                "a new key is on the last line: it is accepted, and signs nothing; when every edge has this file, go on with \
                 --step sign"
            }
            Self::Sign => {
                "the newest key is on the first line: it signs from now on; when every edge has this file and nothing that \
                 an older key signed is of use any more (hops: after a minute; sessions: when \
                 homeward_session_keys_total{result=\"older_key\"} stands still), go on with --step retire"
            }
            Self::Retire => "only the first key is left",
            Self::AtOnce => {
                "a new key is on the first line: it signs at once, and an edge that has an older file does not accept what it \
                 signs; when nothing that an older key signed is of use any more, go on with --step retire"
            }
        }
    }
}

/// Why a step cannot be taken.
#[derive(Debug)]
pub(super) enum Refused<E> {
    /// It makes no sense in this file.
    Said(&'static str),
    /// There is no new key.
    Failed(E),
}

/// The text of a key file after `step`. Comments stay where they are. `new_key` gives a line with a key.
pub(super) fn take<E>(
    step: Step,
    text: &str,
    new_key: impl FnOnce() -> Result<Zeroizing<String>, E>,
) -> Result<Zeroizing<String>, Refused<E>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_key = |line: &str| !line.trim().is_empty() && !line.trim().starts_with('#');
    let keys: Vec<usize> = (0..lines.len()).filter(|at| lines.get(*at).is_some_and(|line| is_key(line))).collect();
    let (Some(first), Some(last)) = (keys.first().copied(), keys.last().copied()) else {
        return Err(Refused::Said("there is no key in it"));
    };
    // Taken whole at first: where a text grows, a copy of it stays behind.
    let mut after = Zeroizing::new(String::with_capacity(text.len() + 128));
    let mut push = |line: &str| {
        after.push_str(line);
        after.push('\n');
    };
    match step {
        Step::Accept | Step::AtOnce if keys.len() == Keyring::MOST => {
            return Err(Refused::Said("it has eight keys, and no more are read: take --step retire first"));
        }
        Step::Sign | Step::Retire if keys.len() == 1 => {
            return Err(Refused::Said(
                "it has one key, so there is none to go over to or to take out: begin with --step accept",
            ));
        }
        Step::Accept => {
            let key = new_key().map_err(Refused::Failed)?;
            lines.iter().for_each(|line| push(line));
            push(key.trim_end());
        }
        Step::AtOnce => {
            let key = new_key().map_err(Refused::Failed)?;
            lines.iter().take(first).for_each(|line| push(line));
            push(key.trim_end());
            lines.iter().skip(first).for_each(|line| push(line));
        }
        Step::Sign => {
            let newest = lines.get(last).copied().unwrap_or_default();
            lines.iter().take(first).for_each(|line| push(line));
            push(newest);
            lines.iter().take(last).skip(first).for_each(|line| push(line));
            lines.iter().skip(last + 1).for_each(|line| push(line));
        }
        Step::Retire => {
            let stays = |at: &usize| *at == first || !keys.contains(at);
            (0..lines.len()).filter(stays).filter_map(|at| lines.get(at)).for_each(|line| push(line));
        }
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "00000000000000000000000000000000000000000000000000000000000000aa";
    const NEW: &str = "00000000000000000000000000000000000000000000000000000000000000bb";

    fn step(step: Step, text: &str) -> Result<String, &'static str> {
        match take(step, text, || Ok::<_, ()>(Zeroizing::new(format!("{NEW}\n")))) {
            Ok(text) => Ok(text.to_string()),
            Err(Refused::Said(text)) => Err(text),
            Err(Refused::Failed(())) => panic!(),
        }
    }

    #[test]
    fn three_steps_exchange_a_key() {
        let one = format!("# ours\n{OLD}");
        let two = step(Step::Accept, &one).unwrap();
        assert_eq!(two, format!("# ours\n{OLD}\n{NEW}\n"));
        let three = step(Step::Sign, &two).unwrap();
        assert_eq!(three, format!("# ours\n{NEW}\n{OLD}\n"));
        let four = step(Step::Retire, &three).unwrap();
        assert_eq!(four, format!("# ours\n{NEW}\n"));
        assert_eq!(step(Step::AtOnce, &one).unwrap(), three);
    }

    /// What one edge signs, every other accepts, as long as no two edges are more than a step apart.
    #[test]
    fn edges_a_step_apart_understand_each_other() {
        let mut files = vec![format!("{OLD}\n")];
        for next in [Step::Accept, Step::Sign, Step::Retire] {
            let before = files.last().unwrap().clone();
            files.push(step(next, &before).unwrap());
        }
        let keyrings: Vec<Keyring> = files.iter().map(|text| text.parse().unwrap()).collect();
        for pair in keyrings.windows(2) {
            for (signs, verifies) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
                assert!(verifies.verify(&[b"hop"], &signs.sign(&[b"hop"])).is_some());
            }
        }
        // At once, they do not.
        let at_once: Keyring = step(Step::AtOnce, &files[0]).unwrap().parse().unwrap();
        assert!(keyrings[0].verify(&[b"hop"], &at_once.sign(&[b"hop"])).is_none());
    }

    #[test]
    fn a_step_that_makes_no_sense_is_refused() {
        for (asked, text, said) in [
            (Step::Sign, OLD.to_owned(), "it has one key"),
            (Step::Retire, format!("{OLD}\n# {NEW}\n"), "it has one key"),
            (Step::Accept, "# nothing\n".to_owned(), "there is no key"),
            (Step::Accept, format!("{OLD}\n").repeat(8), "it has eight keys"),
        ] {
            let refused = step(asked, &text).unwrap_err();
            assert!(refused.starts_with(said), "{refused}");
        }
    }
}
