//! What Facebook and Instagram have in common.
//!
//! Codes: <https://developers.facebook.com/docs/graph-api/guides/error-handling>

use jiff::{SignedDuration, Timestamp};
use secrets::SecretString;
use serde::Deserialize;

use super::{Fresh, Trouble, Verdict, expiry};

/// A long-lived token's life where the answer doesn't say.
const LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);

pub(super) fn fresh(body: &[u8], now: Timestamp) -> Option<Fresh> {
    #[derive(Deserialize)]
    struct Exchanged {
        access_token: SecretString,
        expires_in: Option<i64>,
    }
    let exchanged: Exchanged = serde_json::from_slice(body).ok()?;
    Some(Fresh {
        access_token: exchanged.access_token,
        refresh_token: None,
        expires_at: expiry(now, exchanged.expires_in, LIFE),
    })
}

/// Decides by `error.code` and `error_subcode`, never by the message.
pub(super) fn verdict(body: &[u8]) -> Option<Verdict> {
    #[derive(Deserialize)]
    struct Body {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        code: i64,
        error_subcode: Option<i64>,
    }
    let Body { error } = serde_json::from_slice(body).ok()?;
    let is_final = match error.code {
        // Unknown and temporary errors, and the limits per app, user, page and call.
        1 | 2 | 4 | 17 | 32 | 341 | 613 => false,
        // The token, the session, the permission, the app or a parameter.
        3 | 10 | 100 | 101 | 102 | 104 | 190 | 200..=299 => true,
        _ => return None,
    };
    let what = match error.error_subcode {
        Some(458) => ": the app was removed",
        Some(459 | 464) => ": the user must log in",
        Some(460) => ": the session was ended",
        Some(463) => ": the token has run out",
        Some(467) => ": the token is invalid",
        _ => "",
    };
    let subcode = error.error_subcode.map(|subcode| format!("/{subcode}"));
    Some(Verdict {
        code: format!("code {}{}{what}", error.code, subcode.unwrap_or_default()),
        is_final,
    })
}

/// A token that has run out can't be exchanged.
pub(super) fn still_lives(expires_at: Timestamp, now: Timestamp) -> Result<(), Trouble> {
    if expires_at > now {
        return Ok(());
    }
    let reason = "the token has run out, and Meta exchanges none that has";
    Err(Trouble::Refused(reason.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_decides_whatever_the_message_says() {
        let of = |error: &str| verdict(format!(r#"{{"error":{error}}}"#).as_bytes());
        let expired = of(r#"{"message":"please retry","code":190,"error_subcode":463}"#).unwrap();
        assert!(expired.is_final);
        assert_eq!(expired.code, "code 190/463: the token has run out");
        assert!(
            !of(r#"{"message":"token is invalid","code":4}"#)
                .unwrap()
                .is_final
        );
        assert_eq!(of(r#"{"message":"what","code":99999}"#), None);
        assert_eq!(verdict(b"<html>"), None);
    }
}
