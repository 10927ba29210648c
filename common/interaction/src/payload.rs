//! The webhook's body.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::instant;

/// A social interaction: one contact's messages in a thread, as of one event.
#[derive(Clone, Serialize, Deserialize)]
pub struct Payload {
    pub contact_id: String,
    pub thread_id: String,
    pub social_profile: Profile,
    /// Never empty.
    pub messages: Vec<Message>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub media_attachments: Vec<Attachment>,
    /// When the platform sent it.
    #[serde(deserialize_with = "instant::deserialize")]
    pub event_timestamp: Timestamp,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Profile {
    pub platform: String,
    pub user_id: String,
    pub display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Message {
    pub text: String,
    pub from_id: String,
    #[serde(deserialize_with = "instant::deserialize")]
    pub timestamp: Timestamp,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Attachment {
    pub url: String,
    pub media_type: String,
    pub size_bytes: u64,
}

/// Why a body isn't a [`Payload`]. Shows where, and never the value.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct PayloadError {
    /// Such as `messages[0].timestamp`; `.` for the body itself.
    pub path: String,
    pub reason: String,
}

impl Payload {
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
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A reason that shows no value: serde repeats the offending value in some of its messages.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let text = error.to_string();
    match error.classify() {
        Category::Eof => "the JSON ends too early".into(),
        Category::Syntax | Category::Io => format!("is not JSON (line {})", error.line()),
        Category::Data if text.starts_with("missing field") => "is missing".into(),
        Category::Data if text.starts_with("must ") => {
            text.split(" at line ").next().unwrap_or_default().into()
        }
        Category::Data => match text.split("expected ").nth(1) {
            Some(expected) => format!(
                "must be {}",
                expected.split(" at line ").next().unwrap_or_default()
            ),
            None => "is not valid".into(),
        },
    }
}
