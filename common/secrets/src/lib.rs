//! Reading secrets from AWS Secrets Manager.
//!
//! - [`SecretCache`]: values and versions, each read once for all who ask at the same time and
//!   kept for a set life.
//! - [`SigningSecret`]: the webhook's signing secret, current and previous.
//! - [`SecretError`]: why a secret can't be had. It names the secret and never a value.
//! - [`social_secret`]: which secret a social platform has.

mod cache;
mod error;
mod signing;
mod social;

pub use cache::{Secret, SecretCache};
pub use error::{SecretError, parse, reason};
pub use signing::SigningSecret;
pub use social::{is_platform_name, social_secret};

/// Re-exported so that a function needs no dependency of its own to hold a value.
pub use secrecy::{ExposeSecret, SecretString};
