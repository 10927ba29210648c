//! How a stage delivers, as its function's environment says.

use std::time::Duration;

use runtime::settings::{SettingError, malformed, required, within};

use crate::breaker::Thresholds;
use crate::item::Policy;
use crate::limiter::{Limit, MOST_CALLS};
use crate::millis::Millis;

#[derive(Clone, Debug)]
pub struct Settings {
    pub table: String,
    pub queue_url: String,
    pub call_timeout: Duration,
    pub limit: Option<Limit>,
    pub thresholds: Thresholds,
    pub policy: Policy,
    pub sla_threshold: Millis,
    /// For how long finished items are kept.
    pub ledger_days: i64,
}

impl Settings {
    /// Reads and checks them; `queue` is the setting with the URL of the queue that feeds the
    /// function, `requests` how many requests a call may need.
    ///
    /// # Errors
    /// Names the setting that is missing, malformed or at odds with another.
    pub fn from_env(queue: &'static str, requests: usize) -> Result<Self, SettingError> {
        let call_timeout = within("CALL_TIMEOUT_SECONDS", 1, 60)?;
        let calls = within("LIMIT_CALLS", 0, MOST_CALLS)?;
        let window = within("LIMIT_WINDOW_SECONDS", 1, 600)?;
        let function_timeout = within("FUNCTION_TIMEOUT_SECONDS", 1, 900)?;
        let limit = (calls > 0).then_some(Limit {
            calls,
            window: seconds(window),
            requests,
        });
        // At least as many as a call needs requests, so that one of the limit is left to begin with.
        let in_hand = within("BATCH_CONCURRENCY_LIMIT", requests, 100_000)?;
        check_concurrency(in_hand, calls)?;
        let longest_wait = limit.map(|limit| window * in_hand.div_ceil(limit.first()) as u64);
        check_timeout(function_timeout, call_timeout, longest_wait)?;
        let probe = within("BREAKER_PROBE_SECONDS", 1, 60)?;
        Ok(Self {
            table: required("LEDGER_TABLE")?,
            queue_url: required(queue)?,
            call_timeout: Duration::from_secs(call_timeout),
            limit,
            thresholds: Thresholds {
                failures: within("BREAKER_FAILURES", 1, 10)?,
                first_interval: seconds(probe),
            },
            policy: Policy {
                max_attempts: within("MAX_ATTEMPTS", 1, 1_000)?,
                backoff_base: Duration::from_millis(within(
                    "BACKOFF_BASE_MILLISECONDS",
                    1,
                    60_000,
                )?),
                backoff_cap: Duration::from_secs(within("BACKOFF_CAP_SECONDS", 1, 43_200)?),
            },
            sla_threshold: within("SLA_THRESHOLD_MILLISECONDS", 1, 86_400_000)?,
            ledger_days: within("LEDGER_DAYS", 15, 3_650)?,
        })
    }
}

/// A message that is received must get its slot before its function times out, and every call must
/// be able to end. `longest_wait`: as many windows as all in hand need to begin; none without a limit.
fn check_timeout(function: u64, call: u64, longest_wait: Option<u64>) -> Result<(), SettingError> {
    let least = (call + 15).max(longest_wait.map_or(0, |wait| wait + 30));
    if function >= least {
        return Ok(());
    }
    let reason = format!(
        "it must be {least} or more: CALL_TIMEOUT_SECONDS + 15, and with a limit 30 and \
         LIMIT_WINDOW_SECONDS as often as BATCH_CONCURRENCY_LIMIT calls need to begin"
    );
    Err(malformed("FUNCTION_TIMEOUT_SECONDS", &reason))
}

/// All messages that can be in hand at once must get a slot within one window, or where a call may
/// need several requests within so many.
fn check_concurrency(in_hand: usize, calls: usize) -> Result<(), SettingError> {
    if calls == 0 || in_hand <= calls {
        return Ok(());
    }
    let reason = format!(
        "it must be {in_hand} or more, the mapping's MaximumConcurrency x BatchSize, or 0 for no limit"
    );
    Err(malformed("LIMIT_CALLS", &reason))
}

fn seconds(seconds: u64) -> Millis {
    Millis::try_from(seconds * 1000).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_below_what_is_received_at_once_stops_the_cold_start() {
        assert!(check_concurrency(50, 50).is_ok());
        assert!(check_concurrency(50, 0).is_ok());
        let error = check_concurrency(50, 49).unwrap_err().to_string();
        assert!(
            error.contains("LIMIT_CALLS") && error.contains("50"),
            "{error}"
        );
    }

    #[test]
    fn a_function_that_could_not_wait_for_a_slot_does_not_start() {
        assert!(check_timeout(90, 10, Some(60)).is_ok());
        assert!(check_timeout(89, 10, Some(60)).is_err());
        assert!(check_timeout(150, 10, Some(2 * 60)).is_ok());
        assert!(check_timeout(149, 10, Some(2 * 60)).is_err());
        assert!(check_timeout(25, 10, None).is_ok());
        assert!(check_timeout(24, 10, None).is_err());
    }
}
