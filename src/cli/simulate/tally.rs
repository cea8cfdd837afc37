//! What the lines of a log say together.

use super::blocks::Block;
use crate::geo::Places;
use crate::log::LoggedRequest;
use crate::model::Place;
use crate::routing::preview::{Comparison, End, Input, Services, SessionHome};
use crate::routing::{PlaceFinder, VisitorNetwork};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::IpAddr;

/// The most kinds of requests that one thread tells apart, which takes about 100 MB. A request of one more kind counts as
/// one that goes where it goes.
const MOST_KINDS: usize = 1 << 19;

/// The most minutes of which the load is kept: two weeks.
const MOST_MINUTES: usize = 14 * 24 * 60;

/// How many lines that cannot be read are shown.
pub(super) const SHOWN: usize = 3;

/// Requests that both tables take for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    services: Services,
    session: Option<SessionHome>,
    network: VisitorNetwork,
}

/// What requests have in common that go the same way.
type Way = (Services, Option<SessionHome>, (End, End));

/// How many there were, and where they go while no region is over its capacity.
#[derive(Debug, Clone, Copy)]
struct Counted {
    input: Input,
    ends: (End, End),
    count: u64,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unread {
    /// Its block.
    pub(super) block: usize,
    /// Its position among the lines of the block, from 0.
    pub(super) line: u64,
    /// Why.
    pub(super) why: String,
}

/// What was found in the lines so far.
pub(super) struct Tally<'a> {
    comparison: &'a Comparison<'a>,
    places: Finder<'a>,
    host: Option<&'a str>,
    kinds: HashMap<Kind, Counted, FixedState>,
    /// One kind for each way to go, for those that are one kind too many.
    typical: HashMap<Way, Kind, FixedState>,
    /// By minute since 1970: how many requests each region gets, those of today first.
    pub(super) minutes: HashMap<i64, Box<[u64]>, FixedState>,
    /// The minute of the line before.
    minute: Option<(i64, Box<[u64]>)>,
    /// How many lines each block has.
    pub(super) lines: Vec<(usize, u64)>,
    pub(super) requests: u64,
    /// Lines that cannot be read.
    pub(super) unreadable: u64,
    /// Those of requests that another edge has a line of.
    pub(super) by_hop: u64,
    /// Those for which neither table has a service.
    pub(super) unrouted: u64,
    /// Requests in minutes that are not kept.
    pub(super) beyond_minutes: u64,
    /// The first and the last second.
    pub(super) span: Option<(i64, i64)>,
    pub(super) unread: Vec<Unread>,
}

struct Finder<'a>(&'a Places);

impl PlaceFinder for Finder<'_> {
    fn place_of(&self, address: IpAddr) -> Place {
        self.0.place(address).place()
    }
}

impl<'a> Tally<'a> {
    /// Nothing yet. `host` is that of lines that say none.
    pub(super) fn new(comparison: &'a Comparison<'a>, places: &'a Places, host: Option<&'a str>) -> Self {
        Self {
            comparison,
            places: Finder(places),
            host,
            kinds: HashMap::default(),
            typical: HashMap::default(),
            minutes: HashMap::default(),
            minute: None,
            lines: Vec::new(),
            requests: 0,
            unreadable: 0,
            by_hop: 0,
            unrouted: 0,
            beyond_minutes: 0,
            span: None,
            unread: Vec::new(),
        }
    }

    /// Takes in all lines of a block.
    pub(super) fn add_block(&mut self, block: &Block) {
        let mut lines = 0;
        let mut from = 0;
        while let Some(rest) = block.bytes.get(from..).filter(|rest| !rest.is_empty()) {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default();
            self.add(line.strip_suffix(b"\r").unwrap_or(line), block.number, lines);
            lines += 1;
            from += end + 1;
        }
        self.lines.push((block.number, lines));
    }

    fn add(&mut self, line: &[u8], block: usize, number: u64) {
        if line.is_empty() {
            return;
        }
        let why = match LoggedRequest::read(line) {
            Ok(request) => match request.host.as_deref().or(self.host) {
                Some(host) => return self.count(&request, host),
                None => "it does not say which host was asked for; say it with --host".to_owned(),
            },
            Err(bad) if self.unread.len() < SHOWN => bad.to_string(),
            Err(_) => String::new(),
        };
        self.unreadable += 1;
        if self.unread.len() < SHOWN {
            self.unread.push(Unread { block, line: number, why });
        }
    }

    fn count(&mut self, request: &LoggedRequest<'_>, host: &str) {
        if request.decided.as_ref().is_some_and(|decided| decided.by_hop) {
            self.by_hop += 1;
            return;
        }
        let services = self.comparison.service_of(host, &request.path);
        if services.is_none() {
            self.unrouted += 1;
            return;
        }
        let session = request.session_home().and_then(|home| self.comparison.session_at(home, services));
        let kind = Kind { services, session, network: VisitorNetwork::of(request.client) };
        self.requests += 1;
        let (first, last) = self.span.unwrap_or((request.second, request.second));
        self.span = Some((first.min(request.second), last.max(request.second)));
        let ends = self.count_kind(kind);
        self.count_minute(request.second.div_euclid(60), ends);
    }

    /// Counts one request of this kind, and says where it goes.
    fn count_kind(&mut self, kind: Kind) -> (End, End) {
        if let Some(counted) = self.kinds.get_mut(&kind) {
            counted.count += 1;
            return counted.ends;
        }
        let Kind { services, session, network } = kind;
        let input = self.comparison.input_of(services, session, network, None, &self.places);
        let ends = self.comparison.ends(&input);
        let is_full = self.kinds.len() >= MOST_KINDS;
        let typical = self.typical.entry((services, session, ends)).or_insert(kind);
        match self.kinds.get_mut(typical) {
            Some(counted) if is_full => counted.count += 1,
            // One of each way always finds room: there are few of them.
            _ => drop(self.kinds.insert(kind, Counted { input, ends, count: 1 })),
        }
        ends
    }

    fn count_minute(&mut self, minute: i64, (today, new): (End, End)) {
        if self.minute.as_ref().is_none_or(|(current, _)| *current != minute) {
            self.put_minute_back();
            let loads = match self.minutes.remove(&minute) {
                Some(loads) => loads,
                None if self.minutes.len() < MOST_MINUTES => {
                    vec![0; self.today_regions() + self.comparison.new_table().regions().len()].into()
                }
                None => {
                    self.beyond_minutes += 1;
                    return;
                }
            };
            self.minute = Some((minute, loads));
        }
        let today_regions = self.today_regions();
        let Some((_, loads)) = &mut self.minute else { return };
        let mut give = |end, behind| {
            if let End::Region(region) = end
                && let Some(load) = loads.get_mut(region.index() + behind)
            {
                *load += 1;
            }
        };
        give(today, 0);
        give(new, today_regions);
    }

    fn put_minute_back(&mut self) {
        if let Some((minute, loads)) = self.minute.take() {
            self.minutes.insert(minute, loads);
        }
    }

    fn today_regions(&self) -> usize {
        self.comparison.today().regions().len()
    }

    /// What both have found, together.
    pub(super) fn with(mut self, mut other: Self) -> Self {
        self.put_minute_back();
        other.put_minute_back();
        for (kind, counted) in other.kinds {
            self.kinds.entry(kind).and_modify(|known| known.count += counted.count).or_insert(counted);
        }
        for (minute, loads) in other.minutes {
            let known = self.minutes.entry(minute).or_insert_with(|| vec![0; loads.len()].into());
            known.iter_mut().zip(&loads).for_each(|(known, load)| *known += load);
        }
        self.lines.extend(other.lines);
        self.requests += other.requests;
        self.unreadable += other.unreadable;
        self.by_hop += other.by_hop;
        self.unrouted += other.unrouted;
        self.beyond_minutes += other.beyond_minutes;
        self.span = match (self.span, other.span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, another) => one.or(another),
        };
        self.unread.extend(other.unread);
        self.unread.sort();
        self.unread.truncate(SHOWN);
        self
    }

    /// All kinds of requests with their rates over `seconds`, in an order that has nothing to do with what they are and is
    /// the same in every run.
    pub(super) fn inputs(&self, seconds: f64) -> Vec<(Input, f64)> {
        let mut all: Vec<_> =
            self.kinds.iter().map(|(kind, counted)| (FixedState::default().hash_one(kind), counted)).collect();
        all.sort_unstable_by_key(|(hash, _)| *hash);
        all.into_iter().map(|(_, counted)| (counted.input, counted.count as f64 / seconds)).collect()
    }
}
