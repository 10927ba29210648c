//! The signing secret: every step, crashes between them, and a CXone that can't be told.

use jiff::SignedDuration;
use rotate_tokens::signing::{Ask, Rotation, Step};
use runtime::clock;
use serde_json::{Value, json};

use crate::world::{WEBHOOK, World, reqwest_client};

const NAME: &str = "signing-secret";

/// What is accepted, in the order current, previous.
async fn accepted(world: &World) -> (String, Option<String>) {
    let secret = world.labelled("signing", "AWSCURRENT").await.unwrap();
    let text = |name: &str| secret[name].as_str().map(str::to_owned);
    (text("current").unwrap(), text("previous"))
}

/// What CXone sends.
fn sent(world: &World) -> String {
    world.sandbox.webhooks()[0].headers["X-Webhook-Secret"].clone()
}

async fn is_sent_and_accepted(world: &World) -> bool {
    let (current, previous) = accepted(world).await;
    [Some(current), previous].contains(&Some(sent(world)))
}

/// As a deployment leaves it.
async fn registered() -> World {
    let world = World::start().await;
    let client = cxone::Client::new(reqwest_client(), &world.sandbox.url, "/oauth/token");
    let credentials = serde_json::from_value(
        json!({"client_id": "sandbox-client", "client_secret": "sandbox-client-secret"}),
    );
    let token = client.mint(&credentials.unwrap()).await.unwrap();
    let wanted = cxone::Registration {
        name: "social-interaction-ingest".into(),
        url: WEBHOOK.into(),
        secret: Some("first".to_owned().into()),
    };
    let webhooks = cxone::Webhooks::new(client, "/api/v2/webhooks");
    webhooks.create(&token, &wanted).await.unwrap();
    world
}

async fn run(world: &World, order: Value) -> rotate_tokens::Line {
    world.run(order).await.remove(0)
}

fn force() -> Value {
    json!({"secret": NAME, "force": true})
}

/// Lets the cache's life pass that a rotation waits for.
async fn let_the_wait_pass(world: &World) {
    use aws_sdk_dynamodb::types::AttributeValue;
    let update = world
        .dynamo
        .update_item()
        .table_name(crate::world::TABLE)
        .key("pk", AttributeValue::S(format!("token#{NAME}")))
        .key("sk", AttributeValue::S("state".into()))
        .update_expression("SET not_before = :past")
        .expression_attribute_values(":past", AttributeValue::N("1".into()));
    update.send().await.unwrap();
}

#[tokio::test]
async fn a_rotation_publishes_waits_registers_and_then_makes_it_current() {
    let world = registered().await;
    let line = run(&world, force()).await;
    assert_eq!(
        (line.state, line.rotated),
        (Some("ROTATING"), false),
        "{:?}",
        line.reason
    );
    let (current, next) = accepted(&world).await;
    assert_eq!(current, "first");
    let next = next.unwrap();
    assert_eq!(sent(&world), "first");
    let not_before = world.ledger.read(NAME).await.unwrap().not_before.unwrap();
    assert!(
        not_before >= clock::now() + SignedDuration::from_secs(60),
        "one cache life"
    );

    let line = run(&world, json!({"secret": NAME})).await;
    assert_eq!(line.state, Some("ROTATING"), "it waits");
    assert_eq!(sent(&world), "first");

    let_the_wait_pass(&world).await;
    let line = run(&world, json!({"secret": NAME})).await;
    assert_eq!(
        (line.state, line.rotated),
        (Some("OK"), true),
        "{:?}",
        line.reason
    );
    assert_eq!(accepted(&world).await, (next.clone(), Some("first".into())));
    assert_eq!(sent(&world), next);
    assert_eq!(world.sandbox.webhooks()[0].url, WEBHOOK);
    assert!(world.labelled("signing", "AWSPENDING").await.is_none());
    let line = run(&world, json!({"secret": NAME})).await;
    assert_eq!((line.state, line.rotated), (Some("OK"), false));
}

#[tokio::test]
async fn a_crash_after_any_step_refuses_no_delivery_and_the_rotation_goes_on() {
    for steps in 0..9 {
        let world = registered().await;
        let ask = Ask {
            at: clock::now(),
            force: true,
            registered: false,
        };
        let mut rotation = Rotation::begin(&world.function.tools, &world.function.signing)
            .await
            .unwrap();
        rotation.look(ask).await.unwrap();
        let mut done = Vec::new();
        for _ in 0..steps {
            let step = rotation.step().await.unwrap();
            done.push(step);
            if step == Step::Wait {
                let_the_wait_pass(&world).await;
                drop(rotation);
                world.let_lease_run_out(NAME).await;
                let begun = Rotation::begin(&world.function.tools, &world.function.signing);
                rotation = begun.await.unwrap();
                rotation
                    .look(Ask {
                        force: false,
                        ..ask
                    })
                    .await
                    .unwrap();
            }
            assert!(is_sent_and_accepted(&world).await, "{done:?}");
        }
        drop(rotation);
        world.let_lease_run_out(NAME).await;
        let mut line = run(&world, force()).await;
        for _ in 0..3 {
            let_the_wait_pass(&world).await;
            line = run(&world, json!({"secret": NAME})).await;
            assert!(is_sent_and_accepted(&world).await, "{done:?}");
        }
        assert_eq!(line.state, Some("OK"), "{done:?}: {:?}", line.reason);
        let (current, _) = accepted(&world).await;
        assert_eq!(sent(&world), current, "{done:?}");
        assert_ne!(current, "first", "{done:?}");
        world.end();
    }
}

#[tokio::test]
async fn where_cxone_cant_be_told_a_person_is_and_both_are_accepted_meanwhile() {
    let world = registered().await;
    world
        .sandbox
        .configure(|settings| settings.webhooks_update_status = Some(405));
    run(&world, force()).await;
    let_the_wait_pass(&world).await;
    let line = run(&world, json!({"secret": NAME})).await;
    assert_eq!(line.state, Some("REAUTH_REQUIRED"));
    let reason = line.reason.unwrap();
    assert!(
        reason.contains("AWSPENDING") && reason.contains("registered"),
        "{reason}"
    );
    assert!(is_sent_and_accepted(&world).await);

    let next = accepted(&world).await.1.unwrap();
    let line = run(&world, json!({"secret": NAME, "registered": true})).await;
    assert_eq!(
        (line.state, line.rotated),
        (Some("OK"), true),
        "{:?}",
        line.reason
    );
    assert_eq!(accepted(&world).await, (next, Some("first".into())));
}

#[tokio::test]
async fn a_cxone_that_is_down_is_told_later() {
    let world = registered().await;
    run(&world, force()).await;
    let_the_wait_pass(&world).await;
    world
        .sandbox
        .fault("cxone.webhooks", sandbox::Faults::none().outage(60_000));
    let line = run(&world, json!({"secret": NAME})).await;
    assert_eq!(line.state, Some("ROTATING"), "{:?}", line.reason);
    assert!(line.reason.unwrap().contains("503"));
    assert_eq!(sent(&world), "first");
    world.sandbox.clear_faults();
    let line = run(&world, json!({"secret": NAME})).await;
    assert_eq!(line.state, Some("OK"), "{:?}", line.reason);
}

#[tokio::test]
async fn a_token_that_cxone_no_longer_knows_is_renewed_once_to_tell_it() {
    let world = registered().await;
    world.rotate("cxone").await;
    run(&world, force()).await;
    let_the_wait_pass(&world).await;
    world.sandbox.revoke_tokens();
    let line = run(&world, json!({"secret": NAME})).await;
    assert_eq!(line.state, Some("OK"), "{:?}", line.reason);
}

#[tokio::test]
async fn no_signing_secret_is_in_a_report_or_in_the_ledger() {
    let world = registered().await;
    let mut said = serde_json::to_string(&run(&world, force()).await).unwrap();
    let (current, next) = accepted(&world).await;
    let_the_wait_pass(&world).await;
    said += &serde_json::to_string(&run(&world, force()).await).unwrap();
    said += &world.ledger_text().await;
    assert!(!said.contains(&next.unwrap()) && !said.contains(&format!("\"{current}\"")));
}
