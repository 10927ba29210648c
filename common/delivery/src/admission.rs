//! Letting calls through an upstream's [`Gate`], which all functions share.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use upstream::{Failure, Reason};

use crate::breaker::Thresholds;
use crate::gate::{Admission, Gate, Terms};
use crate::limiter::Limit;
use crate::millis::{self, Millis};
use crate::store::{self, Attributes, Key, Record, Stamp, Store, StoreError, Swapped};

/// A call that waited for its slot looks at the gate again where its view is older than this.
const FRESH: Millis = 500;

/// How often a change of the gate is tried again when another function was first. With ten
/// functions at it, the unluckiest of 100,000 changes took 23 tries.
const TRIES: usize = 50;

/// How far ahead a further slot within a call may lie.
const SOON: Millis = 2_000;

/// The upstream as one function sees it.
pub struct Upstream {
    store: Store,
    key: Key,
    limit: Option<Limit>,
    thresholds: Thresholds,
    lease: Millis,
    view: Mutex<View>,
}

/// What was read or written last.
#[derive(Default)]
struct View {
    stored: Option<Stored>,
    at: Millis,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    stamp: Stamp,
    #[serde(flatten)]
    gate: Gate,
}

impl Record for Stored {
    fn stamp(&mut self) -> &mut Stamp {
        &mut self.stamp
    }
}

impl Upstream {
    /// `lease`: for how long after its start a probe keeps others from probing.
    pub fn new(
        store: Store,
        name: &str,
        limit: Option<Limit>,
        thresholds: Thresholds,
        lease: Duration,
    ) -> Self {
        Self {
            store,
            key: Key::upstream(name),
            limit,
            thresholds,
            lease: millis::millis(lease),
            view: Mutex::default(),
        }
    }

    /// For who calls nothing: what becomes of calls is never told here.
    pub fn watched(store: Store, name: &str) -> Self {
        let never = Thresholds {
            failures: usize::MAX,
            first_interval: 0,
        };
        Self::new(store, name, None, never, Duration::ZERO)
    }

    pub fn key(&self) -> &Key {
        &self.key
    }

    pub fn has_limit(&self) -> bool {
        self.limit.is_some()
    }

    /// Takes over what a strongly consistent read brought; absent, the gate is as it always was.
    pub async fn observe(&self, item: Option<Attributes>, now: Millis) -> Result<Gate, StoreError> {
        let stored = item
            .map(|item| store::record(&self.key, item))
            .transpose()?;
        let mut view = self.view.lock().await;
        // A write of this process may have overtaken the read.
        let version = |stored: &Option<Stored>| stored.as_ref().map_or(0, |s| s.stamp.version);
        if version(&stored) >= version(&view.stored) {
            *view = View { stored, at: now };
        }
        Ok(view.gate())
    }

    /// The gate as it stood half a second ago at most.
    pub async fn fresh(&self) -> Result<Gate, StoreError> {
        let now = millis::now();
        {
            let view = self.view.lock().await;
            if now - view.at < FRESH {
                return Ok(view.gate());
            }
        }
        let mut items = self.store.read(std::slice::from_ref(&self.key)).await?;
        self.observe(items.remove(&self.key), now).await
    }

    /// Asks for calls, each named by its interaction, that start by `latest`. One write takes the
    /// slots for all of them; none is made where nothing changes.
    pub async fn admit(
        &self,
        calls: &[&str],
        latest: Millis,
    ) -> Result<Vec<Admission>, StoreError> {
        let terms = Terms {
            limit: self.limit,
            latest,
            lease: self.lease,
        };
        self.change(|gate, now| gate.admit(calls, &terms, now))
            .await
    }

    /// The upstream answered.
    pub async fn succeeded(&self, was_probe: bool) -> Result<(), StoreError> {
        self.change(|gate, _| gate.breaker.succeeded(was_probe))
            .await
    }

    /// The upstream didn't answer, or refused the client. Says whether the breaker is open now.
    /// `probe`: the slot of the call, where it was a probe.
    pub async fn failed(
        &self,
        interaction: &str,
        probe: Option<Millis>,
    ) -> Result<bool, StoreError> {
        self.change(|gate, now| {
            gate.breaker
                .failed(interaction, probe, self.thresholds, now);
            gate.breaker.is_open()
        })
        .await
    }

    /// The upstream asked for no call before `until`. Without a limit this concerns the one
    /// interaction alone, and nothing is stored.
    pub async fn hold(&self, until: Millis) -> Result<(), StoreError> {
        if self.limit.is_none() {
            return Ok(());
        }
        self.change(|gate, _| gate.limiter.hold(until)).await
    }

    /// For `redrive`: whether a message may be sent back now (see [`Gate`]).
    pub async fn send_back(&self) -> Result<bool, StoreError> {
        self.change(|gate, now| gate.breaker.send_back(now)).await
    }

    async fn change<T>(&self, change: impl Fn(&mut Gate, Millis) -> T) -> Result<T, StoreError> {
        let mut view = self.view.lock().await;
        for attempt in 0..TRIES {
            let now = millis::now();
            let mut next = view.stored.clone().unwrap_or_default();
            let outcome = change(&mut next.gate, now);
            if next.gate == view.gate() {
                return Ok(outcome);
            }
            match self
                .store
                .swap(&self.key, view.stored.as_ref(), next)
                .await?
            {
                Swapped::Yes(stored) => {
                    *view = View {
                        stored: Some(stored),
                        at: now,
                    };
                    return Ok(outcome);
                }
                Swapped::No(stored) => *view = View { stored, at: now },
            }
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(fastrand::u64(0..40))).await;
            }
        }
        Err(StoreError::Unavailable {
            call: "UpdateItem",
            code: format!("{} changed under {TRIES} tries", self.key.pk),
        })
    }
}

impl View {
    fn gate(&self) -> Gate {
        self.stored
            .as_ref()
            .map(|stored| stored.gate.clone())
            .unwrap_or_default()
    }
}

/// The right to make one request, under the rate limit and the breaker.
pub struct Permit {
    upstream: std::sync::Arc<Upstream>,
}

impl Permit {
    pub(crate) fn new(upstream: std::sync::Arc<Upstream>) -> Self {
        Self { upstream }
    }

    /// The right to one more request within the same call: what its dialect needs, or the second
    /// try after a 401. Waits up to two seconds for it.
    ///
    /// # Errors
    /// When the limit has no slot so soon: give the failure back as the call's outcome.
    pub async fn another(&self) -> Result<(), Failure> {
        if self.take().await {
            return Ok(());
        }
        Err(Failure::NoSlot {
            reason: Reason {
                call: "the rate limit",
                status: None,
                detail: "no slot for a second request soon enough".to_owned(),
            },
        })
    }

    /// Takes another slot, and waits for it, where it isn't far.
    pub(crate) async fn take(&self) -> bool {
        let upstream = &self.upstream;
        let Some(limit) = upstream.limit else {
            return true;
        };
        let latest = millis::now() + SOON;
        let taken = upstream
            .change(|gate, now| gate.limiter.take_further(limit, now, latest))
            .await;
        let Ok(Ok(at)) = taken else { return false };
        tokio::time::sleep(millis::until(millis::now(), at)).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `upstream#cxone` looks like in a ledger since version 1: only added to, never changed.
    #[test]
    fn a_gate_of_version_1_is_read_and_written_as_it_is() {
        let item = serde_json::json!({
            "version": 12, "writer": "d41f00c2a75b9e68",
            "limiter": {"slots": "1763800000000", "not_before": 0},
            "breaker": {
                "failed": ["int_1"],
                "open": {"since": 1, "interval": 5_000, "probe_at": 2, "send_back_at": 3},
            },
        });
        let stored: Attributes = serde_dynamo::to_item(item).unwrap();
        let key = Key::upstream("cxone");
        let mut there = stored.clone();
        there.extend(key.attributes());
        let gate: Stored = store::record(&key, there).unwrap();
        assert!(gate.stamp.version == 12 && gate.gate.breaker.is_open());
        let written: Attributes = serde_dynamo::to_item(gate).unwrap();
        assert_eq!(written, stored);
    }
}
