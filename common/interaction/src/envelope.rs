//! What crosses a queue, and nothing else does.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::identity::InteractionId;
use crate::payload::{Payload, PayloadError};

/// The version that this release writes. A reader takes every earlier one.
pub const VERSION: u32 = 1;

/// A queue message's body: an accepted interaction, and once it is routed, what came of it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Envelope {
    pub v: u32,
    pub interaction: Accepted,
    pub routed: Option<Routed>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Accepted {
    #[serde(flatten)]
    pub payload: Payload,
    pub interaction_id: InteractionId,
    /// When the webhook's request came in.
    pub received_at: Timestamp,
}

/// What routing decided and CXone answered.
#[derive(Clone, Serialize, Deserialize)]
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

    /// Reads a queue message's body.
    ///
    /// # Errors
    /// With the path of the field at fault and never its value.
    pub fn parse(body: &str) -> Result<Self, PayloadError> {
        let error = |path: String, reason: String| PayloadError { path, reason };
        let deserializer = &mut serde_json::Deserializer::from_str(body);
        let envelope: Self = serde_path_to_error::deserialize(deserializer)
            .map_err(|e| error(e.path().to_string(), crate::payload::reason(e.inner())))?;
        if envelope.v == 0 || envelope.v > VERSION {
            let reason = format!("version {} is not one that this release reads", envelope.v);
            return Err(error("v".into(), reason));
        }
        if envelope.interaction.payload.messages.is_empty() {
            return Err(error(
                "interaction.messages".into(),
                "must not be empty".into(),
            ));
        }
        Ok(envelope)
    }

    /// The queue message's body.
    pub fn to_body(&self) -> String {
        serde_json::to_string(self).expect("an envelope always serialises")
    }
}
