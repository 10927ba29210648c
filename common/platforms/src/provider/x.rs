//! X: OAuth 2 with refresh tokens that work once.
//!
//! <https://docs.x.com/resources/fundamentals/authentication/oauth-2-0/authorization-code>

use jiff::{SignedDuration, Timestamp};
use reqwest::RequestBuilder;
use secrets::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Fresh, Provider, Verdict, expiry, join};

/// An access token's life where the answer doesn't say.
const LIFE: SignedDuration = SignedDuration::from_hours(2);

/// `POST /2/oauth2/token`.
#[derive(Deserialize)]
pub struct X {
    refresh_token: SecretString,
    client_id: String,
    client_secret: SecretString,
    #[serde(default = "base_url")]
    base_url: String,
}

fn base_url() -> String {
    "https://api.x.com".into()
}

impl Provider for X {
    fn call(&self) -> &'static str {
        "POST /2/oauth2/token"
    }

    fn url(&self) -> String {
        join(&self.base_url, "/2/oauth2/token")
    }

    fn request(&self, http: &reqwest::Client) -> RequestBuilder {
        http.post(self.url())
            .basic_auth(&self.client_id, Some(self.client_secret.expose_secret()))
            .form(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", self.refresh_token.expose_secret()),
            ])
    }

    fn fresh(&self, body: &[u8], now: Timestamp) -> Option<Fresh> {
        #[derive(Deserialize)]
        struct Refreshed {
            access_token: SecretString,
            refresh_token: SecretString,
            expires_in: Option<i64>,
        }
        let refreshed: Refreshed = serde_json::from_slice(body).ok()?;
        Some(Fresh {
            access_token: refreshed.access_token,
            refresh_token: Some(refreshed.refresh_token),
            expires_at: expiry(now, refreshed.expires_in, LIFE),
        })
    }

    /// The codes of RFC 6749, 5.2, in the field `error`.
    fn verdict(&self, body: &[u8]) -> Option<Verdict> {
        const FINAL: [&str; 6] = [
            "invalid_client",
            "invalid_grant",
            "invalid_request",
            "invalid_scope",
            "unauthorized_client",
            "unsupported_grant_type",
        ];
        const PASSING: [&str; 1] = ["temporarily_unavailable"];
        #[derive(Deserialize)]
        struct Body {
            error: String,
        }
        let Body { error } = serde_json::from_slice(body).ok()?;
        let known = |codes: &[&str]| codes.contains(&error.as_str());
        let is_final = known(&FINAL);
        (is_final || known(&PASSING)).then_some(Verdict {
            code: error,
            is_final,
        })
    }

    /// A refresh token sent a second time kills all that came from it.
    fn is_single_use(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_decides_whatever_the_description_says() {
        let x: X =
            serde_json::from_str(r#"{"refresh_token":"r","client_id":"i","client_secret":"s"}"#)
                .unwrap();
        let of = |body: &str| x.verdict(body.as_bytes()).map(|verdict| verdict.is_final);
        assert_eq!(
            of(r#"{"error":"invalid_request","error_description":"try again"}"#),
            Some(true)
        );
        assert_eq!(of(r#"{"error":"temporarily_unavailable"}"#), Some(false));
        assert_eq!(of(r#"{"error":"something_new"}"#), None);
        assert_eq!(of(r#"{"title":"Too Many Requests"}"#), None);
    }
}
