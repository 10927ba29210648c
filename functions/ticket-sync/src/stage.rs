//! What delivery needs to know of ticketing.

use std::time::Duration;

use aws_config::SdkConfig;
use delivery::{Done, Hold, Names, Permit, Stage, State, Unit};
use interaction::Envelope;
use jiff::{SignedDuration, Timestamp};
use runtime::clock;
use secrets::SecretCache;
use serde::Deserialize;
use serde_json::Value;
use ticketing::{Arrival, Call, Client, Credential, Ending, Outcome, Plan, Slots, Thread, Update};
use upstream::{Failure, Reason};

use crate::config::Config;
use crate::threads::{Busy, Held, STAGE, Threads};

/// How long to stand back when the thread's item can't be read or written.
const STORE_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// Another call of the thread is over in a moment more often than not: looking again so many times,
/// after so long, is faster and cheaper than another receive.
const SHORT_WAITS: u32 = 3;
const SHORT_WAIT: Duration = Duration::from_millis(250);

const READING: &str = "reading the queue's message";

/// Calls the ticketing system. Built once a cold start.
pub struct TicketSync {
    client: Client,
    threads: Threads,
}

impl TicketSync {
    /// # Errors
    /// When the TLS configuration can't be built.
    pub fn new(config: Config, aws: &SdkConfig) -> Result<Self, lambda_runtime::Error> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let credential = config.credential_arn.map(|arn| Credential {
            secrets: SecretCache::new(secrets, config.credential_life),
            arn,
        });
        let dynamodb = aws_sdk_dynamodb::Client::new(aws);
        let timeout = config.call_timeout;
        Ok(Self {
            client: Client::new(config.url, config.dialect, credential, timeout)?,
            threads: Threads::new(dynamodb, config.table, config.thread_days),
        })
    }

    async fn tell(&self, units: &[Unit], permit: &Permit) -> Vec<Result<Done, Failure>> {
        let mut results: Vec<Option<Result<Done, Failure>>> = Vec::new();
        let mut calls = Vec::new();
        for unit in units {
            match news(unit) {
                Err(failure) => results.push(Some(Err(failure))),
                Ok((arrival, plan)) if plan.told => results.push(Some(Ok(Done {
                    id: plan
                        .ticket
                        .unwrap_or_else(|| arrival.thread_id().to_owned()),
                    repeated: true,
                }))),
                Ok((arrival, plan)) => {
                    results.push(None);
                    calls.push(Call {
                        update: Update::new(&arrival, &plan),
                        again: unit.unsure,
                        ticket: plan.ticket,
                    });
                }
            }
        }
        let outcomes = if calls.is_empty() {
            Vec::new()
        } else {
            self.client.tell(calls, &Permitted(permit)).await
        };
        let mut outcomes = outcomes.into_iter();
        let results = results.into_iter().zip(units).map(|(result, unit)| {
            result.unwrap_or_else(|| {
                let outcome = outcomes
                    .next()
                    .expect("an exchange has an outcome for each call");
                done(outcome, unit)
            })
        });
        results.collect()
    }
}

impl Stage for TicketSync {
    /// `None` where the message doesn't say its task, and is parked for that.
    type Lane = Option<Held>;

    fn names(&self) -> Names {
        Names {
            stage: STAGE,
            upstream: "ticketing",
            done: State::Synced,
        }
    }

    fn lane(&self, envelope: &Envelope) -> Option<String> {
        Some(envelope.interaction.payload.thread_id.clone())
    }

    fn one_call(&self) -> bool {
        self.client.dialect().takes_many()
    }

    /// After a sure failure another interaction of the thread may have told some of it meanwhile.
    fn refreeze(&self) -> bool {
        true
    }

    async fn enter(&self, envelope: &Envelope, until: Timestamp) -> Result<Self::Lane, Hold> {
        let Some(own) = Arrival::of(envelope) else {
            return Ok(None);
        };
        // A call for many would wait for each of its threads in turn.
        let mut waits = if self.one_call() { 0 } else { SHORT_WAITS };
        loop {
            let now = clock::now();
            match self.threads.enter(&own, until, now).await {
                Ok(held) => return Ok(Some(held)),
                Err(busy) if waits > 0 && busy.is_short(now) => {
                    waits -= 1;
                    tokio::time::sleep(SHORT_WAIT).await;
                }
                Err(busy) => return Err(hold(&busy, now)),
            }
        }
    }

    async fn freeze(&self, envelope: &Envelope, lane: &mut Self::Lane) -> Result<Value, Failure> {
        let own = arrival(envelope)?;
        let held = lane.as_mut().ok_or_else(unrouted)?;
        let plan = self.threads.plan(held, &own, clock::now()).await;
        let plan = plan.map_err(|busy| Failure::Retryable {
            retry_after: None,
            sure: true,
            reason: Reason {
                call: "writing the thread's ledger item",
                status: None,
                detail: busy.to_string(),
            },
        })?;
        Ok(serde_json::to_value(plan).expect("a plan always serialises"))
    }

    async fn call(&self, units: &[Unit], permit: &Permit) -> Vec<Result<Done, Failure>> {
        self.tell(units, permit).await
    }

    async fn leave(&self, lane: Self::Lane, outcomes: &[(&Unit, &Result<Done, Failure>)]) {
        let Some(held) = lane else { return };
        let never_sent = match outcomes {
            [] => held.begun().to_vec(),
            _ => Vec::new(),
        };
        let note = |thread: &mut Thread| {
            for id in &never_sent {
                thread.forget(id);
            }
            for (unit, outcome) in outcomes {
                if let Ok((own, plan)) = news(unit) {
                    thread.end(&own, &plan, ending(unit, outcome));
                }
            }
        };
        if let Err(error) = self.threads.leave(held, note).await {
            // Nothing is lost: the lease ends by itself, and what was told stands in the
            // interactions' own items.
            tracing::warn!(stage = STAGE, %error, "a thread's item could not be written");
        }
    }
}

fn hold(busy: &Busy, now: Timestamp) -> Hold {
    let until = match busy {
        Busy::Leased { until } | Busy::Behind { until } => *until,
        Busy::Store(error) => {
            tracing::error!(stage = STAGE, %error, "a thread's item can't be used");
            now.saturating_add(STORE_PAUSE).unwrap_or(now)
        }
    };
    Hold {
        until,
        reason: busy.to_string(),
    }
}

fn ending<'a>(unit: &Unit, outcome: &'a Result<Done, Failure>) -> Ending<'a> {
    match outcome {
        Ok(done) => Ending::Told {
            ticket: Some(done.id.as_str()).filter(|id| *id != thread_id(unit)),
        },
        Err(Failure::Permanent { .. } | Failure::Forbidden { .. }) => {
            Ending::GivenUp { sure: !unit.unsure }
        }
        Err(_) => Ending::Again,
    }
}

fn thread_id(unit: &Unit) -> &str {
    &unit.envelope.interaction.payload.thread_id
}

struct Permitted<'a>(&'a Permit);

impl Slots for Permitted<'_> {
    async fn another(&self) -> Result<(), Failure> {
        self.0.another().await
    }
}

/// A system that says no ticket has one ticket a thread.
fn done(outcome: Outcome, unit: &Unit) -> Result<Done, Failure> {
    outcome.map(|told| Done {
        id: told.ticket.unwrap_or_else(|| thread_id(unit).to_owned()),
        repeated: told.repeated,
    })
}

fn arrival(envelope: &Envelope) -> Result<Arrival<'_>, Failure> {
    Arrival::of(envelope).ok_or_else(unrouted)
}

fn unrouted() -> Failure {
    malformed("it doesn't say how the interaction was routed")
}

fn news(unit: &Unit) -> Result<(Arrival<'_>, Plan), Failure> {
    let plan = Plan::deserialize(&unit.decision)
        .map_err(|_| malformed("its ledger item's decision is not one of this release"))?;
    Ok((arrival(&unit.envelope)?, plan))
}

fn malformed(detail: &str) -> Failure {
    Failure::Permanent {
        reason: Reason {
            call: READING,
            status: None,
            detail: detail.into(),
        },
    }
}
