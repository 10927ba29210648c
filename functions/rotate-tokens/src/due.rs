//! When a token is to be renewed.

use jiff::{SignedDuration, Timestamp};

/// Whether less is left than `margin`, or than a quarter of the token's life where that is
/// shorter: with a fixed hour, a token that lives for an hour would be renewed at every run.
pub fn is_due(
    issued_at: Timestamp,
    expires_at: Timestamp,
    margin: SignedDuration,
    now: Timestamp,
) -> bool {
    let life = expires_at.duration_since(issued_at);
    let quarter = life.max(SignedDuration::ZERO) / 4;
    expires_at.duration_since(now) <= margin.min(quarter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    #[test]
    fn a_long_life_ends_by_the_margin_and_a_short_one_by_its_quarter() {
        let issued = Timestamp::UNIX_EPOCH;
        let due = |life: SignedDuration, left: SignedDuration| {
            is_due(issued, issued + life, HOUR, issued + life - left)
        };
        let (minutes, seconds) = (SignedDuration::from_mins, SignedDuration::from_secs);
        let sixty_days = SignedDuration::from_hours(60 * 24);
        assert!(!due(sixty_days, HOUR + seconds(1)));
        assert!(due(sixty_days, HOUR));
        assert!(!due(HOUR * 2, minutes(31)));
        assert!(due(HOUR * 2, minutes(30)));
        assert!(!due(HOUR, HOUR));
        assert!(due(HOUR, minutes(15)));
    }

    proptest! {
        #[test]
        fn a_token_is_due_before_it_runs_out_and_never_as_it_is_issued(
            life in 1..100_000_000_i64,
            margin in 1..10_000_000_i64,
        ) {
            let (issued, margin) = (Timestamp::UNIX_EPOCH, SignedDuration::from_secs(margin));
            let expires = issued + SignedDuration::from_secs(life);
            prop_assert!(!is_due(issued, expires, margin, issued));
            prop_assert!(is_due(issued, expires, margin, expires));
        }

        #[test]
        fn a_life_that_makes_no_sense_is_due(life in -1_000_000..=0_i64, age in 0..1_000_000_i64) {
            let issued = Timestamp::UNIX_EPOCH;
            let expires = issued + SignedDuration::from_secs(life);
            let now = issued + SignedDuration::from_secs(age);
            prop_assert!(is_due(issued, expires, HOUR, now));
        }
    }
}
