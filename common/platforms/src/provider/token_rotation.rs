//! The tutorial's `token_rotation`.

use jiff::Timestamp;
use reqwest::RequestBuilder;
use secrets::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::{Fresh, Provider, Verdict};

/// `POST {refresh_endpoint}` with the current token, for the next one and when it runs out.
#[derive(Deserialize)]
pub struct TokenRotation {
    access_token: SecretString,
    refresh_endpoint: String,
    /// The endpoint's documentation doesn't say whether the current token works until the new one
    /// arrived, so it isn't sent twice unless the secret says that it may be.
    #[serde(default = "yes")]
    single_use: bool,
}

fn yes() -> bool {
    true
}

impl Provider for TokenRotation {
    fn call(&self) -> &'static str {
        "POST to the refresh endpoint"
    }

    fn url(&self) -> String {
        self.refresh_endpoint.clone()
    }

    fn request(&self, http: &reqwest::Client) -> RequestBuilder {
        http.post(self.url()).json(&json!({
            "grant_type": "token_rotation",
            "current_token": self.access_token.expose_secret(),
        }))
    }

    fn fresh(&self, body: &[u8], _: Timestamp) -> Option<Fresh> {
        #[derive(Deserialize)]
        struct Rotated {
            access_token: SecretString,
            #[serde(deserialize_with = "interaction::instant::deserialize")]
            expires_at: Timestamp,
        }
        let rotated: Rotated = serde_json::from_slice(body).ok()?;
        Some(Fresh {
            access_token: rotated.access_token,
            refresh_token: None,
            expires_at: rotated.expires_at,
        })
    }

    /// The tutorial names no codes: the status decides.
    fn verdict(&self, _: &[u8]) -> Option<Verdict> {
        None
    }

    fn is_single_use(&self) -> bool {
        self.single_use
    }
}
