//! Zendesk's Ticketing API: a thread is a ticket, its external id the thread's; every interaction
//! is a comment.
//!
//! Facts, from <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/> and
//! <https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency>:
//!
//! - `POST /api/v2/tickets` takes an `Idempotency-Key`, kept for two hours; `PUT` takes none.
//! - External ids needn't be unique; `GET /api/v2/tickets?external_id=` lists all that have it.
//! - A closed ticket takes no comment (422 about its `status`); a follow-up ticket names it in
//!   `via_followup_source_id`.
//! - 429 carries `Retry-After`. A ticket takes 30 updates in 10 minutes from one user.
//!
//! So a comment ends in its interaction's id, and where one may have been added already the
//! ticket's latest comments are searched for it before it is added again.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use upstream::{Failure, unreadable};

use crate::exchange::{Answer, Call, Exchange, Next, Request, Told};
use crate::update::Update;

const FIND: &str = "GET /api/v2/tickets?external_id=…";
const CREATE: &str = "POST /api/v2/tickets";
const LOOK: &str = "GET /api/v2/tickets/{id}/comments";
const COMMENT: &str = "PUT /api/v2/tickets/{id}";

/// One call, in as few requests as what is known of its ticket allows: a comment on a known
/// ticket is one.
pub(crate) struct Zendesk {
    call: Call,
    asked: Option<(Step, Request)>,
    /// The ticket was looked for, so one that can't be found isn't there.
    searched: bool,
}

#[derive(Clone)]
enum Step {
    Find,
    /// With the closed ticket that it follows up, where there is one.
    Create(Option<String>),
    /// Whether this call's comment is there already.
    Look(String),
    Comment(String),
}

impl Zendesk {
    /// `calls` has one element.
    pub(crate) fn new(mut calls: Vec<Call>) -> Self {
        Self {
            call: calls.swap_remove(0),
            asked: None,
            searched: false,
        }
    }

    fn ask(&mut self, step: Step) -> Next {
        let request = request(&step, &self.call.update);
        self.asked = Some((step, request.clone()));
        Next::Ask(request)
    }

    fn first(&mut self) -> Next {
        match self.call.ticket.clone() {
            Some(ticket) if self.call.again => self.ask(Step::Look(ticket)),
            Some(ticket) => self.ask(Step::Comment(ticket)),
            None => self.ask(Step::Find),
        }
    }

    fn heard(&mut self, step: Step, request: &Request, answer: &Answer) -> Next {
        let status = answer.status;
        match step {
            Step::Find if status.is_success() => {
                self.searched = true;
                match answer.json().as_ref().map(newest_ticket) {
                    None => failed(unreadable(FIND, status, "JSON")),
                    Some(None) => self.ask(Step::Create(None)),
                    Some(Some(Found { id, closed: true })) => self.ask(Step::Create(Some(id))),
                    // It may have been made by an earlier try of this very call.
                    Some(Some(Found { id, .. })) if self.call.again => self.ask(Step::Look(id)),
                    Some(Some(Found { id, .. })) => self.ask(Step::Comment(id)),
                }
            }
            Step::Create(_) if status.is_success() => {
                match answer.json().and_then(|body| id(body.get("ticket")?)) {
                    Some(ticket) => done(ticket, is_lookup_hit(&answer.headers)),
                    None => failed(unreadable(CREATE, status, "JSON with the ticket's id")),
                }
            }
            Step::Look(ticket) if status.is_success() => match answer.json() {
                None => failed(unreadable(LOOK, status, "JSON")),
                Some(body) if has_comment(&body, &self.call.update) => done(ticket, true),
                Some(_) => self.ask(Step::Comment(ticket)),
            },
            Step::Comment(ticket) if status.is_success() => done(ticket, false),
            // The ticket was deleted: whether there is another, the search tells.
            Step::Look(_) | Step::Comment(_)
                if status == StatusCode::NOT_FOUND && !self.searched =>
            {
                self.ask(Step::Find)
            }
            Step::Comment(ticket) if is_closed(answer) => self.ask(Step::Create(Some(ticket))),
            _ => failed(answer.failure(request)),
        }
    }
}

impl Exchange for Zendesk {
    fn next(&mut self, answer: Option<&Answer>) -> Next {
        match (self.asked.take(), answer) {
            (Some((step, request)), Some(answer)) => self.heard(step, &request, answer),
            _ => self.first(),
        }
    }
}

fn done(ticket: String, repeated: bool) -> Next {
    let ticket = Some(ticket);
    Next::Done(vec![Ok(Told { ticket, repeated })])
}

fn failed(failure: Failure) -> Next {
    Next::Done(vec![Err(failure)])
}

fn request(step: &Step, update: &Update) -> Request {
    match step {
        Step::Find => {
            let mut request = Request::new(FIND, Method::GET, "/api/v2/tickets");
            request.query = vec![("external_id", update.thread_id.clone())];
            request
        }
        Step::Create(follows) => {
            let mut ticket = json!({
                "subject": format!("{} message, thread {}", update.platform, update.thread_id),
                "external_id": update.thread_id,
                "comment": comment(update),
                "tags": tags(update),
            });
            if let Some(closed) = follows.as_ref().and_then(|id| id.parse::<u64>().ok()) {
                ticket["via_followup_source_id"] = closed.into();
            }
            let mut request = Request::new(CREATE, Method::POST, "/api/v2/tickets");
            // A follow-up is another request than the creation that this interaction may have
            // tried before.
            let prefix = if follows.is_some() { "followup:" } else { "" };
            request.idempotency_key = Some(format!("{prefix}{}", update.interaction_id));
            request.body = Some(json!({ "ticket": ticket }));
            request
        }
        Step::Look(id) => {
            let path = format!("/api/v2/tickets/{id}/comments");
            let mut request = Request::new(LOOK, Method::GET, path);
            request.query = vec![("page[size]", "100".into()), ("sort", "-created_at".into())];
            request
        }
        Step::Comment(id) => {
            let path = format!("/api/v2/tickets/{id}");
            let mut request = Request::new(COMMENT, Method::PUT, path);
            request.body = Some(json!({"ticket": {"comment": comment(update)}}));
            request
        }
    }
}

/// An internal note: what the customer wrote on the platform isn't to be mailed to anybody. It
/// changes no field, so a late one sets nothing back.
fn comment(update: &Update) -> Value {
    let mut lines: Vec<String> = Vec::new();
    for message in &update.messages {
        lines.push(format!(
            "{} {}: {}",
            message.timestamp, message.from_id, message.text
        ));
    }
    lines.extend(
        update
            .attachments
            .iter()
            .map(|url| format!("Attachment: {url}")),
    );
    lines.push(format!(
        "Task {}, {}, sentiment {}",
        update.task_id,
        update.skills.join(", "),
        update.sentiment_polarity
    ));
    lines.push(signature(update));
    json!({"body": lines.join("\n"), "public": false})
}

/// A comment's last line, by which it is found again.
fn signature(update: &Update) -> String {
    format!("Interaction {}", update.interaction_id)
}

fn has_comment(body: &Value, update: &Update) -> bool {
    let signature = signature(update);
    let comments = body["comments"].as_array().into_iter().flatten();
    let mut texts = comments.filter_map(|comment| {
        comment["plain_body"]
            .as_str()
            .or_else(|| comment["body"].as_str())
    });
    texts.any(|text| text.trim_end().lines().last().map(str::trim) == Some(&signature))
}

/// Skills as tags, in the characters that a tag may have.
fn tags(update: &Update) -> Vec<String> {
    let allowed = |c: char| c.is_alphanumeric() || "-_:/".contains(c);
    let tag = |skill: &String| -> String {
        let characters = skill.to_lowercase();
        characters
            .chars()
            .map(|c| if allowed(c) { c } else { '_' })
            .collect()
    };
    update.skills.iter().map(tag).collect()
}

struct Found {
    id: String,
    closed: bool,
}

/// The thread's newest ticket, an open one rather than a closed one.
fn newest_ticket(body: &Value) -> Option<Found> {
    let tickets = body["tickets"].as_array()?;
    let found = tickets.iter().filter_map(|ticket| {
        let closed = ticket["status"] == "closed";
        Some((!closed, ticket["id"].as_u64()?))
    });
    let (open, id) = found.max()?;
    Some(Found {
        id: id.to_string(),
        closed: !open,
    })
}

fn id(ticket: &Value) -> Option<String> {
    Some(ticket.get("id")?.as_u64()?.to_string())
}

fn is_lookup_hit(headers: &HeaderMap) -> bool {
    headers
        .get("x-idempotency-lookup")
        .is_some_and(|value| value == "hit")
}

fn is_closed(answer: &Answer) -> bool {
    answer.status == StatusCode::UNPROCESSABLE_ENTITY
        && answer
            .json()
            .is_some_and(|body| body["details"].get("status").is_some())
}
