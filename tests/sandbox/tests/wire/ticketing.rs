use sandbox::Faults;
use serde_json::{Value, json};

use crate::{Setting, json_of, status_of, sync_body};

#[tokio::test]
async fn syncs_of_one_thread_append_to_one_ticket() {
    let setting = Setting::start().await;
    for (interaction, message) in [("i-1", "first"), ("i-2", "second")] {
        assert_eq!(
            status_of(setting.sync(interaction, &sync_body("t-1", interaction, message))).await,
            200
        );
    }
    assert_eq!(
        status_of(setting.sync("i-3", &sync_body("t-2", "i-3", "other"))).await,
        200
    );
    let tickets = setting.sandbox.tickets();
    assert_eq!(tickets.len(), 2);
    assert_eq!(tickets[0].messages, ["first", "second"]);
    assert_eq!(tickets[0].interaction_ids, ["i-1", "i-2"]);
}

#[tokio::test]
async fn a_repeated_sync_appends_nothing() {
    let setting = Setting::start().await;
    let body = sync_body("t", "i", "hello");
    assert_eq!(status_of(setting.sync("k", &body)).await, 200);
    assert_eq!(status_of(setting.sync("k", &body)).await, 200);
    assert_eq!(
        status_of(setting.sync("k", &sync_body("t", "i", "changed"))).await,
        422
    );
    assert_eq!(setting.sandbox.tickets()[0].messages, ["hello"]);
    assert_eq!(setting.sandbox.summary().duplicate_syncs, 0);
}

#[tokio::test]
async fn a_system_that_ignores_the_key_syncs_twice_and_it_is_counted() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .configure(|settings| settings.ticketing_honours_idempotency_key = false);
    for _ in 0..2 {
        assert_eq!(
            status_of(setting.sync("k", &sync_body("t", "i", "hello"))).await,
            200
        );
    }
    assert_eq!(setting.sandbox.tickets()[0].messages, ["hello", "hello"]);
    assert_eq!(setting.sandbox.summary().duplicate_syncs, 1);
}

#[tokio::test]
async fn the_bearer_token_is_demanded_where_one_is_set() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .configure(|settings| settings.ticketing_token = Some("t0k3n".into()));
    let body = sync_body("t", "i", "hello");
    assert_eq!(status_of(setting.sync("k", &body)).await, 401);
    assert_eq!(
        status_of(setting.sync("k", &body).bearer_auth("wrong")).await,
        401
    );
    assert_eq!(
        status_of(setting.sync("k", &body).bearer_auth("t0k3n")).await,
        200
    );
}

#[tokio::test]
async fn each_wrong_field_of_a_sync_is_refused_with_its_path() {
    let setting = Setting::start().await;
    for (field, value, status, path) in [
        ("thread_id", json!(""), 400, "thread_id"),
        ("contact_id", json!(1), 400, "contact_id"),
        ("messages", json!("text"), 400, "messages"),
        ("messages", json!(["a", ""]), 400, "messages[1]"),
        ("attachments", json!(null), 400, "attachments"),
        ("sync_timestamp", json!("yesterday"), 422, "sync_timestamp"),
        ("skills", json!("social"), 400, "skills"),
        ("sentiment_polarity", json!("2"), 422, "sentiment_polarity"),
    ] {
        let mut body = sync_body("t", "i", "hello");
        body[field] = value;
        assert_eq!(
            json_of(setting.sync("k", &body).send().await.unwrap(), status).await["path"],
            path
        );
    }
    assert!(setting.sandbox.tickets().is_empty());
}

fn thread(id: &str) -> Value {
    let mut body = sync_body(id, &format!("i-{id}"), "hello");
    body["idempotency_key"] = format!("k-{id}").into();
    body
}

#[tokio::test]
async fn a_batch_has_an_outcome_for_each_thread() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .fault("ticketing.batch", Faults::none().poison(404, ["t-2"]));
    let mut invalid = thread("t-3");
    invalid["messages"] = Value::Null;
    let batch = json!({"threads": [thread("t-1"), thread("t-2"), invalid]});
    let send = || setting.post("/api/v1/sync/batch").json(&batch).send();
    let answer = json_of(send().await.unwrap(), 207).await;
    let statuses: Vec<_> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["status"])
        .collect();
    assert_eq!(statuses, [200, 404, 400]);
    assert_eq!(answer["results"][1]["idempotency_key"], "k-t-2");
    assert!(
        answer["results"][2]["error"]
            .as_str()
            .unwrap()
            .starts_with("messages")
    );

    // What was synced is not synced again.
    json_of(send().await.unwrap(), 207).await;
    let tickets = setting.sandbox.tickets();
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0].messages, ["hello"]);
}

#[tokio::test]
async fn a_batch_in_which_all_succeed_is_a_200() {
    let setting = Setting::start().await;
    let batch = json!({"threads": [thread("t-1"), thread("t-2")]});
    let answer = json_of(
        setting
            .post("/api/v1/sync/batch")
            .json(&batch)
            .send()
            .await
            .unwrap(),
        200,
    )
    .await;
    assert_eq!(
        answer["results"][1],
        json!({
            "thread_id": "t-2", "idempotency_key": "k-t-2", "status": 200, "ticket_id": "ticket-000002"
        })
    );
    let empty = setting
        .post("/api/v1/sync/batch")
        .json(&json!({"threads": []}));
    assert_eq!(status_of(empty).await, 400);
}

#[tokio::test]
async fn threads_of_a_batch_fail_at_random_with_their_share() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .fault("ticketing.batch", Faults::none().item_error(0.3, 503));
    let threads: Vec<_> = (0..400).map(|i| thread(&format!("t-{i}"))).collect();
    let sent = setting
        .post("/api/v1/sync/batch")
        .json(&json!({"threads": threads}))
        .send()
        .await
        .unwrap();
    let answer = json_of(sent, 207).await;
    let failed = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|result| result["status"] == 503)
        .count();
    assert!((80..160).contains(&failed), "{failed}");
    assert_eq!(setting.sandbox.tickets().len(), 400 - failed);
}
