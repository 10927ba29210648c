//! How a sender of the webhook proves that it is CXone.
//!
//! - [`Scheme::sign`] makes the headers; the simulator, the registration and the tests send with
//!   it.
//! - [`Scheme::claim`] reads them, and [`Claim::proves`] checks them against a secret; `ingest`
//!   receives with it.
//!
//! All of it is pure: the clock is an argument.

mod claim;

pub use claim::{Claim, Refusal, TOLERANCE_SECONDS};

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// The headers' names, in lower case.
pub const MARKER_HEADER: &str = "x-cxone-webhook";
pub const SECRET_HEADER: &str = "x-webhook-secret";
pub const HMAC_HEADER: &str = "x-request-signature";
pub const ID_HEADER: &str = "webhook-id";
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
pub const STANDARD_HEADER: &str = "webhook-signature";

/// The schemes of the setting `WEBHOOK_AUTH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The secret itself in `X-Webhook-Secret`, which our own registration sets at CXone.
    SecretHeader,
    /// HMAC-SHA256 of the raw body, in base64, in `X-Request-Signature`.
    Hmac,
    /// <https://www.standardwebhooks.com>
    StandardWebhooks,
}

#[derive(Debug, thiserror::Error)]
#[error("must be secret-header, hmac or standard-webhooks")]
pub struct UnknownScheme;

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, UnknownScheme> {
        match name {
            "secret-header" => Ok(Self::SecretHeader),
            "hmac" => Ok(Self::Hmac),
            "standard-webhooks" => Ok(Self::StandardWebhooks),
            _ => Err(UnknownScheme),
        }
    }
}

impl Scheme {
    /// The headers under which a body is taken, the marker included. `id` and `now` are signed
    /// by [`Scheme::StandardWebhooks`] and not sent by the others.
    pub fn sign(
        self,
        secret: &str,
        id: &str,
        now: Timestamp,
        body: &[u8],
    ) -> Vec<(&'static str, String)> {
        let mut headers = vec![(MARKER_HEADER, "true".to_owned())];
        match self {
            Self::SecretHeader => headers.push((SECRET_HEADER, secret.to_owned())),
            Self::Hmac => headers.push((HMAC_HEADER, hmac(secret.as_bytes(), &[body]))),
            Self::StandardWebhooks => {
                let seconds = now.as_second().to_string();
                let parts = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
                let signature = hmac(&standard_key(secret), &parts);
                headers.push((ID_HEADER, id.to_owned()));
                headers.push((TIMESTAMP_HEADER, seconds));
                headers.push((STANDARD_HEADER, format!("v1,{signature}")));
            }
        }
        headers
    }
}

/// An id for a delivery of this body, for senders that have no event of their own to name: the
/// same body is the same event.
pub fn delivery_id(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    digest[..12]
        .iter()
        .fold(String::from("msg_"), |id, byte| format!("{id}{byte:02x}"))
}

/// A Standard Webhooks secret is base64, with or without `whsec_` before it; one that isn't
/// base64 is taken as it is.
pub fn standard_key(secret: &str) -> Vec<u8> {
    let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
    STANDARD
        .decode(encoded)
        .unwrap_or_else(|_| secret.as_bytes().to_vec())
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> String {
    STANDARD.encode(claim::mac(key, parts).finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(headers: &[(&'static str, String)], name: &str) -> String {
        let found = headers.iter().find(|(n, _)| *n == name);
        found.expect(name).1.clone()
    }

    #[test]
    fn hmac_gives_the_published_vectors() {
        for (body, signature) in [
            (
                r#"{"foo":"bar"}"#,
                "36HN7juP6erwuhrmZelPH58M9xDaNrImKsDNi3u8Bww=",
            ),
            ("", "qXRq3V1/nR82wfT6WyNGQWZYp9ShpuSQfpvGGCZ99LI="),
        ] {
            let headers = Scheme::Hmac.sign("random", "", Timestamp::UNIX_EPOCH, body.as_bytes());
            assert_eq!(header(&headers, HMAC_HEADER), signature);
        }
    }

    // The example of the Standard Webhooks specification.
    #[test]
    fn standard_webhooks_gives_the_specifications_vector() {
        let headers = Scheme::StandardWebhooks.sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            Timestamp::from_second(1_614_265_330).unwrap(),
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            header(&headers, STANDARD_HEADER),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
