//! Strategies for valid payloads, and the tutorial's own as JSON to start from.

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

pub fn tutorial() -> Value {
    json!({
        "contact_id": "social_3f2a9c1d7e04",
        "thread_id": "thread_8b1e0f5a2c77",
        "social_profile": {
            "platform": "facebook",
            "user_id": "fb_user_98765",
            "display_name": "Test Customer",
            "avatar_url": "https://example.com/avatar.png",
        },
        "messages": [{
            "text": "This is a test message with neutral sentiment.",
            "from_id": "fb_user_98765",
            "timestamp": "2026-11-22T09:48:00Z",
        }],
        "media_attachments": [{
            "url": "https://example.com/image.png",
            "media_type": "image/png",
            "size_bytes": 24500,
        }],
        "event_timestamp": "2026-11-22T09:48:00Z",
    })
}

/// Characters of every kind, those that JSON escapes and those that SQS refuses among them.
pub fn text(max: usize) -> impl Strategy<Value = String> {
    let char = prop_oneof![
        8 => any::<char>(),
        1 => Just('\u{FFFE}'),
        1 => Just('\u{FFFF}'),
        1 => proptest::char::range('\0', '\u{1f}'),
        1 => Just('"'),
        1 => Just('\\'),
    ];
    vec(char, 1..=max).prop_map(|chars| chars.into_iter().collect())
}

/// The years 0000 to 9999, to the nanosecond.
pub fn timestamp() -> impl Strategy<Value = Timestamp> {
    let seconds = -62_167_219_200_i64..=253_402_207_200;
    (seconds, 0..=999_999_999_i32).prop_filter_map("past the last instant", |(s, ns)| {
        Timestamp::new(s, ns)
            .ok()
            .filter(|t| t.as_second() >= -62_167_219_200)
    })
}

prop_compose! {
    fn message()(text in text(200), from_id in text(20), timestamp in timestamp()) -> Value {
        json!({"text": text, "from_id": from_id, "timestamp": timestamp})
    }
}

prop_compose! {
    fn attachment()(
        url in text(60),
        media_type in text(20),
        size_bytes in 0..=interaction::json::MAX_WHOLE_NUMBER,
    ) -> Value {
        json!({"url": url, "media_type": media_type, "size_bytes": size_bytes})
    }
}

prop_compose! {
    fn profile()(
        platform in text(20),
        user_id in text(20),
        display_name in text(20),
        avatar_url in option::of(text(60)),
    ) -> Value {
        let mut profile =
            json!({"platform": platform, "user_id": user_id, "display_name": display_name});
        if let Some(url) = avatar_url {
            profile["avatar_url"] = json!(url);
        }
        profile
    }
}

prop_compose! {
    /// A valid body, as this crate itself would write it.
    pub fn payload()(
        contact_id in text(30),
        thread_id in text(30),
        social_profile in profile(),
        messages in vec(message(), 1..5),
        media_attachments in vec(attachment(), 0..3),
        event_timestamp in timestamp(),
    ) -> Value {
        json!({
            "contact_id": contact_id,
            "thread_id": thread_id,
            "social_profile": social_profile,
            "messages": messages,
            "media_attachments": media_attachments,
            "event_timestamp": event_timestamp,
        })
    }
}
