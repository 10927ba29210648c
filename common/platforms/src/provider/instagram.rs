//! Instagram: a long-lived token is refreshed.
//!
//! <https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token>

use jiff::{SignedDuration, Timestamp};
use reqwest::RequestBuilder;
use secrets::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Fresh, Provider, Trouble, Verdict, join, meta};

/// A younger token isn't refreshed.
const LEAST_AGE: SignedDuration = SignedDuration::from_hours(24);

/// `GET /refresh_access_token`.
#[derive(Deserialize)]
pub struct Instagram {
    access_token: SecretString,
    #[serde(default = "base_url")]
    base_url: String,
}

fn base_url() -> String {
    "https://graph.instagram.com".into()
}

impl Provider for Instagram {
    fn call(&self) -> &'static str {
        "GET /refresh_access_token"
    }

    fn url(&self) -> String {
        join(&self.base_url, "/refresh_access_token")
    }

    fn request(&self, http: &reqwest::Client) -> RequestBuilder {
        http.get(self.url()).query(&[
            ("grant_type", "ig_refresh_token"),
            ("access_token", self.access_token.expose_secret()),
        ])
    }

    fn fresh(&self, body: &[u8], now: Timestamp) -> Option<Fresh> {
        meta::fresh(body, now)
    }

    fn verdict(&self, body: &[u8]) -> Option<Verdict> {
        meta::verdict(body)
    }

    /// The former token goes on working until it runs out.
    fn is_single_use(&self) -> bool {
        false
    }

    fn check(
        &self,
        issued_at: Timestamp,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        meta::still_lives(expires_at, now)?;
        if now.duration_since(issued_at) < LEAST_AGE {
            let reason =
                "the token is less than 24 hours old, and Instagram refreshes none that is";
            return Err(Trouble::Later(reason.into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_refreshed_from_24_hours_of_age_to_its_end() {
        let token: Instagram = serde_json::from_str(r#"{"access_token":"t"}"#).unwrap();
        let issued_at = Timestamp::UNIX_EPOCH;
        let expires_at = issued_at + SignedDuration::from_hours(48);
        let at = |hours| {
            token.check(
                issued_at,
                expires_at,
                issued_at + SignedDuration::from_hours(hours),
            )
        };
        assert!(matches!(at(23), Err(Trouble::Later(_))));
        assert_eq!(at(24), Ok(()));
        assert_eq!(at(47), Ok(()));
        assert!(matches!(at(48), Err(Trouble::Refused(_))));
    }
}
