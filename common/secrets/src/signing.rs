//! The webhook's signing secret.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::SecretError;

/// `{"current":"…","previous":"…"}`; `previous` may be absent, null or empty.
///
/// A delivery signed with either is accepted. While a rotation is under way, `previous` holds the
/// secret that comes next; afterwards the one that was replaced, for deliveries still in flight.
#[derive(Clone, Deserialize)]
pub struct SigningSecret {
    pub current: SecretString,
    #[serde(default)]
    pub previous: Option<SecretString>,
}

impl SigningSecret {
    /// Reads the secret's JSON.
    ///
    /// # Errors
    /// [`SecretError::Malformed`] where it isn't of this form or `current` is empty.
    pub fn parse(secret: &str, json: &str) -> Result<Self, SecretError> {
        let mut parsed: Self = crate::parse(secret, json)?;
        if parsed.current.expose_secret().is_empty() {
            return Err(SecretError::Malformed {
                secret: secret.to_owned(),
                reason: "the field current is empty".into(),
            });
        }
        parsed.previous = parsed.previous.filter(|p| !p.expose_secret().is_empty());
        Ok(parsed)
    }

    /// What a delivery may be signed with, the current one first.
    pub fn accepted(&self) -> impl Iterator<Item = &SecretString> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_previous_secret_may_be_absent_null_or_empty() {
        for json in [
            r#"{"current":"a"}"#,
            r#"{"current":"a","previous":null}"#,
            r#"{"current":"a","previous":""}"#,
        ] {
            let secret = SigningSecret::parse("s", json).unwrap();
            assert_eq!(secret.accepted().count(), 1, "{json}");
        }
        let both = SigningSecret::parse("s", r#"{"current":"a","previous":"b"}"#).unwrap();
        let accepted: Vec<_> = both.accepted().map(ExposeSecret::expose_secret).collect();
        assert_eq!(accepted, ["a", "b"]);
    }

    #[test]
    fn an_empty_current_secret_is_refused() {
        assert!(SigningSecret::parse("s", r#"{"current":""}"#).is_err());
        assert!(SigningSecret::parse("s", r#"{"previous":"a"}"#).is_err());
    }
}
