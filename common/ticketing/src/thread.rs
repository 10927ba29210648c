//! What a thread has told the ticketing system, and what it may tell next.
//!
//! A thread's webhooks repeat its history and arrive in any order, so the thread keeps the
//! [marks](Mark) of what was told. An interaction whose call was begun and hasn't succeeded is
//! pending: what became of it stands in its own ledger item ([`Fate`]). While it is tried again
//! the thread's later ones wait for it, and as long as its call may have been taken nobody else
//! tells the same messages.

use std::collections::HashSet;

use interaction::InteractionId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::mark::{Mark, Marks};
use crate::update::{Arrival, Plan};

/// How many marks a thread keeps: 44 kB of the 400 kB that a ledger item may have. It is more than
/// one webhook of the default size limit can hold, and what a webhook repeats counts as mentioned
/// anew: only a message after which 4,096 others were mentioned could be told twice.
pub const MOST_MARKS: usize = 4096;

/// How many pending interactions a thread remembers. All but the crashed and the parked are done
/// one after another, so there is rarely more than one.
const MOST_PENDING: usize = 8;

/// How long an overdue interaction still keeps the later ones waiting. It may sit in the
/// dead-letter queue, and must not hold its thread for as long as that.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// A thread's state. The default is a thread that has told nothing yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    told: Marks,
    /// The ticketing system's id for it, where it has said one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ticket: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<Newest>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pending: Vec<Pending>,
}

/// What the thread's newest interaction said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Newest {
    at: Timestamp,
    skills: Vec<String>,
    sentiment_polarity: String,
}

/// An interaction whose call was begun and hasn't succeeded yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    id: InteractionId,
    at: Timestamp,
}

/// What the ledger says of a pending interaction.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It will be tried again at `due`, or its lease ends then. `claims` is what the system may
    /// have taken of it already.
    Due {
        due: Timestamp,
        claims: Option<Plan>,
    },
    /// It is parked, and the system may have taken it.
    Parked { claims: Plan },
    /// The system has taken it; the note of that was lost.
    Told(Plan),
    /// It was certainly not taken and isn't tried again by itself.
    Void,
}

/// How an interaction's call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending<'a> {
    /// The system has taken it; its ticket, where it said one.
    Told { ticket: Option<&'a str> },
    /// It is to be tried again.
    Again,
    /// Nobody tries it again by itself. `sure`: the system has certainly not taken it.
    GivenUp { sure: bool },
}

impl Thread {
    /// The pending interactions, whose fates [`gate`](Self::gate) wants to know.
    pub fn pending(&self) -> impl Iterator<Item = &InteractionId> {
        self.pending.iter().map(|pending| &pending.id)
    }

    /// Knows which interactions of this thread were told.
    pub fn told(&self, thread_id: &str) -> impl Fn(&InteractionId) -> bool {
        let told: HashSet<Mark> = self.told.iter().collect();
        move |id| told.contains(&Mark::interaction(thread_id, id))
    }

    /// Lets an interaction in, or says until when it waits for an earlier one. `fates` are those
    /// of [`pending`](Self::pending); those whose fate is settled are no longer pending afterwards.
    ///
    /// Gives what pending interactions may have told already, and no other must tell.
    pub fn gate(
        &mut self,
        own: &Arrival,
        fates: &[(InteractionId, Fate)],
        now: Timestamp,
    ) -> Result<HashSet<Mark>, Timestamp> {
        let mut claimed = HashSet::new();
        let mut wait: Option<Timestamp> = None;
        for (id, fate) in fates {
            let Some(at) = self.pending.iter().find(|p| p.id == *id).map(|p| p.at) else {
                continue;
            };
            match fate {
                Fate::Void => self.forget(id),
                Fate::Told(plan) => {
                    self.forget(id);
                    let mark = Mark::interaction(own.thread_id(), id);
                    let marks: Vec<Mark> = plan.marks.iter().chain([mark]).collect();
                    self.told.mention(&marks, MOST_MARKS);
                }
                Fate::Parked { claims } => claimed.extend(claims.marks.iter()),
                Fate::Due { due, claims } => {
                    claimed.extend(claims.iter().flat_map(|plan| plan.marks.iter()));
                    let lost_at = due.saturating_add(PATIENCE).unwrap_or(Timestamp::MAX);
                    if at < own.at() && lost_at > now {
                        wait = wait.max(Some(*due));
                    }
                }
            }
        }
        match wait {
            Some(until) => Err(until.max(now)),
            None => Ok(claimed),
        }
    }

    /// Decides what an interaction tells: what was neither told nor `claimed` by another.
    pub fn plan(&self, own: &Arrival, claimed: &HashSet<Mark>, now: Timestamp) -> Plan {
        let told: HashSet<Mark> = self.told.iter().collect();
        let is_fresh = |mark: &Mark| !told.contains(mark) && !claimed.contains(mark);
        let routed = own.routed();
        let mut plan = Plan {
            told: told.contains(&own.mark()),
            marks: own.marks().filter(is_fresh).collect(),
            skills: routed.skills.clone(),
            sentiment_polarity: routed.sentiment_polarity.clone(),
            at: now,
            ticket: self.ticket.clone(),
        };
        if let Some(newest) = self.newest.as_ref().filter(|newest| newest.at > own.at()) {
            plan.skills.clone_from(&newest.skills);
            plan.sentiment_polarity
                .clone_from(&newest.sentiment_polarity);
        }
        plan
    }

    /// Notes that an interaction's call is about to begin. Says whether that was new.
    pub fn begin(&mut self, own: &Arrival) -> bool {
        if self.pending.iter().any(|pending| pending.id == *own.id()) {
            return false;
        }
        self.pending.push(Pending {
            id: own.id().clone(),
            at: own.at(),
        });
        let excess = self.pending.len().saturating_sub(MOST_PENDING);
        self.pending.drain(..excess);
        true
    }

    /// Notes how an interaction's call has ended, which told what `plan` says. Safe to repeat.
    pub fn end(&mut self, own: &Arrival, plan: &Plan, ending: Ending) {
        match ending {
            Ending::Told { ticket } => {
                self.forget(own.id());
                self.mention(own, plan);
                if self
                    .newest
                    .as_ref()
                    .is_none_or(|newest| newest.at <= own.at())
                {
                    self.newest = Some(Newest {
                        at: own.at(),
                        skills: plan.skills.clone(),
                        sentiment_polarity: plan.sentiment_polarity.clone(),
                    });
                }
                if let Some(ticket) = ticket {
                    self.ticket = Some(ticket.to_owned());
                }
            }
            Ending::Again | Ending::GivenUp { sure: false } => {
                self.begin(own);
            }
            Ending::GivenUp { sure: true } => self.forget(own.id()),
        }
    }

    /// Takes an interaction from the pending ones, for its call was never sent.
    pub fn forget(&mut self, id: &InteractionId) {
        self.pending.retain(|pending| pending.id != *id);
    }

    fn mention(&mut self, own: &Arrival, plan: &Plan) {
        let before: HashSet<Mark> = self.told.iter().collect();
        let now: HashSet<Mark> = plan.marks.iter().collect();
        let is_told = |mark: &Mark| before.contains(mark) || now.contains(mark);
        let mut mentioned: Vec<Mark> = own.marks().filter(is_told).collect();
        mentioned.push(own.mark());
        self.told.mention(&mentioned, MOST_MARKS);
    }
}
