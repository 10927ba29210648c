//! Where one interaction is.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use runtime::output::say;

use crate::Outcome;
use crate::target::{Target, said};

type Item = HashMap<String, AttributeValue>;

/// Prints every stage's ledger item with its history.
pub async fn show(target: &Target, id: &str) -> Outcome<()> {
    let answer = target
        .dynamodb
        .query()
        .table_name(target.table()?)
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", AttributeValue::S(format!("interaction#{id}")))
        .consistent_read(true)
        .send()
        .await
        .map_err(|e| said("reading the ledger", &e))?;
    let items = answer.items();
    if items.is_empty() {
        return Err(format!(
            "the ledger has no interaction {id}: it is still in its queue and was never called, it was forgotten, or its time in the ledger is over"
        ));
    }
    for item in items {
        say(describe(item).trim_end());
    }
    Ok(())
}

/// The attributes that mean something to a person, in the order in which they come about.
const SHOWN: &[&str] = &[
    "platform",
    "contact_id",
    "thread_id",
    "sent_at",
    "received_at",
    "queued_at",
    "first_call_at",
    "not_before",
    "lease_until",
    "done_at",
    "parked_at",
    "attempts",
    "redrives",
    "reason",
    "decision",
    "task_id",
    "ticket",
    "ingest_ms",
    "latency_ms",
    "wait_limiter_ms",
    "wait_retry_ms",
    "wait_dlq_ms",
    "possible_duplicate",
    "duplicates",
];

fn describe(item: &Item) -> String {
    use std::fmt::Write as _;
    let stage = text(item.get("sk"));
    let mut out = format!("{stage}: {}\n", text(item.get("state")));
    for &name in SHOWN {
        if let Some(value) = item.get(name) {
            let shown = if name.ends_with("_at") || matches!(name, "not_before" | "lease_until") {
                instant(value)
            } else {
                text(Some(value))
            };
            let _ = writeln!(out, "  {name:<18} {shown}");
        }
    }
    if let Some(AttributeValue::L(history)) = item.get("history") {
        out.push_str("  history\n");
        for entry in history {
            if let AttributeValue::M(entry) = entry {
                let _ = writeln!(
                    out,
                    "    {}  {:<10} {}",
                    entry.get("at").map_or_else(String::new, instant),
                    text(entry.get("what")),
                    text(entry.get("reason")),
                );
            }
        }
    }
    out
}

fn instant(value: &AttributeValue) -> String {
    value
        .as_n()
        .ok()
        .and_then(|n| n.parse().ok())
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| text(Some(value)), |at| format!("{at:.3}"))
}

fn text(value: Option<&AttributeValue>) -> String {
    match value {
        Some(AttributeValue::S(s) | AttributeValue::N(s)) => s.clone(),
        Some(AttributeValue::Bool(b)) => b.to_string(),
        Some(AttributeValue::L(list)) => {
            let parts: Vec<_> = list.iter().map(|v| text(Some(v))).collect();
            parts.join(", ")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_shown_with_its_history_in_order() {
        let n = |n: &str| AttributeValue::N(n.into());
        let s = |s: &str| AttributeValue::S(s.into());
        let entry = AttributeValue::M(HashMap::from([
            ("at".into(), n("1795340880000")),
            ("what".into(), s("called")),
            (
                "reason".into(),
                s("POST /api/v2/routing/tasks answered 503"),
            ),
        ]));
        let item = HashMap::from([
            ("sk".into(), s("routing")),
            ("state".into(), s("WAITING")),
            ("attempts".into(), n("1")),
            ("received_at".into(), n("1795340880000")),
            ("history".into(), AttributeValue::L(vec![entry])),
        ]);
        let shown = describe(&item);
        assert!(
            shown.starts_with("routing: WAITING\n  received_at        2026-"),
            "{shown}"
        );
        assert!(
            shown.ends_with("called     POST /api/v2/routing/tasks answered 503\n"),
            "{shown}"
        );
    }
}
