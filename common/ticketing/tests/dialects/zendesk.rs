use sandbox::{Action, Faults};
use serde_json::json;

use super::*;

const FIND: &str = "GET /api/v2/tickets?external_id=…";
const CREATE: &str = "POST /api/v2/tickets";
const LOOK: &str = "GET /api/v2/tickets/{id}/comments";
const COMMENT: &str = "PUT /api/v2/tickets/{id}";

fn first() -> Call {
    call("thread-1", "int-1", "hello", None)
}

#[tokio::test]
async fn a_thread_is_a_ticket_and_its_later_messages_are_comments() {
    let setting = Setting::start(Dialect::Zendesk).await;
    let made = setting.tell_one(first()).await;
    let id = ticket(&made);
    let later = call("thread-1", "int-2", "anybody?", Some(&id));
    assert_eq!(setting.tell_one(later).await.unwrap(), told(&id, false));
    let tickets = setting.sandbox.zendesk_tickets();
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0].thread_id.as_deref(), Some("thread-1"));
    assert!(tickets[0].messages[0].contains("hello"));
    assert!(tickets[0].messages[1].contains("anybody?"));
    assert_eq!(
        setting.sandbox.calls("zendesk").len(),
        3,
        "search, creation, comment"
    );
    assert_eq!(
        setting.further_requests(),
        1,
        "every request but a call's first takes a slot"
    );
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_makes_no_second_ticket() {
    let setting = Setting::start(Dialect::Zendesk).await;
    let next = vec![Action::Serve, Action::AnswerLost];
    setting.sandbox.fault(
        "zendesk",
        Faults {
            next,
            ..Faults::none()
        },
    );
    assert_eq!(kind(&setting.tell_one(first()).await), "retryable");
    let outcome = setting.tell_one(again(&first())).await;
    assert_eq!(outcome.unwrap(), told("1", true));
    let tickets = setting.sandbox.zendesk_tickets();
    assert_eq!((tickets.len(), tickets[0].messages.len()), (1, 1));
}

#[tokio::test]
async fn a_comment_whose_answer_was_lost_is_not_added_twice() {
    let setting = Setting::start(Dialect::Zendesk).await;
    let id = ticket(&setting.tell_one(first()).await);
    let next = vec![Action::AnswerLost];
    setting.sandbox.fault(
        "zendesk",
        Faults {
            next,
            ..Faults::none()
        },
    );
    let comment = call("thread-1", "int-2", "anybody?", Some(&id));
    assert_eq!(kind(&setting.tell_one(comment.clone()).await), "retryable");
    assert_eq!(
        setting.tell_one(again(&comment)).await.unwrap(),
        told(&id, true)
    );
    assert_eq!(setting.sandbox.zendesk_tickets()[0].messages.len(), 2);
}

#[tokio::test]
async fn a_comment_that_never_arrived_is_added_when_it_is_sent_again() {
    let setting = Setting::start(Dialect::Zendesk).await;
    let id = ticket(&setting.tell_one(first()).await);
    let comment = again(&call("thread-1", "int-2", "anybody?", Some(&id)));
    assert_eq!(setting.tell_one(comment).await.unwrap(), told(&id, false));
    assert_eq!(setting.sandbox.zendesk_tickets()[0].messages.len(), 2);
}

#[tokio::test]
async fn a_ticket_that_is_not_known_here_is_found_by_its_external_id() {
    let setting = Setting::start(Dialect::Zendesk).await;
    let id = ticket(&setting.tell_one(first()).await);
    let forgotten = call("thread-1", "int-2", "anybody?", None);
    assert_eq!(setting.tell_one(forgotten).await.unwrap(), told(&id, false));
    assert_eq!(setting.sandbox.zendesk_tickets().len(), 1);
}

#[tokio::test]
async fn a_wait_that_zendesk_asks_for_is_passed_on() {
    let setting = Setting::start(Dialect::Zendesk).await;
    let retry_after = Some(sandbox::RetryAfter::Seconds(93));
    let next = vec![Action::Answer {
        status: 429,
        retry_after,
    }];
    setting.sandbox.fault(
        "zendesk",
        Faults {
            next,
            ..Faults::none()
        },
    );
    let outcome = setting.tell_one(first()).await;
    let wait = Some(Duration::from_secs(93));
    assert!(
        matches!(outcome, Err(Failure::RateLimited { retry_after, .. }) if retry_after == wait)
    );
}

#[test]
fn a_closed_ticket_gets_a_follow_up() {
    let closed = json!({"error": "RecordInvalid", "description": "Record validation errors",
        "details": {"status": [{"description": "Status: closed prevents ticket update"}]}});
    let (requests, outcomes) = follow(
        Dialect::Zendesk,
        vec![call("thread-1", "int-2", "anybody?", Some("7"))],
        &[(422, closed), (201, json!({"ticket": {"id": 8}}))],
    );
    assert_eq!(names(&requests), [COMMENT, CREATE]);
    let ticket = &requests[1].body.as_ref().unwrap()["ticket"];
    assert_eq!(ticket["via_followup_source_id"], 7);
    assert_eq!(ticket["external_id"], "thread-1");
    assert_eq!(outcomes[0].as_ref().unwrap(), &told("8", false));
}

#[test]
fn of_several_tickets_of_a_thread_the_newest_open_one_is_taken() {
    let list = |statuses: [&str; 3]| {
        let ticket = |(i, status): (usize, &str)| json!({"id": i + 1, "status": status});
        let tickets: Vec<_> = statuses.into_iter().enumerate().map(ticket).collect();
        json!({"tickets": tickets})
    };
    let none = (200, json!({"comments": []}));
    let done = (200, json!({"ticket": {"id": 2}}));
    let found = (200, list(["closed", "open", "closed"]));
    let answers = [found.clone(), done.clone()];
    let (requests, outcomes) = follow(Dialect::Zendesk, vec![first()], &answers);
    assert_eq!(names(&requests), [FIND, COMMENT]);
    assert_eq!(outcomes[0].as_ref().unwrap(), &told("2", false));
    let unsure = vec![again(&first())];
    let (requests, outcomes) = follow(Dialect::Zendesk, unsure, &[found, none, done]);
    assert_eq!(names(&requests), [FIND, LOOK, COMMENT]);
    assert_eq!(outcomes[0].as_ref().unwrap(), &told("2", false));

    let found = (200, list(["closed", "closed", "closed"]));
    let made = (201, json!({"ticket": {"id": 4}}));
    let (requests, _) = follow(Dialect::Zendesk, vec![first()], &[found, made]);
    assert_eq!(names(&requests), [FIND, CREATE]);
    assert_eq!(
        requests[1].body.as_ref().unwrap()["ticket"]["via_followup_source_id"],
        3
    );
}

#[test]
fn a_deleted_ticket_is_looked_for_and_then_made_anew() {
    let gone = (404, json!({"error": "RecordNotFound"}));
    let none = (200, json!({"tickets": []}));
    let made = (201, json!({"ticket": {"id": 9}}));
    let known = call("thread-1", "int-2", "anybody?", Some("7"));
    let (requests, outcomes) = follow(Dialect::Zendesk, vec![known], &[gone, none, made]);
    assert_eq!(names(&requests), [COMMENT, FIND, CREATE]);
    assert_eq!(outcomes[0].as_ref().unwrap(), &told("9", false));
}

#[test]
fn a_refusal_of_the_ticket_names_its_fields() {
    let refusal = json!({"error": "RecordInvalid", "details": {
        "subject": [{"description": "Subject: cannot be blank", "error": "BlankValue"}]}});
    let (_, outcomes) = follow(
        Dialect::Zendesk,
        vec![first()],
        &[(200, json!({"tickets": []})), (422, refusal)],
    );
    assert!(reason(&outcomes[0]).ends_with("not valid there: subject"));
}

#[test]
fn a_comment_is_internal_and_ends_in_its_interaction() {
    let known = call("thread-1", "int-2", "anybody?", Some("7"));
    let done = (200, json!({"ticket": {"id": 7}}));
    let (requests, _) = follow(Dialect::Zendesk, vec![known], &[done]);
    let comment = &requests[0].body.as_ref().unwrap()["ticket"]["comment"];
    assert_eq!(comment["public"], false);
    let lines: Vec<_> = comment["body"].as_str().unwrap().lines().collect();
    assert_eq!(
        lines,
        [
            "2026-11-22T09:48:00Z fb_user_98765: anybody?",
            "Attachment: https://example.com/int-2.png",
            "Task task-int-2, social-escalation, sentiment-negative, sentiment -0.7184",
            "Interaction int-2",
        ]
    );
}
