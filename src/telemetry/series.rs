//! The series of one metric, by label values.
//!
//! It stands in for the vectors of the `prometheus` crate, which find a series by a hash over the label values written one
//! after another: there `{"a", "bc"}` and `{"ab", "c"}` are one series. Here equal means equal, the number of series has a
//! bound, and a whole set can be replaced at once.

use super::names::{DURATION_BUCKETS, Definition};
use prometheus::core::{Collector, Desc, Metric};
use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntGauge, Opts, Registry};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The label value of what is unknown, or more than can be told apart.
pub(super) const OTHER: &str = "other";

/// A counter, gauge or histogram.
pub(super) trait Instrument: Metric + 'static {
    const TYPE: MetricType;
    fn with_opts(opts: Opts) -> prometheus::Result<Self>;
}

macro_rules! instrument {
    ($type:ty, $kind:ident, $make:expr) => {
        impl Instrument for $type {
            const TYPE: MetricType = MetricType::$kind;
            fn with_opts(opts: Opts) -> prometheus::Result<Self> {
                ($make)(opts)
            }
        }
    };
}

instrument!(IntCounter, COUNTER, Self::with_opts);
instrument!(IntGauge, GAUGE, Self::with_opts);
instrument!(Gauge, GAUGE, Self::with_opts);
instrument!(Histogram, HISTOGRAM, |opts: Opts| Self::with_opts(
    HistogramOpts::new(opts.name, opts.help).const_labels(opts.const_labels).buckets(DURATION_BUCKETS.to_vec())
));

type ByLabels<M> = HashMap<Vec<String>, M>;

/// All series of one metric.
#[derive(Clone)]
pub(super) struct Series<M>(Arc<Inner<M>>);

struct Inner<M> {
    definition: Definition,
    desc: Desc,
    /// How many series there may be, besides the one that is `other` throughout.
    largest: usize,
    by_labels: RwLock<ByLabels<M>>,
    /// Belongs to no label values; stands in where a series cannot be made, which valid names rule out.
    spare: M,
}

impl<M: Instrument> Series<M> {
    /// No series yet, at most `largest` later. Registers itself.
    pub(super) fn new(registry: &Registry, definition: Definition, largest: usize) -> prometheus::Result<Self> {
        let labels = definition.labels.iter().map(|label| (*label).to_owned()).collect();
        let desc = Desc::new(definition.name.to_owned(), definition.help.to_owned(), labels, HashMap::new())?;
        let spare = M::with_opts(Opts::new(definition.name, definition.help))?;
        let series = Self(Arc::new(Inner { definition, desc, largest, by_labels: RwLock::default(), spare }));
        registry.register(Box::new(series.clone()))?;
        Ok(series)
    }

    /// The series with these label values, made where there is none yet. Beyond the bound it is the one that is `other`
    /// throughout. Allocates: what is counted for every request keeps what this gives.
    pub(super) fn get(&self, labels: &[&str]) -> M {
        let key: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let read = self.0.by_labels.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = read.get(&key) {
            return found.clone();
        }
        drop(read);
        let mut series = self.0.by_labels.write().unwrap_or_else(PoisonError::into_inner);
        let full = series.len() >= self.0.largest && !series.contains_key(&key);
        self.0.entry(&mut series, if full { self.0.others() } else { key })
    }

    /// Folds all series whose labels have these values; a name that is no label of it has none.
    pub(super) fn fold<T>(&self, wanted: &[(&str, &str)], start: T, fold: impl Fn(T, &M) -> T) -> T {
        let series = self.0.by_labels.read().unwrap_or_else(PoisonError::into_inner);
        let position = |name: &str| self.0.definition.labels.iter().position(|label| *label == name);
        let is_wanted = |key: &[String]| {
            wanted.iter().all(|(name, value)| position(name).and_then(|at| key.get(at)).is_some_and(|it| it == value))
        };
        series.iter().filter(|(key, _)| is_wanted(key)).fold(start, |sum, (_, one)| fold(sum, one))
    }

    /// Lets these series take the place of all that there are, in one step. What exceeds the bound is left out.
    pub(super) fn replace<L: AsRef<[String]>>(&self, rows: impl IntoIterator<Item = (L, impl FnOnce(&M))>) {
        let mut series = ByLabels::new();
        for (labels, set) in rows {
            let key = labels.as_ref();
            if series.len() < self.0.largest || series.contains_key(key) {
                set(&self.0.entry(&mut series, key.to_vec()));
            }
        }
        *self.0.by_labels.write().unwrap_or_else(PoisonError::into_inner) = series;
    }
}

impl<M: Instrument> Inner<M> {
    fn others(&self) -> Vec<String> {
        vec![OTHER.to_owned(); self.definition.labels.len()]
    }

    fn entry(&self, series: &mut ByLabels<M>, key: Vec<String>) -> M {
        if let Some(found) = series.get(&key) {
            return found.clone();
        }
        let names = self.definition.labels.iter().map(|label| (*label).to_owned());
        let labels = names.zip(key.iter().cloned()).collect();
        match M::with_opts(Opts::new(self.definition.name, self.definition.help).const_labels(labels)) {
            Ok(made) => {
                series.insert(key, made.clone());
                made
            }
            Err(_) => self.spare.clone(),
        }
    }
}

impl<M: Instrument> Collector for Series<M> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let series = self.0.by_labels.read().unwrap_or_else(PoisonError::into_inner);
        let mut family = MetricFamily::default();
        family.set_name(self.0.definition.name.to_owned());
        family.set_help(self.0.definition.help.to_owned());
        family.set_field_type(M::TYPE);
        family.set_metric(series.values().map(Metric::metric).collect());
        vec![family]
    }
}

#[cfg(test)]
mod tests {
    use super::super::names;
    use super::*;

    fn render(registry: &Registry) -> String {
        prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
    }

    #[test]
    fn label_values_are_told_apart_wherever_they_are_cut() {
        let registry = Registry::new();
        let series: Series<IntCounter> = Series::new(&registry, names::FLOPS, 10).unwrap();
        series.get(&["portal", "us", "east"]).inc();
        series.get(&["portal", "use", "ast"]).inc_by(2);
        let text = render(&registry);
        assert!(text.contains("{from=\"us\",service=\"portal\",to=\"east\"} 1\n"), "{text}");
        assert!(text.contains("{from=\"use\",service=\"portal\",to=\"ast\"} 2\n"), "{text}");
    }

    #[test]
    fn beyond_the_bound_everything_is_other() {
        let registry = Registry::new();
        let series: Series<IntCounter> = Series::new(&registry, names::SESSION_KEYS, 2).unwrap();
        for label in ["a", "b", "c", "d", "a"] {
            series.get(&[label]).inc();
        }
        let text = render(&registry);
        let values: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            values,
            [
                "homeward_session_keys_total{result=\"a\"} 2",
                "homeward_session_keys_total{result=\"b\"} 1",
                "homeward_session_keys_total{result=\"other\"} 2",
            ]
        );
    }

    #[test]
    fn a_replaced_set_leaves_nothing_behind() {
        let registry = Registry::new();
        let series: Series<IntGauge> = Series::new(&registry, names::UPSTREAM_HEALTHY, 2).unwrap();
        let row = |region: &str, value| ([String::from("portal"), region.into()], move |g: &IntGauge| g.set(value));
        series.replace([row("us-east", 2), row("us-west", 1)]);
        series.replace([row("us-west", 3), row("us-south", 4), row("us-north", 5)]);
        let text = render(&registry);
        assert!(!text.contains("us-east"), "{text}");
        assert!(text.contains("{region=\"us-west\",service=\"portal\"} 3\n"), "{text}");
        assert!(!text.contains("us-north"), "beyond the bound: {text}");
        series.replace(std::iter::empty::<([String; 2], fn(&IntGauge))>());
        assert_eq!(render(&registry), "");
    }
}
