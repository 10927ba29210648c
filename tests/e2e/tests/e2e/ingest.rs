//! The webhook's answers, through the gateway and the deployed function.

use e2e::payload::{self, NEUTRAL};
use e2e::stack::{SOON, Stack};
use futures::future::join_all;
use reqwest::header::{ALLOW, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use signature::Scheme;

async fn signing_secret(stack: &Stack) -> String {
    let secret: Value = serde_json::from_str(&stack.secret("SigningSecret").await).unwrap();
    secret["current"].as_str().unwrap().to_owned()
}

/// The headers that CXone sends under the default scheme.
async fn headers(stack: &Stack) -> Vec<(&'static str, String)> {
    let now = runtime::clock::now();
    let mut headers = Scheme::SecretHeader.sign(&signing_secret(stack).await, "", now, b"");
    headers.push(("content-type", "application/json".to_owned()));
    headers
}

async fn send(
    stack: &Stack,
    method: &Method,
    headers: &[(&'static str, String)],
    body: Vec<u8>,
) -> Response {
    let request = Client::new().request(method.clone(), stack.webhook_url());
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, value)
    });
    request.body(body).send().await.unwrap()
}

/// The last part of a problem's `type`, and its `path`.
async fn problem(answer: Response) -> (StatusCode, String, Value) {
    let status = answer.status();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let text = answer.text().await.unwrap();
    let body: Value = serde_json::from_str(&text).unwrap();
    let kind = body["type"].as_str().unwrap();
    let name = kind
        .strip_prefix("urn:cxone-social:problem:")
        .unwrap()
        .to_owned();
    (status, name, body["path"].clone())
}

#[tokio::test]
async fn each_bad_request_gets_its_answer_and_none_gets_any_further() {
    let stack = Stack::start().await;
    let valid = headers(&stack).await;
    let body = payload::webhook(NEUTRAL);
    let bytes = body.to_string().into_bytes();
    let post = Method::POST;
    let changed = |name: &str, value: Option<&str>| {
        let mut headers = valid.clone();
        headers.retain(|(n, _)| *n != name);
        headers.extend(value.map(|value| {
            let name = valid.iter().find(|(n, _)| *n == name).unwrap().0;
            (name, value.to_owned())
        }));
        headers
    };

    // The emulator answers OPTIONS by itself; the function's own tests send it.
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = send(&stack, &method, &valid, Vec::new()).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.headers()[ALLOW], "POST", "{method}");
    }
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let answer = send(
            &stack,
            &post,
            &changed("content-type", content_type),
            bytes.clone(),
        )
        .await;
        let expected = (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type".to_owned(),
        );
        let (status, name, _) = problem(answer).await;
        assert_eq!((status, name), expected, "{content_type:?}");
    }
    for (size, status) in [
        (262_144, StatusCode::BAD_REQUEST),
        (262_145, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let answer = send(&stack, &post, &valid, vec![b' '; size]).await;
        assert_eq!(answer.status(), status, "{size}");
    }
    for name in ["x-cxone-webhook", "x-webhook-secret"] {
        for value in [None, Some("wrong")] {
            let answer = send(&stack, &post, &changed(name, value), bytes.clone()).await;
            let (status, kind, _) = problem(answer).await;
            assert_eq!(
                (status, kind.as_str()),
                (StatusCode::UNAUTHORIZED, "unauthorized"),
                "{name}"
            );
        }
    }
    let mut wrong = body.clone();
    wrong["messages"][0]["timestamp"] = json!("soon");
    let cases: [(Vec<u8>, Value); 5] = [
        (
            wrong.to_string().into_bytes(),
            json!("messages[0].timestamp"),
        ),
        (b"not json".to_vec(), json!(".")),
        (b"[]".to_vec(), json!(".")),
        (Vec::new(), json!(".")),
        (vec![b'['; 100_000], json!(".")),
    ];
    for (body, path) in cases {
        let (status, kind, at) = problem(send(&stack, &post, &valid, body).await).await;
        assert_eq!(
            (status, kind.as_str()),
            (StatusCode::BAD_REQUEST, "invalid-body")
        );
        assert_eq!(at, path);
    }

    // One that is accepted comes out at the other end, and nothing else ever did.
    let id = stack.accept(&body).await;
    stack.reaches(&id, "routing", "ROUTED").await;
    stack.drained(SOON).await;
    assert_eq!(stack.sandbox.tasks().len(), 1);
}

#[tokio::test]
async fn each_scheme_takes_what_its_sender_signed_and_nothing_else() {
    for scheme in ["hmac", "standard-webhooks"] {
        let stack = Stack::with(&[("WebhookAuth", scheme)]).await;
        let body = payload::webhook(NEUTRAL);
        let id = stack.accept(&body).await;
        let own_id = id.starts_with("delivery-");
        assert_eq!(own_id, scheme == "standard-webhooks", "{id}");
        stack.reaches(&id, "routing", "ROUTED").await;

        let scheme: Scheme = scheme.parse().unwrap();
        let (secret, bytes) = (signing_secret(&stack).await, body.to_string().into_bytes());
        let now = runtime::clock::now();
        let mut signed = scheme.sign(&secret, "evt-1", now, &bytes);
        signed.push(("content-type", "application/json".to_owned()));
        let mut tampered = bytes.clone();
        let at = tampered.iter().position(|b| *b == b'T').unwrap();
        tampered[at] = b'B';
        let answer = send(&stack, &Method::POST, &signed, tampered).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{scheme:?}");
        let answer = send(&stack, &Method::POST, &signed, bytes.clone()).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{scheme:?}");

        if scheme == Scheme::StandardWebhooks {
            let long_ago = now - jiff::SignedDuration::from_secs(301);
            let mut replayed = scheme.sign(&secret, "evt-2", long_ago, &bytes);
            replayed.push(("content-type", "application/json".to_owned()));
            let answer = send(&stack, &Method::POST, &replayed, bytes).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn an_event_delivered_many_times_at_once_is_one_interaction() {
    let stack = Stack::start().await;
    let mut headers = headers(&stack).await;
    headers.push(("webhook-id", "evt:4711".to_owned()));
    let body = payload::webhook(NEUTRAL).to_string().into_bytes();
    let deliveries = (0..6).map(|_| send(&stack, &Method::POST, &headers, body.clone()));
    for answer in join_all(deliveries).await {
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(
            answer,
            json!({"status": "accepted", "interaction_id": "evt:4711"})
        );
    }
    stack.reaches("evt:4711", "ticketing", "SYNCED").await;
    stack.drained(SOON).await;
    assert_eq!(stack.sandbox.tasks().len(), 1);
}

#[tokio::test]
async fn any_text_reaches_cxone_as_it_came() {
    let stack = Stack::start().await;
    let text = " \u{0}\u{1}\u{7f}\u{FFFE}\u{FFFF}\u{1FFFE} e\u{301} \u{1F468}\u{200D}\u{1F469} \"\\</script>\r\n ";
    let mut body = payload::webhook(text);
    body["social_profile"]["platform"] = json!("Ein neues Netz \u{1F600}");
    body["unknown"] = json!({"deep": [[[{"a": null}]]]});
    let id = stack.accept(&body).await;
    stack.reaches(&id, "routing", "ROUTED").await;
    let tasks = stack.sandbox.tasks();
    assert_eq!(tasks[0].body["socialData"]["messages"][0]["text"], text);
    assert_eq!(
        tasks[0].body["socialData"]["socialProfile"]["platform"],
        "Ein neues Netz \u{1F600}"
    );
}

#[tokio::test]
async fn the_largest_body_goes_through_the_whole_chain() {
    let stack = Stack::start().await;
    let mut body = payload::webhook(&"a".repeat(65_536));
    let one = body["messages"][0].clone();
    body["messages"] = json!(vec![one; 4]);
    let over = body.to_string().len() - 262_144;
    body["messages"][3]["text"] = json!("a".repeat(65_536 - over));
    assert_eq!(body.to_string().len(), 262_144);
    let id = stack.accept(&body).await;
    stack.reaches(&id, "routing", "ROUTED").await;
    stack.reaches(&id, "ticketing", "SYNCED").await;
    let sent = &stack.sandbox.tasks()[0].body["socialData"]["messages"];
    assert_eq!(sent[3]["text"], body["messages"][3]["text"]);
}

#[tokio::test]
async fn without_its_secret_or_its_queue_the_webhook_is_503_and_never_401() {
    let stack = Stack::start().await;
    let (valid, body) = (
        headers(&stack).await,
        payload::webhook(NEUTRAL).to_string().into_bytes(),
    );
    let queue = stack.deployment.physical("RoutingQueue");
    stack
        .sqs
        .delete_queue()
        .queue_url(queue)
        .send()
        .await
        .unwrap();
    let answer = send(&stack, &Method::POST, &valid, body.clone()).await;
    assert!(answer.headers().contains_key(RETRY_AFTER));
    let (status, kind, _) = problem(answer).await;
    assert_eq!(
        (status, kind.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "queue-unavailable")
    );

    let secret = stack.deployment.physical("SigningSecret");
    let delete = stack.secrets.delete_secret().secret_id(secret);
    delete
        .force_delete_without_recovery(true)
        .send()
        .await
        .unwrap();
    stack.kill("IngestFunction");
    for name in ["x-webhook-secret", "user-agent"] {
        let mut headers = valid.clone();
        let wrong = |(n, value): (&'static str, String)| {
            (n, if n == name { "wrong".into() } else { value })
        };
        headers = headers.into_iter().map(wrong).collect();
        let answer = send(&stack, &Method::POST, &headers, body.clone()).await;
        assert!(answer.headers().contains_key(RETRY_AFTER));
        let (status, kind, _) = problem(answer).await;
        let expected = (
            StatusCode::SERVICE_UNAVAILABLE,
            "signing-secret-unavailable",
        );
        assert_eq!((status, kind.as_str()), expected);
    }
}

#[tokio::test]
async fn a_new_secret_and_a_new_process_refuse_nobody() {
    let stack = Stack::start().await;
    let (old, body) = (
        headers(&stack).await,
        payload::webhook(NEUTRAL).to_string().into_bytes(),
    );
    let accepted = async |headers: &[(&'static str, String)]| {
        let answer = send(&stack, &Method::POST, headers, body.clone()).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
    };
    accepted(&old).await;
    let secret = json!({"current": "the next secret", "previous": signing_secret(&stack).await});
    let put = stack
        .secrets
        .put_secret_value()
        .secret_id(stack.deployment.physical("SigningSecret"));
    put.secret_string(secret.to_string()).send().await.unwrap();
    stack.kill("IngestFunction");
    let new = headers(&stack).await;
    for _ in 0..3 {
        accepted(&old).await;
        accepted(&new).await;
    }
}
