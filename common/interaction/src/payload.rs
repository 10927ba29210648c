//! The webhook's body.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{instant, json};

/// Characters of `contact_id`, `thread_id`, `user_id` and `from_id`. The ledger makes keys of
/// them, and a `DynamoDB` key has 2,048 bytes.
pub const MAX_ID_CHARS: usize = 256;
/// Characters of `platform`: part of a ledger key and of a secret's name, which has 512.
pub const MAX_PLATFORM_CHARS: usize = 64;
pub const MAX_NAME_CHARS: usize = 512;
/// Characters of one message's text; a Facebook post, the longest of its kind, has 63,206.
pub const MAX_TEXT_CHARS: usize = 65_536;
pub const MAX_URL_CHARS: usize = 4_096;
/// Characters of `media_type`; RFC 6838 allows 127 on each side of the slash.
pub const MAX_MEDIA_TYPE_CHARS: usize = 255;
/// The thread's ledger item keeps a digest of each message, and an item has 400 KB.
pub const MAX_MESSAGES: usize = 1_000;
pub const MAX_ATTACHMENTS: usize = 1_000;

/// A social interaction: one contact's messages in a thread, as of one event.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    pub contact_id: String,
    pub thread_id: String,
    #[serde(deserialize_with = "json::object")]
    pub social_profile: Profile,
    /// Never empty.
    #[serde(deserialize_with = "json::objects")]
    pub messages: Vec<Message>,
    #[serde(default, deserialize_with = "json::objects_or_null")]
    pub media_attachments: Vec<Attachment>,
    /// When the platform sent it.
    #[serde(deserialize_with = "instant::deserialize")]
    pub event_timestamp: Timestamp,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub platform: String,
    pub user_id: String,
    pub display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub text: String,
    pub from_id: String,
    #[serde(deserialize_with = "instant::deserialize")]
    pub timestamp: Timestamp,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub url: String,
    pub media_type: String,
    /// At most [`json::MAX_WHOLE_NUMBER`].
    #[serde(deserialize_with = "json::whole_number")]
    pub size_bytes: u64,
}

/// Why a body isn't what it should be. Shows where, and never the value.
#[derive(Debug, PartialEq, Eq)]
pub struct PayloadError {
    /// Such as `messages[0].timestamp`; `.` for the body itself.
    pub path: String,
    /// Such as `is missing` or `must be a string`.
    pub reason: String,
}

impl PayloadError {
    pub(crate) fn at(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path == "." {
            "the body"
        } else {
            &self.path
        };
        write!(f, "{place} {}", self.reason)
    }
}

impl std::error::Error for PayloadError {}

impl Payload {
    /// Reads the webhook's body. Unknown fields are ignored at every level, and text is kept as
    /// it came.
    ///
    /// # Errors
    /// With the first field at fault: what isn't UTF-8 or JSON, nests too deep, is missing, of
    /// another type, empty, or longer than the bounds above.
    pub fn parse(body: &[u8]) -> Result<Self, PayloadError> {
        let payload: Self = json::read(body)?;
        payload.check()?;
        Ok(payload)
    }

    /// The customer's latest message, on which the routing is decided: of those that the profile's
    /// user sent (of all, where there is none), the one with the greatest timestamp, the later in
    /// the list on a tie.
    pub fn latest_message(&self) -> &Message {
        let by_customer = |m: &&Message| m.from_id == self.social_profile.user_id;
        self.messages
            .iter()
            .filter(by_customer)
            .max_by_key(|m| m.timestamp)
            .or_else(|| self.messages.iter().max_by_key(|m| m.timestamp))
            .expect("a payload holds at least one message")
    }

    fn check(&self) -> Result<(), PayloadError> {
        let profile = &self.social_profile;
        text("contact_id", &self.contact_id, MAX_ID_CHARS)?;
        text("thread_id", &self.thread_id, MAX_ID_CHARS)?;
        text(
            "social_profile.platform",
            &profile.platform,
            MAX_PLATFORM_CHARS,
        )?;
        text("social_profile.user_id", &profile.user_id, MAX_ID_CHARS)?;
        text(
            "social_profile.display_name",
            &profile.display_name,
            MAX_NAME_CHARS,
        )?;
        if let Some(url) = &profile.avatar_url {
            at_most("social_profile.avatar_url", url, MAX_URL_CHARS)?;
        }
        if self.messages.is_empty() {
            return Err(PayloadError::at("messages", "must not be empty"));
        }
        count("messages", self.messages.len(), MAX_MESSAGES)?;
        for (i, message) in self.messages.iter().enumerate() {
            let within = |e: PayloadError| e.within(&format!("messages[{i}]"));
            text("text", &message.text, MAX_TEXT_CHARS).map_err(within)?;
            text("from_id", &message.from_id, MAX_ID_CHARS).map_err(within)?;
        }
        count(
            "media_attachments",
            self.media_attachments.len(),
            MAX_ATTACHMENTS,
        )?;
        for (i, attachment) in self.media_attachments.iter().enumerate() {
            let within = |e: PayloadError| e.within(&format!("media_attachments[{i}]"));
            text("url", &attachment.url, MAX_URL_CHARS).map_err(within)?;
            text("media_type", &attachment.media_type, MAX_MEDIA_TYPE_CHARS).map_err(within)?;
        }
        Ok(())
    }
}

impl PayloadError {
    fn within(self, parent: &str) -> Self {
        Self::at(format!("{parent}.{}", self.path), self.reason)
    }
}

fn text(path: &str, value: &str, max: usize) -> Result<(), PayloadError> {
    if value.is_empty() {
        return Err(PayloadError::at(path, "must not be empty"));
    }
    at_most(path, value, max)
}

fn at_most(path: &str, value: &str, max: usize) -> Result<(), PayloadError> {
    // Characters are counted only where the bytes leave room for too many.
    if value.len() > max && value.chars().count() > max {
        let reason = format!("must have at most {max} characters");
        return Err(PayloadError::at(path, reason));
    }
    Ok(())
}

fn count(path: &str, count: usize, max: usize) -> Result<(), PayloadError> {
    if count > max {
        let reason = format!("must have at most {max} entries");
        return Err(PayloadError::at(path, reason));
    }
    Ok(())
}
