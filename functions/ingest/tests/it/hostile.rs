//! The corpus, and ten thousand bodies generated from it and from nothing, against the real
//! handler. `make fuzz` runs it longer, by `PROPTEST_CASES`. What ever fails is kept in
//! `hostile.proptest-regressions` and tried first; what is worth keeping joins the corpus.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use serde_json::{Value, json};
use signature::Scheme;
use tokio::runtime::Runtime;

use crate::gateway::{Endpoint, tutorial};

/// The bodies of `tests/corpus`, each with the status that its name begins with.
static CORPUS: LazyLock<Vec<(u64, Vec<u8>)>> = LazyLock::new(|| {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        (
            name.split_once('-').unwrap().0.parse().unwrap(),
            std::fs::read(path).unwrap(),
        )
    };
    files.into_iter().map(read).collect()
});

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => mutated_json(),
        3 => mutated_bytes(),
        1 => vec(any::<u8>(), 0..400),
        1 => json_like().prop_map(String::into_bytes),
        1 => arbitrary_json(4).prop_map(|value| value.to_string().into_bytes()),
    ]
}

fn arbitrary_json(depth: u32) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(json!("2026-11-22T09:48:00Z")),
        Just(json!("\u{FFFE}\u{FFFF}\u{0}")),
    ];
    leaf.prop_recursive(depth, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec(("[a-z_]{0,12}", inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The tutorial's payload with a few of its values replaced by anything, or taken out.
fn mutated_json() -> impl Strategy<Value = Vec<u8>> {
    let change = (0..POINTERS.len(), proptest::option::of(arbitrary_json(3)));
    vec(change, 1..4).prop_map(|changes| {
        let mut value = tutorial();
        for (at, to) in changes {
            let (parent, key) = POINTERS[at].rsplit_once('/').unwrap();
            match (value.pointer_mut(parent), to) {
                (Some(Value::Object(parent)), Some(to)) => drop(parent.insert(key.into(), to)),
                (Some(Value::Object(parent)), None) => drop(parent.remove(key)),
                _ => (),
            }
        }
        value.to_string().into_bytes()
    })
}

const POINTERS: [&str; 14] = [
    "/contact_id",
    "/thread_id",
    "/social_profile",
    "/social_profile/platform",
    "/social_profile/avatar_url",
    "/messages",
    "/messages/0/text",
    "/messages/0/from_id",
    "/messages/0/timestamp",
    "/media_attachments",
    "/media_attachments/0/url",
    "/media_attachments/0/size_bytes",
    "/event_timestamp",
    "/unknown",
];

/// A body of the corpus with bytes replaced, put in, taken out or doubled.
fn mutated_bytes() -> impl Strategy<Value = Vec<u8>> {
    let change = (0..4, any::<proptest::sample::Index>(), any::<u8>());
    (0..CORPUS.len(), vec(change, 1..6)).prop_map(|(seed, changes)| {
        let mut body = CORPUS[seed].1.clone();
        for (kind, at, byte) in changes {
            let at = at.index(body.len().max(1));
            match kind {
                _ if body.is_empty() => body.push(byte),
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                2 => drop(body.remove(at)),
                _ => body.extend_from_within(at..),
            }
        }
        body
    })
}

/// Text of JSON's own marks, nested to any depth.
fn json_like() -> impl Strategy<Value = String> {
    prop_oneof![
        r#"[\[\]{}:,"\\ 0-9eE.+\-truefalsn]{0,200}"#,
        (1..3_000_usize).prop_map(|n| "[".repeat(n)),
        (1..3_000_usize).prop_map(|n| "{\"messages\":".repeat(n)),
        (1..500_usize).prop_map(|n| format!("{}1{}", "[".repeat(n), "]".repeat(n))),
    ]
}

/// The runtime and the endpoints live as long as the test; a new one for each body would only
/// measure how fast sockets open.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

#[test]
fn each_body_of_the_corpus_gets_the_status_of_its_name() {
    assert!(CORPUS.len() >= 30);
    for scheme in crate::gateway::SCHEMES {
        let endpoint = RUNTIME.block_on(Endpoint::new(scheme));
        for (status, body) in &*CORPUS {
            let answer = RUNTIME.block_on(endpoint.send(endpoint.signed(body)));
            assert_eq!(
                answer.status(),
                *status,
                "{}",
                String::from_utf8_lossy(body)
            );
            assert!(!answer.body().to_string().contains("secret"), "{answer:?}");
        }
    }
}

#[test]
fn no_body_makes_us_panic_or_answer_5xx() {
    let endpoint = RUNTIME.block_on(Endpoint::new(Scheme::Hmac));
    let config = ProptestConfig {
        cases: ProptestConfig::default().cases.max(10_000),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/it/hostile.proptest-regressions",
        ))),
        ..ProptestConfig::default()
    };
    let (mut accepted, mut refused) = (0, 0);
    let counts = std::cell::RefCell::new((&mut accepted, &mut refused));
    TestRunner::new(config)
        .run(&bodies(), |body| {
            let answer = RUNTIME.block_on(endpoint.send(endpoint.signed(&body)));
            let mut counts = counts.borrow_mut();
            match answer.status() {
                202 => *counts.0 += 1,
                400 | 413 => {
                    *counts.1 += 1;
                    prop_assert!(
                        answer.problem() == "invalid-body" || answer.problem() == "body-too-large"
                    );
                    prop_assert!(answer.body()["detail"].as_str().unwrap().len() < 200);
                }
                other => prop_assert!(false, "{} for {:?}", other, String::from_utf8_lossy(&body)),
            }
            Ok(())
        })
        .unwrap();
    // Bodies of both kinds have been tried, so the test can fail either way.
    assert!(
        accepted > 100 && refused > 1_000,
        "{accepted} accepted, {refused} refused"
    );
    assert_eq!(endpoint.aws.sent().len(), accepted);
}

#[test]
fn no_header_makes_us_panic_or_answer_5xx() {
    for scheme in crate::gateway::SCHEMES {
        let endpoint = RUNTIME.block_on(Endpoint::new(scheme));
        let names = proptest::sample::select(vec![
            "content-type",
            "content-encoding",
            "x-cxone-webhook",
            "x-webhook-secret",
            "x-request-signature",
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "traceparent",
            "x-amzn-trace-id",
            "host",
        ]);
        let config = ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(500)
        };
        TestRunner::new(config)
            .run(&vec((names, "[ -~é]{0,60}"), 1..4), |headers| {
                let mut request = endpoint.signed(tutorial().to_string());
                for (name, value) in headers {
                    request = request.header(name, &value);
                }
                let status = RUNTIME.block_on(endpoint.send(request)).status();
                prop_assert!([202, 401, 415].contains(&status), "{}", status);
                Ok(())
            })
            .unwrap();
    }
}
