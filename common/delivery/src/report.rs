//! What an invocation says in logs and metrics: a line for each thing that happened, and one line
//! of metrics.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use telemetry::{Metrics, names};
use upstream::Failure;

use crate::item::Item;
use crate::millis::Millis;

#[derive(Clone)]
pub struct Report {
    stage: &'static str,
    sla_threshold: Millis,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    retries: usize,
    parked: usize,
    possible_duplicates: usize,
    credentials_refused: usize,
    breaker_open: bool,
    limiter_wait: Millis,
}

impl Report {
    pub fn new(stage: &'static str, sla_threshold: Millis) -> Self {
        Self {
            stage,
            sla_threshold,
            counts: Arc::default(),
        }
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub fn breaker_open(&self) {
        self.count(|counts| counts.breaker_open = true);
    }

    pub fn waited_for_slot(&self, waited: Millis) {
        self.count(|counts| counts.limiter_wait = counts.limiter_wait.max(waited));
    }

    /// A call has made this item's interaction done.
    pub fn finished(&self, id: &str, outcome: &str, item: &Item) {
        let (stage, attempt) = (self.stage, item.attempts);
        let latency_ms = item.latency_ms.unwrap_or_default();
        if item.possible_duplicate {
            self.count(|counts| counts.possible_duplicates += 1);
            tracing::warn!(
                interaction = id,
                stage,
                attempt,
                outcome = "possible duplicate",
                reason = "an earlier call has no known outcome, and this one did not say that it repeats it"
            );
        }
        if latency_ms > self.sla_threshold {
            tracing::warn!(
                interaction = id,
                stage,
                attempt,
                outcome,
                latency_ms,
                breach = true
            );
        } else {
            tracing::info!(interaction = id, stage, attempt, outcome, latency_ms);
        }
    }

    /// The upstream did what had been done before, under another id.
    pub fn duplicate(&self, id: &str, item: &Item) {
        let (stage, attempt) = (self.stage, item.attempts);
        self.count(|counts| counts.possible_duplicates += 1);
        tracing::error!(interaction = id, stage, attempt, outcome = "duplicate");
    }

    pub fn waiting(&self, id: &str, failure: &Failure, item: &Item, latency_ms: Millis) {
        let (stage, attempt) = (self.stage, item.attempts);
        self.count(|counts| counts.retries += 1);
        let reason = failure.reason();
        if matches!(failure, Failure::Credentials { .. }) {
            self.count(|counts| counts.credentials_refused += 1);
            tracing::error!(interaction = id, stage, attempt, outcome = "waiting", latency_ms, %reason);
        } else {
            tracing::warn!(interaction = id, stage, attempt, outcome = "waiting", latency_ms, %reason);
        }
    }

    pub fn parked(&self, id: &str, item: &Item) {
        let (stage, attempt) = (self.stage, item.attempts);
        let reason = item.reason.as_deref();
        self.count(|counts| counts.parked += 1);
        tracing::error!(interaction = id, stage, attempt, outcome = "parked", reason);
    }

    /// A message that has no item of its own was parked beside.
    pub fn parked_aside(&self, id: &str, reason: &str) {
        let stage = self.stage;
        self.count(|counts| counts.parked += 1);
        tracing::error!(interaction = id, stage, outcome = "parked", reason);
    }

    /// One line for all; none where everything went as it should, which `count-sla` counts.
    pub fn emit(&self, now: Timestamp) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = Metrics::new()
            .dimension(names::STAGE, self.stage)
            .count(names::RETRIES, counts.retries)
            .count(names::PARKED, counts.parked)
            .count(names::POSSIBLE_DUPLICATES, counts.possible_duplicates)
            .count(names::CREDENTIALS_REFUSED, counts.credentials_refused)
            .count(names::BREAKER_OPEN, usize::from(counts.breaker_open));
        let metrics = if counts.limiter_wait > 0 {
            #[expect(clippy::cast_precision_loss, reason = "waits stay far below 2^52 ms")]
            let waited = counts.limiter_wait as f64;
            metrics.millis(names::LIMITER_WAIT, waited)
        } else {
            metrics
        };
        metrics.emit(now);
    }
}
