//! The ledger items of threads: `thread#<id>` / `thread`.
//!
//! An item holds what the thread has told ([`Thread`]) and its lease: one thread never has two
//! calls at once. Every write replaces the version that it was made on.

use std::collections::HashSet;

use aws_sdk_dynamodb::Client;
use delivery::millis::{self, Millis};
use delivery::store::{Key, Record, Stamp, Store, StoreError, Swapped, record};
use delivery::{Item, State};
use interaction::InteractionId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use ticketing::mark::Mark;
use ticketing::{Arrival, Fate, Plan, Thread};

use crate::elders::Elders;

/// The ledger's stage whose items tell what became of a pending interaction.
pub const STAGE: &str = "ticketing";

/// How long to stand back when another call of the thread is under way: most take less.
const BUSY_MS: Millis = 1000;

/// How often a write is made again on what another has written meanwhile.
const WRITES: usize = 5;

/// A thread's ledger item.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct ThreadItem {
    #[serde(flatten)]
    stamp: Stamp,
    /// Until when nobody else may call; 0 when it is free.
    #[serde(default)]
    lease_until: Millis,
    thread: Thread,
    /// Seconds since the epoch.
    expires_at: i64,
}

impl Record for ThreadItem {
    fn stamp(&mut self) -> &mut Stamp {
        &mut self.stamp
    }
}

/// A thread whose lease is ours.
pub struct Held {
    key: Key,
    item: ThreadItem,
    /// What may have been told already, or is in this call.
    claimed: HashSet<Mark>,
    /// The interactions that weren't pending before.
    begun: Vec<InteractionId>,
}

/// Why a thread can't be had now.
#[derive(Debug, thiserror::Error)]
pub enum Busy {
    #[error("another call of its thread is under way")]
    Leased { until: Timestamp },
    #[error("an earlier interaction of its thread is to be tried again first")]
    Behind { until: Timestamp },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Busy {
    /// Whether it may be over within a second.
    pub fn is_short(&self, now: Timestamp) -> bool {
        match self {
            Self::Leased { until } | Self::Behind { until } => {
                *until <= now + SignedDuration::from_secs(1)
            }
            Self::Store(_) => false,
        }
    }
}

pub struct Threads {
    store: Store,
    elders: Elders,
    seconds_kept: i64,
}

impl Threads {
    pub fn new(client: Client, table: String, days_kept: i64) -> Self {
        Self {
            store: Store::new(client.clone(), &table),
            elders: Elders::new(client, table),
            seconds_kept: days_kept * 24 * 3600,
        }
    }

    /// Takes the lease of `own`'s thread until `until`, where no other has it and no earlier
    /// interaction is due first.
    pub async fn enter(
        &self,
        own: &Arrival<'_>,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Held, Busy> {
        let key = key(own.thread_id());
        let now_ms = now.as_millisecond();
        let seen: Option<ThreadItem> = self.read(&key).await?;
        let mut item = seen.clone().unwrap_or_default();
        if item.lease_until > now_ms {
            let until = millis::timestamp(item.lease_until.min(now_ms + BUSY_MS));
            return Err(Busy::Leased { until });
        }
        let fates = self.fates(&item.thread).await?;
        let behind = |until| Busy::Behind { until };
        let claimed = item.thread.gate(own, &fates, now).map_err(behind)?;
        self.wait_for_elders(&item.thread, own, &[], now).await?;
        let is_new = item.thread.begin(own);
        item.lease_until = until.as_millisecond();
        item.expires_at = now.as_second() + self.seconds_kept;
        match self.store.swap(&key, seen.as_ref(), item).await? {
            Swapped::Yes(item) => Ok(Held {
                key,
                item,
                claimed,
                begun: is_new.then(|| own.id().clone()).into_iter().collect(),
            }),
            Swapped::No(_) => Err(Busy::Leased {
                until: millis::timestamp(now_ms + BUSY_MS),
            }),
        }
    }

    /// Decides what `own` tells. Where the thread doesn't know yet that it is about to be called,
    /// since it isn't the first of its call, that is written first.
    pub async fn plan(
        &self,
        held: &mut Held,
        own: &Arrival<'_>,
        now: Timestamp,
    ) -> Result<Plan, Busy> {
        let mut item = held.item.clone();
        if item.thread.begin(own) {
            // Those of this call stand before it already.
            self.wait_for_elders(&item.thread, own, &held.begun, now)
                .await?;
            match self.store.swap(&held.key, Some(&held.item), item).await? {
                Swapped::Yes(written) => held.item = written,
                Swapped::No(_) => {
                    let until = millis::timestamp(now.as_millisecond() + BUSY_MS);
                    return Err(Busy::Leased { until });
                }
            }
            held.begun.push(own.id().clone());
        }
        let plan = held.item.thread.plan(own, &held.claimed, now);
        held.claimed.extend(plan.marks.iter());
        Ok(plan)
    }

    /// Gives the lease back, after `change` has noted what was told. A change must be safe to make
    /// again, on what another has written meanwhile.
    pub async fn leave(&self, held: Held, change: impl Fn(&mut Thread)) -> Result<(), StoreError> {
        let key = held.key;
        let lease = held.item.lease_until;
        let mut seen = held.item;
        for _ in 0..WRITES {
            let mut next = seen.clone();
            change(&mut next.thread);
            // Somebody else's lease, taken after ours had run out, stays.
            if next.lease_until == lease {
                next.lease_until = 0;
            }
            match self.store.swap(&key, Some(&seen), next).await? {
                Swapped::Yes(_) | Swapped::No(None) => return Ok(()),
                Swapped::No(Some(there)) => seen = there,
            }
        }
        Err(StoreError::Unavailable {
            call: "UpdateItem",
            code: "the thread's item changed faster than it could be written".into(),
        })
    }

    async fn wait_for_elders(
        &self,
        thread: &Thread,
        own: &Arrival<'_>,
        before: &[InteractionId],
        now: Timestamp,
    ) -> Result<(), Busy> {
        let told = thread.told(own.thread_id());
        let is_told = |id: &InteractionId| before.contains(id) || told(id);
        match self.elders.wait(own, is_told, now).await? {
            Some(until) => Err(Busy::Behind { until }),
            None => Ok(()),
        }
    }

    async fn read(&self, key: &Key) -> Result<Option<ThreadItem>, StoreError> {
        let mut found = self.store.read(std::slice::from_ref(key)).await?;
        found.remove(key).map(|item| record(key, item)).transpose()
    }

    /// What became of the thread's pending interactions. There is rarely any.
    async fn fates(&self, thread: &Thread) -> Result<Vec<(InteractionId, Fate)>, StoreError> {
        let ids: Vec<InteractionId> = thread.pending().cloned().collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let key = |id: &InteractionId| Key::interaction(id.as_str(), STAGE);
        let keys: Vec<Key> = ids.iter().map(key).collect();
        let mut found = self.store.read(&keys).await?;
        let fates = ids.into_iter().zip(keys).map(|(id, key)| {
            let item = found.remove(&key).map(|item| record(&key, item));
            Ok((id, fate(item.transpose()?)))
        });
        fates.collect()
    }
}

fn key(thread_id: &str) -> Key {
    Key::new(format!("thread#{thread_id}"), "thread")
}

/// Reads a pending interaction's fate from its ledger item.
fn fate(item: Option<Item>) -> Fate {
    // Without an item or a decision nothing was ever called.
    let Some(item) = item else { return Fate::Void };
    let plan = item
        .decision
        .as_deref()
        .and_then(|json| serde_json::from_str::<Plan>(json).ok());
    let due = |at: Option<Millis>| millis::timestamp(at.unwrap_or(0));
    match (item.state, plan) {
        (State::Routed | State::Synced, Some(plan)) => Fate::Told(plan),
        (State::Calling, plan) => Fate::Due {
            due: due(item.lease_until),
            claims: plan,
        },
        (State::Waiting, plan) => Fate::Due {
            due: due(item.not_before),
            claims: plan.filter(|_| item.unsure),
        },
        (State::Parked, Some(claims)) if item.unsure => Fate::Parked { claims },
        (State::Parked | State::Routed | State::Synced, _) => Fate::Void,
    }
}

impl Held {
    /// The interactions whose call was begun here and never before.
    pub fn begun(&self) -> &[InteractionId] {
        &self.begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What threads in a ledger look like since version 1: only added to, never changed.
    #[test]
    fn a_thread_of_version_1_is_read_and_written_as_it_is() {
        let stored = serde_json::json!({
            "version": 4, "writer": "d41f00c2a75b9e68", "lease_until": 1_763_800_000_000_i64,
            "thread": {
                "told": "AAECAwQFBgc",
                "ticket": "ticket-000001",
                "newest": {
                    "at": "2026-11-22T09:48:00Z", "skills": ["social"], "sentiment_polarity": "0",
                },
                "pending": [{"id": "int_1", "at": "2026-11-22T09:48:00Z"}],
            },
            "expires_at": 1_798_360_000,
        });
        let mut item: ThreadItem = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(item.stamp().version, 4);
        assert_eq!(serde_json::to_value(item).unwrap(), stored);
    }
}
