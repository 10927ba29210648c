//! The simulator's API, from a request to what became of it.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::Stack;
use e2e::stack::SOON;
use reqwest::{Method, StatusCode};
use sandbox::{Action, Faults};
use serde_json::{Value, json};

const WITH_SIMULATOR: (&str, &str) = ("EnableSimulator", "true");

/// Posts to a route; the answer must be 200.
async fn post(stack: &Stack, path: &str, body: &Value) -> Value {
    let answer = stack
        .simulator(Method::POST, path)
        .await
        .json(body)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

async fn get(stack: &Stack, path: &str) -> Value {
    let answer = stack
        .simulator(Method::GET, path)
        .await
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.json().await.unwrap()
}

/// Waits until the simulator says that the interaction is in this state, and returns all that it says.
async fn reaches(stack: &Stack, id: &str, state: &str) -> Value {
    let path = format!("/interactions/{id}");
    let what = format!("{id} to be {state}");
    let found = stack.until(&what, SOON, async || {
        let shown = get(stack, &path).await;
        (shown["state"] == state).then_some(shown)
    });
    found.await
}

fn ids(answer: &Value) -> Vec<String> {
    let sent = answer["sent"].as_array().unwrap().iter();
    sent.filter_map(|one| one["interaction_id"].as_str())
        .map(str::to_owned)
        .collect()
}

fn statuses(answer: &Value) -> Vec<u64> {
    let sent = answer["sent"].as_array().unwrap().iter();
    sent.filter_map(|one| one["status"].as_u64()).collect()
}

fn stage<'a>(shown: &'a Value, name: &str) -> &'a Value {
    let mut stages = shown["stages"].as_array().unwrap().iter();
    stages
        .find(|stage| stage["stage"] == name)
        .unwrap_or(&Value::Null)
}

#[tokio::test]
async fn every_route_answers_401_without_the_key() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    let http = reqwest::Client::new();
    let get = [
        "",
        "/",
        "/app.js",
        "/style.css",
        "/examples",
        "/interactions",
        "/interactions/int_1",
        "/status",
        "/sla",
        "/no/such/route",
    ];
    let post = ["/send", "/preview", "/no/such/route", ""];
    let calls = get
        .map(|path| (Method::GET, path))
        .into_iter()
        .chain(post.map(|path| (Method::POST, path)));
    for (method, path) in calls.chain([(Method::DELETE, "/send")]) {
        let url = stack.deployment.url(&format!("/simulator{path}"));
        for authorized in [false, true] {
            let request = http.request(method.clone(), &url);
            let request = if authorized {
                request.basic_auth("simulator", Some("a guess"))
            } else {
                request
            };
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
            let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Basic "), "{challenge}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
        }
    }
    assert_eq!(stack.depth("RoutingQueue").await, (0, 0, 0));
}

#[tokio::test]
async fn every_example_gets_the_task_that_was_predicted() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    let examples = get(&stack, "/examples").await;
    let examples = examples.as_array().unwrap();
    assert_eq!(examples.len(), 8);
    for example in examples {
        let answer = post(&stack, "/send", &json!({"mood": example["mood"]})).await;
        assert_eq!(answer["status"], "simulated");
        assert_eq!(answer["payload"]["messages"][0]["text"], example["text"]);
        assert_eq!(
            answer["payload"]["media_attachments"]
                .as_array()
                .unwrap()
                .is_empty(),
            example["attachment"] == false
        );
        let shown = reaches(&stack, &ids(&answer)[0], "synced").await;
        let decision = &stage(&shown, "routed")["decision"];
        assert_eq!(
            decision["skills"], answer["prediction"]["skills"],
            "{}",
            example["mood"]
        );
        let task_id = &stage(&shown, "routed")["task_id"];
        let tasks = stack.sandbox.tasks();
        let task = tasks
            .iter()
            .find(|task| *task_id == task.id.as_str())
            .unwrap();
        assert_eq!(
            json!(task.skills),
            answer["prediction"]["skills"],
            "{}",
            example["mood"]
        );
    }
}

#[tokio::test]
async fn an_empty_body_sends_the_tutorials_message_and_a_full_one_what_it_says() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    let answer = stack
        .simulator(Method::POST, "/send")
        .await
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["status"], "simulated");
    assert_eq!(
        answer["payload"]["messages"][0]["text"],
        "This is a test message with neutral sentiment."
    );
    reaches(&stack, &ids(&answer)[0], "synced").await;

    let wanted = json!({
        "platform": "instagram",
        "text": "I love it!",
        "profile": {"user_id": "ig_1", "display_name": "Ada", "avatar_url": "https://example.com/ada.png"},
        "contact_id": "social_0123456789ab",
        "thread_id": "thread_0123456789ab",
        "attachments": [{"url": "https://example.com/a.mp4", "media_type": "video/mp4", "size_bytes": 7}],
    });
    let answer = post(&stack, "/send", &wanted).await;
    let payload = &answer["payload"];
    assert_eq!(
        payload["social_profile"],
        json!({"platform": "instagram", "user_id": "ig_1", "display_name": "Ada", "avatar_url": "https://example.com/ada.png"})
    );
    assert_eq!(payload["media_attachments"], wanted["attachments"]);
    let shown = reaches(&stack, &ids(&answer)[0], "synced").await;
    assert_eq!(shown["platform"], "instagram");
    assert_eq!(shown["thread_id"], "thread_0123456789ab");
    for name in ["sent", "received", "queued", "called", "routed", "synced"] {
        assert!(stage(&shown, name)["at"].as_i64().unwrap() > 0, "{name}");
    }
    assert_eq!(stage(&shown, "routed")["breach"], false);
    assert!(stage(&shown, "synced")["ticket"].is_string());
}

#[tokio::test]
async fn a_burst_at_a_rate_makes_as_many_interactions_and_takes_its_time() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    let started = runtime::clock::instant();
    let answer = post(&stack, "/send", &json!({"count": 10, "rate": 5})).await;
    assert!(started.elapsed() >= Duration::from_millis(1800));
    assert_eq!(ids(&answer).into_iter().collect::<BTreeSet<_>>().len(), 10);
    for id in ids(&answer) {
        reaches(&stack, &id, "synced").await;
    }
    assert_eq!(stack.sandbox.tasks().len(), 10);
}

#[tokio::test]
async fn each_way_to_spoil_a_delivery_gets_the_status_that_was_announced() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    for (breakage, status) in [
        ("malformed", 400),
        ("wrong-signature", 401),
        ("too-large", 413),
    ] {
        let answer = post(&stack, "/send", &json!({"break": breakage})).await;
        assert_eq!(answer["expected_status"], status, "{breakage}");
        assert_eq!(statuses(&answer), [status], "{breakage}");
    }
    let copies = post(&stack, "/send", &json!({"break": "duplicate"})).await;
    assert_eq!(statuses(&copies), [202, 202]);
    assert_eq!(ids(&copies)[0], ids(&copies)[1]);
    let swapped = post(
        &stack,
        "/send",
        &json!({"break": "out-of-order", "count": 2}),
    )
    .await;
    assert_eq!(statuses(&swapped), [202, 202]);
    for id in ids(&copies).iter().chain(&ids(&swapped)) {
        reaches(&stack, id, "synced").await;
    }
    stack.drained(SOON).await;
    assert_eq!(stack.sandbox.tasks().len(), 3);
}

#[tokio::test]
async fn a_parked_interaction_shows_its_attempts_and_reasons_here_and_in_the_status() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    let answer = |status| Action::Answer {
        status,
        retry_after: None,
    };
    stack.sandbox.fault(
        "cxone.tasks",
        Faults::none().next([answer(503), answer(422)]),
    );
    let answer = post(&stack, "/send", &json!({})).await;
    let id = &ids(&answer)[0];
    let shown = reaches(&stack, id, "parked").await;
    assert_eq!(shown["attempts"], 2);
    assert!(shown["reason"].as_str().unwrap().contains("422"), "{shown}");
    let history = shown["routing"]["history"].to_string();
    assert!(
        history.contains("503") && history.contains("422"),
        "{history}"
    );
    let status = get(&stack, "/status").await;
    let parked = &status["parked"][0];
    assert_eq!(parked["interaction_id"], id.as_str());
    assert_eq!(parked["reason"], shown["reason"]);
    assert_eq!(status["upstreams"][0]["upstream"], "cxone");
    assert_eq!(status["queues"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_wait_over_the_threshold_is_a_breach_and_in_the_figures() {
    let stack = Stack::with(&[WITH_SIMULATOR, ("SlaThresholdMilliseconds", "1")]).await;
    let answer = post(&stack, "/send", &json!({})).await;
    let shown = reaches(&stack, &ids(&answer)[0], "synced").await;
    assert_eq!(stage(&shown, "routed")["breach"], true);
    let figures = stack.until("the figures", SOON, async || {
        let figures = get(&stack, "/sla?hours=1").await;
        figures["operations"]["ticket_sync"]
            .is_object()
            .then_some(figures)
    });
    let figures = figures.await;
    let routing = &figures["operations"]["social_routing"];
    assert_eq!(
        (&routing["count"], &routing["breaches"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(routing["platforms"][0]["platform"], "facebook");
    assert_eq!(routing["buckets"][0][2], 1);
}

#[tokio::test]
async fn what_can_not_be_done_is_refused_and_the_field_named() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    let refused = [
        ("/send", json!({"count": 0}), "count"),
        ("/send", json!({"count": 501}), "count"),
        ("/send", json!({"count": 100, "rate": 1}), "rate"),
        ("/send", json!({"mood": "bored"}), "mood"),
        ("/send", json!({"break": "everything"}), "break"),
        (
            "/send",
            json!({"webhook_url": "http://169.254.169.254/"}),
            "webhook_url",
        ),
        ("/preview", json!({"text": 7}), "text"),
    ];
    for (path, body, field) in refused {
        let answer = stack
            .simulator(Method::POST, path)
            .await
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert!(
            problem["detail"].as_str().unwrap().contains(field),
            "{problem}"
        );
    }
    for path in [
        "/interactions?ids=a,a",
        "/interactions/not%20an%20id",
        "/sla?hours=0",
    ] {
        let answer = stack
            .simulator(Method::GET, path)
            .await
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
    }
    let answer = stack
        .simulator(Method::GET, "/send")
        .await
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers()["allow"], "POST");
    let answer = stack
        .simulator(Method::GET, "/nothing")
        .await
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(stack.sandbox.tasks().len(), 0);
}

#[tokio::test]
async fn who_has_not_shown_the_key_learns_no_arn_where_it_cant_be_read() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    let key = stack.deployment.physical("SimulatorKey");
    let delete = stack.secrets.delete_secret().secret_id(key);
    delete.send().await.unwrap();
    let url = stack.deployment.url("/simulator");
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = answer.text().await.unwrap();
    assert!(said.contains("SIMULATOR_KEY_ARN"), "{said}");
    assert!(!said.contains("arn:"), "{said}");
    let logged = stack.logs("SimulatorFunction").await;
    assert!(logged.iter().any(|line| line.contains(key)), "{logged:?}");
}
