//! The tutorial's dialect: `POST /api/v1/sync`, one call an interaction.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::exchange::{Answer, Call, Exchange, Next, Outcome, Request, Told};
use crate::update::Update;

/// One call, one request, one outcome.
pub(crate) struct Sync(Request);

impl Sync {
    /// `calls` has one element.
    pub(crate) fn new(calls: &[Call]) -> Self {
        let update = &calls[0].update;
        let mut request = Request::new("POST /api/v1/sync", Method::POST, "/api/v1/sync");
        request.idempotency_key = Some(update.interaction_id.to_string());
        request.body = Some(body(update));
        Self(request)
    }

    fn outcome(&self, answer: &Answer) -> Outcome {
        if !answer.status.is_success() {
            return Err(answer.failure(&self.0));
        }
        // Any 2xx is success, whatever its body; a ticket's id is welcome where there is one.
        Ok(Told {
            ticket: answer.json().as_ref().and_then(ticket_id),
            repeated: is_repeated(&answer.headers),
        })
    }
}

impl Exchange for Sync {
    fn next(&mut self, answer: Option<&Answer>) -> Next {
        match answer {
            None => Next::Ask(self.0.clone()),
            Some(answer) => Next::Done(vec![self.outcome(answer)]),
        }
    }
}

pub(crate) fn body(update: &Update) -> Value {
    let texts: Vec<&str> = update.messages.iter().map(|m| m.text.as_str()).collect();
    json!({
        "thread_id": update.thread_id,
        "contact_id": update.contact_id,
        "messages": texts,
        "attachments": update.attachments,
        "sync_timestamp": update.at.to_string(),
        "interaction_id": update.interaction_id,
        "task_id": update.task_id,
        "skills": update.skills,
        "sentiment_polarity": update.sentiment_polarity,
    })
}

/// Whether the answer is one to an earlier call with the same key: the header that Stripe
/// introduced, since the IETF's draft on `Idempotency-Key` has none.
fn is_repeated(headers: &HeaderMap) -> bool {
    headers
        .get("idempotent-replayed")
        .is_some_and(|value| value == "true")
}

pub(crate) fn ticket_id(body: &Value) -> Option<String> {
    body.get("ticket_id")?.as_str().map(str::to_owned)
}
