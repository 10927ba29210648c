//! A message as the queue brings it.

use aws_lambda_events::sqs::SqsMessage;
use interaction::{Digest, Envelope};

use crate::item::Facts;
use crate::millis::Millis;
use crate::queue::Outgoing;

/// How often `redrive` has sent the message back.
pub const REDRIVES: &str = "redrives";
/// The fence of the parked item that a message sent back by a person may open again.
pub const REOPEN: &str = "reopen";
/// When the first copy was sent to the queue, in milliseconds since the epoch.
pub const QUEUED_AT: &str = "queued_at";
pub const INTERACTION_ID: &str = "interaction_id";
pub const TRACEPARENT: &str = "traceparent";

/// One received message.
#[derive(Clone)]
pub struct Message {
    /// SQS's id, which `batchItemFailures` names.
    pub id: String,
    pub receipt: String,
    pub body: String,
    /// When this copy was sent.
    pub sent_at: Millis,
    /// When the first copy was.
    pub queued_at: Millis,
    /// When a function first received this copy, where that is not now.
    pub first_receive_at: Option<Millis>,
    pub receives: u32,
    pub redrives: u32,
    pub reopen: Option<u64>,
    pub group_id: Option<String>,
    pub traceparent: Option<String>,
}

impl Message {
    pub fn new(record: SqsMessage, now: Millis) -> Self {
        let system = |name| record.attributes.get(name);
        let system_time = |name| system(name).and_then(|text| text.parse().ok());
        let attribute = |name| record.message_attributes.get(name)?.string_value.as_deref();
        let sent_at = system_time("SentTimestamp").unwrap_or(now);
        let receives = system("ApproximateReceiveCount")
            .and_then(|text| text.parse().ok())
            .unwrap_or(1);
        Self {
            sent_at,
            queued_at: attribute(QUEUED_AT)
                .and_then(|text| text.parse().ok())
                .unwrap_or(sent_at),
            first_receive_at: system_time("ApproximateFirstReceiveTimestamp")
                .filter(|_| receives > 1),
            receives,
            redrives: attribute(REDRIVES)
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            reopen: attribute(REOPEN).and_then(|text| text.parse().ok()),
            group_id: system("MessageGroupId").cloned(),
            traceparent: attribute(TRACEPARENT).map(str::to_owned),
            id: record.message_id.unwrap_or_default(),
            receipt: record.receipt_handle.unwrap_or_default(),
            body: record.body.unwrap_or_default(),
        }
    }

    /// What the ledger wants to know of the message.
    pub fn facts(&self, envelope: &Envelope) -> Facts {
        let accepted = &envelope.interaction;
        let payload = &accepted.payload;
        Facts {
            digest: Digest::of(payload).as_str().to_owned(),
            platform: payload.social_profile.platform.clone(),
            contact_id: payload.contact_id.clone(),
            thread_id: payload.thread_id.clone(),
            sent_at: payload.event_timestamp.as_millisecond(),
            routed: envelope.routed.is_some(),
            received_at: accepted.received_at.as_millisecond(),
            queued_at: self.queued_at,
            first_receive_at: self.first_receive_at,
            redrives: self.redrives,
            reopen: self.reopen,
        }
    }

    /// The same message, for the queue that it came from: with the count of its redrives.
    pub fn again(&self, redrives: u32, delay_seconds: u32) -> Outgoing {
        let mut attributes = vec![
            (REDRIVES, redrives.to_string()),
            (QUEUED_AT, self.queued_at.to_string()),
        ];
        attributes.extend(self.reopen.map(|fence| (REOPEN, fence.to_string())));
        attributes.extend(self.traceparent.clone().map(|parent| (TRACEPARENT, parent)));
        Outgoing {
            body: self.body.clone(),
            attributes,
            group_id: self.group_id.clone(),
            delay_seconds,
        }
    }

    /// The next stage's message for the same interaction.
    pub fn follow_up(&self, envelope: &Envelope) -> Outgoing {
        let id = envelope.interaction.interaction_id.to_string();
        let mut attributes = vec![(INTERACTION_ID, id)];
        attributes.extend(self.traceparent.clone().map(|parent| (TRACEPARENT, parent)));
        Outgoing {
            body: envelope.to_body(),
            attributes,
            group_id: self.group_id.clone(),
            delay_seconds: 0,
        }
    }
}
