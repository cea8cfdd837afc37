use crate::histogram::Histogram;
use proptest::prelude::*;

#[test]
fn shares_of_known_values() {
    let mut histogram = Histogram::default();
    (1..=1000_u64).for_each(|value| histogram.add(value * 1000));
    assert_eq!(histogram.len(), 1000);
    for (share, value) in [(0.5, 500_000.0), (0.99, 990_000.0), (0.999, 999_000.0)] {
        let error = histogram.at(share) as f64 / value - 1.0;
        assert!((0.0..0.01).contains(&error), "{share}: {error}");
    }
    assert_eq!(histogram.at(1.0), 1_000_000);
    assert_eq!(Histogram::default().at(0.99), 0);
}

proptest! {
    #[test]
    fn a_value_alone_is_all_shares(value: u64) {
        let mut histogram = Histogram::default();
        histogram.add(value);
        prop_assert_eq!(histogram.at(0.5), value);
    }

    #[test]
    fn a_share_is_not_below_its_value_and_hardly_above(mut values in prop::collection::vec(any::<u64>(), 1..200), share in 0.0..=1.0_f64) {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.add(*value));
        values.sort_unstable();
        let rank = ((share * values.len() as f64).ceil() as usize).max(1);
        let exact = values[rank - 1];
        let found = histogram.at(share);
        prop_assert!(found >= exact);
        prop_assert!(found - exact <= exact / 128);
    }

    #[test]
    fn merged_and_written_down_it_says_the_same(values in prop::collection::vec(any::<u64>(), 0..100)) {
        let (mut all, mut parts) = (Histogram::default(), [Histogram::default(), Histogram::default()]);
        for (nth, value) in values.iter().enumerate() {
            all.add(*value);
            parts[nth % 2].add(*value);
        }
        let mut merged = parts[0].clone();
        merged.merge(&parts[1]);
        let text = serde_json::to_string(&merged).unwrap();
        let read: Histogram = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read.len(), all.len());
        prop_assert!([0.0, 0.5, 0.9, 1.0].iter().all(|share| read.at(*share) == all.at(*share)));
    }
}
