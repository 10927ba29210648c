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
                _ => unavailable("GetSecretValue", secret, reason(&error)),
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
            Err(error) => return Err(unavailable("DescribeSecret", secret, reason(&error))),
        };
        let versions = described.version_ids_to_stages.unwrap_or_default();
        let current = versions
            .into_iter()
            .find(|(_, stages)| stages.iter().any(|stage| stage == "AWSCURRENT"));
        Ok(current.map(|(id, _)| id.chars().take(8).collect()))
    }
}

fn unavailable(call: &'static str, secret: &str, reason: String) -> SecretError {
    tracing::warn!(secret, reason, "a secret can't be read");
    SecretError::Unavailable {
        call,
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const AN_HOUR: Duration = Duration::from_hours(1);

    fn failure() -> SecretError {
        SecretError::Unavailable {
            call: "GetSecretValue",
            secret: "s".into(),
            reason: "no answer in time".into(),
        }
    }

    /// Counts its reads; each lets others run before it ends.
    struct Reads(AtomicUsize);

    impl Reads {
        async fn read(&self, outcome: Result<usize, SecretError>) -> Result<usize, SecretError> {
            let before = self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            outcome.map(|value| value + before)
        }

        fn count(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn all_who_ask_at_once_share_one_read_and_its_failure() {
        for outcome in [Ok(7), Err(failure())] {
            let (cache, reads) = (Cache::new(AN_HOUR), Reads(AtomicUsize::new(0)));
            let ask = || cache.get("s", || reads.read(outcome.clone()));
            let (one, two, three) = tokio::join!(ask(), ask(), ask());
            assert_eq!([&one, &two, &three], [&outcome; 3]);
            assert_eq!(reads.count(), 1);
        }
    }

    #[tokio::test]
    async fn another_secret_isnt_waited_for() {
        let cache = Cache::<usize>::new(AN_HOUR);
        let hangs = cache.get("slow", std::future::pending);
        let works = cache.get("quick", || async { Ok(1) });
        tokio::select! {
            biased;
            _ = hangs => panic!("it never ends"),
            read = works => assert_eq!(read, Ok(1)),
        }
    }

    #[tokio::test]
    async fn a_value_lives_for_its_life_and_no_longer() {
        for (life, expected) in [(AN_HOUR, 1), (Duration::ZERO, 2)] {
            let (cache, reads) = (Cache::new(life), Reads(AtomicUsize::new(0)));
            for _ in 0..2 {
                cache.get("s", || reads.read(Ok(7))).await.unwrap();
            }
            assert_eq!(reads.count(), expected);
        }
    }

    #[tokio::test]
    async fn a_value_that_was_just_read_isnt_forgotten() {
        let (cache, reads) = (Cache::new(AN_HOUR), Reads(AtomicUsize::new(0)));
        assert!(cache.invalidate("s").await, "nothing is held");
        cache.get("s", || reads.read(Ok(7))).await.unwrap();
        assert!(!cache.invalidate("s").await);
        cache.get("s", || reads.read(Ok(7))).await.unwrap();
        assert_eq!(reads.count(), 1);
        // As if it had been read two seconds ago.
        cache.slot("s").lock().await.as_mut().unwrap().at -= 2 * BETWEEN_READS;
        assert!(cache.invalidate("s").await);
        cache.get("s", || reads.read(Ok(7))).await.unwrap();
        assert_eq!(reads.count(), 2);
    }

    #[tokio::test]
    async fn names_from_outside_dont_fill_the_memory() {
        let cache = Cache::new(AN_HOUR);
        for number in 0..3 * MOST_ENTRIES {
            cache
                .get(&number.to_string(), || async { Ok(number) })
                .await
                .unwrap();
        }
        assert!(cache.slots.lock().unwrap().len() <= MOST_ENTRIES);
    }
}
