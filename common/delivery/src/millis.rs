//! Time as the ledger stores it.

use std::time::Duration;

use jiff::Timestamp;

/// Milliseconds since the epoch.
pub type Millis = i64;

pub fn now() -> Millis {
    runtime::clock::now().as_millisecond()
}

/// `wait` from `now`, never too early: `now` has lost its fraction, and `wait` keeps its own.
pub fn after(now: Millis, wait: Duration) -> Millis {
    now.saturating_add(millis(wait)).saturating_add(1)
}

/// A duration in milliseconds, rounded up.
pub fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(Millis::MAX)
}

/// What is left from `now` until `then`; nothing where it has passed.
pub fn until(now: Millis, then: Millis) -> Duration {
    Duration::from_millis(u64::try_from(then.saturating_sub(now)).unwrap_or(0))
}

pub fn timestamp(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX)
}
