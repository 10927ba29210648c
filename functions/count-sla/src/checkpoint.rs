//! A shard's checkpoint in the ledger's table: item `sla-checkpoint#<shard>` / `checkpoint`, with
//! the sequence of the last record counted. Moves in one transaction with what it stands for.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use jiff::{SignedDuration, Timestamp};

use crate::plan::Plan;
use crate::record::Sequence;

/// A stream keeps its records for 24 hours. What is older can't come again, so a checkpoint that
/// hasn't moved for longer isn't needed; shards come and go every few hours.
const KEEP: SignedDuration = SignedDuration::from_hours(7 * 24);

pub struct Checkpoints {
    client: Client,
    table: String,
    keep_days: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("dynamodb:GetItem of a shard's checkpoint failed: {}", DisplayErrorContext(.0))]
    Read(Box<SdkError<GetItemError>>),
    #[error(
        "the checkpoint of shard {0} holds no valid sequence: delete the item sla-checkpoint#{0} to count from the stream's start"
    )]
    Invalid(String),
    #[error("dynamodb:TransactWriteItems of an SLA count failed: {}", DisplayErrorContext(.0))]
    Commit(Box<SdkError<TransactWriteItemsError>>),
    #[error("an SLA count could not be built: {0}")]
    Build(#[from] BuildError),
}

impl Checkpoints {
    /// `keep_days` is how long an hour's histogram is kept.
    pub fn new(client: Client, table: String, keep_days: u32) -> Self {
        Self {
            client,
            table,
            keep_days,
        }
    }

    /// The last record of the shard that was counted; `None` where none was.
    pub async fn read(&self, shard: &str) -> Result<Option<Sequence>, CheckpointError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", partition_key(shard))
            .key("sk", sort_key())
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| CheckpointError::Read(Box::new(error)))?;
        let Some(item) = answer.item else {
            return Ok(None);
        };
        item.get("sequence")
            .and_then(|value| value.as_s().ok())
            .and_then(|text| Sequence::new(text))
            .map(Some)
            .ok_or_else(|| CheckpointError::Invalid(shard.to_owned()))
    }

    /// Adds what is planned and moves the checkpoint, both or neither, unless the checkpoint has
    /// moved since it was read. The SDK sends one request token with all its tries of one call, so
    /// its own retry of an applied transaction succeeds. After an error the outcome is unknown.
    pub async fn commit(
        &self,
        shard: &str,
        read: Option<&Sequence>,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<(), CheckpointError> {
        let mut writes = vec![self.moved(shard, read, &plan.last, now)?];
        for ((series, hour), histogram) in &plan.additions {
            let table = &self.table;
            writes.push(sla::item::addition(
                table,
                *series,
                *hour,
                histogram,
                self.keep_days,
            )?);
        }
        let items = writes
            .into_iter()
            .map(|update| TransactWriteItem::builder().update(update).build());
        self.client
            .transact_write_items()
            .set_transact_items(Some(items.collect()))
            .send()
            .await
            .map_err(|error| CheckpointError::Commit(Box::new(error)))?;
        Ok(())
    }

    fn moved(
        &self,
        shard: &str,
        from: Option<&Sequence>,
        to: &Sequence,
        now: Timestamp,
    ) -> Result<Update, BuildError> {
        let expires_at = now.checked_add(KEEP).unwrap_or(Timestamp::MAX).as_second();
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", partition_key(shard))
            .key("sk", sort_key())
            .update_expression("SET #s = :to, expires_at = :e")
            .expression_attribute_names("#s", "sequence")
            .expression_attribute_values(":to", AttributeValue::S(to.to_string()))
            .expression_attribute_values(":e", AttributeValue::N(expires_at.to_string()));
        let update = match from {
            None => update.condition_expression("attribute_not_exists(#s)"),
            Some(from) => update
                .condition_expression("#s = :from")
                .expression_attribute_values(":from", AttributeValue::S(from.to_string())),
        };
        update.build()
    }
}

fn partition_key(shard: &str) -> AttributeValue {
    AttributeValue::S(format!("sla-checkpoint#{shard}"))
}

fn sort_key() -> AttributeValue {
    AttributeValue::S("checkpoint".to_owned())
}
