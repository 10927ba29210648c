//! The webhook's registration, as CloudFormation brings it about.

use std::time::Duration;

use e2e::stack::Stack;
use runtime::clock;
use sandbox::{Config, Faults, Sandbox, Settings};

const REGISTERS: (&str, &str) = ("RegisterWebhook", "true");

fn changed(parameter: &str, value: &str) -> stack::deployment::Parameters {
    [(parameter.to_owned(), value.to_owned())].into()
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
    let changes = changed("PublicWebhookUrl", url);
    stack.deployment.update(changes).await.unwrap();
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
async fn another_cxone_or_another_secret_is_told_with_the_update_that_names_it() {
    let mut stack = Stack::with(&[REGISTERS]).await;
    let given = "a-secret-that-the-operator-gives";
    let changes = changed("ExistingSigningSecret", given);
    stack.deployment.update(changes).await.unwrap();
    let [registered] = &stack.sandbox.webhooks()[..] else {
        panic!("the same webhook is changed")
    };
    assert_eq!(registered.headers["X-Webhook-Secret"], given);

    let another = Sandbox::start(Config::default()).await.unwrap();
    let changes = changed("CxoneBaseUrl", &another.url);
    stack.deployment.update(changes).await.unwrap();
    let [registered] = &another.webhooks()[..] else {
        panic!("one webhook is registered at the other")
    };
    assert_eq!(registered.url, stack.webhook_url());
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
