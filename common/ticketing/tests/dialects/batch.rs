use sandbox::{Faults, Poison};
use serde_json::json;

use super::*;

fn three() -> Vec<Call> {
    let call = |n: u8| call(&format!("thread-{n}"), &format!("int-{n}"), "hello", None);
    [1, 2, 3].map(call).to_vec()
}

#[tokio::test]
async fn many_threads_go_in_one_call() {
    let setting = Setting::start(Dialect::SyncBatch).await;
    let outcomes = setting.tell(three()).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(setting.sandbox.calls("ticketing.batch").len(), 1);
    assert_eq!(setting.further_requests(), 0);
    assert_eq!(setting.sandbox.tickets().len(), 3);
}

#[tokio::test]
async fn interactions_of_one_thread_go_in_one_call_in_their_order() {
    let setting = Setting::start(Dialect::SyncBatch).await;
    let texts = ["one", "two", "three"];
    let calls = texts
        .map(|text| call("thread-1", text, text, None))
        .to_vec();
    assert!(setting.tell(calls).await.iter().all(Result::is_ok));
    let tickets = setting.sandbox.tickets();
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0].messages, texts);
    assert_eq!(setting.sandbox.calls("ticketing.batch").len(), 1);
}

#[tokio::test]
async fn in_a_partly_failing_batch_each_thread_has_its_own_outcome() {
    let setting = Setting::start(Dialect::SyncBatch).await;
    let poison = |status, id: &str| Poison {
        status,
        ids: [id.to_owned()].into(),
    };
    let poison = vec![poison(503, "thread-1"), poison(422, "thread-3")];
    setting.sandbox.fault(
        "ticketing.batch",
        Faults {
            poison,
            ..Faults::none()
        },
    );
    let outcomes = setting.tell(three()).await;
    let kinds: Vec<_> = outcomes.iter().map(kind).collect();
    assert_eq!(kinds, ["retryable", "told", "permanent"]);
    assert_eq!(setting.sandbox.tickets().len(), 1);

    setting.sandbox.clear_faults();
    let failed = vec![again(&three()[0])];
    assert_eq!(kind(&setting.tell(failed).await[0]), "told");
    assert_eq!(setting.sandbox.tickets().len(), 2);
}

#[test]
fn an_outcome_is_told_by_thread_and_key_and_a_missing_one_is_retryable() {
    let result = |n: u8, status: u16| {
        json!({
            "thread_id": format!("thread-{n}"), "idempotency_key": format!("int-{n}"),
            "status": status, "ticket_id": format!("ticket-{n}"),
        })
    };
    let swapped = json!({"results": [result(3, 200), result(1, 429)]});
    let (_, outcomes) = follow(Dialect::SyncBatch, three(), &[(207, swapped)]);
    let kinds: Vec<_> = outcomes.iter().map(kind).collect();
    assert_eq!(kinds, ["rate-limited", "retryable", "told"]);
    assert_eq!(outcomes[2].as_ref().unwrap(), &told("ticket-3", false));
    assert!(matches!(
        outcomes[1],
        Err(Failure::Retryable { sure: false, .. })
    ));
}

#[test]
fn an_answer_that_makes_no_sense_says_nothing_about_any_thread() {
    for body in [
        json!({}),
        json!([]),
        json!({"results": 7}),
        json!({"results": [{"status": "x"}]}),
    ] {
        let (_, outcomes) = follow(Dialect::SyncBatch, three(), &[(200, body)]);
        assert_eq!(outcomes.len(), 3);
        assert!(outcomes.iter().all(|outcome| kind(outcome) == "retryable"));
    }
}

#[test]
fn a_thread_that_the_system_holds_back_behind_a_failed_one_is_retryable() {
    let result = |n: u8, status: u16| {
        json!({
            "thread_id": format!("thread-{n}"), "idempotency_key": format!("int-{n}"),
            "status": status,
        })
    };
    let answer = json!({"results": [result(1, 422), result(2, 424), result(3, 200)]});
    let (_, outcomes) = follow(Dialect::SyncBatch, three(), &[(207, answer)]);
    assert!(matches!(
        outcomes[1],
        Err(Failure::Retryable { sure: true, .. })
    ));
}
