//! Full jitter: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.

use std::time::Duration;

/// `random × min(cap, base × 2^attempts)`, in whole milliseconds.
///
/// `random` lies between 0 and 1; what lies outside (or is no number) is taken to the nearer end.
pub fn full_jitter(attempts: u32, base: Duration, cap: Duration, random: f64) -> Duration {
    let factor = 2_u32.saturating_pow(attempts.min(31));
    let longest = base.saturating_mul(factor).min(cap);
    let random = if random.is_nan() {
        1.0
    } else {
        random.clamp(0.0, 1.0)
    };
    // Milliseconds and not nanoseconds, since queue and ledger know nothing finer. The clamp keeps
    // the product below `longest`, so it never overflows.
    let longest = Duration::from_millis(u64::try_from(longest.as_millis()).unwrap_or(u64::MAX));
    let jittered = longest.min(Duration::from_hours(24 * 365)).mul_f64(random);
    Duration::from_millis(u64::try_from(jittered.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: Duration = Duration::from_secs(2);
    const CAP: Duration = Duration::from_mins(15);

    #[test]
    fn the_longest_wait_doubles_until_the_cap() {
        let longest: Vec<u64> = (0..11)
            .map(|attempts| full_jitter(attempts, BASE, CAP, 1.0).as_secs())
            .collect();
        assert_eq!(longest, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    }

    proptest! {
        #[test]
        fn a_wait_lies_between_zero_and_the_cap(
            attempts: u32,
            base in 0..10_000_000_u64,
            cap in 0..10_000_000_u64,
            random: f64,
        ) {
            let wait = full_jitter(
                attempts,
                Duration::from_millis(base),
                Duration::from_millis(cap),
                random,
            );
            prop_assert!(wait <= Duration::from_millis(cap));
        }

        #[test]
        fn a_wait_never_shrinks_with_more_attempts_or_a_greater_throw(
            attempts in 0..100_u32,
            random in 0.0..1.0,
            more in 0.0..1.0,
        ) {
            let wait = full_jitter(attempts, BASE, CAP, random);
            prop_assert!(full_jitter(attempts + 1, BASE, CAP, random) >= wait);
            prop_assert!(full_jitter(attempts, BASE, CAP, random.max(more)) >= wait);
        }
    }
}
