//! Whether everybody got where they belong, by what the app servers and the edges themselves have written down.

use super::super::app::Seen;
use super::super::fleet::REGIONS;
use super::Figures;
use super::tables::Layout;
use super::visits::{Answered, Visit};
use serde_json::Value;
use std::collections::HashMap;

/// What app servers saw, by target: the server's region, and its copy of the head.
pub(super) type Records = HashMap<String, Vec<(usize, Seen)>>;

/// A request on its way to a server passes the edge where it arrives, and one more at most.
const MOST_EDGES: usize = 2;

/// Each visit was served at home, once, over the ways of one of the two layouts.
pub(super) fn at_home(
    visits: &[Visit],
    answers: &[Answered],
    records: &Records,
    layouts: [&Layout; 2],
    figures: &mut Figures,
) {
    assert_eq!(answers.len(), visits.len());
    assert_eq!(records.values().map(Vec::len).sum::<usize>(), visits.len(), "one record for each request");
    for answered in answers {
        let visit = &visits[answered.nth];
        let Visit { path, arrival, home, is_session, .. } = visit;
        let about = || format!("{path} to {}, at home in {}", REGIONS[*arrival], REGIONS[*home]);
        assert_eq!((answered.status, answered.body.as_str()), (200, REGIONS[*home]), "{}", about());
        let [(region, seen)] = &records[path][..] else { panic!("{}: {} records", about(), records[path].len()) };
        assert_eq!(region, home, "{}", about());
        let edges = seen.edges_passed();
        let wanted = layouts.map(|layout| if home != arrival && layout.reach[*home].is_hop() { MOST_EDGES } else { 1 });
        assert!(wanted.contains(&edges), "{}: {edges} edges, not {wanted:?}\n{seen:?}", about());
        let session = match (is_session, home == arrival) {
            (false, _) => "new",
            (true, true) => "home",
            (true, false) => "flopped",
        };
        for (name, value) in [("session", session), ("home", REGIONS[*home]), ("region", REGIONS[*home])] {
            assert_eq!(seen.header(&format!("homeward-{name}")), [value], "{}", about());
        }
        assert_eq!(seen.header("homeward-reason").len(), 1, "{}", about());
        figures.take(answered, edges == MOST_EDGES, *is_session && home != arrival);
    }
}

/// Each visit was answered: served once, after two edges at most, or refused without any server having seen it.
pub(super) fn answered(visits: &[Visit], answers: &[Answered], records: &Records, figures: &mut Figures) {
    assert_eq!(answers.len(), visits.len());
    for answered in answers {
        let visit = &visits[answered.nth];
        let seen = records.get(&visit.path).map(Vec::as_slice).unwrap_or_default();
        let (served, status) = (usize::from(answered.status == 200), answered.status);
        assert!([200, 404, 502, 503].contains(&status), "{}: {status}", visit.path);
        assert_eq!(seen.len(), served, "{}: {status}, {seen:?}", visit.path);
        let edges = seen.first().map_or(0, |(_, seen)| seen.edges_passed());
        assert!(edges <= MOST_EDGES, "{}: {seen:?}", visit.path);
        let flopped = seen.iter().any(|(_, seen)| seen.header("homeward-session") == ["flopped"]);
        figures.take(answered, edges == MOST_EDGES, flopped);
    }
}

/// By the logs of all edges: one of them at most handed a request on, and what was handed on went no further.
pub(super) fn logged(visits: &[&Visit], lines: Vec<Value>, figures: &mut Figures) {
    let mut by_path: HashMap<String, Vec<Value>> = HashMap::new();
    for line in lines {
        by_path.entry(line["path"].as_str().unwrap().to_owned()).or_default().push(line);
    }
    for visit in visits {
        let lines = by_path.remove(&visit.path).unwrap_or_default();
        assert!(!lines.is_empty(), "{} is in no log", visit.path);
        let handed_on = lines.iter().filter(|line| line["way"] == "edge").count();
        let served = lines.iter().filter(|line| line["status"] == 200).count();
        assert!(handed_on <= 1 && served <= MOST_EDGES, "{lines:#?}");
        // Those that refused it; the edge where it arrived then tried another way.
        let refused = lines.len() - served.max(1);
        assert!(refused <= REGIONS.len(), "{lines:#?}");
        figures.refused_by_edges += refused;
    }
    assert!(by_path.is_empty(), "{:?}", by_path.keys().next());
}

impl Figures {
    fn take(&mut self, answered: &Answered, is_hop: bool, is_flop: bool) {
        self.requests += 1;
        self.hops += usize::from(is_hop);
        self.flops += usize::from(is_flop);
        *self.statuses.entry(answered.status).or_default() += 1;
        self.slowest = self.slowest.max(answered.took);
    }
}
