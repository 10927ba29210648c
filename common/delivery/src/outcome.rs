//! What came of a call: told to limiter and breaker, and written to the ledger.

use upstream::Failure;

use crate::batch::Delivery;
use crate::call::Claimed;
use crate::invocation::{Fate, Invocation, Job};
use crate::item::{Item, State};
use crate::millis::{self, Millis};
use crate::stage::{Done, Stage};

impl<S: Stage> Delivery<S> {
    /// Tells limiter and breaker what the outcomes say about the upstream.
    pub(crate) async fn tell_the_gate(
        &self,
        invocation: &Invocation,
        first: &str,
        probe: Option<Millis>,
        outcomes: &[Result<Done, Failure>],
    ) {
        // How it would have gone on is not known, whatever the requests before were answered.
        let has_no_slot = |outcome: &Result<_, _>| matches!(outcome, Err(Failure::NoSlot { .. }));
        if outcomes.iter().any(has_no_slot) {
            return;
        }
        let blames = |outcome: &Result<Done, Failure>| {
            outcome
                .as_ref()
                .err()
                .is_some_and(Failure::blames_the_upstream)
        };
        let told = if outcomes.iter().all(blames) {
            let open = self.upstream.failed(first, probe).await;
            if matches!(open, Ok(true)) {
                invocation.report.breaker_open();
            }
            open.map(|_| ())
        } else {
            self.upstream.succeeded(probe.is_some()).await
        };
        let asked = outcomes.iter().filter_map(|outcome| match outcome {
            Err(Failure::RateLimited { retry_after, .. }) => {
                Some(retry_after.unwrap_or(self.settings.policy.backoff_base))
            }
            _ => None,
        });
        let held = match asked.max() {
            Some(wait) => self.upstream.hold(millis::after(millis::now(), wait)).await,
            None => Ok(()),
        };
        if let Err(error) = told.and(held) {
            tracing::error!(%error, "the gate does not know how the call went");
        }
    }

    /// Writes an outcome to the ledger. Gives until when its lane must wait, if it must.
    pub(crate) async fn record(
        &self,
        invocation: &Invocation,
        claimed: &Claimed,
        outcome: &Result<Done, Failure>,
        latency: Millis,
    ) -> Option<Millis> {
        let Claimed { job, item } = claimed;
        let now = millis::now();
        let failure = match outcome {
            Ok(done) => {
                self.record_done(invocation, job, item, done, now).await;
                return None;
            }
            Err(failure) => failure,
        };
        let next = item.failed(failure, &self.settings.policy, fastrand::f64(), now);
        if next.state == State::Parked {
            self.park(invocation, job, Some(item), next).await;
            return None;
        }
        invocation.report.waiting(&job.id, failure, &next, latency);
        match self.ledger.end(&job.id, item, next).await {
            Ok(Ok(waiting)) => {
                let until = waiting.not_before.unwrap_or(now);
                invocation.fates.set(&job.copies, Fate::Hide(until));
                Some(until)
            }
            // Taken over meanwhile: what is there now decides when this message comes again.
            Ok(Err(_)) => None,
            Err(error) => {
                self.ledger_down(invocation, [job], &error);
                invocation
                    .fates
                    .set(&job.copies, Fate::Hide(item.lease_until.unwrap_or(now)));
                item.lease_until
            }
        }
    }

    async fn record_done(
        &self,
        invocation: &Invocation,
        job: &Job,
        held: &Item,
        done: &Done,
        now: Millis,
    ) {
        let names = self.stage.names();
        let expires_at = now / 1000 + self.settings.ledger_days * 24 * 3600;
        let item = match self
            .ledger
            .finish(&job.id, held, done, names.done, expires_at, now)
            .await
        {
            Ok(item) => item,
            Err(error) => {
                // It is called again once the lease is over, with the same key.
                self.ledger_down(invocation, [job], &error);
                let until = held.lease_until.unwrap_or(now);
                return invocation.fates.set(&job.copies, Fate::Hide(until));
            }
        };
        if item.result() == Some(&done.id) {
            let outcome = if names.done == State::Synced {
                "synced"
            } else {
                "routed"
            };
            invocation.report.finished(&job.id, outcome, &item);
        } else {
            invocation.report.duplicate(&job.id, &item);
        }
        self.finished(invocation, job, Some(&item));
    }
}
