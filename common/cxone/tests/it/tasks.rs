//! Tasks over the wire: what each answer means.

use cxone::{AccessToken, ClientCredentials, Routing, RoutingTasks, Task, TaskId, Tasks};
use runtime::clock;
use sandbox::{Action, Faults, RetryAfter, Sandbox};
use serde_json::json;
use upstream::Failure;

use crate::world::{client, id, payload};

async fn mint(url: &str, secret: &str) -> Result<AccessToken, Failure> {
    let credentials: ClientCredentials =
        serde_json::from_value(json!({"client_id": "sandbox-client", "client_secret": secret}))
            .unwrap();
    client(url).mint(&credentials).await
}

async fn token(sandbox: &Sandbox) -> AccessToken {
    mint(&sandbox.url, "sandbox-client-secret")
        .await
        .unwrap_or_else(|failure| panic!("{failure}"))
}

async fn start() -> Sandbox {
    Sandbox::start(sandbox::Config::default()).await.unwrap()
}

async fn create(sandbox: &Sandbox, token: &AccessToken) -> Result<TaskId, Failure> {
    let dialect = RoutingTasks {
        path: "/api/v2/routing/tasks".into(),
    };
    let tasks = Tasks::new(client(&sandbox.url), Box::new(dialect));
    let routing = Routing {
        skills: vec!["social-support".into()],
        priority: 5,
        sentiment_polarity: "0.0000".into(),
        platform_token_version: None,
        attributes: [].into(),
    };
    let (interaction_id, payload) = (id(), payload());
    let task = Task {
        interaction_id: &interaction_id,
        payload: &payload,
        routing: &routing,
    };
    tasks
        .create(token, &interaction_id, &tasks.request(&task))
        .await
}

#[tokio::test]
async fn a_task_is_made_once_for_a_key() {
    let sandbox = start().await;
    let token = token(&sandbox).await;
    let first = create(&sandbox, &token).await.unwrap();
    assert_eq!(create(&sandbox, &token).await.unwrap(), first);
    assert_eq!(sandbox.tasks().len(), 1);
    assert_eq!(sandbox.tasks()[0].idempotency_key.as_deref(), Some("int_1"));
}

#[tokio::test]
async fn each_answer_is_what_the_contract_says() {
    let sandbox = start().await;
    let token = token(&sandbox).await;
    let cases = [
        (400, "permanent"),
        (401, "credentials"),
        (403, "forbidden"),
        (408, "retryable"),
        (409, "retryable"),
        (422, "permanent"),
        (429, "rate-limited"),
        (500, "retryable"),
        (502, "retryable"),
        (503, "retryable"),
        (504, "retryable"),
    ];
    for (status, kind) in cases {
        let answer = Action::Answer {
            status,
            retry_after: Some(RetryAfter::Seconds(7)),
        };
        sandbox.fault("cxone.tasks", Faults::none().next([answer]));
        let failure = create(&sandbox, &token).await.unwrap_err();
        assert_eq!(failure.kind(), kind, "{status}");
        assert_eq!(failure.reason().status, Some(status));
    }
    for action in [Action::Reset, Action::AnswerLost, Action::Malformed] {
        sandbox.fault("cxone.tasks", Faults::none().next([action.clone()]));
        let failure = create(&sandbox, &token).await.unwrap_err();
        assert!(
            matches!(failure, Failure::Retryable { sure: false, .. }),
            "{action:?}"
        );
    }
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let sandbox = start().await;
    let token = token(&sandbox).await;
    sandbox.configure(|settings| settings.scopes.retain(|scope| scope != "task:write"));
    let failure = create(&sandbox, &token).await.unwrap_err();
    let expected = "POST /api/v2/routing/tasks answered 403: the client lacks one of the scopes \
                    task:write, routing:write, social:read";
    assert_eq!(failure.to_string(), expected);
}

#[tokio::test]
async fn a_token_lives_for_as_long_as_the_answer_says_or_two_hours() {
    let sandbox = start().await;
    for (omit, seconds) in [(false, 600), (true, 7200)] {
        sandbox.configure(|settings| {
            settings.token_ttl_seconds = 600;
            settings.omit_expires_in = omit;
        });
        let token = token(&sandbox).await;
        assert_eq!(
            token
                .expires_at()
                .duration_since(token.issued_at())
                .as_secs(),
            seconds
        );
        assert!(token.issued_at() <= clock::now());
    }
}

#[tokio::test]
async fn refused_client_credentials_are_a_matter_of_credentials() {
    let sandbox = start().await;
    let failure = mint(&sandbox.url, "another").await.err().unwrap();
    assert_eq!(failure.kind(), "credentials");
    assert!(
        failure
            .to_string()
            .contains("client id or the client secret"),
        "{failure}"
    );
    assert!(!failure.to_string().contains("another"));
}
