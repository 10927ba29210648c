//! CXone fails and limits at random; everything is routed once all the same.

use std::time::Duration;

use e2e::payload;
use e2e::stack::{SOON, Stack};
use sandbox::{Faults, RetryAfter};
use serde_json::Value;

use crate::many;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_interactions_at_20_percent_503_and_10_percent_429_are_routed_once_each() {
    let stack = Stack::with(&[("BreakerProbeSeconds", "1")]).await;
    let faults = Faults::none()
        .server_error(0.2, 503)
        .rate_limited(0.1, RetryAfter::Seconds(1));
    stack.sandbox.fault("cxone.tasks", faults);
    let ids = many::accept_all(&stack, &many::webhooks(1_000)).await;
    many::all_have_tasks(&stack, &ids, Duration::from_secs(240)).await;
    stack.drained(Duration::from_secs(60)).await;

    many::each_is_routed_once(&stack, &ids).await;
    assert_eq!(many::parked(&stack, "routing").await, []);
    let summary = &stack.sandbox.summary().endpoints["cxone.tasks"];
    assert_eq!(summary.early_calls, 0, "a call came before its Retry-After");
    assert!(summary.faults["server_error"] > 150, "{:?}", summary.faults);
    assert!(summary.faults["rate_limited"] > 70, "{:?}", summary.faults);
    eprintln!(
        "{} calls made 1,000 tasks: {:?}",
        summary.calls, summary.faults
    );
}

#[tokio::test]
async fn a_retry_after_as_a_date_is_kept_and_both_attempts_stand_in_the_history() {
    let stack = Stack::start().await;
    let limited = sandbox::Action::Answer {
        status: 429,
        retry_after: Some(RetryAfter::DateInSeconds(3)),
    };
    stack
        .sandbox
        .fault("cxone.tasks", Faults::none().next([limited]));
    let id = stack.accept(&payload::webhook("Where is my order?")).await;
    let item = stack.reaches(&id, "routing", "ROUTED").await;
    let calls = stack.sandbox.calls("cxone.tasks");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].early_by_ms, None);
    assert!(calls[1].at_ms - calls[0].at_ms >= 2_000);
    assert_eq!(item["attempts"], 2);
    assert!(item["wait_retry_ms"].as_i64().unwrap() >= 2_000);
    let waited = &item["history"][0];
    assert_eq!(waited["what"], "waiting");
    let reason = waited["reason"].as_str().unwrap();
    assert!(reason.contains("429"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_webhook_delivered_three_times_out_of_order_makes_one_task() {
    let stack = Stack::start().await;
    let bodies = many::webhooks(100);
    let mut deliveries: Vec<Value> = bodies.iter().cycle().take(300).cloned().collect();
    fastrand::shuffle(&mut deliveries);
    let mut ids = many::accept_all(&stack, &deliveries).await;
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 100);
    many::all_have_tasks(&stack, &ids, Duration::from_secs(60)).await;
    stack.drained(SOON).await;
    many::each_is_routed_once(&stack, &ids).await;
    assert_eq!(stack.sandbox.calls("cxone.tasks").len(), 100);
    assert_eq!(stack.sandbox.calls("ticketing.sync").len(), 100);
}

#[tokio::test]
async fn the_same_identity_with_other_content_is_parked_beside_the_first() {
    let stack = Stack::start().await;
    let body = payload::webhook("Where is my order?");
    let other = payload::reply(&body, "Never mind.");
    let envelope = |payload: &Value| {
        let mut interaction = payload.clone();
        interaction["interaction_id"] = "evt_1".into();
        interaction["received_at"] = runtime::clock::now().to_string().into();
        serde_json::json!({"v": 1, "interaction": interaction, "routed": null}).to_string()
    };
    stack.send("RoutingQueue", &envelope(&body), &[]).await;
    let first = stack.reaches("evt_1", "routing", "ROUTED").await;
    stack.send("RoutingQueue", &envelope(&other), &[]).await;
    let parked = stack.until("the conflict to be parked", SOON, async || {
        many::parked(&stack, "routing").await.pop()
    });
    let (pk, reason) = parked.await;
    assert_eq!(pk, "interaction#evt_1");
    assert!(reason.contains("conflict"), "{reason}");
    assert_eq!(
        stack.ledger("evt_1", "routing").await.unwrap(),
        first,
        "the first is as it was"
    );

    // Sent back, it is an interaction of its own.
    many::send_back(&stack, "routing", 1).await;
    stack
        .until("the second task", SOON, async || {
            (stack.sandbox.tasks().len() == 2).then_some(())
        })
        .await;
    stack.drained(SOON).await;
    assert_eq!(many::parked(&stack, "routing").await, []);
}
