//! What crosses a queue, and nothing else does.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::identity::InteractionId;
use crate::payload::{Attachment, Message, Payload, PayloadError, Profile};
use crate::{instant, json};

/// The version that this release writes. A reader takes every earlier one.
pub const VERSION: u32 = 1;

/// The largest queue message's body that ingest accepts, in bytes. A message may have 1 MiB, but
/// a parked interaction keeps its body in the ledger, where an item has 400 KB; what is left over
/// holds what routing adds and the history.
pub const MAX_BODY_BYTES: usize = 320 * 1024;

/// A queue message's body: an accepted interaction, and once it is routed, what came of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    pub v: u32,
    #[serde(deserialize_with = "json::object")]
    pub interaction: Accepted,
    #[serde(default, deserialize_with = "json::object_or_null")]
    pub routed: Option<Routed>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Fields")]
pub struct Accepted {
    #[serde(flatten)]
    pub payload: Payload,
    pub interaction_id: InteractionId,
    /// When the webhook's request came in.
    pub received_at: Timestamp,
}

/// What routing decided and CXone answered.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    pub task_id: String,
    pub skills: Vec<String>,
    /// Four decimals, such as `-0.7184`.
    pub sentiment_polarity: String,
    /// The name of the rule that decided.
    pub rule: String,
}

impl Envelope {
    pub fn new(payload: Payload, interaction_id: InteractionId, received_at: Timestamp) -> Self {
        Self {
            v: VERSION,
            interaction: Accepted {
                payload,
                interaction_id,
                received_at,
            },
            routed: None,
        }
    }

    /// Reads a queue message's body. The payload's lengths are not checked again: what an earlier
    /// release accepted stays accepted.
    ///
    /// # Errors
    /// With the path of the field at fault and never its value. A version that is newer than this
    /// release is refused at `v`, whatever else the body holds.
    pub fn parse(body: &str) -> Result<Self, PayloadError> {
        let Version { v } = json::read(body.as_bytes())?;
        if !(1..=VERSION).contains(&v) {
            let reason = format!("must be a version that this release reads, 1 to {VERSION}");
            return Err(PayloadError::at("v", reason));
        }
        let envelope: Self = json::read(body.as_bytes())?;
        if envelope.interaction.payload.messages.is_empty() {
            return Err(PayloadError::at(
                "interaction.messages",
                "must not be empty",
            ));
        }
        Ok(envelope)
    }

    /// The queue message's body. JSON has every character, but SQS refuses U+FFFE and U+FFFF, so
    /// these are escaped. (The other characters that it refuses are control characters, which
    /// JSON escapes anyway, and surrogates, which a Rust string can't hold.)
    pub fn to_body(&self) -> String {
        let body = serde_json::to_string(self).expect("an envelope always serialises");
        if body.contains(['\u{FFFE}', '\u{FFFF}']) {
            // Outside a string JSON has neither, so every one of them stands inside of one.
            return body
                .replace('\u{FFFE}', "\\uFFFE")
                .replace('\u{FFFF}', "\\uFFFF");
        }
        body
    }
}

/// Whether a later release wrote a body, as its `v` says. That release will read it.
pub fn is_later(body: &str) -> bool {
    let version = json::read::<Version>(body.as_bytes());
    version.is_ok_and(|Version { v }| v > VERSION)
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// [`Accepted`] as its JSON spells it out: through `serde(flatten)` an error would lose its path.
#[derive(Deserialize)]
struct Fields {
    contact_id: String,
    thread_id: String,
    #[serde(deserialize_with = "json::object")]
    social_profile: Profile,
    #[serde(deserialize_with = "json::objects")]
    messages: Vec<Message>,
    #[serde(default, deserialize_with = "json::objects_or_null")]
    media_attachments: Vec<Attachment>,
    #[serde(deserialize_with = "instant::deserialize")]
    event_timestamp: Timestamp,
    interaction_id: InteractionId,
    #[serde(deserialize_with = "instant::deserialize")]
    received_at: Timestamp,
}

impl From<Fields> for Accepted {
    fn from(fields: Fields) -> Self {
        Self {
            payload: Payload {
                contact_id: fields.contact_id,
                thread_id: fields.thread_id,
                social_profile: fields.social_profile,
                messages: fields.messages,
                media_attachments: fields.media_attachments,
                event_timestamp: fields.event_timestamp,
            },
            interaction_id: fields.interaction_id,
            received_at: fields.received_at,
        }
    }
}
