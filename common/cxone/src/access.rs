//! The access token that all functions share.

use std::time::Duration;

use aws_sdk_secretsmanager::Client as SecretsManager;
use aws_sdk_secretsmanager::error::SdkError;
use jiff::{SignedDuration, Timestamp};
use runtime::clock;
use runtime::settings::{self, SettingError};
use secrets::{ExposeSecret as _, SecretError, SecretString};
use serde::{Deserialize, Serialize};
use tokens::{Acquired, CXONE, Lease, Record, TokenLedger};
use tokio::sync::Mutex;
use upstream::{Failure, Reason};

use crate::client::{Client, ClientCredentials};

/// A token that another function stored is picked up within this time.
const REREAD_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// A token is left alone when it has less than this to live, or less than a quarter of its life.
const SPARE: SignedDuration = SignedDuration::from_secs(60);

/// Longer than minting and storing a token take, time-outs included.
const LEASE: Duration = Duration::from_secs(30);

/// How long to wait for another function that holds the lease, and how often to look.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// All who wait while a refresh fails share its failure, and so do those who come right after.
const FAILURE_LIFE: SignedDuration = SignedDuration::from_secs(1);

/// Secrets Manager keeps every version for a day and holds about 100. After this many on demand
/// within a day, a fresh token is stored at most every 20 minutes and otherwise used unstored.
const STORED_A_DAY: usize = 60;
const STORED_THEN_EVERY: SignedDuration = SignedDuration::from_mins(20);

/// An access token. It has no `Debug`, so that it can't get into a log.
#[derive(Clone)]
pub struct AccessToken {
    value: SecretString,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

impl AccessToken {
    pub fn new(value: SecretString, issued_at: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            value,
            issued_at,
            expires_at,
        }
    }

    pub fn value(&self) -> &SecretString {
        &self.value
    }

    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The value of the secret that holds it:
    /// `{"access_token","issued_at","expires_at"}`, times in RFC 3339.
    pub fn to_secret(&self) -> SecretString {
        let stored = Stored {
            access_token: self.value.expose_secret(),
            issued_at: self.issued_at,
            expires_at: self.expires_at,
        };
        serde_json::to_string(&stored)
            .expect("a token always serialises")
            .into()
    }

    /// Reads what [`to_secret`](Self::to_secret) wrote. `None` where the secret holds no token
    /// yet, or what isn't one: a fresh one takes its place.
    pub fn from_secret(json: &str) -> Option<Self> {
        let stored: Stored<String> = serde_json::from_str(json).ok()?;
        let empty = stored.access_token.is_empty();
        (!empty).then(|| {
            Self::new(
                stored.access_token.into(),
                stored.issued_at,
                stored.expires_at,
            )
        })
    }

    /// Whether it has enough of its life left to be used.
    fn is_usable(&self, now: Timestamp) -> bool {
        let life = self.expires_at.duration_since(self.issued_at);
        self.expires_at.duration_since(now) > SPARE.min(life / 4)
    }

    fn is(&self, other: &Self) -> bool {
        self.value.expose_secret() == other.value.expose_secret()
    }
}

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    access_token: T,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

/// Gives out the access token from Secrets Manager, and renews it, one caller for all.
pub struct AccessTokens {
    client: Client,
    secrets: SecretsManager,
    ledger: TokenLedger,
    credentials_secret: String,
    token_secret: String,
    owner: String,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    token: Option<(AccessToken, Timestamp)>,
    failed: Option<(Failure, Timestamp)>,
}

impl AccessTokens {
    /// Reads `CXONE_CLIENT_SECRET_ARN` and `CXONE_ACCESS_TOKEN_ARN`.
    ///
    /// # Errors
    /// Names the setting that is missing.
    pub fn from_settings(
        client: Client,
        secrets: SecretsManager,
        ledger: TokenLedger,
    ) -> Result<Self, SettingError> {
        Ok(Self {
            client,
            secrets,
            ledger,
            credentials_secret: settings::required("CXONE_CLIENT_SECRET_ARN")?,
            token_secret: settings::required("CXONE_ACCESS_TOKEN_ARN")?,
            owner: tokens::fresh_id(),
            held: Mutex::default(),
        })
    }

    /// `credentials_secret` and `token_secret` are ARNs or names.
    pub fn new(
        client: Client,
        secrets: SecretsManager,
        ledger: TokenLedger,
        credentials_secret: impl Into<String>,
        token_secret: impl Into<String>,
    ) -> Self {
        Self {
            client,
            secrets,
            ledger,
            credentials_secret: credentials_secret.into(),
            token_secret: token_secret.into(),
            owner: tokens::fresh_id(),
            held: Mutex::default(),
        }
    }

    /// The token as it stood in Secrets Manager at most a minute ago; a fresh one where there is
    /// none that will live for another minute.
    ///
    /// # Errors
    /// [`Failure::Credentials`]: there is no token to be had, and why.
    pub async fn get(&self) -> Result<AccessToken, Failure> {
        let mut held = self.held.lock().await;
        let now = clock::now();
        if let Some((token, read_at)) = &held.token
            && now.duration_since(*read_at) < REREAD_AFTER
            && token.is_usable(now)
        {
            return Ok(token.clone());
        }
        match self.read().await {
            Ok(Some(token)) if token.is_usable(now) => {
                held.token = Some((token.clone(), now));
                Ok(token)
            }
            Ok(_) => self.renew(&mut held, None).await,
            Err(error) => match &held.token {
                // An outage of Secrets Manager doesn't stop whoever holds a token that works.
                Some((token, _)) if token.is_usable(now) => Ok(token.clone()),
                _ => Err(credentials("GetSecretValue", error.to_string())),
            },
        }
    }

    /// Another token than `stale`, which CXone has just refused with a 401. All who ask with the
    /// same stale token, here and in other functions, share one call to CXone.
    ///
    /// # Errors
    /// [`Failure::Credentials`]: there is no token to be had, and why.
    pub async fn refresh(&self, stale: &AccessToken) -> Result<AccessToken, Failure> {
        let mut held = self.held.lock().await;
        match &held.token {
            Some((token, _)) if !token.is(stale) && token.is_usable(clock::now()) => {
                Ok(token.clone())
            }
            _ => self.renew(&mut held, Some(stale)).await,
        }
    }

    async fn renew(
        &self,
        held: &mut Held,
        stale: Option<&AccessToken>,
    ) -> Result<AccessToken, Failure> {
        if let Some((failure, at)) = &held.failed
            && clock::now().duration_since(*at) < FAILURE_LIFE
        {
            return Err(failure.clone());
        }
        let renewed = self.renew_under_lease(stale).await;
        let now = clock::now();
        match &renewed {
            Ok(token) => {
                *held = Held {
                    token: Some((token.clone(), now)),
                    failed: None,
                }
            }
            Err(failure) => {
                tracing::error!(reason = %failure, "there is no CXone access token to be had");
                held.failed = Some((failure.clone(), now));
            }
        }
        renewed
    }

    async fn renew_under_lease(&self, stale: Option<&AccessToken>) -> Result<AccessToken, Failure> {
        let give_up = clock::instant() + PATIENCE;
        loop {
            let now = clock::now();
            let acquired = self
                .ledger
                .acquire(CXONE, &self.owner, now, LEASE)
                .await
                .map_err(|error| credentials("UpdateItem", error.to_string()))?;
            let stored = self.read().await;
            let another = stored.ok().flatten().filter(|token| {
                token.is_usable(now) && !stale.is_some_and(|stale| token.is(stale))
            });
            match (acquired, another) {
                (Acquired::Mine(lease, record), Some(token)) => {
                    self.release(&lease, &record).await;
                    return Ok(token);
                }
                (Acquired::Held { .. }, Some(token)) => return Ok(token),
                (Acquired::Mine(lease, record), None) => return self.mint(&lease, *record).await,
                (Acquired::Held { .. }, None) => {}
            }
            if clock::instant() >= give_up {
                let reason = format!(
                    "another function has been renewing the token for {} s",
                    PATIENCE.as_secs()
                );
                return Err(credentials("UpdateItem", reason));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn mint(&self, lease: &Lease, mut record: Record) -> Result<AccessToken, Failure> {
        let minted = self.mint_token().await;
        if let Ok(token) = &minted {
            let now = clock::now();
            let a_day_ago = now - SignedDuration::from_hours(24);
            record.mints.retain(|at| *at > a_day_ago);
            if may_store(&record.mints, now) {
                record.mints.push(now);
                record.expires = Some(token.expires_at);
                self.store(token).await;
            } else {
                tracing::warn!(
                    stored = record.mints.len(),
                    "tokens are minted faster than Secrets Manager may store them; does another \
                     client use the same credentials?"
                );
            }
        }
        self.release(lease, &record).await;
        minted
    }

    async fn mint_token(&self) -> Result<AccessToken, Failure> {
        let json = self
            .read_value(&self.credentials_secret)
            .await
            .map_err(|error| credentials("GetSecretValue", error.to_string()))?;
        let client: ClientCredentials =
            secrets::parse(&self.credentials_secret, json.expose_secret())
                .map_err(|error| credentials("GetSecretValue", error.to_string()))?;
        // Whatever keeps CXone from giving a token says nothing about the interaction.
        let token = self.client.mint(&client).await;
        token.map_err(|failure| Failure::Credentials {
            reason: failure.reason().clone(),
        })
    }

    /// A token that can't be stored is used all the same; the next function mints its own.
    async fn store(&self, token: &AccessToken) {
        let put = self
            .secrets
            .put_secret_value()
            .secret_id(&self.token_secret)
            .client_request_token(tokens::fresh_id())
            .secret_string(token.to_secret().expose_secret())
            .send()
            .await;
        if let Err(error) = put {
            let reason = secrets::reason(&error);
            tracing::warn!(
                secret = self.token_secret,
                reason,
                "a fresh token isn't stored"
            );
        }
    }

    /// A lease that can't be given back runs out by itself.
    async fn release(&self, lease: &Lease, record: &Record) {
        if let Err(error) = self.ledger.release(lease, record).await {
            tracing::warn!(reason = %error, "the lease isn't given back");
        }
    }

    async fn read(&self) -> Result<Option<AccessToken>, SecretError> {
        match self.read_value(&self.token_secret).await {
            Ok(json) => Ok(AccessToken::from_secret(json.expose_secret())),
            Err(SecretError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read_value(&self, secret: &str) -> Result<SecretString, SecretError> {
        let missing = || SecretError::Missing {
            secret: secret.to_owned(),
        };
        let answer = self.secrets.get_secret_value().secret_id(secret).send();
        let answer = answer.await.map_err(|error| match &error {
            SdkError::ServiceError(e) if e.err().is_resource_not_found_exception() => missing(),
            _ => SecretError::Unavailable {
                call: "GetSecretValue",
                secret: secret.to_owned(),
                reason: secrets::reason(&error),
            },
        })?;
        Ok(answer.secret_string.ok_or_else(missing)?.into())
    }
}

fn may_store(mints: &[Timestamp], now: Timestamp) -> bool {
    let latest = mints.iter().max();
    mints.len() < STORED_A_DAY
        || latest.is_none_or(|at| now.duration_since(*at) >= STORED_THEN_EVERY)
}

fn credentials(call: &'static str, detail: String) -> Failure {
    Failure::Credentials {
        reason: Reason {
            call,
            status: None,
            detail,
        },
    }
}
