//! Each provider: one call for all, and what its refusals lead to.

use std::time::Duration;

use futures::future::join_all;
use jiff::SignedDuration;
use rotate_tokens::{Function, Order};
use runtime::clock;
use sandbox::{Action, Faults};
use serde_json::json;
use tokens::CXONE;

use crate::world::{KINDS, World, is_recent};

async fn add_all(world: &World) {
    for (kind, name) in KINDS {
        world.add(kind, name, &first(name)).await;
    }
}

fn first(name: &str) -> String {
    format!("{name}-first")
}

async fn twenty_at_once(world: &World, order: &Order) {
    let functions: Vec<Function> = (0..20).map(|_| world.another_function()).collect();
    let runs = functions
        .iter()
        .map(|function| function.handle(order.clone(), Some(Duration::from_secs(60))));
    for report in join_all(runs).await {
        report.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_concurrent_invocations_make_one_call_to_each_provider() {
    let world = World::start().await;
    add_all(&world).await;
    // Slow enough for all of them to meet.
    for (_, name) in KINDS {
        world
            .sandbox
            .fault(&format!("social.{name}"), Faults::none().latency(300, 400));
    }
    world
        .sandbox
        .fault("cxone.token", Faults::none().latency(300, 400));
    twenty_at_once(&world, &Order::default()).await;
    for (kind, name) in KINDS {
        assert_eq!(
            world.sandbox.calls(&format!("social.{name}")).len(),
            1,
            "{kind}"
        );
        assert!(world.current_works(name).await, "{kind}");
        assert_ne!(world.current(name).await, first(name), "{kind}");
    }
    assert_eq!(world.sandbox.calls("cxone.token").len(), 1);
    assert!(!world.current(CXONE).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_people_who_rotate_by_hand_at_once_make_one_call() {
    let world = World::start().await;
    world.add("facebook", "facebook", "first").await;
    let order = Order {
        secret: Some("facebook".into()),
        force: true,
        ..Order::default()
    };
    world
        .sandbox
        .fault("social.facebook", Faults::none().latency(300, 400));
    twenty_at_once(&world, &order).await;
    assert_eq!(world.sandbox.calls("social.facebook").len(), 1);
    // One who asks afterwards is served.
    let again = world
        .run(json!({"secret": "facebook", "force": true}))
        .await
        .remove(0);
    assert!(again.rotated);
    assert_eq!(world.sandbox.calls("social.facebook").len(), 2);
}

#[tokio::test]
async fn a_rotated_token_is_left_alone_until_it_is_due_again() {
    let world = World::start().await;
    add_all(&world).await;
    let first = world.run(json!({})).await;
    assert!(
        first.iter().all(|line| line.state == Some("OK")),
        "{first:?}"
    );
    assert_eq!(
        first.iter().filter(|line| line.rotated).count(),
        KINDS.len() + 1
    );
    let second = world.run(json!({})).await;
    assert!(
        second
            .iter()
            .all(|line| !line.rotated && line.state == Some("OK")),
        "{second:?}"
    );
    for (_, name) in KINDS {
        let record = world.ledger.read(name).await.unwrap();
        assert!(record.rotated_at.is_some_and(is_recent));
        assert!(record.expires.is_some_and(|at| at > clock::now()));
    }
}

#[tokio::test]
async fn the_label_of_the_former_token_is_awsprevious() {
    let world = World::start().await;
    world.add("facebook", "facebook", "first").await;
    world.rotate("facebook").await;
    let secret = crate::world::secret_of("facebook");
    let former = world.labelled(&secret, "AWSPREVIOUS").await.unwrap();
    assert_eq!(former["access_token"], "first");
    assert!(world.labelled(&secret, "AWSPENDING").await.is_none());
    let current = world.labelled(&secret, "AWSCURRENT").await.unwrap();
    assert_eq!(current["client_secret"], "sandbox-app-secret");
}

#[tokio::test]
async fn a_provider_that_is_down_leaves_the_token_expiring_and_the_next_run_rotates_it() {
    for (kind, name) in KINDS {
        for status in [503, 429] {
            let world = World::start().await;
            world.add(kind, name, "first").await;
            let down = Action::Answer {
                status,
                retry_after: None,
            };
            world
                .sandbox
                .fault(&format!("social.{name}"), Faults::none().next([down]));
            let line = world.rotate(name).await;
            assert_eq!(
                line.state,
                Some("EXPIRING"),
                "{kind} {status}: {:?}",
                line.reason
            );
            assert!(
                line.reason
                    .is_some_and(|reason| reason.contains(&status.to_string()))
            );
            let line = world.rotate(name).await;
            assert_eq!(line.state, Some("OK"), "{kind} {status}: {:?}", line.reason);
            assert!(world.current_works(name).await);
            assert_eq!(world.reuses(name), 0);
        }
    }
}

#[tokio::test]
async fn a_lost_answer_of_a_single_use_refresh_calls_a_person_and_is_never_repeated() {
    for (kind, name) in [("x", "x"), ("token_rotation", "forum")] {
        for fault in [Action::AnswerLost, Action::Malformed] {
            let world = World::start().await;
            world.add(kind, name, "first").await;
            world
                .sandbox
                .fault(&format!("social.{name}"), Faults::none().next([fault]));
            for _ in 0..3 {
                let line = world.rotate(name).await;
                assert_eq!(line.state, Some("REAUTH_REQUIRED"), "{:?}", line.reason);
            }
            assert_eq!(world.sandbox.calls(&format!("social.{name}")).len(), 1);
            assert_eq!(world.reuses(name), 0);
        }
    }
}

#[tokio::test]
async fn a_lost_answer_of_a_repeatable_exchange_is_asked_for_again() {
    for (kind, name) in [("facebook", "facebook"), ("instagram", "instagram")] {
        let world = World::start().await;
        world.add(kind, name, "first").await;
        let endpoint = format!("social.{name}");
        world
            .sandbox
            .fault(&endpoint, Faults::none().next([Action::AnswerLost]));
        assert_eq!(world.rotate(name).await.state, Some("EXPIRING"));
        assert_eq!(world.rotate(name).await.state, Some("OK"));
        assert!(world.current_works(name).await);
    }
}

#[tokio::test]
async fn a_refused_token_calls_a_person_once_and_isnt_sent_again_by_itself() {
    for (kind, name) in KINDS {
        let world = World::start().await;
        world.add(kind, name, "first").await;
        world.sandbox.revoke_social(name);
        for _ in 0..2 {
            let line = world.rotate(name).await;
            assert_eq!(
                line.state,
                Some("REAUTH_REQUIRED"),
                "{kind}: {:?}",
                line.reason
            );
            assert!(line.reason.is_some(), "{kind}");
        }
        assert_eq!(
            world.sandbox.calls(&format!("social.{name}")).len(),
            1,
            "{kind}"
        );
        world.add(kind, name, "second").await;
        let line = world.rotate(name).await;
        assert_eq!(line.state, Some("OK"), "{kind}: {:?}", line.reason);
        assert!(world.current_works(name).await, "{kind}");
    }
}

#[tokio::test]
async fn metas_code_is_in_the_reason_and_its_words_are_not() {
    let world = World::start().await;
    world.add("facebook", "facebook", "first").await;
    world.sandbox.revoke_social("facebook");
    let reason = world.rotate("facebook").await.reason.unwrap();
    assert!(reason.contains("code 190/460"), "{reason}");
    assert!(!reason.contains("validating"), "{reason}");
}

#[tokio::test]
async fn metas_tokens_that_have_run_out_and_instagrams_that_are_too_young_arent_sent() {
    let now = clock::now();
    let expired = json!({"expires_at": (now - SignedDuration::from_mins(1)).to_string()});
    for name in ["facebook", "instagram"] {
        let world = World::start().await;
        world.add_with(name, name, "first", expired.clone()).await;
        let line = world.rotate(name).await;
        assert_eq!(line.state, Some("REAUTH_REQUIRED"), "{:?}", line.reason);
        assert!(world.sandbox.calls(&format!("social.{name}")).is_empty());
    }
    let world = World::start().await;
    let young = json!({"issued_at": (now - SignedDuration::from_hours(23)).to_string()});
    world
        .add_with("instagram", "instagram", "first", young)
        .await;
    let line = world
        .run(json!({"secret": "instagram", "force": true}))
        .await
        .remove(0);
    assert_eq!(line.state, Some("EXPIRING"), "{:?}", line.reason);
    assert!(line.reason.unwrap().contains("24 hours"));
    assert!(world.sandbox.calls("social.instagram").is_empty());
}

#[tokio::test]
async fn refused_client_credentials_call_a_person_and_are_tried_again_once_mended() {
    let world = World::start().await;
    world
        .sandbox
        .configure(|settings| settings.client_secret = "another".into());
    let line = world.rotate(CXONE).await;
    assert_eq!(line.state, Some("REAUTH_REQUIRED"));
    assert!(line.reason.unwrap().contains("client secret"));
    world
        .sandbox
        .configure(|settings| settings.client_secret = "sandbox-client-secret".into());
    let line = world.rotate(CXONE).await;
    assert_eq!(line.state, Some("OK"), "{:?}", line.reason);
}

#[tokio::test]
async fn no_token_is_in_a_report_or_in_the_ledger() {
    let world = World::start().await;
    add_all(&world).await;
    let mut said = serde_json::to_string(&world.run(json!({})).await).unwrap();
    for (kind, name) in KINDS {
        world
            .add(kind, name, "first-token-that-is-registered")
            .await;
        world.sandbox.revoke_social(name);
    }
    said += &serde_json::to_string(&world.run(json!({"force": true})).await).unwrap();
    said += &world.ledger_text().await;
    let issued = world.sandbox.issued_tokens();
    assert!(issued.len() > 2 * KINDS.len());
    for token in issued.iter().filter(|token| token.len() > 8) {
        assert!(
            !said.contains(&token[token.len() - 8..]),
            "a token's end is shown"
        );
        assert!(!said.contains(token.as_str()), "a token is shown");
    }
    assert!(!said.contains("sandbox-app-secret") && !said.contains("sandbox-client-secret"));
}
