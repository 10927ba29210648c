//! RFC 3339 timestamps, with or without an offset.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, de};

/// Reads an RFC 3339 timestamp; one without an offset is taken as UTC, which is what Python's
/// `datetime.utcnow().isoformat()` leaves out.
pub fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    let local = text.parse::<DateTime>().ok()?;
    Offset::UTC.to_timestamp(local).ok()
}

/// For `#[serde(deserialize_with)]`. The error does not repeat the value.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| {
        de::Error::custom("must be an RFC 3339 timestamp such as 2026-11-22T09:48:00Z")
    })
}
