//! Sending to the own webhook, as CXone would, and to no other address: the URL is a setting.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use serde::Serialize;
use signature::Scheme;

use crate::generate::Delivery;

/// Requests under way at once.
const AT_ONCE: usize = 16;

/// The longest that the webhook may take over one delivery.
pub const TIMEOUT: Duration = Duration::from_secs(7);

/// After so long nothing more is sent: the API waits 29 s, and an answer may take [`TIMEOUT`].
const SENDS_FOR: Duration = Duration::from_secs(21);

/// What the webhook said to one delivery.
#[derive(Clone, Serialize)]
pub struct Answer {
    /// The HTTP status; absent where there was no answer.
    pub status: Option<u16>,
    /// The interaction's id, where it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction_id: Option<String>,
    /// The problem document, where it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<serde_json::Value>,
    /// Why there is no status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
}

pub struct Sender {
    pub http: reqwest::Client,
    pub webhook_url: String,
    pub scheme: Scheme,
}

impl Sender {
    /// Sends all, in order and one after the other where `in_order`, at `rate` a second where
    /// there is one. `key` and `now` sign.
    pub async fn send(
        self: &Arc<Self>,
        deliveries: Vec<Delivery>,
        key: &str,
        now: Timestamp,
        rate: Option<f64>,
        in_order: bool,
    ) -> Vec<Answer> {
        let at_once = if in_order { 1 } else { AT_ONCE };
        let pause = rate.map(|r| Duration::from_secs_f64(1.0 / r));
        let started = tokio::time::Instant::now();
        stream::iter(deliveries.into_iter().zip(0_u32..))
            .map(|(delivery, n)| async move {
                if let Some(pause) = pause {
                    tokio::time::sleep_until(started + pause * n).await;
                }
                if started.elapsed() > SENDS_FOR {
                    return unanswered("not sent: the webhook is too slow for so many at once");
                }
                self.one(&delivery, key, now).await
            })
            .buffered(at_once)
            .collect()
            .await
    }

    async fn one(&self, delivery: &Delivery, key: &str, now: Timestamp) -> Answer {
        let wrong;
        let key = if delivery.rightly_signed {
            key
        } else {
            wrong = format!("{key}-wrong");
            &wrong
        };
        // The same body gets the same id, as a repeated delivery of CXone would.
        let id = signature::delivery_id(delivery.body.as_bytes());
        let mut request = self
            .http
            .post(&self.webhook_url)
            .header("content-type", "application/json");
        for (name, value) in self.scheme.sign(key, &id, now, delivery.body.as_bytes()) {
            request = request.header(name, value);
        }
        match request.body(delivery.body.clone()).send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                let body: Option<serde_json::Value> = response.json().await.ok();
                let accepted = body
                    .as_ref()
                    .and_then(|b| b["interaction_id"].as_str())
                    .map(str::to_owned);
                Answer {
                    status: Some(status),
                    problem: if accepted.is_some() { None } else { body },
                    interaction_id: accepted,
                    error: None,
                }
            }
            Err(error) if error.is_timeout() => unanswered("the webhook did not answer in time"),
            Err(_) => unanswered("the webhook could not be reached"),
        }
    }
}

fn unanswered(error: &'static str) -> Answer {
    Answer {
        status: None,
        interaction_id: None,
        problem: None,
        error: Some(error),
    }
}
