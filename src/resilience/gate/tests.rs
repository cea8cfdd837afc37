use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

const PATIENCE: Duration = Duration::from_secs(10);

fn gate(stripes: u32, settled: u32) -> Gate {
    let count = |count| NonZeroU32::new(count).unwrap();
    Gate::new(GateSize { stripes: count(stripes), settled: count(settled), patience: PATIENCE })
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn ahead(entry: Entry) -> Ticket {
    let Entry::Ahead(ticket) = entry else { panic!("{entry:?}") };
    ticket
}

#[test]
fn one_goes_ahead_and_the_others_after_it() {
    let gate = gate(4, 100);
    let moved = Crossing { session: 1, place: 7 };
    let first = ahead(gate.enter(moved, false, ms(0)));
    for _ in 0..7 {
        assert_eq!(gate.enter(moved, false, ms(10)), Entry::Waits { stripe: 1, until: PATIENCE });
    }
    assert_eq!(gate.leave(first, true), 1);
    for _ in 0..7 {
        assert_eq!(gate.enter(moved, false, ms(300)), Entry::Open);
    }
}

#[test]
fn where_the_first_one_fails_the_next_goes_ahead() {
    let gate = gate(4, 100);
    let moved = Crossing { session: 1, place: 7 };
    let first = ahead(gate.enter(moved, false, ms(0)));
    gate.leave(first, false);
    let second = ahead(gate.enter(moved, false, ms(1)));
    assert!(matches!(gate.enter(moved, false, ms(2)), Entry::Waits { .. }));
    gate.leave(second, true);
    assert_eq!(gate.enter(moved, false, ms(3)), Entry::Open);
}

#[test]
fn one_that_never_comes_back_is_waited_for_so_long() {
    let gate = gate(4, 100);
    let moved = Crossing { session: 1, place: 7 };
    let lost = ahead(gate.enter(moved, false, ms(0)));
    assert!(matches!(gate.enter(moved, false, PATIENCE - ms(1)), Entry::Waits { .. }));
    let next = ahead(gate.enter(moved, false, PATIENCE));
    gate.leave(lost, false);
    let after = gate.enter(moved, false, PATIENCE + ms(1));
    assert!(matches!(after, Entry::Waits { .. }), "whoever comes late frees nobody else's stripe");
    gate.leave(next, true);
}

#[test]
fn strangers_on_one_stripe_wait_for_each_other_and_no_more() {
    let gate = gate(1, 100);
    let (one, other) = (Crossing { session: 1, place: 7 }, Crossing { session: 2, place: 7 });
    let first = ahead(gate.enter(one, false, ms(0)));
    assert!(matches!(gate.enter(other, false, ms(0)), Entry::Waits { .. }));
    gate.leave(first, true);
    ahead(gate.enter(other, false, ms(1)));
    assert_eq!(gate.enter(one, false, ms(1)), Entry::Open, "who is settled waits for nobody");
}

#[test]
fn a_session_that_moves_on_is_held_again() {
    let gate = gate(4, 100);
    let at = |place| Crossing { session: 1, place };
    assert_eq!(gate.enter(at(7), true, ms(0)), Entry::Open, "it is known nowhere else");
    let first = ahead(gate.enter(at(8), true, ms(0)));
    assert!(matches!(gate.enter(at(8), true, ms(0)), Entry::Waits { .. }));
    gate.leave(first, true);
    assert_eq!(gate.enter(at(8), true, ms(1)), Entry::Open);
    ahead(gate.enter(at(7), true, ms(2)));
}

proptest! {
    #[test]
    fn no_more_sessions_are_remembered_than_was_said(
        stripes in 1_u32..20,
        settled in 20_u32..100,
        sessions in prop::collection::vec(any::<u64>(), 0..500),
    ) {
        let gate = gate(stripes, settled);
        for session in sessions {
            let _ = gate.enter(Crossing { session, place: 1 }, true, ms(0));
        }
        prop_assert!(gate.settled() <= settled as usize);
    }

    /// Requests of a few sessions come, wait, are answered or fail or vanish, in whatever order: of a session that is not
    /// loaded at most one is on its way, as long as it is waited for; nobody waits once nobody is ahead on the stripe; and in
    /// the end all have gone.
    #[test]
    fn it_neither_leaks_nor_blocks(
        stripes in 1_u32..5,
        steps in prop::collection::vec((0_u64..6, 0_u64..3, 0_u8..5, 0_u64..3_000), 1..300),
    ) {
        let gate = gate(stripes, 1_000);
        let mut now = ms(0);
        // On their way, with when they began.
        let mut under_way: Vec<(Ticket, Duration)> = Vec::new();
        let mut waiting: Vec<Crossing> = Vec::new();
        let mut loaded: HashMap<u64, u64> = HashMap::new();
        for (session, place, what, later) in steps {
            now += ms(later);
            match what {
                0..=1 => waiting.push(Crossing { session, place }),
                2 if !under_way.is_empty() => {
                    let (ticket, _) = under_way.remove(session as usize % under_way.len());
                    gate.leave(ticket, true);
                    loaded.insert(ticket.crossing.session, ticket.crossing.place);
                }
                3 if !under_way.is_empty() => {
                    let (ticket, _) = under_way.remove(session as usize % under_way.len());
                    gate.leave(ticket, false);
                }
                _ => {}
            }
            let mut still = Vec::new();
            for crossing in waiting.drain(..) {
                match gate.enter(crossing, false, now) {
                    Entry::Open => prop_assert_eq!(loaded.get(&crossing.session), Some(&crossing.place)),
                    Entry::Ahead(ticket) => under_way.push((ticket, now)),
                    Entry::Waits { stripe, until } => {
                        let is_ahead = |(ticket, began): &(Ticket, Duration)| {
                            gate.stripe_of(ticket.crossing.session) == stripe && now < *began + PATIENCE
                        };
                        prop_assert!(under_way.iter().any(is_ahead), "it waits for nobody");
                        prop_assert!(until <= now + PATIENCE);
                        still.push(crossing);
                    }
                }
            }
            waiting = still;
            let in_time = under_way.iter().filter(|(_, began)| now < *began + PATIENCE);
            let stripes: Vec<_> = in_time.map(|(ticket, _)| gate.stripe_of(ticket.crossing.session)).collect();
            let distinct: HashSet<_> = stripes.iter().collect();
            prop_assert_eq!(distinct.len(), stripes.len(), "two are ahead on one stripe");
        }
        // Everybody who is on the way is answered; then all that wait get through, at most one on each stripe at a time.
        let mut rounds = 0;
        while !waiting.is_empty() || !under_way.is_empty() {
            rounds += 1;
            prop_assert!(rounds <= 1_000);
            for (ticket, _) in under_way.drain(..) {
                gate.leave(ticket, true);
            }
            waiting.retain(|crossing| match gate.enter(*crossing, false, now) {
                Entry::Open => false,
                Entry::Ahead(ticket) => {
                    under_way.push((ticket, now));
                    false
                }
                Entry::Waits { .. } => true,
            });
        }
    }
}
