//! CXone in the tutorial's dialect: token, webhooks, routing tasks.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Answer, Call, Keys, Operation, Seen};
use crate::check::{Field, Refusal};
use crate::settings::Settings;
use crate::token::fresh_token;

/// A routing task that was created.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// Position in the order of creation.
    pub index: usize,
    pub id: String,
    /// Creation, in milliseconds since the epoch.
    pub at_ms: u64,
    pub idempotency_key: Option<String>,
    pub contact_id: String,
    /// The custom attribute `interaction_id`, where there is one.
    pub interaction_id: Option<String>,
    /// The custom attribute `thread_id`, where there is one.
    pub thread_id: Option<String>,
    pub skills: Vec<String>,
    /// The request's body as it was sent.
    pub body: Value,
}

/// A webhook's registration.
///
/// No `Debug`: its headers hold the webhook's secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Webhook {
    pub id: String,
    pub name: String,
    pub url: String,
    pub enabled: bool,
    pub event: String,
    pub headers: BTreeMap<String, String>,
}

/// Tasks of one interaction of one contact, more than one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    pub contact_id: String,
    /// The interaction's id, or else the idempotency key.
    pub interaction_id: Option<String>,
    pub task_ids: Vec<String>,
}

struct Token {
    expires_ms: u64,
    scopes: Vec<String>,
}

#[derive(Default)]
pub(crate) struct Cxone {
    tokens: HashMap<String, Token>,
    issued: Vec<String>,
    webhooks: Vec<Webhook>,
    created_webhooks: usize,
    tasks: Vec<Task>,
    keys: Keys<usize>,
}

impl Cxone {
    pub(crate) fn answer(
        &mut self,
        settings: &Settings,
        platform_tokens: &[String],
        now_ms: u64,
        call: &Call,
    ) -> Answer {
        let served = match &call.operation {
            Operation::MintToken => Ok(self.mint(settings, now_ms, call)),
            Operation::CreateTask => self.create_task(settings, platform_tokens, now_ms, call),
            _ => self.webhooks(settings, now_ms, call),
        };
        served.unwrap_or_else(|answer| answer)
    }

    fn mint(&mut self, settings: &Settings, now_ms: u64, call: &Call) -> Answer {
        let oauth_error = |status, error: &str| Answer::json(status, json!({"error": error}));
        let Some(form) = call.form() else {
            return oauth_error(400, "invalid_request");
        };
        let credentials = call.basic();
        if credentials
            .is_none_or(|(id, secret)| id != settings.client_id || secret != settings.client_secret)
        {
            return oauth_error(401, "invalid_client")
                .with("www-authenticate", "Basic realm=\"cxone\"");
        }
        match form.get("grant_type").map(String::as_str) {
            Some("client_credentials") => {}
            Some(_) => return oauth_error(400, "unsupported_grant_type"),
            None => return oauth_error(400, "invalid_request"),
        }
        let token = fresh_token("cxone");
        let expires_ms = now_ms + settings.token_ttl_seconds * 1000;
        self.tokens.insert(
            token.clone(),
            Token {
                expires_ms,
                scopes: settings.scopes.clone(),
            },
        );
        self.issued.push(token.clone());
        let mut body = json!({"access_token": token, "token_type": "bearer"});
        if !settings.omit_expires_in {
            body["expires_in"] = settings.token_ttl_seconds.into();
        }
        Answer::json(200, body)
    }

    fn authorize(
        &self,
        settings: &Settings,
        now_ms: u64,
        call: &Call,
        needed: &[&str],
    ) -> Result<(), Answer> {
        let known = call.bearer().and_then(|token| self.tokens.get(token));
        let Some(token) = known.filter(|token| now_ms < token.expires_ms) else {
            let answer = Answer::error(
                401,
                "authentication.required",
                "the access token is missing, unknown or expired",
            );
            return Err(answer.with("www-authenticate", "Bearer error=\"invalid_token\""));
        };
        let granted = |scope: &&&str| {
            let scope = (**scope).to_owned();
            token.scopes.contains(&scope) && settings.scopes.contains(&scope)
        };
        match needed.iter().find(|scope| !granted(scope)) {
            None => Ok(()),
            Some(missing) => {
                let message = format!("the client lacks the scope {missing}");
                Err(Answer::json(
                    403,
                    json!({"status": 403, "code": "missing.scope", "message": message, "scope": missing}),
                ))
            }
        }
    }

    fn webhooks(
        &mut self,
        settings: &Settings,
        now_ms: u64,
        call: &Call,
    ) -> Result<Answer, Answer> {
        self.authorize(settings, now_ms, call, &["webhook:write"])?;
        let not_offered = |status: Option<u16>| {
            status.map(|status| Answer::error(status, "not.offered", "not offered"))
        };
        let not_found = || Answer::error(404, "not.found", "there is no webhook with this id");
        let position =
            |webhooks: &[Webhook], id: &str| webhooks.iter().position(|webhook| webhook.id == id);
        match &call.operation {
            Operation::CreateWebhook => {
                let id = format!("webhook-{}", self.created_webhooks + 1);
                let webhook = webhook(call.json()?, id)?;
                if self.webhooks.iter().any(|other| other.name == webhook.name) {
                    return Err(Answer::error(
                        409,
                        "name.taken",
                        "a webhook with this name exists already",
                    ));
                }
                let answer = Answer::json(201, json!(webhook)).about(webhook.id.clone());
                self.created_webhooks += 1;
                self.webhooks.push(webhook);
                Ok(answer)
            }
            Operation::ListWebhooks => {
                let listed = Answer::json(200, json!({"entities": self.webhooks}));
                Ok(not_offered(settings.webhooks_list_status).unwrap_or(listed))
            }
            Operation::UpdateWebhook(id) => {
                if let Some(answer) = not_offered(settings.webhooks_update_status) {
                    return Ok(answer);
                }
                let position = position(&self.webhooks, id).ok_or_else(not_found)?;
                let webhook = webhook(call.json()?, id.clone())?;
                if self
                    .webhooks
                    .iter()
                    .any(|other| other.name == webhook.name && other.id != webhook.id)
                {
                    return Err(Answer::error(
                        409,
                        "name.taken",
                        "a webhook with this name exists already",
                    ));
                }
                let answer = Answer::json(200, json!(webhook)).about(id.clone());
                self.webhooks[position] = webhook;
                Ok(answer)
            }
            Operation::DeleteWebhook(id) => {
                let position = position(&self.webhooks, id).ok_or_else(not_found)?;
                self.webhooks.remove(position);
                Ok(Answer::empty(204).about(id.clone()))
            }
            _ => Err(not_found()),
        }
    }

    fn create_task(
        &mut self,
        settings: &Settings,
        platform_tokens: &[String],
        now_ms: u64,
        call: &Call,
    ) -> Result<Answer, Answer> {
        self.authorize(
            settings,
            now_ms,
            call,
            &["task:write", "routing:write", "social:read"],
        )?;
        let body = call.json()?;
        let skills = check_task(body, platform_tokens)?;
        let key = call
            .idempotency_key()
            .filter(|_| settings.honour_idempotency_key);
        match self.keys.seen(key, body) {
            Seen::Never => {}
            Seen::Same(index) => {
                let id = &self.tasks[index].id;
                return Ok(Answer::json(200, json!({"id": id})).about(id));
            }
            Seen::Different => {
                let message = "this idempotency key was used with another body";
                return Err(Answer::error(422, "idempotency.key.reused", message));
            }
        }
        let index = self.tasks.len();
        let id = format!("task-{:06}", index + 1);
        let attribute = |name: &str| body["customAttributes"][name].as_str().map(str::to_owned);
        self.keys.remember(key, body, index);
        self.tasks.push(Task {
            index,
            id: id.clone(),
            at_ms: now_ms,
            idempotency_key: call.idempotency_key().map(str::to_owned),
            contact_id: body["socialData"]["contactId"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            interaction_id: attribute("interaction_id"),
            thread_id: attribute("thread_id"),
            skills,
            body: body.clone(),
        });
        Ok(Answer::json(201, json!({"id": id})).about(id))
    }

    pub(crate) fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    pub(crate) fn webhook_list(&self) -> &[Webhook] {
        &self.webhooks
    }

    pub(crate) fn issued(&self) -> &[String] {
        &self.issued
    }

    pub(crate) fn revoke_tokens(&mut self) {
        self.tokens.clear();
    }

    pub(crate) fn revoke_former_tokens(&mut self) {
        let newest = self.issued.last();
        self.tokens.retain(|token, _| Some(token) == newest);
    }

    /// The interactions that made more than one task.
    pub(crate) fn duplicates(&self) -> Vec<Duplicate> {
        let mut made: BTreeMap<(&str, Option<&str>), Vec<String>> = BTreeMap::new();
        for task in &self.tasks {
            let interaction = task
                .interaction_id
                .as_deref()
                .or(task.idempotency_key.as_deref());
            made.entry((&task.contact_id, interaction))
                .or_default()
                .push(task.id.clone());
        }
        let duplicates = made.into_iter().filter(|(_, task_ids)| task_ids.len() > 1);
        let duplicate =
            |((contact_id, interaction_id), task_ids): ((&str, Option<&str>), _)| Duplicate {
                contact_id: contact_id.to_owned(),
                interaction_id: interaction_id.map(str::to_owned),
                task_ids,
            };
        duplicates.map(duplicate).collect()
    }
}

fn webhook(body: &Value, id: String) -> Result<Webhook, Refusal> {
    let body = Field::root(body);
    // A client that brings a listed webhook up to date may send its id along.
    body.only(&["id", "name", "url", "enabled", "event", "headers"])?;
    body.get("url").url()?;
    let mut headers = BTreeMap::new();
    for (name, value) in body.get("headers").entries()? {
        headers.insert(name.clone(), value.string()?.to_owned());
    }
    Ok(Webhook {
        id,
        name: body.get("name").text()?.to_owned(),
        url: body.get("url").text()?.to_owned(),
        enabled: body.get("enabled").boolean()?,
        event: body.get("event").text()?.to_owned(),
        headers,
    })
}

/// Checks a task's body field by field and returns its skills.
fn check_task(body: &Value, platform_tokens: &[String]) -> Result<Vec<String>, Refusal> {
    let body = Field::root(body);
    body.only(&[
        "type",
        "priority",
        "routingData",
        "socialData",
        "customAttributes",
    ])?;
    body.get("type").exactly("social")?;
    body.get("priority").whole()?;

    let routing = body.get("routingData");
    routing.only(&["routingType", "routingSkills"])?;
    routing.get("routingType").exactly("skills")?;
    routing.get("routingSkills").some_items()?;
    let skills = routing.get("routingSkills").texts()?;

    let social = body.get("socialData");
    social.only(&["contactId", "socialProfile", "messages", "mediaAttachments"])?;
    social.get("contactId").text()?;
    let profile = social.get("socialProfile");
    profile.only(&["id", "name", "platform"])?;
    for field in ["id", "name", "platform"] {
        profile.get(field).text()?;
    }
    for message in social.get("messages").some_items()? {
        message.only(&["text", "from", "timestamp"])?;
        message.get("text").text()?;
        message.get("from").text()?;
        message.get("timestamp").timestamp()?;
    }
    for attachment in social.get("mediaAttachments").items()? {
        attachment.only(&["url", "mediaType", "size"])?;
        attachment.get("url").text()?;
        attachment.get("mediaType").text()?;
        attachment.get("size").whole()?;
    }

    let attributes = body.get("customAttributes");
    for (_, attribute) in attributes.entries()? {
        attribute.string()?;
    }
    attributes.get("sentiment_polarity").polarity()?;
    let version = attributes.get("platform_token_version");
    let text = version.text()?;
    if text.chars().count() > 8 {
        return Err(version.refuse(422, "must not be longer than 8 characters"));
    }
    // The tutorial sends the start of the token itself, which gives a part of a secret away.
    if platform_tokens.iter().any(|token| token.starts_with(text)) {
        return Err(version.refuse(422, "must be the version of a token, not a part of it"));
    }
    Ok(skills)
}
