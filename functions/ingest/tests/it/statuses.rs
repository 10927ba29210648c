use serde_json::json;
use signature::Scheme;

use crate::aws::Mood;
use crate::gateway::{CURRENT, Endpoint, Request, SCHEMES, canonical, tutorial};

fn body() -> String {
    tutorial().to_string()
}

#[tokio::test]
async fn a_webhook_of_cxone_is_accepted_and_queued_under_each_scheme() {
    for scheme in SCHEMES {
        let endpoint = Endpoint::new(scheme).await;
        let answer = endpoint.send(endpoint.signed(body())).await;
        assert_eq!(answer.status(), 202, "{scheme:?} {answer:?}");
        let queued = endpoint.queued();
        let id = queued.interaction.interaction_id.as_str();
        assert_eq!(
            answer.body(),
            json!({"status": "accepted", "interaction_id": id})
        );
        assert_eq!(
            serde_json::to_value(queued.interaction.payload).unwrap(),
            tutorial()
        );
        assert!(queued.routed.is_none());
    }
}

#[tokio::test]
async fn the_canonical_event_is_accepted_with_the_right_secret() {
    let endpoint = Endpoint::new(Scheme::SecretHeader).await;
    let mut event = canonical();
    event["headers"]["x-webhook-secret"] = json!(CURRENT);
    assert_eq!(endpoint.send_event(event).await.status(), 202);
}

#[tokio::test]
async fn any_other_method_is_405_with_allow() {
    let endpoint = Endpoint::new(Scheme::SecretHeader).await;
    for method in [
        "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
    ] {
        let answer = endpoint.send(endpoint.signed(body()).method(method)).await;
        assert_eq!(
            (answer.status(), answer.header("allow")),
            (405, Some("POST")),
            "{method}"
        );
        assert_eq!(answer.problem(), "method-not-allowed");
    }
}

#[tokio::test]
async fn another_content_type_is_415() {
    let endpoint = Endpoint::new(Scheme::SecretHeader).await;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json; charset=iso-8859-1",
        "application/json,application/json",
        "",
    ] {
        let request = endpoint.signed(body()).header("content-type", content_type);
        let answer = endpoint.send(request).await;
        assert_eq!(answer.status(), 415, "{content_type}");
        assert_eq!(answer.problem(), "unsupported-media-type");
    }
    let compressed = endpoint.signed(body()).header("content-encoding", "gzip");
    assert_eq!(endpoint.send(compressed).await.status(), 415);
    let none = endpoint.signed(body()).without("content-type");
    assert_eq!(endpoint.send(none).await.status(), 415);
    for same in [
        "Application/JSON",
        "application/json;charset=UTF-8",
        "application/json; charset=\"utf-8\"; v=1",
    ] {
        let request = endpoint.signed(body()).header("content-type", same);
        assert_eq!(endpoint.send(request).await.status(), 202, "{same}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_one_at_the_limit_is_not() {
    for encode in [false, true] {
        let endpoint = Endpoint::with(Scheme::SecretHeader, |c| c.max_body_bytes = 1_000).await;
        let padded = |bytes: usize| {
            let body = body();
            let body = format!("{body}{}", " ".repeat(bytes - body.len()));
            let mut request = endpoint.signed(&body);
            if encode {
                use base64::Engine as _;
                let encoded = base64::engine::general_purpose::STANDARD.encode(&body);
                request.0["body"] = json!(encoded);
                request.0["isBase64Encoded"] = json!(true);
            }
            request
        };
        assert_eq!(endpoint.send(padded(1_000)).await.status(), 202);
        for bytes in [1_001, 1_002, 1_003, 1_004, 5_000_000] {
            let answer = endpoint.send(padded(bytes)).await;
            assert_eq!(answer.status(), 413, "{bytes}");
            assert_eq!(answer.problem(), "body-too-large");
        }
    }
}

#[tokio::test]
async fn a_body_that_grows_too_large_for_the_queue_is_413() {
    let endpoint = Endpoint::new(Scheme::SecretHeader).await;
    let mut payload = tutorial();
    // Three bytes each, and six once they are escaped.
    let noncharacters = "\u{FFFF}".repeat(60_000);
    payload["messages"] = json!(vec![tutorial()["messages"][0].clone(); 1]);
    payload["messages"][0]["text"] = json!(noncharacters);
    let body = payload.to_string();
    assert!(body.len() < 256 * 1024);
    let answer = endpoint.send(endpoint.signed(body)).await;
    assert_eq!(answer.problem(), "body-too-large");
    assert!(endpoint.aws.sent().is_empty());
}

#[tokio::test]
async fn an_unproved_sender_is_401() {
    for scheme in SCHEMES {
        let endpoint = Endpoint::new(scheme).await;
        let valid = endpoint.signed(body());
        let proof = match scheme {
            Scheme::SecretHeader => vec!["x-webhook-secret"],
            Scheme::Hmac => vec!["x-request-signature"],
            Scheme::StandardWebhooks => {
                vec!["webhook-id", "webhook-timestamp", "webhook-signature"]
            }
        };
        let mut requests: Vec<_> = proof
            .into_iter()
            .map(|name| valid.clone().without(name))
            .collect();
        requests.push(valid.clone().without("x-cxone-webhook"));
        requests.push(valid.clone().header("x-cxone-webhook", "false"));
        requests.push(endpoint.signed_with("another secret", body()));
        requests.push(endpoint.signed_with("", body()));
        requests.push(Request::new(body().as_bytes()));
        for request in requests {
            let answer = endpoint.send(request).await;
            assert_eq!(
                (answer.status(), answer.problem().as_str()),
                (401, "unauthorized")
            );
            assert!(answer.header("www-authenticate").is_some());
        }
        assert!(endpoint.aws.sent().is_empty());
    }
}

#[tokio::test]
async fn a_body_that_breaks_the_model_is_400_with_the_path_and_without_the_value() {
    let endpoint = Endpoint::new(Scheme::SecretHeader).await;
    let mut payload = tutorial();
    payload["messages"][0]["timestamp"] = json!("a customer's words");
    let answer = endpoint.send(endpoint.signed(payload.to_string())).await;
    assert_eq!(
        (answer.status(), answer.problem().as_str()),
        (400, "invalid-body")
    );
    assert_eq!(answer.body()["path"], "messages[0].timestamp");
    assert!(
        !answer.body().to_string().contains("customer"),
        "{answer:?}"
    );

    for body in ["", "not json", "[]", "{}", "null"] {
        assert_eq!(
            endpoint.send(endpoint.signed(body)).await.status(),
            400,
            "{body}"
        );
    }
    let latin1 = body()
        .replace("Test", "Tést")
        .chars()
        .map(|c| c as u8)
        .collect::<Vec<_>>();
    let answer = endpoint.send(endpoint.signed(latin1)).await;
    assert_eq!(
        (answer.status(), answer.body()["path"].as_str()),
        (400, Some("."))
    );

    let mut request = endpoint.signed(body());
    request.0["isBase64Encoded"] = json!(true);
    assert_eq!(endpoint.send(request).await.status(), 400);
    let mut request = endpoint.signed("");
    request.0.as_object_mut().unwrap().remove("body");
    assert_eq!(endpoint.send(request).await.status(), 400);
}

#[tokio::test]
async fn a_queue_that_does_not_answer_is_503_with_retry_after() {
    let endpoint = Endpoint::new(Scheme::SecretHeader).await;
    for mood in [Mood::Fails, Mood::Denies, Mood::Hangs] {
        endpoint.aws.set_queue(mood);
        let answer = endpoint.send(endpoint.signed(body())).await;
        assert_eq!(
            (answer.status(), answer.problem().as_str()),
            (503, "queue-unavailable")
        );
        assert!(
            answer
                .header("retry-after")
                .unwrap()
                .parse::<u32>()
                .unwrap()
                > 0
        );
    }
    endpoint.aws.set_queue(Mood::Works);
    assert_eq!(endpoint.send(endpoint.signed(body())).await.status(), 202);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_503_even_for_a_stranger() {
    for scheme in SCHEMES {
        for mood in [Mood::Fails, Mood::Denies] {
            let endpoint = Endpoint::new(scheme).await;
            endpoint.aws.set_secrets(mood);
            for request in [
                endpoint.signed(body()),
                endpoint.signed_with("wrong", body()),
            ] {
                let answer = endpoint.send(request).await;
                assert_eq!(
                    (answer.status(), answer.problem().as_str()),
                    (503, "signing-secret-unavailable")
                );
                assert!(answer.header("retry-after").is_some());
            }
        }
    }
    let endpoint = Endpoint::new(Scheme::SecretHeader).await;
    endpoint.aws.set_secret(&json!("not of the form"));
    assert_eq!(endpoint.send(endpoint.signed(body())).await.status(), 503);
}

#[tokio::test]
async fn the_checks_come_in_their_order() {
    // Each request has every fault of those after it as well.
    let endpoint = Endpoint::with(Scheme::SecretHeader, |c| c.max_body_bytes = 10).await;
    let faulty = Request::new(b"not json, and too long").header("content-type", "text/plain");
    assert_eq!(
        endpoint.send(faulty.clone().method("GET")).await.status(),
        405
    );
    assert_eq!(endpoint.send(faulty.clone()).await.status(), 415);
    let faulty = faulty.header("content-type", "application/json");
    assert_eq!(endpoint.send(faulty.clone()).await.status(), 413);
    let faulty = faulty.body(b"not json");
    assert_eq!(endpoint.send(faulty.clone()).await.status(), 401);
    assert_eq!(
        endpoint.send(endpoint.signed("not json")).await.status(),
        400
    );
}

#[tokio::test]
async fn what_the_gateway_lets_through_beside_the_body_does_no_harm() {
    let endpoint = Endpoint::new(Scheme::SecretHeader).await;
    for query in ["a=1&a=2", "\"<>\\^`{|}#%zz", "=&&=", "é=\u{1F600}"] {
        let mut request = endpoint.signed(body());
        request.0["rawQueryString"] = json!(query);
        request.0["queryStringParameters"] = json!({query: query});
        assert_eq!(endpoint.send(request).await.status(), 202, "{query}");
    }
    let mut request = endpoint
        .signed(body())
        .header("user-agent", "Schönste \u{1F600}");
    request.0["cookies"] = json!(["a=\u{1}", "b"]);
    assert_eq!(endpoint.send(request).await.status(), 202);
}

#[tokio::test]
async fn a_cold_start_has_the_secret_read_before_the_first_request() {
    let endpoint = Endpoint::new(Scheme::SecretHeader).await;
    endpoint.ingest.warm_up().await;
    assert_eq!(endpoint.aws.secret_reads(), 1);
    for _ in 0..5 {
        assert_eq!(endpoint.send(endpoint.signed(body())).await.status(), 202);
    }
    assert_eq!(endpoint.aws.secret_reads(), 1);
}

#[tokio::test]
async fn a_cold_start_that_cannot_read_the_secret_still_starts() {
    let endpoint = Endpoint::with(Scheme::SecretHeader, |c| {
        c.secret_life = std::time::Duration::ZERO;
    })
    .await;
    endpoint.aws.set_secrets(Mood::Denies);
    endpoint.ingest.warm_up().await;
    endpoint.aws.set_secrets(Mood::Works);
    assert_eq!(endpoint.send(endpoint.signed(body())).await.status(), 202);
}
