//! The shared access token: one refresh for all.

use aws_sdk_dynamodb::types::AttributeValue;
use cxone::{AccessToken, AccessTokens};
use futures::future::join_all;
use jiff::SignedDuration;
use runtime::clock;
use sandbox::{Action, Faults};
use secrets::ExposeSecret as _;
use upstream::Failure;

use crate::world::World;

fn text(token: &AccessToken) -> String {
    token.value().expose_secret().to_owned()
}

async fn get(tokens: &AccessTokens) -> AccessToken {
    tokens
        .get()
        .await
        .unwrap_or_else(|failure| panic!("{failure}"))
}

async fn refresh(tokens: &AccessTokens, stale: &AccessToken) -> AccessToken {
    tokens
        .refresh(stale)
        .await
        .unwrap_or_else(|failure| panic!("{failure}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_functions_that_find_no_token_mint_one() {
    let world = World::start().await;
    world
        .sandbox
        .fault("cxone.token", Faults::none().latency(200, 300));
    let functions: Vec<AccessTokens> = (0..20).map(|_| world.tokens()).collect();
    let got = join_all(functions.iter().map(get)).await;
    assert_eq!(world.mints(), 1);
    assert!(got.iter().all(|token| text(token) == text(&got[0])));
    assert_eq!(world.stored().await["access_token"], text(&got[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_token_is_refreshed_once_for_all_who_met_a_401() {
    let world = World::start().await;
    let functions: Vec<AccessTokens> = (0..10).map(|_| world.tokens()).collect();
    let stale = get(&functions[0]).await;
    join_all(functions.iter().map(get)).await;
    assert_eq!(world.mints(), 1);
    world
        .sandbox
        .fault("cxone.token", Faults::none().latency(200, 300));
    // Two at once in each function.
    let callers = functions.iter().chain(&functions);
    let fresh = join_all(callers.map(|tokens| refresh(tokens, &stale))).await;
    assert_eq!(world.mints(), 2);
    assert!(
        fresh
            .iter()
            .all(|token| text(token) == text(&fresh[0]) && text(token) != text(&stale))
    );
}

#[tokio::test]
async fn a_token_that_another_function_stored_is_taken_after_a_401_without_a_call() {
    let world = World::start().await;
    let (one, other) = (world.tokens(), world.tokens());
    let stale = get(&one).await;
    get(&other).await;
    let fresh = refresh(&one, &stale).await;
    assert_eq!(world.mints(), 2);
    assert_eq!(text(&refresh(&other, &stale).await), text(&fresh));
    assert_eq!(world.mints(), 2);
    assert_eq!(text(&get(&other).await), text(&fresh));
}

#[tokio::test]
async fn a_token_about_to_run_out_is_replaced_before_it_is_used() {
    let world = World::start().await;
    world
        .sandbox
        .configure(|settings| settings.token_ttl_seconds = 1);
    let tokens = world.tokens();
    let first = get(&tokens).await;
    // A quarter of a second is left at the most when it is taken for run out.
    let spare = SignedDuration::from_millis(250);
    while first.expires_at().duration_since(clock::now()) > spare {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_ne!(text(&get(&tokens).await), text(&first));
}

#[tokio::test]
async fn a_lease_that_its_holder_left_is_taken_over_once_it_has_run_out() {
    let world = World::start().await;
    let until = clock::now() + SignedDuration::from_secs(2);
    world
        .put_item(&[
            ("lease_owner", AttributeValue::S("one that died".into())),
            (
                "lease_until",
                AttributeValue::N(until.as_millisecond().to_string()),
            ),
            ("fence", AttributeValue::N("7".into())),
        ])
        .await;
    get(&world.tokens()).await;
    assert!(clock::now() > until, "it waited for the lease");
    assert_eq!(world.mints(), 1);
}

#[tokio::test]
async fn no_token_to_be_had_is_a_matter_of_credentials_whatever_the_cause() {
    let world = World::start().await;
    let down = Action::Answer {
        status: 503,
        retry_after: None,
    };
    world
        .sandbox
        .fault("cxone.token", Faults::none().next([down]));
    let failure = world.tokens().get().await.err().unwrap();
    assert!(matches!(failure, Failure::Credentials { .. }), "{failure}");
    world
        .sandbox
        .configure(|settings| settings.client_secret = "another".into());
    let tokens = world.tokens();
    let failures = join_all((0..5).map(|_| tokens.get())).await;
    for failure in failures {
        assert!(matches!(
            failure.err().unwrap(),
            Failure::Credentials { .. }
        ));
    }
    assert_eq!(world.mints(), 2, "those who waited share the failure");
    // Mended, it works at once.
    world
        .sandbox
        .configure(|settings| settings.client_secret = "sandbox-client-secret".into());
    get(&world.tokens()).await;
}

#[tokio::test]
async fn tokens_refused_all_day_never_fill_secrets_manager() {
    let world = World::start().await;
    let now = clock::now().as_millisecond();
    let mints = (0..60)
        .map(|_| AttributeValue::N(now.to_string()))
        .collect();
    world.put_item(&[("mints", AttributeValue::L(mints))]).await;
    let tokens = world.tokens();
    let before = world.versions().await;
    let mut token = get(&tokens).await;
    for _ in 0..3 {
        let fresh = refresh(&tokens, &token).await;
        assert_ne!(
            text(&fresh),
            text(&token),
            "it goes on with a token of its own"
        );
        token = fresh;
    }
    assert_eq!(world.versions().await, before);
    let yesterday = now - 24 * 3600 * 1000 - 1;
    let mints = (0..60)
        .map(|_| AttributeValue::N(yesterday.to_string()))
        .collect();
    world.put_item(&[("mints", AttributeValue::L(mints))]).await;
    let fresh = refresh(&tokens, &token).await;
    assert_eq!(world.stored().await["access_token"], text(&fresh));
}
