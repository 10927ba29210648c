//! Why a secret can't be had.

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use serde::de::DeserializeOwned;

/// Names the secret by its ARN or name. No variant holds a value or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no such secret, or it has no current value.
    #[error("the secret {secret} doesn't exist or has no value")]
    Missing { secret: String },
    /// Secrets Manager refused or didn't answer.
    #[error("{call} of the secret {secret} failed: {reason}")]
    Unavailable {
        call: &'static str,
        secret: String,
        reason: String,
    },
    /// The value isn't what it must be.
    #[error("the secret {secret} is malformed: {reason}")]
    Malformed { secret: String, reason: String },
}

/// Reads a secret's JSON.
///
/// # Errors
/// [`SecretError::Malformed`] with the field at fault, and never what stands in it.
pub fn parse<T: DeserializeOwned>(secret: &str, json: &str) -> Result<T, SecretError> {
    let deserializer = &mut serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let text = error.inner().to_string();
        // serde repeats a value of the wrong type in its messages; a missing field's name is safe.
        let reason = if text.starts_with("missing field") {
            text.split(" at line").next().unwrap_or_default().to_owned()
        } else if error.inner().is_data() {
            format!("the field {} has the wrong type or form", error.path())
        } else {
            "it is not JSON".to_owned()
        };
        SecretError::Malformed {
            secret: secret.to_owned(),
            reason,
        }
    })
}

/// An AWS call's failure in one sentence: the service's own code and message, or what broke on
/// the way. Neither repeats what was sent.
pub fn reason<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ServiceError(service) => format!(
            "{}: {}",
            service.err().code().unwrap_or("an unnamed error"),
            service.err().message().unwrap_or("without a message")
        ),
        SdkError::TimeoutError(_) => "no answer in time".into(),
        SdkError::DispatchFailure(_) => "no connection to AWS, or no AWS credentials".into(),
        SdkError::ConstructionFailure(_) => "the request could not be built".into(),
        _ => "the answer could not be read".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Pair {
        user: String,
        age: u8,
    }

    #[test]
    fn a_malformed_value_is_named_by_its_field_and_never_repeated() {
        let values = [
            (r#"{"user":"hunter2"}"#, "missing field `age`"),
            (r#"{"user":"a","age":"hunter2"}"#, "the field age has"),
            (r#""hunter2""#, "the field . has"),
            ("hunter2", "not JSON"),
            ("", "not JSON"),
        ];
        for (json, expected) in values {
            let text = parse::<Pair>("arn:secret", json).unwrap_err().to_string();
            assert!(text.contains(expected), "{text}");
            assert!(
                text.contains("arn:secret") && !text.contains("hunter2"),
                "{text}"
            );
        }
    }
}
