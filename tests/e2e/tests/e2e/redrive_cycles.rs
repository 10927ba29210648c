//! Through the dead-letter queue and back.

use std::time::Duration;

use e2e::payload;
use e2e::stack::{SOON, Stack};
use sandbox::Faults;
use serde_json::{Value, json};

use crate::many;

#[tokio::test]
async fn in_five_cycles_each_call_is_counted_once_and_then_the_redrives_are_spent() {
    let parameters = [("MaxAttempts", "100"), ("BackoffCapSeconds", "1")];
    let stack = Stack::with(&parameters).await;
    tokio::join!(
        spends_its_redrives(&stack, "routing", "cxone.tasks"),
        spends_its_redrives(&stack, "ticketing", "ticketing.sync"),
    );
    stack.drained(SOON).await;
}

/// Has an interaction fail at an endpoint until it is parked, and sends it back once it works.
async fn spends_its_redrives(stack: &Stack, stage: &str, endpoint: &str) {
    let poison = payload::webhook("Nobody can stomach me.");
    let contact = poison["contact_id"].as_str().unwrap();
    stack
        .sandbox
        .fault(endpoint, Faults::none().poison(500, [contact]));
    let id = stack.accept(&poison).await;
    let parked = many::is_parked(stack, &id, stage, Duration::from_secs(300)).await;
    let reason = parked["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("5 redrives spent; the last: "),
        "{reason}"
    );
    assert!(reason.contains("answered 500"), "{reason}");
    assert_eq!(parked["redrives"], 5);
    let calls = stack.sandbox.calls(endpoint).into_iter();
    let calls = calls
        .filter(|call| call.idempotency_key.as_ref() == Some(&id))
        .count();
    assert_eq!(parked["attempts"], calls, "the ledger counts calls");
    assert!(calls > 5 * 5, "{calls} calls in six rounds of ten receives");
    assert!(parked["wait_dlq_ms"].as_i64().unwrap() >= 1_000 + 2_000 + 4_000 + 8_000 + 15_000);

    stack.sandbox.fault(endpoint, Faults::none());
    many::send_back(stack, stage, 1).await;
    stack.reaches(&id, "ticketing", "SYNCED").await;
}

/// A message as `ingest` would have sent it.
fn message(number: usize) -> (String, String) {
    let id = format!("dead-letter-{number}");
    let mut interaction = payload::webhook("Where is my order?");
    interaction["interaction_id"] = json!(id);
    interaction["received_at"] = json!(runtime::clock::now().to_string());
    let body = json!({"v": 1, "interaction": interaction, "routed": null});
    (id, body.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_everything_in_the_dead_letter_queue_an_open_breaker_still_gets_its_probe() {
    let stack = Stack::with(&[("BreakerProbeSeconds", "2")]).await;
    stack.sandbox.fault(
        "cxone.tasks",
        Faults::none().poison(403, ["opens-1", "opens-2", "opens-3"]),
    );
    // Three that are refused for good, so that nothing is left in the queue once it is open.
    for number in 1..=3 {
        let (_, body) = message(number);
        let body = body.replace(&format!("dead-letter-{number}"), &format!("opens-{number}"));
        stack.send("RoutingQueue", &body, &[]).await;
    }
    let open = async || {
        let gate = stack.item("upstream#cxone", "state").await?;
        gate["breaker"].get("open").cloned()
    };
    stack.until("the breaker to open", SOON, open).await;
    let before = stack.sandbox.calls("cxone.tasks").len();
    stack
        .sandbox
        .fault("cxone.tasks", Faults::none().outage(12_000));
    let messages: Vec<_> = (10..30).map(message).collect();
    for (_, body) in &messages {
        stack.send("RoutingDeadLetterQueue", body, &[]).await;
    }
    let ids: Vec<String> = messages.into_iter().map(|(id, _)| id).collect();
    many::all_have_tasks(&stack, &ids, Duration::from_secs(120)).await;
    stack.drained(SOON).await;

    let calls = stack.sandbox.calls("cxone.tasks");
    let in_vain = calls[before..]
        .iter()
        .filter(|call| call.fault.is_some())
        .count();
    assert!(
        (1..=4).contains(&in_vain),
        "{in_vain} calls while it was open"
    );
    let items = many::ledger(&stack, "routing").await;
    let attempts: u64 = ids
        .iter()
        .map(|id| items[id]["attempts"].as_u64().unwrap())
        .sum();
    assert_eq!(
        attempts,
        20 + in_vain as u64,
        "what only waited has lost no attempt"
    );
    assert!(
        ids.iter()
            .any(|id| items[id]["wait_dlq_ms"].as_i64() > Some(0))
    );
}

#[tokio::test]
async fn dead_letters_on_the_way_to_ticketing_are_sent_back_and_synced_once() {
    let stack = Stack::start().await;
    let routed = json!({
        "task_id": "task-1", "skills": ["social-support"], "sentiment_polarity": "0.0000", "rule": "neutral",
    });
    let mut ids = Vec::new();
    for number in 0..12 {
        let (id, body) = message(number);
        let mut body: Value = serde_json::from_str(&body).unwrap();
        body["routed"] = routed.clone();
        // A second copy, as a crash between sending back and deleting leaves it.
        for _ in 0..=number % 2 {
            let body = body.to_string();
            stack.send("TicketingDeadLetterQueue", &body, &[]).await;
        }
        ids.push(id);
    }
    for id in &ids {
        let item = stack.reaches(id, "ticketing", "SYNCED").await;
        assert_eq!(item["redrives"], 1);
        assert_eq!(item["attempts"], 1);
        assert!(item["wait_dlq_ms"].as_i64() > Some(0));
    }
    stack.drained(SOON).await;
    assert_eq!(stack.sandbox.calls("ticketing.sync").len(), 12);
    assert_eq!(stack.sandbox.tickets().len(), 12);
}

#[tokio::test]
async fn a_dead_letter_of_a_routed_interaction_still_brings_its_ticket() {
    let stack = Stack::start().await;
    let (id, body) = message(1);
    stack.send("RoutingQueue", &body, &[]).await;
    stack.reaches(&id, "ticketing", "SYNCED").await;
    let syncs = stack.sandbox.calls("ticketing.sync").len();
    for _ in 0..2 {
        stack.send("RoutingDeadLetterQueue", &body, &[]).await;
    }
    stack.drained(SOON).await;
    assert_eq!(stack.sandbox.tasks().len(), 1);
    assert_eq!(
        stack.sandbox.calls("ticketing.sync").len(),
        syncs,
        "the ledger absorbs the repeat"
    );
}
