//! No customer's words, name or handle in a log, a metric or a dead-letter attribute, whatever goes
//! wrong on the way.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::MessageSystemAttributeName;
use e2e::payload;
use e2e::stack::{SOON, Stack};
use futures::future::join_all;
use reqwest::StatusCode;
use sandbox::{Action, Faults};
use serde_json::{Value, json};

/// What a customer's texts are marked with: each must reach CXone and none a log.
const MARKS: [&str; 6] = [
    "xylofwords",
    "Zebedee Quillfeather",
    "zquill_handle",
    "avatarmark",
    "attachmark",
    "mimemark",
];

/// An interaction that carries every mark.
fn marked(contact: &str) -> Value {
    let mut body = payload::webhook("xylofwords: my order is horrible \u{1F621} xylofwords");
    body["contact_id"] = json!(contact);
    body["social_profile"] = json!({
        "platform": "facebook",
        "user_id": "zquill_handle",
        "display_name": "Zebedee Quillfeather",
        "avatar_url": "https://example.com/avatarmark.png",
    });
    body["messages"][0]["from_id"] = json!("zquill_handle");
    body["media_attachments"] = json!([
        {"url": "https://example.com/attachmark.png", "media_type": "image/mimemark", "size_bytes": 1}
    ]);
    body
}

/// What is found of the marks, however they are written.
fn found<'a>(texts: impl IntoIterator<Item = &'a String>) -> BTreeSet<(&'static str, String)> {
    let mut found = BTreeSet::new();
    for text in texts {
        let lower = text.to_lowercase();
        for mark in MARKS {
            let parts = mark.split(' ').map(str::to_lowercase);
            if parts.into_iter().any(|part| lower.contains(&part)) {
                found.insert((mark, text.clone()));
            }
        }
    }
    found
}

/// Bodies that ingest must refuse, with marks in all the places where a careless error would
/// repeat them.
fn refused() -> Vec<String> {
    let mut bodies = vec![
        "xylofwords Zebedee Quillfeather".to_owned(),
        "{\"contact_id\": \"zquill_handle\", xylofwords".to_owned(),
        json!(["xylofwords"]).to_string(),
    ];
    let changes: [(&str, Value); 8] = [
        ("/messages/0/timestamp", json!("xylofwords")),
        ("/messages/0/text", json!({"xylofwords": "xylofwords"})),
        ("/messages/0/text", json!("")),
        ("/event_timestamp", json!("Zebedee Quillfeather")),
        (
            "/social_profile/display_name",
            json!(["Zebedee Quillfeather"]),
        ),
        ("/social_profile", json!("zquill_handle")),
        ("/media_attachments/0/size_bytes", json!("attachmark")),
        ("/media_attachments/0/size_bytes", json!(-1)),
    ];
    for (pointer, value) in changes {
        let mut body = marked("social_refused");
        *body.pointer_mut(pointer).unwrap() = value;
        bodies.push(body.to_string());
    }
    bodies
}

/// The attributes, not the bodies, of all messages in a queue.
async fn attributes(stack: &Stack, queue: &str) -> Vec<String> {
    let received = stack
        .sqs
        .receive_message()
        .queue_url(stack.deployment.physical(queue))
        .max_number_of_messages(10)
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await
        .unwrap();
    let of = |message: &aws_sdk_sqs::types::Message| {
        format!(
            "{:?} {:?}",
            message.attributes(),
            message.message_attributes()
        )
    };
    received.messages().iter().map(of).collect()
}

async fn disable(stack: &Stack, trigger: &str) {
    let lambda = aws_sdk_lambda::Client::new(&stack.deployment.sdk);
    let update = lambda
        .update_event_source_mapping()
        .uuid(stack.deployment.physical(trigger));
    update.enabled(false).send().await.unwrap();
}

#[tokio::test]
async fn marked_names_and_words_are_in_no_log_metric_or_dead_letter_attribute() {
    let stack = Stack::with(&[
        ("LogLevel", "debug"),
        ("BackoffCapSeconds", "1"),
        ("BreakerFailures", "10"),
        ("MaxAttempts", "100"),
    ])
    .await;
    // What reaches the dead-letter queues stays there, to be looked at.
    disable(&stack, "RedriveRoutingTrigger").await;
    disable(&stack, "RedriveTicketingTrigger").await;
    let answer = |status| Action::Answer {
        status,
        retry_after: None,
    };
    let cxone = Faults::none()
        .poison(400, ["social_parked"])
        .poison(403, ["social_forbidden"])
        .poison(500, ["social_dead"])
        .next([answer(503), Action::Reset, Action::Malformed]);
    let ticketing = Faults::none()
        .poison(422, ["social_unticketed"])
        .poison(500, ["social_unsynced"]);
    stack.sandbox.fault("cxone.tasks", cxone);
    stack.sandbox.fault("ticketing.sync", ticketing);

    let done = stack.accept(&marked("social_done")).await;
    for contact in ["parked", "forbidden", "dead", "unticketed", "unsynced"] {
        stack.accept(&marked(&format!("social_{contact}"))).await;
    }
    for body in refused() {
        let refusal = stack.post(body.as_bytes()).await;
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST, "{body}");
        let text = refusal.text().await.unwrap();
        assert_eq!(found([&text]), BTreeSet::new());
    }
    for queue in ["RoutingQueue", "TicketingQueue"] {
        stack.send(queue, "xylofwords", &[]).await;
        let envelope =
            json!({"v": 1, "interaction": {"contact_id": ["zquill_handle"]}, "routed": null});
        stack.send(queue, &envelope.to_string(), &[]).await;
    }

    stack.reaches(&done, "ticketing", "SYNCED").await;
    let parked = stack.until(
        "what is refused and what is broken to be parked",
        SOON,
        async || {
            let mut items = stack.items("interaction#").await;
            items.retain(|item| item["state"] == "PARKED");
            (items.len() == 7).then_some(items)
        },
    );
    let parked = parked.await;
    let mut dead = Vec::new();
    for queue in ["RoutingDeadLetterQueue", "TicketingDeadLetterQueue"] {
        let arrived = async || (stack.depth(queue).await.0 > 0).then_some(());
        stack.until("a dead letter", SOON * 3, arrived).await;
        dead.extend(attributes(&stack, queue).await);
    }

    // The search would find something: the marks went all the way, and the logs are there.
    let task = stack
        .sandbox
        .tasks()
        .into_iter()
        .find(|task| task.idempotency_key.as_ref() == Some(&done));
    let task = task.unwrap().body.to_string();
    let there: BTreeSet<_> = found([&task]).into_iter().map(|(mark, _)| mark).collect();
    let expected: BTreeSet<_> = MARKS
        .into_iter()
        .filter(|mark| *mark != "avatarmark")
        .collect();
    assert_eq!(there, expected);
    let logs = stack.all_logs().await;
    for function in ["IngestFunction", "RouteFunction", "TicketSyncFunction"] {
        let lines = stack.logs(function).await;
        assert!(
            lines.iter().any(|line| line.contains(&done)),
            "{function} logged nothing of {done}"
        );
    }
    assert!(
        logs.iter()
            .any(|line| line.contains("_aws") && line.contains("Parked"))
    );
    assert!(
        logs.iter()
            .any(|line| line.contains("_aws") && line.contains("Latency"))
    );
    assert_eq!(dead.len(), 2);
    assert!(
        dead.iter()
            .all(|attributes| attributes.contains("ApproximateReceiveCount"))
    );

    let reasons = parked
        .iter()
        .map(|item| item["reason"].to_string())
        .collect::<Vec<_>>();
    assert_eq!(found(&logs), BTreeSet::new());
    assert_eq!(found(&dead), BTreeSet::new());
    assert_eq!(found(&reasons), BTreeSet::new());
}

#[tokio::test]
async fn an_interactions_logs_and_metrics_are_well_under_a_kilobyte() {
    const INTERACTIONS: usize = 50;
    let stack = Stack::start().await;
    let bodies: Vec<_> = (0..INTERACTIONS)
        .map(|_| payload::webhook(payload::NEUTRAL))
        .collect();
    join_all(bodies.iter().map(|body| stack.accept(body))).await;
    stack.drained(SOON).await;
    let lines = stack.until("all to be counted", SOON, async || {
        let lines = stack.logs("CountSlaFunction").await;
        let synced = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let synced = synced.filter(|line| line["Operation"] == "ticket_sync");
        let values = |line: Value| line["Latency"].as_array().map_or(1, Vec::len);
        (synced.map(values).sum::<usize>() == INTERACTIONS).then_some(lines)
    });
    let mut lines = lines.await;
    for function in ["IngestFunction", "RouteFunction", "TicketSyncFunction"] {
        lines.extend(stack.logs(function).await);
    }
    // Lambda's own START, END and REPORT are switched off on AWS.
    let bytes: usize = lines
        .iter()
        .filter(|line| line.starts_with('{'))
        .map(String::len)
        .sum();
    println!("{} bytes an interaction", bytes / INTERACTIONS);
    assert!(bytes / INTERACTIONS < 900, "{}", bytes / INTERACTIONS);
}
