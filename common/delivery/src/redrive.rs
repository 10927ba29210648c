//! The dead-letter queue as the slow lane: what has been received too often waits there, for
//! minutes instead of seconds, and is sent back. It is no verdict; parking is.
//!
//! Always send first, then delete: a message that is sent and not deleted is there twice, which the
//! ledger absorbs.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use interaction::Envelope;
use telemetry::{Metrics, names};

use crate::admission::Upstream;
use crate::batch::{AFTER_DEATH, UNKNOWN_TIME_LEFT};
use crate::follow_up::after_routing;
use crate::item::{Item, Next, next};
use crate::ledger::{Ledger, View};
use crate::message::Message;
use crate::millis::{self, Millis};
use crate::queue::{LONGEST_DELAY, Outgoing, Queue, visibility};
use crate::store::{Store, StoreError};

/// A standard queue forgets a message 14 days after it was first sent, and moving it to a
/// dead-letter queue doesn't start anew:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.
/// From half of that on, a message is sent afresh instead of being hidden any longer.
const OLD: Millis = 7 * 24 * 3600 * 1000;

/// When the ledger can't be reached.
const LATER: Duration = Duration::from_secs(60);

/// How dead letters are treated.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub max_attempts: u32,
    pub max_redrives: u32,
    /// The first delay, 1 s to 15 min; it doubles with each redrive.
    pub delay: Duration,
}

/// What becomes of a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is done or kept elsewhere.
    Delete,
    /// It is done: delete it once the next stage has its message.
    FollowUp,
    Park(String),
    ParkConflict,
    Hide {
        until: Millis,
    },
    SendBack {
        redrives: u32,
        delay_seconds: u32,
    },
}

impl Policy {
    /// 60 x 2^n seconds by default, 900 at most.
    fn delay_seconds(&self, redrives: u32) -> u32 {
        let seconds = u32::try_from(self.delay.as_secs()).unwrap_or(LONGEST_DELAY);
        seconds
            .saturating_mul(2_u32.saturating_pow(redrives.min(31)))
            .min(LONGEST_DELAY)
    }

    /// How long to hide while the breaker is open: anything up to 15 minutes by default.
    fn while_open(&self, random: f64) -> Duration {
        let longest = (self.delay * 15).min(Duration::from_secs(LONGEST_DELAY.into()));
        longest.mul_f64(random)
    }

    /// Decides on a letter by what the ledger says of its interaction. `probe` is asked only where
    /// the breaker is open and the letter could be its probe.
    fn decide(
        &self,
        letter: &Letter,
        open: bool,
        probe: impl FnOnce() -> bool,
        random: f64,
    ) -> Verdict {
        let verdict = match &letter.next {
            Next::Finished => Verdict::FollowUp,
            Next::Parked => Verdict::Delete,
            Next::Conflict => Verdict::ParkConflict,
            Next::Spent => Verdict::Park(format!("{} attempts spent", self.max_attempts)),
            Next::Hide { until } => Verdict::Hide { until: *until },
            Next::Call if letter.redrives >= self.max_redrives => {
                Verdict::Park(format!("{} redrives spent", letter.redrives))
            }
            // Not counted: it goes back for the breaker's sake and not for its own.
            Next::Call if open && probe() => Verdict::SendBack {
                redrives: letter.redrives,
                delay_seconds: 0,
            },
            Next::Call if open => Verdict::Hide {
                until: millis::after(letter.now, self.while_open(random)),
            },
            Next::Call => Verdict::SendBack {
                redrives: letter.redrives + 1,
                delay_seconds: self.delay_seconds(letter.redrives),
            },
        };
        match verdict {
            Verdict::Hide { .. } if letter.now - letter.sent_at > OLD => Verdict::SendBack {
                redrives: letter.redrives,
                delay_seconds: LONGEST_DELAY,
            },
            verdict => verdict,
        }
    }
}

/// What a decision is made on.
struct Letter {
    next: Next,
    redrives: u32,
    /// When this copy was first sent.
    sent_at: Millis,
    now: Millis,
}

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
    pub async fn handle(
        &self,
        event: SqsEvent,
        time_left: Option<Duration>,
    ) -> Result<SqsBatchResponse, UnknownQueue> {
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
        for id in lane.handle(&self.policy, event.records, time_left).await {
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
    async fn handle(
        &self,
        policy: &Policy,
        records: Vec<SqsMessage>,
        time_left: Option<Duration>,
    ) -> Vec<String> {
        let now = millis::now();
        let messages: Vec<Message> = records
            .into_iter()
            .map(|record| Message::new(record, now))
            .collect();
        let comes_back = time_left.unwrap_or(UNKNOWN_TIME_LEFT) + AFTER_DEATH;
        let comes_back = visibility(now, now + millis::millis(comes_back));
        let all: Vec<_> = messages
            .iter()
            .map(|message| (message.receipt.as_str(), comes_back))
            .collect();
        self.dead_letters.hide(&all).await;

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
                    let reason = error.to_string();
                    let now = millis::now();
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

/// Sends messages, acknowledges those that were taken and says how many. The others stay, hidden
/// for as long as the invocation could have lasted.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Policy = Policy {
        max_attempts: 10,
        max_redrives: 5,
        delay: Duration::from_mins(1),
    };

    fn letter(next: Next, redrives: u32) -> Letter {
        Letter {
            next,
            redrives,
            sent_at: 0,
            now: 1_000,
        }
    }

    fn closed(letter: &Letter) -> Verdict {
        POLICY.decide(
            letter,
            false,
            || panic!("a closed breaker needs no probe"),
            0.5,
        )
    }

    #[test]
    fn what_is_done_goes_on_to_the_next_stage_and_what_is_parked_is_deleted() {
        assert_eq!(closed(&letter(Next::Finished, 5)), Verdict::FollowUp);
        assert_eq!(closed(&letter(Next::Parked, 0)), Verdict::Delete);
    }

    #[test]
    fn what_has_spent_its_attempts_or_redrives_is_parked() {
        assert!(matches!(closed(&letter(Next::Spent, 0)), Verdict::Park(_)));
        assert!(matches!(closed(&letter(Next::Call, 5)), Verdict::Park(_)));
        let open = POLICY.decide(&letter(Next::Call, 5), true, || true, 0.5);
        assert!(matches!(open, Verdict::Park(_)));
    }

    #[test]
    fn each_redrive_is_counted_and_waits_twice_as_long_up_to_15_minutes() {
        let delays: Vec<Verdict> = (0..5).map(|n| closed(&letter(Next::Call, n))).collect();
        let expected = [(1, 60), (2, 120), (3, 240), (4, 480), (5, 900)];
        let expected = expected.map(|(redrives, delay_seconds)| Verdict::SendBack {
            redrives,
            delay_seconds,
        });
        assert_eq!(delays, expected);
    }

    #[test]
    fn while_the_breaker_is_open_one_goes_back_as_its_probe_and_the_rest_hides() {
        let letter = letter(Next::Call, 2);
        let probe = POLICY.decide(&letter, true, || true, 0.5);
        assert_eq!(
            probe,
            Verdict::SendBack {
                redrives: 2,
                delay_seconds: 0
            }
        );
        let other = POLICY.decide(&letter, true, || false, 0.5);
        assert_eq!(
            other,
            Verdict::Hide {
                until: 1_000 + 450_000 + 1
            }
        );
    }

    #[test]
    fn what_somebody_is_calling_stays_until_the_lease_is_over() {
        let until = 9_000;
        assert_eq!(
            closed(&letter(Next::Hide { until }, 0)),
            Verdict::Hide { until }
        );
    }

    #[test]
    fn a_message_older_than_a_week_is_sent_afresh_instead_of_hidden() {
        let mut old = letter(Next::Hide { until: Millis::MAX }, 3);
        old.now = OLD + 1;
        let afresh = Verdict::SendBack {
            redrives: 3,
            delay_seconds: 900,
        };
        assert_eq!(closed(&old), afresh);
        old.next = Next::Call;
        assert_eq!(POLICY.decide(&old, true, || false, 0.5), afresh);
    }

    proptest! {
        #[test]
        fn no_delay_is_over_what_sqs_takes(redrives: u32, delay in 1..10_000_u64, random in 0.0..1.0) {
            let policy = Policy { delay: Duration::from_secs(delay), ..POLICY };
            prop_assert!(policy.delay_seconds(redrives) <= 900);
            prop_assert!(policy.while_open(random) <= Duration::from_mins(15));
        }
    }
}
