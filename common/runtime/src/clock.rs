//! The one reader of the time. Decisions take the time as an argument; only handlers and mains
//! call these.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

/// Wall-clock time in UTC.
#[expect(clippy::disallowed_methods, reason = "the one home of the wall clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A monotonic instant, to measure how long something took.
#[expect(
    clippy::disallowed_methods,
    reason = "the one home of the monotonic clock"
)]
pub fn instant() -> Instant {
    Instant::now()
}

/// What is left until an invocation's deadline, or `None` where it isn't known.
///
/// `cargo lambda watch` gives a deadline in 1970; taken at its word, nothing would ever start.
pub fn time_left(deadline: SystemTime) -> Option<Duration> {
    const A_YEAR_AFTER_THE_EPOCH: Duration = Duration::from_secs(365 * 24 * 3600);
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    if deadline < A_YEAR_AFTER_THE_EPOCH {
        return None;
    }
    let now = u64::try_from(now().as_millisecond()).map_or(Duration::ZERO, Duration::from_millis);
    Some(deadline.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_in_1970_is_unknown() {
        assert_eq!(
            time_left(SystemTime::UNIX_EPOCH + Duration::from_secs(30)),
            None
        );
    }

    #[test]
    fn a_deadline_that_has_passed_leaves_nothing() {
        let year_2001 = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        assert_eq!(time_left(year_2001), Some(Duration::ZERO));
    }
}
