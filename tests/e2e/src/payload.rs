//! Webhook bodies.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

/// The message that the tutorial's simulator sends.
pub const NEUTRAL: &str = "This is a test message with neutral sentiment.";

/// A valid body with one message of its own contact and thread; each call makes another
/// interaction.
pub fn webhook(text: &str) -> Value {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = runtime::clock::now().to_string();
    json!({
        "contact_id": format!("social_{number:012x}"),
        "thread_id": format!("thread_{number:012x}"),
        "social_profile": {
            "platform": "facebook",
            "user_id": "fb_user_98765",
            "display_name": "Test Customer",
            "avatar_url": "https://example.com/avatar.png"
        },
        "messages": [{"text": text, "from_id": "fb_user_98765", "timestamp": now}],
        "media_attachments": [{"url": "https://example.com/image.png", "media_type": "image/png", "size_bytes": 24500}],
        "event_timestamp": now
    })
}

/// A second message of the same contact and thread as `earlier`.
pub fn reply(earlier: &Value, text: &str) -> Value {
    let mut next = webhook(text);
    for field in ["contact_id", "thread_id", "social_profile"] {
        next[field] = earlier[field].clone();
    }
    next
}
