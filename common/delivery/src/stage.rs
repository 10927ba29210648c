//! The seam between delivery and what is delivered.
//!
//! For each batch, delivery asks the ledger which interactions may be called now, puts those of
//! one lane in order, takes slots of the rate limit, and then for each call:
//!
//! [`enter`](Stage::enter) → [`freeze`](Stage::freeze) → claim in the ledger →
//! [`call`](Stage::call) → [`leave`](Stage::leave) → outcome in the ledger → follow-up sent →
//! message acknowledged.
//!
//! A process may die between any two of these, and every step is safe to run twice.

use std::sync::Arc;

use interaction::Envelope;
use jiff::Timestamp;
use upstream::Failure;

use crate::admission::Permit;
use crate::item::State;

/// What a stage is called in ledger, logs and metrics.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// The sort key of its ledger items: `routing` or `ticketing`.
    pub stage: &'static str,
    /// Whom it calls: the limiter and the breaker are the item `upstream#<this>`.
    pub upstream: &'static str,
    /// The state of a finished item: [`State::Routed`] or [`State::Synced`].
    pub done: State,
}

/// One interaction in a call.
pub struct Unit {
    pub envelope: Arc<Envelope>,
    /// What [`Stage::freeze`] gave, perhaps in another process hours ago.
    pub decision: serde_json::Value,
    /// The calls made for this interaction, this one included.
    pub attempt: u32,
    /// An earlier call may have done the work already, for its outcome was never known.
    pub unsure: bool,
}

impl Unit {
    /// The `Idempotency-Key`: the interaction's id.
    pub fn key(&self) -> &str {
        self.envelope.interaction.interaction_id.as_str()
    }
}

/// The upstream did what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The upstream's id for it, such as the task's.
    pub id: String,
    /// The upstream says that an earlier call with this key had done it already. Where the outcome
    /// of an earlier call is unknown and this isn't said, it counts as a possible duplicate.
    pub repeated: bool,
}

/// Not now, for a reason that isn't the upstream's: nothing was called, no attempt is counted.
#[derive(Clone, Debug)]
pub struct Hold {
    /// When to look again.
    pub until: Timestamp,
    /// For the log; no secret, no customer's words.
    pub reason: String,
}

/// What one stage of the chain does for an interaction.
pub trait Stage: Send + Sync + 'static {
    /// What [`enter`](Stage::enter) brings for the steps after it; `()` where there are no lanes.
    type Lane: Send + Sync + 'static;

    fn names(&self) -> Names;

    /// Interactions of one lane are called one after the other within a batch, in the order of
    /// their events; where one must be tried again, those behind it wait for it. `None`: no order.
    fn lane(&self, envelope: &Envelope) -> Option<String> {
        let _ = envelope;
        None
    }

    /// Whether all interactions of a batch go in one call (and take one slot of the limit), in
    /// which those of one lane stand next to each other in their order.
    fn one_call(&self) -> bool {
        false
    }

    /// Whether an interaction is frozen anew after a failure that was sure (the upstream did
    /// nothing), instead of sending what was frozen first.
    fn refreeze(&self) -> bool {
        false
    }

    /// Takes the lane's lease, once a call and lane, before anything of it is claimed. `until` is
    /// when the call has ended for certain, or this process has died.
    fn enter(
        &self,
        envelope: &Envelope,
        until: Timestamp,
    ) -> impl Future<Output = Result<Self::Lane, Hold>> + Send;

    /// Decides what to send, before the first call; every later one sends the same. Stored in the
    /// ledger: small, and without the customer's words. A failure here counts no attempt; a
    /// permanent one parks.
    fn freeze(
        &self,
        envelope: &Envelope,
        lane: &mut Self::Lane,
    ) -> impl Future<Output = Result<serde_json::Value, Failure>> + Send;

    /// Calls the upstream, with one unit unless [`one_call`](Stage::one_call). Gives an outcome
    /// for each unit, in their order. It is dropped when it takes longer than the call's time-out;
    /// every request after the first takes [`Permit::another`].
    fn call(
        &self,
        units: &[Unit],
        permit: &Permit,
    ) -> impl Future<Output = Vec<Result<Done, Failure>>> + Send;

    /// Gives the lane's lease back, with what came of its units. An empty list: nothing was
    /// called. Not called at all where the process died.
    fn leave(
        &self,
        lane: Self::Lane,
        outcomes: &[(&Unit, &Result<Done, Failure>)],
    ) -> impl Future<Output = ()> + Send {
        let _ = (lane, outcomes);
        async {}
    }

    /// The message for the next queue once this stage is done. It is sent again whenever a copy
    /// of a finished interaction comes in, so the next stage must absorb repeats (and does).
    fn follow_up(
        &self,
        envelope: &Envelope,
        decision: &serde_json::Value,
        result: &str,
    ) -> Option<Envelope> {
        let _ = (envelope, decision, result);
        None
    }
}
