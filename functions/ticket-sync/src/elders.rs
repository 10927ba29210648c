//! A thread's interactions that were sent earlier and are still on their way.
//!
//! Queues and concurrent functions change the order, and the ticketing system appends: what comes
//! first stands first. So before an interaction is told, those of its thread that were sent
//! shortly before are looked up in the ledger, where routing has put them, and waited for.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use delivery::millis::{self, Millis};
use delivery::store::{Key, Store, StoreError, record};
use delivery::{Item, State};
use interaction::InteractionId;
use jiff::Timestamp;
use ticketing::Arrival;

use crate::threads::STAGE;

/// The index of a thread's ledger items by when they were sent.
const INDEX: &str = "thread";

/// The stage whose items say what is on its way.
const EARLIER_STAGE: &str = "routing";

/// How long before an interaction another was sent, and still counts as shortly before.
const WINDOW_MS: Millis = 10 * 60 * 1000;

/// How many of those are looked at, the latest first.
const MOST_ELDERS: i32 = 40;

/// An interaction that was received so long ago doesn't hold its thread up any more.
const PATIENCE_MS: Millis = 5 * 60 * 1000;

/// How long to wait at least before looking again.
const LOOK_AGAIN_MS: Millis = 500;

pub struct Elders {
    client: Client,
    store: Store,
    table: String,
}

impl Elders {
    pub fn new(client: Client, table: String) -> Self {
        Self {
            store: Store::new(client.clone(), &table),
            client,
            table,
        }
    }

    /// When to look again for earlier interactions than `own` that haven't been told; `None` where
    /// there are none left to wait for. `is_told` knows those of which nothing needs to be read.
    pub async fn wait(
        &self,
        own: &Arrival<'_>,
        is_told: impl Fn(&InteractionId) -> bool,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut ids = self.sent_before(own).await?;
        ids.retain(|id| !is_told(id));
        if ids.is_empty() {
            return Ok(None);
        }
        let keys = |stage| {
            ids.iter()
                .map(move |id| Key::interaction(id.as_str(), stage))
        };
        let keys: Vec<Key> = keys(EARLIER_STAGE).chain(keys(STAGE)).collect();
        let mut found = self.store.read(&keys).await?;
        let items = keys.into_iter().filter_map(|key| {
            let item = found.remove(&key)?;
            Some(record(&key, item).map(|item: Item| (key, item)))
        });
        let items: HashMap<Key, Item> = items.collect::<Result<_, _>>()?;
        let stage = |id: &InteractionId, stage| items.get(&Key::interaction(id.as_str(), stage));
        let now = now.as_millisecond();
        let again = ids
            .iter()
            .filter_map(|id| look_again(stage(id, EARLIER_STAGE)?, stage(id, STAGE), now));
        Ok(again.max().map(millis::timestamp))
    }

    /// The thread's routed interactions that were sent before `own`, within the window.
    async fn sent_before(&self, own: &Arrival<'_>) -> Result<Vec<InteractionId>, StoreError> {
        let at = own.at().as_millisecond();
        let number = |at: Millis| AttributeValue::N(at.to_string());
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("thread_id = :thread AND sent_at BETWEEN :from AND :to")
            .expression_attribute_values(":thread", AttributeValue::S(own.thread_id().to_owned()))
            .expression_attribute_values(":from", number(at - WINDOW_MS))
            .expression_attribute_values(":to", number(at - 1))
            .scan_index_forward(false)
            .limit(MOST_ELDERS)
            .send()
            .await
            .map_err(|error| StoreError::Unavailable {
                call: "Query",
                code: error.code().unwrap_or("no answer").to_owned(),
            })?;
        let text = |item: &HashMap<String, AttributeValue>, name| {
            item.get(name).and_then(|value| value.as_s().ok()).cloned()
        };
        let ids = answer
            .items
            .unwrap_or_default()
            .into_iter()
            .filter_map(|item| {
                text(&item, "sk").filter(|stage| stage == EARLIER_STAGE)?;
                let id = text(&item, "pk")?;
                InteractionId::new(id.strip_prefix("interaction#")?).ok()
            });
        Ok(ids.collect())
    }
}

/// When to look again for an interaction, by its items in the two stages; `None` where it needn't
/// be waited for. The longer it has been on its way, the longer the wait: each costs a receive.
fn look_again(routing: &Item, ticketing: Option<&Item>, now: Millis) -> Option<Millis> {
    let is_over = |item: &Item| matches!(item.state, State::Synced | State::Parked);
    if is_over(routing) || ticketing.is_some_and(is_over) {
        return None;
    }
    let age = now - routing.received_at;
    let due = ticketing.unwrap_or(routing).not_before.unwrap_or(now);
    (age < PATIENCE_MS).then(|| due.max(now + LOOK_AGAIN_MS.max(age / 2)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(state: &str) -> Item {
        let item = json!({
            "version": 1, "writer": "w", "state": state, "fence": 1, "received_at": 1_000_000,
        });
        serde_json::from_value(item).unwrap()
    }

    fn waits(routing: &str, ticketing: Option<&str>, age: Millis) -> Option<Millis> {
        let ticketing = ticketing.map(item);
        let now = 1_000_000 + age;
        look_again(&item(routing), ticketing.as_ref(), now).map(|at| at - now)
    }

    #[test]
    fn an_earlier_interaction_is_waited_for_until_it_is_told_or_parked() {
        assert_eq!(waits("CALLING", None, 10), Some(500));
        assert_eq!(waits("WAITING", None, 10), Some(500));
        assert_eq!(waits("ROUTED", None, 10), Some(500));
        assert_eq!(waits("ROUTED", Some("WAITING"), 10), Some(500));
        assert_eq!(waits("ROUTED", Some("SYNCED"), 10), None);
        assert_eq!(waits("ROUTED", Some("PARKED"), 10), None);
        assert_eq!(waits("PARKED", None, 10), None);
    }

    #[test]
    fn the_longer_it_takes_the_less_often_is_looked_and_in_the_end_it_is_passed() {
        assert_eq!(waits("ROUTED", None, 60_000), Some(30_000));
        assert_eq!(waits("ROUTED", None, PATIENCE_MS), None);
    }

    #[test]
    fn one_that_is_to_be_tried_again_is_looked_for_when_it_is_due() {
        let now = 1_000_000;
        let waiting = Item {
            not_before: Some(now + 9_000),
            ..item("WAITING")
        };
        assert_eq!(
            look_again(&item("ROUTED"), Some(&waiting), now),
            Some(now + 9_000)
        );
    }
}
