//! The sandbox over the wire, as its callers meet it.

#![expect(clippy::unwrap_used, reason = "these helpers are called by tests only")]

mod admin;
mod cxone;
mod faults;
mod social;
mod ticketing;
mod zendesk;

use reqwest::{Client, RequestBuilder, Response};
use sandbox::{Config, Sandbox};
use serde_json::{Value, json};

/// A sandbox on a port of its own and a client.
pub struct Setting {
    pub sandbox: Sandbox,
    pub http: Client,
}

impl Setting {
    pub async fn start() -> Self {
        let sandbox = Sandbox::start(Config::default()).await.unwrap();
        Self {
            sandbox,
            http: Client::new(),
        }
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.sandbox.url))
    }

    pub fn put(&self, path: &str) -> RequestBuilder {
        self.http.put(format!("{}{path}", self.sandbox.url))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.sandbox.url))
    }

    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.http.delete(format!("{}{path}", self.sandbox.url))
    }

    pub fn mint(&self, id: &str, secret: &str, form: &'static str) -> RequestBuilder {
        let request = self
            .post("/oauth/token")
            .basic_auth(id, Some(secret))
            .body(form);
        request.header("content-type", "application/x-www-form-urlencoded")
    }

    /// A CXone token with all scopes that are granted.
    pub async fn token(&self) -> String {
        let minted = self.mint(
            "sandbox-client",
            "sandbox-client-secret",
            "grant_type=client_credentials",
        );
        let body = json_of(minted.send().await.unwrap(), 200).await;
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// A request for a task, with `key` as its idempotency key.
    pub fn task(&self, token: &str, key: &str, body: &Value) -> RequestBuilder {
        self.post("/api/v2/routing/tasks")
            .bearer_auth(token)
            .header("idempotency-key", key)
            .json(body)
    }

    pub fn sync(&self, key: &str, body: &Value) -> RequestBuilder {
        self.post("/api/v1/sync")
            .header("idempotency-key", key)
            .json(body)
    }
}

/// The answer's body, where its status is the expected one.
pub async fn json_of(response: Response, status: u16) -> Value {
    let actual = response.status().as_u16();
    let text = response.text().await.unwrap();
    assert_eq!(actual, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

pub async fn status_of(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// The contract's task of an interaction.
pub fn task_body(interaction: &str) -> Value {
    json!({
        "type": "social",
        "priority": 5,
        "routingData": {"routingType": "skills", "routingSkills": ["social-support", "sentiment-neutral"]},
        "socialData": {
            "contactId": format!("contact-of-{interaction}"),
            "socialProfile": {"id": "fb_user_98765", "name": "Test Customer", "platform": "facebook"},
            "messages": [{"text": "Hello", "from": "fb_user_98765", "timestamp": "2026-11-22T09:48:00Z"}],
            "mediaAttachments": [{"url": "https://example.com/i.png", "mediaType": "image/png", "size": 24500}]
        },
        "customAttributes": {
            "sentiment_polarity": "-0.7184",
            "platform_token_version": "3f2a9c1d",
            "interaction_id": interaction
        }
    })
}

/// The contract's sync of one message.
pub fn sync_body(thread: &str, interaction: &str, message: &str) -> Value {
    json!({
        "thread_id": thread,
        "contact_id": "social_3f2a9c1d7e04",
        "messages": [message],
        "attachments": ["https://example.com/i.png"],
        "sync_timestamp": "2026-11-22T09:48:01Z",
        "interaction_id": interaction
    })
}
