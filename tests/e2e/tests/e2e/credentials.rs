//! CXone refuses the client.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use e2e::payload;
use e2e::stack::{SOON, Stack};
use runtime::clock;

use crate::many;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_credentials_park_nothing_and_all_is_routed_once_they_are_mended() {
    let stack = Stack::with(&[("MaxAttempts", "2"), ("BreakerProbeSeconds", "1")]).await;
    let good = sandbox::Settings::default().client_secret;
    stack
        .sandbox
        .configure(|settings| settings.client_secret = "another".to_owned());
    stack.sandbox.revoke_tokens();
    let ids = many::accept_all(&stack, &many::webhooks(20)).await;
    stack
        .until("the breaker to open", SOON, async || {
            let gate = stack.item("upstream#cxone", "state").await?;
            gate["breaker"].get("open").cloned()
        })
        .await;
    let line = stack
        .until("the alarm's line", SOON, async || {
            let lines = stack.logs("RouteFunction").await;
            lines
                .into_iter()
                .find(|line| line.contains("CredentialsRefused"))
        })
        .await;
    assert!(line.contains("\"Stage\":\"routing\""), "{line}");
    assert_eq!(stack.sandbox.tasks().len(), 0);

    stack
        .sandbox
        .configure(|settings| settings.client_secret = good);
    many::all_have_tasks(&stack, &ids, Duration::from_secs(120)).await;
    stack.drained(SOON).await;
    many::each_is_routed_once(&stack, &ids).await;
    assert_eq!(many::parked(&stack, "routing").await, []);
    let items = many::ledger(&stack, "routing").await;
    assert!(
        items.values().all(|item| item["attempts"] == 1),
        "a refused client costs no attempt"
    );
}

#[tokio::test]
async fn a_stale_token_is_renewed_once_and_the_call_made_again() {
    let stack = Stack::start().await;
    let first = stack.accept(&payload::webhook("Where is my order?")).await;
    stack.reaches(&first, "routing", "ROUTED").await;
    stack.sandbox.revoke_tokens();
    let minted = stack.sandbox.calls("cxone.token").len();
    let second = stack.accept(&payload::webhook("And my refund?")).await;
    let item = stack.reaches(&second, "routing", "ROUTED").await;
    assert_eq!(item["attempts"], 1);
    assert_eq!(stack.sandbox.calls("cxone.token").len(), minted + 1);
}

#[tokio::test]
async fn waiting_for_a_token_in_vain_costs_no_attempt_and_leaves_nothing_in_doubt() {
    let stack = Stack::with(&[("CallTimeoutSeconds", "2"), ("BreakerProbeSeconds", "1")]).await;
    // Another function is renewing the token, and takes longer than a call may take.
    let lease = |until: i64| {
        stack
            .dynamo
            .update_item()
            .table_name(stack.table())
            .key("pk", AttributeValue::S("token#cxone".into()))
            .key("sk", AttributeValue::S("state".into()))
            .update_expression("SET lease_owner = :another, lease_until = :until")
            .expression_attribute_values(":another", AttributeValue::S("another".into()))
            .expression_attribute_values(":until", AttributeValue::N(until.to_string()))
            .send()
    };
    let now = clock::now().as_millisecond();
    lease(now + 600_000).await.unwrap();
    let id = stack.accept(&payload::webhook("Where is my order?")).await;
    let item = stack.reaches(&id, "routing", "WAITING").await;
    assert_eq!(item["attempts"], 0);
    assert!(item.get("unsure").is_none(), "CXone was never asked");

    lease(0).await.unwrap();
    let item = stack.reaches(&id, "routing", "ROUTED").await;
    assert_eq!(item["attempts"], 1);
    assert!(item.get("possible_duplicate").is_none());
}
