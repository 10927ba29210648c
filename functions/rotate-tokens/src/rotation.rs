//! Carries the steps of one token's rotation out.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use cxone::{AccessToken, Client, ClientCredentials};
use jiff::{SignedDuration, Timestamp};
use platforms::provider::{self, Trouble};
use platforms::{Document, Times};
use runtime::clock;
use secrets::{ExposeSecret as _, SecretError, SecretString};
use tokens::{Acquired, Intent, Lease, LedgerError, Record, State, TokenLedger};
use upstream::Failure;

use crate::due::is_due;
use crate::step::{Facts, Memory, Pending, Step, next};
use crate::store::{CURRENT, PENDING, Store, Version};

/// How long a lease lasts; each write of the ledger holds it for as long again. Longer than the
/// provider's time-out, so that nobody else begins while a call is under way.
pub const LEASE: Duration = Duration::from_secs(60);

/// Between tries to store an answer.
const STORE_AGAIN: Duration = Duration::from_millis(500);

/// What rotations are done with.
pub struct Tools {
    pub store: Store,
    pub ledger: TokenLedger,
    pub http: reqwest::Client,
    /// A secret is due when less than this is left, or than a quarter of its life.
    pub margin: SignedDuration,
}

impl Tools {
    /// Takes a token's lease. Ends with [`Stop::Busy`] where somebody else has it.
    pub(crate) async fn lease(&self, name: &str) -> Result<(Lease, Record), Stop> {
        let owner = tokens::fresh_id();
        let acquired = self.ledger.acquire(name, &owner, clock::now(), LEASE);
        match acquired.await? {
            Acquired::Held { until } => Err(Stop::Busy(until)),
            Acquired::Mine(lease, record) => Ok((lease, *record)),
        }
    }
}

/// A token to look after.
pub struct Token {
    /// Its name in the ledger.
    pub name: String,
    /// ARN or name of its secret.
    pub secret: String,
    pub source: Source,
}

/// Where a fresh token comes from.
pub enum Source {
    /// The social platform's provider, as its secret says.
    Platform,
    /// CXone, with the client's credentials, which are in a secret of their own.
    Cxone {
        client: Client,
        credentials_secret: String,
    },
}

/// Why a rotation stopped. The variant is the decision.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    #[error(transparent)]
    Trouble(#[from] Trouble),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("another invocation is at it, until {0} at the longest")]
    Busy(Timestamp),
    #[error(
        "the answer of an exchange was lost, and the token must not be sent twice: authorise anew"
    )]
    PersonNeeded,
    /// What a single-use exchange brought existed nowhere else.
    #[error(
        "a fresh token could not be stored and is lost: mend what follows, then authorise anew: {0}"
    )]
    NotStored(SecretError),
}

/// A rotation under its lease. It may be dropped after any step; a later one goes on from there.
pub struct Rotation<'a> {
    tools: &'a Tools,
    token: &'a Token,
    deadline: Instant,
    lease: Lease,
    pub record: Record,
    facts: Facts,
    times: Option<Times>,
    document: Option<Document>,
    /// The provider's answer, until it is stored.
    answer: Option<SecretString>,
    /// All of the above is known.
    looked: bool,
}

/// When a rotation was asked for.
#[derive(Clone, Copy)]
pub struct Ask {
    pub at: Timestamp,
    /// Although the token isn't due. One that was renewed since `at` isn't renewed again.
    pub force: bool,
    /// Storing an answer is tried until then.
    pub deadline: Instant,
}

impl<'a> Rotation<'a> {
    /// Takes the lease. Ends with [`Stop::Busy`] where somebody else has it.
    pub async fn begin(tools: &'a Tools, token: &'a Token, ask: Ask) -> Result<Self, Stop> {
        let (lease, record) = tools.lease(&token.name).await?;
        Ok(Self {
            tools,
            token,
            deadline: ask.deadline,
            lease,
            record,
            facts: Facts::default(),
            times: None,
            document: None,
            answer: None,
            looked: false,
        })
    }

    /// Reads where the secret stands.
    pub async fn look(&mut self, ask: Ask) -> Result<(), Stop> {
        let (store, secret) = (&self.tools.store, &self.token.secret);
        let current = store.read(secret, CURRENT).await?;
        self.facts.current = current
            .as_ref()
            .map(|version| version.id.clone())
            .unwrap_or_default();
        self.facts.intent.clone_from(&self.record.intent);
        match &self.token.source {
            Source::Cxone { .. } => {
                let json = current
                    .as_ref()
                    .map(|version| version.value.expose_secret());
                self.times = json.and_then(cxone_times);
            }
            Source::Platform => {
                let missing = || SecretError::Missing {
                    secret: secret.clone(),
                };
                let Version { value, created, .. } = current.as_ref().ok_or_else(missing)?;
                let document = Document::parse(secret, value.expose_secret(), *created)?;
                self.facts.single_use = document.provider.is_single_use();
                self.times = Some(document.times);
                self.document = Some(document);
            }
        }
        self.record.expires = self.times.map(|times| times.expires_at);
        self.facts.current_issued_at = self.times.map(|times| times.issued_at);
        self.facts.pending = self.read_pending().await?;
        let renewed_since = self.record.rotated_at.is_some_and(|at| at >= ask.at);
        let refused = self.is_refused() && !ask.force;
        self.facts.due = (self.is_due() || ask.force) && !renewed_since && !refused;
        self.looked = true;
        Ok(())
    }

    /// Does the next step and says which it was.
    pub async fn step(&mut self) -> Result<Step, Stop> {
        let step = next(&self.facts);
        match step {
            Step::Finish => {}
            Step::CallPerson => return Err(Stop::PersonNeeded),
            Step::WriteIntent => self.write_intent().await?,
            Step::CallProvider => self.call_provider().await?,
            Step::Store => self.store_answer().await?,
            Step::Promote => self.promote().await?,
            Step::DropPending => {
                if let Some(pending) = self.facts.pending.take() {
                    let (store, secret) = (&self.tools.store, &self.token.secret);
                    store.drop_pending(secret, &pending.version).await?;
                }
            }
            Step::ForgetIntent => {
                self.facts.intent = None;
                self.record.intent = None;
                self.save().await?;
            }
        }
        Ok(step)
    }

    /// Writes the state that a rotation ended with, and gives the lease back.
    pub async fn end(mut self, stop: Option<&Stop>) -> Result<Record, LedgerError> {
        let first_reason = self.first_reason(stop);
        let settled = if self.is_due() {
            State::Expiring
        } else {
            State::Ok
        };
        match stop {
            // The refusal of the same token stands.
            None if self.is_refused() => self.record.state = State::ReauthRequired,
            None => {
                self.record.state = settled;
                self.record.reason = None;
            }
            Some(stop) => {
                self.record.state = match stop {
                    Stop::PersonNeeded
                    | Stop::NotStored(_)
                    | Stop::Secret(SecretError::Missing { .. } | SecretError::Malformed { .. }) => {
                        State::ReauthRequired
                    }
                    Stop::Trouble(Trouble::Lost(_)) if self.facts.single_use => {
                        State::ReauthRequired
                    }
                    Stop::Trouble(Trouble::Refused(_)) => {
                        self.record.intent = None;
                        // CXone's credentials are mended in another secret: it is asked again.
                        self.record.refused = matches!(self.token.source, Source::Platform)
                            .then(|| self.facts.current.clone());
                        State::ReauthRequired
                    }
                    Stop::Trouble(_) => {
                        self.record.intent = None;
                        settled
                    }
                    // Nothing is known but that it couldn't be read.
                    _ if !self.looked => self.record.state,
                    // The next run goes on from what stands.
                    _ if self.record.intent.is_some() => State::Rotating,
                    _ => settled,
                };
                self.record.reason = first_reason.or_else(|| Some(stop.to_string()));
            }
        }
        self.tools.ledger.release(&self.lease, &self.record).await?;
        Ok(self.record)
    }

    /// Why a person was called for the exchange whose answer is still missing. A run after that one
    /// finds no more than that it is missing, or that the secret can't be read.
    fn first_reason(&self, stop: Option<&Stop>) -> Option<String> {
        let called = self.record.state == State::ReauthRequired && self.record.intent.is_some();
        let finds_no_more = match stop {
            Some(Stop::PersonNeeded) => true,
            Some(Stop::Secret(SecretError::Unavailable { .. })) => !self.looked,
            _ => false,
        };
        let reason = self.record.reason.clone();
        reason.filter(|_| called && finds_no_more)
    }

    async fn write_intent(&mut self) -> Result<(), Stop> {
        if let (Some(document), Some(times)) = (&self.document, self.times) {
            let Times {
                issued_at,
                expires_at,
            } = times;
            document
                .provider
                .check(issued_at, expires_at, clock::now())?;
        }
        let intent = Intent {
            from: self.facts.current.clone(),
            version: tokens::fresh_id(),
            at: clock::now(),
        };
        self.record.intent = Some(intent.clone());
        self.record.state = State::Rotating;
        self.save().await?;
        self.facts.intent = Some(intent);
        self.facts.memory = Memory::Intent;
        Ok(())
    }

    async fn call_provider(&mut self) -> Result<(), Stop> {
        self.facts.memory = Memory::Nothing;
        let answer = match (&self.token.source, &self.document) {
            (
                Source::Cxone {
                    client,
                    credentials_secret,
                },
                _,
            ) => self.mint(client, credentials_secret).await?,
            (Source::Platform, Some(document)) => {
                let provider = document.provider.as_ref();
                let fresh = provider::exchange(provider, &self.tools.http).await?;
                document.renewed(&fresh, clock::now())
            }
            (Source::Platform, None) => return Err(Stop::PersonNeeded),
        };
        self.answer = Some(answer);
        self.facts.memory = Memory::Answer;
        Ok(())
    }

    async fn mint(&self, client: &Client, credentials_secret: &str) -> Result<SecretString, Stop> {
        let read = self.tools.store.read(credentials_secret, CURRENT).await?;
        let version = read.ok_or_else(|| SecretError::Missing {
            secret: credentials_secret.to_owned(),
        })?;
        let credentials: ClientCredentials =
            secrets::parse(credentials_secret, version.value.expose_secret())?;
        let token = client
            .mint(&credentials)
            .await
            .map_err(|failure| match failure {
                Failure::Retryable { reason, .. } | Failure::RateLimited { reason, .. } => {
                    Trouble::Later(reason.to_string())
                }
                failure => Trouble::Refused(failure.to_string()),
            })?;
        Ok(token.to_secret())
    }

    /// The answer of a single-use exchange exists nowhere else yet, so this doesn't give up before
    /// the deadline. Meanwhile the lease is held: without the answer, another run would call a
    /// person.
    async fn store_answer(&mut self) -> Result<(), Stop> {
        let (Some(answer), Some(intent)) = (self.answer.clone(), self.facts.intent.clone()) else {
            return Err(Stop::PersonNeeded);
        };
        let (store, secret) = (&self.tools.store, &self.token.secret);
        let mut said = HashSet::new();
        while let Err(error) = store.put(secret, &intent.version, PENDING, &answer).await {
            if let Err(lease) = self.save().await
                && said.insert(lease.to_string())
            {
                tracing::warn!(token = self.token.name, reason = %lease, "the lease can't be renewed");
            }
            if clock::instant() + STORE_AGAIN >= self.deadline {
                return Err(if self.facts.single_use {
                    Stop::NotStored(error)
                } else {
                    error.into()
                });
            }
            if said.insert(error.to_string()) {
                tracing::warn!(
                    token = self.token.name,
                    reason = %error,
                    "a fresh token can't be stored; this is tried again until the run ends"
                );
            }
            tokio::time::sleep(STORE_AGAIN).await;
        }
        self.answer = None;
        self.facts.memory = Memory::Nothing;
        // Read back, so that what is promoted is what was stored.
        self.facts.pending = self.read_pending().await?;
        Ok(())
    }

    async fn promote(&mut self) -> Result<(), Stop> {
        let Some(pending) = self.facts.pending.clone() else {
            return Ok(());
        };
        let (store, secret) = (&self.tools.store, &self.token.secret);
        store
            .promote(secret, &self.facts.current, &pending.version)
            .await?;
        let expires = match store.read(secret, CURRENT).await? {
            Some(version) => self.times_of(&version),
            None => None,
        };
        self.times = expires;
        self.record.expires = expires.map(|times| times.expires_at);
        self.record.rotated_at = Some(clock::now());
        self.record.refused = None;
        self.facts.current = pending.version;
        self.facts.current_issued_at = pending.issued_at;
        self.facts.due = false;
        Ok(())
    }

    async fn read_pending(&self) -> Result<Option<Pending>, SecretError> {
        let version = self.tools.store.read(&self.token.secret, PENDING).await?;
        Ok(version.map(|version| {
            let times = self.times_of(&version);
            let lives = times.filter(|times| times.expires_at > clock::now());
            Pending {
                issued_at: lives.map(|times| times.issued_at),
                version: version.id,
            }
        }))
    }

    fn times_of(&self, version: &Version) -> Option<Times> {
        let json = version.value.expose_secret();
        match self.token.source {
            Source::Cxone { .. } => cxone_times(json),
            Source::Platform => Document::parse(&self.token.secret, json, version.created)
                .ok()
                .map(|document| document.times),
        }
    }

    fn is_due(&self) -> bool {
        self.times.is_none_or(
            |Times {
                 issued_at,
                 expires_at,
             }| { is_due(issued_at, expires_at, self.tools.margin, clock::now()) },
        )
    }

    fn is_refused(&self) -> bool {
        self.record.refused.as_ref() == Some(&self.facts.current)
    }

    async fn save(&mut self) -> Result<(), LedgerError> {
        let ledger = &self.tools.ledger;
        ledger
            .save(&mut self.lease, &self.record, clock::now(), LEASE)
            .await
    }
}

/// When CXone's stored token was issued and runs out; `None` where the secret holds none yet.
fn cxone_times(json: &str) -> Option<Times> {
    let token = AccessToken::from_secret(json)?;
    Some(Times {
        issued_at: token.issued_at(),
        expires_at: token.expires_at(),
    })
}

/// What a rotation came to: its record, where that was written, and whether there is a new secret.
pub type Outcome = (Option<Record>, Result<bool, Stop>);

/// `before`: when the secret was last rotated until then. `stop`: what ended the rotation early.
pub(crate) fn outcome(
    before: Option<Timestamp>,
    ended: Result<Record, LedgerError>,
    stop: Option<Stop>,
) -> Outcome {
    match (ended, stop) {
        (Ok(record), None) => {
            let rotated = record.rotated_at != before;
            (Some(record), Ok(rotated))
        }
        (Ok(record), Some(stop)) => (Some(record), Err(stop)),
        (Err(_), Some(stop)) => (None, Err(stop)),
        (Err(error), None) => (None, Err(error.into())),
    }
}

/// Rotates a token if it is due, as far as that goes now.
pub async fn rotate(tools: &Tools, token: &Token, ask: Ask) -> Outcome {
    let mut rotation = match Rotation::begin(tools, token, ask).await {
        Ok(rotation) => rotation,
        Err(stop) => return (None, Err(stop)),
    };
    let before = rotation.record.rotated_at;
    let stop = go(&mut rotation, ask).await.err();
    outcome(before, rotation.end(stop.as_ref()).await, stop)
}

async fn go(rotation: &mut Rotation<'_>, ask: Ask) -> Result<(), Stop> {
    rotation.look(ask).await?;
    while rotation.step().await? != Step::Finish {}
    Ok(())
}
