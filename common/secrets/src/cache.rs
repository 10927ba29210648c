//! Values and versions, read once for all who ask at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use runtime::clock;
use secrecy::SecretString;

use crate::error::{SecretError, reason};

/// After a read, whether it worked or not, the next one waits at least this long. It bounds what
/// wrong signatures from outside, or an outage, can make of Secrets Manager's quota and bill.
const BETWEEN_READS: Duration = Duration::from_secs(1);

/// Platform names come from outside, so the number of kept entries has a bound.
const MOST_ENTRIES: usize = 256;

/// A secret's current value, with the id of the version that holds it.
pub struct Secret {
    pub value: SecretString,
    pub version: String,
}

/// Secrets as they stood at most `life` ago. One read serves all who wait for it, whether it
/// works or fails; another secret's read is not waited for.
pub struct SecretCache {
    client: Client,
    values: Cache<Arc<Secret>>,
    versions: Cache<Option<String>>,
}

impl SecretCache {
    pub fn new(client: Client, life: Duration) -> Self {
        Self {
            client,
            values: Cache::new(life),
            versions: Cache::new(life),
        }
    }

    /// The current value of the secret of this ARN or name. Needs `secretsmanager:GetSecretValue`.
    pub async fn get(&self, secret: &str) -> Result<Arc<Secret>, SecretError> {
        self.values.get(secret, || self.read_value(secret)).await
    }

    /// Forgets a value that an upstream or a sender has just proved stale, so that the next
    /// [`get`](Self::get) reads it again. Within a second of the last read it does nothing, and
    /// says so by `false`.
    pub async fn invalidate(&self, secret: &str) -> bool {
        self.values.invalidate(secret).await
    }

    /// The first 8 characters of the current version's id, or `None` where there is no such
    /// secret. Needs `secretsmanager:DescribeSecret` and not the right to read the value.
    pub async fn current_version(&self, secret: &str) -> Result<Option<String>, SecretError> {
        self.versions
            .get(secret, || self.read_version(secret))
            .await
    }

    async fn read_value(&self, secret: &str) -> Result<Arc<Secret>, SecretError> {
        let missing = || SecretError::Missing {
            secret: secret.to_owned(),
        };
        let answer = self
            .client
            .get_secret_value()
            .secret_id(secret)
            .send()
            .await
            .map_err(|error| match &error {
                SdkError::ServiceError(e) if e.err().is_resource_not_found_exception() => missing(),
                _ => unavailable(secret, reason(&error)),
            })?;
        let value = answer.secret_string.ok_or_else(missing)?;
        Ok(Arc::new(Secret {
            value: value.into(),
            version: answer.version_id.unwrap_or_default(),
        }))
    }

    async fn read_version(&self, secret: &str) -> Result<Option<String>, SecretError> {
        let answer = self.client.describe_secret().secret_id(secret).send().await;
        let described = match answer {
            Ok(described) => described,
            Err(SdkError::ServiceError(e)) if e.err().is_resource_not_found_exception() => {
                return Ok(None);
            }
            Err(error) => return Err(unavailable(secret, reason(&error))),
        };
        let versions = described.version_ids_to_stages.unwrap_or_default();
        let current = versions
            .into_iter()
            .find(|(_, stages)| stages.iter().any(|stage| stage == "AWSCURRENT"));
        Ok(current.map(|(id, _)| id.chars().take(8).collect()))
    }
}

fn unavailable(secret: &str, reason: String) -> SecretError {
    tracing::warn!(secret, reason, "a secret can't be read");
    SecretError::Unavailable {
        secret: secret.to_owned(),
        reason,
    }
}

/// One slot a key; the slot's lock is held while it loads, so that all who ask wait for one read.
struct Cache<T> {
    life: Duration,
    slots: Mutex<HashMap<String, Slot<T>>>,
}

type Slot<T> = Arc<tokio::sync::Mutex<Option<Loaded<T>>>>;

struct Loaded<T> {
    /// When the read began: what it brought may be as old as that.
    at: Instant,
    outcome: Result<T, SecretError>,
    stale: bool,
}

impl<T: Clone> Cache<T> {
    fn new(life: Duration) -> Self {
        Self {
            life,
            slots: Mutex::default(),
        }
    }

    async fn get<F>(&self, key: &str, load: impl FnOnce() -> F) -> Result<T, SecretError>
    where
        F: Future<Output = Result<T, SecretError>>,
    {
        let slot = self.slot(key);
        let mut loaded = slot.lock().await;
        let now = clock::instant();
        if let Some(loaded) = &*loaded
            && !loaded.stale
            && now.duration_since(loaded.at) < self.life_of(&loaded.outcome)
        {
            return loaded.outcome.clone();
        }
        let outcome = load().await;
        *loaded = Some(Loaded {
            at: now,
            outcome: outcome.clone(),
            stale: false,
        });
        outcome
    }

    async fn invalidate(&self, key: &str) -> bool {
        let slot = self.slot(key);
        let mut loaded = slot.lock().await;
        match &mut *loaded {
            Some(loaded) => {
                let age = clock::instant().duration_since(loaded.at);
                loaded.stale |= age >= BETWEEN_READS;
                loaded.stale
            }
            None => true,
        }
    }

    fn life_of(&self, outcome: &Result<T, SecretError>) -> Duration {
        match outcome {
            Ok(_) => self.life,
            // A read that hung has been long enough already; whoever waited for it gets its
            // failure, and who comes later tries afresh.
            Err(_) => BETWEEN_READS.min(self.life),
        }
    }

    fn slot(&self, key: &str) -> Slot<T> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MOST_ENTRIES && !slots.contains_key(key) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        slots.entry(key.to_owned()).or_default().clone()
    }
}
