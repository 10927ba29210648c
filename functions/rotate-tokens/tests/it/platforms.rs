//! How an operator adds a platform, and what is asked of the function by hand.

use std::time::Duration;

use rotate_tokens::Order;
use runtime::clock;
use secrets::SecretString;
use serde_json::{Value, json};

use crate::world::{PREFIX, World, platform_secret};

async fn add(world: &World, name: &str, json: &Value) -> Result<platforms::Added, String> {
    let json = SecretString::from(json.to_string());
    let added = platforms::add(
        &world.secrets,
        &world.ledger,
        PREFIX,
        name,
        &json,
        clock::now(),
    );
    added.await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_platform_is_added_in_one_step_and_the_next_run_looks_after_it() {
    let world = World::start().await;
    world.add("facebook", "pages", "first").await;
    let lines = world.run(json!({})).await;
    assert_eq!(
        lines
            .iter()
            .map(|line| line.name.as_str())
            .collect::<Vec<_>>(),
        ["cxone", "signing-secret", "pages"]
    );

    let mut secret = platform_secret("instagram", &world.sandbox.url, "token");
    secret.as_object_mut().unwrap().remove("issued_at");
    let added = add(&world, "photos", &secret).await.unwrap();
    assert_eq!(added.secret, "test/social/photos");
    assert!(!added.replaced);
    let stored = world.labelled(&added.secret, "AWSCURRENT").await.unwrap();
    assert!(
        stored["issued_at"].is_string(),
        "a token whose age isn't told is as old as the step"
    );
    assert!(add(&world, "photos", &secret).await.unwrap().replaced);
    assert_eq!(world.ledger.platforms().await.unwrap(), ["pages", "photos"]);
}

#[tokio::test]
async fn a_platform_that_can_only_fail_isnt_added() {
    let world = World::start().await;
    let good = platform_secret("facebook", &world.sandbox.url, "hunter2-token");
    for name in ["", "cxone", "signing-secret", "Face Book", "a/b"] {
        assert!(
            add(&world, name, &good).await.unwrap_err().contains("name"),
            "{name}"
        );
    }
    for (field, value) in [
        ("provider", json!("mys-pace")),
        ("access_token", json!("")),
        ("expires_at", json!("soon")),
        ("client_id", json!(null)),
        ("base_url", json!("graph.example.com")),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let error = add(&world, "facebook", &bad).await.unwrap_err();
        assert!(
            error.contains(field) && !error.contains("hunter2"),
            "{error}"
        );
    }
    assert!(world.ledger.platforms().await.unwrap().is_empty());
    assert!(
        world
            .labelled("test/social/facebook", "AWSCURRENT")
            .await
            .is_none()
    );
}

#[tokio::test]
async fn a_platform_whose_secret_is_broken_later_calls_a_person_and_stops_no_other() {
    let world = World::start().await;
    world.add("facebook", "facebook", "first").await;
    world.add("instagram", "instagram", "first").await;
    let put = world
        .secrets
        .put_secret_value()
        .secret_id("test/social/facebook");
    put.secret_string("hunter2").send().await.unwrap();
    world.ledger.add_platform("gone").await.unwrap();
    let lines = world.run(json!({})).await;
    let state = |name: &str| lines.iter().find(|line| line.name == name).unwrap().clone();
    assert_eq!(state("facebook").state, Some("REAUTH_REQUIRED"));
    let reason = state("facebook").reason.unwrap();
    assert!(
        reason.contains("test/social/facebook") && !reason.contains("hunter2"),
        "{reason}"
    );
    assert_eq!(state("gone").state, Some("REAUTH_REQUIRED"));
    assert_eq!(state("instagram").state, Some("OK"));
    assert_eq!(state("cxone").state, Some("OK"));
}

#[tokio::test]
async fn an_order_for_a_token_that_isnt_there_names_those_that_are() {
    let world = World::start().await;
    let order = Order {
        secret: Some("myspace".into()),
        ..Order::default()
    };
    let error = world
        .function
        .handle(order, Some(Duration::from_secs(30)))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no token named myspace; there are cxone, signing-secret"
    );
    assert!(serde_json::from_value::<Order>(json!({"secret": "x", "froce": true})).is_err());
}
