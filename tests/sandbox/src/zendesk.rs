//! The part of Zendesk's Ticketing API that a sync needs.
//!
//! Shapes: <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/>; the idempotency key, honoured
//! on creation only: <https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency>.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::call::{Answer, Call, Keys, Operation, Seen};
use crate::check::{Field, Refusal};
use crate::clock::rfc3339;
use crate::settings::Settings;
use crate::ticketing::Ticket;

#[derive(Default)]
pub(crate) struct Zendesk {
    tickets: Vec<Ticket>,
    /// The comments of each ticket.
    comments: Vec<Vec<Comment>>,
    deleted: HashSet<String>,
    keys: Keys<Answer>,
}

struct Comment {
    body: String,
    is_public: bool,
    created_ms: u64,
}

/// Zendesk's error body for a status that has a documented one.
pub(crate) fn error(status: u16) -> Answer {
    let body = match status {
        401 => json!({"error": "Couldn't authenticate you"}),
        403 => json!({"error": "Forbidden", "description": "You do not have access to this page."}),
        404 => json!({"error": "RecordNotFound", "description": "Not found"}),
        422 => {
            json!({"error": "RecordInvalid", "description": "Record validation errors", "details": {}})
        }
        429 => json!({
            "error": "APIRateLimitExceeded",
            "description": "Number of allowed API requests per minute exceeded"
        }),
        _ => json!({"error": "InternalError", "description": "The request could not be served"}),
    };
    Answer::json(status, body)
}

fn invalid(refusal: Refusal) -> Answer {
    if refusal.status == 415 {
        return Answer::json(415, json!({"error": "Unsupported Media Type"}));
    }
    let Refusal { path, problem, .. } = refusal;
    let field = path.rsplit('.').next().unwrap_or_default().to_owned();
    let description = format!("{path}: {problem}");
    let problem = [json!({"description": description, "error": "InvalidValue"})];
    record_invalid(&field, &problem)
}

fn record_invalid(field: &str, problems: &[Value]) -> Answer {
    let details = json!({field: problems});
    let description = "Record validation errors";
    Answer::json(
        422,
        json!({"error": "RecordInvalid", "description": description, "details": details}),
    )
}

impl Zendesk {
    pub(crate) fn answer(&mut self, settings: &Settings, now_ms: u64, call: &Call) -> Answer {
        if !is_authorized(settings, call) {
            return error(401);
        }
        let served = match call.operation {
            Operation::CreateTicket => self.create(now_ms, call),
            Operation::FindTickets => Ok(self.find(call)),
            Operation::ShowTicket(id) => Ok(self.show(id)),
            Operation::UpdateTicket(id) => self.update(now_ms, id, call),
            Operation::DeleteTicket(id) => Ok(self.delete(id)),
            Operation::ListComments(id) => Ok(self.list_comments(id, call)),
            _ => Ok(error(404)),
        };
        served.unwrap_or_else(invalid)
    }

    fn create(&mut self, now_ms: u64, call: &Call) -> Result<Answer, Refusal> {
        let body = call.json()?;
        match self.keys.seen(call.idempotency_key(), body) {
            Seen::Never => {}
            Seen::Same(answer) => return Ok(answer.with("x-idempotency-lookup", "hit")),
            Seen::Different => {
                let description = "Request parameters don't match the given idempotency key";
                return Ok(Answer::json(
                    400,
                    json!({"error": "IdempotentRequestError", "description": description}),
                ));
            }
        }
        let ticket = Field::root(body).get("ticket");
        let comment = check_comment(&ticket.get("comment"), now_ms)?;
        let external_id = ticket.get("external_id").present();
        let external_id = external_id
            .map(|id| id.text().map(str::to_owned))
            .transpose()?;
        let id = self.tickets.len() + 1;
        let mut fields = body["ticket"].clone();
        let own = json!({
            "id": id,
            "url": format!("/api/v2/tickets/{id}.json"),
            "description": comment.body,
            "external_id": external_id,
            "status": fields.get("status").cloned().unwrap_or_else(|| "new".into()),
            "created_at": rfc3339(now_ms),
            "updated_at": rfc3339(now_ms),
        });
        if let (Some(fields), Value::Object(own)) = (fields.as_object_mut(), own) {
            fields.remove("comment");
            fields.extend(own);
        }
        let answer = Answer::json(201, json!({"ticket": fields, "audit": {"ticket_id": id}}))
            .with("location", format!("/api/v2/tickets/{id}.json"))
            .about(id.to_string());
        self.tickets.push(Ticket {
            id: id.to_string(),
            thread_id: external_id,
            created_ms: now_ms,
            updated_ms: now_ms,
            contact_id: None,
            messages: vec![comment.body.clone()],
            attachments: Vec::new(),
            interaction_ids: Vec::new(),
            task_ids: Vec::new(),
            syncs: 1,
            fields,
        });
        self.comments.push(vec![comment]);
        self.keys
            .remember(call.idempotency_key(), body, answer.clone());
        Ok(match call.idempotency_key() {
            Some(_) => answer.with("x-idempotency-lookup", "miss"),
            None => answer,
        })
    }

    fn find(&self, call: &Call) -> Answer {
        let wanted = call.query.get("external_id");
        let matches = |ticket: &&Ticket| {
            let is_wanted = wanted.is_none() || ticket.thread_id.as_ref() == wanted;
            is_wanted && !self.deleted.contains(&ticket.id)
        };
        let found: Vec<_> = self
            .tickets
            .iter()
            .filter(matches)
            .map(|ticket| &ticket.fields)
            .collect();
        Answer::json(
            200,
            json!({"tickets": found, "count": found.len(), "next_page": null, "previous_page": null}),
        )
    }

    fn show(&self, id: u64) -> Answer {
        self.position(id).map_or_else(
            || error(404),
            |position| {
                Answer::json(200, json!({"ticket": self.tickets[position].fields}))
                    .about(id.to_string())
            },
        )
    }

    fn update(&mut self, now_ms: u64, id: u64, call: &Call) -> Result<Answer, Refusal> {
        let body = call.json()?;
        let Some(position) = self.position(id) else {
            return Ok(error(404));
        };
        let update = Field::root(body).get("ticket");
        update.entries()?;
        let comment = update
            .get("comment")
            .present()
            .map(|comment| check_comment(&comment, now_ms))
            .transpose()?;
        let ticket = &mut self.tickets[position];
        if ticket.fields["status"] == "closed" {
            let problem = [json!({"description": "Status: closed prevents ticket update"})];
            return Ok(record_invalid("status", &problem));
        }
        if let (Some(fields), Some(changes)) =
            (ticket.fields.as_object_mut(), body["ticket"].as_object())
        {
            let kept = ["comment", "id", "url", "created_at", "description"];
            let changes = changes
                .iter()
                .filter(|(name, _)| !kept.contains(&name.as_str()));
            fields.extend(changes.map(|(name, value)| (name.clone(), value.clone())));
            fields.insert("updated_at".to_owned(), rfc3339(now_ms).into());
        }
        ticket.thread_id = ticket.fields["external_id"].as_str().map(str::to_owned);
        ticket.updated_ms = now_ms;
        ticket.syncs += 1;
        ticket
            .messages
            .extend(comment.iter().map(|comment| comment.body.clone()));
        self.comments[position].extend(comment);
        let body = json!({"ticket": ticket.fields, "audit": {"ticket_id": id}});
        Ok(Answer::json(200, body).about(id.to_string()))
    }

    /// A deleted ticket is there no more, neither by its id nor by its external id.
    fn delete(&mut self, id: u64) -> Answer {
        if self.position(id).is_none() {
            return error(404);
        }
        self.deleted.insert(id.to_string());
        Answer::empty(204).about(id.to_string())
    }

    /// Pages by cursor where `page[size]` is given, oldest first unless `sort=-created_at`.
    fn list_comments(&self, id: u64, call: &Call) -> Answer {
        let Some(position) = self.position(id) else {
            return error(404);
        };
        let number = |name: &str| {
            call.query
                .get(name)
                .and_then(|value| value.parse::<usize>().ok())
        };
        let (size, start) = (number("page[size]"), number("page[after]").unwrap_or(0));
        let comments = &self.comments[position];
        let listed = comments.iter().enumerate().map(|(i, comment)| {
            json!({
                "id": format!("{id}{i:06}").parse::<u64>().unwrap_or(id),
                "type": "Comment",
                "body": comment.body,
                "plain_body": comment.body,
                "public": comment.is_public,
                "created_at": rfc3339(comment.created_ms),
            })
        });
        let mut listed: Vec<Value> = listed.collect();
        if call
            .query
            .get("sort")
            .is_some_and(|sort| sort == "-created_at")
        {
            listed.reverse();
        }
        let end = start.saturating_add(size.unwrap_or(100));
        let page: Vec<Value> = listed.into_iter().take(end).skip(start).collect();
        let has_more = end < comments.len();
        let mut body = json!({"comments": page});
        if size.is_some() {
            let after = has_more.then(|| end.to_string());
            body["meta"] = json!({"has_more": has_more, "after_cursor": after});
        } else {
            body["count"] = comments.len().into();
        }
        Answer::json(200, body)
    }

    fn position(&self, id: u64) -> Option<usize> {
        // Ids count from 1.
        let position = usize::try_from(id).ok()?.checked_sub(1)?;
        let is_there = position < self.tickets.len() && !self.deleted.contains(&id.to_string());
        is_there.then_some(position)
    }

    /// The external id of a ticket.
    pub(crate) fn thread_of(&self, id: u64) -> Option<String> {
        self.tickets[self.position(id)?].thread_id.clone()
    }

    pub(crate) fn tickets(&self) -> &[Ticket] {
        &self.tickets
    }
}

/// Bearer, or HTTP Basic with an API token as password (`name@example.com/token:…`).
fn is_authorized(settings: &Settings, call: &Call) -> bool {
    let Some(token) = settings.ticketing_token.as_deref() else {
        return true;
    };
    let by_basic =
        |(user, password): (String, String)| user.ends_with("/token") && password == token;
    call.bearer() == Some(token) || call.basic().is_some_and(by_basic)
}

fn check_comment(comment: &Field, now_ms: u64) -> Result<Comment, Refusal> {
    comment.entries()?;
    // `html_body` stands in for `body` where both are given.
    let html_body = comment.get("html_body").present();
    let body = html_body.unwrap_or_else(|| comment.get("body"));
    let is_public = comment.get("public").present();
    Ok(Comment {
        body: body.text()?.to_owned(),
        is_public: is_public.map_or(Ok(true), |field| field.boolean())?,
        created_ms: now_ms,
    })
}
