//! Counts of latencies, and what they say.

use crate::buckets::{self, BUCKETS};
use crate::key::{Hour, SeriesKey};

/// One finished operation of one interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    pub series: SeriesKey,
    pub hour: Hour,
    /// What the customer waited.
    pub millis: u64,
    /// What of it was waiting before the call that succeeded, by cause.
    pub waits: Waits,
}

/// Milliseconds spent waiting, by cause: apart, so that a slow CXone is not taken for a slow
/// pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    pub limiter: u64,
    pub retry: u64,
    pub dead_letter: u64,
}

/// How many operations took how long. Merging is associative and commutative, and the empty
/// histogram is its identity, so hours, days and platforms add up in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    breaches: u64,
    waits: Waits,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
            breaches: 0,
            waits: Waits::default(),
        }
    }
}

impl Histogram {
    /// Counts one operation; over `threshold` milliseconds it is a breach.
    pub fn record(&mut self, millis: u64, threshold: u64, waits: Waits) {
        self.add_to_bucket(buckets::bucket(millis), 1);
        self.add_breaches(u64::from(millis > threshold));
        self.add_waits(waits);
    }

    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.counts() {
            self.add_to_bucket(bucket, count);
        }
        self.add_breaches(other.breaches);
        self.add_waits(other.waits);
    }

    pub(crate) fn add_to_bucket(&mut self, bucket: usize, count: u64) {
        self.counts[bucket] = self.counts[bucket].saturating_add(count);
    }

    pub(crate) fn add_breaches(&mut self, count: u64) {
        self.breaches = self.breaches.saturating_add(count);
    }

    pub(crate) fn add_waits(&mut self, waits: Waits) {
        let total = &mut self.waits;
        total.limiter = total.limiter.saturating_add(waits.limiter);
        total.retry = total.retry.saturating_add(waits.retry);
        total.dead_letter = total.dead_letter.saturating_add(waits.dead_letter);
    }

    /// The buckets in use, ascending, with their counts.
    pub fn counts(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let used = |&(_, count): &(usize, u64)| count > 0;
        self.counts.iter().copied().enumerate().filter(used)
    }

    pub fn total(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, &count| sum.saturating_add(count))
    }

    pub fn breaches(&self) -> u64 {
        self.breaches
    }

    /// The sums of all operations' waits.
    pub fn waits(&self) -> Waits {
        self.waits
    }

    /// Breaches of all operations, 0 to 1; `None` where there is no operation.
    pub fn breach_rate(&self) -> Option<f64> {
        match self.total() {
            0 => None,
            total => Some(ratio(self.breaches, total)),
        }
    }

    /// The mean of a sum over all operations, such as one of [`Histogram::waits`].
    pub fn mean(&self, sum: u64) -> Option<f64> {
        match self.total() {
            0 => None,
            total => Some(ratio(sum, total)),
        }
    }

    /// The latency in ms that `percent` of the operations didn't exceed: the nearest-rank
    /// percentile, which is one of the observed latencies, within 5 %. `None` where there is no
    /// operation. `percent` is 1 to 100.
    pub fn percentile(&self, percent: u64) -> Option<f64> {
        let rank = rank(self.total(), percent)?;
        let mut seen = 0;
        self.counts()
            .find(|(_, count)| {
                seen += count;
                seen >= rank
            })
            .map(|(bucket, _)| buckets::representative(bucket))
    }
}

/// The nearest rank, from 1: the least number of operations that is at least `percent` of all.
fn rank(total: u64, percent: u64) -> Option<u64> {
    let rank = (u128::from(total) * u128::from(percent))
        .div_ceil(100)
        .max(1);
    (total > 0).then(|| u64::try_from(rank).unwrap_or(u64::MAX).min(total))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate that people read needs no more than f64's 15 digits"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::buckets::RELATIVE_ERROR;

    const THRESHOLD: u64 = 2500;

    fn of(latencies: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for &millis in latencies {
            let waits = Waits {
                limiter: millis / 2,
                ..Waits::default()
            };
            histogram.record(millis, THRESHOLD, waits);
        }
        histogram
    }

    /// Latencies as they come: mostly some hundred ms, sometimes minutes or hours.
    fn latencies() -> impl Strategy<Value = Vec<u64>> {
        let one = prop_oneof![4 => 1..1000_u64, 2 => 1000..60_000_u64, 1 => 60_000..80_000_000_u64];
        prop::collection::vec(one, 1..400)
    }

    #[test]
    fn the_threshold_itself_is_no_breach() {
        assert_eq!(of(&[2500]).breaches(), 0);
        assert_eq!(of(&[2501]).breaches(), 1);
    }

    #[test]
    fn nothing_counted_says_nothing() {
        assert_eq!(Histogram::default().percentile(95), None);
        assert_eq!(Histogram::default().breach_rate(), None);
    }

    proptest! {
        #[test]
        fn percentiles_are_within_five_percent_of_the_exact_ones(latencies in latencies(), percent in 1..=100_u64) {
            let mut sorted = latencies.clone();
            sorted.sort_unstable();
            let rank = (sorted.len() * usize::try_from(percent).unwrap()).div_ceil(100);
            let exact = f64::from(u32::try_from(sorted[rank - 1]).unwrap());
            let estimate = of(&latencies).percentile(percent).unwrap();
            prop_assert!((estimate - exact).abs() <= exact * RELATIVE_ERROR * (1.0 + 1e-9), "{estimate} for {exact}");
        }

        #[test]
        fn counts_and_breaches_are_exact(latencies in latencies()) {
            let histogram = of(&latencies);
            let breaches = latencies.iter().filter(|&&millis| millis > THRESHOLD).count();
            prop_assert_eq!(histogram.total(), latencies.len() as u64);
            prop_assert_eq!(histogram.breaches(), breaches as u64);
        }

        #[test]
        fn merging_is_counting_together_in_any_order(a in latencies(), b in latencies(), c in latencies()) {
            let together = of(&[a.clone(), b.clone(), c.clone()].concat());
            let (a, b, c) = (of(&a), of(&b), of(&c));
            let mut left = a.clone();
            left.merge(&b);
            left.merge(&c);
            let mut right = c.clone();
            right.merge(&b);
            right.merge(&Histogram::default());
            right.merge(&a);
            prop_assert_eq!(&left, &together);
            prop_assert_eq!(&right, &together);
        }
    }
}
