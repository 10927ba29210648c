//! An account of its own in the emulated AWS, with a sandbox for CXone.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cxone::{AccessTokens, Client};
use interaction::{InteractionId, Payload};
use sandbox::Sandbox;
use serde_json::{Value, json};
use stack::shared;
use tokens::TokenLedger;

const TABLE: &str = "ledger";

pub struct World {
    pub sandbox: Sandbox,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub ledger: TokenLedger,
    dynamo: aws_sdk_dynamodb::Client,
}

impl World {
    pub async fn start() -> Self {
        let sdk = shared::account().await.unwrap().sdk_config().await;
        let secrets = aws_sdk_secretsmanager::Client::new(&sdk);
        let dynamo = aws_sdk_dynamodb::Client::new(&sdk);
        shared::create_ledger(&dynamo, TABLE).await.unwrap();
        let client =
            json!({"client_id": "sandbox-client", "client_secret": "sandbox-client-secret"});
        for (name, value) in [("client", client.to_string()), ("token", "{}".to_owned())] {
            secrets
                .create_secret()
                .name(name)
                .secret_string(value)
                .send()
                .await
                .unwrap();
        }
        Self {
            sandbox: Sandbox::start(sandbox::Config::default()).await.unwrap(),
            ledger: TokenLedger::new(dynamo.clone(), TABLE),
            secrets,
            dynamo,
        }
    }

    /// What another function would hold.
    pub fn tokens(&self) -> AccessTokens {
        let client = client(&self.sandbox.url);
        AccessTokens::new(
            client,
            self.secrets.clone(),
            self.ledger.clone(),
            "client",
            "token",
        )
    }

    /// Calls for a token.
    pub fn mints(&self) -> usize {
        self.sandbox.calls("cxone.token").len()
    }

    pub async fn stored(&self) -> Value {
        let answer = self
            .secrets
            .get_secret_value()
            .secret_id("token")
            .send()
            .await
            .unwrap();
        serde_json::from_str(answer.secret_string().unwrap()).unwrap()
    }

    pub async fn versions(&self) -> usize {
        let list = self.secrets.list_secret_version_ids().secret_id("token");
        list.include_deprecated(true)
            .send()
            .await
            .unwrap()
            .versions()
            .len()
    }

    /// The lease's item as another function would leave it.
    pub async fn put_item(&self, attributes: &[(&str, AttributeValue)]) {
        let mut put = self
            .dynamo
            .put_item()
            .table_name(TABLE)
            .item("pk", AttributeValue::S("token#cxone".into()))
            .item("sk", AttributeValue::S("state".into()));
        for (name, value) in attributes {
            put = put.item(*name, value.clone());
        }
        put.send().await.unwrap();
    }
}

pub fn client(url: &str) -> Client {
    Client::new(
        runtime::http::client(Duration::from_secs(5)).unwrap(),
        url,
        "/oauth/token",
    )
}

pub fn payload() -> Payload {
    serde_json::from_value(json!({
        "contact_id": "social_3f2a9c1d7e04",
        "thread_id": "thread_8b1e0f5a2c77",
        "social_profile": {
            "platform": "facebook", "user_id": "fb_user_98765", "display_name": "Test Customer",
            "avatar_url": "https://example.com/avatar.png",
        },
        "messages": [{"text": "Where is it?", "from_id": "fb_user_98765", "timestamp": "2026-11-22T09:48:00Z"}],
        "media_attachments": [{"url": "https://example.com/image.png", "media_type": "image/png", "size_bytes": 24500}],
        "event_timestamp": "2026-11-22T09:48:00Z",
    }))
    .unwrap()
}

pub fn id() -> InteractionId {
    InteractionId::new("int_1").unwrap()
}
