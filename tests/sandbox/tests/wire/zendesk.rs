use reqwest::RequestBuilder;
use sandbox::{Action, Faults, RetryAfter};
use serde_json::{Value, json};

use crate::{Setting, json_of, status_of};

fn ticket(thread: &str) -> Value {
    json!({"ticket": {"subject": "Social", "comment": {"body": "hello"}, "external_id": thread, "tags": ["social"]}})
}

fn create(setting: &Setting, key: &str, body: &Value) -> RequestBuilder {
    setting
        .post("/api/v2/tickets.json")
        .header("idempotency-key", key)
        .json(body)
}

#[tokio::test]
async fn a_ticket_is_created_found_by_its_external_id_and_grows_by_comments() {
    let setting = Setting::start().await;
    let created = create(&setting, "k", &ticket("t-1")).send().await.unwrap();
    assert_eq!(created.headers()["x-idempotency-lookup"], "miss");
    assert!(
        created.headers()["location"]
            .to_str()
            .unwrap()
            .ends_with("/api/v2/tickets/1.json")
    );
    let id = json_of(created, 201).await["ticket"]["id"]
        .as_u64()
        .unwrap();

    let found = setting
        .get("/api/v2/tickets?external_id=t-1")
        .send()
        .await
        .unwrap();
    let found = json_of(found, 200).await;
    assert_eq!(
        (&found["count"], &found["tickets"][0]["id"]),
        (&json!(1), &json!(id))
    );
    let none = setting
        .get("/api/v2/tickets?external_id=t-2")
        .send()
        .await
        .unwrap();
    assert_eq!(json_of(none, 200).await["tickets"], json!([]));

    let comment = json!({"ticket": {"comment": {"body": "again"}, "tags": ["late"]}});
    let updated = setting
        .put(&format!("/api/v2/tickets/{id}"))
        .json(&comment)
        .send()
        .await
        .unwrap();
    assert_eq!(
        json_of(updated, 200).await["ticket"]["tags"],
        json!(["late"])
    );
    let comments = setting
        .get(&format!("/api/v2/tickets/{id}/comments"))
        .send()
        .await
        .unwrap();
    assert_eq!(json_of(comments, 200).await["comments"][1]["body"], "again");
    let tickets = setting.sandbox.zendesk_tickets();
    assert_eq!(tickets[0].messages, ["hello", "again"]);
    assert_eq!(tickets[0].thread_id.as_deref(), Some("t-1"));
}

#[tokio::test]
async fn a_repeated_key_is_a_hit_and_makes_no_second_ticket() {
    let setting = Setting::start().await;
    json_of(
        create(&setting, "k", &ticket("t")).send().await.unwrap(),
        201,
    )
    .await;
    let repeated = create(&setting, "k", &ticket("t")).send().await.unwrap();
    assert_eq!(repeated.headers()["x-idempotency-lookup"], "hit");
    assert_eq!(json_of(repeated, 201).await["ticket"]["id"], 1);
    let different = create(&setting, "k", &ticket("other"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        json_of(different, 400).await["error"],
        "IdempotentRequestError"
    );
    assert_eq!(setting.sandbox.zendesk_tickets().len(), 1);
}

#[tokio::test]
async fn bearer_and_an_api_token_are_taken_and_nothing_else() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .configure(|settings| settings.ticketing_token = Some("t0k3n".into()));
    let find = || setting.get("/api/v2/tickets?external_id=t");
    let refused = find().send().await.unwrap();
    assert_eq!(
        json_of(refused, 401).await["error"],
        "Couldn't authenticate you"
    );
    assert_eq!(
        status_of(find().basic_auth("agent@example.com", Some("t0k3n"))).await,
        401
    );
    assert_eq!(
        status_of(find().basic_auth("agent@example.com/token", Some("t0k3n"))).await,
        200
    );
    assert_eq!(status_of(find().bearer_auth("t0k3n")).await, 200);
}

#[tokio::test]
async fn errors_have_the_shapes_of_zendesk() {
    let setting = Setting::start().await;
    let missing = setting
        .put("/api/v2/tickets/7")
        .json(&ticket("t"))
        .send()
        .await
        .unwrap();
    assert_eq!(json_of(missing, 404).await["error"], "RecordNotFound");
    let empty = json!({"ticket": {"comment": {"body": ""}}});
    let invalid = json_of(create(&setting, "k", &empty).send().await.unwrap(), 422).await;
    assert_eq!(invalid["error"], "RecordInvalid");
    assert!(
        invalid["details"]["body"][0]["description"]
            .as_str()
            .unwrap()
            .starts_with("ticket.comment.body")
    );
    let limited = Action::Answer {
        status: 429,
        retry_after: Some(RetryAfter::Seconds(7)),
    };
    setting
        .sandbox
        .fault("zendesk", Faults::none().next([limited]));
    let limited = create(&setting, "k", &ticket("t")).send().await.unwrap();
    assert_eq!(limited.headers()["retry-after"], "7");
    assert_eq!(json_of(limited, 429).await["error"], "APIRateLimitExceeded");
}

#[tokio::test]
async fn a_closed_ticket_takes_no_comment_and_a_deleted_one_is_gone() {
    let setting = Setting::start().await;
    for thread in ["t-1", "t-2"] {
        json_of(
            create(&setting, thread, &ticket(thread))
                .send()
                .await
                .unwrap(),
            201,
        )
        .await;
    }
    let close = setting
        .put("/api/v2/tickets/1")
        .json(&json!({"ticket": {"status": "closed"}}));
    assert_eq!(status_of(close).await, 200);
    let comment = json!({"ticket": {"comment": {"body": "again"}}});
    let refused = setting
        .put("/api/v2/tickets/1")
        .json(&comment)
        .send()
        .await
        .unwrap();
    assert!(json_of(refused, 422).await["details"]["status"][0].is_object());
    assert_eq!(status_of(setting.delete("/api/v2/tickets/2")).await, 204);
    assert_eq!(
        status_of(setting.put("/api/v2/tickets/2").json(&comment)).await,
        404
    );
    let found = setting
        .get("/api/v2/tickets?external_id=t-2")
        .send()
        .await
        .unwrap();
    assert_eq!(json_of(found, 200).await["count"], 0);
    assert_eq!(setting.sandbox.zendesk_tickets()[0].messages, ["hello"]);
}

#[tokio::test]
async fn comments_are_listed_newest_first_a_page_at_a_time() {
    let setting = Setting::start().await;
    json_of(
        create(&setting, "k", &ticket("t")).send().await.unwrap(),
        201,
    )
    .await;
    for body in ["second", "third"] {
        let comment = json!({"ticket": {"comment": {"body": body, "public": false}}});
        assert_eq!(
            status_of(setting.put("/api/v2/tickets/1").json(&comment)).await,
            200
        );
    }
    let page = async |after: &str| {
        let path = format!("/api/v2/tickets/1/comments?sort=-created_at&page[size]=2{after}");
        json_of(setting.get(&path).send().await.unwrap(), 200).await
    };
    let first = page("").await;
    assert_eq!(first["comments"][0]["plain_body"], "third");
    assert_eq!(first["comments"][1]["public"], false);
    assert_eq!(first["meta"]["has_more"], true);
    let after = format!(
        "&page[after]={}",
        first["meta"]["after_cursor"].as_str().unwrap()
    );
    let second = page(&after).await;
    assert_eq!(
        (
            &second["comments"][0]["body"],
            &second["comments"][0]["public"]
        ),
        (&json!("hello"), &json!(true))
    );
    assert_eq!(second["meta"]["has_more"], false);
}

#[tokio::test]
async fn a_retry_after_at_zendesk_holds_for_the_thread_and_for_no_other() {
    let setting = Setting::start().await;
    for thread in ["t-1", "t-2"] {
        json_of(
            create(&setting, thread, &ticket(thread))
                .send()
                .await
                .unwrap(),
            201,
        )
        .await;
    }
    let limited = Action::Answer {
        status: 429,
        retry_after: Some(RetryAfter::Seconds(30)),
    };
    setting
        .sandbox
        .fault("zendesk", Faults::none().next([limited]));
    let comment = json!({"ticket": {"comment": {"body": "again"}}});
    let send = async |id: u64| {
        status_of(setting.put(&format!("/api/v2/tickets/{id}")).json(&comment)).await
    };
    assert_eq!((send(1).await, send(2).await), (429, 200));
    assert_eq!(setting.sandbox.summary().early_calls, 0);
    assert_eq!(
        status_of(setting.get("/api/v2/tickets?external_id=t-1")).await,
        200
    );
    assert_eq!(setting.sandbox.summary().early_calls, 1);
    assert_eq!(
        setting.sandbox.calls("zendesk")[2].thread_id.as_deref(),
        Some("t-1")
    );
}
