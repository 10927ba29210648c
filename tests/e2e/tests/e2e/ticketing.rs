//! Bringing threads to the ticketing system, whatever that system does.

use std::time::Duration;

use e2e::payload;
use e2e::stack::{SOON, Stack};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use runtime::clock;
use sandbox::{Faults, Poison, Settings};
use serde_json::{Value, json};

use crate::many;

/// A body of the `thread`-th thread with these messages, one a second from `began` on.
fn thread_body(thread: usize, began: Timestamp, texts: &[String]) -> Value {
    let mut body = payload::webhook("");
    body["thread_id"] = format!("thread-{thread}").into();
    let message = |(text, second): (&String, i64)| {
        let at = began + SignedDuration::from_secs(second);
        json!({"text": text, "from_id": "fb_user_98765", "timestamp": at.to_string()})
    };
    body["messages"] = texts.iter().zip(0..).map(message).collect();
    body
}

fn webhooks(count: usize) -> Vec<Value> {
    let body = |number| payload::webhook(&format!("Where is my order {number}?"));
    (0..count).map(body).collect()
}

async fn synced(stack: &Stack, ids: &[String], within: Duration) {
    stack
        .until("all to be synced", within, async || {
            let items = stack.items("interaction#").await;
            let is_synced = |item: &&Value| item["sk"] == "ticketing" && item["state"] == "SYNCED";
            (items.iter().filter(is_synced).count() == ids.len()).then_some(())
        })
        .await;
}

/// Asserts that the thread of each body has its ticket, each message is in one once, and nothing is
/// left in a queue.
async fn each_arrived_once(stack: &Stack, bodies: &[Value]) {
    let tickets = stack.sandbox.tickets();
    assert_eq!(tickets.len(), bodies.len());
    let mut arrived: Vec<String> = tickets.into_iter().flat_map(|t| t.messages).collect();
    let text = |body: &Value| body["messages"][0]["text"].as_str().unwrap().to_owned();
    let mut sent: Vec<String> = bodies.iter().map(text).collect();
    arrived.sort_unstable();
    sent.sort_unstable();
    assert_eq!(arrived, sent, "each message once");
    stack.drained(SOON).await;
}

/// Sends interactions while ticketing is out; gives their ids once all are routed.
async fn routed_while_ticketing_is_out(stack: &Stack, bodies: &[Value]) -> Vec<String> {
    let mut ids = Vec::new();
    for some in bodies.chunks(20) {
        ids.extend(join_all(some.iter().map(|body| stack.accept(body))).await);
    }
    for id in &ids {
        stack.reaches(id, "routing", "ROUTED").await;
    }
    assert!(stack.sandbox.tickets().is_empty());
    ids
}

/// How many calls the breaker let through while nothing was served.
fn refused(stack: &Stack) -> usize {
    let calls = stack.sandbox.calls("ticketing.sync");
    calls.iter().filter(|call| call.status == Some(503)).count()
}

#[tokio::test]
async fn an_outage_of_ticketing_delays_no_routing_and_loses_and_doubles_no_ticket() {
    let stack = Stack::with(&[("BreakerProbeSeconds", "1")]).await;
    let for_ever = Faults::none().outage(3_600_000);
    stack.sandbox.fault("ticketing.sync", for_ever);
    let bodies = webhooks(60);
    let ids = routed_while_ticketing_is_out(&stack, &bodies).await;
    let refused = refused(&stack);
    assert!(refused < 60, "{refused} calls: the breaker never opened");

    stack.sandbox.clear_faults();
    synced(&stack, &ids, Duration::from_secs(120)).await;
    each_arrived_once(&stack, &bodies).await;
}

#[tokio::test]
#[ignore = "long: make check runs it"]
async fn a_minutes_outage_with_200_interactions_delays_no_routing_and_loses_no_ticket() {
    let stack = Stack::start().await;
    stack
        .sandbox
        .fault("ticketing.sync", Faults::none().outage(60_000));
    let began = clock::instant();
    let bodies = webhooks(200);
    let ids = routed_while_ticketing_is_out(&stack, &bodies).await;
    let routed_after = began.elapsed();
    assert!(routed_after < Duration::from_mins(1), "{routed_after:?}");

    synced(&stack, &ids, Duration::from_mins(10)).await;
    println!(
        "200 routed after {routed_after:?}, synced after {:?}, {} calls met the outage",
        began.elapsed(),
        refused(&stack)
    );
    assert!(refused(&stack) < 40, "the breaker lets only probes through");
    each_arrived_once(&stack, &bodies).await;
}

#[tokio::test]
async fn five_hundred_interactions_of_fifty_threads_arrive_in_order() {
    let stack = Stack::start().await;
    let text = |thread: usize, number: usize| format!("thread {thread}, message {number}");
    let one_thread = async |thread: usize| {
        let mut ids = Vec::new();
        for number in 0..10 {
            ids.push(
                stack
                    .accept(&thread_body(thread, clock::now(), &[text(thread, number)]))
                    .await,
            );
        }
        ids
    };
    let ids = join_all((0..50).map(one_thread)).await.concat();
    let posted = clock::instant();
    synced(&stack, &ids, Duration::from_secs(120)).await;
    println!("synced {:?} after the last was posted", posted.elapsed());
    let tickets = stack.sandbox.tickets();
    assert_eq!(tickets.len(), 50);
    for ticket in tickets {
        let thread = ticket.thread_id.unwrap();
        let thread = thread.strip_prefix("thread-").unwrap().parse().unwrap();
        let wanted: Vec<String> = (0..10).map(|number| text(thread, number)).collect();
        assert_eq!(ticket.messages, wanted);
    }
    assert_eq!(stack.sandbox.tasks().len(), 500);
    stack.drained(SOON).await;
}

#[tokio::test]
async fn a_growing_history_reaches_the_ticket_once() {
    let stack = Stack::start().await;
    let texts = ["Hello", "Is anybody there?", "I'll go elsewhere."].map(str::to_owned);
    let began = clock::now();
    for count in 1..=3 {
        let id = stack.accept(&thread_body(1, began, &texts[..count])).await;
        stack.reaches(&id, "ticketing", "SYNCED").await;
    }
    let tickets = stack.sandbox.tickets();
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0].messages, texts);
    assert_eq!(
        tickets[0].task_ids.len(),
        3,
        "every interaction's task is told"
    );
}

#[tokio::test]
async fn a_late_older_interaction_adds_its_messages_and_sets_nothing_back() {
    let stack = Stack::start().await;
    let newer = payload::webhook("Terrible service, this is awful!");
    let mut older = payload::reply(&newer, "Thank you, that is great, I love it.");
    let earlier = (clock::now() - SignedDuration::from_mins(3)).to_string();
    older["messages"][0]["timestamp"] = earlier.clone().into();
    older["event_timestamp"] = earlier.into();
    let mut state = None;
    for body in [&newer, &older] {
        let id = stack.accept(body).await;
        stack.reaches(&id, "ticketing", "SYNCED").await;
        let [ticket] = &stack.sandbox.tickets()[..] else {
            panic!("one thread is one ticket")
        };
        assert_eq!(ticket.fields["skills"][0], "social-escalation");
        let before = state.replace(ticket.fields.clone());
        assert!(before.is_none_or(|before| before == ticket.fields));
    }
    let ticket = &stack.sandbox.tickets()[0];
    let text = |body: &Value| body["messages"][0]["text"].as_str().unwrap().to_owned();
    assert_eq!(ticket.messages, [text(&newer), text(&older)], "each once");
    let skills = |task: &sandbox::Task| task.skills[0].clone();
    let skills: Vec<String> = stack.sandbox.tasks().iter().map(skills).collect();
    assert_eq!(skills, ["social-escalation", "social-support"]);
}

#[tokio::test]
async fn a_partly_failing_batch_retries_only_what_failed() {
    // Without idempotency keys a message that was sent twice would be there twice.
    let settings = Settings {
        ticketing_honours_idempotency_key: false,
        ..Settings::default()
    };
    let stack = Stack::with_sandbox(&[("TicketingDialect", "sync-batch")], settings).await;
    let bodies = webhooks(20);
    let failing: Vec<String> = bodies
        .iter()
        .step_by(4)
        .map(|body| body["thread_id"].as_str().unwrap().to_owned())
        .collect();
    let poison = vec![Poison {
        status: 503,
        ids: failing.iter().cloned().collect(),
    }];
    stack.sandbox.fault(
        "ticketing.batch",
        Faults {
            poison,
            ..Faults::none()
        },
    );
    let ids = join_all(bodies.iter().map(|body| stack.accept(body))).await;
    let healthy = ids.iter().enumerate().filter(|(i, _)| i % 4 != 0);
    for (_, id) in healthy {
        stack.reaches(id, "ticketing", "SYNCED").await;
    }
    for id in ids.iter().step_by(4) {
        stack.reaches(id, "ticketing", "WAITING").await;
    }
    stack.sandbox.clear_faults();
    synced(&stack, &ids, Duration::from_secs(60)).await;
    each_arrived_once(&stack, &bodies).await;
}

#[tokio::test]
async fn a_refused_interaction_is_parked_with_what_to_fix_and_the_others_go_on() {
    let stack = Stack::start().await;
    let bodies = webhooks(6);
    let thread = |i: usize| bodies[i]["thread_id"].as_str().unwrap().to_owned();
    let poison = |status, i| Poison {
        status,
        ids: [thread(i)].into(),
    };
    let poison = vec![poison(404, 0), poison(422, 1)];
    stack.sandbox.fault(
        "ticketing.sync",
        Faults {
            poison,
            ..Faults::none()
        },
    );
    let ids = join_all(bodies.iter().map(|body| stack.accept(body))).await;

    for (id, status, fix) in [(&ids[0], 404, "TicketingUrl"), (&ids[1], 422, "fields")] {
        let item = stack.reaches(id, "ticketing", "PARKED").await;
        assert_eq!(item["status"], status);
        assert_eq!(item["parked_stage"], "ticketing");
        let reason = item["reason"].as_str().unwrap();
        assert!(
            reason.contains(fix) && reason.contains("POST /api/v1/sync"),
            "{reason}"
        );
    }
    for id in &ids[2..] {
        stack.reaches(id, "ticketing", "SYNCED").await;
    }
    stack.drained(SOON).await;
}

#[tokio::test]
async fn a_refused_credential_parks_nothing_and_all_is_synced_once_it_is_mended() {
    let settings = Settings {
        ticketing_token: Some("the right one".into()),
        ..Settings::default()
    };
    let parameters = [
        ("TicketingCredentialValue", "a stale one"),
        ("BreakerProbeSeconds", "1"),
    ];
    let stack = Stack::with_sandbox(&parameters, settings).await;
    let bodies = webhooks(5);
    let ids = join_all(bodies.iter().map(|body| stack.accept(body))).await;
    let waiting = stack.until("the credential to be refused", SOON, async || {
        let items = stack.items("interaction#").await;
        items
            .into_iter()
            .find(|item| item["sk"] == "ticketing" && item["state"] == "WAITING")
    });
    let item = waiting.await;
    assert_eq!(item["status"], 401);
    assert_eq!(
        item["attempts"], 0,
        "it costs none of the interaction's attempts"
    );
    let reason = item["reason"].as_str().unwrap();
    assert!(reason.contains("TicketingCredentialValue"), "{reason}");
    let gate = async || stack.item("upstream#ticketing", "state").await;
    let open = async || gate().await?["breaker"].get("open").cloned();
    stack.until("the breaker to open", SOON, open).await;
    let refused = async || {
        let lines = stack.logs("TicketSyncFunction").await;
        lines
            .into_iter()
            .find(|line| line.contains("CredentialsRefused"))
    };
    stack.until("the alarm's line", SOON, refused).await;

    let secret = stack.deployment.physical("TicketingCredential");
    let put = stack
        .secrets
        .put_secret_value()
        .secret_id(secret)
        .secret_string("the right one");
    put.send().await.unwrap();
    synced(&stack, &ids, Duration::from_secs(90)).await;
    each_arrived_once(&stack, &bodies).await;
    assert_eq!(many::parked(&stack, "ticketing").await, []);
    assert_eq!(open().await, None);
}

#[tokio::test]
async fn at_zendesk_a_thread_is_a_ticket_and_its_interactions_are_comments() {
    let settings = Settings {
        ticketing_token: Some("an-api-token".into()),
        ..Settings::default()
    };
    let credential = json!({"email": "jo@example.com", "api_token": "an-api-token"}).to_string();
    let parameters = [
        ("TicketingDialect", "zendesk"),
        ("TicketingCredentialValue", credential.as_str()),
    ];
    let stack = Stack::with_sandbox(&parameters, settings).await;
    stack
        .sandbox
        .fault("zendesk", Faults::none().answer_lost(0.2));
    let mut ids = Vec::new();
    for number in 0..5 {
        let bodies: Vec<Value> = (0..4)
            .map(|thread| {
                let text = format!("thread {thread}, message {number}");
                thread_body(thread, clock::now(), &[text])
            })
            .collect();
        ids.extend(join_all(bodies.iter().map(|body| stack.accept(body))).await);
    }
    synced(&stack, &ids, Duration::from_secs(90)).await;
    let tickets = stack.sandbox.zendesk_tickets();
    assert_eq!(tickets.len(), 4);
    for ticket in tickets {
        let thread = ticket.thread_id.unwrap();
        let thread = thread.strip_prefix("thread-").unwrap();
        assert_eq!(
            ticket.messages.len(),
            5,
            "each once, whatever answers were lost"
        );
        for (number, comment) in ticket.messages.iter().enumerate() {
            let text = format!("thread {thread}, message {number}\n");
            assert!(comment.contains(&text), "{comment:?} is not {text:?}");
        }
    }
}
