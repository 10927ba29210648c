//! Each dialect as its system meets it: over the wire against the sandbox, and step by step where
//! the sandbox has no such answer.

#![expect(clippy::unwrap_used, reason = "these helpers are called by tests only")]

mod batch;
mod sync;
mod zendesk;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use interaction::{Attachment, Envelope, InteractionId, Message, Payload, Profile, Routed};
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use sandbox::{Config, Sandbox};
use serde_json::Value;
use ticketing::exchange::{Answer, Next, Request};
use ticketing::{Arrival, Call, Client, Dialect, Outcome, Slots, Thread, Told, Update};
use upstream::Failure;

fn now() -> Timestamp {
    "2026-11-22T09:48:01Z".parse().unwrap()
}

/// The interaction `id` of a thread, with one message of that text.
fn interaction(thread: &str, id: &str, text: &str) -> Envelope {
    let at = "2026-11-22T09:48:00Z".parse().unwrap();
    let payload = Payload {
        contact_id: format!("contact-{id}"),
        thread_id: thread.into(),
        social_profile: Profile {
            platform: "facebook".into(),
            user_id: "fb_user_98765".into(),
            display_name: "Test Customer".into(),
            avatar_url: None,
        },
        messages: vec![Message {
            text: text.into(),
            from_id: "fb_user_98765".into(),
            timestamp: at,
        }],
        media_attachments: vec![Attachment {
            url: format!("https://example.com/{id}.png"),
            media_type: "image/png".into(),
            size_bytes: 24_500,
        }],
        event_timestamp: at,
    };
    let mut envelope = Envelope::new(payload, InteractionId::new(id).unwrap(), at);
    envelope.routed = Some(Routed {
        task_id: format!("task-{id}"),
        skills: vec!["social-escalation".into(), "sentiment-negative".into()],
        sentiment_polarity: "-0.7184".into(),
        rule: "negative".into(),
    });
    envelope
}

/// A first call for an interaction, to a ticket where one is known.
fn call(thread: &str, id: &str, text: &str, ticket: Option<&str>) -> Call {
    let envelope = interaction(thread, id, text);
    let arrival = Arrival::of(&envelope).unwrap();
    let plan = Thread::default().plan(&arrival, &HashSet::new(), now());
    Call {
        update: Update::new(&arrival, &plan),
        again: false,
        ticket: ticket.map(str::to_owned),
    }
}

fn again(call: &Call) -> Call {
    Call {
        again: true,
        ..call.clone()
    }
}

/// A sandbox and a client of it.
struct Setting {
    sandbox: Sandbox,
    client: Client,
    slots: Counted,
}

/// Slots of a limiter that has as many as one wants, and counts them.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Slots for Counted {
    async fn another(&self) -> Result<(), Failure> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Setting {
    async fn start(dialect: Dialect) -> Self {
        let sandbox = Sandbox::start(Config::default()).await.unwrap();
        let timeout = Duration::from_secs(2);
        Self {
            client: Client::new(&sandbox.url, dialect, None, timeout).unwrap(),
            sandbox,
            slots: Counted::default(),
        }
    }

    async fn tell(&self, calls: Vec<Call>) -> Vec<Outcome> {
        self.client.tell(calls, &self.slots).await
    }

    async fn tell_one(&self, call: Call) -> Outcome {
        let mut outcomes = self.tell(vec![call]).await;
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0)
    }

    /// How many requests beyond the first were made.
    fn further_requests(&self) -> usize {
        self.slots.0.load(Ordering::Relaxed)
    }
}

fn kind(outcome: &Outcome) -> &'static str {
    outcome.as_ref().map_or_else(Failure::kind, |_| "told")
}

fn ticket(outcome: &Outcome) -> String {
    outcome.as_ref().unwrap().ticket.clone().unwrap()
}

fn reason(outcome: &Outcome) -> String {
    outcome.as_ref().unwrap_err().to_string()
}

/// Follows an exchange through the given answers; the requests that it made and its outcomes.
fn follow(
    dialect: Dialect,
    calls: Vec<Call>,
    answers: &[(u16, Value)],
) -> (Vec<Request>, Vec<Outcome>) {
    let mut exchange = dialect.exchange(calls);
    let mut requests = Vec::new();
    let mut answers = answers.iter();
    let mut next = exchange.next(None);
    loop {
        match next {
            Next::Done(outcomes) => return (requests, outcomes),
            Next::Ask(request) => requests.push(request),
        }
        let (status, body) = answers.next().expect("no further request is made");
        next = exchange.next(Some(&Answer {
            status: StatusCode::from_u16(*status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_string().into_bytes(),
            at: now(),
        }));
    }
}

fn names(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(|request| request.name).collect()
}

fn told(ticket: &str, repeated: bool) -> Told {
    Told {
        ticket: Some(ticket.into()),
        repeated,
    }
}
