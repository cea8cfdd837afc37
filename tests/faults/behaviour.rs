//! How an app server behaves, as one line that it is told. Pure.

use std::fmt;
use std::str::FromStr;

/// What becomes of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answering {
    /// They are answered.
    #[default]
    Normal,
    /// They are read and never answered, probes too.
    Silent,
    /// So many of a hundred get 500. Probes of a path are answered: the app believes itself well.
    Fails(u32),
    /// So many of a hundred are cut by a reset within the body of the answer.
    Resets(u32),
    /// They are answered with 200, and nobody can log in.
    FailsLogins,
    /// The same, and the app says so itself.
    DeclaresFailure,
}

/// How an app server behaves until it is told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    /// What becomes of requests.
    pub answering: Answering,
    /// How long the work of a request takes, in milliseconds.
    pub time: u32,
    /// How many are worked at at once; the others wait. 0 is no limit.
    pub workers: u32,
    /// How many may wait; further ones get 503.
    pub queue: u32,
    /// How long a session that it has not got takes to load, in milliseconds. 0: it has them all.
    pub load: u32,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { answering: Answering::Normal, time: 2, workers: 0, queue: 100_000, load: 0 }
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, share) = match self.answering {
            Answering::Normal => ("normal", 0),
            Answering::Silent => ("silent", 0),
            Answering::Fails(share) => ("fails", share),
            Answering::Resets(share) => ("resets", share),
            Answering::FailsLogins => ("fails_logins", 0),
            Answering::DeclaresFailure => ("declares_failure", 0),
        };
        write!(f, "{word} {share} {} {} {} {}", self.time, self.workers, self.queue, self.load)
    }
}

impl FromStr for Behaviour {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let bad = || format!("no behaviour: {line}");
        let mut words = line.split_whitespace();
        let word = words.next().ok_or_else(bad)?;
        let numbers: Vec<u32> = words.map(str::parse).collect::<Result<_, _>>().map_err(|_| bad())?;
        let [share, time, workers, queue, load] = numbers[..] else { return Err(bad()) };
        let answering = match word {
            "normal" => Answering::Normal,
            "silent" => Answering::Silent,
            "fails" => Answering::Fails(share),
            "resets" => Answering::Resets(share),
            "fails_logins" => Answering::FailsLogins,
            "declares_failure" => Answering::DeclaresFailure,
            _ => return Err(bad()),
        };
        Ok(Self { answering, time, workers, queue, load })
    }
}
