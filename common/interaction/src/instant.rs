//! RFC 3339 timestamps, with or without an offset.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};

/// RFC 3339 has no year before 0000; in seconds since 1970.
const YEAR_0: i64 = -62_167_219_200;

/// Reads an RFC 3339 timestamp such as `2026-11-22T09:48:00.5+01:00`. Beyond the RFC it takes
///
/// - no offset, as UTC: what Python's `datetime.utcnow().isoformat()` writes;
/// - an offset without its colon (`+0000`): what Facebook's Graph API writes.
///
/// A fraction is cut to nanoseconds, and a leap second is taken for the second before it.
pub fn parse(text: &str) -> Option<Timestamp> {
    // What jiff itself reads is far wider: dates alone, weeks, basic format, time zone names.
    let (date_time, rest) = text.split_at_checked(19)?;
    if !looks_like(date_time, "0000-00-00T00:00:00") {
        return None;
    }
    let (fraction, offset) = match rest.strip_prefix('.') {
        None => ("0", rest),
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
    };
    let known = ["", "Z", "+00:00", "+0000"];
    if fraction.is_empty() || !known.iter().any(|shape| looks_like(offset, shape)) {
        return None;
    }
    let offset = if offset.is_empty() { "Z" } else { offset };
    let timestamp: Timestamp = format!("{date_time}.{fraction:.9}{offset}").parse().ok()?;
    (timestamp.as_second() >= YEAR_0).then_some(timestamp)
}

/// Whether `text` has the shape: `0` is any digit, `+` a sign, `T` the separator of date and time.
fn looks_like(text: &str, shape: &str) -> bool {
    let fits = |(byte, shape): (u8, u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'+' => byte == b'+' || byte == b'-',
        b'T' => matches!(byte, b'T' | b't' | b' '),
        b'Z' => byte == b'Z' || byte == b'z',
        other => byte == other,
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}

/// For `#[serde(deserialize_with)]`. The error does not repeat the value.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = <Cow<'de, str>>::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| {
        de::Error::custom("must be an RFC 3339 timestamp such as 2026-11-22T09:48:00Z")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> String {
        parse(text)
            .unwrap_or_else(|| panic!("{text} is refused"))
            .to_string()
    }

    #[test]
    fn an_instant_is_the_same_however_it_is_written() {
        for same in [
            "2026-11-22T09:48:00Z",
            "2026-11-22t09:48:00z",
            "2026-11-22 09:48:00",
            "2026-11-22T09:48:00",
            "2026-11-22T09:48:00.000000",
            "2026-11-22T09:48:00+00:00",
            "2026-11-22T09:48:00-00:00",
            "2026-11-22T09:48:00+0000",
            "2026-11-22T10:48:00+01:00",
            "2026-11-22T04:18:00-0530",
        ] {
            assert_eq!(utc(same), "2026-11-22T09:48:00Z", "{same}");
        }
    }

    #[test]
    fn a_fraction_is_cut_to_nanoseconds() {
        assert_eq!(utc("2026-11-22T09:48:00.5"), "2026-11-22T09:48:00.5Z");
        let long = "2026-11-22T09:48:00.1234567899999999999999999Z";
        assert_eq!(utc(long), "2026-11-22T09:48:00.123456789Z");
    }

    #[test]
    fn a_leap_second_is_the_second_before_it() {
        assert_eq!(utc("2016-12-31T23:59:60Z"), "2016-12-31T23:59:59Z");
    }

    #[test]
    fn what_is_no_rfc_3339_timestamp_is_refused() {
        for not in [
            "",
            "yesterday",
            "2026-11-22",
            "2026-11-22T09:48Z",
            "2026-11-22T09:48:00.Z",
            "2026-11-22T09:48:00 Z",
            "2026-11-22T09:48:00+01",
            "2026-11-22T09:48:00+01:00[Europe/Berlin]",
            "2026-11-22T24:00:00Z",
            "2026-13-22T09:48:00Z",
            "2026-02-29T09:48:00Z",
            "20261122T094800Z",
            "2026-W47-7T09:48:00Z",
            "+002026-11-22T09:48:00Z",
            "1763804880",
            "2026-11-22T09:48:00\u{0}",
            "２０２６-11-22T09:48:00Z",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-23:59",
        ] {
            assert!(parse(not).is_none(), "{not} is taken");
        }
    }
}
