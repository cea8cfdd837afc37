//! What is kept of each request: by the client who sent it, and by the servers that saw it.

use std::time::{SystemTime, UNIX_EPOCH};

/// The regions, in the order in which all lists here have them.
pub const REGIONS: [&str; 3] = ["us-east", "us-central", "us-west"];

/// What their session keys begin with.
pub const PREFIXES: [&str; 3] = ["east", "central", "west"];

/// Microseconds in a second: the unit of all points in time.
pub const SECOND: u64 = 1_000_000;

/// Now, in microseconds since 1970: the same clock for all processes.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// A server: the region, and which one of it, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId {
    /// The region, as in [`REGIONS`].
    pub region: u8,
    /// Which one of it.
    pub number: u8,
}

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Its own number.
    pub id: u32,
    /// Where it is at home.
    pub home: u8,
    /// Whose session it is; `None` for a visitor without one.
    pub session: Option<u32>,
    /// Whether it may not be sent twice.
    pub is_post: bool,
    /// When it should have been sent.
    pub due: u64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The whole answer, 200, from this server.
    Answered(ServerId),
    /// An answer that failed: its status, and what `Proxy-Status` says.
    Failed(u16, Option<Box<str>>),
    /// 200, and nobody was logged in.
    LoginFailed(ServerId),
    /// No connection.
    Unconnected,
    /// The connection ended before the answer did.
    Broken,
    /// No answer within the client's patience.
    Stuck,
    /// Too many were on their way: the harness is at its limit, and the run is worth nothing.
    Unsent,
}

impl End {
    /// Whether the visitor got what they came for.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Answered(_))
    }

    /// The kind of the failure, in a few words.
    pub fn kind(&self) -> String {
        match self {
            Self::Answered(_) => "answered".into(),
            Self::Failed(status, None) => status.to_string(),
            Self::Failed(status, Some(why)) => format!("{status} {why}"),
            Self::LoginFailed(_) => "login failed".into(),
            Self::Unconnected => "no connection".into(),
            Self::Broken => "answer broken off".into(),
            Self::Stuck => "stuck".into(),
            Self::Unsent => "not sent".into(),
        }
    }
}

/// The client's record of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The request.
    pub ask: Ask,
    /// When it was over.
    pub over: u64,
    /// What became of it.
    pub end: End,
}

impl Record {
    /// How long it took from when it should have been sent.
    pub fn took(&self) -> u64 {
        self.over.saturating_sub(self.ask.due)
    }
}

/// A server's record: it has read the head of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// The request.
    pub id: u32,
    /// Who saw it.
    pub server: ServerId,
    /// When.
    pub at: u64,
}

/// All records of the servers.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Requests that were seen.
    pub sights: Vec<Sight>,
    /// Those that were answered: request, by whom, status.
    pub answers: Vec<(u32, ServerId, u16)>,
    /// Sessions that were loaded.
    pub loads: Vec<u32>,
    /// Requests that saw a session half loaded, by session.
    pub halves: Vec<u32>,
    /// Probes that were seen.
    pub probes: u64,
}

impl Ledger {
    /// Takes a line of a server's record. What is no line is an error of the harness.
    pub fn take(&mut self, server: ServerId, line: &str) {
        let mut words = line.split(' ');
        let kind = words.next().unwrap_or_default();
        let numbers: Vec<u64> = words.map_while(|word| word.parse().ok()).collect();
        match (kind, &numbers[..]) {
            ("S", &[at, id]) => self.sights.push(Sight { id: id as u32, server, at }),
            ("A", &[_, id, status]) => self.answers.push((id as u32, server, status as u16)),
            ("L", &[_, session]) => self.loads.push(session as u32),
            ("H", &[_, session]) => self.halves.push(session as u32),
            ("P", _) => self.probes += 1,
            _ => eprintln!("faults: a server said {line:?}"),
        }
    }
}
