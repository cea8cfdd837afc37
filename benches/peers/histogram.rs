//! Times by their size: two digits and a half of each are kept, whatever their unit. Pure.

use serde::{Deserialize, Serialize};

/// The steps between a power of two and the next: a value is off by less than 1 of 256.
const STEPS: u32 = 7;

/// The index of the largest value.
const LAST: usize = (56 << STEPS) + (2 << STEPS) - 1;

/// How many values of each size there were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Sparse", into = "Sparse")]
pub struct Histogram {
    /// How many, by the index of their size.
    counts: Vec<u64>,
    /// The largest of all.
    longest: u64,
}

/// The same without zeros, to be written down.
#[derive(Serialize, Deserialize)]
struct Sparse {
    counts: Vec<(usize, u64)>,
    longest: u64,
}

impl From<Sparse> for Histogram {
    fn from(sparse: Sparse) -> Self {
        let mut histogram = Self { counts: Vec::new(), longest: sparse.longest };
        sparse.counts.iter().for_each(|(index, count)| histogram.count(*index, *count));
        histogram
    }
}

impl From<Histogram> for Sparse {
    fn from(histogram: Histogram) -> Self {
        let counts = histogram.counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect();
        Self { counts, longest: histogram.longest }
    }
}

impl Histogram {
    /// Adds a value.
    pub fn add(&mut self, value: u64) {
        self.count(index(value), 1);
        self.longest = self.longest.max(value);
    }

    fn count(&mut self, index: usize, more: u64) {
        // No value has a larger one.
        let index = index.min(LAST);
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += more;
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        other.counts.iter().enumerate().for_each(|(index, count)| self.count(index, *count));
        self.longest = self.longest.max(other.longest);
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The smallest size that this share of the values does not exceed; 0 of none.
    pub fn at(&self, share: f64) -> u64 {
        let wanted = ((share * self.len() as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper(index).min(self.longest);
            }
        }
        self.longest
    }
}

/// Small values have an index each; of larger ones, those that share their first eight bits share one.
fn index(value: u64) -> usize {
    let bits = 64 - value.leading_zeros();
    if bits <= STEPS + 1 {
        return value as usize;
    }
    let shift = bits - STEPS - 1;
    ((shift << STEPS) + (value >> shift) as u32) as usize
}

/// The largest value with an index.
fn upper(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 << STEPS {
        return index;
    }
    let shift = (index >> STEPS) - 1;
    let first = index - (shift << STEPS);
    (first << shift) | ((1 << shift) - 1)
}
