//! A deploy over a running stack: what the former release left behind, and what a later one wrote.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::payload;
use e2e::stack::{SOON, Stack};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::many;

/// A queue's message as version 1 wrote it. These files are never changed: a later version reads
/// them as they are.
#[derive(Deserialize)]
struct Frozen {
    body: String,
    attributes: BTreeMap<String, String>,
}

impl Frozen {
    fn read(json: &str) -> Self {
        serde_json::from_str(json).unwrap()
    }

    async fn send(&self, stack: &Stack, queue: &str) {
        let attributes = self.attributes.iter();
        let attributes: Vec<_> = attributes.map(|(n, v)| (n.as_str(), v.as_str())).collect();
        stack.send(queue, &self.body, &attributes).await;
    }
}

#[tokio::test]
async fn what_version_1_wrote_to_the_queues_is_routed_and_synced() {
    let stack = Stack::start().await;
    let fresh = Frozen::read(include_str!("../data/queue-v1/routing.json"));
    let redriven = Frozen::read(include_str!("../data/queue-v1/routing-redriven.json"));
    let routed = Frozen::read(include_str!("../data/queue-v1/ticketing.json"));
    fresh.send(&stack, "RoutingQueue").await;
    redriven.send(&stack, "RoutingDeadLetterQueue").await;
    routed.send(&stack, "TicketingQueue").await;

    let [fresh, redriven, routed] =
        ["1f", "20", "21"].map(|end| format!("int_000000000000000000000000d73c9a{end}"));
    for id in [&fresh, &redriven, &routed] {
        stack.reaches(id, "ticketing", "SYNCED").await;
    }
    let item = stack.ledger(&redriven, "routing").await.unwrap();
    assert_eq!(item["state"], "ROUTED");
    assert_eq!(item["redrives"], 3, "the earlier rounds count");
    let tasks = stack.sandbox.tasks();
    let mut keys: Vec<_> = tasks
        .iter()
        .flat_map(|task| &task.idempotency_key)
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, [&fresh, &redriven]);
    let tickets = stack.sandbox.tickets();
    let of_routed = tickets
        .iter()
        .find(|ticket| ticket.interaction_ids == [routed.as_str()]);
    assert_eq!(of_routed.unwrap().task_ids, ["task-000001"]);
    stack.drained(SOON).await;
}

/// Posts a webhook until it is accepted, as CXone does. The emulator ends a function's processes
/// as its code changes, and the gateway then answers 502.
async fn deliver(stack: &Stack, body: &Value) -> String {
    loop {
        let answer = stack.post(body.to_string().as_bytes()).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        if status == StatusCode::ACCEPTED {
            let body: Value = serde_json::from_str(&text).unwrap();
            return body["interaction_id"].as_str().unwrap().to_owned();
        }
        assert!(status.is_server_error(), "{status}: {text}");
    }
}

/// A batch whose process ended comes back when its invocation's time is over, after two minutes;
/// where it had not begun, after the queue's own twelve.
const COMES_BACK: Duration = Duration::from_mins(13);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make check runs it"]
async fn a_deploy_in_the_midst_of_a_hundred_interactions_loses_and_doubles_none() {
    let stack = Stack::start().await;
    let bodies = many::webhooks(100);
    let mut ids = many::accept_all(&stack, &bodies[..50]).await;
    let rest = async {
        let mut ids = Vec::new();
        for body in &bodies[50..] {
            ids.push(deliver(&stack, body).await);
        }
        ids
    };
    let (rest, ()) = tokio::join!(rest, stack.redeploy(&[("LogLevel", "debug")]));
    ids.extend(rest);
    many::all_have_tasks(&stack, &ids, COMES_BACK).await;
    stack.drained(COMES_BACK).await;
    many::each_is_routed_once(&stack, &ids).await;
    let synced = many::ledger(&stack, "ticketing").await;
    assert!(ids.iter().all(|id| synced[id]["state"] == "SYNCED"));
    assert_eq!(stack.sandbox.tickets().len(), 100);

    let lambda = aws_sdk_lambda::Client::new(&stack.deployment.sdk);
    for function in ["IngestFunction", "RouteFunction", "TicketSyncFunction"] {
        let name = stack.deployment.physical(function);
        let get = lambda.get_function_configuration().function_name(name);
        let environment = get.send().await.unwrap().environment.unwrap();
        let variables = environment.variables.unwrap();
        assert_eq!(variables["LOG_LEVEL"], "debug", "{function}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_a_later_version_waits_and_is_parked_with_its_reason_in_the_end() {
    let parameters = [("MaxRedrives", "1"), ("BackoffCapSeconds", "1")];
    let stack = Stack::with(&parameters).await;
    let body = json!({"v": 2, "interactions": ["of another shape"]}).to_string();
    stack.send("RoutingQueue", &body, &[]).await;
    let known = stack.accept(&payload::webhook("Where is my order?")).await;
    stack.reaches(&known, "routing", "ROUTED").await;

    let waits = async || {
        let lines = stack.logs("RouteFunction").await;
        let waits = lines
            .iter()
            .filter(|line| line.contains("a message of a later release waits"));
        (waits.count() > 10).then_some(())
    };
    stack
        .until("it to have gone a second round", SOON * 3, waits)
        .await;
    let parked = stack.until("it to be parked", SOON * 3, async || {
        let items = stack.items("interaction#").await;
        items.into_iter().find(|item| item["state"] == "PARKED")
    });
    let parked = parked.await;
    let reason = parked["reason"].as_str().unwrap();
    assert!(
        reason.contains("v must be a version that this release reads"),
        "{reason}"
    );
    assert!(reason.ends_with("1 redrives spent"), "{reason}");
    assert_eq!(parked["body"], body.as_str());
    stack.drained(SOON).await;
}

#[tokio::test]
async fn what_was_accepted_outlives_the_stack() {
    let stack = Stack::start().await;
    let routed = stack.accept(&payload::webhook("Where is my order?")).await;
    stack.reaches(&routed, "ticketing", "SYNCED").await;
    let lambda = aws_sdk_lambda::Client::new(&stack.deployment.sdk);
    let trigger = stack.deployment.physical("RouteTrigger");
    let pause = lambda.update_event_source_mapping().uuid(trigger);
    pause.enabled(false).send().await.unwrap();
    stack.accept(&payload::webhook("And my refund?")).await;

    stack.deployment.delete().await.unwrap();
    assert_eq!(stack.depth("RoutingQueue").await, (1, 0, 0));
    assert!(stack.ledger(&routed, "ticketing").await.is_some());
    assert!(stack.secret("SigningSecret").await.contains("current"));
}
