//! What a platform's secret holds.

use jiff::Timestamp;
use secrets::{ExposeSecret as _, SecretError, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::provider::{Fresh, Kind, Provider};

/// A platform's secret: JSON with `provider`, `access_token`, `expires_at` (RFC 3339), `issued_at`
/// where it is known, and what its provider needs. Fields of the operator's own are kept.
///
/// It has no `Debug`: all of it is secret.
pub struct Document {
    fields: Map<String, Value>,
    pub times: Times,
    pub provider: Box<dyn Provider>,
}

/// A token's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Document {
    /// Reads a secret's JSON. `created` stands for `issued_at` where that is absent.
    ///
    /// # Errors
    /// [`SecretError::Malformed`] with the field at fault.
    pub fn parse(secret: &str, json: &str, created: Timestamp) -> Result<Self, SecretError> {
        #[derive(Deserialize)]
        struct Head {
            provider: Kind,
            access_token: SecretString,
            #[serde(default)]
            issued_at: Option<Timestamp>,
            #[serde(deserialize_with = "interaction::instant::deserialize")]
            expires_at: Timestamp,
        }
        let malformed = |reason: &str| SecretError::Malformed {
            secret: secret.to_owned(),
            reason: reason.to_owned(),
        };
        let head: Head = secrets::parse(secret, json)?;
        if head.access_token.expose_secret().is_empty() {
            return Err(malformed("the field access_token is empty"));
        }
        let provider = head.provider.provider(secret, json)?;
        let web = |url: reqwest::Url| matches!(url.scheme(), "http" | "https");
        if !reqwest::Url::parse(&provider.url()).is_ok_and(web) {
            return Err(malformed("base_url or refresh_endpoint is not a URL"));
        }
        Ok(Self {
            fields: secrets::parse(secret, json)?,
            times: Times {
                issued_at: head.issued_at.unwrap_or(created),
                expires_at: head.expires_at,
            },
            provider,
        })
    }

    /// The secret's JSON with the fresh token in it.
    pub fn renewed(&self, fresh: &Fresh, now: Timestamp) -> SecretString {
        let mut fields = self.fields.clone();
        let mut set = |name: &str, value: &str| fields.insert(name.into(), value.into());
        set("access_token", fresh.access_token.expose_secret());
        set("issued_at", &now.to_string());
        set("expires_at", &fresh.expires_at.to_string());
        if let Some(refresh_token) = &fresh.refresh_token {
            set("refresh_token", refresh_token.expose_secret());
        }
        Value::Object(fields).to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = r#"{"provider":"x","access_token":"old","refresh_token":"once","expires_at":"2026-11-22T11:48:00Z","client_id":"i","client_secret":"s","note":"ours"}"#;

    fn now() -> Timestamp {
        "2026-11-22T09:48:00Z".parse().unwrap()
    }

    #[test]
    fn a_renewed_secret_keeps_everything_but_the_token() {
        let document = Document::parse("s", X, now()).ok().unwrap();
        assert_eq!(document.times.issued_at, now());
        let fresh = Fresh {
            access_token: "new".to_owned().into(),
            refresh_token: Some("next".to_owned().into()),
            expires_at: "2026-11-22T13:00:00Z".parse().unwrap(),
        };
        let later = "2026-11-22T11:00:00Z".parse().unwrap();
        let renewed = document.renewed(&fresh, later);
        let read: Value = serde_json::from_str(renewed.expose_secret()).unwrap();
        assert_eq!(read["note"], "ours");
        assert_eq!(read["client_secret"], "s");
        assert_eq!(read["access_token"], "new");
        assert_eq!(read["refresh_token"], "next");
        let again = Document::parse("s", renewed.expose_secret(), now())
            .ok()
            .unwrap();
        assert_eq!(
            again.times,
            Times {
                issued_at: later,
                expires_at: fresh.expires_at
            }
        );
    }

    #[test]
    fn a_mistake_is_named_by_its_field_and_no_value_is_shown() {
        let cases = [
            (r#"{"access_token":"hunter2"}"#, "provider"),
            (r#"{"provider":"hunter2"}"#, "provider"),
            (r#"{"provider":"x","access_token":"hunter2"}"#, "expires_at"),
            (
                r#"{"provider":"x","access_token":"hunter2","expires_at":"hunter2"}"#,
                "expires_at",
            ),
            (
                r#"{"provider":"x","access_token":"","expires_at":"2026-11-22T11:48:00Z"}"#,
                "access_token",
            ),
            (
                r#"{"provider":"x","access_token":"hunter2","expires_at":"2026-11-22T11:48:00Z"}"#,
                "refresh_token",
            ),
            (
                r#"{"provider":"token_rotation","access_token":"hunter2","expires_at":"2026-11-22T11:48:00Z","refresh_endpoint":"hunter2"}"#,
                "refresh_endpoint",
            ),
        ];
        for (json, field) in cases {
            let error = Document::parse("s", json, now()).err().unwrap().to_string();
            assert!(
                error.contains(field) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
