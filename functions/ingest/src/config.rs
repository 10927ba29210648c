//! The function's settings.

use std::str::FromStr;
use std::time::Duration;

use interaction::envelope;
use runtime::settings::{self, SettingError};
use signature::Scheme;

pub struct Config {
    pub queue_url: String,
    pub signing_secret: String,
    pub scheme: Scheme,
    /// The largest body that is taken, in bytes, once its base64 is decoded.
    pub max_body_bytes: usize,
    pub fair_queue_group: FairQueueGroup,
    /// How long the signing secret is served from memory. A rotation waits as long before it makes
    /// the sender use a new secret.
    pub secret_life: Duration,
}

/// What SQS shares the queue fairly between, where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FairQueueGroup {
    Platform,
    None,
}

#[derive(Debug, thiserror::Error)]
#[error("must be platform or none")]
pub struct UnknownGroup;

impl FromStr for FairQueueGroup {
    type Err = UnknownGroup;

    fn from_str(name: &str) -> Result<Self, UnknownGroup> {
        match name {
            "platform" => Ok(Self::Platform),
            "none" => Ok(Self::None),
            _ => Err(UnknownGroup),
        }
    }
}

impl Config {
    /// Settings: `ROUTING_QUEUE_URL`, `SIGNING_SECRET_ARN`, `WEBHOOK_AUTH` (`secret-header`,
    /// `hmac`, `standard-webhooks`), `SECRET_CACHE_SECONDS`, `MAX_BODY_BYTES`, `FAIR_QUEUE_GROUP`
    /// (`platform`, `none`).
    ///
    /// # Errors
    /// When one is missing or malformed.
    pub fn from_env() -> Result<Self, SettingError> {
        Ok(Self {
            queue_url: settings::required("ROUTING_QUEUE_URL")?,
            signing_secret: settings::required("SIGNING_SECRET_ARN")?,
            scheme: settings::parsed("WEBHOOK_AUTH")?,
            max_body_bytes: settings::within("MAX_BODY_BYTES", 1, envelope::MAX_BODY_BYTES)?,
            fair_queue_group: settings::parsed("FAIR_QUEUE_GROUP")?,
            secret_life: Duration::from_secs(settings::within("SECRET_CACHE_SECONDS", 1, 3600)?),
        })
    }
}
