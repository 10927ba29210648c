//! What is done at CXone.

use std::time::Duration;

use cxone::{AccessToken, Client, ClientCredentials, Registered, Registration, Webhooks};
use runtime::clock;
use secrets::{ExposeSecret as _, SecretCache, SecretError, SigningSecret};
use upstream::Failure;

use crate::request::{DEFAULT_NAME, Properties, Request, RequestType};

/// Before the physical id where CXone's id of the webhook couldn't be found out.
const BY_NAME: &str = "by-name:";

/// The wait after a first failed try; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The physical id where CXone's isn't known. A creation that seems to have failed may have made a
/// webhook all the same; its deletion then finds it by its name.
pub fn by_name(request: &Request) -> String {
    let properties = request.properties();
    let name = properties.map_or_else(|_| DEFAULT_NAME.into(), |properties| properties.name);
    format!("{BY_NAME}{name}")
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done {
        /// The physical id.
        id: String,
        /// What to check by hand.
        warning: Option<String>,
    },
    Failed {
        reason: String,
    },
}

/// Makes the calls for one CXone environment.
pub struct Registrar {
    pub client: Client,
    pub webhooks: Webhooks,
    pub secrets: SecretCache,
    /// ARN of the secret with the client's id and secret.
    pub credentials_secret: String,
    /// ARN of the webhook's signing secret, where the registration carries it.
    pub signing_secret: Option<String>,
}

/// Why a try failed.
enum Problem {
    Secret(SecretError),
    Cxone(Failure),
}

impl Problem {
    fn reason(&self) -> String {
        match self {
            Self::Secret(error) => error.to_string(),
            Self::Cxone(failure) => failure.to_string(),
        }
    }

    /// How long to wait before another try, or `None` where it would fail as well.
    fn wait(&self, backoff: Duration) -> Option<Duration> {
        match self {
            Self::Secret(SecretError::Unavailable { .. }) => Some(backoff),
            Self::Cxone(
                Failure::Retryable { retry_after, .. } | Failure::RateLimited { retry_after, .. },
            ) => Some(retry_after.unwrap_or_default().max(backoff)),
            Self::Secret(_) | Self::Cxone(_) => None,
        }
    }
}

impl Registrar {
    /// Does what is asked within `budget`, trying again where that may help.
    pub async fn run(&self, request: &Request, budget: Duration) -> Outcome {
        let properties = request.properties();
        let physical_id = request.physical_resource_id.as_deref();
        match request.request_type {
            RequestType::Create | RequestType::Update => match properties {
                Ok(properties) => {
                    let unknown = by_name(request);
                    self.register(&properties, physical_id, unknown, budget)
                        .await
                }
                Err(reason) => Outcome::Failed { reason },
            },
            RequestType::Delete => {
                let id = physical_id.unwrap_or_default();
                Outcome::Done {
                    id: id.to_owned(),
                    warning: self.delete(id, properties.ok(), budget).await,
                }
            }
        }
    }

    async fn register(
        &self,
        properties: &Properties,
        physical_id: Option<&str>,
        unknown: String,
        budget: Duration,
    ) -> Outcome {
        let known = physical_id.filter(|id| !id.starts_with(BY_NAME));
        let registered = within(budget, async || {
            let wanted = Registration {
                name: properties.name.clone(),
                url: properties.url.clone(),
                secret: self.signing_secret().await?,
            };
            let token = self.token().await?;
            self.webhooks
                .register(&token, &wanted, known)
                .await
                .map_err(Problem::Cxone)
        });
        match (registered.await, physical_id) {
            // The former id stays: CloudFormation would delete what has another one.
            (Ok(Registered::Created { .. } | Registered::Updated { .. }), Some(physical_id))
                if known.is_none() =>
            {
                Outcome::Done {
                    id: physical_id.into(),
                    warning: None,
                }
            }
            (Ok(Registered::Created { id } | Registered::Updated { id }), _) => {
                Outcome::Done { id, warning: None }
            }
            (Ok(Registered::CheckByHand { warning }), _) => Outcome::Done {
                id: physical_id.map_or(unknown, str::to_owned),
                warning: Some(warning),
            },
            (Err(reason), _) => Outcome::Failed { reason },
        }
    }

    /// Deletes the webhook as long as it is ours, and says what is left to do by hand.
    async fn delete(
        &self,
        physical_id: &str,
        properties: Option<Properties>,
        budget: Duration,
    ) -> Option<String> {
        let properties = properties?;
        let deleted = within(budget, async || {
            let token = self.token().await?;
            let known = (!physical_id.starts_with(BY_NAME)).then_some(physical_id);
            let id = match self.webhooks.list(&token).await {
                Ok(webhooks) => webhooks
                    .into_iter()
                    // One that has another URL by now serves another stack.
                    .filter(|webhook| webhook.url == properties.url)
                    .find(|webhook| match known {
                        Some(id) => webhook.id == id,
                        None => webhook.name == properties.name,
                    })
                    .map(|webhook| webhook.id),
                Err(_) => known.map(str::to_owned),
            };
            match id {
                Some(id) => self
                    .webhooks
                    .delete(&token, &id)
                    .await
                    .map_err(Problem::Cxone),
                None => Ok(()),
            }
        });
        let reason = deleted.await.err()?;
        let Properties { name, url } = properties;
        Some(format!(
            "delete the webhook {name} for {url} by hand: {reason}"
        ))
    }

    /// The registration needs its own token: on the first deployment there is no stored one yet.
    async fn token(&self) -> Result<AccessToken, Problem> {
        let arn = &self.credentials_secret;
        let secret = self.secrets.get(arn).await.map_err(Problem::Secret)?;
        let credentials: ClientCredentials =
            secrets::parse(arn, secret.value.expose_secret()).map_err(Problem::Secret)?;
        self.client.mint(&credentials).await.map_err(Problem::Cxone)
    }

    async fn signing_secret(&self) -> Result<Option<secrets::SecretString>, Problem> {
        let Some(arn) = &self.signing_secret else {
            return Ok(None);
        };
        let secret = self.secrets.get(arn).await.map_err(Problem::Secret)?;
        SigningSecret::parse(arn, secret.value.expose_secret())
            .map(|secret| Some(secret.current))
            .map_err(Problem::Secret)
    }
}

/// Tries until it works, can't work or the budget is spent; an error is the last reason.
async fn within<T>(
    budget: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, Problem>,
) -> Result<T, String> {
    let end = clock::instant() + budget;
    let mut backoff = FIRST_WAIT;
    let mut last = None;
    loop {
        let left = end.saturating_duration_since(clock::instant());
        let Ok(tried) = tokio::time::timeout(left, Box::pin(attempt())).await else {
            let seconds = budget.as_secs();
            return Err(last.unwrap_or_else(|| format!("no answer from CXone in {seconds} s")));
        };
        let problem = match tried {
            Ok(done) => return Ok(done),
            Err(problem) => problem,
        };
        let left = end.saturating_duration_since(clock::instant());
        match problem.wait(backoff) {
            Some(wait) if wait < left => tokio::time::sleep(wait).await,
            Some(_) => {
                return Err(format!(
                    "given up after {} s: {}",
                    budget.as_secs(),
                    problem.reason()
                ));
            }
            None => return Err(problem.reason()),
        }
        last = Some(problem.reason());
        backoff *= 2;
    }
}
