//! The tutorial's ticketing system: one thread's sync, and many threads in one call.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Answer, Call, Keys, Operation, Seen};
use crate::check::{Field, Refusal};
use crate::settings::Settings;

/// A ticket: all that was synced of one thread, in the order in which it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub id: String,
    /// Zendesk's external id.
    pub thread_id: Option<String>,
    /// Creation, in milliseconds since the epoch.
    pub created_ms: u64,
    pub updated_ms: u64,
    pub contact_id: Option<String>,
    pub messages: Vec<String>,
    pub attachments: Vec<String>,
    /// The interactions whose syncs were applied, one entry a sync.
    pub interaction_ids: Vec<String>,
    pub task_ids: Vec<String>,
    /// How many syncs (at Zendesk: the creation and its comments) were applied.
    pub syncs: usize,
    /// The whole ticket at Zendesk; at the ticketing system the `skills` and the
    /// `sentiment_polarity` that the last sync gave it.
    pub fields: Value,
}

#[derive(Default)]
pub(crate) struct Ticketing {
    tickets: Vec<Ticket>,
    by_thread: HashMap<String, usize>,
    keys: Keys<usize>,
}

impl Ticketing {
    /// `item_fault` says with which status a batch's thread with these ids fails, if it does.
    pub(crate) fn answer(
        &mut self,
        settings: &Settings,
        item_fault: impl Fn(&[&str]) -> Option<u16>,
        now_ms: u64,
        call: &Call,
    ) -> Answer {
        if settings.ticketing_token.is_some()
            && call.bearer() != settings.ticketing_token.as_deref()
        {
            return Answer::error(
                401,
                "unauthorized",
                "the bearer token is missing or unknown",
            )
            .with("www-authenticate", "Bearer");
        }
        let served = match call.operation {
            Operation::SyncBatch => self.batch(settings, item_fault, now_ms, call),
            _ => self.one(settings, now_ms, call),
        };
        served.unwrap_or_else(Answer::from)
    }

    fn one(&mut self, settings: &Settings, now_ms: u64, call: &Call) -> Result<Answer, Refusal> {
        let ticket = self.sync(settings, now_ms, call.json()?, call.idempotency_key())?;
        let body = json!({"ticket_id": ticket.id, "thread_id": ticket.thread_id, "messages": ticket.messages.len()});
        Ok(Answer::json(200, body).about(&ticket.id))
    }

    fn batch(
        &mut self,
        settings: &Settings,
        item_fault: impl Fn(&[&str]) -> Option<u16>,
        now_ms: u64,
        call: &Call,
    ) -> Result<Answer, Refusal> {
        let body = Field::root(call.json()?);
        body.only(&["threads"])?;
        body.get("threads").some_items()?;
        let threads = call.json()?["threads"].as_array().into_iter().flatten();
        let results: Vec<Value> = threads
            .map(|thread| {
                let id = |name: &str| thread[name].as_str();
                let ids: Vec<&str> = [
                    "idempotency_key",
                    "thread_id",
                    "contact_id",
                    "interaction_id",
                ]
                .into_iter()
                .filter_map(id)
                .collect();
                let mut result =
                    json!({"thread_id": id("thread_id"), "idempotency_key": id("idempotency_key")});
                let outcome = match item_fault(&ids) {
                    Some(status) => Err(Field::root(thread).refuse(status, "could not be synced")),
                    None => self
                        .sync(settings, now_ms, thread, id("idempotency_key"))
                        .map(|ticket| ticket.id.clone()),
                };
                match outcome {
                    Ok(ticket) => {
                        result["status"] = 200.into();
                        result["ticket_id"] = ticket.into();
                    }
                    Err(refusal) => {
                        result["status"] = refusal.status.into();
                        result["error"] = format!("{}: {}", refusal.path, refusal.problem).into();
                    }
                }
                result
            })
            .collect();
        let all_synced = results.iter().all(|result| result["status"] == 200);
        Ok(Answer::json(
            if all_synced { 200 } else { 207 },
            json!({"results": results}),
        ))
    }

    /// Appends to the thread's ticket, or makes it.
    fn sync(
        &mut self,
        settings: &Settings,
        now_ms: u64,
        body: &Value,
        key: Option<&str>,
    ) -> Result<&Ticket, Refusal> {
        let sync = check_sync(body)?;
        let key = key.filter(|_| settings.ticketing_honours_idempotency_key);
        match self.keys.seen(key, body) {
            Seen::Never => {}
            Seen::Same(index) => return Ok(&self.tickets[index]),
            Seen::Different => {
                let problem = "this idempotency key was used with another body";
                return Err(Field::root(body).refuse(422, problem));
            }
        }
        let index = *self
            .by_thread
            .entry(sync.thread_id.clone())
            .or_insert_with(|| {
                let index = self.tickets.len();
                self.tickets.push(Ticket {
                    id: format!("ticket-{:06}", index + 1),
                    thread_id: Some(sync.thread_id.clone()),
                    created_ms: now_ms,
                    updated_ms: now_ms,
                    contact_id: Some(sync.contact_id.clone()),
                    messages: Vec::new(),
                    attachments: Vec::new(),
                    interaction_ids: Vec::new(),
                    task_ids: Vec::new(),
                    syncs: 0,
                    fields: Value::Null,
                });
                index
            });
        self.keys.remember(key, body, index);
        let ticket = &mut self.tickets[index];
        ticket.updated_ms = now_ms;
        ticket.messages.extend(sync.messages);
        ticket.attachments.extend(sync.attachments);
        ticket.interaction_ids.extend(sync.interaction_id);
        ticket.task_ids.extend(sync.task_id);
        ticket.syncs += 1;
        for name in ["skills", "sentiment_polarity"] {
            ticket.fields[name] = body[name].clone();
        }
        Ok(ticket)
    }

    pub(crate) fn tickets(&self) -> &[Ticket] {
        &self.tickets
    }
}

struct Sync {
    thread_id: String,
    contact_id: String,
    messages: Vec<String>,
    attachments: Vec<String>,
    interaction_id: Option<String>,
    task_id: Option<String>,
}

fn check_sync(body: &Value) -> Result<Sync, Refusal> {
    let body = Field::root(body);
    body.entries()?;
    let optional = |name: &str| {
        body.get(name)
            .present()
            .map(|field| field.text().map(str::to_owned))
            .transpose()
    };
    body.get("sync_timestamp").timestamp()?;
    if let Some(skills) = body.get("skills").present() {
        skills.texts()?;
    }
    if let Some(polarity) = body.get("sentiment_polarity").present() {
        polarity.polarity()?;
    }
    Ok(Sync {
        thread_id: body.get("thread_id").text()?.to_owned(),
        contact_id: body.get("contact_id").text()?.to_owned(),
        messages: body.get("messages").texts()?,
        attachments: body.get("attachments").texts()?,
        interaction_id: optional("interaction_id")?,
        task_id: optional("task_id")?,
    })
}
