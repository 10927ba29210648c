//! Many interactions at once, for the scenarios of delivery.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use delivery::parked;
use e2e::payload;
use e2e::stack::Stack;
use futures::stream::{self, StreamExt as _};
use serde_json::Value;

/// Bodies of so many interactions of their own.
pub fn webhooks(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| payload::webhook(&format!("Where is my order {number}?")))
        .collect()
}

/// Posts bodies, twenty at a time, and returns their interactions' ids in order.
pub async fn accept_all(stack: &Stack, bodies: &[Value]) -> Vec<String> {
    stream::iter(bodies)
        .map(|body| stack.accept(body))
        .buffered(20)
        .collect()
        .await
}

/// Waits until the sandbox has a task for each of these interactions.
pub async fn all_have_tasks(stack: &Stack, ids: &[String], within: Duration) {
    let wanted: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let what = format!("{} interactions to have their tasks", wanted.len());
    stack
        .until(&what, within, async || {
            let tasks = stack.sandbox.tasks();
            let made: BTreeSet<&str> = tasks
                .iter()
                .filter_map(|task| task.idempotency_key.as_deref())
                .collect();
            wanted.is_subset(&made).then_some(())
        })
        .await;
}

/// The ledger's items of a stage, by interaction.
pub async fn ledger(stack: &Stack, stage: &str) -> HashMap<String, Value> {
    let items = stack.items("interaction#").await.into_iter();
    items
        .filter(|item| item["sk"] == stage)
        .map(|item| {
            (
                item["pk"].as_str().unwrap()["interaction#".len()..].to_owned(),
                item,
            )
        })
        .collect()
}

/// Asserts that each interaction is routed, that its item names its task, and that no interaction
/// has a second one.
pub async fn each_is_routed_once(stack: &Stack, ids: &[String]) {
    let tasks = stack.sandbox.tasks();
    let mut by_interaction: HashMap<&str, Vec<&str>> = HashMap::new();
    for task in &tasks {
        let key = task
            .idempotency_key
            .as_deref()
            .expect("every task call carries its key");
        by_interaction.entry(key).or_default().push(&task.id);
    }
    let items = ledger(stack, "routing").await;
    for id in ids {
        assert_eq!(
            by_interaction[id.as_str()].len(),
            1,
            "{id} has more than one task"
        );
        assert_eq!(items[id]["state"], "ROUTED", "{id}");
        assert_eq!(items[id]["task_id"], by_interaction[id.as_str()][0], "{id}");
    }
    assert_eq!(
        by_interaction.len(),
        ids.iter().collect::<BTreeSet<_>>().len()
    );
}

/// Waits until an interaction is parked in a stage, and gives its item.
pub async fn is_parked(stack: &Stack, id: &str, stage: &str, within: Duration) -> Value {
    let what = format!("{id} to be parked in {stage}");
    let parked = async || {
        let item = stack.ledger(id, stage).await;
        item.filter(|item| item["state"] == "PARKED")
    };
    stack.until(&what, within, parked).await
}

/// Sends the one parked interaction of a stage back, as an operator does, in so many copies.
pub async fn send_back(stack: &Stack, stage: &str, copies: usize) {
    let table = stack.table();
    let list = parked::list(&stack.dynamo, table, stage).await.unwrap();
    let [entry] = &list[..] else {
        panic!("one is parked, not {}", list.len())
    };
    let queue = match stage {
        "routing" => "RoutingQueue",
        _ => "TicketingQueue",
    };
    let queue = stack.deployment.physical(queue);
    for copy in 0..copies {
        let sent = parked::send_back(&stack.dynamo, table, &stack.sqs, queue, entry).await;
        let sent = sent.unwrap();
        // By a later one it may be done already.
        assert!(copy > 0 || sent == parked::SentBack::Yes);
    }
}

/// Interactions that are parked in a stage, with their reasons.
pub async fn parked(stack: &Stack, stage: &str) -> Vec<(String, String)> {
    let items = stack.items("interaction#").await.into_iter();
    items
        .filter(|item| item["parked_stage"] == stage)
        .map(|item| {
            (
                item["pk"].as_str().unwrap().to_owned(),
                item["reason"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}
