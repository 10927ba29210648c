//! One call: its slot, its claims and the call itself. What comes of it is told by
//! [`outcome`](crate::outcome).

use std::time::Duration;

use futures::future::join_all;
use upstream::{Failure, Reason};

use crate::admission::Permit;
use crate::batch::{Delivery, LEASE_BEYOND_TIMEOUT};
use crate::breaker::Verdict;
use crate::gate::Admission;
use crate::invocation::{Concerned, Fate, Invocation, Job, Planned, Ready};
use crate::item::{Claim, Item, State};
use crate::limiter::LATEST_START;
use crate::millis::{self, Millis};
use crate::stage::{Done, Stage, Unit};

/// So long before its slot a call is prepared.
const PREPARE: Millis = 500;

/// A call's own time-out ends it; this is for what doesn't keep it.
const BEYOND_TIMEOUT: Duration = Duration::from_secs(1);

/// An interaction that this process holds.
pub(crate) struct Claimed {
    pub(crate) job: Job,
    pub(crate) item: Item,
}

/// Units of one lane within a call.
struct Group<L> {
    lane: L,
    /// When the first of the leases in it ends.
    lease_until: Millis,
    claimed: Vec<Claimed>,
}

impl<S: Stage> Delivery<S> {
    /// Makes the calls of a chain, one after the other. Where one must be tried again, those behind
    /// it wait for it.
    pub(crate) async fn run(&self, invocation: &Invocation, chain: Vec<Planned>) {
        let mut held_until = None;
        for call in chain {
            let concerned: Vec<_> = call.units.iter().map(|r| r.job.concerned()).collect();
            match held_until {
                None => {
                    let called = Box::pin(self.call(invocation, call));
                    held_until = match self.apart(invocation, &concerned, called).await {
                        Some(held_until) => held_until,
                        None => Some(millis::after(millis::now(), self.backoff(0))),
                    };
                }
                Some(until) => {
                    for Concerned { copies, .. } in &concerned {
                        invocation.fates.set(copies, Fate::Hide(until));
                    }
                }
            }
        }
    }

    /// Makes one call. Gives until when the next one of its chain must wait, if it must.
    async fn call(&self, invocation: &Invocation, call: Planned) -> Option<Millis> {
        let Planned { units, admission } = call;
        let asked = millis::now();
        let (at, probe) = match admission {
            Admission::Go { at, probe } => (at, probe),
            Admission::Hold { until } => return Some(hold(invocation, &units, until)),
        };
        sleep_until(at - PREPARE).await;
        if let Some(until) = self
            .must_not_start(invocation, asked, at, probe, &units)
            .await
        {
            return Some(hold(invocation, &units, until));
        }
        let first = units[0].job.id.clone();
        let (mut groups, mut held) = self.claim(invocation, units, at, asked).await;
        if groups.iter().all(|group| group.claimed.is_empty()) {
            self.leave_all(groups).await;
            return held;
        }
        let permit = Permit::new(self.upstream.clone());
        sleep_until(at).await;
        let late = self.upstream.has_limit() && millis::now() > at + LATEST_START;
        if late && !permit.take().await || self.would_be_cut_off(invocation, &groups) {
            return Some(self.release(invocation, groups).await);
        }
        invocation.report.waited_for_slot((at - asked).max(0));

        let called = millis::now();
        let (units, sizes) = units_of(&groups);
        let outcomes = self.make(&units, &permit).await;
        self.tell_the_gate(invocation, &first, probe.then_some(at), &outcomes)
            .await;

        let mut rest: &[(Unit, Result<Done, Failure>)] =
            &units.into_iter().zip(outcomes).collect::<Vec<_>>();
        for (group, size) in groups.drain(..).zip(sizes) {
            let (mine, others) = rest.split_at(size);
            rest = others;
            let outcomes: Vec<_> = mine.iter().map(|(unit, outcome)| (unit, outcome)).collect();
            self.stage.leave(group.lane, &outcomes).await;
            let ends = group
                .claimed
                .iter()
                .zip(mine)
                .map(async |(claimed, (_, outcome))| {
                    let concerned = [claimed.job.concerned()];
                    let took = millis::now() - called;
                    let recorded = Box::pin(self.record(invocation, claimed, outcome, took));
                    self.apart(invocation, &concerned, recorded).await.flatten()
                });
            held = join_all(ends).await.into_iter().flatten().chain(held).max();
        }
        held
    }

    /// Whether too much has changed while the call waited for its slot: then until when it waits.
    async fn must_not_start(
        &self,
        invocation: &Invocation,
        asked: Millis,
        at: Millis,
        probe: bool,
        units: &[Ready],
    ) -> Option<Millis> {
        let now = millis::now();
        if now > invocation.latest {
            return Some(now);
        }
        if probe || at - asked <= PREPARE {
            return None;
        }
        match self.upstream.fresh().await {
            Ok(gate) => match gate.breaker.verdict(&units[0].job.id, now) {
                Verdict::Call => None,
                // Its slot is lost; as a probe it has to ask again.
                Verdict::Probe => Some(now),
                Verdict::Hold(until) => Some(until),
            },
            Err(error) => {
                tracing::error!(%error, "the gate can't be read");
                Some(millis::after(now, self.backoff(0)))
            }
        }
    }

    /// Whether a call that starts now could outlast its leases, so that another function would call
    /// beside it, or the invocation. Claiming is quick, unless AWS is slow.
    fn would_be_cut_off(&self, invocation: &Invocation, groups: &[Group<S::Lane>]) -> bool {
        let now = millis::now();
        let end = millis::after(now, self.settings.call_timeout + BEYOND_TIMEOUT);
        let outlasts = |group: &Group<_>| group.lease_until < end;
        now > invocation.latest + LATEST_START || groups.iter().any(outlasts)
    }

    /// Enters the lanes, decides what to send and claims. What can't be had is settled here; the
    /// lane of what isn't to be called now is held until then.
    async fn claim(
        &self,
        invocation: &Invocation,
        units: Vec<Ready>,
        at: Millis,
        asked: Millis,
    ) -> (Vec<Group<S::Lane>>, Option<Millis>) {
        let mut groups: Vec<(Option<String>, Group<S::Lane>)> = Vec::new();
        let mut refused: Option<(String, Millis)> = None;
        let mut held = None;
        for ready in units {
            let lease = self.settings.call_timeout + LEASE_BEYOND_TIMEOUT;
            let lease_until = millis::after(millis::now().max(at), lease);
            let lane = ready.lane.clone();
            if let Some((name, until)) = &refused
                && lane.as_ref() == Some(name)
            {
                invocation.fates.set(&ready.job.copies, Fate::Hide(*until));
                continue;
            }
            let same = groups
                .last()
                .is_some_and(|(last, _)| lane.is_some() && *last == lane);
            let concerned = [ready.job.concerned()];
            let in_a_moment = || Some(millis::after(millis::now(), self.backoff(0)));
            if !same {
                let until = millis::timestamp(lease_until);
                let entered = self.stage.enter(&ready.job.envelope, until);
                let Some(entered) = self.apart(invocation, &concerned, entered).await else {
                    held = held.max(in_a_moment());
                    continue;
                };
                match entered {
                    Ok(entered) => groups.push((
                        lane,
                        Group {
                            lane: entered,
                            lease_until,
                            claimed: Vec::new(),
                        },
                    )),
                    Err(refusal) => {
                        let until = refusal.until.as_millisecond();
                        tracing::debug!(
                            interaction = ready.job.id,
                            reason = refusal.reason,
                            "held"
                        );
                        invocation.fates.set(&ready.job.copies, Fate::Hide(until));
                        refused = lane.map(|name| (name, until));
                        held = held.max(Some(until));
                        continue;
                    }
                }
            }
            let Some((_, group)) = groups.last_mut() else {
                continue;
            };
            let waited = (at - asked).max(0);
            let claimed = self.claim_one(invocation, ready, &mut group.lane, lease_until, waited);
            match self.apart(invocation, &concerned, claimed).await {
                Some(Ok(claimed)) => group.claimed.push(claimed),
                Some(Err(until)) => held = held.max(until),
                None => held = held.max(in_a_moment()),
            }
        }
        (groups.into_iter().map(|(_, group)| group).collect(), held)
    }

    /// Claims one interaction, or settles it and says until when its lane must wait, if it must.
    async fn claim_one(
        &self,
        invocation: &Invocation,
        ready: Ready,
        lane: &mut S::Lane,
        lease_until: Millis,
        waited_for_slot: Millis,
    ) -> Result<Claimed, Option<Millis>> {
        let Ready { job, item, .. } = ready;
        let frozen = item
            .as_ref()
            .filter(|item| !self.stage.refreeze() || item.unsure || item.state == State::Calling);
        let decision = match frozen.and_then(|item| item.decision.clone()) {
            Some(decision) => decision,
            None => match self.stage.freeze(&job.envelope, lane).await {
                Ok(decision) => decision.to_string(),
                Err(failure) => {
                    return Err(self.not_frozen(invocation, &job, item, &failure).await);
                }
            },
        };
        let claim = Claim {
            facts: &job.facts,
            decision,
            lease_until,
            waited_for_slot,
            now: millis::now(),
        };
        let max_attempts = self.settings.policy.max_attempts;
        match self.ledger.claim(&job.id, item, max_attempts, &claim).await {
            Ok(Ok(item)) => {
                // Should this process be stopped from here on, its message waits for the lease.
                invocation.fates.set(&job.copies, Fate::Hide(lease_until));
                Ok(Claimed { job, item })
            }
            Ok(Err((next, item))) => {
                let until = match next {
                    crate::item::Next::Hide { until } => Some(until),
                    _ => None,
                };
                self.settle(invocation, &job, next, item).await;
                Err(until)
            }
            Err(error) => {
                self.ledger_down(invocation, [&job], &error);
                Err(Some(millis::after(millis::now(), self.backoff(0))))
            }
        }
    }

    /// Nothing was called, so no attempt is counted: the interaction waits, or is parked where
    /// waiting doesn't help.
    async fn not_frozen(
        &self,
        invocation: &Invocation,
        job: &Job,
        item: Option<Item>,
        failure: &Failure,
    ) -> Option<Millis> {
        let now = millis::now();
        if matches!(
            failure,
            Failure::Permanent { .. } | Failure::Forbidden { .. }
        ) {
            let mut parked = item.clone().unwrap_or_else(|| Item::new(&job.facts));
            parked.give_up(now, &failure.to_string(), failure.reason().status);
            self.park(invocation, job, item.as_ref(), parked).await;
            return None;
        }
        let stage = self.stage.names().stage;
        tracing::warn!(interaction = job.id, stage, outcome = "waiting", reason = %failure.reason());
        let until = millis::after(now, self.backoff(job.message.receives));
        invocation.fates.set(&job.copies, Fate::Hide(until));
        Some(until)
    }

    /// Calls the upstream and keeps to the call's time-out.
    async fn make(&self, units: &[Unit], permit: &Permit) -> Vec<Result<Done, Failure>> {
        let limit = self.settings.call_timeout + BEYOND_TIMEOUT;
        let unknown = |detail: &str| {
            Err(Failure::Retryable {
                retry_after: None,
                sure: false,
                reason: Reason {
                    call: self.stage.names().upstream,
                    status: None,
                    detail: detail.to_owned(),
                },
            })
        };
        match tokio::time::timeout(limit, self.stage.call(units, permit)).await {
            Ok(mut outcomes) => {
                outcomes.resize_with(units.len(), || unknown("no outcome was given"));
                outcomes
            }
            Err(_) => units.iter().map(|_| unknown("no answer in time")).collect(),
        }
    }

    /// Gives everything back: claiming took too long for the slot, and there is none soon enough, or
    /// for the lease.
    async fn release(&self, invocation: &Invocation, groups: Vec<Group<S::Lane>>) -> Millis {
        let now = millis::now();
        let until = now + 1_000;
        for group in &groups {
            for Claimed { job, item } in &group.claimed {
                let released = item.release(
                    "claiming took too long for the call's slot or its lease",
                    now,
                );
                if let Ok(Ok(_)) = self.ledger.end(&job.id, item, released).await {
                    invocation.fates.set(&job.copies, Fate::Hide(until));
                }
            }
        }
        self.leave_all(groups).await;
        until
    }

    async fn leave_all(&self, groups: Vec<Group<S::Lane>>) {
        for group in groups {
            self.stage.leave(group.lane, &[]).await;
        }
    }
}

/// Hides interactions that may not be called before `until`, spread so that they don't all
/// come back at once.
fn hold(invocation: &Invocation, units: &[Ready], until: Millis) -> Millis {
    for ready in units {
        let until = until + fastrand::i64(0..=invocation.spread);
        invocation.fates.set(&ready.job.copies, Fate::Hide(until));
    }
    until
}

/// What goes into the call, and how many of it belong to each group.
fn units_of<L>(groups: &[Group<L>]) -> (Vec<Unit>, Vec<usize>) {
    let unit = |claimed: &Claimed| Unit {
        envelope: claimed.job.envelope.clone(),
        decision: claimed
            .item
            .decision
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default(),
        attempt: claimed.item.attempts,
        unsure: claimed.item.unsure,
    };
    let units = groups
        .iter()
        .flat_map(|group| &group.claimed)
        .map(unit)
        .collect();
    (
        units,
        groups.iter().map(|group| group.claimed.len()).collect(),
    )
}

async fn sleep_until(at: Millis) {
    tokio::time::sleep(millis::until(millis::now(), at)).await;
}
