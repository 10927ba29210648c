//! What the functions answer to the queues' triggers, as JSON. Where the answer isn't of the shape
//! that AWS documents, Lambda takes a batch for done, or all of it for failed:
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.

use e2e::payload;
use e2e::stack::Stack;
use runtime::clock;
use sandbox::{Action, Faults, RetryAfter};
use serde_json::{Value, json};

const ALL_DONE: &str = r#"{"batchItemFailures":[]}"#;

/// What routing adds for ticketing.
fn routed() -> Value {
    json!({"task_id": "task-1", "skills": ["social-support"], "sentiment_polarity": "0.0000", "rule": "neutral"})
}

/// The body of a queue's message, and its interaction's id.
fn message(routed: &Value) -> (String, String) {
    envelope(payload::webhook("Where is my order?"), routed)
}

fn envelope(mut interaction: Value, routed: &Value) -> (String, String) {
    let id = format!("int_{}", clock::now().as_nanosecond());
    interaction["interaction_id"] = id.clone().into();
    interaction["received_at"] = clock::now().to_string().into();
    let body = json!({"v": 1, "interaction": interaction, "routed": routed});
    (body.to_string(), id)
}

/// An event with these bodies, whose messages are `message-0`, `message-1` and so on.
fn event(queue_arn: &str, bodies: &[&str]) -> Value {
    let record = |(number, body): (usize, &&str)| {
        json!({
            "messageId": format!("message-{number}"),
            "receiptHandle": "long gone",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": clock::now().as_millisecond().to_string()},
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            "awsRegion": "us-east-1",
        })
    };
    let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
    json!({"Records": records})
}

async fn arn(stack: &Stack, queue: &str) -> String {
    let name = aws_sdk_sqs::types::QueueAttributeName::QueueArn;
    let get = stack.sqs.get_queue_attributes();
    let get = get.queue_url(stack.deployment.physical(queue));
    let got = get.attribute_names(name.clone()).send().await.unwrap();
    got.attributes.unwrap()[&name].clone()
}

#[tokio::test]
async fn each_function_names_the_failed_messages_of_a_batch_and_only_those() {
    let stack = Stack::start().await;
    let later = Action::Answer {
        status: 429,
        retry_after: Some(RetryAfter::Seconds(600)),
    };
    let routed = routed();
    for (function, queue, dead_letters, endpoint, routed) in [
        (
            "RouteFunction",
            "RoutingQueue",
            "RoutingDeadLetterQueue",
            "cxone.tasks",
            &Value::Null,
        ),
        (
            "TicketSyncFunction",
            "TicketingQueue",
            "TicketingDeadLetterQueue",
            "ticketing.sync",
            &routed,
        ),
    ] {
        let queue = arn(&stack, queue).await;
        let (one, _) = message(routed);
        let (answer, failure) = stack.invoke(function, &event(&queue, &[&one])).await;
        assert_eq!((answer.to_string().as_str(), failure), (ALL_DONE, None));

        // The second of three fails: a 429 to the next call, for which the first has gone already.
        let (two, id) = message(routed);
        stack
            .sandbox
            .fault(endpoint, Faults::none().next([later.clone()]));
        let (answer, _) = stack
            .invoke(function, &event(&queue, &[&one, &two, &one]))
            .await;
        let second = r#"{"batchItemFailures":[{"itemIdentifier":"message-1"}]}"#;
        assert_eq!(answer.to_string(), second);

        // Redrive leaves what waits for its Retry-After where it is, and deletes what is done.
        let dead_letters = arn(&stack, dead_letters).await;
        assert_eq!(
            stack
                .ledger(
                    &id,
                    if routed.is_null() {
                        "routing"
                    } else {
                        "ticketing"
                    }
                )
                .await
                .unwrap()["state"],
            "WAITING"
        );
        let (answer, _) = stack
            .invoke("RedriveFunction", &event(&dead_letters, &[&one, &two]))
            .await;
        assert_eq!(answer.to_string(), second);
        let (answer, _) = stack
            .invoke("RedriveFunction", &event(&dead_letters, &[&one]))
            .await;
        assert_eq!(answer.to_string(), ALL_DONE);

        // A body that nobody can read is parked, and so it is done.
        let (answer, _) = stack.invoke(function, &event(&queue, &["{"])).await;
        assert_eq!(answer.to_string(), ALL_DONE);
    }
}

#[tokio::test]
async fn a_malformed_event_fails_as_a_whole_so_that_every_message_stays() {
    let stack = Stack::start().await;
    for function in ["RouteFunction", "TicketSyncFunction", "RedriveFunction"] {
        for event in [json!({}), json!({"Records": {}}), json!([])] {
            let (answer, failure) = stack.invoke(function, &event).await;
            assert!(failure.is_some(), "{function} answered {answer} to {event}");
        }
    }
    // Redrive knows its queues.
    let (body, _) = message(&Value::Null);
    let event = event("arn:aws:sqs:us-east-1:000000000000:another", &[&body]);
    let (answer, failure) = stack.invoke("RedriveFunction", &event).await;
    assert!(failure.is_some());
    assert!(answer.to_string().contains("ROUTING_DLQ_ARN"), "{answer}");
}

#[tokio::test]
async fn calls_that_do_not_fit_into_an_invocation_are_left_to_the_next_one() {
    let stack = Stack::with(&[("CallTimeoutSeconds", "4")]).await;
    // A call starts 12 s before the deadline at the latest: here 8 s after the invocation's start.
    let lambda = aws_sdk_lambda::Client::new(&stack.deployment.sdk);
    let function = stack.deployment.physical("TicketSyncFunction");
    let shorter = lambda.update_function_configuration().timeout(20);
    shorter.function_name(function).send().await.unwrap();
    stack
        .sandbox
        .fault("ticketing.sync", Faults::none().latency(3_000, 3_000));
    let first = payload::webhook("message 0");
    let texts: Vec<String> = (0..5).map(|number| format!("message {number}")).collect();
    // One after the other, for they are of one thread, they take 15 s.
    let messages: Vec<_> = texts
        .iter()
        .map(|text| envelope(payload::reply(&first, text), &routed()))
        .collect();
    let bodies: Vec<&str> = messages.iter().map(|(body, _)| body.as_str()).collect();
    let event = event(&arn(&stack, "TicketingQueue").await, &bodies);

    let mut left = Vec::new();
    loop {
        let (answer, failure) = stack.invoke("TicketSyncFunction", &event).await;
        assert_eq!(failure, None, "{answer}");
        let failed = answer["batchItemFailures"].as_array().unwrap().len();
        let done = stack.sandbox.calls("ticketing.sync").len();
        assert_eq!(done + failed, 5, "what is left was not begun: {answer}");
        if failed == 0 {
            break;
        }
        assert!(
            failed < *left.last().unwrap_or(&5),
            "{answer} after {left:?}"
        );
        left.push(failed);
    }
    assert!(!left.is_empty(), "all of it has fitted");
    let tickets = stack.sandbox.tickets();
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0].messages, texts, "each once, in order");
    for (_, id) in &messages {
        assert_eq!(stack.ledger(id, "ticketing").await.unwrap()["attempts"], 1);
    }
}
