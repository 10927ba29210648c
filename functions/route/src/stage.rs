//! What delivery needs to know of routing.

use std::time::Duration;

use aws_config::SdkConfig;
use cxone::{AccessToken, AccessTokens, Client, Routing, Task, Tasks};
use delivery::{Done, Hold, Names, Permit, Stage, State, Unit};
use interaction::Envelope;
use jiff::Timestamp;
use lambda_runtime::Error;
use runtime::clock;
use secrets::{SecretCache, social_secret};
use serde::Deserialize as _;
use serde_json::Value;
use tokens::TokenLedger;
use tokio::time::Instant;
use upstream::{Failure, Reason};

use crate::config::Config;
use crate::parameter::RulesParameter;

/// How long a platform token's version is served from memory.
const VERSION_LIFE: Duration = Duration::from_mins(5);

/// So much beyond the call's time-out there must be a token: a request for one that hangs has ended
/// by then, and delivery hasn't yet cut the call off.
const BEYOND_TIMEOUT: Duration = Duration::from_millis(500);

/// Decides on skills and creates tasks. Built once a cold start.
pub struct Route {
    decisions: rules::Settings,
    rules: RulesParameter,
    versions: SecretCache,
    social_secret_prefix: String,
    tokens: AccessTokens,
    tasks: Tasks,
    call_timeout: Duration,
}

impl Route {
    /// Reads the CXone client's settings, which name themselves where they are missing.
    ///
    /// # Errors
    /// When one is missing or malformed, or the TLS configuration can't be built.
    pub fn new(
        config: Config,
        delivery: &delivery::Settings,
        aws: &SdkConfig,
    ) -> Result<Self, Error> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let client = Client::from_settings(runtime::http::client(delivery.call_timeout)?)?;
        let ledger = TokenLedger::new(aws_sdk_dynamodb::Client::new(aws), &delivery.table);
        Ok(Self {
            decisions: config.decisions,
            rules: RulesParameter::new(aws_sdk_ssm::Client::new(aws), config.rules_parameter),
            versions: SecretCache::new(secrets.clone(), VERSION_LIFE),
            social_secret_prefix: config.social_secret_prefix,
            tokens: AccessTokens::from_settings(client.clone(), secrets, ledger)?,
            tasks: Tasks::from_settings(client)?,
            call_timeout: delivery.call_timeout,
        })
    }

    async fn create(&self, unit: &Unit, permit: &Permit) -> Result<Done, Failure> {
        let accepted = &unit.envelope.interaction;
        let task = Task {
            interaction_id: &accepted.interaction_id,
            payload: &accepted.payload,
            routing: &routing(&unit.decision)?,
        };
        let request = self.tasks.request(&task);
        let key = task.interaction_id;
        let give_up = Instant::from_std(clock::instant()) + self.call_timeout + BEYOND_TIMEOUT;
        let token = in_time(give_up, self.tokens.get()).await?;
        let created = match self.tasks.create(&token, key, &request).await {
            // The token was stale: once more with a fresh one.
            Err(Failure::Credentials { .. }) => {
                let token = in_time(give_up, self.tokens.refresh(&token)).await?;
                permit.another().await?;
                self.tasks.create(&token, key, &request).await
            }
            other => other,
        };
        created.map(|id| Done {
            id: id.0,
            repeated: false,
        })
    }

    /// The version of the platform's current token, where it has one.
    async fn token_version(&self, platform: &str) -> Result<Option<String>, Failure> {
        let Some(secret) = social_secret(&self.social_secret_prefix, platform) else {
            return Ok(None);
        };
        let version = self.versions.current_version(&secret).await;
        version.map_err(|error| Failure::Retryable {
            retry_after: None,
            sure: true,
            reason: Reason {
                call: "DescribeSecret of the platform's token",
                status: None,
                detail: error.to_string(),
            },
        })
    }
}

impl Stage for Route {
    type Lane = ();

    fn names(&self) -> Names {
        Names {
            stage: "routing",
            upstream: "cxone",
            done: State::Routed,
        }
    }

    async fn enter(&self, _: &Envelope, _: Timestamp) -> Result<(), Hold> {
        Ok(())
    }

    async fn freeze(&self, envelope: &Envelope, (): &mut ()) -> Result<Value, Failure> {
        let payload = &envelope.interaction.payload;
        let message = rules::Message {
            text: &payload.latest_message().text,
            platform: &payload.social_profile.platform,
        };
        let rules = self.rules.current().await?;
        let platform_token_version = self.token_version(message.platform).await?;
        let decision = rules::decide(&message, &rules, &self.decisions);
        let attributes = decision.attributes();
        let routing = Routing {
            sentiment_polarity: decision.sentiment_polarity(),
            skills: decision.skills,
            priority: decision.priority.into(),
            platform_token_version,
            attributes: attributes
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        };
        Ok(serde_json::to_value(routing).expect("a decision always serialises"))
    }

    async fn call(&self, units: &[Unit], permit: &Permit) -> Vec<Result<Done, Failure>> {
        let mut outcomes = Vec::with_capacity(units.len());
        for unit in units {
            outcomes.push(self.create(unit, permit).await);
        }
        outcomes
    }

    fn follow_up(&self, envelope: &Envelope, decision: &Value, task_id: &str) -> Option<Envelope> {
        delivery::after_routing(envelope, decision, task_id)
    }
}

/// A token, or that there is none. A call that is cut off as it waits for one would seem to have
/// been made.
async fn in_time(
    give_up: Instant,
    token: impl Future<Output = Result<AccessToken, Failure>>,
) -> Result<AccessToken, Failure> {
    let token = tokio::time::timeout_at(give_up, token).await;
    token.unwrap_or_else(|_| {
        Err(Failure::Credentials {
            reason: Reason {
                call: "POST /oauth/token",
                status: None,
                detail: "there was no token within the call's time".to_owned(),
            },
        })
    })
}

fn routing(decision: &Value) -> Result<Routing, Failure> {
    Routing::deserialize(decision).map_err(|error| Failure::Permanent {
        reason: Reason {
            call: "reading the ledger's decision",
            status: None,
            detail: error.to_string(),
        },
    })
}
