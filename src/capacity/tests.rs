//! What holds for all loads, machines and regions.

use super::*;
use proptest::prelude::*;

fn costs() -> Costs {
    Costs::default_costs().unwrap()
}

fn plain_load(requests: f64) -> Load {
    Load {
        requests,
        connections: 10.0 * requests,
        new_connections: requests / 100.0,
        websockets: 0.0,
        messages: 0.0,
        tls: 1.0,
        http2: 0.5,
        resumed: 0.5,
        hops: 0.1,
        request_kib: 1.0,
        answer_kib: 10.0,
        app_seconds: 0.05,
    }
}

fn plain_machine() -> Machine {
    Machine {
        cores: 16.0,
        memory_gib: 64.0,
        network_gbit: 25.0,
        file_handles: 1e6,
        connections: 1e6,
        ports: 28_232.0,
        servers: 100.0,
        busy: 0.6,
    }
}

fn any_amount() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(1.0),
        Just(LARGEST),
        0.0..1e3,
        0.0..LARGEST,
        (0.0..15.0_f64).prop_map(|x| 10_f64.powf(x))
    ]
}

fn any_load() -> impl Strategy<Value = Load> {
    let amounts = (any_amount(), any_amount(), any_amount(), any_amount(), any_amount(), any_amount(), 0.0..1e4_f64);
    (amounts, prop::array::uniform5(0.0..=1.0_f64)).prop_map(|(amounts, shares)| Load {
        requests: amounts.0,
        connections: amounts.1,
        new_connections: amounts.2,
        messages: amounts.3,
        request_kib: amounts.4,
        answer_kib: amounts.5,
        app_seconds: amounts.6,
        websockets: shares[0],
        tls: shares[1],
        http2: shares[2],
        resumed: shares[3],
        hops: shares[4],
    })
}

fn any_machine() -> impl Strategy<Value = Machine> {
    (prop::array::uniform7(any_amount()), 0.01..=1.0_f64).prop_map(|(amounts, busy)| Machine {
        cores: amounts[0].max(1.0),
        memory_gib: amounts[1],
        network_gbit: amounts[2],
        file_handles: amounts[3],
        connections: amounts[4],
        ports: amounts[5],
        servers: amounts[6],
        busy,
    })
}

fn any_regions() -> impl Strategy<Value = Vec<Region>> {
    let region =
        (any_amount(), prop::option::of(any_amount()), prop::option::of(prop::collection::vec(0..6_usize, 0..6)));
    prop::collection::vec(region, 1..6).prop_map(|regions| {
        let name = |at: usize| format!("region-{at}");
        regions
            .into_iter()
            .enumerate()
            .map(|(at, (share, capacity, substitutes))| Region { name: name(at), share, capacity, substitutes })
            .collect()
    })
}

/// `most` bounds what is simulated, so that a test takes no hours.
fn failure(own: Load, moved: Load, machine: Machine, ramp: Option<f64>) -> Failure {
    let (redirect, back_off, longest_back_off, patience) = (20.0, 1.0, 30.0, 10.0);
    let (resumed, longest, seed) = (0.0, 120.0, 1);
    Failure { own, moved, machine, ramp, redirect, back_off, longest_back_off, patience, resumed, longest, seed }
}

proptest! {
    #[test]
    fn nothing_absurd_makes_a_number_that_is_none(load in any_load(), machine in any_machine()) {
        let needs = Needs::of(&costs(), &load, &machine);
        for need in &needs.all {
            prop_assert!(need.needed.is_finite() && need.needed >= 0.0, "{need:?}");
            prop_assert!(need.each.is_finite() && need.each >= 0.0, "{need:?}");
            prop_assert!(need.edges.is_none_or(|edges| edges.is_finite() && edges >= 1.0), "{need:?}");
        }
        if let Some(edges) = needs.edges() {
            for need in &needs.all {
                prop_assert!(needs.used(need.resource, edges) <= 1.0 + 1e-9, "{need:?} on {edges}");
            }
        }
        if let Some(delay) = delay(&costs(), &load, machine.cores) {
            prop_assert!(delay.p50 >= 0.0 && delay.p99 >= delay.p50 && delay.p99.is_finite(), "{delay:?}");
        }
    }

    #[test]
    fn more_never_takes_less(load in any_load(), machine in any_machine(), more in 1.0..10.0_f64) {
        let less = Needs::of(&costs(), &load, &machine);
        let larger = Load { requests: load.requests * more, ..load };
        for larger in [load.part(more), larger, Load { new_connections: load.new_connections * more, ..load }] {
            let needs = Needs::of(&costs(), &larger, &machine);
            for (less, need) in less.all.iter().zip(&needs.all) {
                prop_assert!(need.needed >= less.needed * (1.0 - 1e-9), "{need:?} {less:?}");
            }
            prop_assert!(needs.work.utilisation(machine.cores) >= less.work.utilisation(machine.cores) * (1.0 - 1e-9));
        }
    }

    #[test]
    fn cores_are_as_busy_as_was_asked_for(load in any_load(), busy in 0.05..1.0_f64) {
        let work = Work::of(&costs(), &load);
        let cores = work.cores(busy);
        prop_assume!(cores > 1e-9);
        prop_assert!((work.utilisation(cores) - busy).abs() < 1e-6, "{} for {busy}", work.utilisation(cores));
    }

    #[test]
    fn parts_add_up(load in any_load(), part in 0.0..=1.0_f64) {
        let whole = Work::of(&costs(), &load).busy_cores();
        let parts = Work::of(&costs(), &load.part(part)).busy_cores() + Work::of(&costs(), &load.part(1.0 - part)).busy_cores();
        prop_assert!((whole - parts).abs() <= whole * 1e-9 + 1e-9);
    }

    #[test]
    fn what_a_region_loses_the_others_gain(regions in any_regions(), requests in any_amount()) {
        let losses = losses(&regions, requests);
        prop_assert_eq!(losses.len(), regions.len());
        let own: Vec<f64> = losses.iter().map(|loss| {
            loss.gains.iter().sum::<f64>() + loss.nowhere
        }).collect();
        prop_assert!((own.iter().sum::<f64>() - requests).abs() <= requests * 1e-6 + 1e-6);
        for loss in &losses {
            prop_assert_eq!(loss.loads[loss.lost], 0.0);
            let all = loss.loads.iter().sum::<f64>() + loss.nowhere;
            prop_assert!((all - requests).abs() <= requests * 1e-6 + 1e-6, "{all} of {requests}");
            for (at, load) in loss.loads.iter().enumerate() {
                let is_lower = at != loss.lost && *load < own[at] * (1.0 - 1e-9) - 1e-6;
                prop_assert!(!is_lower, "{at} has {load}, and had {}", own[at]);
            }
        }
    }

    #[test]
    fn surviving_a_loss_never_takes_fewer_edges(regions in any_regions(), load in any_load(), machine in any_machine()) {
        for PlannedEdges { alone, with_loss } in planned_edges(&costs(), &load, &machine, &regions) {
            prop_assert!(with_loss.is_none() || with_loss >= alone, "{with_loss:?} {alone:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_failure_ends_in_numbers(own in any_load(), moved in any_load(), machine in any_machine(), ramp in prop::option::of(0.0..100.0_f64)) {
        let course = failure(own, moved, machine, ramp).course(&costs());
        for moment in &course.moments {
            for number in [moment.attempts, moment.waiting, moment.delay, moment.connected] {
                prop_assert!(number.is_finite() && number >= -1e-3 * (1.0 + moved.connections), "{moment:?}");
            }
            prop_assert!((0.0..=1.0).contains(&moment.utilisation), "{moment:?}");
        }
        let all = moved.connections * (1.0 + 1e-9) + 1.0;
        prop_assert!(course.errors <= all && course.slow <= all, "{} {}", course.errors, course.slow);
    }
}

#[test]
fn default_costs_all_have_a_number_and_a_source() {
    let file: serde_json::Value = serde_json::from_str(DEFAULT_COSTS).unwrap();
    let named = file["costs"].as_object().unwrap();
    for name in Costs::NAMES {
        assert!(named[*name]["value"].as_f64().unwrap() > 0.0, "{name}");
        assert!(named[*name]["how"].as_str().unwrap().len() > 15, "{name}");
    }
    assert_eq!(named.len(), Costs::NAMES.len());
}

#[test]
fn a_file_of_costs_says_what_differs() {
    let read = Costs::read(r#"{"machine": "mine", "costs": {"http1_request_us": {"value": 20}}}"#).unwrap();
    assert_eq!(read, Costs { machine: "mine".to_owned(), http1_request_us: 20.0, ..costs() });
    let refused = |text: &str| Costs::read(text).unwrap_err().to_string();
    assert_eq!(refused(r#"{"costs": {"a": {"value": 20}}}"#), "there is no cost 'a'");
    assert_eq!(refused(r#"{"costs": {"hop_us": {"value": -1}}}"#), "'hop_us' must be a number from 0 to 1e15");
    assert!(refused("[]").starts_with("it is not a file of costs: "));
}

#[test]
fn a_machine_without_room_is_enough_for_nobody() {
    let machine = Machine { memory_gib: 0.01, ..plain_machine() };
    let needs = Needs::of(&costs(), &plain_load(1_000.0), &machine);
    assert_eq!((needs.edges(), needs.limit()), (None, Resource::Memory));
}

#[test]
fn a_full_region_passes_on_what_it_has_no_room_for() {
    let region = |name: &str, share, capacity, substitutes: &[usize]| Region {
        name: name.to_owned(),
        share,
        capacity,
        substitutes: Some(substitutes.to_vec()),
    };
    let regions = [
        region("a", 50.0, None, &[1, 2]),
        region("b", 30.0, Some(400.0), &[2, 0]),
        region("c", 20.0, Some(300.0), &[0, 1]),
    ];
    let losses = losses(&regions, 1_000.0);
    // b has room for 100, c for another 100; the rest stays with b, the first.
    assert_eq!(losses[0].loads, [0.0, 700.0, 300.0]);
    assert_eq!(losses[0].over(&regions).collect::<Vec<_>>(), [1]);
    assert_eq!(losses[1].loads, [700.0, 0.0, 300.0]);
    assert_eq!(losses[1].over(&regions).count(), 0);
}

#[test]
fn a_lonely_region_has_nobody() {
    let regions = [Region { name: "a".to_owned(), share: 1.0, capacity: None, substitutes: Some(vec![]) }];
    assert_eq!(losses(&regions, 10.0)[0].nowhere, 10.0);
    let regions = [Region { substitutes: None, ..regions[0].clone() }];
    assert_eq!(losses(&regions, 10.0)[0].nowhere, 10.0);
}

#[test]
fn a_sudden_loss_is_a_storm_and_a_ramp_is_none() {
    let own = Load { websockets: 0.5, ..plain_load(20_000.0) };
    let machine = plain_machine();
    let sudden = Failure { redirect: 0.0, ..failure(own, own.part(0.5), machine, None) };
    let storm = sudden.course(&costs());
    assert!(storm.peak_attempts > 50_000.0 && storm.errors > 100.0 && storm.peak_delay > 0.1);
    // Of those who are led elsewhere late, most see an error.
    let late = Failure { redirect: 20.0, ..sudden }.course(&costs());
    assert!(late.errors > 10.0 * storm.errors && late.peak_attempts < storm.peak_attempts);
    let ramp = gentlest_ramp(&costs(), &sudden).unwrap();
    assert!(ramp > 0.0);
    let drained = Failure { ramp: Some(ramp), longest: 3_000.0, ..sudden }.course(&costs());
    assert!(drained.is_unnoticed() && drained.peak_attempts < storm.peak_attempts);
}

#[test]
fn a_loss_beyond_what_cores_carry_never_ends() {
    // The cores of the region that is left can just carry its own, whatever a request costs.
    let own = plain_load(0.9 * plain_machine().cores / Work::of(&costs(), &plain_load(1.0)).busy_cores());
    let course = failure(own, own, plain_machine(), None).course(&costs());
    assert_eq!(course.steady_after, None);
    assert!(course.peak_delay > 1.0 && course.peak_utilisation > 0.99);
    assert_eq!(gentlest_ramp(&costs(), &failure(own, own, plain_machine(), None)), None);
}

#[test]
fn connections_beyond_the_settings_are_refused_for_good() {
    let own = plain_load(1_000.0);
    let machine = Machine { connections: own.connections * 1.2, ..plain_machine() };
    let course = failure(own, own, machine, None).course(&costs());
    assert_eq!(course.steady_after, None);
    assert!(course.moments.last().unwrap().connected < 0.25);
}

#[test]
fn a_seed_gives_one_course() {
    let own = plain_load(5_000.0);
    let failure = failure(own, own, plain_machine(), None);
    assert_eq!(failure.course(&costs()), failure.course(&costs()));
    assert_ne!(failure.course(&costs()), Failure { seed: 2, ..failure }.course(&costs()));
}

#[test]
fn a_table_takes_longer_to_more_edges_by_push_and_not_by_a_volume() {
    let push = Distribution::Push { at_once: 50.0, seconds: 2.0 };
    let fleet = Fleet { edges: 100.0, rules: 1_000.0, edits: 10.0, streams: 1.0, scrapes: 0.1, distribution: push };
    let more = Fleet { edges: 1_000.0, ..fleet };
    assert!(fleet.is_carried(&costs()));
    assert!(more.seconds_until_all(&costs()) > fleet.seconds_until_all(&costs()) + 30.0);
    assert!(!Fleet { edges: 100_000.0, ..fleet }.is_carried(&costs()));
    let shared = Fleet { distribution: Distribution::Shared { seconds: 60.0 }, ..fleet };
    assert_eq!(shared.seconds_until_all(&costs()), Fleet { edges: 1e6, ..shared }.seconds_until_all(&costs()));
    assert!(!Fleet { rules: 1e7, ..fleet }.is_carried(&costs()));
}
