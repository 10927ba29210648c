//! Compare and swap on items of the ledger's table, the one way in which they are written.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub type Attributes = HashMap<String, AttributeValue>;

/// Keys of one `BatchGetItem`.
const MOST_KEYS: usize = 100;

/// How often keys that DynamoDB left out of a batch's answer are asked for again.
const BATCH_READS: usize = 5;

/// The primary key of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub pk: String,
    pub sk: String,
}

impl Key {
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }

    pub fn interaction(id: &str, stage: &str) -> Self {
        Self::new(format!("interaction#{id}"), stage)
    }

    pub fn upstream(name: &str) -> Self {
        Self::new(format!("upstream#{name}"), "state")
    }

    pub(crate) fn attributes(&self) -> Attributes {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk.clone())),
            ("sk".to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }

    fn of(attributes: &Attributes) -> Option<Self> {
        let text = |name| attributes.get(name)?.as_s().ok().cloned();
        Some(Self {
            pk: text("pk")?,
            sk: text("sk")?,
        })
    }
}

/// Tells an item's writes apart. A record keeps it flattened among its attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Grows by one with every write.
    pub version: u64,
    /// Names who made the write: by that one that was applied without an answer knows itself again.
    pub writer: String,
}

/// What is stored under optimistic locking.
pub trait Record: Serialize + DeserializeOwned {
    fn stamp(&mut self) -> &mut Stamp;
}

/// Why the table can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{call} on the ledger's table failed: {code}")]
    Unavailable { call: &'static str, code: String },
    #[error("the ledger's item {pk} {sk} can't be read: {error}")]
    Damaged {
        pk: String,
        sk: String,
        error: String,
    },
}

/// What came of a [`Store::swap`].
pub enum Swapped<T> {
    /// It was written; the record as it stands now.
    Yes(T),
    /// Somebody else was first; what is there now, if anything.
    No(Option<T>),
}

#[derive(Clone)]
pub struct Store {
    client: Client,
    table: String,
}

impl Store {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }

    /// Reads items, strongly consistent; those that don't exist are left out.
    pub async fn read(&self, keys: &[Key]) -> Result<HashMap<Key, Attributes>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        // DynamoDB refuses a batch in which a key stands twice.
        let keys: Vec<&Key> = keys.iter().collect::<HashSet<_>>().into_iter().collect();
        for keys in keys.chunks(MOST_KEYS) {
            self.read_batch(keys, &mut found).await?;
        }
        Ok(found)
    }

    async fn read_batch(
        &self,
        keys: &[&Key],
        found: &mut HashMap<Key, Attributes>,
    ) -> Result<(), StoreError> {
        let mut wanted: Vec<Attributes> = keys.iter().map(|key| key.attributes()).collect();
        for _ in 0..BATCH_READS {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::take(&mut wanted)))
                .consistent_read(true)
                .build()
                .expect("the keys are set");
            let answer = self
                .client
                .batch_get_item()
                .request_items(&self.table, request)
                .send()
                .await
                .map_err(|error| unavailable("BatchGetItem", &error))?;
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                if let Some(key) = Key::of(&item) {
                    found.insert(key, item);
                }
            }
            let left = answer.unprocessed_keys.unwrap_or_default();
            wanted = left.into_values().flat_map(|left| left.keys).collect();
            if wanted.is_empty() {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable {
            call: "BatchGetItem",
            code: "keys stayed unprocessed".to_owned(),
        })
    }

    /// Writes `next`, which is `seen` but for what changed and so still bears its stamp, where the
    /// item is still that (or still absent, for `None`). A write that was applied by an earlier try
    /// whose answer was lost counts as written.
    pub async fn swap<T: Record>(
        &self,
        key: &Key,
        seen: Option<&T>,
        mut next: T,
    ) -> Result<Swapped<T>, StoreError> {
        let stamp = next.stamp();
        let version = AttributeValue::N(stamp.version.to_string());
        stamp.version += 1;
        stamp.writer = format!("{:016x}", fastrand::u64(..));
        let before = seen.map(attributes).unwrap_or_default();
        let mut update = Update::between(&before, attributes(&next));
        let condition = if seen.is_some() {
            update.values.insert(":seen".to_owned(), version);
            "version = :seen"
        } else {
            "attribute_not_exists(version)"
        };
        let written = self
            .update(key, update)
            .condition_expression(condition)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let there = match written {
            Ok(_) => return Ok(Swapped::Yes(next)),
            Err(SdkError::ServiceError(error)) => match error.into_err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => failed.item,
                other => return Err(failed("UpdateItem", other.code())),
            },
            Err(other) => return Err(unavailable("UpdateItem", &other)),
        };
        let Some(there) = there else {
            return Ok(Swapped::No(None));
        };
        let mut there: T = record(key, there)?;
        if there.stamp() == next.stamp() {
            return Ok(Swapped::Yes(there));
        }
        Ok(Swapped::No(Some(there)))
    }

    /// Writes attributes on an item of its own, whatever is there.
    pub async fn put(&self, key: &Key, attributes: Attributes) -> Result<(), StoreError> {
        let update = Update::between(&Attributes::new(), attributes);
        let written = self.update(key, update).send().await;
        written
            .map(drop)
            .map_err(|error| unavailable("UpdateItem", &error))
    }

    fn update(&self, key: &Key, update: Update) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .update_expression(update.expression)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
    }
}

/// The attributes of a record, without its key.
fn attributes<T: Record>(record: &T) -> Attributes {
    serde_dynamo::to_item(record).expect("a record always serialises")
}

/// Reads a record from its item.
pub fn record<T: Record>(key: &Key, item: Attributes) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|error| StoreError::Damaged {
        pk: key.pk.clone(),
        sk: key.sk.clone(),
        error: error.to_string(),
    })
}

/// An update expression, with what its placeholders stand for.
struct Update {
    expression: String,
    names: HashMap<String, String>,
    values: Attributes,
}

impl Update {
    /// Sets what differs and removes what is gone, so that attributes which other programs added
    /// to an item stay.
    fn between(before: &Attributes, after: Attributes) -> Self {
        let mut names = HashMap::new();
        let mut values = Attributes::new();
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        let mut remove: Vec<String> = Vec::new();
        for (number, name) in gone.enumerate() {
            remove.push(format!("#r{number}"));
            names.insert(format!("#r{number}"), name.clone());
        }
        let mut set: Vec<String> = Vec::new();
        let changed = after
            .into_iter()
            .filter(|(name, value)| before.get(name) != Some(value));
        for (number, (name, value)) in changed.enumerate() {
            set.push(format!("#s{number} = :s{number}"));
            names.insert(format!("#s{number}"), name);
            values.insert(format!(":s{number}"), value);
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression.push_str(" REMOVE ");
            expression.push_str(&remove.join(", "));
        }
        Self {
            expression,
            names,
            values,
        }
    }
}

pub(crate) fn unavailable<E: ProvideErrorMetadata, R>(
    call: &'static str,
    error: &SdkError<E, R>,
) -> StoreError {
    let code = match error {
        SdkError::ServiceError(_) => error.code().unwrap_or("a service error without a code"),
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection",
        _ => "the answer can't be read",
    };
    failed(call, Some(code))
}

fn failed(call: &'static str, code: Option<&str>) -> StoreError {
    StoreError::Unavailable {
        call,
        code: code.unwrap_or("unknown").to_owned(),
    }
}
