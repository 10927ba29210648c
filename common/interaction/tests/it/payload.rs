use interaction::{Payload, PayloadError, payload};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::any::{self, tutorial};

fn parse(value: &Value) -> Result<Payload, PayloadError> {
    Payload::parse(&serde_json::to_vec(value).unwrap())
}

fn fault(body: &[u8]) -> (String, String) {
    let Err(error) = Payload::parse(body) else {
        panic!("{} is taken", String::from_utf8_lossy(body));
    };
    (error.path, error.reason)
}

/// The tutorial's payload with the value at a JSON pointer replaced, or removed where it's `None`.
fn changed(pointer: &str, to: Option<Value>) -> Value {
    let mut value = tutorial();
    if let Some(to) = to {
        *value.pointer_mut(pointer).expect(pointer) = to;
    } else {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.remove(key).expect(pointer);
    }
    value
}

/// Every required field, as JSON pointer and as the path that an error shows.
const REQUIRED: [(&str, &str); 14] = [
    ("/contact_id", "contact_id"),
    ("/thread_id", "thread_id"),
    ("/social_profile", "social_profile"),
    ("/social_profile/platform", "social_profile.platform"),
    ("/social_profile/user_id", "social_profile.user_id"),
    (
        "/social_profile/display_name",
        "social_profile.display_name",
    ),
    ("/messages", "messages"),
    ("/messages/0/text", "messages[0].text"),
    ("/messages/0/from_id", "messages[0].from_id"),
    ("/messages/0/timestamp", "messages[0].timestamp"),
    ("/media_attachments/0/url", "media_attachments[0].url"),
    (
        "/media_attachments/0/media_type",
        "media_attachments[0].media_type",
    ),
    (
        "/media_attachments/0/size_bytes",
        "media_attachments[0].size_bytes",
    ),
    ("/event_timestamp", "event_timestamp"),
];

#[test]
fn the_tutorials_payload_is_read_field_by_field() {
    let payload = parse(&tutorial()).unwrap();
    assert_eq!(serde_json::to_value(&payload).unwrap(), tutorial());
    assert_eq!(payload.messages[0].timestamp.as_second(), 1_795_340_880);
}

#[test]
fn a_missing_field_is_named_with_its_path() {
    for (pointer, path) in REQUIRED {
        let body = serde_json::to_vec(&changed(pointer, None)).unwrap();
        assert_eq!(fault(&body), (path.to_owned(), "is missing".to_owned()));
    }
}

#[test]
fn null_is_no_value_for_a_required_field() {
    for (pointer, path) in REQUIRED {
        let body = serde_json::to_vec(&changed(pointer, Some(Value::Null))).unwrap();
        let (at, reason) = fault(&body);
        assert_eq!(at, path);
        assert!(reason.starts_with("must be "), "{path}: {reason}");
    }
}

#[test]
fn an_empty_text_is_named_with_its_path() {
    for (pointer, path) in REQUIRED {
        if tutorial().pointer(pointer).unwrap().is_string() {
            let body = serde_json::to_vec(&changed(pointer, Some(json!("")))).unwrap();
            assert_eq!(fault(&body).0, path);
        }
    }
}

#[test]
fn a_field_of_another_type_is_named_with_its_path() {
    for (pointer, path) in REQUIRED {
        for wrong in [json!(true), json!(-1.5), json!([[]]), json!({"a": []})] {
            let value = tutorial();
            let same_kind = |v: &Value| (v.is_object(), v.is_array());
            if same_kind(value.pointer(pointer).unwrap()) == same_kind(&wrong)
                && !wrong.is_boolean()
                && wrong.as_f64().is_none()
            {
                continue;
            }
            let body = serde_json::to_vec(&changed(pointer, Some(wrong))).unwrap();
            let (at, reason) = fault(&body);
            assert_eq!(at, path, "{reason}");
            assert!(reason.starts_with("must be "), "{path}: {reason}");
        }
    }
}

#[test]
fn optional_fields_may_be_absent_or_null() {
    for pointer in ["/social_profile/avatar_url", "/media_attachments"] {
        for absent in [None, Some(Value::Null)] {
            let payload = parse(&changed(pointer, absent)).unwrap();
            let avatar = payload.social_profile.avatar_url.is_none();
            assert!(avatar || payload.media_attachments.is_empty(), "{pointer}");
        }
    }
    let none = parse(&changed("/media_attachments", Some(json!([])))).unwrap();
    assert!(none.media_attachments.is_empty());
}

#[test]
fn unknown_fields_are_ignored_at_every_level() {
    let mut value = tutorial();
    for pointer in ["", "/social_profile", "/messages/0", "/media_attachments/0"] {
        let object = value.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        object.insert("unknown".into(), json!({"deep": [1e300, null, "x"]}));
    }
    assert!(parse(&value).unwrap() == parse(&tutorial()).unwrap());
}

#[test]
fn an_array_is_no_object_even_with_the_fields_in_their_order() {
    let fields = |v: &Value| Value::Array(v.as_object().unwrap().values().cloned().collect());
    for (pointer, path) in [
        ("", "."),
        ("/social_profile", "social_profile"),
        ("/messages/0", "messages[0]"),
        ("/media_attachments/0", "media_attachments[0]"),
    ] {
        let array = fields(tutorial().pointer(pointer).unwrap());
        let body = serde_json::to_vec(&changed(pointer, Some(array))).unwrap();
        assert_eq!(
            fault(&body),
            (path.to_owned(), "must be an object".to_owned())
        );
    }
}

#[test]
fn at_least_one_message_is_needed() {
    let body = serde_json::to_vec(&changed("/messages", Some(json!([])))).unwrap();
    assert_eq!(
        fault(&body),
        ("messages".into(), "must not be empty".into())
    );
}

#[test]
fn a_size_is_a_whole_number_that_json_can_carry() {
    let size = |size: Value| parse(&changed("/media_attachments/0/size_bytes", Some(size)));
    assert_eq!(size(json!(0)).unwrap().media_attachments[0].size_bytes, 0);
    assert!(size(json!(9_007_199_254_740_991_u64)).is_ok());
    for wrong in [
        json!(-1),
        json!(1.5),
        json!("1"),
        json!(9_007_199_254_740_992_u64),
        json!(1e30),
    ] {
        let error = size(wrong).err().unwrap();
        assert_eq!(error.path, "media_attachments[0].size_bytes");
        assert!(error.reason.starts_with("must be "), "{}", error.reason);
    }
}

#[test]
fn each_field_has_its_greatest_length() {
    for (pointer, path, max) in [
        ("/contact_id", "contact_id", payload::MAX_ID_CHARS),
        ("/thread_id", "thread_id", payload::MAX_ID_CHARS),
        (
            "/social_profile/platform",
            "social_profile.platform",
            payload::MAX_PLATFORM_CHARS,
        ),
        (
            "/social_profile/user_id",
            "social_profile.user_id",
            payload::MAX_ID_CHARS,
        ),
        (
            "/social_profile/display_name",
            "social_profile.display_name",
            payload::MAX_NAME_CHARS,
        ),
        (
            "/social_profile/avatar_url",
            "social_profile.avatar_url",
            payload::MAX_URL_CHARS,
        ),
        (
            "/messages/0/text",
            "messages[0].text",
            payload::MAX_TEXT_CHARS,
        ),
        (
            "/messages/0/from_id",
            "messages[0].from_id",
            payload::MAX_ID_CHARS,
        ),
        (
            "/media_attachments/0/url",
            "media_attachments[0].url",
            payload::MAX_URL_CHARS,
        ),
        (
            "/media_attachments/0/media_type",
            "media_attachments[0].media_type",
            payload::MAX_MEDIA_TYPE_CHARS,
        ),
    ] {
        // Four bytes a character: characters are counted, not bytes.
        let longest = json!("\u{1F600}".repeat(max));
        assert!(parse(&changed(pointer, Some(longest))).is_ok(), "{path}");
        let body = serde_json::to_vec(&changed(pointer, Some(json!("x".repeat(max + 1))))).unwrap();
        assert_eq!(
            fault(&body),
            (
                path.to_owned(),
                format!("must have at most {max} characters")
            )
        );
    }
}

#[test]
fn each_list_has_its_greatest_length() {
    for (pointer, path, max) in [
        ("/messages", "messages", payload::MAX_MESSAGES),
        (
            "/media_attachments",
            "media_attachments",
            payload::MAX_ATTACHMENTS,
        ),
    ] {
        let one = tutorial().pointer(pointer).unwrap()[0].clone();
        let list = |n| Some(Value::Array(vec![one.clone(); n]));
        assert!(parse(&changed(pointer, list(max))).is_ok(), "{path}");
        let body = serde_json::to_vec(&changed(pointer, list(max + 1))).unwrap();
        assert_eq!(
            fault(&body),
            (path.to_owned(), format!("must have at most {max} entries"))
        );
    }
}

#[test]
fn what_is_not_one_json_object_is_refused() {
    let valid = serde_json::to_vec(&tutorial()).unwrap();
    let trailing = [&valid[..], b" {}"].concat();
    let bodies: [&[u8]; 12] = [
        b"",
        b" ",
        b"null",
        b"[]",
        b"\"text\"",
        b"1",
        b"{",
        b"}",
        b"{\"contact_id\":}",
        b"{'contact_id': 'x'}",
        b"contact_id=x",
        &trailing,
    ];
    for body in bodies {
        let (_, reason) = fault(body);
        assert!(!reason.is_empty());
    }
    for end in 0..valid.len() {
        assert!(Payload::parse(&valid[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_field_given_twice_is_refused() {
    let valid = serde_json::to_string(&tutorial()).unwrap();
    let twice = valid.replacen('{', "{\"thread_id\":\"other\",", 1);
    assert_eq!(
        fault(twice.as_bytes()),
        ("thread_id".into(), "is given more than once".into())
    );
}

#[test]
fn bytes_that_are_no_utf8_are_refused_wherever_they_stand() {
    let mut value = tutorial();
    value["unknown"] = json!("unknown");
    let valid = serde_json::to_vec(&value).unwrap();
    for at in 0..valid.len() {
        let mut body = valid.clone();
        body[at] = 0xFF;
        let (path, reason) = fault(&body);
        assert_eq!(path, ".");
        assert_eq!(reason, format!("is not UTF-8 (at byte {at})"));
    }
}

#[test]
fn half_a_surrogate_pair_is_named_with_its_path() {
    let valid = serde_json::to_string(&tutorial()).unwrap();
    for half in ["\\ud83d", "\\ude00", "\\ud83d\\ud83d", "\\ud83dx"] {
        let body = valid.replace("This is a test", half);
        let (path, reason) = fault(body.as_bytes());
        assert_eq!(path, "messages[0].text");
        assert!(
            reason.contains("half of a surrogate pair"),
            "{half}: {reason}"
        );
    }
}

#[test]
fn nesting_has_its_greatest_depth_in_unknown_fields_too() {
    let nested = |levels: usize| {
        let value = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let valid = serde_json::to_string(&tutorial()).unwrap();
        valid
            .replacen('{', &format!("{{\"unknown\":{value},"), 1)
            .into_bytes()
    };
    assert!(Payload::parse(&nested(31)).is_ok());
    let (path, reason) = fault(&nested(32));
    assert_eq!(
        (path.as_str(), reason.as_str()),
        (".", "must not nest deeper than 32 levels")
    );
    assert_eq!(fault(&nested(100_000)).0, ".");
    // Many objects side by side, and brackets inside of a string, are not deep.
    let mut flat = tutorial();
    flat["unknown"] = json!(vec![json!({"a": "[[[{{{\\\"[[["}); 500]);
    assert!(parse(&flat).is_ok());
}

#[test]
fn the_latest_message_is_the_customers_latest() {
    let message =
        |text: &str, from: &str, at: &str| json!({"text": text, "from_id": from, "timestamp": at});
    let latest = |messages: Value| {
        let payload = parse(&changed("/messages", Some(messages))).unwrap();
        payload.latest_message().text.clone()
    };
    let customer = "fb_user_98765";
    let unordered = json!([
        message("new", customer, "2026-11-22T09:48:02Z"),
        message("old", customer, "2026-11-22T09:48:01Z"),
        message("agent's", "agent", "2026-11-22T09:48:03Z"),
    ]);
    assert_eq!(latest(unordered), "new");
    let tie = json!([
        message("first", customer, "2026-11-22T09:48:00Z"),
        message("second", customer, "2026-11-22T10:48:00+01:00"),
    ]);
    assert_eq!(latest(tie), "second");
    let others = json!([
        message("later", "a", "2026-11-22T09:48:02Z"),
        message("earlier", "b", "2026-11-22T09:48:01Z"),
    ]);
    assert_eq!(latest(others), "later");
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(payload in any::payload()) {
        let read = parse(&payload).unwrap();
        prop_assert_eq!(serde_json::to_value(read).unwrap(), payload);
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Payload::parse(&body).is_err());
    }

    /// Put anywhere, a value that fits nowhere gives an error that doesn't hold it.
    #[test]
    fn an_error_never_holds_what_was_sent(
        field in 0..REQUIRED.len(),
        secret in "[a-z]{12}",
        kind in 0..7,
    ) {
        let wrong = match kind {
            0 => json!(format!("{secret}, expected {secret}")),
            1 => json!(format!("{secret} at line 1 column 1")),
            2 => json!(format!("`, expected `{secret}`")),
            3 => json!({&*secret: &*secret}),
            4 => json!([&*secret]),
            5 => json!([[&*secret]]),
            _ => json!([{&*secret: &*secret}]),
        };
        let (pointer, _) = REQUIRED[field];
        if let Err(error) = parse(&changed(pointer, Some(wrong))) {
            prop_assert!(!error.to_string().contains(&secret), "{}", error);
        }
        // A key from outside is no part of a path either.
        let body = serde_json::to_string(&tutorial()).unwrap();
        let body = body.replacen('{', &format!("{{\"{secret}\":{{\"{secret}\":[tru]}},"), 1);
        let error = Payload::parse(body.as_bytes()).err().unwrap();
        prop_assert!(!error.to_string().contains(&secret), "{}", error);
    }
}
