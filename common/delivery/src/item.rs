//! The ledger's item for one interaction and stage, and every change that may be made to it.
//!
//! All changes are pure functions from one item to the next. [`crate::store`] writes the next one
//! where the item is still the one that the change was made on, and otherwise the change is made
//! again on what is there now.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use upstream::{Failure, full_jitter};

use crate::millis::{Millis, after};
use crate::stage::Done;
use crate::store::Stamp;

/// Entries that an item's history keeps: the first and the newest.
const MOST_EVENTS: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// A call is under way, or its process died.
    Calling,
    /// A call failed; the next one isn't before [`Item::not_before`].
    Waiting,
    Routed,
    Synced,
    /// Given up, with its body, until a person sends it back.
    Parked,
}

/// An interaction in one stage. It has no `Debug`, since a parked one holds the customer's words.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    #[serde(flatten)]
    pub stamp: Stamp,

    pub state: State,
    /// Grows by one with every claim.
    pub fence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Millis>,
    /// Calls made. A receive that only waited is none.
    #[serde(default)]
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Millis>,
    /// Why it waits or is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// An earlier call's outcome is unknown.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unsure: bool,

    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub platform: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub contact_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub thread_id: String,
    /// What [`Stage::freeze`](crate::Stage::freeze) gave, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// CXone's id for the task, once routed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// The ticketing system's id, once synced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// It was done after a call whose outcome is unknown, and the upstream didn't say that it was
    /// done already: it may have been done twice.
    #[serde(default, skip_serializing_if = "is_default")]
    pub possible_duplicate: bool,
    /// What was certainly done more than once: the further ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub duplicates: Vec<String>,

    /// The event's own time, on routing's items only: with the thread it is the key of the index in
    /// which ticketing looks for earlier interactions, and an entry there costs a write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Millis>,
    /// The webhook's time, the queue's, the first and the last call's, the end's.
    #[serde(default)]
    pub received_at: Millis,
    #[serde(default)]
    pub queued_at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_call_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Millis>,
    /// Received to done: what the customer waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<Millis>,
    /// Received to queued.
    #[serde(default)]
    pub ingest_ms: Millis,
    #[serde(default, skip_serializing_if = "is_default")]
    pub wait_limiter_ms: Millis,
    #[serde(default, skip_serializing_if = "is_default")]
    pub wait_retry_ms: Millis,
    #[serde(default, skip_serializing_if = "is_default")]
    pub wait_dlq_ms: Millis,
    /// How often it had come from the dead-letter queue at its last call.
    #[serde(default, skip_serializing_if = "is_default")]
    pub redrives: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Event>,

    /// On parked items only: the keys of the sparse index, and the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked_stage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// A body over an item's size is kept in so many items of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_parts: Option<usize>,

    /// Seconds since the epoch, on finished items only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// What happened to an interaction, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub at: Millis,
    pub what: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What a message says about its interaction.
#[derive(Clone)]
pub struct Facts {
    pub digest: String,
    pub platform: String,
    pub contact_id: String,
    pub thread_id: String,
    pub sent_at: Millis,
    /// It has its task already, and is ticketing's.
    pub routed: bool,
    pub received_at: Millis,
    pub queued_at: Millis,
    /// When a function first received this copy, where that is not now.
    pub first_receive_at: Option<Millis>,
    pub redrives: u32,
    /// The fence of the parked item that this copy may open again.
    pub reopen: Option<u64>,
}

/// What to do with a message that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Call the upstream; the first time, or again.
    Call,
    /// Nobody may call before then, and perhaps the holder's own message is this one: never
    /// acknowledge it.
    Hide { until: Millis },
    /// It was done: see to the follow-up and acknowledge.
    Finished,
    /// It is kept in the ledger: acknowledge.
    Parked,
    /// The attempts are spent: park it.
    Spent,
    /// The same identity with other content: keep both.
    Conflict,
}

/// Decides on a message by what the ledger says of its interaction.
pub fn next(item: Option<&Item>, facts: &Facts, max_attempts: u32, now: Millis) -> Next {
    let Some(item) = item else { return Next::Call };
    if item.digest != facts.digest {
        return Next::Conflict;
    }
    let ahead = match item.state {
        State::Routed | State::Synced => return Next::Finished,
        State::Parked if facts.reopen == Some(item.fence) => return Next::Call,
        State::Parked => return Next::Parked,
        State::Calling => item.lease_until,
        State::Waiting => item.not_before,
    };
    match ahead {
        Some(until) if until > now => Next::Hide { until },
        _ if item.attempts >= max_attempts => Next::Spent,
        _ => Next::Call,
    }
}

/// How to go on after failures.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub max_attempts: u32,
    pub backoff_base: Duration,
    pub backoff_cap: Duration,
}

impl Policy {
    /// At least what the upstream asked for, and full jitter on top.
    pub fn wait(&self, attempts: u32, asked: Option<Duration>, random: f64) -> Duration {
        let jitter = full_jitter(attempts, self.backoff_base, self.backoff_cap, random);
        asked.unwrap_or_default().saturating_add(jitter)
    }
}

/// What a claim is made for.
pub struct Claim<'a> {
    pub facts: &'a Facts,
    pub decision: String,
    pub lease_until: Millis,
    /// What the call waited for its slot.
    pub waited_for_slot: Millis,
    pub now: Millis,
}

impl Item {
    /// An item of which nothing is known but the message.
    pub fn new(facts: &Facts) -> Self {
        Self {
            stamp: Stamp::default(),
            state: State::Waiting,
            fence: 0,
            lease_until: None,
            attempts: 0,
            not_before: None,
            reason: None,
            status: None,
            unsure: false,
            digest: facts.digest.clone(),
            platform: facts.platform.clone(),
            contact_id: facts.contact_id.clone(),
            thread_id: facts.thread_id.clone(),
            decision: None,
            task_id: None,
            ticket: None,
            possible_duplicate: false,
            duplicates: Vec::new(),
            sent_at: (!facts.routed).then_some(facts.sent_at),
            received_at: facts.received_at,
            queued_at: facts.queued_at,
            first_call_at: None,
            called_at: None,
            done_at: None,
            latency_ms: None,
            ingest_ms: (facts.queued_at - facts.received_at).max(0),
            wait_limiter_ms: 0,
            wait_retry_ms: 0,
            wait_dlq_ms: 0,
            redrives: 0,
            history: Vec::new(),
            parked_stage: None,
            parked_at: None,
            body: None,
            body_parts: None,
            expires_at: None,
        }
    }

    /// The upstream's id for what was done.
    pub fn result(&self) -> Option<&str> {
        self.task_id.as_deref().or(self.ticket.as_deref())
    }

    /// Claims the interaction for a call. Allowed where [`next`] says [`Next::Call`].
    pub fn claim(seen: Option<&Self>, claim: &Claim) -> Self {
        let Claim { facts, now, .. } = *claim;
        let mut item = seen.cloned().unwrap_or_else(|| Self::new(facts));
        item.count_wait(seen.is_none(), facts, now - claim.waited_for_slot);
        item.wait_limiter_ms += claim.waited_for_slot;
        match item.state {
            // The call before this one never came back.
            State::Calling => {
                item.unsure = true;
                item.note(now, "taken over", "the call before has no known outcome");
            }
            State::Parked => {
                item.attempts = 0;
                item.note(now, "sent back", "");
                item.unpark();
            }
            _ => {}
        }
        item.state = State::Calling;
        item.fence += 1;
        item.attempts += 1;
        item.lease_until = Some(claim.lease_until);
        item.not_before = None;
        item.reason = None;
        item.status = None;
        item.decision = Some(claim.decision.clone());
        item.first_call_at.get_or_insert(now);
        item.called_at = Some(now);
        item.redrives = facts.redrives;
        item
    }

    /// Adds the time since the last thing that happened to the wait that it was.
    fn count_wait(&mut self, first: bool, facts: &Facts, now: Millis) {
        let from_dlq = facts.redrives > self.redrives;
        let since = match self.state {
            _ if first && from_dlq => facts.received_at,
            _ if first => facts.first_receive_at.unwrap_or(now),
            State::Parked => return,
            State::Calling => self.called_at.unwrap_or(now),
            _ => self.history.last().map_or(now, |event| event.at),
        };
        let waited = (now - since).max(0);
        if from_dlq {
            self.wait_dlq_ms += waited;
        } else {
            self.wait_retry_ms += waited;
        }
    }

    /// The claim ends without a call: the attempt is given back.
    #[must_use]
    pub fn release(&self, reason: &str, now: Millis) -> Self {
        let mut item = self.clone();
        item.attempts = item.attempts.saturating_sub(1);
        item.wait_for(now, now, reason, None);
        item
    }

    /// The call failed: wait, or park.
    #[must_use]
    pub fn failed(&self, failure: &Failure, policy: &Policy, random: f64, now: Millis) -> Self {
        let mut item = self.clone();
        let reason = failure.reason();
        let text = reason.to_string();
        let asked = match failure {
            Failure::Permanent { .. } | Failure::Forbidden { .. } => {
                item.give_up(now, &text, reason.status);
                return item;
            }
            // Say nothing about the item, so they cost none of its attempts.
            Failure::Credentials { .. } | Failure::NoSlot { .. } => {
                item.attempts = item.attempts.saturating_sub(1);
                None
            }
            Failure::RateLimited { retry_after, .. } => *retry_after,
            Failure::Retryable {
                retry_after, sure, ..
            } => {
                item.unsure |= !sure;
                *retry_after
            }
        };
        if item.attempts >= policy.max_attempts {
            let text = format!("{} attempts spent; the last: {text}", item.attempts);
            item.give_up(now, &text, reason.status);
        } else {
            let wait = policy.wait(item.attempts, asked, random);
            item.wait_for(after(now, wait), now, &text, reason.status);
        }
        item
    }

    fn wait_for(&mut self, not_before: Millis, now: Millis, reason: &str, status: Option<u16>) {
        self.state = State::Waiting;
        self.not_before = Some(not_before);
        self.lease_until = None;
        self.reason = Some(reason.to_owned());
        self.status = status;
        self.note(now, "waiting", reason);
    }

    /// Marks it as parked; the body and the index's key come from whoever has the message.
    pub fn give_up(&mut self, now: Millis, reason: &str, status: Option<u16>) {
        self.state = State::Parked;
        self.lease_until = None;
        self.not_before = None;
        self.reason = Some(reason.to_owned());
        self.status = status;
        self.parked_at = Some(now);
        self.expires_at = None;
        self.note(now, "parked", reason);
    }

    /// The upstream did it. Whoever says so is right, whatever the item says: the first id wins,
    /// and a second one is kept as a duplicate.
    #[must_use]
    pub fn done(&self, state: State, done: &Done, expires_at: i64, now: Millis) -> Self {
        let mut item = self.clone();
        if let Some(first) = self.result() {
            if first != done.id && !item.duplicates.contains(&done.id) {
                item.duplicates.push(done.id.clone());
                item.note(now, "done a second time", "");
            }
            return item;
        }
        item.possible_duplicate = item.unsure && !done.repeated;
        item.unpark();
        item.state = state;
        let id = Some(done.id.clone());
        if state == State::Synced {
            item.ticket = id;
        } else {
            item.task_id = id;
        }
        item.done_at = Some(now);
        item.latency_ms = Some((now - item.received_at).max(0));
        item.lease_until = None;
        item.not_before = None;
        item.reason = None;
        item.status = None;
        item.called_at = None;
        item.expires_at = Some(expires_at);
        item
    }

    fn unpark(&mut self) {
        self.parked_stage = None;
        self.parked_at = None;
        self.body = None;
        self.body_parts = None;
    }

    fn note(&mut self, at: Millis, what: &str, reason: &str) {
        if self.history.len() >= MOST_EVENTS {
            self.history.remove(1);
        }
        self.history.push(Event {
            at,
            what: what.to_owned(),
            reason: reason.to_owned(),
        });
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
