//! Facebook: a long-lived user token is exchanged for another.
//!
//! <https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived>

use jiff::Timestamp;
use reqwest::RequestBuilder;
use secrets::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Fresh, Provider, Trouble, Verdict, join, meta};

/// `GET /{version}/oauth/access_token`.
#[derive(Deserialize)]
pub struct Facebook {
    access_token: SecretString,
    /// The Graph API's version, such as `v23.0`.
    version: String,
    client_id: String,
    client_secret: SecretString,
    #[serde(default = "base_url")]
    base_url: String,
}

fn base_url() -> String {
    "https://graph.facebook.com".into()
}

impl Provider for Facebook {
    fn call(&self) -> &'static str {
        "GET /{version}/oauth/access_token"
    }

    fn url(&self) -> String {
        join(
            &self.base_url,
            &format!("/{}/oauth/access_token", self.version),
        )
    }

    fn request(&self, http: &reqwest::Client) -> RequestBuilder {
        http.get(self.url()).query(&[
            ("grant_type", "fb_exchange_token"),
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.expose_secret()),
            ("fb_exchange_token", self.access_token.expose_secret()),
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

    fn check(&self, _: Timestamp, expires_at: Timestamp, now: Timestamp) -> Result<(), Trouble> {
        meta::still_lives(expires_at, now)
    }
}
