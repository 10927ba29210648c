//! One invocation: a batch of messages from the stage's queue, each with its own outcome.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures::FutureExt as _;
use interaction::{Envelope, envelope};
use tokio::task::JoinSet;

use crate::admission::Upstream;
use crate::gate::Gate;
use crate::invocation::{Concerned, Fate, Fates, Invocation, Job, LEDGER_DOWN, Planned, Ready};
use crate::item::{Facts, Item, Next, next};
use crate::ledger::{Ledger, View};
use crate::message::Message;
use crate::millis;
use crate::outbox::Outbox;
use crate::queue::{Queue, visibility};
use crate::report::Report;
use crate::settings::Settings;
use crate::stage::Stage;
use crate::store::{Store, StoreError};

/// What an invocation is taken to have where it doesn't know its deadline.
pub const UNKNOWN_TIME_LEFT: Duration = Duration::from_mins(2);

/// What runs at so much before the deadline is dropped, so that there is an answer in time.
const TO_ANSWER: Duration = Duration::from_secs(5);

/// No call starts later than its time-out and this before the deadline.
const TO_END_A_CALL: Duration = Duration::from_secs(8);

/// The lease of a call ends so much after its time-out.
pub const LEASE_BEYOND_TIMEOUT: Duration = Duration::from_secs(5);

/// Delivers one stage's interactions. Built once, in `main`.
pub struct Delivery<S> {
    pub(crate) stage: S,
    pub(crate) settings: Settings,
    pub(crate) ledger: Ledger,
    pub(crate) upstream: Arc<Upstream>,
    queue: Queue,
    next_queue: Option<Queue>,
}

impl<S: Stage> Delivery<S> {
    /// `next_queue`: the URL of the queue that the stage's follow-ups go to.
    pub fn new(
        stage: S,
        aws: &SdkConfig,
        settings: Settings,
        next_queue: Option<String>,
    ) -> Arc<Self> {
        let names = stage.names();
        let store = Store::new(aws_sdk_dynamodb::Client::new(aws), &settings.table);
        let sqs = aws_sdk_sqs::Client::new(aws);
        let upstream = Upstream::new(
            store.clone(),
            names.upstream,
            settings.limit,
            settings.thresholds,
            settings.call_timeout + LEASE_BEYOND_TIMEOUT,
        );
        Arc::new(Self {
            stage,
            ledger: Ledger::new(store, names.stage),
            upstream: Arc::new(upstream),
            queue: Queue::new(sqs.clone(), &settings.queue_url),
            next_queue: next_queue.map(|url| Queue::new(sqs.clone(), url)),
            settings,
        })
    }

    /// Handles one batch. `time_left`: until the invocation's deadline, where it is known.
    ///
    /// The answer names exactly the messages that must stay in the queue, each with its visibility
    /// set already.
    pub async fn handle(
        self: &Arc<Self>,
        event: SqsEvent,
        time_left: Option<Duration>,
    ) -> SqsBatchResponse {
        let time_left = time_left.unwrap_or(UNKNOWN_TIME_LEFT);
        let started = runtime::clock::instant();
        let now = millis::now();
        let messages: Vec<Message> = event
            .records
            .into_iter()
            .map(|record| Message::new(record, now))
            .collect();

        let (outbox, sender) = Outbox::start(self.next_queue.clone());
        let to_end_a_call = self.settings.call_timeout + TO_END_A_CALL;
        let invocation = Invocation {
            fates: Fates::new(messages.len()),
            outbox,
            report: Report::new(self.stage.names().stage, self.settings.sla_threshold),
            latest: now + millis::millis(time_left) - millis::millis(to_end_a_call),
            spread: 1_000,
        };
        let (fates, report) = (invocation.fates.clone(), invocation.report.clone());

        let stop = tokio::time::Instant::from_std(started) + time_left.saturating_sub(TO_ANSWER);
        let work = Box::pin(self.work(invocation, &messages));
        if tokio::time::timeout_at(stop, work).await.is_err() {
            tracing::warn!(
                stage = self.stage.names().stage,
                messages = messages.len(),
                "the invocation's time is over; what still ran was dropped"
            );
        }
        sender.finish(&fates).await;
        report.emit(millis::timestamp(millis::now()));
        self.answer(&messages, &fates.all()).await
    }

    async fn work(self: &Arc<Self>, mut invocation: Invocation, messages: &[Message]) {
        let jobs = self.open(&invocation, messages).await;
        if jobs.is_empty() {
            return;
        }
        let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        let (view, gate) = match self.read(&ids).await {
            Ok(read) => read,
            Err(error) => return self.ledger_down(&invocation, &jobs, &error),
        };
        if gate.breaker.is_open() {
            invocation.report.breaker_open();
        }
        invocation.spread = gate.breaker.interval().max(1_000);
        let ready = self.sort_out(&invocation, jobs, &view).await;
        let chains = self.plan(ready);
        let calls: Vec<&str> = chains
            .iter()
            .flatten()
            .map(|call| call[0].job.id.as_str())
            .collect();
        let admissions = match self.upstream.admit(&calls, invocation.latest).await {
            Ok(admissions) => admissions,
            Err(error) => {
                let jobs = chains.iter().flatten().flatten().map(|ready| &ready.job);
                return self.ledger_down(&invocation, jobs, &error);
            }
        };
        let mut admissions = admissions.into_iter();
        let mut running = JoinSet::new();
        for chain in chains {
            let chain: Vec<Planned> = chain
                .into_iter()
                .zip(&mut admissions)
                .map(|(units, admission)| Planned { units, admission })
                .collect();
            let (delivery, invocation) = (Arc::clone(self), invocation.clone());
            running.spawn(async move { delivery.run(&invocation, chain).await });
        }
        while running.join_next().await.is_some() {}
    }

    /// Keeps a panic in the work on some interactions from all others: gives nothing then, and
    /// what isn't settled of those comes again. It does so again and again, and is parked once its
    /// attempts or its redrives are spent.
    pub(crate) async fn apart<T>(
        &self,
        invocation: &Invocation,
        concerned: &[Concerned],
        work: impl Future<Output = T>,
    ) -> Option<T> {
        // Nothing that it leaves half done is ever looked at again: what counts is in the ledger.
        let outcome = AssertUnwindSafe(work).catch_unwind().await;
        if outcome.is_err() {
            let stage = self.stage.names().stage;
            let until = millis::after(millis::now(), self.backoff(0));
            for Concerned { id, copies } in concerned {
                tracing::error!(
                    interaction = id,
                    stage,
                    "an interaction's processing panicked"
                );
                invocation.fates.set_untouched(copies, Fate::Hide(until));
            }
        }
        outcome.ok()
    }

    /// Reads the messages' bodies. What can't be read is parked, and so is what shares its
    /// identity with another message of the batch and says something else. What a later release
    /// wrote waits.
    async fn open(&self, invocation: &Invocation, messages: &[Message]) -> Vec<Job> {
        let mut jobs: Vec<Job> = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            let now = millis::now();
            let envelope = match Envelope::parse(&message.body) {
                Ok(envelope) => envelope,
                // In the midst of a deploy, or after one that was taken back: the release that
                // reads it comes, or a person looks once its redrives are spent.
                Err(error) if envelope::is_later(&message.body) => {
                    let stage = self.stage.names().stage;
                    tracing::warn!(stage, reason = %error, "a message of a later release waits");
                    let until = millis::after(now, self.backoff(message.receives));
                    invocation.fates.set(&[index], Fate::Hide(until));
                    continue;
                }
                Err(error) => {
                    let reason = error.to_string();
                    let parked = self
                        .ledger
                        .park_broken(&message.id, message.queued_at, &reason, &message.body, now)
                        .await;
                    invocation.parked_aside(&message.id, &[index], &reason, parked);
                    continue;
                }
            };
            let facts = message.facts(&envelope);
            let id = envelope.interaction.interaction_id.as_str().to_owned();
            match jobs.iter_mut().find(|job| job.id == id) {
                Some(job) if job.facts.digest == facts.digest => {
                    job.copies.push(index);
                    // Of two copies, one may be what a person sent back.
                    job.facts.reopen = job.facts.reopen.max(facts.reopen);
                }
                Some(_) => {
                    self.park_conflict(invocation, &id, &facts, &[index], &message.body)
                        .await;
                }
                None => jobs.push(Job {
                    id,
                    envelope: Arc::new(envelope),
                    facts,
                    message: message.clone(),
                    copies: vec![index],
                }),
            }
        }
        jobs
    }

    async fn read(&self, ids: &[&str]) -> Result<(View, Gate), StoreError> {
        let mut view = self.ledger.read(ids, self.upstream.key()).await?;
        let gate = view.take(self.upstream.key());
        let gate = self.upstream.observe(gate, millis::now()).await?;
        Ok((view, gate))
    }

    /// Settles what needs no call and gives back what does.
    async fn sort_out(&self, invocation: &Invocation, jobs: Vec<Job>, view: &View) -> Vec<Ready> {
        let mut ready = Vec::new();
        for job in jobs {
            let concerned = [job.concerned()];
            let sorted_out = Box::pin(self.sort_one_out(invocation, job, view));
            let sorted_out = self.apart(invocation, &concerned, sorted_out).await;
            ready.extend(sorted_out.flatten());
        }
        ready
    }

    async fn sort_one_out(&self, invocation: &Invocation, job: Job, view: &View) -> Option<Ready> {
        let item = match view.item(&job.id) {
            Ok(item) => item,
            Err(error) => {
                self.ledger_down(invocation, [&job], &error);
                return None;
            }
        };
        let max_attempts = self.settings.policy.max_attempts;
        match next(item.as_ref(), &job.facts, max_attempts, millis::now()) {
            Next::Call => Some(Ready {
                lane: self.stage.lane(&job.envelope),
                job,
                item,
            }),
            other => {
                self.settle(invocation, &job, other, item).await;
                None
            }
        }
    }

    /// Puts calls together: chains of calls that run one after the other, each of one unit or more.
    fn plan(&self, mut ready: Vec<Ready>) -> Vec<Vec<Vec<Ready>>> {
        ready.sort_by(|one, other| {
            let order = |ready: &Ready| ready.job.facts.sent_at;
            (&one.lane, order(one)).cmp(&(&other.lane, order(other)))
        });
        if self.stage.one_call() {
            return if ready.is_empty() {
                Vec::new()
            } else {
                vec![vec![ready]]
            };
        }
        let mut chains: Vec<Vec<Vec<Ready>>> = Vec::new();
        for ready in ready {
            match chains.last_mut() {
                Some(chain) if ready.lane.is_some() && chain[0][0].lane == ready.lane => {
                    chain.push(vec![ready]);
                }
                _ => chains.push(vec![vec![ready]]),
            }
        }
        chains
    }

    /// Does what is to be done with an interaction other than calling.
    pub(crate) async fn settle(
        &self,
        invocation: &Invocation,
        job: &Job,
        next: Next,
        item: Option<Item>,
    ) {
        let fate = match next {
            Next::Call => Fate::Hide(millis::after(millis::now(), self.backoff(0))),
            Next::Hide { until } => Fate::Hide(until),
            Next::Parked => Fate::Acknowledge,
            Next::Finished => return self.finished(invocation, job, item.as_ref()),
            Next::Spent => return self.park_spent(invocation, job, item).await,
            Next::Conflict => {
                let body = &job.message.body;
                return self
                    .park_conflict(invocation, &job.id, &job.facts, &job.copies, body)
                    .await;
            }
        };
        invocation.fates.set(&job.copies, fate);
    }

    /// Sees to the follow-up of what is done, and acknowledges once the next queue has it.
    pub(crate) fn finished(&self, invocation: &Invocation, job: &Job, item: Option<&Item>) {
        let follow_up = item.and_then(|item| {
            let decision = serde_json::from_str(item.decision.as_deref()?).ok()?;
            self.stage
                .follow_up(&job.envelope, &decision, item.result()?)
        });
        match follow_up {
            None => invocation.fates.set(&job.copies, Fate::Acknowledge),
            Some(envelope) => {
                // Where sending fails, the message comes again and finds the interaction done.
                let again = millis::after(millis::now(), self.backoff(0));
                invocation.fates.set(&job.copies, Fate::Hide(again));
                invocation
                    .outbox
                    .send(job.message.follow_up(&envelope), job.copies.clone());
            }
        }
    }

    async fn park_spent(&self, invocation: &Invocation, job: &Job, item: Option<Item>) {
        let Some(item) = item else { return };
        let mut parked = item.clone();
        let reason = format!(
            "{} attempts spent; the last has no known outcome",
            item.attempts
        );
        parked.give_up(millis::now(), &reason, None);
        self.park(invocation, job, Some(&item), parked).await;
    }

    /// Parks a job and acknowledges it.
    pub(crate) async fn park(
        &self,
        invocation: &Invocation,
        job: &Job,
        seen: Option<&Item>,
        parked: Item,
    ) {
        match self
            .ledger
            .park(&job.id, seen, parked, &job.message.body)
            .await
        {
            Ok(Ok(item)) => {
                invocation.report.parked(&job.id, &item);
                invocation.fates.set(&job.copies, Fate::Acknowledge);
            }
            // Somebody else was first; the message comes again and finds out.
            Ok(Err(_)) => {
                let until = millis::after(millis::now(), self.backoff(0));
                invocation.fates.set(&job.copies, Fate::Hide(until));
            }
            Err(error) => self.ledger_down(invocation, [job], &error),
        }
    }

    async fn park_conflict(
        &self,
        invocation: &Invocation,
        id: &str,
        facts: &Facts,
        copies: &[usize],
        body: &str,
    ) {
        let parked = self
            .ledger
            .park_conflict(id, facts, body, millis::now())
            .await;
        invocation.parked_aside(id, copies, "same identity, other content", parked);
    }

    /// Without the ledger nothing may be called: the messages wait in the queue.
    pub(crate) fn ledger_down<'a>(
        &self,
        invocation: &Invocation,
        jobs: impl IntoIterator<Item = &'a Job>,
        error: &StoreError,
    ) {
        let jobs: Vec<&Job> = jobs.into_iter().collect();
        let stage = self.stage.names().stage;
        tracing::error!(stage, interactions = jobs.len(), %error, "the ledger can't be used");
        for job in jobs {
            let wait = LEDGER_DOWN.mul_f64(fastrand::f64());
            let until = millis::after(millis::now(), wait);
            invocation.fates.set(&job.copies, Fate::Hide(until));
        }
    }

    /// A wait by the stage's backoff, as after so many attempts.
    pub(crate) fn backoff(&self, attempts: u32) -> Duration {
        self.settings.policy.wait(attempts, None, fastrand::f64())
    }

    /// First the visibility, then the report.
    async fn answer(&self, messages: &[Message], fates: &[Fate]) -> SqsBatchResponse {
        let now = millis::now();
        let mut response = SqsBatchResponse::default();
        let mut hidden = Vec::new();
        for (message, fate) in messages.iter().zip(fates) {
            let until = match fate {
                Fate::Acknowledge => continue,
                Fate::Untouched => now,
                Fate::Hide(until) => *until,
            };
            hidden.push((message.receipt.as_str(), visibility(now, until)));
            response.add_failure(&message.id);
        }
        let hide = self.queue.hide(&hidden);
        if tokio::time::timeout(Duration::from_secs(3), hide)
            .await
            .is_err()
        {
            tracing::warn!("messages could not be hidden in time; they come back a little later");
        }
        response
    }
}
