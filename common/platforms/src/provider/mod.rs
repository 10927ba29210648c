//! The social platforms' token endpoints behind one seam: how to ask for a fresh token, and what
//! an answer means. A further kind of provider is a further file here and a line in [`Kind`].

mod facebook;
mod instagram;
mod meta;
mod token_rotation;
mod x;

use jiff::{SignedDuration, Timestamp};
use reqwest::{RequestBuilder, StatusCode};
use runtime::clock;
use secrets::{ExposeSecret as _, SecretError, SecretString};
use serde::Deserialize;
use upstream::Failure;

pub use facebook::Facebook;
pub use instagram::Instagram;
pub use token_rotation::TokenRotation;
pub use x::X;

/// The longest answer that is read; a token's is a few hundred bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// A provider, with what it needs to exchange the current token. All functions are pure.
pub trait Provider: Send + Sync {
    /// Method and path, for errors and logs.
    fn call(&self) -> &'static str;

    /// The address that is called, without credentials.
    fn url(&self) -> String;

    /// Asks for a fresh token.
    fn request(&self, http: &reqwest::Client) -> RequestBuilder;

    /// Reads a successful answer; `None` where it isn't what it must be.
    fn fresh(&self, body: &[u8], now: Timestamp) -> Option<Fresh>;

    /// What the provider's error code means; `None` where the body holds none that is known.
    fn verdict(&self, body: &[u8]) -> Option<Verdict>;

    /// Whether an exchange uses the current token up, so that it must not be sent twice.
    fn is_single_use(&self) -> bool;

    /// Why the current token can't be exchanged now, as the provider's rules have it.
    fn check(
        &self,
        _issued_at: Timestamp,
        _expires_at: Timestamp,
        _now: Timestamp,
    ) -> Result<(), Trouble> {
        Ok(())
    }
}

/// The kinds of providers, by the field `provider` of a platform's secret.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    TokenRotation,
    Facebook,
    Instagram,
    X,
}

impl Kind {
    /// Reads the kind's own fields of a platform's secret.
    ///
    /// # Errors
    /// [`SecretError::Malformed`] with the field at fault.
    pub fn provider(self, secret: &str, json: &str) -> Result<Box<dyn Provider>, SecretError> {
        Ok(match self {
            Self::TokenRotation => Box::new(secrets::parse::<TokenRotation>(secret, json)?),
            Self::Facebook => Box::new(secrets::parse::<Facebook>(secret, json)?),
            Self::Instagram => Box::new(secrets::parse::<Instagram>(secret, json)?),
            Self::X => Box::new(secrets::parse::<X>(secret, json)?),
        })
    }
}

/// What an exchange brought.
pub struct Fresh {
    pub access_token: SecretString,
    /// Where the provider gives a new one each time.
    pub refresh_token: Option<SecretString>,
    pub expires_at: Timestamp,
}

/// What an error code means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The code as the provider's documentation has it.
    pub code: String,
    /// Only a person can mend it; otherwise it passes.
    pub is_final: bool,
}

/// Why there is no fresh token. The variant is the decision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The provider did nothing: the current token is as good as before.
    #[error("{0}")]
    Later(String),
    /// The provider may have done it, and its answer is lost.
    #[error("{0}")]
    Lost(String),
    /// The provider refuses, and will again: a person must authorise anew.
    #[error("{0}")]
    Refused(String),
}

/// Exchanges the current token.
pub async fn exchange(provider: &dyn Provider, http: &reqwest::Client) -> Result<Fresh, Trouble> {
    let call = provider.call();
    let broken = |error: reqwest::Error| match upstream::transport(call, &error) {
        Failure::Retryable {
            sure: true, reason, ..
        } => Trouble::Later(reason.to_string()),
        failure => Trouble::Lost(failure.to_string()),
    };
    let mut response = provider.request(http).send().await.map_err(broken)?;
    let status = response.status();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LONGEST_ANSWER => body.extend(chunk),
            Ok(None) => break,
            // The status of a refusal says enough.
            _ if !status.is_success() => break,
            Ok(Some(_)) => return Err(Trouble::Lost(format!("{call} answered at great length"))),
            Err(error) => return Err(broken(error)),
        }
    }
    if !status.is_success() {
        return Err(refusal(call, status, provider.verdict(&body)));
    }
    let lost = || Trouble::Lost(format!("{call} answered {status} without a token"));
    let fresh = provider.fresh(&body, clock::now()).ok_or_else(lost)?;
    if fresh.access_token.expose_secret().is_empty() {
        return Err(lost());
    }
    Ok(fresh)
}

/// What an answer that is no success means: its code where that is known, else its status.
fn refusal(call: &str, status: StatusCode, verdict: Option<Verdict>) -> Trouble {
    let number = status.as_u16();
    match verdict {
        Some(Verdict {
            code,
            is_final: true,
        }) => Trouble::Refused(format!("{call} answered {number} ({code})")),
        Some(Verdict {
            code,
            is_final: false,
        }) => Trouble::Later(format!("{call} answered {number} ({code})")),
        None => {
            let reason = format!("{call} answered {number}");
            match number {
                // Both say that the request wasn't served.
                429 | 503 => Trouble::Later(reason),
                408 | 500..=599 => Trouble::Lost(reason),
                _ => Trouble::Refused(reason),
            }
        }
    }
}

/// When a token runs out that lives for so many seconds; `default` where the answer doesn't say.
fn expiry(now: Timestamp, expires_in: Option<i64>, default: SignedDuration) -> Timestamp {
    const TEN_YEARS: i64 = 10 * 366 * 24 * 3600;
    let told = expires_in.filter(|seconds| (1..=TEN_YEARS).contains(seconds));
    now + told.map_or(default, SignedDuration::from_secs)
}

/// A base URL and a path.
fn join(base_url: &str, path: &str) -> String {
    format!("{}{path}", base_url.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_code_decides_and_else_the_status() {
        let verdict = |is_final| {
            Some(Verdict {
                code: "190".into(),
                is_final,
            })
        };
        let of =
            |status, verdict| refusal("GET /x", StatusCode::from_u16(status).unwrap(), verdict);
        assert!(matches!(of(500, verdict(true)), Trouble::Refused(_)));
        assert!(matches!(of(400, verdict(false)), Trouble::Later(_)));
        for (status, expected) in [
            (429, "later"),
            (503, "later"),
            (408, "lost"),
            (500, "lost"),
            (502, "lost"),
            (504, "lost"),
            (400, "refused"),
            (401, "refused"),
            (302, "refused"),
        ] {
            let kind = match of(status, None) {
                Trouble::Later(_) => "later",
                Trouble::Lost(_) => "lost",
                Trouble::Refused(_) => "refused",
            };
            assert_eq!(kind, expected, "{status}");
        }
    }

    #[test]
    fn an_absurd_life_is_taken_as_the_default() {
        let now = Timestamp::UNIX_EPOCH;
        let default = SignedDuration::from_hours(1);
        for absurd in [None, Some(0), Some(-5), Some(i64::MAX)] {
            assert_eq!(expiry(now, absurd, default), now + default);
        }
        assert_eq!(
            expiry(now, Some(60), default),
            now + SignedDuration::from_secs(60)
        );
    }
}
