//! A token's secret in Secrets Manager: its versions and their labels.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use jiff::Timestamp;
use secrets::{ExposeSecret as _, SecretError, SecretString, reason};

/// `AWSCURRENT` and `AWSPENDING`; Secrets Manager moves `AWSPREVIOUS` by itself.
pub const CURRENT: &str = "AWSCURRENT";
pub const PENDING: &str = "AWSPENDING";

/// A version of a secret.
pub struct Version {
    pub id: String,
    pub value: SecretString,
    pub created: Timestamp,
}

/// Reads and moves the versions of secrets, each given by its ARN or name.
#[derive(Clone)]
pub struct Store {
    client: Client,
}

impl Store {
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The version with the label, or `None` where none has it. Needs
    /// `secretsmanager:GetSecretValue`.
    pub async fn read(&self, secret: &str, label: &str) -> Result<Option<Version>, SecretError> {
        let get = self
            .client
            .get_secret_value()
            .secret_id(secret)
            .version_stage(label);
        let answer = match get.send().await {
            Ok(answer) => answer,
            Err(SdkError::ServiceError(e)) if e.err().is_resource_not_found_exception() => {
                return Ok(None);
            }
            Err(error) => return Err(unavailable("GetSecretValue", secret, &error)),
        };
        let created = answer.created_date.and_then(|at| at.to_millis().ok());
        let created = created.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        Ok(answer.secret_string.map(|value| Version {
            id: answer.version_id.unwrap_or_default(),
            value: value.into(),
            created: created.unwrap_or_default(),
        }))
    }

    /// Adds a version with the label. A repeat with the same id and value changes nothing. Needs
    /// `secretsmanager:PutSecretValue`.
    pub async fn put(
        &self,
        secret: &str,
        id: &str,
        label: &str,
        value: &SecretString,
    ) -> Result<(), SecretError> {
        self.client
            .put_secret_value()
            .secret_id(secret)
            .client_request_token(id)
            .version_stages(label)
            .secret_string(value.expose_secret())
            .send()
            .await
            .map(drop)
            .map_err(|error| unavailable("PutSecretValue", secret, &error))
    }

    /// Moves `AWSCURRENT` from one version to another; it fails where `from` doesn't have it any
    /// more. Needs `secretsmanager:UpdateSecretVersionStage`.
    pub async fn promote(&self, secret: &str, from: &str, to: &str) -> Result<(), SecretError> {
        let update = self
            .client
            .update_secret_version_stage()
            .secret_id(secret)
            .version_stage(CURRENT)
            .move_to_version_id(to)
            .set_remove_from_version_id((!from.is_empty()).then(|| from.to_owned()));
        let updated = update.send().await;
        updated
            .map(drop)
            .map_err(|error| unavailable("UpdateSecretVersionStage", secret, &error))
    }

    /// Takes `AWSPENDING` away from a version. Needs `secretsmanager:UpdateSecretVersionStage`.
    pub async fn drop_pending(&self, secret: &str, version: &str) -> Result<(), SecretError> {
        let update = self
            .client
            .update_secret_version_stage()
            .secret_id(secret)
            .version_stage(PENDING)
            .remove_from_version_id(version);
        let updated = update.send().await;
        updated
            .map(drop)
            .map_err(|error| unavailable("UpdateSecretVersionStage", secret, &error))
    }
}

fn unavailable<E: ProvideErrorMetadata, R>(
    call: &'static str,
    secret: &str,
    error: &SdkError<E, R>,
) -> SecretError {
    SecretError::Unavailable {
        call,
        secret: secret.to_owned(),
        reason: reason(error),
    }
}
