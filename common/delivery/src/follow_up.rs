//! What ticketing is told once an interaction is routed.

use interaction::{Envelope, Routed};
use serde::Deserialize;
use serde_json::Value;

/// What routing's frozen decision holds besides what only the CXone client reads.
#[derive(Deserialize)]
struct Decision {
    skills: Vec<String>,
    sentiment_polarity: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    rule: String,
}

/// The ticketing queue's message for a routed interaction, from what the ledger knows of it. `None`
/// where the decision can't be read.
pub fn after_routing(envelope: &Envelope, decision: &Value, task_id: &str) -> Option<Envelope> {
    let decision = Decision::deserialize(decision).ok()?;
    let mut envelope = envelope.clone();
    envelope.routed = Some(Routed {
        task_id: task_id.to_owned(),
        skills: decision.skills,
        sentiment_polarity: decision.sentiment_polarity,
        rule: decision.attributes.rule,
    });
    Some(envelope)
}
