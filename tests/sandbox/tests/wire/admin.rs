use std::time::Duration;

use sandbox::{Config, Faults, Sandbox};
use serde_json::{Value, json};

use crate::{Setting, json_of, status_of, sync_body, task_body};

async fn read(setting: &Setting, path: &str) -> Value {
    json_of(setting.get(path).send().await.unwrap(), 200).await
}

#[tokio::test]
async fn what_was_seen_is_listed_and_filtered() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    for id in ["i-1", "i-2"] {
        status_of(setting.task(&token, id, &task_body(id))).await;
        status_of(setting.sync(id, &sync_body(&format!("t-of-{id}"), id, "hello"))).await;
    }
    assert_eq!(
        read(&setting, "/_sandbox/tasks").await["tasks"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let one = read(&setting, "/_sandbox/tasks?interaction_id=i-2").await;
    assert_eq!(one["tasks"][0]["contact_id"], "contact-of-i-2");
    let ticket = read(&setting, "/_sandbox/tickets?thread_id=t-of-i-1").await;
    assert_eq!(ticket["tickets"][0]["messages"], json!(["hello"]));
    let calls = read(&setting, "/_sandbox/calls?endpoint=cxone.tasks&limit=1").await;
    assert_eq!(calls["calls"].as_array().unwrap().len(), 1);
    assert_eq!(
        read(&setting, "/_sandbox/calls?since=4").await["calls"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let summary = read(&setting, "/_sandbox/summary").await;
    assert_eq!(
        summary["endpoints"]["cxone.tasks"]["statuses"],
        json!({"201": 2})
    );
    assert_eq!(
        (&summary["tasks"], &summary["tickets"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(
        status_of(setting.get("/_sandbox/calls?endpont=x")).await,
        400
    );
}

#[tokio::test]
async fn no_record_of_a_call_holds_a_token() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    status_of(setting.task(&token, "i", &task_body("i"))).await;
    assert!(
        !read(&setting, "/_sandbox/calls")
            .await
            .to_string()
            .contains(&token)
    );
}

#[tokio::test]
async fn faults_are_set_listed_and_cleared() {
    let setting = Setting::start().await;
    let faults = json!({"server_error": {"probability": 1.0, "status": 502}});
    assert_eq!(
        status_of(setting.put("/_sandbox/faults/cxone.token").json(&faults)).await,
        204
    );
    assert_eq!(
        read(&setting, "/_sandbox/faults").await["cxone.token"]["server_error"]["status"],
        502
    );
    assert_eq!(status_of(setting.mint("a", "b", "")).await, 502);
    assert_eq!(
        status_of(setting.delete("/_sandbox/faults/cxone.token")).await,
        204
    );
    assert_eq!(status_of(setting.mint("a", "b", "")).await, 401);
}

#[tokio::test]
async fn every_fault_can_be_written_as_json() {
    let setting = Setting::start().await;
    let faults = json!({
        "outage": {"for_ms": 0},
        "limit": {"calls": 50},
        "next": ["serve", "hang", "reset", "answer_lost", "malformed",
                 {"answer": {"status": 429, "retry_after": {"date_in_seconds": 1}}}],
        "poison": [{"status": 422, "ids": ["a"]}],
        "hang": 0.1, "reset": 0.1, "answer_lost": 0.1, "malformed": 0.1,
        "rate_limited": {"probability": 0.1, "retry_after": {"seconds": 1}},
        "server_error": {"probability": 0.1},
        "item_error": {"probability": 0.1},
        "latency": {"min_ms": 1, "max_ms": 2}
    });
    assert_eq!(
        status_of(
            setting
                .put("/_sandbox/faults/ticketing.batch")
                .json(&faults)
        )
        .await,
        204
    );
}

#[tokio::test]
async fn wrong_faults_are_refused_with_what_is_wrong() {
    let setting = Setting::start().await;
    for (endpoint, faults, says) in [
        ("cxone.task", json!({}), "cxone.tasks"),
        ("zendesk", json!({"hang": 2}), "hang"),
        ("zendesk", json!({"hangs": 0.1}), "hangs"),
        (
            "zendesk",
            json!({"server_error": {"probability": 0.1, "status": 99}}),
            "status",
        ),
        (
            "zendesk",
            json!({"latency": {"min_ms": 2, "max_ms": 1}}),
            "latency",
        ),
    ] {
        let refused = setting
            .put(&format!("/_sandbox/faults/{endpoint}"))
            .json(&faults)
            .send()
            .await
            .unwrap();
        let error = json_of(refused, 400).await["error"].to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test]
async fn settings_change_one_by_one() {
    let setting = Setting::start().await;
    let change = |patch| status_of(setting.put("/_sandbox/settings").json(&patch));
    assert_eq!(
        change(json!({"client_secret": "new", "token_ttl_seconds": 60})).await,
        204
    );
    let minted = setting
        .mint("sandbox-client", "new", "grant_type=client_credentials")
        .send()
        .await
        .unwrap();
    assert_eq!(json_of(minted, 200).await["expires_in"], 60);
    assert_eq!(change(json!({"client_secrets": "x"})).await, 400);
    assert_eq!(change(json!({"token_ttl_seconds": "long"})).await, 400);
}

#[tokio::test]
async fn tokens_are_revoked_and_social_tokens_registered_and_checked() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    assert_eq!(
        status_of(setting.post("/_sandbox/tokens/revoke")).await,
        204
    );
    assert_eq!(
        status_of(setting.task(&token, "i", &task_body("i"))).await,
        401
    );

    let register = json!({"access_token": "first", "expires_in_seconds": 60});
    assert_eq!(
        status_of(setting.put("/_sandbox/social/tiktok").json(&register)).await,
        204
    );
    assert_eq!(
        status_of(setting.put("/_sandbox/social/Tik%20Tok").json(&register)).await,
        400
    );
    let works = async || {
        let check = setting
            .post("/_sandbox/social/tiktok/check")
            .json(&json!({"token": "first"}));
        json_of(check.send().await.unwrap(), 200).await["works"].clone()
    };
    assert_eq!(works().await, true);
    assert_eq!(
        status_of(setting.post("/_sandbox/social/tiktok/revoke")).await,
        204
    );
    assert_eq!(works().await, false);
}

#[tokio::test]
async fn events_wait_for_the_next_call_that_ends() {
    let setting = Setting::start().await;
    let (events, _) = tokio::join!(
        read(&setting, "/_sandbox/events?since=0&wait_ms=5000"),
        setting.token()
    );
    assert_eq!(events["events"][0]["endpoint"], "cxone.token");
    assert_eq!(events["next"], 1);
    let none = read(&setting, "/_sandbox/events?since=1&wait_ms=10").await;
    assert_eq!(none, json!({"events": [], "next": 1}));
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let setting = Setting::start().await;
    status_of(setting.sync("k", &sync_body("t", "i", "hello"))).await;
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().hang(1.0));
    setting
        .sandbox
        .configure(|settings| settings.ticketing_token = Some("t0k3n".into()));
    assert_eq!(status_of(setting.post("/_sandbox/reset")).await, 204);
    assert!(
        setting.sandbox.tickets().is_empty() && setting.sandbox.calls("ticketing.sync").is_empty()
    );
    assert_eq!(
        status_of(setting.sync("k", &sync_body("t", "i", "changed"))).await,
        200
    );
}

#[tokio::test]
async fn a_call_from_before_a_reset_leaves_no_trace_after_it() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().latency(200, 200));
    let body = sync_body("t", "i", "hello");
    let reset = async {
        while setting.sandbox.calls("ticketing.sync").is_empty() {
            tokio::task::yield_now().await;
        }
        setting.sandbox.reset();
    };
    let (status, ()) = tokio::join!(status_of(setting.sync("k", &body)), reset);
    assert_eq!(status, 503);
    assert!(setting.sandbox.tickets().is_empty());
    assert!(setting.sandbox.summary().endpoints.is_empty());
}

#[tokio::test]
async fn an_unknown_path_is_a_404_and_is_recorded() {
    let setting = Setting::start().await;
    assert_eq!(status_of(setting.get("/api/v2/users")).await, 404);
    assert_eq!(setting.sandbox.calls("unknown").len(), 1);
    assert_eq!(status_of(setting.get("/_sandbox/nothing")).await, 404);
    let page = setting.get("/").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("/_sandbox/faults/"));
}

#[tokio::test]
async fn a_taken_port_is_one_clear_sentence() {
    let first = Sandbox::start(Config::default()).await.unwrap();
    let port = first.url.rsplit(':').next().unwrap().parse().unwrap();
    let config = Config {
        port,
        ..Config::default()
    };
    let error = Sandbox::start(config.clone()).await.err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}")),
        "{error}"
    );
    first.stop();
    assert!(Sandbox::start(config).await.is_ok());
}

#[tokio::test]
async fn it_stops_though_calls_hang() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().hang(1.0));
    let request = setting.sync("k", &sync_body("t", "i", "hello")).send();
    let hanging = tokio::spawn(request);
    setting.sandbox.events(0, Duration::from_secs(5)).await;
    setting.sandbox.stop();
    assert!(hanging.await.unwrap().is_err());
}
