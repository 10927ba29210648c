//! The operator's rules, from a parameter of AWS Systems Manager.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_ssm::Client;
use aws_sdk_ssm::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use rules::Rules;
use runtime::clock;
use telemetry::{Metrics, names};
use tokio::sync::Mutex;
use upstream::{Failure, Reason};

/// A change is seen within a minute.
const LIFE: Duration = Duration::from_secs(50);

/// After a read that failed, the next one waits at least this long.
const BETWEEN_READS: Duration = Duration::from_secs(2);

/// The rules as they stood in the parameter less than a minute ago.
pub struct RulesParameter {
    client: Client,
    name: String,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    rules: Option<Arc<Rules>>,
    read_again_at: Option<Instant>,
}

impl RulesParameter {
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
            held: Mutex::default(),
        }
    }

    /// The rules to decide by. Invalid ones change nothing: the last good ones stay, or the
    /// built-in ones where this process has never seen good ones; log and metric call for a person.
    ///
    /// # Errors
    /// When the parameter can't be read and never could be.
    pub async fn current(&self) -> Result<Arc<Rules>, Failure> {
        let mut held = self.held.lock().await;
        let now = clock::instant();
        if held.read_again_at.is_some_and(|at| now < at)
            && let Some(rules) = &held.rules
        {
            return Ok(rules.clone());
        }
        match self.read().await {
            Ok(text) => {
                held.read_again_at = Some(now + LIFE);
                match Rules::parse(&text) {
                    Ok(rules) => held.rules = Some(Arc::new(rules)),
                    Err(error) => {
                        let parameter = &self.name;
                        tracing::error!(parameter, %error, "the rules are invalid; the last good ones stay");
                        Metrics::new()
                            .count(names::RULES_INVALID, 1)
                            .emit(clock::now());
                    }
                }
                Ok(held.rules.get_or_insert_default().clone())
            }
            Err(detail) => {
                held.read_again_at = Some(now + BETWEEN_READS);
                tracing::warn!(
                    parameter = self.name,
                    reason = detail,
                    "the rules can't be read"
                );
                held.rules.clone().ok_or(Failure::Retryable {
                    retry_after: None,
                    sure: true,
                    reason: Reason {
                        call: "GetParameter of the rules",
                        status: None,
                        detail,
                    },
                })
            }
        }
    }

    async fn read(&self) -> Result<String, String> {
        let answer = self.client.get_parameter().name(&self.name).send().await;
        match answer {
            Ok(answer) => Ok(answer.parameter.and_then(|p| p.value).unwrap_or_default()),
            Err(SdkError::ServiceError(error)) => Err(error
                .err()
                .code()
                .unwrap_or("a service error without a code")
                .to_owned()),
            Err(error) => Err(DisplayErrorContext(&error).to_string()),
        }
    }
}
