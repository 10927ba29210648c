//! Erasing a contact, as a person may ask for it by law.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use runtime::output::say;

use crate::Outcome;
use crate::target::{Target, said};

/// Deletes every ledger item of the contact, parked ones with their bodies included.
///
/// It scans the table: the ledger has no index by contact, since this is asked for rarely. What is
/// still in a queue is not found; the count of what is in flight is printed so that one can ask
/// again later.
pub async fn run(target: &Target, contact_id: &str) -> Outcome<()> {
    let table = target.table()?;
    let mut pages = target
        .dynamodb
        .scan()
        .table_name(table)
        .filter_expression("contact_id = :contact")
        .expression_attribute_values(":contact", AttributeValue::S(contact_id.into()))
        .projection_expression("pk, sk, #state, thread_id")
        .expression_attribute_names("#state", "state")
        .into_paginator()
        .items()
        .send();
    let mut found = Vec::new();
    while let Some(item) = pages.next().await {
        found.push(item.map_err(|e| said("searching the ledger", &e))?);
    }
    let (open, done): (Vec<_>, Vec<_>) = found.into_iter().partition(is_open);
    for item in &done {
        delete(target, table, &item["pk"], &item["sk"]).await?;
        if let Some(thread) = item.get("thread_id").and_then(|t| t.as_s().ok()) {
            let pk = AttributeValue::S(format!("thread#{thread}"));
            delete(target, table, &pk, &AttributeValue::S("thread".into())).await?;
        }
    }
    say(format_args!("{} ledger items erased", done.len()));
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "{} items are still being delivered and were left alone: ask again once they are routed or parked",
            open.len()
        ))
    }
}

/// An item in delivery must not vanish: its message would be taken for a new one and routed twice.
fn is_open(item: &HashMap<String, AttributeValue>) -> bool {
    let state = item.get("state").and_then(|s| s.as_s().ok());
    matches!(state.map(String::as_str), Some("CALLING" | "WAITING"))
}

async fn delete(
    target: &Target,
    table: &str,
    pk: &AttributeValue,
    sk: &AttributeValue,
) -> Outcome<()> {
    target
        .dynamodb
        .delete_item()
        .table_name(table)
        .key("pk", pk.clone())
        .key("sk", sk.clone())
        .send()
        .await
        .map_err(|e| said("erasing a ledger item", &e))?;
    Ok(())
}
