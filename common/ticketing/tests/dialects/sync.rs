use sandbox::{Action, Faults, Poison};
use serde_json::json;

use super::*;

#[test]
fn a_sync_has_the_contracts_body_and_key() {
    let (requests, _) = follow(
        Dialect::Sync,
        vec![call("thread-1", "int-1", "hello", None)],
        &[(200, json!({}))],
    );
    assert_eq!(requests[0].idempotency_key.as_deref(), Some("int-1"));
    let body = json!({
        "thread_id": "thread-1",
        "contact_id": "contact-int-1",
        "messages": ["hello"],
        "attachments": ["https://example.com/int-1.png"],
        "sync_timestamp": "2026-11-22T09:48:01Z",
        "interaction_id": "int-1",
        "task_id": "task-int-1",
        "skills": ["social-escalation", "sentiment-negative"],
        "sentiment_polarity": "-0.7184",
    });
    assert_eq!(requests[0].body, Some(body));
}

#[tokio::test]
async fn a_sync_makes_a_ticket_and_a_second_one_adds_to_it() {
    let setting = Setting::start(Dialect::Sync).await;
    let first = setting
        .tell_one(call("thread-1", "int-1", "hello", None))
        .await;
    let second = setting
        .tell_one(call("thread-1", "int-2", "anybody?", None))
        .await;
    assert_eq!(ticket(&first), ticket(&second));
    let tickets = setting.sandbox.tickets();
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0].messages, ["hello", "anybody?"]);
    assert_eq!(tickets[0].task_ids, ["task-int-1", "task-int-2"]);
}

#[tokio::test]
async fn a_sync_whose_answer_was_lost_is_sent_again_to_the_letter() {
    let setting = Setting::start(Dialect::Sync).await;
    let next = vec![Action::AnswerLost];
    setting.sandbox.fault(
        "ticketing.sync",
        Faults {
            next,
            ..Faults::none()
        },
    );
    let first = call("thread-1", "int-1", "hello", None);
    assert_eq!(kind(&setting.tell_one(first.clone()).await), "retryable");
    assert_eq!(kind(&setting.tell_one(again(&first)).await), "told");
    assert_eq!(setting.sandbox.tickets()[0].messages, ["hello"]);
}

#[tokio::test]
async fn each_refusal_says_what_to_fix() {
    let setting = Setting::start(Dialect::Sync).await;
    let expected = [
        (401, "credentials", "TicketingCredentialValue"),
        (403, "forbidden", "right to"),
        (404, "permanent", "TicketingUrl"),
        (413, "permanent", "MaxBodyBytes"),
        (422, "permanent", "required fields"),
        (429, "rate-limited", "rate limit"),
        (503, "retryable", "Service Unavailable"),
    ];
    for (status, expected_kind, fix) in expected {
        let poison = vec![Poison {
            status,
            ids: ["int-1".to_owned()].into(),
        }];
        setting.sandbox.fault(
            "ticketing.sync",
            Faults {
                poison,
                ..Faults::none()
            },
        );
        let outcome = setting
            .tell_one(call("thread-1", "int-1", "hello", None))
            .await;
        assert_eq!(kind(&outcome), expected_kind, "{status}");
        let reason = reason(&outcome);
        assert!(
            reason.contains(fix) && reason.contains("POST /api/v1/sync"),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn a_422_names_the_field_that_the_system_refused() {
    let setting = Setting::start(Dialect::Sync).await;
    let outcome = setting.tell_one(call("thread-1", "int-1", "", None)).await;
    assert_eq!(kind(&outcome), "permanent");
    assert!(
        reason(&outcome).ends_with("not valid there: messages"),
        "{}",
        reason(&outcome)
    );
}
