//! Two verdicts on a server, and ejections, in the fleet.

use super::*;
use crate::live::clock;
use crate::live::fleet::ProbeKind;
use crate::model::{DeepProbe, Expected, HttpProbe, ProbeBody, ProbePace, ProbeStep};
use crate::resilience::{ProbeFailure, Seen};

const POOL: [(&str, &str, &[&str]); 1] = [("portal", "us-east", &["10.0.0.1:80", "10.0.0.2:80"])];

fn http() -> HealthRules {
    let probe = HttpProbe { path: "/healthz".parse().unwrap(), expects: Expected::default() };
    HealthRules { http: Some(probe), ..HealthRules::default() }
}

fn deep() -> HealthRules {
    let step = ProbeStep {
        method: "GET".into(),
        path: "/home".parse().unwrap(),
        headers: vec![],
        body: ProbeBody::None,
        expects: Expected::default(),
    };
    let deep = DeepProbe { pace: ProbePace::of_deep_probes(), steps: vec![step] };
    HealthRules { deep: Some(deep), ..HealthRules::default() }
}

fn failing() -> Result<(), ProbeFailure> {
    Err(ProbeFailure::new("GET /home: answered 200 without \"Welcome\""))
}

fn probed(fleet: &Fleet, server: &Arc<Server>, kind: ProbeKind, result: Result<(), ProbeFailure>) -> Vec<String> {
    texts(&(0..2).flat_map(|_| fleet.probed(server, kind, result.clone())).collect::<Vec<_>>())
}

#[test]
fn a_deep_probe_is_a_verdict_of_its_own() {
    let fleet = fleet();
    let pools = fleet.pools_for(&table_with(&POOL, &deep()), None);
    let pool = only(&pools);
    let server = &pool.servers()[0];
    fleet.observe(server, Observation::Reached).clear();
    assert!(!pools.is_settled(), "the deep probe has not said anything");
    assert_eq!(
        probed(&fleet, server, ProbeKind::Deep, failing()),
        ["server 10.0.0.1:80 of portal in us-east is unhealthy: GET /home: answered 200 without \"Welcome\""]
    );
    assert_eq!(pool.healthy(), 1);
    assert!(bring_up(&fleet, server).is_empty() && probed(&fleet, server, ProbeKind::Plain, Ok(())).is_empty());
    assert!(!server.is_healthy(), "neither a request nor a plain probe has seen a login succeed");
    assert_eq!(pool.status().servers[0].why.as_deref(), Some("GET /home: answered 200 without \"Welcome\""));
    assert_eq!(probed(&fleet, server, ProbeKind::Deep, Ok(())), ["server 10.0.0.1:80 of portal in us-east is healthy"]);
    // Both are bad, one gets well: it is told once, when both are.
    take_down(&fleet, server);
    assert!(probed(&fleet, server, ProbeKind::Deep, failing()).is_empty());
    assert!(probed(&fleet, server, ProbeKind::Plain, Ok(())).is_empty() && pool.healthy() == 1);
    assert_eq!(probed(&fleet, server, ProbeKind::Deep, Ok(())).len(), 1);
}

#[test]
fn a_connection_does_not_answer_what_a_probe_asks() {
    let fleet = fleet();
    let pools = fleet.pools_for(&table_with(&POOL, &http()), None);
    let server = &only(&pools).servers()[0];
    assert_eq!(probed(&fleet, server, ProbeKind::Plain, failing()).len(), 1);
    assert!(bring_up(&fleet, server).is_empty());
    assert!(!server.is_healthy());
    assert_eq!(probed(&fleet, server, ProbeKind::Plain, Ok(())).len(), 1);
    fleet.probed(server, ProbeKind::Plain, failing()).clear();
    fleet.observe(server, Observation::Reached).clear();
    assert_eq!(fleet.probed(server, ProbeKind::Plain, failing()).len(), 1, "no request interrupts the row");
    probed(&fleet, server, ProbeKind::Plain, Ok(())).clear();
    assert_eq!(take_down(&fleet, server).len(), 1, "that nobody is there a request can say");
}

#[test]
fn a_table_without_the_deep_probe_takes_its_verdict_away() {
    let fleet = fleet();
    let old = fleet.pools_for(&table_with(&POOL, &deep()), None);
    let server = only(&old).servers()[0].clone();
    fleet.observe(&server, Observation::Reached).clear();
    probed(&fleet, &server, ProbeKind::Deep, failing()).clear();
    let new = fleet.pools_for(&table_of(&POOL), None);
    assert!(Arc::ptr_eq(&only(&new).servers()[0], &server) && server.is_healthy());
    assert_eq!((only(&new).healthy(), only(&old).healthy()), (2, 2));
    assert!(probed(&fleet, &server, ProbeKind::Deep, failing()).is_empty() && server.is_healthy(), "it was under way");
    let again = fleet.pools_for(&table_with(&POOL, &deep()), None);
    assert!(Arc::ptr_eq(&only(&old), &only(&again)) && server.care().health.deep.is_some());
}

#[test]
fn an_ejected_server_gets_nothing_new_and_its_region_stays() {
    let fleet = fleet();
    let pools = fleet.pools_for(&table_of(&POOL), None);
    let pool = only(&pools);
    let servers = pool.servers();
    let fail = |at: usize| (0..5).filter_map(|_| fleet.ended(&servers[at], Seen::Failure)).collect::<Vec<_>>();
    let first = "server 10.0.0.1:80 of portal in us-east is ejected for 30s: too many requests in a row failed";
    assert_eq!(texts(&fail(0)), [first]);
    assert_eq!((pool.healthy(), pool.ejected()), (2, 1));
    assert!(servers[0].is_healthy() && !servers[0].is_open(clock::elapsed()));
    for _ in 0..20 {
        assert_eq!(pool.pick(&Balancing::default(), None, &[]).unwrap().address(), servers[1].address());
    }
    let tried = [servers[1].address()];
    let left = pool.pick(&Balancing::default(), None, &tried).unwrap();
    assert_eq!(left.address(), servers[0].address(), "better than none");
    assert!(fail(1).is_empty(), "it is the last one");
    let status = &pool.status().servers[0];
    assert!(status.ejected_until.is_some() && status.ejected_why.is_some());
    let edited = fleet.pools_for(&table_with(&POOL, &http()), None);
    assert_eq!(only(&edited).ejected(), 1, "a new table remembers");
    // The other one falls: now there is nobody else, and what is ejected serves.
    take_down(&fleet, &servers[1]);
    assert_eq!(pool.pick(&Balancing::default(), None, &[]).unwrap().address(), servers[0].address());
    assert!(pool.any_healthy());
}

#[test]
fn no_ejections_where_the_table_wants_none() {
    let fleet = fleet();
    let old = fleet.pools_for(&table_of(&POOL), None);
    let server = only(&old).servers()[0].clone();
    assert_eq!((0..5).filter_map(|_| fleet.ended(&server, Seen::Failure)).count(), 1);
    let mut parts = parts_of(&POOL);
    parts.services[0].resilience.outliers = None;
    let new = fleet.pools_for(&RoutingTable::new(parts), None);
    assert_eq!(only(&new).ejected(), 0);
    assert_eq!((0..50).filter_map(|_| fleet.ended(&server, Seen::Failure)).count(), 0);
}

#[test]
fn another_process_goes_on_with_both_verdicts_and_ejections() {
    let before = fleet();
    let pools = before.pools_for(&table_with(&POOL, &deep()), None);
    let servers = only(&pools).servers();
    servers.iter().for_each(|server| before.observe(server, Observation::Reached).clear());
    probed(&before, &servers[0], ProbeKind::Deep, failing()).clear();
    let heritage = serde_json::to_string(&before.memory()).unwrap();
    let after = fleet();
    after.recall(serde_json::from_str(&heritage).unwrap());
    let pools = after.pools_for(&table_with(&POOL, &deep()), None);
    assert_eq!(only(&pools).healthy(), 1);
    assert!(!only(&pools).servers()[0].is_healthy());

    let before = fleet();
    let pools = before.pools_for(&table_of(&POOL), None);
    let servers = only(&pools).servers();
    servers.iter().for_each(|server| before.observe(server, Observation::Reached).clear());
    assert_eq!((0..5).filter_map(|_| before.ended(&servers[0], Seen::Failure)).count(), 1);
    let after = fleet();
    after.recall(before.memory());
    assert_eq!(only(&after.pools_for(&table_of(&POOL), None)).ejected(), 1);
}
