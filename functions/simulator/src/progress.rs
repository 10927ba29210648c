//! Where an interaction is, by what the ledger says. Pure.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

pub type Item = HashMap<String, AttributeValue>;

/// What is read of an item; a parked one also holds the customer's words, which stay where they
/// are. Sorted, and without names that DynamoDB reserves.
pub const ATTRIBUTES: &[&str] = &[
    "attempts",
    "contact_id",
    "decision",
    "done_at",
    "duplicates",
    "first_call_at",
    "history",
    "ingest_ms",
    "latency_ms",
    "not_before",
    "pk",
    "platform",
    "possible_duplicate",
    "queued_at",
    "reason",
    "received_at",
    "sent_at",
    "sk",
    "state",
    "task_id",
    "thread_id",
    "ticket",
    "wait_dlq_ms",
    "wait_limiter_ms",
    "wait_retry_ms",
];

/// Where an interaction is. Without an item in the ledger it is still in its queue, or the ledger
/// never heard of it: the ledger can't tell the two apart, and neither does the answer.
///
/// Times are milliseconds since the epoch.
pub fn progress(
    id: &str,
    routing: Option<&Item>,
    ticketing: Option<&Item>,
    threshold_ms: i64,
) -> Value {
    let current = ticketing.or(routing);
    json!({
        "interaction_id": id,
        "state": state(routing, ticketing),
        "platform": current.and_then(|item| text(item, "platform")),
        "contact_id": current.and_then(|item| text(item, "contact_id")),
        "thread_id": current.and_then(|item| text(item, "thread_id")),
        "stages": stages(routing, ticketing, threshold_ms),
        "attempts": current.and_then(|item| number(item, "attempts")),
        "reason": current.and_then(|item| text(item, "reason")),
        "not_before": current.and_then(|item| number(item, "not_before")),
        "routing": routing.map(delivery),
        "ticketing": ticketing.map(delivery),
    })
}

fn state(routing: Option<&Item>, ticketing: Option<&Item>) -> &'static str {
    fn of(item: Option<&Item>) -> &str {
        item.and_then(|item| text(item, "state"))
            .unwrap_or_default()
    }
    match (of(routing), of(ticketing)) {
        ("PARKED", _) | (_, "PARKED") => "parked",
        (_, "SYNCED") => "synced",
        (_, "CALLING") => "ticketing",
        (_, "WAITING") | ("WAITING", _) => "waiting",
        ("ROUTED", _) => "routed",
        ("CALLING", _) => "routing",
        _ => "queued",
    }
}

/// The stages that are behind it, in order.
fn stages(routing: Option<&Item>, ticketing: Option<&Item>, threshold_ms: i64) -> Vec<Value> {
    let mut stages = Vec::new();
    if let Some(item) = routing {
        stages.push(json!({"stage": "sent", "at": number(item, "sent_at")}));
        stages.push(json!({"stage": "received", "at": number(item, "received_at")}));
        stages.push(json!({
            "stage": "queued",
            "at": number(item, "queued_at"),
            "latency_ms": number(item, "ingest_ms"),
            "breach": breach(item, "ingest_ms", threshold_ms),
        }));
        if let Some(at) = number(item, "first_call_at") {
            stages.push(json!({"stage": "called", "at": at}));
        }
        if number(item, "done_at").is_some() {
            let mut stage = finished(item, "routed", threshold_ms);
            stage["task_id"] = json!(text(item, "task_id"));
            stage["decision"] = decision(item);
            stages.push(stage);
        }
    }
    if let Some(item) = ticketing.filter(|item| number(item, "done_at").is_some()) {
        let mut stage = finished(item, "synced", threshold_ms);
        stage["ticket"] = json!(text(item, "ticket"));
        stages.push(stage);
    }
    stages
}

/// What routing decided, as it was frozen before the first call.
fn decision(item: &Item) -> Value {
    let frozen = text(item, "decision").and_then(|json| serde_json::from_str(json).ok());
    frozen.unwrap_or(Value::Null)
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

/// How one stage's delivery went: its attempts, what happened and why.
fn delivery(item: &Item) -> Value {
    json!({
        "state": text(item, "state"),
        "attempts": number(item, "attempts"),
        "possible_duplicate": item.get("possible_duplicate").is_some_and(|v| v.as_bool() == Ok(&true)),
        "duplicates": item.get("duplicates").map_or(json!([]), value),
        "history": item.get("history").map_or(json!([]), value),
    })
}

/// An attribute as JSON; the binary kinds, which the ledger doesn't use, are null.
fn value(attribute: &AttributeValue) -> Value {
    match attribute {
        AttributeValue::S(s) => json!(s),
        AttributeValue::N(n) => n.parse::<i64>().map_or_else(|_| json!(n), |n| json!(n)),
        AttributeValue::Bool(b) => json!(b),
        AttributeValue::L(list) => list.iter().map(value).collect(),
        AttributeValue::M(map) => map
            .iter()
            .map(|(name, v)| (name.clone(), value(v)))
            .collect(),
        _ => Value::Null,
    }
}

pub fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(texts: &[(&str, &str)], numbers: &[(&str, i64)]) -> Item {
        let texts = texts
            .iter()
            .map(|(k, v)| ((*k).to_owned(), AttributeValue::S((*v).to_owned())));
        let numbers = numbers
            .iter()
            .map(|(k, v)| ((*k).to_owned(), AttributeValue::N(v.to_string())));
        texts.chain(numbers).collect()
    }

    #[test]
    fn without_a_ledger_item_an_interaction_is_queued() {
        assert_eq!(progress("a", None, None, 2500)["state"], "queued");
    }

    #[test]
    fn the_state_is_that_of_the_stage_it_has_come_to() {
        for (routing, ticketing, expected) in [
            ("CALLING", None, "routing"),
            ("WAITING", None, "waiting"),
            ("PARKED", None, "parked"),
            ("ROUTED", None, "routed"),
            ("ROUTED", Some("CALLING"), "ticketing"),
            ("ROUTED", Some("WAITING"), "waiting"),
            ("ROUTED", Some("PARKED"), "parked"),
            ("ROUTED", Some("SYNCED"), "synced"),
        ] {
            let routing = item(&[("state", routing)], &[]);
            let ticketing = ticketing.map(|state| item(&[("state", state)], &[]));
            let shown = progress("a", Some(&routing), ticketing.as_ref(), 2500);
            assert_eq!(shown["state"], expected);
        }
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
        let routed = shown["stages"].as_array().unwrap().last().unwrap();
        assert_eq!(routed["stage"], "routed");
        assert_eq!(routed["breach"], true);
        assert_eq!(routed["wait_retry_ms"], 2000);
        assert_eq!(routed["task_id"], "t1");
    }

    #[test]
    fn a_latency_at_the_threshold_is_no_breach() {
        let routing = item(
            &[("state", "ROUTED")],
            &[("done_at", 1), ("latency_ms", 2500)],
        );
        let shown = progress("a", Some(&routing), None, 2500);
        assert_eq!(
            shown["stages"].as_array().unwrap().last().unwrap()["breach"],
            false
        );
    }

    #[test]
    fn a_ticket_that_was_parked_shows_although_the_task_was_made() {
        let routing = item(&[("state", "ROUTED")], &[("done_at", 1)]);
        let ticketing = item(&[("state", "PARKED"), ("reason", "answered 422")], &[]);
        let shown = progress("a", Some(&routing), Some(&ticketing), 2500);
        assert_eq!(shown["state"], "parked");
        assert_eq!(shown["reason"], "answered 422");
    }

    #[test]
    fn each_attempt_shows_with_its_reason() {
        let event = HashMap::from([
            ("at".to_owned(), AttributeValue::N("7".into())),
            ("what".to_owned(), AttributeValue::S("waiting".into())),
            (
                "reason".to_owned(),
                AttributeValue::S("answered 503".into()),
            ),
        ]);
        let mut routing = item(&[("state", "WAITING")], &[("attempts", 1)]);
        routing.insert(
            "history".into(),
            AttributeValue::L(vec![AttributeValue::M(event)]),
        );
        let shown = progress("a", Some(&routing), None, 2500);
        let expected = json!([{"at": 7, "what": "waiting", "reason": "answered 503"}]);
        assert_eq!(shown["routing"]["history"], expected);
        assert_eq!(shown["routing"]["attempts"], 1);
    }
}
