//! Which deliveries are the same interaction.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::payload::Payload;

/// An interaction's identity: 1 to 128 of `[A-Za-z0-9._:-]`. Safe to log, to use as an SQS
/// attribute and as an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InteractionId(String);

#[derive(Debug, thiserror::Error)]
#[error("must have 1 to 128 of the characters A-Z a-z 0-9 . _ : -")]
pub struct InvalidId;

impl InteractionId {
    /// Takes the sender's own id for the event.
    ///
    /// # Errors
    /// When it has other characters, none, or more than 128.
    pub fn new(id: impl Into<String>) -> Result<Self, InvalidId> {
        let id = id.into();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
        if id.is_empty() || id.len() > 128 || !id.bytes().all(allowed) {
            return Err(InvalidId);
        }
        Ok(Self(id))
    }

    /// Derives the identity where the sender gave none, from the contact, the event's time and
    /// the messages, so that two messages of one contact within a second stay two interactions.
    pub fn derive(payload: &Payload) -> Self {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        part(payload.contact_id.as_bytes());
        part(&payload.event_timestamp.as_nanosecond().to_be_bytes());
        for message in &payload.messages {
            part(message.text.as_bytes());
            part(message.from_id.as_bytes());
            part(&message.timestamp.as_nanosecond().to_be_bytes());
        }
        Self(format!("int_{}", hex(&hash.finalize()[..16])))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InteractionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for InteractionId {
    type Error = InvalidId;
    fn try_from(id: String) -> Result<Self, InvalidId> {
        Self::new(id)
    }
}

impl From<InteractionId> for String {
    fn from(id: InteractionId) -> Self {
        id.0
    }
}

/// What an interaction says, in 32 hex digits: the same identity with another digest is a
/// conflict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(String);

impl Digest {
    /// Digests the whole payload as this crate serialises it: fields in their order, unknown ones
    /// left out, timestamps in UTC.
    pub fn of(payload: &Payload) -> Self {
        let bytes = serde_json::to_vec(payload).expect("a payload always serialises");
        Self(hex(&Sha256::digest(bytes)[..16]))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string can't fail");
        text
    })
}
