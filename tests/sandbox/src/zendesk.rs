//! The part of Zendesk's Ticketing API that a sync needs.
//!
//! Shapes: <https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/>; the idempotency key, honoured
//! on creation only: <https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency>.

use serde_json::{Value, json};

use crate::call::{Answer, Call, Keys, Operation, Seen};
use crate::check::{Field, Refusal};
use crate::clock::rfc3339;
use crate::settings::Settings;
use crate::ticketing::Ticket;

#[derive(Default)]
pub(crate) struct Zendesk {
    tickets: Vec<Ticket>,
    keys: Keys<Answer>,
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
    let mut answer = error(422);
    answer.body = Some(json!({
        "error": "RecordInvalid",
        "description": "Record validation errors",
        "details": {field: [{"description": description, "error": "InvalidValue"}]}
    }));
    answer
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
            Operation::ListComments(id) => Ok(self.comments(id)),
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
        let comment = check_comment(&ticket.get("comment"))?;
        let external_id = ticket.get("external_id").present();
        let external_id = external_id
            .map(|id| id.text().map(str::to_owned))
            .transpose()?;
        let id = self.tickets.len() + 1;
        let mut fields = body["ticket"].clone();
        let own = json!({
            "id": id,
            "url": format!("/api/v2/tickets/{id}.json"),
            "description": comment,
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
            messages: vec![comment],
            attachments: Vec::new(),
            interaction_ids: Vec::new(),
            task_ids: Vec::new(),
            syncs: 1,
            fields,
        });
        self.keys
            .remember(call.idempotency_key(), body, answer.clone());
        Ok(match call.idempotency_key() {
            Some(_) => answer.with("x-idempotency-lookup", "miss"),
            None => answer,
        })
    }

    fn find(&self, call: &Call) -> Answer {
        let wanted = call.query.get("external_id");
        let matches = |ticket: &&Ticket| wanted.is_none() || ticket.thread_id.as_ref() == wanted;
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
            .map(|comment| check_comment(&comment))
            .transpose()?;
        let ticket = &mut self.tickets[position];
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
        ticket.messages.extend(comment);
        let body = json!({"ticket": ticket.fields, "audit": {"ticket_id": id}});
        Ok(Answer::json(200, body).about(id.to_string()))
    }

    fn comments(&self, id: u64) -> Answer {
        let Some(position) = self.position(id) else {
            return error(404);
        };
        let ticket = &self.tickets[position];
        let comment = |(i, body): (usize, &String)| json!({"id": id * 1000 + i as u64, "type": "Comment", "body": body});
        let comments: Vec<Value> = ticket.messages.iter().enumerate().map(comment).collect();
        let count = comments.len();
        Answer::json(
            200,
            json!({"comments": comments, "count": count, "next_page": null, "previous_page": null}),
        )
    }

    fn position(&self, id: u64) -> Option<usize> {
        // Ids count from 1.
        let position = usize::try_from(id).ok()?.checked_sub(1)?;
        (position < self.tickets.len()).then_some(position)
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

fn check_comment(comment: &Field) -> Result<String, Refusal> {
    comment.entries()?;
    // `html_body` stands in for `body` where both are given.
    let body = comment
        .get("html_body")
        .present()
        .unwrap_or_else(|| comment.get("body"));
    Ok(body.text()?.to_owned())
}
