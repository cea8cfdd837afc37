#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

const START: Duration = Duration::from_secs(360);

fn places(all: u32, of_visitors: u32, pending: u32) -> Places {
    Places { all, of_visitors, pending, wait: Duration::from_secs(1) }
}

#[test]
fn sessions_go_first_and_visitors_are_refused_first() {
    let places = places(2, 1, 2);
    let mut admission = Admission::default();
    let ask = |admission: &mut Admission<&'static str>, class, who| admission.ask(class, || who, START, places);
    assert_eq!(ask(&mut admission, Class::Visitor, "v1"), Asked::Admitted);
    let waits = ask(&mut admission, Class::Visitor, "v2");
    assert!(matches!(waits, Asked::Waits { displaced: None, .. }), "the other place is none for visitors: {waits:?}");
    assert_eq!(ask(&mut admission, Class::Session, "s1"), Asked::Admitted, "but one for sessions");
    let waits = ask(&mut admission, Class::Session, "s2");
    assert!(matches!(waits, Asked::Waits { displaced: None, .. }), "{waits:?}");
    assert_eq!(ask(&mut admission, Class::Visitor, "v3"), Asked::Refused(NoPlace::SessionsFirst));
    let waits = ask(&mut admission, Class::Session, "s3");
    assert!(matches!(waits, Asked::Waits { displaced: Some("v2"), .. }), "{waits:?}");
    assert_eq!(ask(&mut admission, Class::Session, "s4"), Asked::Refused(NoPlace::TooManyWait));
    admission.give_back(Class::Visitor);
    assert_eq!(admission.next(START, places), Some((Class::Session, "s2")));
    assert_eq!(admission.next(START, places), None);
}

#[test]
fn the_last_goes_first_where_the_first_would_be_too_late() {
    let places = places(1, 1, 10);
    let mut admission = Admission::default();
    assert_eq!(admission.ask(Class::Session, || 0, START, places), Asked::Admitted);
    for who in 1..=3 {
        admission.ask(Class::Session, || who, START + Duration::from_millis(100 * who), places);
    }
    admission.give_back(Class::Session);
    assert_eq!(admission.next(START + Duration::from_millis(400), places), Some((Class::Session, 1)));
    admission.give_back(Class::Session);
    assert_eq!(admission.next(START + Duration::from_millis(800), places), Some((Class::Session, 3)));
    admission.give_back(Class::Session);
    assert_eq!(admission.next(START + Duration::from_millis(1300), places), None, "they have waited for too long");
    assert_eq!((admission.active(), admission.pending()), (0, 0));
}

/// What may happen to those who ask.
#[derive(Debug, Clone)]
enum Event {
    Asks(Class),
    Ends(prop::sample::Index),
    Leaves(prop::sample::Index),
    Passes(u64),
    /// The limit is another one from now on.
    Limit(u32),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let class = prop_oneof![Just(Class::Session), Just(Class::Visitor)];
    let event = prop_oneof![
        6 => class.prop_map(Event::Asks),
        4 => any::<prop::sample::Index>().prop_map(Event::Ends),
        1 => any::<prop::sample::Index>().prop_map(Event::Leaves),
        2 => (0_u64..700).prop_map(Event::Passes),
        1 => (0_u32..12).prop_map(Event::Limit),
    ];
    prop::collection::vec(event, 0..400)
}

/// Everyone who asks, as who asks sees it.
#[derive(Default)]
struct Crowd {
    active: Vec<(u64, Class)>,
    waiting: HashMap<u64, (Class, u64, Duration)>,
    order: Vec<u64>,
}

proptest! {
    #[test]
    fn places_are_kept(events in events(), of_visitors in 0_u32..6, pending in 0_u32..8) {
        let mut rules = places(5, of_visitors, pending);
        let mut admission = Admission::<u64>::default();
        let mut crowd = Crowd::default();
        let (mut now, mut who) = (START, 0);
        for event in events {
            let before = admission.active();
            match event {
                Event::Asks(class) => {
                    who += 1;
                    match admission.ask(class, || who, now, rules) {
                        Asked::Admitted => {
                            prop_assert!(before < rules.all, "never more than the limit");
                            crowd.active.push((who, class));
                        }
                        Asked::Waits { number, until, displaced } => {
                            if let Some(displaced) = displaced {
                                let (of, ..) = crowd.waiting.remove(&displaced).unwrap();
                                prop_assert_eq!((of, class), (Class::Visitor, Class::Session));
                            }
                            crowd.waiting.insert(who, (class, number, until));
                            crowd.order.push(who);
                        }
                        Asked::Refused(_) => {}
                    }
                }
                Event::Ends(at) if !crowd.active.is_empty() => {
                    let (_, class) = crowd.active.swap_remove(at.index(crowd.active.len()));
                    admission.give_back(class);
                }
                Event::Leaves(at) if !crowd.order.is_empty() => {
                    let left = crowd.order.swap_remove(at.index(crowd.order.len()));
                    if let Some((class, number, until)) = crowd.waiting.remove(&left) {
                        let waited = admission.leave(class, number);
                        prop_assert!(waited || until <= now, "who waits can leave");
                    }
                }
                Event::Passes(time) => now += Duration::from_millis(time),
                Event::Limit(all) => rules.all = all,
                _ => {}
            }
            crowd.waiting.retain(|_, (_, _, until)| *until > now);
            while let Some((of, next)) = admission.next(now, rules) {
                let (class, ..) = crowd.waiting.remove(&next).expect("who gets a place waits, and not for too long");
                let sessions = crowd.waiting.values().filter(|(class, ..)| *class == Class::Session).count();
                prop_assert_eq!(class, of);
                prop_assert!(class == Class::Session || sessions == 0, "sessions go first");
                crowd.active.push((next, class));
                prop_assert!(admission.active() <= rules.all);
            }
            prop_assert_eq!(admission.active() as usize, crowd.active.len(), "no place is lost");
            prop_assert_eq!(admission.pending(), crowd.waiting.len());
            prop_assert!(admission.pending() <= pending as usize, "the queue is bounded");
            let visitors = crowd.active.iter().filter(|(_, class)| *class == Class::Visitor).count();
            prop_assert!(visitors <= of_visitors.max(1) as usize);
            let sessions = crowd.waiting.values().filter(|(class, ..)| *class == Class::Session).count();
            prop_assert!(sessions == 0 || admission.active() >= rules.all, "no session waits beside a free place");
        }
        for (_, class) in crowd.active {
            admission.give_back(class);
        }
        prop_assert_eq!(admission.active(), 0);
    }
}
