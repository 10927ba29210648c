//! The sandbox's one clock.

/// Milliseconds since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "a test tool's server stamps its calls with the real clock, here only"
)]
pub(crate) fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

fn timestamp(ms: u64) -> jiff::Timestamp {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or(jiff::Timestamp::MAX)
}

/// RFC 3339 in whole seconds, UTC.
pub(crate) fn rfc3339(ms: u64) -> String {
    timestamp(ms / 1000 * 1000).to_string()
}

/// The fixed-length form of HTTP's date (RFC 9110, section 5.6.7).
pub(crate) fn http_date(ms: u64) -> String {
    timestamp(ms)
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_has_the_form_of_rfc_9110() {
        assert_eq!(http_date(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_timestamp_is_rfc_3339_in_whole_seconds() {
        assert_eq!(rfc3339(784_111_777_456), "1994-11-06T08:49:37Z");
    }
}
