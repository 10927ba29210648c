//! CXone does the work and its answer is lost on the way.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::stack::Stack;
use sandbox::Faults;
use serde_json::Value;

use crate::many;

const A_LITTLE_BATCH: usize = 200;

async fn with_answers_lost(honour_idempotency_key: bool) -> (Stack, Vec<String>) {
    let settings = sandbox::Settings {
        honour_idempotency_key,
        ..sandbox::Settings::default()
    };
    let stack = Stack::with_sandbox(&[("BreakerProbeSeconds", "1")], settings).await;
    stack
        .sandbox
        .fault("cxone.tasks", Faults::none().answer_lost(0.1));
    let ids = many::accept_all(&stack, &many::webhooks(A_LITTLE_BATCH)).await;
    many::all_have_tasks(&stack, &ids, Duration::from_secs(60)).await;
    stack.drained(Duration::from_secs(90)).await;
    (stack, ids)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_cxone_honours_the_key_none_is_lost_and_none_is_made_twice() {
    let (stack, ids) = with_answers_lost(true).await;
    many::each_is_routed_once(&stack, &ids).await;
    assert!(
        stack.sandbox.calls("cxone.tasks").len() > ids.len(),
        "no answer was lost"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_does_not_every_possible_duplicate_is_counted_and_reported() {
    let (stack, ids) = with_answers_lost(false).await;
    let items = many::ledger(&stack, "routing").await;
    assert!(ids.iter().all(|id| items[id]["state"] == "ROUTED"));
    let twice = stack.sandbox.duplicates();
    assert!(!twice.is_empty(), "no answer was lost");
    let reported: BTreeSet<&str> = items
        .iter()
        .filter(|(_, item)| item["possible_duplicate"] == true)
        .map(|(id, _)| id.as_str())
        .collect();
    let doubled: BTreeSet<&str> = twice
        .iter()
        .map(|duplicate| duplicate.interaction_id.as_deref().unwrap())
        .collect();
    assert_eq!(doubled, reported);
    let lines = stack.logs("RouteFunction").await;
    let warned = lines
        .iter()
        .filter(|line| line.contains("possible duplicate"))
        .count();
    assert_eq!(warned, reported.len());
    let counted: u64 = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| line["PossibleDuplicates"].as_u64())
        .sum();
    assert_eq!(counted, reported.len() as u64);
}
