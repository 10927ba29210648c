use serde_json::{Value, json};

use crate::{Setting, json_of, status_of, task_body};

const GRANT: &str = "grant_type=client_credentials";

#[tokio::test]
async fn a_token_is_minted_for_the_right_client_only() {
    let setting = Setting::start().await;
    let minted = setting
        .mint("sandbox-client", "sandbox-client-secret", GRANT)
        .send()
        .await
        .unwrap();
    let body = json_of(minted, 200).await;
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&json!("bearer"), &json!(7200))
    );
    let refused = setting
        .mint("sandbox-client", "wrong", GRANT)
        .send()
        .await
        .unwrap();
    assert_eq!(json_of(refused, 401).await["error"], "invalid_client");
}

#[tokio::test]
async fn a_token_request_of_another_form_is_refused() {
    let setting = Setting::start().await;
    let mint = |form| {
        setting
            .mint("sandbox-client", "sandbox-client-secret", form)
            .send()
    };
    let refused = mint("grant_type=password").await.unwrap();
    assert_eq!(
        json_of(refused, 400).await["error"],
        "unsupported_grant_type"
    );
    assert_eq!(
        json_of(mint("").await.unwrap(), 400).await["error"],
        "invalid_request"
    );
    let as_json = setting
        .post("/oauth/token")
        .json(&json!({"grant_type": "client_credentials"}));
    assert_eq!(status_of(as_json).await, 400);
}

#[tokio::test]
async fn expires_in_can_be_left_out() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .configure(|settings| settings.omit_expires_in = true);
    let minted = setting
        .mint("sandbox-client", "sandbox-client-secret", GRANT)
        .send()
        .await
        .unwrap();
    assert!(json_of(minted, 200).await.get("expires_in").is_none());
}

#[tokio::test]
async fn an_unknown_an_expired_and_a_revoked_token_are_refused() {
    let setting = Setting::start().await;
    let body = task_body("i");
    assert_eq!(status_of(setting.task("unknown", "i", &body)).await, 401);
    assert_eq!(
        status_of(setting.post("/api/v2/routing/tasks").json(&body)).await,
        401
    );
    let token = setting.token().await;
    assert_eq!(status_of(setting.task(&token, "i", &body)).await, 201);
    setting.sandbox.revoke_tokens();
    assert_eq!(status_of(setting.task(&token, "i", &body)).await, 401);
    setting
        .sandbox
        .configure(|settings| settings.token_ttl_seconds = 0);
    let token = setting.token().await;
    assert_eq!(status_of(setting.task(&token, "i", &body)).await, 401);
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    setting
        .sandbox
        .configure(|settings| settings.scopes.retain(|scope| scope != "routing:write"));
    let refused = setting
        .task(&token, "i", &task_body("i"))
        .send()
        .await
        .unwrap();
    let body = json_of(refused, 403).await;
    assert_eq!(body["scope"], "routing:write");
    assert!(body["message"].as_str().unwrap().contains("routing:write"));
}

#[tokio::test]
async fn a_task_is_kept_as_it_was_sent() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    let body = task_body("i-1");
    let created = json_of(
        setting.task(&token, "i-1", &body).send().await.unwrap(),
        201,
    )
    .await;
    let tasks = setting.sandbox.tasks();
    assert_eq!(tasks.len(), 1);
    assert_eq!(created["id"], tasks[0].id.as_str());
    assert_eq!(tasks[0].body, body);
    assert_eq!(tasks[0].interaction_id.as_deref(), Some("i-1"));
    assert_eq!(tasks[0].skills, ["social-support", "sentiment-neutral"]);
}

/// A task with another value at a JSON pointer, or none.
fn task_with(pointer: &str, value: Option<Value>) -> Value {
    let mut body = task_body("i");
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match (value, body.pointer_mut(parent).unwrap()) {
        (Some(value), Value::Array(items)) => items[name.parse::<usize>().unwrap()] = value,
        (Some(value), parent) => parent[name] = value,
        (None, parent) => drop(parent.as_object_mut().unwrap().remove(name)),
    }
    body
}

#[tokio::test]
async fn each_wrong_field_of_a_task_is_refused_with_its_path() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    for (pointer, value, status) in [
        ("/type", Some(json!("voice")), 422),
        ("/priority", Some(json!("5")), 400),
        ("/routingData/routingType", None, 400),
        ("/routingData/routingSkills", Some(json!([])), 400),
        ("/routingData/routingSkills/1", Some(json!(1)), 400),
        ("/socialData/contactId", Some(json!("")), 400),
        ("/socialData/socialProfile/platform", None, 400),
        ("/socialData/messages", Some(json!([])), 400),
        (
            "/socialData/messages/0/timestamp",
            Some(json!("2026-11-22T09:48:00")),
            422,
        ),
        ("/socialData/messages/0/text", Some(json!(null)), 400),
        ("/socialData/mediaAttachments/0/size", Some(json!(-1)), 400),
        (
            "/customAttributes/sentiment_polarity",
            Some(json!(-0.7)),
            400,
        ),
        (
            "/customAttributes/sentiment_polarity",
            Some(json!("bad")),
            422,
        ),
        ("/customAttributes/platform_token_version", None, 400),
        (
            "/customAttributes/platform_token_version",
            Some(json!("123456789")),
            422,
        ),
        ("/customAttributes/language", Some(json!(7)), 400),
        ("/extra", Some(json!(1)), 400),
    ] {
        let body = task_with(pointer, value);
        let refused = setting.task(&token, "i", &body).send().await.unwrap();
        let path = pointer[1..]
            .replace("/0", "[0]")
            .replace("/1", "[1]")
            .replace('/', ".");
        assert_eq!(json_of(refused, status).await["path"], path);
    }
    let text = setting
        .post("/api/v2/routing/tasks")
        .bearer_auth(&token)
        .body("{}");
    assert_eq!(status_of(text).await, 415);
    assert!(setting.sandbox.tasks().is_empty());
}

#[tokio::test]
async fn the_start_of_a_platform_token_is_no_token_version() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    setting
        .sandbox
        .register_social("facebook", crate::social::first_token("EAABsbCS1iHgBA"));
    let mut body = task_body("i");
    body["customAttributes"]["platform_token_version"] = "EAABsbCS".into();
    assert_eq!(status_of(setting.task(&token, "i", &body)).await, 422);
}

#[tokio::test]
async fn a_repeated_key_makes_no_second_task() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    let created = json_of(
        setting
            .task(&token, "k", &task_body("i"))
            .send()
            .await
            .unwrap(),
        201,
    )
    .await;
    let repeated = json_of(
        setting
            .task(&token, "k", &task_body("i"))
            .send()
            .await
            .unwrap(),
        200,
    )
    .await;
    assert_eq!(created["id"], repeated["id"]);
    assert_eq!(
        status_of(setting.task(&token, "k", &task_body("other"))).await,
        422
    );
    assert_eq!(setting.sandbox.tasks().len(), 1);
    assert_eq!(setting.sandbox.summary().duplicate_tasks, 0);
}

#[tokio::test]
async fn a_key_in_flight_is_a_conflict() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    setting
        .sandbox
        .fault("cxone.tasks", sandbox::Faults::none().latency(300, 300));
    let body = task_body("i");
    let (first, second) = tokio::join!(
        status_of(setting.task(&token, "k", &body)),
        status_of(setting.task(&token, "k", &body))
    );
    let mut statuses = [first, second];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    setting.sandbox.clear_faults();
    assert_eq!(status_of(setting.task(&token, "k", &body)).await, 200);
}

#[tokio::test]
async fn a_system_that_ignores_the_key_makes_duplicates_and_they_are_counted() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    setting
        .sandbox
        .configure(|settings| settings.honour_idempotency_key = false);
    for _ in 0..3 {
        assert_eq!(
            status_of(setting.task(&token, "k", &task_body("i"))).await,
            201
        );
    }
    assert_eq!(setting.sandbox.summary().duplicate_tasks, 2);
    let duplicates = setting.sandbox.duplicates();
    assert_eq!(duplicates.len(), 1);
    assert_eq!(duplicates[0].task_ids.len(), 3);
}

fn registration(name: &str) -> Value {
    json!({
        "name": name,
        "url": "https://example.com/webhook/social",
        "enabled": true,
        "event": "social.interaction.created",
        "headers": {"X-CXone-Webhook": "true"}
    })
}

#[tokio::test]
async fn a_webhook_is_registered_once_by_name_listed_changed_and_deleted() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    let create = || {
        setting
            .post("/api/v2/webhooks")
            .bearer_auth(&token)
            .json(&registration("ingest"))
    };
    let created = json_of(create().send().await.unwrap(), 201).await;
    assert_eq!(status_of(create()).await, 409);

    let mut changed = registration("ingest");
    changed["url"] = "https://example.com/new".into();
    let path = format!("/api/v2/webhooks/{}", created["id"].as_str().unwrap());
    assert_eq!(
        status_of(setting.put(&path).bearer_auth(&token).json(&changed)).await,
        200
    );
    let listed = json_of(
        setting
            .get("/api/v2/webhooks")
            .bearer_auth(&token)
            .send()
            .await
            .unwrap(),
        200,
    )
    .await;
    assert_eq!(listed["entities"][0]["url"], "https://example.com/new");
    assert_eq!(listed["entities"][0]["id"], created["id"]);

    assert_eq!(
        status_of(setting.delete(&path).bearer_auth(&token)).await,
        204
    );
    assert_eq!(
        status_of(setting.delete(&path).bearer_auth(&token)).await,
        404
    );
    assert_eq!(
        status_of(setting.put(&path).bearer_auth(&token).json(&changed)).await,
        404
    );
}

#[tokio::test]
async fn webhooks_need_their_scope() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .configure(|settings| settings.scopes.retain(|scope| scope != "webhook:write"));
    let token = setting.token().await;
    let create = setting
        .post("/api/v2/webhooks")
        .bearer_auth(&token)
        .json(&registration("ingest"));
    assert_eq!(
        json_of(create.send().await.unwrap(), 403).await["scope"],
        "webhook:write"
    );
}

#[tokio::test]
async fn listing_and_changing_webhooks_can_be_left_unoffered() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    setting.sandbox.configure(|settings| {
        settings.webhooks_list_status = Some(405);
        settings.webhooks_update_status = Some(404);
    });
    assert_eq!(
        status_of(setting.get("/api/v2/webhooks").bearer_auth(&token)).await,
        405
    );
    let change = setting
        .put("/api/v2/webhooks/webhook-1")
        .bearer_auth(&token)
        .json(&registration("ingest"));
    assert_eq!(status_of(change).await, 404);
}

#[tokio::test]
async fn a_wrong_registration_is_refused_with_its_path() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    for (field, value, path) in [
        ("url", json!("not a url"), "url"),
        ("enabled", json!("yes"), "enabled"),
        ("headers", json!({"X": 1}), "headers.X"),
        ("secret", json!("x"), "secret"),
    ] {
        let mut body = registration("ingest");
        body[field] = value;
        let refused = setting
            .post("/api/v2/webhooks")
            .bearer_auth(&token)
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = refused.status().as_u16();
        assert_eq!(json_of(refused, status).await["path"], path);
        assert!(status == 400 || status == 422);
    }
}
