//! Why a call failed. The variant is the decision; nobody looks at texts afterwards.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::retry_after::retry_after;

/// Why a call failed, and by that what comes next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A time-out, a reset, 408, 409 (the first try with this key is still running), 5xx, or an
    /// answer that can't be read: try again later.
    #[error("{reason}")]
    Retryable {
        /// The shortest wait that the upstream asked for.
        retry_after: Option<Duration>,
        /// The upstream certainly did nothing, since the request never reached it. Where it is
        /// false, another call may do the work a second time.
        sure: bool,
        reason: Reason,
    },
    /// 429: try again after the wait, never sooner. The upstream did nothing.
    #[error("{reason}")]
    RateLimited {
        retry_after: Option<Duration>,
        reason: Reason,
    },
    /// Another 4xx, or a 3xx: the same request will never do.
    #[error("{reason}")]
    Permanent { reason: Reason },
    /// 403: permanent for this item, but several in a row mean that the client lacks a right.
    #[error("{reason}")]
    Forbidden { reason: Reason },
    /// The own rate limit has no slot for a call's next request soon enough. It says nothing about
    /// the item nor about the upstream, which did none of the work yet.
    #[error("{reason}")]
    NoSlot { reason: Reason },
    /// No token to be had, or 401 with a fresh one. It says nothing about the item.
    #[error("{reason}")]
    Credentials { reason: Reason },
}

impl Failure {
    pub fn reason(&self) -> &Reason {
        match self {
            Self::Retryable { reason, .. }
            | Self::RateLimited { reason, .. }
            | Self::Permanent { reason }
            | Self::Forbidden { reason }
            | Self::NoSlot { reason }
            | Self::Credentials { reason } => reason,
        }
    }

    /// Says more exactly what to fix, such as the scope that a 403 calls for. It must hold no
    /// secret and nothing of the upstream's body.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        match &mut self {
            Self::Retryable { reason, .. }
            | Self::RateLimited { reason, .. }
            | Self::Permanent { reason }
            | Self::Forbidden { reason }
            | Self::NoSlot { reason }
            | Self::Credentials { reason } => reason.detail = detail.into(),
        }
        self
    }

    /// Whether it says that the upstream is down or refuses the client, rather than something about
    /// one request. The breaker counts these.
    pub fn blames_the_upstream(&self) -> bool {
        match self {
            // A 409 says that the upstream is at work on the first try.
            Self::Retryable { reason, .. } => reason.status != Some(409),
            Self::Forbidden { .. } | Self::Credentials { .. } => true,
            Self::RateLimited { .. } | Self::Permanent { .. } | Self::NoSlot { .. } => false,
        }
    }

    /// The variant as a short word for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Retryable { .. } => "retryable",
            Self::RateLimited { .. } => "rate-limited",
            Self::Permanent { .. } => "permanent",
            Self::Forbidden { .. } => "forbidden",
            Self::NoSlot { .. } => "no-slot",
            Self::Credentials { .. } => "credentials",
        }
    }
}

/// What a person needs in order to mend it. Holds no secret and no customer's words: an upstream's
/// body, which may repeat the request, never gets in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Method and path, such as `POST /api/v2/routing/tasks`.
    pub call: &'static str,
    pub status: Option<u16>,
    pub detail: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{} answered {status}: {}", self.call, self.detail),
            None => write!(f, "{}: {}", self.call, self.detail),
        }
    }
}

/// Decides on an answer that is no success. A 401 is taken as final: ask only after a second try
/// with a fresh token.
pub fn classify(
    call: &'static str,
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
) -> Failure {
    let wait = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| retry_after(value, now));
    let reason = |detail: &str| Reason {
        call,
        status: Some(status.as_u16()),
        detail: detail.into(),
    };
    match status.as_u16() {
        401 => Failure::Credentials {
            reason: reason("the credentials were refused"),
        },
        403 => Failure::Forbidden {
            reason: reason("the client lacks a right that this call needs"),
        },
        408 => Failure::Retryable {
            retry_after: wait,
            sure: false,
            reason: reason("the upstream gave up waiting for the request"),
        },
        409 => Failure::Retryable {
            retry_after: wait,
            sure: false,
            reason: reason("an earlier try with this key is still running"),
        },
        429 => Failure::RateLimited {
            retry_after: wait,
            reason: reason("over the upstream's rate limit"),
        },
        300..=399 => Failure::Permanent {
            reason: reason("a redirect, which is not followed; check the base URL"),
        },
        400..=499 => Failure::Permanent {
            reason: reason(status.canonical_reason().unwrap_or("refused")),
        },
        _ => Failure::Retryable {
            retry_after: wait,
            sure: false,
            reason: reason(status.canonical_reason().unwrap_or("not a success")),
        },
    }
}

/// Decides on a call that brought no answer. Only where no connection came about is it sure that
/// the upstream did nothing.
pub fn transport(call: &'static str, error: &reqwest::Error) -> Failure {
    // A connect time-out is both; what counts is that nothing was sent.
    let sure = error.is_connect() || error.is_builder();
    let detail = if error.is_builder() {
        "the request could not be built; check the URL and the credential's characters"
    } else if error.is_connect() {
        "no connection; check the base URL, DNS and TLS"
    } else if error.is_timeout() {
        "no answer in time"
    } else if error.is_decode() || error.is_body() {
        "the answer could not be read"
    } else {
        "the connection broke before the answer"
    };
    Failure::Retryable {
        retry_after: None,
        sure,
        reason: Reason {
            call,
            status: None,
            detail: detail.into(),
        },
    }
}

/// A success whose body isn't what it must be. The work was probably done, so another try under
/// the same key finds out.
pub fn unreadable(call: &'static str, status: StatusCode, expected: &str) -> Failure {
    Failure::Retryable {
        retry_after: None,
        sure: false,
        reason: Reason {
            call,
            status: Some(status.as_u16()),
            detail: format!("the answer is not {expected}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::net::TcpListener;

    use super::*;

    const CALL: &str = "POST /api/v2/routing/tasks";

    fn now() -> Timestamp {
        "2026-11-22T09:48:00Z".parse().unwrap()
    }

    fn answer(status: u16, headers: &HeaderMap) -> Failure {
        classify(CALL, StatusCode::from_u16(status).unwrap(), headers, now())
    }

    #[test]
    fn each_status_has_its_decision() {
        let expected = [
            ("credentials", vec![401]),
            ("forbidden", vec![403]),
            ("rate-limited", vec![429]),
            ("retryable", vec![408, 409, 500, 502, 503, 504, 520]),
            (
                "permanent",
                vec![301, 302, 400, 404, 405, 410, 413, 422, 451],
            ),
        ];
        for (kind, statuses) in expected {
            for status in statuses {
                assert_eq!(answer(status, &HeaderMap::new()).kind(), kind, "{status}");
            }
        }
    }

    #[test]
    fn an_outage_and_a_missing_right_blame_the_upstream_and_a_bad_request_does_not() {
        for (blamed, statuses) in [
            (true, vec![401, 403, 408, 500, 502, 503, 504]),
            (false, vec![400, 404, 409, 422, 429]),
        ] {
            for status in statuses {
                let failure = answer(status, &HeaderMap::new());
                assert_eq!(failure.blames_the_upstream(), blamed, "{status}");
            }
        }
    }

    #[test]
    fn a_wait_is_read_from_429_and_503() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "17".parse().unwrap())]);
        for status in [429, 503] {
            match answer(status, &headers) {
                Failure::RateLimited { retry_after, .. }
                | Failure::Retryable { retry_after, .. } => {
                    assert_eq!(retry_after, Some(Duration::from_secs(17)));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_reason_reads_as_a_sentence() {
        let failure = answer(403, &HeaderMap::new()).because("the client lacks task:write");
        assert_eq!(
            failure.to_string(),
            "POST /api/v2/routing/tasks answered 403: the client lacks task:write"
        );
    }

    #[tokio::test]
    async fn a_refused_connection_is_sure_and_a_silent_server_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let client = reqwest::Client::builder()
            .timeout(Duration::from_millis(100))
            .tls_certs_only([])
            .build()
            .unwrap();
        let silent = client.get(&url).send().await.unwrap_err();
        assert!(matches!(
            transport(CALL, &silent),
            Failure::Retryable { sure: false, .. }
        ));
        drop(listener);
        let refused = client.get(&url).send().await.unwrap_err();
        assert!(matches!(
            transport(CALL, &refused),
            Failure::Retryable { sure: true, .. }
        ));
    }

    proptest! {
        #[test]
        fn every_failing_status_has_a_decision_and_only_a_4xx_or_3xx_is_final(
            status in 300..1000_u16,
        ) {
            let failure = answer(status, &HeaderMap::new());
            if matches!(failure, Failure::Permanent { .. } | Failure::Forbidden { .. }) {
                prop_assert!((300..500).contains(&status));
            }
            prop_assert_eq!(failure.reason().status, Some(status));
        }
    }
}
