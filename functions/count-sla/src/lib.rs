//! Counts finished operations into the hour's histogram, each exactly once.
//!
//! The ledger's stream brings every write of the table, at least once and in order within a
//! shard. A record in which an item becomes `ROUTED` or `SYNCED` is an operation that finished.
//! Its latency is added to the item of its platform, operation and hour, which knows up to which
//! record of each shard it has them: see [`sla::item`]. So of a batch that comes again, cut in the
//! same way or another, each item takes what it doesn't have, whoever brought that before.
//!
//! - [`record`] reads one stream record.
//! - [`plan`] decides what goes to which item.
//! - [`Counter`] adds it, item by item.

pub mod plan;
pub mod record;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use jiff::Timestamp;
use runtime::settings::{self, SettingError};
use serde::Deserialize;
use serde_json::{Value, json};
use sla::item::{self, InvalidItem};
use sla::{Hour, Sequence, SeriesKey};
use telemetry::{Metrics, names};

use crate::plan::{Batch, Portion};
use crate::record::Reading;

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
    /// event that doesn't is refused: shards that shared a mark would lose records.
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
    #[error("dynamodb:UpdateItem of an SLA hour failed: {}", DisplayErrorContext(.0))]
    Update(Box<SdkError<UpdateItemError>>),
    #[error(transparent)]
    Mark(#[from] InvalidItem),
}

pub struct Counter {
    client: Client,
    config: Config,
}

impl Counter {
    pub fn new(client: Client, config: Config) -> Self {
        Self { client, config }
    }

    /// Counts a batch. The answer's empty `state` is what Lambda demands where the trigger has a
    /// tumbling window; nothing is kept in it.
    ///
    /// # Errors
    /// When an item can't be updated: all of the batch comes again.
    pub async fn handle(&self, event: Event) -> Result<Value, CountError> {
        let batch = Batch::new(event.records.iter().map(record::read));
        for (interaction, reason) in &batch.uncountable {
            tracing::error!(interaction, reason, "an operation can't be counted");
        }
        Metrics::new()
            .count(names::UNCOUNTED, batch.uncountable.len())
            .emit(runtime::clock::now());
        if !batch.portions.is_empty() {
            let shard = match (event.shard_id, self.config.shards) {
                (Some(shard), _) => shard,
                (None, Shards::One) => "the-only-one".to_owned(),
                (None, Shards::Many) => return Err(CountError::NoShard),
            };
            self.count(&shard, batch).await?;
        }
        Ok(json!({"state": {}, "batchItemFailures": []}))
    }

    /// Adds each portion to its item, also after one failed; the first failure is the batch's.
    async fn count(&self, shard: &str, batch: Batch) -> Result<(), CountError> {
        let mut added = Vec::new();
        let mut counted = Ok(());
        for (key, portion) in batch.portions {
            match self.add(shard, key, portion).await {
                Ok(portion) => added.push(portion),
                Err(error) => counted = counted.and(Err(error)),
            }
        }
        let added: Vec<_> = added.iter().flat_map(Portion::readings).collect();
        self.announce(&added, runtime::clock::now());
        counted
    }

    /// Adds what its item doesn't have of a portion, and gives that. Most are new and taken at the
    /// first try; each refusal drops at least one record.
    async fn add(
        &self,
        shard: &str,
        key: (SeriesKey, Hour),
        mut portion: Portion,
    ) -> Result<Portion, CountError> {
        let config = &self.config;
        while let Some(run) = portion.run(shard) {
            let histogram = portion.histogram(config.threshold);
            let update = item::addition(&config.table, key, &histogram, config.keep_days, run);
            match update.send_with(&self.client).await {
                Ok(_) => break,
                Err(error) => portion.drop_counted(&mark(error, shard)?),
            }
        }
        Ok(portion)
    }

    /// What was just added, as metrics; and the breaches of `ingest` as warnings (the later stages
    /// log their own). It is never told twice; not at all where the function ends before, or an
    /// addition's answer is lost and the mark then says that it was made.
    fn announce(&self, added: &[&Reading], now: Timestamp) {
        for operation in sla::Operation::ALL {
            let of = |reading: &&&Reading| reading.observation.series.operation == operation;
            let millis: Vec<u64> = added
                .iter()
                .filter(of)
                .map(|reading| reading.observation.millis)
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
        } in added
        {
            let ingest = observation.series.operation == sla::Operation::Ingest;
            if ingest && observation.millis > self.config.threshold {
                let latency_ms = observation.millis;
                tracing::warn!(interaction, stage = "ingest", latency_ms, breach = true);
            }
        }
    }
}

/// The shard's mark in the item that refused an addition.
///
/// # Errors
/// When it wasn't refused for its mark but failed.
fn mark(error: SdkError<UpdateItemError>, shard: &str) -> Result<Sequence, CountError> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
            Ok(item::mark(refused, shard)?)
        }
        _ => Err(CountError::Update(Box::new(error))),
    }
}
