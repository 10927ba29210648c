//! The receiving side: what a delivery claims, and whether a secret bears it out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::{
    HMAC_HEADER, ID_HEADER, MARKER_HEADER, SECRET_HEADER, STANDARD_HEADER, Scheme,
    TIMESTAMP_HEADER, standard_key,
};

/// How far a signed timestamp may lie from the receiver's clock, either way, in seconds.
pub const TOLERANCE_SECONDS: u64 = 300;

/// Why a delivery is refused. Holds nothing of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the header X-CXone-Webhook: true is missing")]
    NoMarker,
    #[error("the header {0} is missing")]
    Missing(&'static str),
    #[error("the header {0} is malformed")]
    Malformed(&'static str),
    #[error("the header webhook-timestamp is more than {TOLERANCE_SECONDS} s from now")]
    OutsideTolerance,
    #[error("the secret or signature is not one that is accepted")]
    Mismatch,
}

/// What a delivery's headers claim. Without a secret it proves nothing.
pub struct Claim<'a>(Kind<'a>);

enum Kind<'a> {
    Secret(&'a [u8]),
    Hmac(Vec<u8>),
    Standard {
        id: &'a [u8],
        timestamp: &'a [u8],
        signatures: Vec<Vec<u8>>,
    },
}

impl Scheme {
    /// Reads the claim from a delivery's headers; `header` looks one up by its lower-case name.
    ///
    /// # Errors
    /// With what no secret could put right: a header that is missing or malformed, or a timestamp
    /// outside of the tolerance.
    pub fn claim<'a>(
        self,
        header: impl Fn(&'static str) -> Option<&'a [u8]>,
        now: Timestamp,
    ) -> Result<Claim<'a>, Refusal> {
        let required = |name| header(name).ok_or(Refusal::Missing(name));
        if !header(MARKER_HEADER).is_some_and(|value| value.eq_ignore_ascii_case(b"true")) {
            return Err(Refusal::NoMarker);
        }
        Ok(Claim(match self {
            Self::SecretHeader => Kind::Secret(required(SECRET_HEADER)?),
            Self::Hmac => Kind::Hmac(
                STANDARD
                    .decode(required(HMAC_HEADER)?)
                    .map_err(|_| Refusal::Malformed(HMAC_HEADER))?,
            ),
            Self::StandardWebhooks => {
                let id = required(ID_HEADER)?;
                let timestamp = required(TIMESTAMP_HEADER)?;
                let signatures = required(STANDARD_HEADER)?;
                let sent = seconds(timestamp).ok_or(Refusal::Malformed(TIMESTAMP_HEADER))?;
                if now.as_second().abs_diff(sent) > TOLERANCE_SECONDS {
                    return Err(Refusal::OutsideTolerance);
                }
                let signatures = signatures
                    .split(|&b| b == b' ')
                    .filter_map(|signature| STANDARD.decode(signature.strip_prefix(b"v1,")?).ok())
                    .collect::<Vec<_>>();
                if signatures.is_empty() {
                    return Err(Refusal::Malformed(STANDARD_HEADER));
                }
                Kind::Standard {
                    id,
                    timestamp,
                    signatures,
                }
            }
        }))
    }

    /// Whether `webhook-id` is covered by what a claim of this scheme proves.
    pub fn covers_id(self) -> bool {
        match self {
            Self::SecretHeader | Self::StandardWebhooks => true,
            Self::Hmac => false,
        }
    }
}

impl Claim<'_> {
    /// Whether the sender of this body holds the secret. Takes as long for a wrong claim as for a
    /// right one of the same length.
    /// An empty key proves nothing: anyone has it.
    pub fn proves(&self, secret: &str, body: &[u8]) -> bool {
        if secret.is_empty() {
            return false;
        }
        match &self.0 {
            Kind::Secret(claimed) => claimed.ct_eq(secret.as_bytes()).into(),
            Kind::Hmac(signature) => mac(secret.as_bytes(), &[body])
                .verify_slice(signature)
                .is_ok(),
            Kind::Standard {
                id,
                timestamp,
                signatures,
            } => {
                let key = standard_key(secret);
                let mac = mac(&key, &[id, b".", timestamp, b".", body]);
                !key.is_empty()
                    && signatures
                        .iter()
                        .any(|signature| mac.clone().verify_slice(signature).is_ok())
            }
        }
    }
}

/// Decimal digits only: the text is what was signed, and a number has one spelling without signs
/// or spaces.
fn seconds(text: &[u8]) -> Option<i64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}
