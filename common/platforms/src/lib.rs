//! The social platforms: their secrets, their providers, and how one is added.
//!
//! - [`add`]: one step for an operator, no code and no deployment.
//! - [`Document`]: what a platform's secret holds.
//! - [`provider`]: the platforms' token endpoints behind one seam.

mod document;
pub mod provider;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use jiff::Timestamp;
use secrets::{ExposeSecret as _, SecretError, SecretString, is_platform_name, reason};
use serde_json::{Map, Value};
use tokens::{CXONE, LedgerError, SIGNING_SECRET, TokenLedger};

pub use document::{Document, Times};

/// Why a platform isn't added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    #[error(
        "a platform's name has 1 to 64 of a-z 0-9 . _ - and is neither {CXONE} nor {SIGNING_SECRET}"
    )]
    Name,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The name of its secret.
    pub secret: String,
    /// The secret was there already and has the new value now.
    pub replaced: bool,
}

/// Adds a platform, or gives one that is there a new token. `json` is what `docs/tokens.md`
/// describes; it is checked before anything is written. `prefix` is the setting
/// `SOCIAL_SECRET_PREFIX`, such as `my-stack/social/`.
///
/// Needs `secretsmanager:CreateSecret`, `secretsmanager:PutSecretValue` and `dynamodb:PutItem`.
pub async fn add(
    secrets: &Client,
    ledger: &TokenLedger,
    prefix: &str,
    name: &str,
    json: &SecretString,
    now: Timestamp,
) -> Result<Added, AddError> {
    if !is_platform_name(name) || [CXONE, SIGNING_SECRET].contains(&name) {
        return Err(AddError::Name);
    }
    let secret = format!("{prefix}{name}");
    let value = with_issued_at(&secret, json, now)?;
    let unavailable = |call, reason| SecretError::Unavailable {
        call,
        secret: secret.clone(),
        reason,
    };
    let created = secrets
        .create_secret()
        .name(&secret)
        .description(format!(
            "Token of the social platform {name}, kept fresh by rotate-tokens"
        ))
        .client_request_token(tokens::fresh_id())
        .secret_string(value.expose_secret())
        .send()
        .await;
    let replaced = match created {
        Ok(_) => false,
        Err(SdkError::ServiceError(e)) if e.err().is_resource_exists_exception() => {
            let put = secrets
                .put_secret_value()
                .secret_id(&secret)
                .client_request_token(tokens::fresh_id())
                .secret_string(value.expose_secret())
                .send();
            put.await
                .map_err(|error| unavailable("PutSecretValue", reason(&error)))?;
            true
        }
        Err(error) => return Err(unavailable("CreateSecret", reason(&error)).into()),
    };
    ledger.add_platform(name).await?;
    Ok(Added { secret, replaced })
}

/// The same JSON; a token whose age isn't told is taken as issued now.
fn with_issued_at(
    secret: &str,
    json: &SecretString,
    now: Timestamp,
) -> Result<SecretString, SecretError> {
    Document::parse(secret, json.expose_secret(), now)?;
    let mut fields: Map<String, Value> = secrets::parse(secret, json.expose_secret())?;
    fields
        .entry("issued_at")
        .or_insert_with(|| now.to_string().into());
    Ok(Value::Object(fields).to_string().into())
}
