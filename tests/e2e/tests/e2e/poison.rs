//! One bad message among good ones.

use std::time::Duration;

use e2e::payload;
use e2e::stack::{SOON, Stack};
use sandbox::Faults;

use crate::many;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_request_is_parked_with_its_reason_and_delays_none_of_the_others() {
    let stack = Stack::start().await;
    let poison = payload::webhook("I am the poison.");
    let contact = poison["contact_id"].as_str().unwrap();
    stack
        .sandbox
        .fault("cxone.tasks", Faults::none().poison(422, [contact]));
    let mut bodies = many::webhooks(99);
    bodies.insert(50, poison.clone());
    let mut ids = many::accept_all(&stack, &bodies).await;
    let poisoned = ids.remove(50);
    many::all_have_tasks(&stack, &ids, SOON).await;
    let parked = stack.reaches(&poisoned, "routing", "PARKED").await;
    assert_eq!(parked["status"], 422);
    assert_eq!(parked["attempts"], 1);
    let reason = parked["reason"].as_str().unwrap();
    assert!(
        reason.contains("/api/v2/routing/tasks answered 422"),
        "{reason}"
    );
    assert!(
        parked["body"]
            .as_str()
            .unwrap()
            .contains("I am the poison.")
    );
    stack.drained(SOON).await;
    many::each_is_routed_once(&stack, &ids).await;
    for (id, item) in many::ledger(&stack, "routing").await {
        assert!(
            id == poisoned || item["attempts"] == 1,
            "{id} was called again"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_that_always_gets_500_is_parked_in_the_end_and_keeps_no_other_from_its_call() {
    let parameters = [
        ("MaxAttempts", "5"),
        ("BreakerProbeSeconds", "2"),
        ("BackoffCapSeconds", "1"),
    ];
    let stack = Stack::with(&parameters).await;
    let poison = payload::webhook("CXone can't stomach me.");
    let contact = poison["contact_id"].as_str().unwrap();
    stack
        .sandbox
        .fault("cxone.tasks", Faults::none().poison(500, [contact]));
    let poisoned = stack.accept(&poison).await;
    let ids = many::accept_all(&stack, &many::webhooks(99)).await;
    many::all_have_tasks(&stack, &ids, SOON).await;
    let parked = many::is_parked(&stack, &poisoned, "routing", Duration::from_secs(60)).await;
    assert_eq!(parked["attempts"], 5);
    let reason = parked["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("5 attempts spent; the last: "),
        "{reason}"
    );
    assert!(reason.contains("answered 500"), "{reason}");
    let calls = stack.sandbox.calls("cxone.tasks");
    let of_poison = calls
        .iter()
        .filter(|call| call.idempotency_key.as_ref() == Some(&poisoned));
    assert_eq!(of_poison.count(), 5, "the ledger counts calls");
    assert_eq!(calls.len(), 99 + 5, "no other was called twice or held up");
    stack.drained(SOON).await;

    // CXone has learnt to stomach it; the operator sends it back.
    stack.sandbox.clear_faults();
    many::send_back(&stack, "routing", 2).await;
    let routed = stack.reaches(&poisoned, "routing", "ROUTED").await;
    assert!(routed.get("body").is_none() && routed.get("parked_stage").is_none());
    stack.drained(SOON).await;
    assert_eq!(
        stack.sandbox.calls("cxone.tasks").len(),
        99 + 6,
        "two copies sent back, one call"
    );
}

#[tokio::test]
async fn a_missing_scope_parks_with_the_scopes_name_and_three_of_them_open_the_breaker() {
    let stack = Stack::start().await;
    stack
        .sandbox
        .configure(|settings| settings.scopes.retain(|scope| scope != "task:write"));
    let mut ids = Vec::new();
    for body in many::webhooks(3) {
        ids.push(stack.accept(&body).await);
    }
    for id in &ids {
        let parked = stack.reaches(id, "routing", "PARKED").await;
        assert_eq!(parked["status"], 403);
        assert!(parked["reason"].as_str().unwrap().contains("task:write"));
    }
    let gate = stack.item("upstream#cxone", "state").await.unwrap();
    assert!(gate["breaker"].get("open").is_some(), "{gate}");
    // Held by the breaker, not parked.
    let held = stack.accept(&payload::webhook("Me too.")).await;
    stack
        .sandbox
        .configure(|settings| settings.scopes.push("task:write".to_owned()));
    stack.sandbox.revoke_tokens();
    stack.reaches(&held, "routing", "ROUTED").await;
}

#[tokio::test]
async fn a_body_that_does_not_fit_into_an_item_is_parked_whole_and_can_be_sent_back() {
    let stack = Stack::with(&[("MaxBodyBytes", "327680")]).await;
    let mut body = payload::webhook("The first of many.");
    let text = "A long story. ".repeat(4_430);
    let message = body["messages"][0].clone();
    for _ in 0..5 {
        let mut message = message.clone();
        message["text"] = text.clone().into();
        body["messages"].as_array_mut().unwrap().push(message);
    }
    let contact = body["contact_id"].as_str().unwrap();
    stack
        .sandbox
        .fault("cxone.tasks", Faults::none().poison(422, [contact]));
    let id = stack.accept(&body).await;
    let parked = stack.reaches(&id, "routing", "PARKED").await;
    assert_eq!(parked["body_parts"], 2);
    stack.sandbox.clear_faults();
    many::send_back(&stack, "routing", 1).await;
    stack.reaches(&id, "routing", "ROUTED").await;
    let task = &stack.sandbox.tasks()[0];
    assert_eq!(
        task.body["socialData"]["messages"]
            .as_array()
            .unwrap()
            .len(),
        6
    );
}
