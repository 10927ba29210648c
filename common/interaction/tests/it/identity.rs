use interaction::{Digest, InteractionId, Payload};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::any::{self, tutorial};

fn parse(value: &Value) -> Payload {
    Payload::parse(value.to_string().as_bytes()).unwrap()
}

fn derived(change: impl FnOnce(&mut Value)) -> InteractionId {
    let mut value = tutorial();
    change(&mut value);
    InteractionId::derive(&parse(&value))
}

#[test]
fn a_derived_identity_does_not_change_from_release_to_release() {
    assert_eq!(
        derived(|_| ()).as_str(),
        "int_9063a3feb479807326665c4a9e01ebdf"
    );
}

#[test]
fn two_messages_of_one_contact_within_a_second_are_two_interactions() {
    let first = derived(|_| ());
    assert_ne!(
        first,
        derived(|v| v["messages"][0]["text"] = json!("Another one."))
    );
    assert_ne!(
        first,
        derived(|v| v["contact_id"] = json!("social_000000000000"))
    );
    assert_ne!(
        first,
        derived(|v| v["event_timestamp"] = json!("2026-11-22T09:48:00.001Z"))
    );
}

#[test]
fn a_delivery_that_says_the_same_has_the_same_identity() {
    let first = derived(|_| ());
    assert_eq!(
        first,
        derived(|v| v["event_timestamp"] = json!("2026-11-22T10:48:00+01:00"))
    );
    assert_eq!(first, derived(|v| v["unknown"] = json!(1)));
    assert_eq!(
        first,
        derived(|v| v["social_profile"]["avatar_url"] = Value::Null)
    );
}

#[test]
fn other_content_has_another_digest() {
    let digest = |change: fn(&mut Value)| {
        let mut value = tutorial();
        change(&mut value);
        Digest::of(&parse(&value))
    };
    let first = digest(|_| ());
    assert_eq!(first, digest(|v| v["unknown"] = json!(1)));
    assert_eq!(
        first,
        digest(|v| v["event_timestamp"] = json!("2026-11-22T09:48:00+00:00"))
    );
    assert_ne!(
        first,
        digest(|v| v["thread_id"] = json!("thread_000000000000"))
    );
    assert_ne!(
        first,
        digest(|v| v["messages"][0]["text"] = json!("Another one."))
    );
    assert_ne!(first, digest(|v| v["media_attachments"] = json!([])));
}

#[test]
fn an_id_from_outside_has_1_to_128_safe_characters() {
    for id in [
        "a",
        "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        "a.b:c-d_e",
        &"x".repeat(128),
    ] {
        assert_eq!(InteractionId::new(id).unwrap().as_str(), id);
    }
    for id in ["", "a b", "a/b", "é", "a\n", "a#b", &"x".repeat(129)] {
        assert!(InteractionId::new(id).is_err(), "{id}");
    }
}

proptest! {
    #[test]
    fn a_derived_identity_is_itself_a_valid_one(payload in any::payload()) {
        let id = InteractionId::derive(&parse(&payload));
        prop_assert_eq!(id.as_str().len(), 36);
        prop_assert!(InteractionId::new(id.as_str()).is_ok());
    }

    /// Moving a character from one part to the next must not give the same identity.
    #[test]
    fn the_parts_of_an_identity_do_not_run_into_each_other(
        payload in any::payload(),
        text in "[a-z]{2,10}",
    ) {
        let with = |text: &str, from_id: &str| {
            let mut payload = parse(&payload);
            payload.messages[0].text = text.into();
            payload.messages[0].from_id = from_id.into();
            InteractionId::derive(&payload)
        };
        prop_assert_ne!(with(&text, "x"), with(&text[1..], &format!("x{}", &text[..1])));
    }
}
