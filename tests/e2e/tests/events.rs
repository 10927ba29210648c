//! Each event of `events/`, read as its function reads it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::sqs::SqsEvent;
use count_sla::record::{self, Record};
use interaction::{Envelope, Payload};
use lambda_http::RequestExt as _;
use register_webhook::request::{Request, RequestType};
use rotate_tokens::Order;
use serde_json::Value;

const EVENTS: [&str; 12] = [
    "count-sla-stream.json",
    "redrive-sqs.json",
    "register-create.json",
    "register-delete.json",
    "register-update.json",
    "rotate-by-hand.json",
    "rotate-schedule.json",
    "route-sqs.json",
    "simulator-get.json",
    "simulator-send.json",
    "ticketing-sqs.json",
    "webhook.json",
];

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(dir().join(name)).expect(name)
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&text(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn no_event_is_left_out_here() {
    let files = std::fs::read_dir(dir()).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let events: BTreeSet<_> = files.filter(|name| name.contains(".json")).collect();
    assert_eq!(events, EVENTS.map(str::to_owned).into());
}

#[test]
fn the_webhook_is_a_valid_delivery_but_for_its_secret() {
    let event: ApiGatewayV2httpRequest = read("webhook.json");
    assert_eq!(event.request_context.http.method, "POST");
    assert_eq!(event.headers["x-cxone-webhook"], "true");
    assert!(event.headers.contains_key("x-webhook-secret"));
    let body = event.body.unwrap();
    assert_eq!(event.headers["content-length"], body.len().to_string());
    assert!(Payload::parse(body.as_bytes()).is_ok());
}

#[test]
fn a_batch_has_a_good_message_a_malformed_one_and_a_duplicate() {
    for (name, routed) in [
        ("route-sqs.json", false),
        ("ticketing-sqs.json", true),
        ("redrive-sqs.json", false),
    ] {
        let event: SqsEvent = read(name);
        let [good, malformed, duplicate] = &event.records[..] else {
            panic!("{name} has {} records", event.records.len());
        };
        let envelope = Envelope::parse(good.body.as_deref().unwrap())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(envelope.routed.is_some(), routed, "{name}");
        assert!(
            Envelope::parse(malformed.body.as_deref().unwrap()).is_err(),
            "{name}"
        );
        assert_eq!(good.body, duplicate.body, "{name}");
        assert_ne!(good.message_id, duplicate.message_id, "{name}");
        let id = good.message_attributes["interaction_id"]
            .string_value
            .as_deref();
        assert_eq!(
            id,
            Some(envelope.interaction.interaction_id.as_str()),
            "{name}"
        );
        let is_redrive = name.starts_with("redrive");
        assert_eq!(
            good.message_attributes.contains_key("redrives"),
            is_redrive,
            "{name}"
        );
    }
}

#[test]
fn a_rotation_is_for_all_that_is_due_or_by_hand_for_one() {
    let scheduled: Order = read("rotate-schedule.json");
    assert!(scheduled.secret.is_none() && !scheduled.force);
    let by_hand: Order = read("rotate-by-hand.json");
    assert!(by_hand.secret.is_some() && by_hand.force);
}

#[test]
fn a_registration_is_created_updated_and_deleted() {
    for (name, kind) in [
        ("register-create.json", RequestType::Create),
        ("register-update.json", RequestType::Update),
        ("register-delete.json", RequestType::Delete),
    ] {
        let request: Request = read(name);
        assert_eq!(request.request_type, kind);
        assert_eq!(
            request.physical_resource_id.is_some(),
            kind != RequestType::Create
        );
        let properties = request.properties().expect(name);
        assert!(properties.url.ends_with("/webhook/social"));
    }
}

#[test]
fn the_simulator_is_looked_at_and_told_to_send() {
    for (name, method, path) in [
        ("simulator-get.json", "GET", "/simulator"),
        ("simulator-send.json", "POST", "/simulator/send"),
    ] {
        let request = lambda_http::request::from_str(&text(name)).expect(name);
        assert_eq!(
            (request.method().as_str(), request.raw_http_path()),
            (method, path)
        );
        assert!(request.headers().contains_key("authorization"));
    }
}

#[test]
fn the_stream_shows_an_interaction_routed_and_synced() {
    let event: Value = read("count-sla-stream.json");
    assert!(event["shardId"].is_string());
    let records = event["Records"].as_array().unwrap();
    let readings = records.iter().map(|record| match record::read(record) {
        Record::Finished { readings, .. } => readings.len(),
        other => panic!("{other:?}"),
    });
    assert_eq!(readings.collect::<Vec<_>>(), [2, 1]);
}
