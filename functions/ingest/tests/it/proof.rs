use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use signature::Scheme;
use tokio::time::Instant;

use crate::gateway::{CURRENT, Endpoint, PREVIOUS, Request, SCHEMES, tutorial};

#[tokio::test]
async fn both_live_secrets_are_accepted() {
    for scheme in SCHEMES {
        let endpoint = Endpoint::new(scheme).await;
        for secret in [CURRENT, PREVIOUS] {
            let request = endpoint.signed_with(secret, tutorial().to_string());
            assert_eq!(endpoint.send(request).await.status(), 202, "{scheme:?}");
        }
    }
}

#[tokio::test]
async fn a_change_of_any_byte_is_refused() {
    let body = tutorial().to_string();
    for scheme in [Scheme::Hmac, Scheme::StandardWebhooks] {
        let endpoint = Endpoint::new(scheme).await;
        let valid = endpoint.signed(&body);
        for at in 0..body.len() {
            let mut tampered = body.clone().into_bytes();
            tampered[at] ^= 1;
            let answer = endpoint.send(valid.clone().body(&tampered)).await;
            assert_eq!(answer.status(), 401, "{scheme:?} byte {at} of the body");
        }
        for end in 0..body.len() {
            let answer = endpoint
                .send(valid.clone().body(&body.as_bytes()[..end]))
                .await;
            assert_eq!(answer.status(), 401, "{scheme:?} cut at {end}");
        }
        assert!(endpoint.aws.sent().is_empty());
    }
}

#[tokio::test]
async fn a_change_of_any_byte_of_what_proves_the_sender_is_refused() {
    let body = tutorial().to_string();
    for scheme in SCHEMES {
        let endpoint = Endpoint::new(scheme).await;
        let valid = endpoint.signed(&body);
        assert_eq!(endpoint.send(valid.clone()).await.status(), 202);
        for name in [
            "x-webhook-secret",
            "x-request-signature",
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        ] {
            let Some(value) = valid.0["headers"][name].as_str() else {
                continue;
            };
            for at in 0..value.len() {
                let mut changed = value.as_bytes().to_vec();
                changed[at] ^= 1;
                let changed = String::from_utf8(changed).unwrap();
                let answer = endpoint.send(valid.clone().header(name, &changed)).await;
                assert_eq!(answer.status(), 401, "{scheme:?} byte {at} of {name}");
                let answer = endpoint
                    .send(valid.clone().header(name, &value[..at]))
                    .await;
                assert_eq!(answer.status(), 401, "{scheme:?} {name} cut at {at}");
            }
            let longer = endpoint
                .send(valid.clone().header(name, &format!("{value}0")))
                .await;
            assert_eq!(longer.status(), 401, "{scheme:?} {name}");
        }
        assert_eq!(endpoint.aws.sent().len(), 1);
    }
}

#[tokio::test]
async fn a_signature_is_verified_over_the_bytes_under_their_base64() {
    use base64::Engine as _;
    for scheme in SCHEMES {
        let endpoint = Endpoint::new(scheme).await;
        let body = tutorial().to_string();
        let mut request = endpoint.signed(&body);
        request.0["body"] = json!(base64::engine::general_purpose::STANDARD.encode(&body));
        request.0["isBase64Encoded"] = json!(true);
        assert_eq!(endpoint.send(request).await.status(), 202, "{scheme:?}");
    }
}

#[tokio::test]
async fn the_published_vectors_are_taken_by_the_handler() {
    // The bodies are no webhooks of ours: a proved sender gets 400, any other 401.
    let endpoint = Endpoint::new(Scheme::Hmac).await;
    endpoint.aws.set_secret(&json!({"current": "random"}));
    for (body, signature) in [
        (
            r#"{"foo":"bar"}"#,
            "36HN7juP6erwuhrmZelPH58M9xDaNrImKsDNi3u8Bww=",
        ),
        ("", "qXRq3V1/nR82wfT6WyNGQWZYp9ShpuSQfpvGGCZ99LI="),
    ] {
        let request = Request::new(body.as_bytes())
            .header("x-cxone-webhook", "true")
            .header("x-request-signature", signature);
        assert_eq!(endpoint.send(request.clone()).await.status(), 400, "{body}");
        let other = request.body(b"{\"foo\":\"baz\"}");
        assert_eq!(endpoint.send(other).await.status(), 401, "{body}");
    }
}

#[tokio::test]
async fn a_replay_outside_of_the_tolerance_is_refused() {
    let endpoint = Endpoint::new(Scheme::StandardWebhooks).await;
    let body = tutorial().to_string();
    for (seconds, status) in [
        (0, 202),
        (-295, 202),
        (295, 202),
        (-310, 401),
        (310, 401),
        (-86_400, 401),
    ] {
        let at = runtime::clock::now() + SignedDuration::from_secs(seconds);
        assert_eq!(send_at(&endpoint, &body, at).await, status, "{seconds} s");
    }
}

async fn send_at(endpoint: &Endpoint, body: &str, at: Timestamp) -> u64 {
    let mut request = Request::new(body.as_bytes());
    for (name, value) in endpoint.scheme.sign(CURRENT, "msg_1", at, body.as_bytes()) {
        request = request.header(name, &value);
    }
    endpoint.send(request).await.status()
}

#[tokio::test]
async fn a_stranger_makes_us_read_the_secret_at_most_once_a_second() {
    let endpoint = Endpoint::new(Scheme::Hmac).await;
    let body = tutorial().to_string();
    let began = Instant::now();
    for _ in 0..2_000 {
        let answer = endpoint.send(endpoint.signed_with("wrong", &body)).await;
        assert_eq!(answer.status(), 401);
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    assert!(
        endpoint.aws.secret_reads() <= seconds + 2,
        "{}",
        endpoint.aws.secret_reads()
    );
}

#[tokio::test]
async fn a_claim_that_no_secret_could_bear_out_reads_no_secret() {
    let endpoint = Endpoint::new(Scheme::StandardWebhooks).await;
    let body = tutorial().to_string();
    let valid = endpoint.signed(&body);
    for request in [
        valid.clone().without("x-cxone-webhook"),
        valid.clone().without("webhook-signature"),
        valid.clone().header("webhook-timestamp", "1"),
        valid.clone().header("webhook-signature", "v2,AAAA"),
    ] {
        assert_eq!(endpoint.send(request).await.status(), 401);
    }
    assert_eq!(endpoint.aws.secret_reads(), 0);
}

#[tokio::test]
async fn a_secret_newer_than_the_cache_is_accepted_at_once() {
    let endpoint = Endpoint::new(Scheme::SecretHeader).await;
    let body = tutorial().to_string();
    assert_eq!(endpoint.send(endpoint.signed(&body)).await.status(), 202);
    endpoint
        .aws
        .set_secret(&json!({"current": "the next one", "previous": CURRENT}));
    tokio::time::sleep(Duration::from_millis(1_010)).await;
    let request = endpoint.signed_with("the next one", &body);
    assert_eq!(endpoint.send(request).await.status(), 202);
    assert_eq!(endpoint.aws.secret_reads(), 2);
}

/// Three rotations in the order that `rotate-tokens` keeps, at a cache life of 200 ms, while
/// four senders send as fast as they can and a stranger tries to get the secret read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_under_load_refuses_nobody() {
    let life = Duration::from_millis(200);
    for scheme in SCHEMES {
        let endpoint = Endpoint::with(scheme, |c| c.secret_life = life).await;
        let endpoint = std::sync::Arc::new(endpoint);
        let (signing, signs_with) = tokio::sync::watch::channel(CURRENT.to_owned());
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..4 {
            let (endpoint, signs_with) = (endpoint.clone(), signs_with.clone());
            senders.spawn(async move {
                let mut accepted = 0;
                loop {
                    let secret = signs_with.borrow().clone();
                    if secret.is_empty() {
                        return accepted;
                    }
                    let body = tutorial()
                        .to_string()
                        .replace("neutral", &format!("{sender}-{accepted}"));
                    let answer = endpoint.send(endpoint.signed_with(&secret, body)).await;
                    assert_eq!(answer.status(), 202, "{scheme:?} after {accepted}");
                    accepted += 1;
                }
            });
        }
        let stranger = tokio::spawn({
            let (endpoint, signs_with) = (endpoint.clone(), signs_with.clone());
            async move {
                while !signs_with.borrow().is_empty() {
                    let body = tutorial().to_string();
                    let answer = endpoint
                        .send(endpoint.signed_with("a stranger's", body))
                        .await;
                    assert_eq!(answer.status(), 401);
                    tokio::task::yield_now().await;
                }
            }
        });
        let mut current = CURRENT.to_owned();
        for turn in 0..3 {
            let next = format!("secret of turn {turn}");
            endpoint
                .aws
                .set_secret(&json!({"current": current, "previous": next}));
            tokio::time::sleep(life + Duration::from_millis(50)).await;
            signing.send(next.clone()).unwrap();
            endpoint
                .aws
                .set_secret(&json!({"current": next, "previous": current}));
            // Deliveries signed with the former secret are still on their way.
            tokio::time::sleep(life).await;
            current = next;
        }
        signing.send(String::new()).unwrap();
        let accepted: usize = senders.join_all().await.into_iter().sum();
        stranger.await.unwrap();
        assert_eq!(endpoint.aws.sent().len(), accepted);
        assert!(accepted >= 20, "{scheme:?}: only {accepted} got through");
    }
}
