use interaction::{Envelope, InteractionId, Payload, envelope};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::any::{self, text, tutorial};

fn read(payload: &Value) -> Payload {
    Payload::parse(payload.to_string().as_bytes()).unwrap()
}

fn example() -> Envelope {
    let payload = read(&tutorial());
    let id = InteractionId::new("msg_1").unwrap();
    Envelope::new(payload, id, "2026-11-22T09:48:01.25Z".parse().unwrap())
}

#[test]
fn the_body_is_as_the_contract_says() {
    let mut interaction = tutorial();
    interaction["interaction_id"] = json!("msg_1");
    interaction["received_at"] = json!("2026-11-22T09:48:01.25Z");
    let expected = json!({"v": 1, "interaction": interaction, "routed": null});
    let body: Value = serde_json::from_str(&example().to_body()).unwrap();
    assert_eq!(body, expected);
}

#[test]
fn a_body_of_version_1_is_read() {
    let body = include_str!("../data/envelope-v1.json");
    let envelope = Envelope::parse(body).unwrap();
    assert_eq!(
        envelope.interaction.interaction_id.as_str(),
        "int_0f8fad5bd9cb469fa16570867728950e"
    );
    assert_eq!(envelope.interaction.payload.messages.len(), 2);
    assert_eq!(
        envelope.routed.unwrap().skills,
        ["social-escalation", "sentiment-negative"]
    );
}

#[test]
fn a_newer_version_is_refused_at_v_whatever_else_it_holds() {
    for v in [json!(0), json!(2), json!(4_000_000_000_u32)] {
        let error = Envelope::parse(&json!({"v": v, "what": "ever"}).to_string())
            .err()
            .unwrap();
        assert_eq!(error.path, "v");
    }
    for body in ["", "{}", "[1]", r#"{"v":"1"}"#, r#"{"v":-1}"#, "not json"] {
        assert!(Envelope::parse(body).is_err(), "{body}");
        assert!(!envelope::is_later(body), "{body}");
    }
    assert!(envelope::is_later(r#"{"v":2,"what":"ever"}"#));
    assert!(!envelope::is_later(r#"{"v":0}"#) && !envelope::is_later(&example().to_body()));
}

#[test]
fn a_field_at_fault_is_named_with_its_path_inside_of_the_envelope() {
    for (pointer, to, path) in [
        (
            "/interaction/messages/0/timestamp",
            json!("soon"),
            "interaction.messages[0].timestamp",
        ),
        (
            "/interaction/messages/0/text",
            json!(1),
            "interaction.messages[0].text",
        ),
        ("/interaction/messages", json!([]), "interaction.messages"),
        (
            "/interaction/social_profile",
            json!([]),
            "interaction.social_profile",
        ),
        (
            "/interaction/interaction_id",
            json!("a b"),
            "interaction.interaction_id",
        ),
        (
            "/interaction/received_at",
            json!("expected a, expected b"),
            "interaction.received_at",
        ),
        ("/interaction", json!([]), "interaction"),
        ("/routed", json!([]), "routed"),
        ("/routed", json!({"task_id": "1"}), "routed.skills"),
    ] {
        let mut body: Value = serde_json::from_str(&example().to_body()).unwrap();
        *body.pointer_mut(pointer).unwrap() = to.clone();
        let error = Envelope::parse(&body.to_string()).err().unwrap();
        assert_eq!(error.path, path, "{error}");
        assert!(
            !error.reason.contains("soon") && !error.reason.contains("expected"),
            "{error}"
        );
    }
}

#[test]
fn a_payload_longer_than_todays_bounds_is_still_read() {
    let mut envelope = example();
    envelope.interaction.payload.contact_id = "x".repeat(10_000);
    assert!(Envelope::parse(&envelope.to_body()).is_ok());
}

#[test]
fn what_sqs_refuses_is_escaped_and_read_back() {
    let mut envelope = example();
    envelope.interaction.payload.messages[0].text =
        "a\u{FFFE}b\u{FFFF}\u{0}\u{1F600}\u{1FFFE}".into();
    let body = envelope.to_body();
    assert!(body.contains(r"a\uFFFEb\uFFFF\u0000"), "{body}");
    assert!(Envelope::parse(&body).map_err(|e| e.to_string()) == Ok(envelope));
}

/// The characters that `SendMessage` takes, as AWS documents them:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
fn sqs_takes(c: char) -> bool {
    matches!(c, '\u{9}' | '\u{A}' | '\u{D}' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

prop_compose! {
    fn routed()(task_id in text(40), skills in proptest::collection::vec(text(20), 0..4)) -> Value {
        json!({"task_id": task_id, "skills": skills, "sentiment_polarity": "-0.7184", "rule": "r"})
    }
}

proptest! {
    #[test]
    fn an_envelope_is_read_back_and_every_character_is_one_that_sqs_takes(
        payload in any::payload(),
        id in "[A-Za-z0-9._:-]{1,128}",
        received_at in any::timestamp(),
        routed in proptest::option::of(routed()),
    ) {
        let id = InteractionId::new(id).unwrap();
        let mut envelope = Envelope::new(read(&payload), id, received_at);
        envelope.routed = routed.map(|routed| serde_json::from_value(routed).unwrap());
        let body = envelope.to_body();
        prop_assert!(body.chars().all(sqs_takes));
        prop_assert!(Envelope::parse(&body).map_err(|e| e.to_string()) == Ok(envelope));
    }

    /// Escaping makes a body longer, and timestamps are written out: by what factor at most?
    #[test]
    fn a_queue_body_is_at_most_twice_what_came_in_and_its_frame(payload in any::payload()) {
        // The shortest way to send it, as far as characters go: nothing escaped but what must be.
        let sent = payload.to_string();
        let id = InteractionId::new("x".repeat(128)).unwrap();
        let body = Envelope::new(read(&payload), id, Timestamp::MAX).to_body();
        prop_assert!(body.len() <= 2 * sent.len() + 300);
        prop_assert!(2 * envelope::MAX_BODY_BYTES < 1024 * 1024);
    }
}
