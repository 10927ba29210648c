//! Everything that can be rotated is, every few seconds, while interactions come in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::payload;
use e2e::stack::{SOON, Stack};
use futures::stream::{self, StreamExt as _};
use jiff::SignedDuration;
use runtime::clock;
use sandbox::SocialToken;
use secrets::SecretString;
use serde_json::{Value, json};
use signature::Scheme;
use tokens::TokenLedger;

use crate::many;

const INTERACTIONS: usize = 2000;
const PLATFORMS: [&str; 3] = ["facebook", "forum", "x"];

/// Makes each platform's first token known to the sandbox, and adds the platform as an operator
/// does.
async fn add_platforms(stack: &Stack) {
    let url = &stack.sandbox.url;
    let client = json!({"client_id": "sandbox-app", "client_secret": "sandbox-app-secret"});
    for name in PLATFORMS {
        let access_token = format!("{name}-first-token");
        let mut secret = match name {
            "facebook" => json!({"provider": "facebook", "version": "v23.0", "base_url": url}),
            "x" => json!({"provider": "x", "refresh_token": "x-first-refresh", "base_url": url}),
            _ => json!({
                "provider": "token_rotation",
                "refresh_endpoint": format!("{url}/social/{name}/rotate"),
            }),
        };
        let fields = secret.as_object_mut().unwrap();
        fields.extend(client.as_object().unwrap().clone());
        fields.insert("access_token".into(), access_token.clone().into());
        let expires_at = clock::now() + SignedDuration::from_hours(2);
        fields.insert("expires_at".into(), expires_at.to_string().into());
        stack.sandbox.register_social(
            name,
            SocialToken {
                access_token,
                refresh_token: Some("x-first-refresh".into()),
                expires_in_seconds: 7200,
                age_seconds: 0,
                single_use: true,
            },
        );
        let ledger = TokenLedger::new(stack.dynamo.clone(), stack.table());
        let prefix = format!("{}/social/", stack.deployment.stack);
        let json = SecretString::from(secret.to_string());
        platforms::add(&stack.secrets, &ledger, &prefix, name, &json, clock::now())
            .await
            .unwrap();
    }
}

/// What CXone sends with a delivery now.
fn registered_secret(stack: &Stack) -> String {
    stack.sandbox.webhooks()[0].headers["X-Webhook-Secret"].clone()
}

/// Delivers a webhook as CXone does, with the secret that it was last told.
async fn deliver(stack: &Stack, body: &Value) -> String {
    let body = body.to_string();
    let send = async || {
        let secret = registered_secret(stack);
        let headers = Scheme::SecretHeader.sign(&secret, "", clock::now(), body.as_bytes());
        let request = stack
            .request()
            .header("content-type", "application/json")
            .body(body.clone());
        let request = headers.into_iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        request.send().await.unwrap()
    };
    stack.accepted(send).await
}

/// How often each was rotated, and every signing secret that was registered.
#[derive(Default)]
struct Rotations {
    counts: BTreeMap<String, usize>,
    signing_secrets: BTreeSet<String>,
}

impl Rotations {
    /// Rotates whatever may be rotated now. CXone then forgets the tokens that it gave out before.
    async fn round(&mut self, stack: &Stack) {
        let order = json!({"force": true});
        let (report, failure) = stack.invoke("RotateTokensFunction", &order).await;
        stack.sandbox.revoke_former_tokens();
        assert_eq!(failure, None, "{report}");
        for line in report["tokens"].as_array().unwrap() {
            assert_ne!(line["state"], "REAUTH_REQUIRED", "{line}");
            if line["rotated"] == true {
                *self
                    .counts
                    .entry(line["name"].as_str().unwrap().to_owned())
                    .or_default() += 1;
            }
        }
        self.signing_secrets.insert(registered_secret(stack));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_interactions_are_routed_while_everything_rotates_every_few_seconds() {
    let stack = Stack::with(&[("RegisterWebhook", "true"), ("SecretCacheSeconds", "1")]).await;
    add_platforms(&stack).await;
    let first = deliver(&stack, &payload::webhook("Where is my order?")).await;
    stack.reaches(&first, "routing", "ROUTED").await;

    let bodies = many::webhooks(INTERACTIONS);
    let mut rotations = Rotations::default();
    rotations.signing_secrets.insert(registered_secret(&stack));
    let delivered = AtomicBool::new(false);
    let delivering = async {
        let deliveries = stream::iter(&bodies)
            .map(|body| deliver(&stack, body))
            .buffered(10);
        let ids: Vec<String> = deliveries.collect().await;
        delivered.store(true, Ordering::Relaxed);
        ids
    };
    let rotating = async {
        let mut pause = tokio::time::interval(Duration::from_secs(2));
        while !delivered.load(Ordering::Relaxed) {
            pause.tick().await;
            rotations.round(&stack).await;
        }
    };
    let (ids, ()) = tokio::join!(delivering, rotating);
    many::all_have_tasks(&stack, &ids, Duration::from_secs(120)).await;
    stack.drained(SOON).await;

    let all: Vec<String> = [vec![first], ids].concat();
    many::each_is_routed_once(&stack, &all).await;
    let items = many::ledger(&stack, "routing").await;
    assert!(
        items.values().all(|item| item["attempts"] == 1),
        "no call failed"
    );
    no_call_failed_but_for_one_retry_after_a_401(&stack);

    for name in ["cxone", "signing-secret"].iter().chain(&PLATFORMS) {
        let count = rotations.counts.get(*name).copied().unwrap_or_default();
        assert!(count >= 3, "{name} was rotated {count} times");
    }
    for name in PLATFORMS {
        assert_eq!(stack.sandbox.summary().social[name].reuses, 0, "{name}");
    }
    no_token_is_shown(&stack, &rotations.signing_secrets).await;
}

fn no_call_failed_but_for_one_retry_after_a_401(stack: &Stack) {
    let mut statuses: BTreeMap<String, Vec<Option<u16>>> = BTreeMap::new();
    for call in stack.sandbox.calls("cxone.tasks") {
        statuses
            .entry(call.idempotency_key.unwrap())
            .or_default()
            .push(call.status);
    }
    let mut retried = 0;
    for (key, statuses) in statuses {
        match statuses.as_slice() {
            [Some(200 | 201)] => {}
            [Some(401), Some(200 | 201)] => retried += 1,
            other => panic!("{key}: {other:?}"),
        }
    }
    assert!(retried > 0, "CXone did forget tokens that were in use");
}

async fn no_token_is_shown(stack: &Stack, signing_secrets: &BTreeSet<String>) {
    let mut secrets = stack.sandbox.issued_tokens();
    secrets.extend(signing_secrets.iter().cloned());
    secrets.extend(["sandbox-client-secret", "sandbox-app-secret"].map(str::to_owned));
    let mut shown = stack.all_logs().await.join("\n");
    shown.extend(
        stack
            .sandbox
            .tasks()
            .iter()
            .map(|task| task.body.to_string()),
    );
    shown.extend(stack.items("").await.iter().map(ToString::to_string));
    for secret in secrets {
        assert!(
            !shown.contains(&secret),
            "a token is in a log, a task or the ledger"
        );
        let end = &secret[secret.len().saturating_sub(12)..];
        assert!(
            !shown.contains(end),
            "a part of a token is in a log, a task or the ledger"
        );
    }
}
