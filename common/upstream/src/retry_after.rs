//! The `Retry-After` header, RFC 9110 section 10.2.3.

use std::time::Duration;

use jiff::Timestamp;

/// An upstream that asks for more is taken to have asked for this: a day. A malformed clock must
/// not put an interaction off for years.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);

/// How long to wait from `now`, from whole seconds or an HTTP date (all three forms of the RFC).
///
/// A date in the past is no wait; one further away than [`LONGEST_RETRY_AFTER`] is that; anything
/// else that isn't the header's grammar is `None`. A date counts to its last instant, since it has
/// no fractions: waiting "until" it never ends early.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let asked = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // Digits that overflow are more seconds than anybody can wait.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let date = Timestamp::try_from(httpdate::parse_http_date(value).ok()?).ok()?;
        date.duration_since(now).try_into().unwrap_or_default()
    };
    Some(asked.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T09:48:00Z".parse().unwrap()
    }

    #[test]
    fn both_forms_are_read() {
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(retry_after("120", now()), seconds(120));
        assert_eq!(retry_after(" 7 ", now()), seconds(7));
        assert_eq!(
            retry_after("Sun, 22 Nov 2026 09:49:30 GMT", now()),
            seconds(90)
        );
        assert_eq!(
            retry_after("Sunday, 22-Nov-26 09:48:05 GMT", now()),
            seconds(5)
        );
    }

    #[test]
    fn a_past_date_is_no_wait() {
        let past = "Sun, 22 Nov 2020 09:49:30 GMT";
        assert_eq!(retry_after(past, now()), Some(Duration::ZERO));
    }

    #[test]
    fn an_absurd_wait_is_a_day() {
        for absurd in [
            "999999999",
            "99999999999999999999999999",
            "Fri, 22 Nov 2126 09:49:30 GMT",
        ] {
            assert_eq!(retry_after(absurd, now()), Some(LONGEST_RETRY_AFTER));
        }
    }

    #[test]
    fn what_is_malformed_is_no_wait_at_all() {
        for malformed in ["", " ", "-1", "+1", "1.5", "1s", "soon", "2026-11-22", "１"] {
            assert_eq!(retry_after(malformed, now()), None, "{malformed:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            if let Some(wait) = retry_after(&text, now()) {
                prop_assert!(wait <= LONGEST_RETRY_AFTER);
            }
        }

        #[test]
        fn seconds_and_the_date_that_many_seconds_away_are_the_same(seconds in 0..86_400_u64) {
            let at = std::time::SystemTime::from(now()) + Duration::from_secs(seconds);
            let wait = Some(Duration::from_secs(seconds));
            prop_assert_eq!(retry_after(&seconds.to_string(), now()), wait);
            prop_assert_eq!(retry_after(&httpdate::fmt_http_date(at), now()), wait);
        }
    }
}
