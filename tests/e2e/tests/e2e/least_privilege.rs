//! Each function needs all that its role allows: one grant at a time is taken away on the running
//! stack, and found missing.

use std::time::Duration;

use e2e::least_privilege::{Need, is_unproved, proof, proofs};
use e2e::payload;
use e2e::policy::{Grant, Policy};
use e2e::stack::{SOON, Stack};
use jiff::SignedDuration;
use reqwest::Method;
use runtime::clock;
use sandbox::{Action, Faults, RetryAfter, Settings, SocialToken};
use secrets::SecretString;
use serde_json::{Value, json};
use tokens::TokenLedger;

/// How long to wait for a denial before the need is brought about again: a request may meet the
/// killed process, and a rotation goes on where the last one stopped to wait.
const TELLS_WITHIN: Duration = Duration::from_secs(5);
const TRIES: usize = 8;

/// For how many seconds what isn't due yet is put off.
const NOT_DUE_FOR: u64 = 4;

/// A stack with every function, a ticketing credential and a platform.
async fn start() -> Stack {
    let settings = Settings {
        ticketing_token: Some("the credential".into()),
        ..Settings::default()
    };
    let parameters = [
        ("RegisterWebhook", "true"),
        ("EnableSimulator", "true"),
        ("TicketingCredentialValue", "the credential"),
        ("SecretCacheSeconds", "1"),
    ];
    let stack = Stack::with_sandbox(&parameters, settings).await;
    let expires_at = clock::now() + SignedDuration::from_hours(2);
    let url = &stack.sandbox.url;
    let secret = json!({
        "provider": "facebook", "version": "v23.0", "base_url": url,
        "client_id": "sandbox-app", "client_secret": "sandbox-app-secret",
        "access_token": "first", "expires_at": expires_at.to_string(),
    });
    let first = SocialToken {
        access_token: "first".into(),
        refresh_token: None,
        expires_in_seconds: 7200,
        age_seconds: 0,
        single_use: false,
    };
    stack.sandbox.register_social("facebook", first);
    let ledger = TokenLedger::new(stack.dynamo.clone(), stack.table());
    let prefix = format!("{}/social/", stack.deployment.stack);
    let secret = SecretString::from(secret.to_string());
    platforms::add(
        &stack.secrets,
        &ledger,
        &prefix,
        "facebook",
        &secret,
        clock::now(),
    )
    .await
    .unwrap();
    stack
}

/// A resource by its logical id, with what follows it in the ARN.
fn resource(stack: &Stack, arn: &str) -> String {
    if arn.ends_with(&format!(":secret:{}/social/*", stack.deployment.stack)) {
        return "social/*".to_owned();
    }
    let named = stack.deployment.resources.iter().find_map(|(logical, id)| {
        let name = id.rsplit(['/', ':']).next()?;
        let (before, after) = arn.split_once(name)?;
        before.ends_with(['/', ':']).then_some((logical, after))
    });
    let (logical, after) = named.unwrap_or_else(|| panic!("{arn} is no resource of the stack"));
    match after {
        _ if after.starts_with("/stream/") => format!("{logical}/stream"),
        _ if after.starts_with('/') => format!("{logical}{after}"),
        // The end of a secret's ARN, or of a log group's.
        _ => logical.clone(),
    }
}

/// A stage's queue, its dead-letter queue and the endpoint that it calls.
fn lane(stage: &str) -> (&'static str, &'static str, &'static str) {
    match stage {
        "routing" => ("RoutingQueue", "RoutingDeadLetterQueue", "cxone.tasks"),
        _ => (
            "TicketingQueue",
            "TicketingDeadLetterQueue",
            "ticketing.sync",
        ),
    }
}

fn fail_once(stack: &Stack, endpoint: &str, status: u16, retry_after: Option<RetryAfter>) {
    let failure = Action::Answer {
        status,
        retry_after,
    };
    stack
        .sandbox
        .fault(endpoint, Faults::none().next([failure]));
}

/// An interaction's id and its message, as ingest sends it, and routing after it.
fn envelope(stage: &str) -> (String, String) {
    let mut interaction = payload::webhook("Where is my order?");
    interaction["interaction_id"] = interaction["contact_id"].clone();
    interaction["received_at"] = json!(clock::now().to_string());
    let routed = json!({
        "task_id": "task-1", "skills": ["social-support"],
        "sentiment_polarity": "0.0000", "rule": "neutral",
    });
    let routed = (stage == "ticketing").then_some(routed);
    let id = interaction["interaction_id"].as_str().unwrap().to_owned();
    let message = json!({"v": 1, "interaction": interaction, "routed": routed});
    (id, message.to_string())
}

/// What CloudFormation sends as a stack is updated. The answer goes to the bucket of the code.
fn update(stack: &Stack) -> Value {
    let account = &stack.deployment.account;
    let url = format!(
        "{}/code-{}/answer?X-Amz-Credential={}",
        account.endpoint,
        account.id,
        account.credential("s3")
    );
    json!({
        "RequestType": "Update",
        "RequestId": "request-1",
        "ResponseURL": url,
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/social/1",
        "ResourceType": "Custom::WebhookRegistration",
        "LogicalResourceId": "WebhookRegistration",
        "PhysicalResourceId": stack.deployment.physical("WebhookRegistration"),
        "ResourceProperties": {"WebhookUrl": stack.webhook_url(), "WebhookAuth": "secret-header"},
    })
}

/// Brings the need about and gives what the function answered, if it answers anybody.
async fn bring_about(stack: &Stack, need: Need) -> String {
    match need {
        Need::Webhook | Need::WebhookWithoutToken | Need::FailedCall(_) => {
            match need {
                Need::WebhookWithoutToken => stack.sandbox.revoke_tokens(),
                Need::FailedCall(endpoint) => fail_once(stack, endpoint, 503, None),
                _ => {}
            }
            let body = payload::webhook("Where is my order?").to_string();
            let answer = stack.post(body.as_bytes()).await;
            answer.text().await.unwrap()
        }
        Need::DeadLetter(stage) => {
            let (_, dead_letters, _) = lane(stage);
            stack.send(dead_letters, &envelope(stage).1, &[]).await;
            String::new()
        }
        Need::EarlyDeadLetter(stage) => {
            let (queue, dead_letters, endpoint) = lane(stage);
            let (id, message) = envelope(stage);
            fail_once(stack, endpoint, 429, Some(RetryAfter::Seconds(NOT_DUE_FOR)));
            stack.send(queue, &message, &[]).await;
            let waiting = async || {
                let item = stack.ledger(&id, stage).await?;
                (item["state"] == "WAITING").then_some(())
            };
            stack.until("its call to be put off", SOON, waiting).await;
            stack.send(dead_letters, &message, &[]).await;
            String::new()
        }
        Need::BrokenDeadLetter => {
            stack.send("RoutingDeadLetterQueue", "broken", &[]).await;
            String::new()
        }
        Need::Rotation(token) => {
            let order = json!({"secret": token, "force": token.is_some()});
            let (answer, _) = stack.invoke("RotateTokensFunction", &order).await;
            answer.to_string()
        }
        Need::Registration => {
            let (answer, _) = stack
                .invoke("RegisterWebhookFunction", &update(stack))
                .await;
            answer.to_string()
        }
        Need::Simulator(path) => {
            let body = match path {
                "/send" => Some(json!({})),
                "/preview" => Some(json!({"text": "Where is my order?"})),
                _ => None,
            };
            let method = body.as_ref().map_or(Method::GET, |_| Method::POST);
            let request = stack.simulator(method, path).await;
            let request = match body {
                Some(body) => request.json(&body),
                None => request,
            };
            request.send().await.unwrap().text().await.unwrap()
        }
    }
}

/// Whether a text says that the action was denied: by its name, or by that of the call.
fn tells_of(text: &str, action: &str) -> bool {
    let (_, call) = action.split_once(':').unwrap();
    text.contains("AccessDenied") && text.contains(call)
}

async fn prove(function: &str) {
    let stack = start().await;
    let logical = format!("{function}Function");
    if let "RegisterWebhook" | "RotateTokens" = function {
        // They try again until shortly before their time-out.
        let lambda = aws_sdk_lambda::Client::new(&stack.deployment.sdk);
        let name = stack.deployment.physical(&logical);
        let shorter = lambda.update_function_configuration().function_name(name);
        shorter.timeout(18).send().await.unwrap();
    }
    let policy = Policy::read(&stack, &logical).await;
    let mut proved = 0;
    for grant in &policy.grants {
        let resource = resource(&stack, &grant.arn);
        let Some(need) = proof(function, &grant.action, &resource) else {
            assert!(
                is_unproved(function, &grant.action),
                "nothing proves {function}'s {} on {resource}",
                grant.action
            );
            continue;
        };
        policy.put(|other| other != grant).await;
        stack.kill(&logical);
        let before = stack.logs(&logical).await.len();
        let mut told = false;
        for _ in 0..TRIES {
            let answer = bring_about(&stack, need).await;
            let look = stack.until("a denial", TELLS_WITHIN * 2, async || {
                let lines = stack.logs(&logical).await;
                let texts = lines[before..].iter().chain([&answer]);
                let mut denials = texts.filter(|text| tells_of(text, &grant.action));
                denials.next().map(drop)
            });
            told = tokio::time::timeout(TELLS_WITHIN, look).await.is_ok();
            if told {
                break;
            }
        }
        assert!(told, "{function} misses no {} on {resource}", grant.action);
        policy.put(|_| true).await;
        proved += 1;
    }
    assert_eq!(proved, proofs(function).len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nothing_but_the_proved_grants_all_goes_well_on_the_emulator() {
    let stack = start().await;
    let mut needs = Vec::new();
    for (function, proofs) in e2e::least_privilege::PROVED {
        let policy = Policy::read(&stack, &format!("{function}Function")).await;
        let is_proved = |grant: &Grant| {
            let resource = resource(&stack, &grant.arn);
            proof(function, &grant.action, &resource).is_some()
        };
        policy.put(is_proved).await;
        for (.., need) in proofs {
            if !needs.contains(need) {
                needs.push(*need);
            }
        }
    }
    for need in needs {
        let answer = bring_about(&stack, need).await;
        assert!(!answer.contains("AccessDenied"), "{need:?}: {answer}");
        stack.drained(SOON).await;
    }
    let denied: Vec<_> = stack.all_logs().await;
    let denied: Vec<_> = denied
        .iter()
        .filter(|line| line.contains("AccessDenied"))
        .collect();
    assert!(denied.is_empty(), "{denied:?}");
}

macro_rules! needs_each_of_its_grants {
    ($($name:ident: $function:literal,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        #[ignore = "long: make check runs it"]
        async fn $name() {
            prove($function).await;
        }
    )*};
}

needs_each_of_its_grants! {
    ingest_needs_each_of_its_grants: "Ingest",
    route_needs_each_of_its_grants: "Route",
    ticket_sync_needs_each_of_its_grants: "TicketSync",
    redrive_needs_each_of_its_grants: "Redrive",
    rotate_tokens_needs_each_of_its_grants: "RotateTokens",
    count_sla_needs_each_of_its_grants: "CountSla",
    register_webhook_needs_each_of_its_grants: "RegisterWebhook",
    simulator_needs_each_of_its_grants: "Simulator",
}
