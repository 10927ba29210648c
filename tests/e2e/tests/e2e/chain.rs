//! From the webhook to the task, the ticket and the ledger.

use e2e::payload::{self, NEUTRAL};
use e2e::stack::{SOON, Stack};
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// What the tutorial's simulator sends.
fn tutorial_payload() -> Value {
    json!({
        "contact_id": "social_3f2a9c1d7e04",
        "thread_id": "thread_8b1e0f5a2c77",
        "social_profile": {
            "platform": "facebook",
            "user_id": "fb_user_98765",
            "display_name": "Test Customer",
            "avatar_url": "https://example.com/avatar.png"
        },
        "messages": [{"text": NEUTRAL, "from_id": "fb_user_98765", "timestamp": "2026-11-22T09:48:00"}],
        "media_attachments": [{"url": "https://example.com/image.png", "media_type": "image/png", "size_bytes": 24500}],
        "event_timestamp": "2026-11-22T09:48:00"
    })
}

#[tokio::test]
async fn the_tutorials_payload_becomes_one_task_one_ticket_and_one_ledger_item_a_stage() {
    let stack = Stack::start().await;
    let secret = format!("{}/social/facebook", stack.deployment.stack);
    let value = json!({"access_token": "a token that no task may carry"}).to_string();
    let made = stack
        .secrets
        .create_secret()
        .name(secret)
        .secret_string(value)
        .send()
        .await
        .unwrap();
    let token_version = &made.version_id().unwrap()[..8];

    let id = stack.accept(&tutorial_payload()).await;
    let routed = stack.reaches(&id, "routing", "ROUTED").await;
    stack.reaches(&id, "ticketing", "SYNCED").await;

    let tasks = stack.sandbox.tasks();
    assert_eq!(tasks.len(), 1);
    let task = &tasks[0];
    assert_eq!(task.idempotency_key.as_ref(), Some(&id));
    assert_eq!(routed["task_id"], task.id.as_str());
    assert_eq!(task.body["type"], "social");
    assert_eq!(task.body["priority"], 5);
    let routing =
        json!({"routingType": "skills", "routingSkills": ["social-support", "sentiment-neutral"]});
    assert_eq!(task.body["routingData"], routing);
    let social = json!({
        "contactId": "social_3f2a9c1d7e04",
        "socialProfile": {"id": "fb_user_98765", "name": "Test Customer", "platform": "facebook"},
        "messages": [{"text": NEUTRAL, "from": "fb_user_98765", "timestamp": "2026-11-22T09:48:00Z"}],
        "mediaAttachments": [{"url": "https://example.com/image.png", "mediaType": "image/png", "size": 24500}]
    });
    assert_eq!(task.body["socialData"], social);
    assert_eq!(
        task.body["customAttributes"]["sentiment_polarity"],
        "0.0000"
    );
    assert_eq!(
        task.body["customAttributes"]["platform_token_version"],
        token_version
    );

    let tickets = stack.sandbox.tickets();
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0].messages, [NEUTRAL]);
    assert_eq!(tickets[0].interaction_ids, [id.as_str()]);
    assert_eq!(tickets[0].task_ids, [task.id.as_str()]);
    assert_eq!(tickets[0].syncs, 1);

    let items = stack.items("interaction#").await;
    let mut keys: Vec<_> = items
        .iter()
        .map(|item| (item["pk"].as_str().unwrap(), item["sk"].as_str().unwrap()))
        .collect();
    keys.sort_unstable();
    let pk = format!("interaction#{id}");
    assert_eq!(keys, [(pk.as_str(), "routing"), (pk.as_str(), "ticketing")]);

    // The SLA's hour items, one an operation.
    let counted = stack.until("the SLA to be counted", SOON, async || {
        let items = stack.items("sla#facebook#").await;
        (items.len() == 3).then_some(items)
    });
    let mut operations: Vec<_> = counted
        .await
        .iter()
        .map(|item| item["pk"].as_str().unwrap().to_owned())
        .collect();
    operations.sort_unstable();
    assert_eq!(
        operations,
        [
            "sla#facebook#ingest",
            "sla#facebook#social_routing",
            "sla#facebook#ticket_sync"
        ]
    );
    stack.drained(SOON).await;
}

#[tokio::test]
async fn the_sentiment_of_the_customers_latest_message_picks_the_skills() {
    let stack = Stack::start().await;
    let cases = [
        (
            "This is horrible, I hate it!",
            ["social-escalation", "sentiment-negative"],
        ),
        (
            "I love it, this is wonderful!",
            ["social-support", "sentiment-positive"],
        ),
        (NEUTRAL, ["social-support", "sentiment-neutral"]),
    ];
    for (text, skills) in cases {
        let id = stack.accept(&payload::webhook(text)).await;
        stack.reaches(&id, "routing", "ROUTED").await;
        let tasks = stack.sandbox.tasks();
        let task = tasks
            .iter()
            .find(|task| task.idempotency_key.as_ref() == Some(&id))
            .unwrap();
        assert_eq!(task.skills, skills, "{text}");
    }
}

#[tokio::test]
async fn ten_at_once_become_ten_tasks_and_ten_tickets() {
    let stack = Stack::start().await;
    let bodies: Vec<_> = (0..10)
        .map(|number| payload::webhook(&format!("Where is my order {number}?")))
        .collect();
    let mut ids = join_all(bodies.iter().map(|body| stack.accept(body))).await;
    for id in &ids {
        stack.reaches(id, "routing", "ROUTED").await;
        stack.reaches(id, "ticketing", "SYNCED").await;
    }
    let mut keys: Vec<_> = stack
        .sandbox
        .tasks()
        .into_iter()
        .filter_map(|task| task.idempotency_key)
        .collect();
    keys.sort_unstable();
    ids.sort_unstable();
    assert_eq!(keys, ids);
    assert_eq!(stack.sandbox.tickets().len(), 10);
}

#[tokio::test]
async fn a_second_delivery_of_an_interaction_makes_no_second_task_or_ticket() {
    let stack = Stack::start().await;
    let body = payload::webhook(NEUTRAL);
    let first = stack.accept(&body).await;
    stack.reaches(&first, "ticketing", "SYNCED").await;
    let second = stack.accept(&body).await;
    assert_eq!(first, second);
    stack.drained(SOON).await;
    assert_eq!(stack.sandbox.tasks().len(), 1);
    assert_eq!(stack.sandbox.calls("cxone.tasks").len(), 1);
    assert_eq!(stack.sandbox.calls("ticketing.sync").len(), 1);
    assert_eq!(stack.items("interaction#").await.len(), 2);
}

#[tokio::test]
async fn a_malformed_webhook_is_refused_with_the_fields_path_and_goes_nowhere() {
    let stack = Stack::start().await;
    let mut body = payload::webhook(NEUTRAL);
    body["messages"][0]["timestamp"] = json!("the day before yesterday");
    let answer = stack.post(body.to_string().as_bytes()).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem = answer.text().await.unwrap();
    assert!(problem.contains("messages[0].timestamp"), "{problem}");
    assert!(!problem.contains("yesterday"), "{problem}");
    assert_eq!(stack.depth("RoutingQueue").await, (0, 0, 0));
}

#[tokio::test]
async fn a_malformed_queue_message_is_parked_and_its_neighbour_is_routed() {
    let stack = Stack::start().await;
    stack
        .send(
            "RoutingQueue",
            r#"{"v":1,"interaction":{"contact_id":7}}"#,
            &[],
        )
        .await;
    let id = stack.accept(&payload::webhook(NEUTRAL)).await;
    stack.reaches(&id, "routing", "ROUTED").await;
    let parked = stack.until("the malformed message to be parked", SOON, async || {
        stack
            .items("interaction#")
            .await
            .into_iter()
            .find(|item| item["state"] == "PARKED")
    });
    assert_eq!(parked.await["parked_stage"], "routing");
    stack.drained(SOON).await;
}
