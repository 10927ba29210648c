//! Where interactions are, and how the stack is: the ledger's items and the queues' counts as
//! JSON for people. The readings are pure; only [`Looker`] does I/O.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

type Item = HashMap<String, AttributeValue>;

/// The most interactions looked up at once; half of what one batch read takes.
pub const MOST_IDS: usize = 50;

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
        let keys: Vec<Item> = ids
            .iter()
            .flat_map(|id| ["routing", "ticketing"].map(|stage| key(id, stage)))
            .collect();
        let mut found: HashMap<(String, String), Item> = HashMap::new();
        let mut wanted = (!keys.is_empty()).then_some(keys);
        while let Some(keys) = wanted.take() {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .build()
                .map_err(|e| e.to_string())?;
            let answer = self
                .dynamodb
                .batch_get_item()
                .request_items(&self.table, request)
                .send()
                .await
                .map_err(|e| unreadable("the ledger", &e))?;
            for item in answer
                .responses
                .into_iter()
                .flat_map(HashMap::into_values)
                .flatten()
            {
                let id = string(&item, "pk").replacen("interaction#", "", 1);
                found.insert((id, string(&item, "sk")), item);
            }
            wanted = answer
                .unprocessed_keys
                .and_then(|mut rest| rest.remove(&self.table))
                .map(|rest| rest.keys)
                .filter(|keys| !keys.is_empty());
        }
        let item = |id: &String, stage: &str| found.get(&(id.clone(), stage.to_owned()));
        Ok(ids
            .iter()
            .map(|id| {
                progress(
                    id,
                    item(id, "routing"),
                    item(id, "ticketing"),
                    self.threshold_ms,
                )
            })
            .collect())
    }

    /// Queues, parked items, breakers and tokens. A part that can't be read says so, and the
    /// others are shown all the same.
    pub async fn status(&self, now_ms: i64) -> Value {
        let (queues, parked, cxone, ticketing, tokens) = tokio::join!(
            self.queue_counts(),
            self.parked(),
            self.upstream("cxone"),
            self.upstream("ticketing"),
            self.tokens(),
        );
        json!({
            "at": now_ms,
            "threshold_ms": self.threshold_ms,
            "queues": or_error(queues),
            "parked": or_error(parked),
            "upstreams": {"cxone": or_error(cxone), "ticketing": or_error(ticketing)},
            "tokens": or_error(tokens),
        })
    }

    async fn queue_counts(&self) -> Result<Value, Unreadable> {
        let mut counts = Vec::new();
        for (name, url) in &self.queues {
            let answer = self
                .sqs
                .get_queue_attributes()
                .queue_url(url)
                .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
                .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
                .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesDelayed)
                .send()
                .await
                .map_err(|e| unreadable("a queue", &e))?;
            let attributes = answer.attributes.unwrap_or_default();
            let count = |name: QueueAttributeName| -> u64 {
                attributes
                    .get(&name)
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(0)
            };
            counts.push(json!({
                "queue": name,
                "waiting": count(QueueAttributeName::ApproximateNumberOfMessages),
                "in_flight": count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
                "delayed": count(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
            }));
        }
        Ok(Value::Array(counts))
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
                .limit(20)
                .send()
                .await
                .map_err(|e| unreadable("the parked items", &e))?;
            parked.extend(answer.items().iter().map(|item| {
                json!({
                    "interaction_id": string(item, "pk").replacen("interaction#", "", 1),
                    "stage": stage,
                    "parked_at": number(item, "parked_at"),
                    "reason": string(item, "reason"),
                    "attempts": number(item, "attempts"),
                })
            }));
        }
        Ok(Value::Array(parked))
    }

    async fn upstream(&self, name: &str) -> Result<Value, Unreadable> {
        let answer = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("upstream#{name}")))
            .key("sk", AttributeValue::S("state".into()))
            .send()
            .await
            .map_err(|e| unreadable("the breaker", &e))?;
        Ok(answer.item.as_ref().map_or(json!({}), plain))
    }

    async fn tokens(&self) -> Result<Value, Unreadable> {
        let registered = self
            .dynamodb
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :tokens")
            .expression_attribute_values(":tokens", AttributeValue::S("tokens".into()))
            .limit(50)
            .send()
            .await
            .map_err(|e| unreadable("the tokens", &e))?;
        let mut names = vec!["cxone".to_owned()];
        names.extend(registered.items().iter().map(|item| string(item, "sk")));
        let mut tokens = Vec::new();
        for name in names {
            let answer = self
                .dynamodb
                .get_item()
                .table_name(&self.table)
                .key("pk", AttributeValue::S(format!("token#{name}")))
                .key("sk", AttributeValue::S("state".into()))
                .send()
                .await
                .map_err(|e| unreadable("the tokens", &e))?;
            let item = answer.item.unwrap_or_default();
            tokens.push(json!({
                "token": name,
                "state": item.get("state").and_then(|s| s.as_s().ok()),
                "reason": item.get("reason").and_then(|s| s.as_s().ok()),
            }));
        }
        Ok(Value::Array(tokens))
    }
}

fn key(id: &str, stage: &str) -> Item {
    HashMap::from([
        ("pk".into(), AttributeValue::S(format!("interaction#{id}"))),
        ("sk".into(), AttributeValue::S(stage.into())),
    ])
}

fn or_error(part: Result<Value, Unreadable>) -> Value {
    part.unwrap_or_else(|reason| json!({"unreadable": reason}))
}

fn unreadable<E, R>(what: &str, error: &aws_sdk_dynamodb::error::SdkError<E, R>) -> Unreadable
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
{
    format!("{what} can't be read: {}", secrets::reason(error))
}

/// Where an interaction is. Without an item in the ledger it is still in its queue, or the ledger
/// never heard of it: the ledger can't tell the two apart, and neither does the answer.
fn progress(
    id: &str,
    routing: Option<&Item>,
    ticketing: Option<&Item>,
    threshold_ms: i64,
) -> Value {
    let mut stages = Vec::new();
    if let Some(item) = routing {
        let at = |name: &str| number(item, name);
        stages.push(json!({"stage": "sent", "at": at("sent_at")}));
        stages.push(json!({"stage": "received", "at": at("received_at")}));
        stages.push(json!({
            "stage": "queued",
            "at": at("queued_at"),
            "latency_ms": at("ingest_ms"),
            "breach": breach(item, "ingest_ms", threshold_ms),
        }));
        if at("done_at").is_some() {
            let mut stage = finished(item, "routed", threshold_ms);
            stage["task_id"] = json!(string(item, "task_id"));
            stage["decision"] = item
                .get("decision")
                .and_then(|d| d.as_s().ok())
                .and_then(|d| serde_json::from_str(d).ok())
                .unwrap_or(Value::Null);
            stages.push(stage);
        }
    }
    if let Some(item) = ticketing.filter(|item| number(item, "done_at").is_some()) {
        let mut stage = finished(item, "synced", threshold_ms);
        stage["ticket"] = json!(string(item, "ticket"));
        stages.push(stage);
    }
    let current = ticketing.or(routing);
    json!({
        "interaction_id": id,
        "state": state(routing, ticketing),
        "stages": stages,
        "attempts": current.and_then(|i| number(i, "attempts")),
        "reason": current.and_then(|i| i.get("reason")).and_then(|r| r.as_s().ok()),
        "not_before": current.and_then(|i| number(i, "not_before")),
        "routing": routing.map(history),
        "ticketing": ticketing.map(history),
    })
}

fn state(routing: Option<&Item>, ticketing: Option<&Item>) -> &'static str {
    let of = |item: Option<&Item>| item.map(|i| string(i, "state")).unwrap_or_default();
    match (of(routing).as_str(), of(ticketing).as_str()) {
        ("PARKED", _) | (_, "PARKED") => "parked",
        (_, "SYNCED") => "synced",
        ("ROUTED", _) => "routed",
        ("", _) => "queued",
        ("WAITING", _) => "waiting",
        _ => "routing",
    }
}

fn finished(item: &Item, stage: &str, threshold_ms: i64) -> Value {
    json!({
        "stage": stage,
        "at": number(item, "done_at"),
        "latency_ms": number(item, "latency_ms"),
        "breach": breach(item, "latency_ms", threshold_ms),
        "wait_limiter_ms": number(item, "wait_limiter_ms"),
        "wait_retry_ms": number(item, "wait_retry_ms"),
        "wait_dlq_ms": number(item, "wait_dlq_ms"),
    })
}

fn breach(item: &Item, name: &str, threshold_ms: i64) -> bool {
    number(item, name).is_some_and(|ms| ms > threshold_ms)
}

fn history(item: &Item) -> Value {
    item.get("history").map_or(json!([]), value)
}

fn plain(item: &Item) -> Value {
    item.iter()
        .filter(|(name, _)| !matches!(name.as_str(), "pk" | "sk"))
        .map(|(name, v)| (name.clone(), value(v)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn value(attribute: &AttributeValue) -> Value {
    match attribute {
        AttributeValue::S(s) => json!(s),
        AttributeValue::N(n) => n.parse::<i64>().map_or_else(|_| json!(n), |n| json!(n)),
        AttributeValue::Bool(b) => json!(b),
        AttributeValue::L(list) => list.iter().map(value).collect(),
        AttributeValue::M(map) => plain(map),
        _ => Value::Null,
    }
}

fn string(item: &Item, name: &str) -> String {
    item.get(name)
        .and_then(|v| v.as_s().ok())
        .cloned()
        .unwrap_or_default()
}

fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(fields: &[(&str, &str)], numbers: &[(&str, i64)]) -> Item {
        let strings = fields
            .iter()
            .map(|(k, v)| ((*k).to_owned(), AttributeValue::S((*v).to_owned())));
        let numbers = numbers
            .iter()
            .map(|(k, v)| ((*k).to_owned(), AttributeValue::N(v.to_string())));
        strings.chain(numbers).collect()
    }

    #[test]
    fn without_a_ledger_item_an_interaction_is_queued() {
        assert_eq!(progress("a", None, None, 2500)["state"], "queued");
    }

    #[test]
    fn a_slow_routing_shows_its_breach_and_its_waits() {
        let routing = item(
            &[("state", "ROUTED"), ("task_id", "t1")],
            &[
                ("done_at", 9000),
                ("latency_ms", 2501),
                ("wait_retry_ms", 2000),
            ],
        );
        let shown = progress("a", Some(&routing), None, 2500);
        let routed = &shown["stages"][3];
        assert_eq!(shown["state"], "routed");
        assert_eq!(routed["breach"], true);
        assert_eq!(routed["wait_retry_ms"], 2000);
        assert_eq!(routed["task_id"], "t1");
    }

    #[test]
    fn a_ticket_that_was_parked_shows_although_the_task_was_made() {
        let routing = item(&[("state", "ROUTED")], &[("done_at", 1)]);
        let ticketing = item(&[("state", "PARKED"), ("reason", "answered 422")], &[]);
        let shown = progress("a", Some(&routing), Some(&ticketing), 2500);
        assert_eq!(shown["state"], "parked");
        assert_eq!(shown["reason"], "answered 422");
    }
}
