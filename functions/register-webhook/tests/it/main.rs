//! The custom resource over the wire: the sandbox's CXone, the emulated Secrets Manager, and a
//! server in CloudFormation's place.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::clock;
use sandbox::{Action, Faults};
use serde_json::{Value, json};

use crate::world::{NAME, SECRET, URL, World, properties};

fn id(answer: &Value) -> &str {
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    answer["PhysicalResourceId"].as_str().unwrap()
}

fn reason(answer: &Value) -> &str {
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    answer["Reason"].as_str().unwrap()
}

#[tokio::test]
async fn a_creation_registers_the_webhook_with_its_headers() {
    let world = World::start().await;
    let answer = world.create().await;
    let webhooks = world.sandbox.webhooks();
    assert_eq!(webhooks.len(), 1);
    assert_eq!(id(&answer), webhooks[0].id);
    assert_eq!(
        (webhooks[0].name.as_str(), webhooks[0].url.as_str()),
        (NAME, URL)
    );
    assert!(webhooks[0].enabled);
    assert_eq!(webhooks[0].event, "social.interaction.created");
    let headers: Vec<_> = webhooks[0]
        .headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        headers,
        [("X-CXone-Webhook", "true"), ("X-Webhook-Secret", SECRET)]
    );
}

#[tokio::test]
async fn a_scheme_without_a_secret_header_registers_none() {
    let world = World::with_secrets(&json!({"current": SECRET}), false).await;
    world.create().await;
    let headers = world.sandbox.webhooks()[0].headers.clone();
    assert_eq!(headers.keys().collect::<Vec<_>>(), ["X-CXone-Webhook"]);
}

#[tokio::test]
async fn an_update_changes_the_webhook_in_place_under_the_same_id() {
    let world = World::start().await;
    let created = world.create().await;
    let mut changed = properties("https://example.com/another");
    changed["Name"] = json!("another");
    let updated = world.update(id(&created), changed).await;
    assert_eq!(id(&updated), id(&created));
    let webhooks = world.sandbox.webhooks();
    assert_eq!(webhooks.len(), 1, "in place: at no moment two or none");
    assert_eq!(
        (webhooks[0].name.as_str(), webhooks[0].url.as_str()),
        ("another", "https://example.com/another")
    );
}

#[tokio::test]
async fn a_second_creation_is_the_same_webhook() {
    let world = World::start().await;
    let first = world.create().await;
    let second = world.create().await;
    assert_eq!(id(&second), id(&first));
    assert_eq!(world.sandbox.webhooks().len(), 1);
}

#[tokio::test]
async fn a_webhook_of_that_name_is_found_and_brought_up_to_date() {
    let world = World::start().await;
    let old = world
        .request("Create", None, properties("https://old.example.com/"))
        .await;
    let answer = world.create().await;
    assert_eq!(id(&answer), id(&old));
    assert_eq!(world.sandbox.webhooks()[0].url, URL);
    assert!(answer["Data"].is_null());
}

#[tokio::test]
async fn where_the_api_offers_no_way_to_find_or_change_it_says_what_to_check() {
    for status in [404, 405] {
        for (list, update) in [
            (Some(status), None),
            (None, Some(status)),
            (Some(status), Some(status)),
        ] {
            let world = World::start().await;
            world
                .request("Create", None, properties("https://old.example.com/"))
                .await;
            world.sandbox.configure(|settings| {
                settings.webhooks_list_status = list;
                settings.webhooks_update_status = update;
            });
            let answer = world.create().await;
            let physical_id = id(&answer).to_owned();
            let warning = answer["Data"]["Warning"].as_str().unwrap();
            assert!(warning.contains(NAME) && warning.contains(URL), "{warning}");
            assert!(warning.contains("by hand"), "{warning}");
            let updated = world.update(&physical_id, properties(URL)).await;
            assert_eq!(id(&updated), physical_id, "the id stays");
            assert_eq!(world.delete(&physical_id).await["Status"], "SUCCESS");
        }
    }
}

#[tokio::test]
async fn a_webhook_deleted_by_hand_is_created_again_by_an_update() {
    let world = World::start().await;
    let first = world.create().await;
    let first = id(&first).to_owned();
    world.delete(&first).await;
    assert!(world.sandbox.webhooks().is_empty());
    let answer = world.update(&first, properties(URL)).await;
    let now = world.sandbox.webhooks();
    assert_eq!(now.len(), 1);
    assert_eq!(id(&answer), now[0].id);
    // CloudFormation then deletes what had the former id, and the new one stays.
    assert_eq!(world.delete(&first).await["Status"], "SUCCESS");
    assert_eq!(world.sandbox.webhooks().len(), 1);
}

#[tokio::test]
async fn a_missing_scope_fails_with_its_name() {
    let world = World::start().await;
    world
        .sandbox
        .configure(|settings| settings.scopes.retain(|scope| scope != "webhook:write"));
    let answer = world.create().await;
    assert!(
        reason(&answer).contains("the CXone client lacks webhook:write"),
        "{answer}"
    );
    assert_eq!(
        world.sandbox.calls("cxone.webhooks").len(),
        1,
        "trying again wouldn't help"
    );
    let deleted = world
        .delete(answer["PhysicalResourceId"].as_str().unwrap())
        .await;
    assert_eq!(deleted["Status"], "SUCCESS");
}

#[tokio::test]
async fn refused_client_credentials_fail_with_what_to_mend() {
    let world = World::start().await;
    world
        .sandbox
        .configure(|settings| settings.client_secret = "another".into());
    let answer = world.create().await;
    assert!(
        reason(&answer).contains("client id or the client secret"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_cxone_that_is_down_fails_in_time_with_a_clear_reason() {
    let world = World::start().await.with_time_left(Duration::from_secs(20));
    for faults in [Faults::none().outage(600_000), Faults::none().hang(1.0)] {
        world.sandbox.fault("cxone.token", faults);
        let begun = clock::instant();
        let answer = world.create().await;
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{:?}",
            begun.elapsed()
        );
        assert!(reason(&answer).contains("POST /oauth/token"), "{answer}");
    }
}

#[tokio::test]
async fn a_cxone_that_stumbles_is_tried_again() {
    let world = World::start().await;
    let down = Action::Answer {
        status: 503,
        retry_after: None,
    };
    world.sandbox.fault(
        "cxone.webhooks",
        Faults::none().next([down, Action::AnswerLost]),
    );
    let answer = world.create().await;
    assert_eq!(id(&answer), world.sandbox.webhooks()[0].id);
    assert_eq!(world.sandbox.webhooks().len(), 1);
}

#[tokio::test]
async fn a_deletion_removes_the_webhook_and_a_second_one_succeeds_too() {
    let world = World::start().await;
    let created = world.create().await;
    for _ in 0..2 {
        assert_eq!(id(&world.delete(id(&created)).await), id(&created));
        assert!(world.sandbox.webhooks().is_empty());
    }
}

#[tokio::test]
async fn a_deletion_leaves_a_webhook_that_serves_another_stack_by_now() {
    let world = World::start().await;
    let created = world.create().await;
    let other = world
        .request("Create", None, properties("https://other.example.com/"))
        .await;
    assert_eq!(id(&other), id(&created));
    assert_eq!(world.delete(id(&created)).await["Status"], "SUCCESS");
    assert_eq!(
        world.sandbox.webhooks()[0].url,
        "https://other.example.com/"
    );
}

#[tokio::test]
async fn a_deletion_succeeds_whatever_is_wrong() {
    let world = World::start().await.with_time_left(Duration::from_secs(18));
    let created = world.create().await;
    let physical_id = id(&created).to_owned();
    world
        .sandbox
        .fault("cxone.token", Faults::none().outage(600_000));
    let answer = world.delete(&physical_id).await;
    assert_eq!(id(&answer), physical_id);
    assert!(
        answer["Data"]["Warning"]
            .as_str()
            .unwrap()
            .contains("by hand"),
        "{answer}"
    );
    let broken = world
        .request("Delete", Some(&physical_id), json!({"WebhookUrl": 7}))
        .await;
    assert_eq!(id(&broken), physical_id);
    world.sandbox.clear_faults();
    world
        .sandbox
        .configure(|settings| settings.client_secret = "another".into());
    assert_eq!(id(&world.delete(&physical_id).await), physical_id);
}

#[tokio::test]
async fn a_creation_that_seemed_to_fail_is_found_by_its_deletion() {
    let world = World::start().await.with_time_left(Duration::from_secs(16));
    // The webhook is made, its answer is lost, and there is no time for another try.
    world
        .sandbox
        .fault("cxone.webhooks", Faults::none().next([Action::AnswerLost]));
    let answer = world.create().await;
    assert_eq!(answer["Status"], "FAILED");
    assert_eq!(world.sandbox.webhooks().len(), 1);
    world
        .delete(answer["PhysicalResourceId"].as_str().unwrap())
        .await;
    assert!(world.sandbox.webhooks().is_empty());
}

#[tokio::test]
async fn a_mistake_in_the_properties_or_the_secret_fails_and_is_named() {
    let world = World::start().await;
    let answer = world
        .request("Create", None, json!({"WebhookUrl": "nowhere"}))
        .await;
    assert!(reason(&answer).contains("WebhookUrl"));
    let world = World::with_secrets(&json!({"courant": SECRET}), true).await;
    let answer = world.create().await;
    assert!(
        reason(&answer).contains("signing") && !reason(&answer).contains(SECRET),
        "{answer}"
    );
    assert!(world.sandbox.webhooks().is_empty());
}

#[tokio::test]
async fn an_answer_that_isnt_taken_is_delivered_again() {
    let world = World::start().await;
    world.refuse_answers(2);
    assert_eq!(world.create().await["Status"], "SUCCESS");
}

/// What is logged, so that it can be searched.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_in_an_answer_or_in_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    let logging = tracing::subscriber::set_default(subscriber);
    let world = World::start().await.with_time_left(Duration::from_secs(17));
    let created = world.create().await;
    let mut told = created.to_string();
    told += &world.create().await.to_string();
    told += &world
        .update(id(&created), properties(URL))
        .await
        .to_string();
    world.sandbox.configure(|settings| settings.scopes.clear());
    told += &world.create().await.to_string();
    told += &world.delete(id(&created)).await.to_string();
    world
        .sandbox
        .fault("cxone.token", Faults::none().outage(600_000));
    told += &world.create().await.to_string();
    drop(logging);
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("the webhook isn't registered"), "it logs");
    let own = logged
        .lines()
        .filter(|line| line.contains("register_webhook") || line.contains("cxone"));
    let own: String = own.collect();
    let mut secrets = world.sandbox.issued_tokens();
    secrets.extend([SECRET, "former", "sandbox-client-secret", "presigned"].map(str::to_owned));
    assert!(secrets.len() > 5);
    for secret in secrets {
        assert!(!told.contains(&secret), "a secret is in an answer");
        assert!(!own.contains(&secret), "a secret is in the log");
    }
}
