//! Parked items, for the operator's tool: listing them and sending them back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::{Client, error::SdkError, operation::delete_item::DeleteItemError};
use interaction::{Envelope, InteractionId};
use serde::Deserialize;

use crate::item::{Item, State};
use crate::ledger::part_key;
use crate::message::{INTERACTION_ID, QUEUED_AT, REOPEN};
use crate::millis::Millis;
use crate::queue::{Outgoing, Queue};
use crate::store::{self, Attributes, Key, Store, StoreError, unavailable};

/// The sparse index of parked items.
const INDEX: &str = "parked";

/// What the index says of a parked item: enough to choose by, and nothing of the customer's.
#[derive(Clone, Debug, Deserialize)]
pub struct Parked {
    /// `interaction#` and the interaction's id, or SQS's id of a message that can't be read.
    pub pk: String,
    /// The stage; for a conflict the stage, `#` and the content's digest.
    pub sk: String,
    #[serde(rename = "parked_stage")]
    pub stage: String,
    /// Milliseconds since the epoch.
    pub parked_at: Millis,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub status: Option<u16>,
    #[serde(default)]
    pub attempts: u32,
}

/// What became of an item that was to be sent back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentBack {
    /// Its queue has it. The item stays parked until the message is received.
    Yes,
    /// It isn't parked any more.
    NotParked,
    /// Its queue did not take it.
    Refused,
}

/// Lists what a stage (`routing` or `ticketing`) has parked, the oldest first.
pub async fn list(client: &Client, table: &str, stage: &str) -> Result<Vec<Parked>, StoreError> {
    let mut pages = client
        .query()
        .table_name(table)
        .index_name(INDEX)
        .key_condition_expression("parked_stage = :stage")
        .expression_attribute_values(":stage", AttributeValue::S(stage.to_owned()))
        .into_paginator()
        .items()
        .send();
    let mut parked = Vec::new();
    while let Some(item) = pages.next().await {
        let item: Attributes = item.map_err(|error| unavailable("Query", &error))?;
        let read: Result<Parked, _> = serde_dynamo::from_item(item);
        parked.push(read.map_err(|error| StoreError::Damaged {
            pk: INDEX.to_owned(),
            sk: stage.to_owned(),
            error: error.to_string(),
        })?);
    }
    Ok(parked)
}

/// Sends one parked item's message back to its stage's queue.
///
/// The copy carries the fence that it may open: a second copy, or one that comes after the item was
/// parked anew, changes nothing. What has no identity of its own (a conflict, a message that could
/// not be read) leaves the ledger with that, once the queue has it; a conflict gets the identity
/// that its content gives.
pub async fn send_back(
    client: &Client,
    table: &str,
    sqs: &aws_sdk_sqs::Client,
    queue_url: &str,
    parked: &Parked,
) -> Result<SentBack, StoreError> {
    let store = Store::new(client.clone(), table);
    let key = Key::new(&parked.pk, &parked.sk);
    let Some(item) = store.read(std::slice::from_ref(&key)).await?.remove(&key) else {
        return Ok(SentBack::NotParked);
    };
    let item: Item = store::record(&key, item)?;
    if item.state != State::Parked {
        return Ok(SentBack::NotParked);
    }
    let body = body(&store, &key, &item).await?;
    let kind = Kind::of(&key, &item);
    let message = kind.message(body, &item);
    let sent = Queue::new(sqs.clone(), queue_url).send(&[message]).await;
    if sent != [true] {
        return Ok(SentBack::Refused);
    }
    if kind != Kind::Interaction {
        delete(client, table, &key, &item).await?;
    }
    Ok(SentBack::Yes)
}

/// Whose message a parked item holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Interaction,
    Conflict,
    Broken,
}

impl Kind {
    fn of(key: &Key, item: &Item) -> Self {
        if item.digest.is_empty() {
            Self::Broken
        } else if key.sk.contains('#') {
            Self::Conflict
        } else {
            Self::Interaction
        }
    }

    fn message(self, body: String, item: &Item) -> Outgoing {
        let mut attributes = vec![(QUEUED_AT, item.queued_at.to_string())];
        let body = match self {
            Self::Interaction => {
                attributes.push((REOPEN, item.fence.to_string()));
                body
            }
            Self::Conflict => renamed(&body, &item.digest).unwrap_or(body),
            Self::Broken => body,
        };
        if let Ok(envelope) = Envelope::parse(&body) {
            let id = envelope.interaction.interaction_id.to_string();
            attributes.push((INTERACTION_ID, id));
        }
        Outgoing {
            body,
            attributes,
            group_id: None,
            delay_seconds: 0,
        }
    }
}

/// The body under the identity that its content gives.
fn renamed(body: &str, digest: &str) -> Option<String> {
    let mut envelope = Envelope::parse(body).ok()?;
    envelope.interaction.interaction_id = InteractionId::new(format!("int_{digest}")).ok()?;
    Some(envelope.to_body())
}

async fn body(store: &Store, key: &Key, item: &Item) -> Result<String, StoreError> {
    if let Some(body) = &item.body {
        return Ok(body.clone());
    }
    let keys: Vec<Key> = (0..item.body_parts.unwrap_or(0))
        .map(|number| part_key(key, number))
        .collect();
    let mut parts = store.read(&keys).await?;
    let mut body = String::new();
    for key in keys {
        let part = parts.remove(&key).and_then(|mut part| part.remove("body"));
        let Some(AttributeValue::S(part)) = part else {
            return Err(StoreError::Damaged {
                pk: key.pk,
                sk: key.sk,
                error: "a part of the body is missing".to_owned(),
            });
        };
        body.push_str(&part);
    }
    Ok(body)
}

/// Deletes an item where it is still the one that was sent, and then its body's parts.
async fn delete(client: &Client, table: &str, key: &Key, item: &Item) -> Result<(), StoreError> {
    let gone = client
        .delete_item()
        .table_name(table)
        .set_key(Some(key.attributes()))
        .condition_expression("version = :seen")
        .expression_attribute_values(":seen", AttributeValue::N(item.stamp.version.to_string()))
        .send()
        .await;
    match gone {
        Ok(_) => {}
        Err(SdkError::ServiceError(error))
            if matches!(
                error.err(),
                DeleteItemError::ConditionalCheckFailedException(_)
            ) =>
        {
            return Ok(());
        }
        Err(error) => return Err(unavailable("DeleteItem", &error)),
    }
    for number in 0..item.body_parts.unwrap_or(0) {
        let key: HashMap<_, _> = part_key(key, number).attributes();
        let part = client.delete_item().table_name(table).set_key(Some(key));
        part.send()
            .await
            .map_err(|error| unavailable("DeleteItem", &error))?;
    }
    Ok(())
}
