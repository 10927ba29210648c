//! The dead-letter queue as the slow lane: what has been received too often waits there, for
//! minutes instead of seconds, and is sent back. It is no verdict; parking is.
//!
//! Always send first, then delete: a message that is sent and not deleted is there twice, which the
//! ledger absorbs.

mod policy;

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use interaction::{Envelope, envelope};
use telemetry::{Metrics, names};

use crate::admission::Upstream;
use crate::follow_up::after_routing;
use crate::item::{Item, Next, next};
use crate::ledger::{Ledger, View};
use crate::message::Message;
use crate::millis::{self, Millis};
use crate::queue::{Outgoing, Queue, visibility};
use crate::redrive::policy::{Letter, Verdict};
use crate::store::{Store, StoreError};

pub use policy::Policy;

/// When the ledger can't be reached.
const LATER: Duration = Duration::from_secs(60);

/// One stage's queues.
pub struct Lane {
    pub stage: &'static str,
    /// As in [`Names`](crate::Names).
    pub upstream: &'static str,
    pub queue_url: String,
    pub dead_letter_url: String,
    pub dead_letter_arn: String,
    /// Where the follow-up of what is done goes.
    pub next_queue_url: Option<String>,
}

/// Handles the dead letters of several stages.
pub struct Redrive {
    policy: Policy,
    lanes: Vec<Working>,
}

struct Working {
    stage: &'static str,
    dead_letter_arn: String,
    dead_letters: Queue,
    queue: Queue,
    next_queue: Option<Queue>,
    ledger: Ledger,
    upstream: Upstream,
}

/// What is to be done with the messages of a batch, by their place in it.
#[derive(Default)]
struct Work {
    acknowledged: Vec<usize>,
    hidden: Vec<(usize, Millis)>,
    back: Vec<(usize, Outgoing)>,
    on: Vec<(usize, Outgoing)>,
    parked: usize,
}

impl Redrive {
    pub fn new(policy: Policy, table: &str, lanes: Vec<Lane>, aws: &SdkConfig) -> Arc<Self> {
        let store = Store::new(aws_sdk_dynamodb::Client::new(aws), table);
        let sqs = aws_sdk_sqs::Client::new(aws);
        let working = |lane: Lane| Working {
            stage: lane.stage,
            dead_letter_arn: lane.dead_letter_arn,
            dead_letters: Queue::new(sqs.clone(), lane.dead_letter_url),
            queue: Queue::new(sqs.clone(), lane.queue_url),
            next_queue: lane.next_queue_url.map(|url| Queue::new(sqs.clone(), url)),
            ledger: Ledger::new(store.clone(), lane.stage),
            upstream: Upstream::watched(store.clone(), lane.upstream),
        };
        Arc::new(Self {
            policy,
            lanes: lanes.into_iter().map(working).collect(),
        })
    }

    /// Handles one batch of dead letters.
    ///
    /// # Errors
    /// When it comes from a queue that isn't among the lanes: nothing is done then, and the
    /// messages stay.
    pub async fn handle(&self, event: SqsEvent) -> Result<SqsBatchResponse, UnknownQueue> {
        let mut response = SqsBatchResponse::default();
        let arn = event
            .records
            .first()
            .and_then(|record| record.event_source_arn.as_deref());
        let Some(arn) = arn else { return Ok(response) };
        let lane = self
            .lanes
            .iter()
            .find(|lane| lane.dead_letter_arn == arn)
            .ok_or_else(|| UnknownQueue(arn.to_owned()))?;
        let handled = Box::pin(lane.handle(&self.policy, event.records));
        for id in handled.await {
            response.add_failure(id);
        }
        Ok(response)
    }
}

/// The mapping feeds the function from a queue that its settings don't name.
#[derive(Debug, thiserror::Error)]
#[error("{0} is neither ROUTING_DLQ_ARN nor TICKETING_DLQ_ARN")]
pub struct UnknownQueue(String);

impl Working {
    /// Gives the ids of the messages that stay in the dead-letter queue.
    async fn handle(&self, policy: &Policy, records: Vec<SqsMessage>) -> Vec<String> {
        let now = millis::now();
        let messages: Vec<Message> = records
            .into_iter()
            .map(|record| Message::new(record, now))
            .collect();
        let mut work = Work::default();
        self.sort_out(policy, &messages, &mut work).await;
        let redriven = send(&self.queue, &mut work.back, &mut work.acknowledged).await;
        if let Some(next_queue) = &self.next_queue {
            send(next_queue, &mut work.on, &mut work.acknowledged).await;
        }

        let now = millis::now();
        let hidden: Vec<_> = work
            .hidden
            .iter()
            .map(|(index, until)| (messages[*index].receipt.as_str(), visibility(now, *until)))
            .collect();
        self.dead_letters.hide(&hidden).await;
        Metrics::new()
            .dimension(names::STAGE, self.stage)
            .count(names::REDRIVEN, redriven)
            .count(names::PARKED, work.parked)
            .emit(millis::timestamp(now));
        let stays = |(index, message): (usize, Message)| {
            (!work.acknowledged.contains(&index)).then_some(message.id)
        };
        messages.into_iter().enumerate().filter_map(stays).collect()
    }

    async fn sort_out(&self, policy: &Policy, messages: &[Message], work: &mut Work) {
        let mut read = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            match Envelope::parse(&message.body) {
                Ok(envelope) => read.push((index, message, envelope)),
                Err(error) => {
                    let mut reason = error.to_string();
                    let now = millis::now();
                    if envelope::is_later(&message.body) {
                        match policy.next_round(message.redrives) {
                            Ok((redrives, delay)) => {
                                work.back.push((index, message.again(redrives, delay)));
                                continue;
                            }
                            Err(spent) => reason = format!("{reason}; {spent}"),
                        }
                    }
                    let parked = self.ledger.park_broken(
                        &message.id,
                        message.queued_at,
                        &reason,
                        &message.body,
                        now,
                    );
                    self.parked(
                        work,
                        index,
                        &message.id,
                        &reason,
                        parked.await.map(|()| true),
                    );
                }
            }
        }
        let ids: Vec<&str> = read
            .iter()
            .map(|(.., envelope)| envelope.interaction.interaction_id.as_str())
            .collect();
        let view = match self.read(&ids).await {
            Ok(view) => view,
            Err(error) => {
                tracing::error!(stage = self.stage, messages = read.len(), %error, "the ledger can't be used");
                let until = millis::after(millis::now(), LATER);
                return work
                    .hidden
                    .extend(read.iter().map(|(index, ..)| (*index, until)));
            }
        };
        for (index, message, envelope) in &read {
            if let Err(error) = self
                .decide(policy, &view, *index, message, envelope, work)
                .await
            {
                tracing::error!(stage = self.stage, interaction = %envelope.interaction.interaction_id, %error, "a dead letter stays");
                work.hidden
                    .push((*index, millis::after(millis::now(), LATER)));
            }
        }
    }

    async fn read(&self, ids: &[&str]) -> Result<(View, bool), StoreError> {
        let mut view = self.ledger.read(ids, self.upstream.key()).await?;
        let gate = view.take(self.upstream.key());
        let open = self
            .upstream
            .observe(gate, millis::now())
            .await?
            .breaker
            .is_open();
        Ok((view, open))
    }

    async fn decide(
        &self,
        policy: &Policy,
        (view, open): &(View, bool),
        index: usize,
        message: &Message,
        envelope: &Envelope,
        work: &mut Work,
    ) -> Result<(), StoreError> {
        let id = envelope.interaction.interaction_id.as_str();
        let facts = message.facts(envelope);
        let item = view.item(id)?;
        let now = millis::now();
        let letter = Letter {
            next: next(item.as_ref(), &facts, policy.max_attempts, now),
            redrives: message.redrives,
            sent_at: message.sent_at,
            now,
        };
        let wants_probe =
            *open && letter.next == Next::Call && letter.redrives < policy.max_redrives;
        let may_probe = wants_probe && self.upstream.send_back().await?;
        match policy.decide(&letter, *open, || may_probe, fastrand::f64()) {
            Verdict::Delete => work.acknowledged.push(index),
            Verdict::FollowUp => match self.follow_up(envelope, item.as_ref()) {
                Some(next) => work.on.push((index, message.follow_up(&next))),
                None => work.acknowledged.push(index),
            },
            Verdict::Hide { until } => work.hidden.push((index, until)),
            Verdict::SendBack {
                redrives,
                delay_seconds,
            } => {
                work.back
                    .push((index, message.again(redrives, delay_seconds)));
            }
            Verdict::ParkConflict => {
                let parked = self
                    .ledger
                    .park_conflict(id, &facts, &message.body, now)
                    .await;
                self.parked(
                    work,
                    index,
                    id,
                    "same identity, other content",
                    parked.map(|()| true),
                );
            }
            Verdict::Park(reason) => {
                let mut parked = item.clone().unwrap_or_else(|| Item::new(&facts));
                let reason = match &parked.reason {
                    Some(last) => format!("{reason}; the last: {last}"),
                    None => reason,
                };
                let status = parked.status;
                parked.give_up(now, &reason, status);
                let parked = self
                    .ledger
                    .park(id, item.as_ref(), parked, &message.body)
                    .await;
                self.parked(
                    work,
                    index,
                    id,
                    &reason,
                    parked.map(|parked| parked.is_ok()),
                );
            }
        }
        Ok(())
    }

    fn follow_up(&self, envelope: &Envelope, item: Option<&Item>) -> Option<Envelope> {
        self.next_queue.as_ref()?;
        let item = item?;
        let decision = serde_json::from_str(item.decision.as_deref()?).ok()?;
        after_routing(envelope, &decision, item.result()?)
    }

    /// Acknowledges what was parked; what somebody else changed meanwhile comes again.
    fn parked(
        &self,
        work: &mut Work,
        index: usize,
        id: &str,
        reason: &str,
        parked: Result<bool, StoreError>,
    ) {
        match parked {
            Ok(true) => {
                work.parked += 1;
                work.acknowledged.push(index);
                tracing::error!(
                    interaction = id,
                    stage = self.stage,
                    outcome = "parked",
                    reason
                );
            }
            Ok(false) => work
                .hidden
                .push((index, millis::after(millis::now(), LATER))),
            Err(error) => {
                tracing::error!(interaction = id, stage = self.stage, %error, "could not be parked; it stays");
                work.hidden
                    .push((index, millis::after(millis::now(), LATER)));
            }
        }
    }
}

/// Sends messages, acknowledges those that were taken and says how many. The others stay, and
/// come back after the queue's visibility time-out.
async fn send(
    queue: &Queue,
    messages: &mut Vec<(usize, Outgoing)>,
    acknowledged: &mut Vec<usize>,
) -> usize {
    let (indices, messages): (Vec<_>, Vec<_>) = messages.drain(..).unzip();
    let sent = queue.send(&messages).await;
    let before = acknowledged.len();
    acknowledged.extend(
        indices
            .into_iter()
            .zip(sent)
            .filter_map(|(index, sent)| sent.then_some(index)),
    );
    acknowledged.len() - before
}
