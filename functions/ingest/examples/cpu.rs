//! The CPU time of a webhook without its AWS calls, under each scheme: the gateway's event,
//! verify, parse, identity, envelope and answer; beside what any JSON reading of it costs.
//!
//! `cargo run --release -p ingest --example cpu`

use std::hint::black_box;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use ingest::queue::Message;
use ingest::{FairQueueGroup, problem, request, trace};
use interaction::{Envelope, InteractionId, Payload};
use serde_json::{Value, json};
use signature::{Scheme, TIMESTAMP_HEADER};

const SECRET: &str = "a secret as long as one that is made, 32";
const ROUNDS: usize = 300;
const CALLS: u32 = 100;

fn main() {
    let event: Value = serde_json::from_str(include_str!("../../../events/webhook.json"))
        .expect("the canonical event is JSON");
    let body = event["body"].as_str().expect("it has a body").to_owned();
    println!(
        "{} bytes of body, {} of event; median of {ROUNDS} rounds",
        body.len(),
        event.to_string().len()
    );

    let plain = median(|| drop(black_box(serde_json::from_str::<Value>(black_box(&body)))));
    let row = |name: &str, nanos: u128| {
        let times = format!("{}.{} ×", nanos / plain, nanos * 10 / plain % 10);
        println!(
            "{name:42} {:>7.2} µs {times:>8}",
            f64::from(u32::try_from(nanos).unwrap_or(u32::MAX)) / 1e3
        );
    };
    row("serde_json::Value of the body", plain);
    row(
        "Payload::parse",
        median(|| drop(black_box(Payload::parse(black_box(body.as_bytes()))))),
    );
    for scheme in [Scheme::SecretHeader, Scheme::Hmac, Scheme::StandardWebhooks] {
        let now = runtime::clock::now();
        let mut event = event.clone();
        for (name, value) in scheme.sign(SECRET, "msg_1", now, body.as_bytes()) {
            event["headers"][name] = json!(value);
        }
        assert!(
            event["headers"].get(TIMESTAMP_HEADER).is_some()
                == (scheme == Scheme::StandardWebhooks)
        );
        let event = event.to_string();
        let read = || {
            serde_json::from_str::<ApiGatewayV2httpRequest>(black_box(&event)).expect("an event")
        };
        let parsed = read();
        row(
            &format!("{scheme:?}: verify, parse, envelope"),
            median(|| drop(black_box(webhook(scheme, &parsed, now)))),
        );
        row(
            &format!("{scheme:?}: with the event and the answer"),
            median(|| {
                let id = webhook(scheme, &read(), now).1;
                drop(black_box(serde_json::to_string(&problem::answer(&Ok(id)))));
            }),
        );
    }
}

fn webhook(
    scheme: Scheme,
    event: &ApiGatewayV2httpRequest,
    now: jiff::Timestamp,
) -> (Message, InteractionId) {
    let body = request::body(event, 262_144).expect("the request is in order");
    let header = |name: &str| event.headers.get(name).map(http::HeaderValue::as_bytes);
    let claim = scheme.claim(header, now).expect("the claim is in order");
    assert!(claim.proves(SECRET, &body));
    let payload = Payload::parse(&body).expect("the body is valid");
    let id = InteractionId::derive(&payload);
    let envelope = Envelope::new(payload, id.clone(), now);
    let trace = trace::traceparent(None, None, "an invocation");
    (Message::new(&envelope, trace, FairQueueGroup::Platform), id)
}

/// Nanoseconds of one call: the median over the rounds of each round's mean.
fn median(mut act: impl FnMut()) -> u128 {
    let mut rounds: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let began = runtime::clock::instant();
            (0..CALLS).for_each(|_| act());
            runtime::clock::instant().duration_since(began).as_nanos() / u128::from(CALLS)
        })
        .collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}
