use crate::countries;
use crate::load::plan::{Homes, cookies, requests};

#[test]
fn three_of_four_requests_have_a_session_at_every_region_in_turn() {
    for regions in [2, 3, 20] {
        let all: Vec<_> = (0..64).flat_map(|connection| requests(connection, Homes::Mixed(regions))).collect();
        let of_session = all.iter().filter(|request| request.session.is_some());
        assert_eq!(of_session.clone().count() * 4, all.len() * 3);
        for region in 0..regions {
            let prefix = format!("{}-", countries::prefix(region));
            let own = of_session.clone().filter(|request| request.session.as_ref().unwrap().starts_with(&prefix));
            let own: Vec<_> = own.collect();
            assert!(!own.is_empty() && own.iter().all(|request| request.region == Some(region)));
        }
    }
}

#[test]
fn without_a_session_the_country_decides() {
    for connection in 0..60 {
        let request = requests(connection, Homes::Mixed(3)).pop().unwrap();
        assert_eq!(request.session, None);
        assert_eq!(request.region, Some(countries::home(countries::country(connection), 3)));
        assert_eq!(cookies(&request), "theme=dark");
    }
}

#[test]
fn sessions_of_one_region() {
    let all = requests(5, Homes::One(2));
    assert!(all.iter().all(|request| request.region == Some(2)));
    assert!(cookies(&all[0]).starts_with("theme=dark; sid=west-"));
    assert_ne!(all[0].session, all[1].session);
}
