//! `docs/webhook.md` says which answer each bad request gets, and the README which the commonest
//! get. Each row is sent here.

use serde_json::{Value, json};
use signature::Scheme;

use crate::aws::Mood;
use crate::gateway::{CURRENT, Endpoint, Request, tutorial};

struct Row<'a> {
    request: &'a str,
    status: u64,
    problem: &'a str,
    beside: &'a str,
}

fn rows(document: &str) -> Vec<Row<'_>> {
    let table = document
        .split_once("| request | status | problem | beside it |")
        .unwrap()
        .1;
    let lines = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, request, status, problem, beside, _] = cells[..] else {
                panic!("a row has four cells: {line}");
            };
            let (status, problem) = (status.parse().unwrap(), problem.trim_matches('`'));
            Row {
                request,
                status,
                problem,
                beside,
            }
        })
        .collect()
}

fn with(pointer: &str, value: Value) -> String {
    let mut payload = tutorial();
    *payload.pointer_mut(pointer).unwrap() = value;
    payload.to_string()
}

/// The request of a row, and the scheme that it is about.
fn build(endpoint: &Endpoint, row: &str) -> Request {
    let body = tutorial().to_string();
    let valid = endpoint.signed(&body);
    let signed = |body: &str| endpoint.signed(body);
    match row {
        "any method but POST" => valid.method("DELETE"),
        "no `Content-Type`" => valid.without("content-type"),
        "a `Content-Type` other than `application/json`" => {
            valid.header("content-type", "text/json")
        }
        "a charset other than UTF-8" => {
            valid.header("content-type", "application/json; charset=latin1")
        }
        "a compressed body (`Content-Encoding`)" => valid.header("content-encoding", "br"),
        "a body over `MaxBodyBytes`" => {
            signed(&with("/messages/0/text", json!("x".repeat(262_144))))
        }
        "no `X-CXone-Webhook: true`" => valid.without("x-cxone-webhook"),
        "no secret or signature" => valid.without("webhook-signature"),
        "a wrong secret or signature" => endpoint.signed_with("wrong", &body),
        "a body changed after it was signed" => valid.body(body.replace("Test", "Best").as_bytes()),
        "a signed time more than 300 s off" => {
            let at = runtime::clock::now() - jiff::SignedDuration::from_secs(301);
            let headers = endpoint.scheme.sign(CURRENT, "msg_1", at, body.as_bytes());
            headers
                .into_iter()
                .fold(valid, |request, (name, value)| request.header(name, &value))
        }
        "the signing secret can't be read" => {
            endpoint.aws.set_secrets(Mood::Fails);
            valid
        }
        "an empty body" => signed(""),
        "a body that is not UTF-8" => endpoint.signed([body.as_bytes(), b"\xff"].concat()),
        "a body that is not JSON" => signed("contact_id=social_1"),
        "more than one JSON value" => signed(&format!("{body}{body}")),
        "deeper than 32 levels" => signed(&format!("{}{}", "[".repeat(33), "]".repeat(33))),
        "half a surrogate pair in a text" => signed(&body.replace("This is", "\\ud83d is")),
        "an array in an object's place" => signed(&with(
            "/social_profile",
            json!(["facebook", "fb_user", "Test Customer"]),
        )),
        "a field missing" => signed(&body.replace("contact_id", "contact")),
        "a field null that is required" => signed(&with("/thread_id", Value::Null)),
        "a field of another type" => signed(&with("/messages/0/from_id", json!(98_765))),
        "a field given twice" => signed(&body.replacen('{', "{\"contact_id\":\"x\",", 1)),
        "a field empty" => signed(&with("/social_profile/platform", json!(""))),
        "a field too long" => signed(&with("/social_profile/user_id", json!("x".repeat(257)))),
        "no messages" => signed(&with("/messages", json!([]))),
        "too many messages" => {
            let message = tutorial()["messages"][0].clone();
            signed(&with("/messages", json!(vec![message; 1_001])))
        }
        "a time that is not RFC 3339" => {
            signed(&with("/messages/0/timestamp", json!("2026-11-22")))
        }
        "a negative size" => signed(&with("/media_attachments/0/size_bytes", json!(-1))),
        "over 320 KiB once U+FFFE and U+FFFF are escaped" => {
            signed(&with("/messages/0/text", json!("\u{FFFE}".repeat(60_000))))
        }
        "the queue doesn't take it" => {
            endpoint.aws.set_queue(Mood::Fails);
            valid
        }
        other => panic!("no request is known for the row “{other}”"),
    }
}

#[tokio::test]
async fn each_bad_request_gets_the_answer_that_the_documents_say() {
    let mut all = rows(include_str!("../../../../docs/webhook.md"));
    assert!(all.len() > 25, "{} rows", all.len());
    all.extend(rows(include_str!("../../../../README.md")));
    for Row {
        request,
        status,
        problem,
        beside,
    } in all
    {
        let endpoint = Endpoint::new(Scheme::StandardWebhooks).await;
        let answer = endpoint.send(build(&endpoint, request)).await;
        assert_eq!(
            (answer.status(), answer.problem().as_str()),
            (status, problem),
            "{request}"
        );
        let beside = beside.replace('`', "");
        match beside.split_once(' ') {
            None if beside.is_empty() => assert!(answer.body()["path"].is_null(), "{request}"),
            None if beside == "path" => assert!(answer.body()["path"].is_string(), "{request}"),
            None => assert!(answer.header(&beside.to_lowercase()).is_some(), "{request}"),
            Some(("path", path)) => assert_eq!(answer.body()["path"], path, "{request}"),
            Some((name, value)) => {
                let name = name.trim_end_matches(':').to_lowercase();
                assert_eq!(answer.header(&name), Some(value), "{request}");
            }
        }
        assert!(endpoint.aws.sent().is_empty(), "{request}");
    }
}
