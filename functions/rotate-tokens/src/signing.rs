//! The rotation of the webhook's signing secret, over several runs.
//!
//! 1. The next secret is stored as `AWSPENDING`, in the form that it will have when it is current:
//!    `{"current": next, "previous": now}`.
//! 2. It is published as accepted: `AWSCURRENT` becomes `{"current": now, "previous": next}`.
//! 3. One cache life passes, until every function has read that.
//! 4. CXone is told to send the next one.
//! 5. `AWSPENDING` becomes `AWSCURRENT`.
//!
//! Both secrets are accepted from the second step on, so no delivery is refused at any moment, and
//! a rotation may stop anywhere: where it stands is read from the labels.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cxone::{AccessTokens, Registration, Webhooks};
use jiff::{SignedDuration, Timestamp};
use platforms::provider::Trouble;
use runtime::clock;
use secrets::{ExposeSecret, SecretError, SecretString, SigningSecret};
use serde_json::json;
use tokens::{Lease, LedgerError, Record, SIGNING_SECRET, State};
use upstream::Failure;

use crate::rotation::{LEASE, Outcome, Stop, Tools, outcome};
use crate::store::{CURRENT, PENDING};

/// On top of the cache's life: a read that was under way as the secret was published.
const STRAGGLERS: SignedDuration = SignedDuration::from_secs(5);

/// What the signing secret's rotation needs.
pub struct Signing {
    /// ARN of its secret.
    pub secret: String,
    /// The registration carries it, so that CXone can be told; otherwise a person tells the sender.
    pub registration: Option<Registrar>,
    /// How long functions keep what they read.
    pub cache_life: Duration,
    /// How old it may become; `None` where it rotates only by hand.
    pub greatest_age: Option<SignedDuration>,
}

/// Tells CXone.
pub struct Registrar {
    pub webhooks: Webhooks,
    pub tokens: AccessTokens,
    /// The webhook's address, by which it is found.
    pub url: String,
}

/// What is known. The texts are compared, never shown.
#[derive(Default)]
struct Facts {
    current: Option<(String, SigningSecret)>,
    pending: Option<(String, SigningSecret)>,
    due: bool,
    not_before: Option<Timestamp>,
    registered: Option<String>,
}

/// One step. Each is safe to run twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Finish,
    StoreNext,
    /// Take `AWSPENDING` away: its version is current, or a person has put another secret.
    DropPending,
    Publish,
    /// Write down when every function will have read it.
    NoteWhen,
    Wait,
    Register,
    Promote,
}

fn next(facts: &Facts, now: Timestamp) -> Step {
    let is = |one: Option<&SecretString>, other: Option<&SecretString>| {
        one.map(ExposeSecret::expose_secret) == other.map(ExposeSecret::expose_secret)
    };
    let Some((current_id, current)) = &facts.current else {
        return Step::Finish;
    };
    let Some((pending_id, pending)) = &facts.pending else {
        return if facts.due {
            Step::StoreNext
        } else {
            Step::Finish
        };
    };
    if pending_id == current_id || !is(pending.previous.as_ref(), Some(&current.current)) {
        return Step::DropPending;
    }
    if !is(current.previous.as_ref(), Some(&pending.current)) {
        return Step::Publish;
    }
    match facts.not_before {
        None => Step::NoteWhen,
        Some(not_before) if now < not_before => Step::Wait,
        Some(_) if facts.registered.as_ref() != Some(pending_id) => Step::Register,
        Some(_) => Step::Promote,
    }
}

/// What was asked for the signing secret.
#[derive(Clone, Copy)]
pub struct Ask {
    pub at: Timestamp,
    /// Although it isn't due. One that was renewed since `at` isn't renewed again.
    pub force: bool,
    /// A person has told the sender the pending secret.
    pub registered: bool,
}

/// Takes the rotation as far as it goes now.
pub async fn rotate(tools: &Tools, signing: &Signing, ask: Ask) -> Outcome {
    let mut rotation = match Rotation::begin(tools, signing).await {
        Ok(rotation) => rotation,
        Err(stop) => return (None, Err(stop)),
    };
    let before = rotation.record.rotated_at;
    let stop = go(&mut rotation, ask).await.err();
    outcome(before, rotation.end(stop.as_ref()).await, stop)
}

async fn go(rotation: &mut Rotation<'_>, ask: Ask) -> Result<(), Stop> {
    rotation.look(ask).await?;
    while !matches!(rotation.step().await?, Step::Finish | Step::Wait) {}
    Ok(())
}

/// A rotation under its lease. It may be dropped after any step; a later one goes on from there.
pub struct Rotation<'a> {
    tools: &'a Tools,
    signing: &'a Signing,
    lease: Lease,
    pub record: Record,
    facts: Facts,
}

impl<'a> Rotation<'a> {
    /// Takes the lease. Ends with [`Stop::Busy`] where somebody else has it.
    pub async fn begin(tools: &'a Tools, signing: &'a Signing) -> Result<Self, Stop> {
        let (lease, record) = tools.lease(SIGNING_SECRET).await?;
        Ok(Self {
            tools,
            signing,
            lease,
            record,
            facts: Facts::default(),
        })
    }

    /// Reads where the secret stands, and decides whether it is due.
    pub async fn look(&mut self, ask: Ask) -> Result<(), Stop> {
        let created = self.read().await?;
        let rotated_at = self.record.rotated_at;
        let age = clock::now().duration_since(rotated_at.map_or(created, |at| at.max(created)));
        let old = self
            .signing
            .greatest_age
            .is_some_and(|greatest| age >= greatest);
        let renewed_since = rotated_at.is_some_and(|at| at >= ask.at);
        self.facts.due = (old || ask.force) && !renewed_since;
        if ask.registered
            && let Some((pending, _)) = &self.facts.pending
        {
            self.record.registered = Some(pending.clone());
            self.facts.registered = Some(pending.clone());
        }
        Ok(())
    }

    /// Does the next step and says which it was.
    pub async fn step(&mut self) -> Result<Step, Stop> {
        let step = next(&self.facts, clock::now());
        if !matches!(step, Step::Finish | Step::Wait) {
            self.perform(step).await?;
            self.read().await?;
        }
        Ok(step)
    }

    /// Writes the state that a rotation ended with, and gives the lease back.
    pub async fn end(mut self, stop: Option<&Stop>) -> Result<Record, LedgerError> {
        self.record.state = match stop {
            Some(
                Stop::Trouble(Trouble::Refused(_))
                | Stop::Secret(SecretError::Missing { .. } | SecretError::Malformed { .. }),
            ) => State::ReauthRequired,
            _ if self.facts.pending.is_some() => State::Rotating,
            Some(_) => self.record.state,
            None => State::Ok,
        };
        self.record.reason = stop.map(ToString::to_string);
        self.tools.ledger.release(&self.lease, &self.record).await?;
        Ok(self.record)
    }

    /// Reads where the rotation stands, and gives the age of the current version.
    async fn read(&mut self) -> Result<Timestamp, Stop> {
        let (store, secret) = (&self.tools.store, &self.signing.secret);
        let missing = || SecretError::Missing {
            secret: secret.clone(),
        };
        let parse = |value: &SecretString| SigningSecret::parse(secret, value.expose_secret());
        let current = store.read(secret, CURRENT).await?.ok_or_else(missing)?;
        let pending = store.read(secret, PENDING).await?;
        self.facts.current = Some((current.id, parse(&current.value)?));
        self.facts.pending = match pending {
            Some(pending) => Some((pending.id, parse(&pending.value)?)),
            None => None,
        };
        self.facts.not_before = self.record.not_before;
        self.facts.registered.clone_from(&self.record.registered);
        Ok(current.created)
    }

    async fn perform(&mut self, step: Step) -> Result<(), Stop> {
        let (store, secret) = (&self.tools.store, &self.signing.secret);
        let current = self.facts.current.as_ref().map(|(_, secret)| secret);
        let pending = self.facts.pending.as_ref();
        match (step, current, pending) {
            (Step::StoreNext, Some(current), _) => {
                let next = form(&fresh_secret(), &current.current);
                store
                    .put(secret, &tokens::fresh_id(), PENDING, &next)
                    .await?;
                self.note(None, None).await?;
            }
            (Step::Publish, Some(current), Some((_, pending))) => {
                let accepted = form(&current.current, &pending.current);
                // The time counts from the write of the ledger that comes next.
                self.note(None, None).await?;
                store
                    .put(secret, &tokens::fresh_id(), CURRENT, &accepted)
                    .await?;
            }
            (Step::NoteWhen, ..) => {
                let life = SignedDuration::try_from(self.signing.cache_life);
                let life = life.unwrap_or(SignedDuration::from_hours(1));
                self.note(Some(clock::now() + life + STRAGGLERS), None)
                    .await?;
            }
            (Step::Register, _, Some((id, pending))) => {
                let id = id.clone();
                self.register(&pending.current).await?;
                self.note(self.record.not_before, Some(id)).await?;
            }
            (Step::Promote, ..) => {
                if let (Some((from, _)), Some((to, _))) = (&self.facts.current, pending) {
                    store.promote(secret, from, to).await?;
                    self.record.rotated_at = Some(clock::now());
                    self.facts.due = false;
                }
            }
            (Step::DropPending, _, Some((id, _))) => {
                store.drop_pending(secret, id).await?;
                self.note(None, None).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Tells CXone to send the pending secret.
    async fn register(&self, secret: &SecretString) -> Result<(), Stop> {
        let Some(Registrar {
            webhooks,
            tokens,
            url,
        }) = &self.signing.registration
        else {
            return Err(by_hand(
                "the sender signs with a secret that CXone's API can't be told",
            ));
        };
        let mut token = tokens.get().await.map_err(trouble)?;
        let mut listed = webhooks.list(&token).await;
        if matches!(listed, Err(Failure::Credentials { .. })) {
            token = tokens.refresh(&token).await.map_err(trouble)?;
            listed = webhooks.list(&token).await;
        }
        let listed = listed.map_err(|failure| match failure.reason().status {
            Some(404 | 405) => by_hand("CXone's API can't list webhooks"),
            _ => trouble(failure),
        })?;
        let mut found = listed
            .into_iter()
            .filter(|webhook| webhook.url == *url)
            .peekable();
        if found.peek().is_none() {
            return Err(by_hand("CXone lists no webhook for this stack's address"));
        }
        for webhook in found {
            let wanted = Registration {
                name: webhook.name,
                url: webhook.url,
                secret: Some(secret.clone()),
            };
            let updated = webhooks.update(&token, &webhook.id, &wanted).await;
            updated.map_err(|failure| match failure.reason().status {
                Some(404 | 405) => by_hand("CXone's API can't change webhooks"),
                _ => trouble(failure),
            })?;
        }
        Ok(())
    }

    async fn note(
        &mut self,
        not_before: Option<Timestamp>,
        registered: Option<String>,
    ) -> Result<(), Stop> {
        self.record.not_before = not_before;
        self.record.registered = registered;
        self.record.state = State::Rotating;
        let ledger = &self.tools.ledger;
        ledger
            .save(&mut self.lease, &self.record, clock::now(), LEASE)
            .await?;
        Ok(())
    }
}

/// Refused credentials are told by the state of CXone's own token.
fn trouble(failure: Failure) -> Stop {
    Stop::Trouble(match failure {
        Failure::Retryable { reason, .. }
        | Failure::RateLimited { reason, .. }
        | Failure::Credentials { reason } => Trouble::Later(reason.to_string()),
        failure => Trouble::Refused(failure.to_string()),
    })
}

fn by_hand(why: &str) -> Stop {
    Stop::Trouble(Trouble::Refused(format!(
        "{why}: give the sender the field current of the secret's version AWSPENDING, then invoke \
         with \"registered\": true; until then both secrets are accepted"
    )))
}

fn form(current: &SecretString, previous: &SecretString) -> SecretString {
    let (current, previous) = (current.expose_secret(), previous.expose_secret());
    json!({"current": current, "previous": previous})
        .to_string()
        .into()
}

/// 256 random bits in base64, which is a key for every way of signing.
fn fresh_secret() -> SecretString {
    BASE64_STANDARD.encode(tokens::random::<32>()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(current: &str, previous: Option<&str>) -> SigningSecret {
        SigningSecret {
            current: current.to_owned().into(),
            previous: previous.map(|previous| previous.to_owned().into()),
        }
    }

    fn facts(current: (&str, Option<&str>), pending: Option<(&str, &str)>) -> Facts {
        Facts {
            current: Some(("v1".into(), secret(current.0, current.1))),
            pending: pending.map(|(now, before)| ("v2".into(), secret(now, Some(before)))),
            ..Facts::default()
        }
    }

    #[test]
    fn the_next_secret_is_accepted_everywhere_before_anyone_signs_with_it() {
        let now = Timestamp::UNIX_EPOCH;
        let soon = now + SignedDuration::from_secs(65);
        let mut at = facts(("a", Some("z")), None);
        assert_eq!(next(&at, now), Step::Finish);
        at.due = true;
        assert_eq!(next(&at, now), Step::StoreNext);
        at.pending = facts(("", None), Some(("b", "a"))).pending;
        assert_eq!(next(&at, now), Step::Publish);
        at.current = facts(("a", Some("b")), None).current;
        assert_eq!(next(&at, now), Step::NoteWhen);
        at.not_before = Some(soon);
        assert_eq!(next(&at, now), Step::Wait);
        assert_eq!(next(&at, soon), Step::Register);
        at.registered = Some("v2".into());
        assert_eq!(next(&at, soon), Step::Promote);
        at.current = Some(("v2".into(), secret("b", Some("a"))));
        assert_eq!(next(&at, soon), Step::DropPending);
        at.pending = None;
        at.due = false;
        assert_eq!(next(&at, soon), Step::Finish);
    }

    #[test]
    fn a_secret_that_a_person_puts_ends_the_rotation_under_way() {
        let at = facts(("by hand", None), Some(("b", "a")));
        assert_eq!(next(&at, Timestamp::UNIX_EPOCH), Step::DropPending);
    }

    #[test]
    fn a_fresh_secret_is_256_random_bits() {
        let (one, other) = (fresh_secret(), fresh_secret());
        assert_eq!(one.expose_secret().len(), 44);
        assert_ne!(one.expose_secret(), other.expose_secret());
    }
}
