//! What one interaction tells the ticketing system about its thread.

use std::collections::HashSet;

use interaction::{Accepted, Envelope, InteractionId, Message, Routed};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mark::{Mark, Marks};

/// A routed interaction as it came off the queue.
#[derive(Clone, Copy)]
pub struct Arrival<'a> {
    accepted: &'a Accepted,
    routed: &'a Routed,
}

impl<'a> Arrival<'a> {
    /// `None` where the interaction isn't routed yet.
    pub fn of(envelope: &'a Envelope) -> Option<Self> {
        Some(Self {
            accepted: &envelope.interaction,
            routed: envelope.routed.as_ref()?,
        })
    }

    pub fn id(&self) -> &'a InteractionId {
        &self.accepted.interaction_id
    }

    pub fn thread_id(&self) -> &'a str {
        &self.accepted.payload.thread_id
    }

    /// When the platform sent it: the order within a thread.
    pub fn at(&self) -> Timestamp {
        self.accepted.payload.event_timestamp
    }

    pub(crate) fn routed(&self) -> &'a Routed {
        self.routed
    }

    /// The mark of the interaction itself.
    pub(crate) fn mark(&self) -> Mark {
        Mark::interaction(self.thread_id(), self.id())
    }

    /// The marks of all messages and attachments, each once.
    pub(crate) fn marks(&self) -> impl Iterator<Item = Mark> {
        let thread_id = self.thread_id();
        let payload = &self.accepted.payload;
        let messages = payload.messages.iter();
        let messages = messages.map(move |message| Mark::message(thread_id, message));
        let attachments = payload.media_attachments.iter();
        let attachments = attachments.map(move |a| Mark::attachment(thread_id, &a.url));
        let mut seen = HashSet::new();
        messages
            .chain(attachments)
            .filter(move |mark| seen.insert(*mark))
    }
}

/// What to tell of an interaction, decided before the first call: the ledger's frozen decision.
/// Together with the interaction it makes the same [`Update`] every time. It holds none of the
/// customer's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The thread has told this interaction before: there is nothing to call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
    /// The messages and attachments to tell.
    pub marks: Marks,
    pub skills: Vec<String>,
    pub sentiment_polarity: String,
    /// When it was decided.
    pub at: Timestamp,
    /// The thread's ticket, where one was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// One interaction's news of its thread.
#[derive(Clone)]
pub struct Update {
    pub interaction_id: InteractionId,
    pub thread_id: String,
    pub contact_id: String,
    pub platform: String,
    pub task_id: String,
    /// The thread's: those of its newest interaction, which a late older one doesn't set back.
    pub skills: Vec<String>,
    /// The thread's, likewise.
    pub sentiment_polarity: String,
    /// What wasn't told before, by time; those of one instant in the order in which they came.
    pub messages: Vec<Message>,
    /// URLs that weren't told before.
    pub attachments: Vec<String>,
    /// When this was put together: `sync_timestamp`.
    pub at: Timestamp,
}

impl Update {
    pub fn new(arrival: &Arrival, plan: &Plan) -> Self {
        let payload = &arrival.accepted.payload;
        let mut left: HashSet<Mark> = plan.marks.iter().collect();
        let mut messages = payload.messages.clone();
        messages.retain(|message| left.remove(&Mark::message(&payload.thread_id, message)));
        messages.sort_by_key(|message| message.timestamp);
        let urls = payload.media_attachments.iter().map(|a| a.url.clone());
        let attachments = urls
            .filter(|url| left.remove(&Mark::attachment(&payload.thread_id, url)))
            .collect();
        Self {
            interaction_id: arrival.id().clone(),
            thread_id: payload.thread_id.clone(),
            contact_id: payload.contact_id.clone(),
            platform: payload.social_profile.platform.clone(),
            task_id: arrival.routed.task_id.clone(),
            skills: plan.skills.clone(),
            sentiment_polarity: plan.sentiment_polarity.clone(),
            messages,
            attachments,
            at: plan.at,
        }
    }
}
