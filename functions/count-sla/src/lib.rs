//! Counts finished operations into the hour's histogram, each exactly once.
//!
//! The ledger's stream brings every write of the table, at least once and in order within a
//! shard. A record in which an item becomes `ROUTED` or `SYNCED` is an operation that finished.
//! Its latency is added to the histogram of its platform, operation and hour, and in the same
//! transaction the shard's checkpoint moves to the last record counted, on the condition that it
//! still stands where it was read. So a batch that comes again, cut in the same way or another,
//! is skipped as far as it was counted, and of two copies of this function on one shard only one
//! commits.
//!
//! - [`record`] reads one stream record.
//! - [`plan`] decides what the next transaction adds.
//! - [`Counter`] reads the checkpoint, commits, and tries again where the outcome isn't known.

pub mod checkpoint;
pub mod plan;
pub mod record;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use runtime::settings::{self, SettingError};
use serde::Deserialize;
use serde_json::{Value, json};
use telemetry::{Metrics, names};

use crate::checkpoint::Checkpoints;
use crate::plan::{Batch, Plan};
use crate::record::Reading;

/// How often a transaction is tried in one invocation. Then the invocation fails, and Lambda
/// brings the batch again.
const TRIES: u32 = 5;

/// The mean of the first wait between two tries; it doubles.
const BACKOFF: Duration = Duration::from_millis(100);

pub struct Config {
    pub table: String,
    /// Over this many milliseconds an operation is a breach.
    pub threshold: u64,
    /// How long an hour's histogram is kept.
    pub keep_days: u32,
    pub shards: Shards,
}

/// How many shards the stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shards {
    /// Each event names its own, which Lambda does where the trigger has a tumbling window. An
    /// event that doesn't is refused: shards that shared a checkpoint would lose records.
    Many,
    /// One, and events don't name it: the emulator's.
    One,
}

impl Config {
    /// # Errors
    /// When a setting is missing or malformed.
    pub fn from_env() -> Result<Self, SettingError> {
        Ok(Self {
            table: settings::required("LEDGER_TABLE")?,
            threshold: settings::parsed("SLA_THRESHOLD_MILLISECONDS")?,
            keep_days: settings::within("SLA_DAYS", 1, 3650)?,
            shards: match settings::required("STREAM_SHARDS")?.as_str() {
                "many" => Shards::Many,
                "one" => Shards::One,
                _ => {
                    let reason = "it must be many or one";
                    return Err(settings::malformed("STREAM_SHARDS", &reason));
                }
            },
        })
    }
}

/// What Lambda hands over: a batch of stream records, or none at a window's end.
#[derive(Deserialize)]
pub struct Event {
    #[serde(default, rename = "Records")]
    pub records: Vec<Value>,
    #[serde(default, rename = "shardId")]
    pub shard_id: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum CountError {
    #[error(
        "the event names no shard: set TumblingWindowInSeconds on the trigger, or STREAM_SHARDS=one where the stream has one shard"
    )]
    NoShard,
    #[error("{0}")]
    Checkpoint(#[from] checkpoint::CheckpointError),
}

pub struct Counter {
    checkpoints: Checkpoints,
    config: Config,
}

impl Counter {
    pub fn new(client: Client, config: Config) -> Self {
        let checkpoints = Checkpoints::new(client, config.table.clone(), config.keep_days);
        Self {
            checkpoints,
            config,
        }
    }

    /// Counts a batch. The answer's empty `state` is what Lambda demands where the trigger has a
    /// tumbling window; nothing is kept in it.
    ///
    /// # Errors
    /// When a transaction can't be committed: all of the batch comes again.
    pub async fn handle(&self, event: Event) -> Result<Value, CountError> {
        let batch = Batch::new(event.records.iter().map(record::read));
        for (interaction, reason) in batch.uncountable() {
            tracing::error!(interaction, reason, "an operation can't be counted");
        }
        Metrics::new()
            .count(names::UNCOUNTED, batch.uncountable().count())
            .emit(runtime::clock::now());
        if !batch.is_empty() {
            let shard = match (event.shard_id, self.config.shards) {
                (Some(shard), _) => shard,
                (None, Shards::One) => "the-only-one".to_owned(),
                (None, Shards::Many) => return Err(CountError::NoShard),
            };
            self.count(&shard, &batch).await?;
        }
        Ok(json!({"state": {}, "batchItemFailures": []}))
    }

    /// Commits what of a batch is not counted yet, in as many transactions as it takes.
    async fn count(&self, shard: &str, batch: &Batch) -> Result<(), CountError> {
        let mut checkpoint = self.checkpoints.read(shard).await?;
        let mut failures = 0;
        while let Some(plan) = batch.next(checkpoint.as_ref(), self.config.threshold) {
            let now = runtime::clock::now();
            match self
                .checkpoints
                .commit(shard, checkpoint.as_ref(), &plan, now)
                .await
            {
                Ok(()) => {
                    self.announce(&plan, now);
                    checkpoint = Some(plan.last);
                    failures = 0;
                }
                Err(error) => {
                    failures += 1;
                    if failures == TRIES {
                        return Err(error.into());
                    }
                    // A conflict, a rival or a lost answer: only the checkpoint knows whether this
                    // was committed, so it is read again.
                    tracing::debug!(%error, failures, "trying the transaction again");
                    let doubled = BACKOFF * 2_u32.pow(failures);
                    tokio::time::sleep(doubled.mul_f64(fastrand::f64())).await;
                    checkpoint = self.checkpoints.read(shard).await?;
                }
            }
        }
        Ok(())
    }

    /// What was just counted, as metrics; and the breaches of `ingest` as warnings (the later
    /// stages log their own).
    fn announce(&self, plan: &Plan, now: Timestamp) {
        for operation in sla::Operation::ALL {
            let of = |counted: &&Reading| counted.observation.series.operation == operation;
            let millis: Vec<u64> = plan
                .counted
                .iter()
                .filter(of)
                .map(|c| c.observation.millis)
                .collect();
            #[expect(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
            let latencies = millis.iter().map(|&m| m as f64).collect();
            let breaches = millis
                .iter()
                .map(|&m| f64::from(u8::from(m > self.config.threshold)))
                .collect();
            Metrics::new()
                .dimension(names::OPERATION, operation.as_str())
                .values(names::LATENCY, Some("Milliseconds"), latencies)
                .values(names::BREACH, None, breaches)
                .emit(now);
        }
        for Reading {
            interaction,
            observation,
        } in &plan.counted
        {
            let ingest = observation.series.operation == sla::Operation::Ingest;
            if ingest && observation.millis > self.config.threshold {
                let latency_ms = observation.millis;
                tracing::warn!(interaction, stage = "ingest", latency_ms, breach = true);
            }
        }
    }
}
