//! The webhook's registration, as CloudFormation brings it about.

use std::time::Duration;

use e2e::stack::Stack;
use runtime::clock;
use sandbox::{Faults, Settings};

const REGISTERS: (&str, &str) = ("RegisterWebhook", "true");

fn changed(url: &str) -> stack::deployment::Parameters {
    [("PublicWebhookUrl".to_owned(), url.to_owned())].into()
}

#[tokio::test]
async fn the_webhook_comes_with_the_stack_changes_with_it_and_goes_with_it() {
    let mut stack = Stack::with(&[REGISTERS]).await;
    let [created] = &stack.sandbox.webhooks()[..] else {
        panic!("one webhook is registered")
    };
    assert_eq!(created.url, stack.webhook_url());
    assert_eq!(created.id, stack.deployment.physical("WebhookRegistration"));

    let url = "https://social.example.com/webhook/social";
    stack.deployment.update(changed(url)).await.unwrap();
    let [updated] = &stack.sandbox.webhooks()[..] else {
        panic!("the same webhook is changed")
    };
    assert_eq!(
        (updated.id.as_str(), updated.url.as_str()),
        (created.id.as_str(), url)
    );
    assert_eq!(updated.id, stack.deployment.physical("WebhookRegistration"));

    stack.deployment.delete().await.unwrap();
    assert!(stack.sandbox.webhooks().is_empty());
}

#[tokio::test]
async fn a_client_without_the_scope_fails_the_deploy_with_a_sentence() {
    let mut settings = Settings::default();
    settings.scopes.retain(|scope| scope != "webhook:write");
    let deployed = Stack::try_with(&[REGISTERS], settings).await;
    let Err(reason) = deployed else {
        panic!("a deploy without webhook:write succeeded")
    };
    assert!(
        reason.contains("WebhookRegistration: ")
            && reason.contains("the CXone client lacks webhook:write"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_stack_is_deleted_in_good_time_although_cxone_is_down() {
    let stack = Stack::with(&[REGISTERS]).await;
    stack
        .sandbox
        .fault("cxone.token", Faults::none().outage(600_000));
    let began = clock::instant();
    stack.deployment.delete().await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(120),
        "its ServiceTimeout"
    );
    assert_eq!(stack.sandbox.webhooks().len(), 1, "it is left to a person");
    let calls = stack.sandbox.calls("cxone.token");
    assert!(
        calls.iter().any(|call| call.fault.is_some()),
        "it was tried"
    );
}
