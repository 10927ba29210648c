//! The custom resource that registers the webhook at CXone: CloudFormation calls it as the stack
//! is created, updated and deleted, and waits for its answer.
//!
//! - [`request`]: what CloudFormation asks.
//! - [`registration`]: what is then done at CXone.
//! - [`answer`]: what CloudFormation is told, within its limits.
//!
//! Properties of the resource: `WebhookUrl` (required) and `Name` (`social-interaction-ingest`
//! where absent); a change of any property makes CloudFormation ask for an update. The physical
//! id is CXone's id of the webhook, so it stays the same for as long as the webhook does. An
//! update changes the webhook in place, and a deletion never fails.
//!
//! Invariant: every request gets an answer, in good time. Without one CloudFormation holds the
//! stack until the resource's `ServiceTimeout`.

pub mod answer;
pub mod registration;
pub mod request;

use std::time::Duration;

use lambda_runtime::Error;
use runtime::settings;
use secrets::{ExposeSecret as _, SecretCache};
use signature::Scheme;

use crate::answer::Answer;
use crate::registration::{Outcome, Registrar};
use crate::request::{Request, RequestType};

/// One call may take this long.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Creating and updating are given up after this long, well before the `ServiceTimeout` of 120 s.
const PATIENCE: Duration = Duration::from_secs(50);

/// A deletion mustn't hold the stack for long.
const PATIENCE_ON_DELETE: Duration = Duration::from_secs(20);

/// Kept of the invocation's time to deliver the answer.
const TO_ANSWER: Duration = Duration::from_secs(15);

/// The function, with its clients.
pub struct Function {
    registrar: Registrar,
    http: reqwest::Client,
}

impl Function {
    /// Reads `CXONE_BASE_URL`, `CXONE_TOKEN_PATH`, `CXONE_WEBHOOKS_PATH`,
    /// `CXONE_CLIENT_SECRET_ARN`, `SIGNING_SECRET_ARN` and `WEBHOOK_AUTH`.
    ///
    /// # Errors
    /// Names the setting that is missing or malformed.
    pub fn from_settings(aws: &aws_config::SdkConfig) -> Result<Self, Error> {
        let http = runtime::http::client(CALL_TIMEOUT)?;
        let client = cxone::Client::from_settings(http.clone())?;
        let scheme: Scheme = settings::parsed("WEBHOOK_AUTH")?;
        let signing_secret = settings::required("SIGNING_SECRET_ARN")?;
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let registrar = Registrar {
            webhooks: cxone::Webhooks::from_settings(client.clone())?,
            client,
            // A cache without a life: each request reads what is current.
            secrets: SecretCache::new(secrets, Duration::ZERO),
            credentials_secret: settings::required("CXONE_CLIENT_SECRET_ARN")?,
            // The other schemes' secrets have no place in a registration.
            signing_secret: (scheme == Scheme::SecretHeader).then_some(signing_secret),
        };
        Ok(Self::new(registrar, http))
    }

    pub fn new(registrar: Registrar, http: reqwest::Client) -> Self {
        Self { registrar, http }
    }

    /// Does what CloudFormation asks and tells it what came of it.
    ///
    /// # Errors
    /// Only when the answer can't be delivered.
    pub async fn handle(&self, request: Request, time_left: Option<Duration>) -> Result<(), Error> {
        let patience = match request.request_type {
            RequestType::Create | RequestType::Update => PATIENCE,
            RequestType::Delete => PATIENCE_ON_DELETE,
        };
        let budget = time_left.map_or(patience, |left| {
            left.saturating_sub(TO_ANSWER).min(patience)
        });
        let outcome = self.registrar.run(&request, budget).await;
        match &outcome {
            Outcome::Done { id, warning: None } => {
                tracing::info!(webhook = id, request = ?request.request_type, "done");
            }
            Outcome::Done { id, warning } => {
                tracing::warn!(webhook = id, reason = warning, "check by hand");
            }
            Outcome::Failed { reason } => tracing::error!(reason, "the webhook isn't registered"),
        }
        let answer = Answer::new(&request, outcome);
        self.deliver(&request, &answer).await
    }

    async fn deliver(&self, request: &Request, answer: &Answer) -> Result<(), Error> {
        const TRIES: u32 = 4;
        let body = answer.to_json();
        let mut problem = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(250 << attempt)).await;
            }
            // No content type: the address is signed for a request without one.
            let put = self.http.put(request.response_url.expose_secret());
            problem = match put.body(body.clone()).send().await {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) => format!("it answered {}", response.status()),
                Err(error) => {
                    upstream::transport("PUT to the response address", &error).to_string()
                }
            };
        }
        Err(format!("CloudFormation can't be told the outcome: {problem}").into())
    }
}
