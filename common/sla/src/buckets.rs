//! Log-spaced buckets of milliseconds.
//!
//! With a relative error of α = 5 % and γ = (1 + α) / (1 - α), bucket `i` holds the latencies in
//! (γ^(i-1), γ^i]. Latencies are whole milliseconds, so a bucket holds the integers from `a` to
//! `b`, and 2ab / (a + b) stands for each of them: its relative distance to `a` and to `b` is
//! (b - a) / (b + a) ≤ (γ - 1) / (γ + 1) = α. This is the mapping of `DDSketch` (Masson, Rim and
//! Lee, "`DDSketch`: A fast and fully-mergeable quantile sketch with relative-error guarantees",
//! VLDB 2019, section 2.1).
//!
//! The first bucket holds 0 and 1 ms; the last one ends at 25 hours and takes whatever is over it,
//! where the error is no longer bounded.

/// The bound of the relative error, α.
pub const RELATIVE_ERROR: f64 = 0.05;

/// How many buckets there are. Below 20 ms some hold no integer and are never used.
pub const BUCKETS: usize = 184;

/// The greatest latency of each bucket, in ms.
const UPPER: [u64; BUCKETS] = upper_edges();

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the floor of a positive number below 2^27 is what is wanted"
)]
const fn upper_edges() -> [u64; BUCKETS] {
    let gamma = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
    let mut edges = [0; BUCKETS];
    let mut edge = 1.0;
    let mut i = 0;
    while i < BUCKETS {
        edges[i] = edge as u64;
        edge *= gamma;
        i += 1;
    }
    edges
}

/// The bucket that a latency falls into.
pub fn bucket(millis: u64) -> usize {
    UPPER
        .partition_point(|&upper| upper < millis)
        .min(BUCKETS - 1)
}

/// The least and the greatest latency of a bucket, in ms, both included. Empty (least above
/// greatest) for a bucket that holds no integer.
pub fn bounds(bucket: usize) -> (u64, u64) {
    match bucket {
        0 => (0, UPPER[0]),
        _ => (UPPER[bucket - 1] + 1, UPPER[bucket]),
    }
}

/// The latency that stands for a bucket, in ms.
#[expect(
    clippy::cast_precision_loss,
    reason = "edges stay below 2^27, far from where f64 gets coarse"
)]
pub fn representative(bucket: usize) -> f64 {
    let (least, greatest) = bounds(bucket);
    let (a, b) = (least.max(1) as f64, greatest as f64);
    2.0 * a * b / (a + b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_bucket_ends_after_a_day() {
        const A_DAY: u64 = 24 * 3600 * 1000;
        assert!(UPPER[BUCKETS - 1] > A_DAY, "{}", UPPER[BUCKETS - 1]);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn zero_counts_as_one_millisecond() {
        assert_eq!(bucket(0), bucket(1));
        assert!((representative(bucket(0)) - 1.0).abs() < f64::EPSILON);
    }

    proptest! {
        #[test]
        fn a_latency_lies_within_its_bucket(millis in 0..UPPER[BUCKETS - 1]) {
            let (least, greatest) = bounds(bucket(millis));
            prop_assert!(least <= millis && millis <= greatest);
        }

        #[test]
        fn a_bucket_is_within_five_percent_of_all_its_latencies(millis in 1..UPPER[BUCKETS - 1]) {
            let estimate = representative(bucket(millis));
            let exact = f64::from(u32::try_from(millis).unwrap());
            prop_assert!((estimate - exact).abs() <= RELATIVE_ERROR * exact * (1.0 + 1e-9), "{millis} as {estimate}");
        }

        #[test]
        fn a_longer_wait_never_falls_into_a_lower_bucket(a in 0..u64::MAX, b in 0..u64::MAX) {
            prop_assert!(bucket(a.min(b)) <= bucket(a.max(b)));
        }
    }
}
