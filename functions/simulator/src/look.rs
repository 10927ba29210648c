//! What the ledger and the queues say, as JSON for people.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use tokens::{CXONE, SIGNING_SECRET};

use crate::progress::{ATTRIBUTES, Item, number, progress, text};

/// The most interactions looked up at once; half of what one batch read takes.
pub const MOST_IDS: usize = 50;

/// Parked items shown of each stage: the latest.
const MOST_PARKED: i32 = 20;

/// Tokens shown; with CXone's and the signing secret's no more than one batch read takes.
const MOST_TOKENS: i32 = 90;

/// How often a batch read goes on with what DynamoDB left out.
const READS: u32 = 6;

/// A part of the stack that could not be read, as a sentence.
pub type Unreadable = String;

pub struct Looker {
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub table: String,
    /// Name for people, and URL.
    pub queues: Vec<(&'static str, String)>,
    /// A latency over it is a breach.
    pub threshold_ms: i64,
}

impl Looker {
    /// Where each of these interactions is, in their order.
    pub async fn interactions(&self, ids: &[String]) -> Result<Vec<Value>, Unreadable> {
        let partition = |id: &String| format!("interaction#{id}");
        let keys = ids
            .iter()
            .flat_map(|id| ["routing", "ticketing"].map(|stage| (partition(id), stage.to_owned())))
            .collect();
        let found = self.read("the ledger", keys, ATTRIBUTES).await?;
        let item = |id: &String, stage: &str| found.get(&(partition(id), stage.to_owned()));
        let shown = ids.iter().map(|id| {
            let (routing, ticketing) = (item(id, "routing"), item(id, "ticketing"));
            progress(id, routing, ticketing, self.threshold_ms)
        });
        Ok(shown.collect())
    }

    /// Queues, parked items, breakers and tokens. A part that can't be read says so, and the
    /// others are shown all the same.
    pub async fn status(&self, now_ms: i64) -> Value {
        let (queues, parked, upstreams, tokens) = tokio::join!(
            self.queue_counts(),
            self.parked(),
            self.upstreams(now_ms),
            self.tokens(),
        );
        json!({
            "at": now_ms,
            "threshold_ms": self.threshold_ms,
            "queues": or_reason(queues),
            "parked": or_reason(parked),
            "upstreams": or_reason(upstreams),
            "tokens": or_reason(tokens),
        })
    }

    async fn queue_counts(&self) -> Result<Value, Unreadable> {
        let counts = self
            .queues
            .iter()
            .map(|(name, url)| self.queue_count(name, url));
        futures::future::try_join_all(counts)
            .await
            .map(Value::Array)
    }

    async fn queue_count(&self, name: &str, url: &str) -> Result<Value, Unreadable> {
        let answer = self
            .sqs
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesDelayed)
            .send()
            .await
            .map_err(|e| unreadable(&format!("the queue \"{name}\""), &e))?;
        let attributes = answer.attributes.unwrap_or_default();
        let count =
            |name: QueueAttributeName| -> Option<u64> { attributes.get(&name)?.parse().ok() };
        Ok(json!({
            "queue": name,
            "waiting": count(QueueAttributeName::ApproximateNumberOfMessages),
            "in_flight": count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            "delayed": count(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
        }))
    }

    async fn parked(&self) -> Result<Value, Unreadable> {
        let mut parked = Vec::new();
        for stage in ["routing", "ticketing"] {
            let answer = self
                .dynamodb
                .query()
                .table_name(&self.table)
                .index_name("parked")
                .key_condition_expression("parked_stage = :stage")
                .expression_attribute_values(":stage", AttributeValue::S(stage.into()))
                .scan_index_forward(false)
                .limit(MOST_PARKED)
                .send()
                .await
                .map_err(|e| unreadable("the parked items", &e))?;
            parked.extend(answer.items().iter().map(|item| {
                let pk = text(item, "pk").unwrap_or_default();
                json!({
                    "interaction_id": pk.strip_prefix("interaction#").unwrap_or(pk),
                    "stage": stage,
                    "parked_at": number(item, "parked_at"),
                    "reason": text(item, "reason"),
                    "attempts": number(item, "attempts"),
                })
            }));
        }
        Ok(Value::Array(parked))
    }

    async fn upstreams(&self, now_ms: i64) -> Result<Value, Unreadable> {
        let names = ["cxone", "ticketing"];
        let key = |name: &str| (format!("upstream#{name}"), "state".to_owned());
        let found = self
            .read(
                "the breakers",
                names.map(key).to_vec(),
                &["pk", "sk", "breaker", "limiter"],
            )
            .await?;
        let shown = names.map(|name| upstream(name, found.get(&key(name)), now_ms));
        Ok(Value::from(shown.to_vec()))
    }

    async fn tokens(&self) -> Result<Value, Unreadable> {
        let registered = self
            .dynamodb
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :tokens")
            .expression_attribute_values(":tokens", AttributeValue::S("tokens".into()))
            .limit(MOST_TOKENS)
            .send()
            .await
            .map_err(|e| unreadable("the tokens", &e))?;
        let platforms = registered
            .items()
            .iter()
            .filter_map(|item| text(item, "sk"));
        let names: Vec<&str> = [CXONE, SIGNING_SECRET]
            .into_iter()
            .chain(platforms)
            .collect();
        let key = |name: &str| (format!("token#{name}"), "state".to_owned());
        let keys = names.iter().map(|name| key(name)).collect();
        let found = self
            .read(
                "the tokens",
                keys,
                &["pk", "sk", "state", "reason", "token_expires"],
            )
            .await?;
        let shown = names.iter().map(|name| {
            let item = found.get(&key(name));
            json!({
                "token": name,
                "state": item.and_then(|item| text(item, "state")),
                "reason": item.and_then(|item| text(item, "reason")),
                "expires_at": item.and_then(|item| number(item, "token_expires")),
            })
        });
        Ok(shown.collect())
    }

    /// The items that are there, by their keys; 100 keys at most.
    async fn read(
        &self,
        what: &str,
        keys: Vec<(String, String)>,
        attributes: &[&str],
    ) -> Result<HashMap<(String, String), Item>, Unreadable> {
        let mut found = HashMap::new();
        if keys.is_empty() {
            return Ok(found);
        }
        let placeholders: Vec<String> = (0..attributes.len()).map(|n| format!("#a{n}")).collect();
        let names = placeholders
            .iter()
            .cloned()
            .zip(attributes.iter().map(|name| (*name).to_owned()));
        let request = KeysAndAttributes::builder()
            .set_keys(Some(keys.into_iter().map(key).collect()))
            .projection_expression(placeholders.join(", "))
            .set_expression_attribute_names(Some(names.collect()))
            .build()
            .map_err(|e| e.to_string())?;
        let mut wanted = Some(request);
        for read in 0..READS {
            let Some(request) = wanted.take() else { break };
            // What was left out was too much for one answer, or too fast.
            tokio::time::sleep(Duration::from_millis(50 * u64::from(read))).await;
            let batch = self
                .dynamodb
                .batch_get_item()
                .request_items(&self.table, request);
            let answer = batch.send().await.map_err(|e| unreadable(what, &e))?;
            for item in answer
                .responses
                .into_iter()
                .flat_map(HashMap::into_values)
                .flatten()
            {
                if let (Some(pk), Some(sk)) = (text(&item, "pk"), text(&item, "sk")) {
                    found.insert((pk.to_owned(), sk.to_owned()), item);
                }
            }
            wanted = answer
                .unprocessed_keys
                .and_then(|mut rest| rest.remove(&self.table));
        }
        match wanted {
            None => Ok(found),
            Some(_) => Err(format!("{what} can't be read: DynamoDB throttles")),
        }
    }
}

fn key((pk, sk): (String, String)) -> Item {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(pk)),
        ("sk".to_owned(), AttributeValue::S(sk)),
    ])
}

/// An upstream's breaker and how long its rate limit holds calls back. Without an item it was
/// never in the way.
fn upstream(name: &str, item: Option<&Item>, now_ms: i64) -> Value {
    let map = |name: &str| item.and_then(|item| item.get(name)?.as_m().ok());
    let breaker = map("breaker");
    let open = breaker.and_then(|breaker| breaker.get("open")?.as_m().ok());
    let failed = breaker.and_then(|breaker| breaker.get("failed")?.as_l().ok());
    let held = map("limiter").and_then(|limiter| number(limiter, "not_before"));
    json!({
        "upstream": name,
        "breaker": if open.is_some() { "open" } else { "closed" },
        "open_since": open.and_then(|open| number(open, "since")),
        "next_probe_at": open.and_then(|open| number(open, "probe_at")),
        "failed_in_a_row": failed.map_or(0, Vec::len),
        "held_until": held.filter(|until| *until > now_ms),
    })
}

fn or_reason(part: Result<Value, Unreadable>) -> Value {
    part.unwrap_or_else(|reason| json!({"unreadable": reason}))
}

fn unreadable<E, R>(what: &str, error: &aws_sdk_dynamodb::error::SdkError<E, R>) -> Unreadable
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
{
    format!("{what} can't be read: {}", secrets::reason(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number_of(n: i64) -> AttributeValue {
        AttributeValue::N(n.to_string())
    }

    #[test]
    fn an_upstream_that_was_never_in_the_way_is_closed() {
        let shown = upstream("cxone", None, 10);
        assert_eq!(shown["breaker"], "closed");
        assert_eq!(shown["failed_in_a_row"], 0);
        assert_eq!(shown["held_until"], Value::Null);
    }

    #[test]
    fn an_open_breaker_shows_since_when_and_its_next_probe() {
        let open = Item::from([
            ("since".into(), number_of(3)),
            ("probe_at".into(), number_of(8)),
        ]);
        let failed = ["a", "b", "c"].map(|id| AttributeValue::S(id.into()));
        let breaker = Item::from([
            ("failed".into(), AttributeValue::L(failed.to_vec())),
            ("open".into(), AttributeValue::M(open)),
        ]);
        let item = Item::from([("breaker".into(), AttributeValue::M(breaker))]);
        let shown = upstream("cxone", Some(&item), 10);
        assert_eq!(shown["breaker"], "open");
        assert_eq!(shown["open_since"], 3);
        assert_eq!(shown["next_probe_at"], 8);
        assert_eq!(shown["failed_in_a_row"], 3);
    }

    #[test]
    fn a_hold_of_the_upstream_shows_until_it_is_over() {
        let limiter = Item::from([("not_before".into(), number_of(20))]);
        let item = Item::from([("limiter".into(), AttributeValue::M(limiter))]);
        assert_eq!(upstream("cxone", Some(&item), 19)["held_until"], 20);
        assert_eq!(
            upstream("cxone", Some(&item), 20)["held_until"],
            Value::Null
        );
    }
}
