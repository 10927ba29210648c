//! The batch form of the tutorial's dialect: `POST /api/v1/sync/batch`.
//!
//! ```json
//! {"threads": [{"thread_id": "…", …as in a single sync…, "idempotency_key": "<interaction id>"}]}
//! ```
//!
//! is answered by any 2xx (207 where some failed) with
//!
//! ```json
//! {"results": [{"thread_id": "…", "idempotency_key": "…", "status": 200, "ticket_id": "…"},
//!              {"thread_id": "…", "idempotency_key": "…", "status": 422, "error": "…"}]}
//! ```
//!
//! A thread's `status` decides as if it had been that of a call of its own. A thread that the
//! answer leaves out may have been synced or not: it is sent again under its key. Several
//! interactions of one thread stand next to each other in the order of their time; a system that
//! holds the later ones back when an earlier one fails answers 424 for them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use upstream::{Failure, Reason, unreadable};

use crate::exchange::{Answer, Call, Exchange, Next, Outcome, Request, Told};

const NAME: &str = "POST /api/v1/sync/batch";

/// One request for all calls, an outcome for each.
pub(crate) struct SyncBatch {
    request: Request,
    keys: Vec<(String, String)>,
}

impl SyncBatch {
    pub(crate) fn new(calls: &[Call]) -> Self {
        let updates = || calls.iter().map(|call| &call.update);
        let thread = |update| {
            let mut body = crate::sync::body(update);
            body["idempotency_key"] = update.interaction_id.as_str().into();
            body
        };
        let threads: Vec<Value> = updates().map(thread).collect();
        let mut request = Request::new(NAME, Method::POST, "/api/v1/sync/batch");
        request.body = Some(json!({ "threads": threads }));
        let key = |u: &crate::update::Update| (u.thread_id.clone(), u.interaction_id.to_string());
        Self {
            request,
            keys: updates().map(key).collect(),
        }
    }

    fn outcomes(&self, answer: &Answer) -> Vec<Outcome> {
        if !answer.status.is_success() {
            let failure = answer.failure(&self.request);
            return vec![Err(failure); self.keys.len()];
        }
        let body = answer.json().unwrap_or_default();
        let Some(results) = body.get("results").and_then(Value::as_array) else {
            let failure = unreadable(NAME, answer.status, "JSON with a list of results");
            return vec![Err(failure); self.keys.len()];
        };
        let is_of = |result: &Value, (thread, key): &(String, String)| {
            result["thread_id"] == thread.as_str() && result["idempotency_key"] == key.as_str()
        };
        let result = |key| results.iter().find(|result| is_of(result, key));
        let outcome = |key| self.outcome(answer, result(key));
        self.keys.iter().map(outcome).collect()
    }

    fn outcome(&self, answer: &Answer, result: Option<&Value>) -> Outcome {
        let status = result.and_then(|result| result.get("status")?.as_u64());
        let status = status.and_then(|status| u16::try_from(status).ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        let (Some(result), Some(status)) = (result, status) else {
            let expected = "one with a result, and its status, for each thread";
            return Err(unreadable(NAME, answer.status, expected));
        };
        if status.is_success() {
            return Ok(Told {
                ticket: crate::sync::ticket_id(result),
                repeated: result["replayed"] == true,
            });
        }
        if status == StatusCode::UNAUTHORIZED {
            return Err(Failure::Credentials {
                reason: Reason {
                    call: NAME,
                    status: Some(401),
                    detail: crate::advice::CREDENTIAL.into(),
                },
            });
        }
        if status == StatusCode::FAILED_DEPENDENCY {
            return Err(Failure::Retryable {
                retry_after: None,
                sure: true,
                reason: Reason {
                    call: NAME,
                    status: Some(424),
                    detail: "held back behind an earlier one of its thread that failed".into(),
                },
            });
        }
        let alone = Answer {
            status,
            headers: answer.headers.clone(),
            body: result.to_string().into_bytes(),
            at: answer.at,
        };
        Err(alone.failure(&self.request))
    }
}

impl Exchange for SyncBatch {
    fn next(&mut self, answer: Option<&Answer>) -> Next {
        match answer {
            None => Next::Ask(self.request.clone()),
            Some(answer) => Next::Done(self.outcomes(answer)),
        }
    }
}
