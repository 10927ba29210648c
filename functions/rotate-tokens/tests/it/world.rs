//! An account of its own in the emulated AWS, with a sandbox for the providers.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cxone::{AccessTokens, Client, Webhooks};
use jiff::{SignedDuration, Timestamp};
use rotate_tokens::rotation::{Ask, Source, Token, Tools};
use rotate_tokens::signing::{Registrar, Signing};
use rotate_tokens::store::Store;
use rotate_tokens::{Function, Line, Order};
use runtime::clock;
use sandbox::{Sandbox, SocialToken};
use secrets::SecretString;
use serde_json::{Value, json};
use stack::shared;
use tokens::{CXONE, TokenLedger};

pub const TABLE: &str = "ledger";
pub const PREFIX: &str = "test/social/";
pub const WEBHOOK: &str = "https://example.com/webhook/social";
const HOUR: u64 = 3600;

pub struct World {
    pub sandbox: Sandbox,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub dynamo: aws_sdk_dynamodb::Client,
    pub ledger: TokenLedger,
    pub function: Function,
}

/// What a test may begin with: a platform's secret and its token, which is due.
pub fn platform_secret(kind: &str, url: &str, access_token: &str) -> Value {
    let now = clock::now();
    let hours = |hours| SignedDuration::from_hours(hours);
    let mut secret = json!({
        "provider": kind,
        "access_token": access_token,
        "issued_at": (now - hours(59 * 24)).to_string(),
        "expires_at": (now + SignedDuration::from_mins(20)).to_string(),
    });
    let more = match kind {
        "token_rotation" => json!({"refresh_endpoint": format!("{url}/social/forum/rotate")}),
        "facebook" => json!({
            "version": "v23.0", "client_id": "sandbox-app",
            "client_secret": "sandbox-app-secret", "base_url": url,
        }),
        "instagram" => json!({"base_url": url}),
        "x" => json!({
            "refresh_token": format!("{access_token}-refresh"), "client_id": "sandbox-app",
            "client_secret": "sandbox-app-secret", "base_url": url,
            "issued_at": (now - SignedDuration::from_mins(100)).to_string(),
        }),
        other => panic!("{other}"),
    };
    secret
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    secret
}

/// The kinds of providers and the platform under which a test adds each.
pub const KINDS: [(&str, &str); 4] = [
    ("token_rotation", "forum"),
    ("facebook", "facebook"),
    ("instagram", "instagram"),
    ("x", "x"),
];

impl World {
    pub async fn start() -> Self {
        let sdk = shared::account().await.unwrap().sdk_config().await;
        let secrets = aws_sdk_secretsmanager::Client::new(&sdk);
        let dynamo = aws_sdk_dynamodb::Client::new(&sdk);
        let sandbox = Sandbox::start(sandbox::Config::default()).await.unwrap();
        shared::create_ledger(&dynamo, TABLE).await.unwrap();
        let credentials =
            json!({"client_id": "sandbox-client", "client_secret": "sandbox-client-secret"});
        for (name, value) in [
            ("credentials", credentials.to_string()),
            ("access-token", "{}".to_owned()),
            ("signing", json!({"current": "first"}).to_string()),
        ] {
            secrets
                .create_secret()
                .name(name)
                .secret_string(value)
                .send()
                .await
                .unwrap();
        }
        let ledger = TokenLedger::new(dynamo.clone(), TABLE);
        let function = function(&sandbox.url, &secrets, &ledger);
        Self {
            sandbox,
            secrets,
            dynamo,
            ledger,
            function,
        }
    }

    /// Stops the sandbox in the background, which takes a second that a test with many worlds
    /// hasn't got.
    pub fn end(self) {
        std::thread::spawn(move || drop(self));
    }

    /// Another instance of the function, with clients of its own.
    pub fn another_function(&self) -> Function {
        function(&self.sandbox.url, &self.secrets, &self.ledger)
    }

    /// Makes a token known to its platform and adds the platform as an operator would.
    pub async fn add(&self, kind: &str, name: &str, token: &str) {
        self.add_with(kind, name, token, json!({})).await;
    }

    /// The same, with these fields of the secret on top.
    pub async fn add_with(&self, kind: &str, name: &str, token: &str, fields: Value) {
        self.sandbox.register_social(
            name,
            SocialToken {
                access_token: token.to_owned(),
                refresh_token: Some(format!("{token}-refresh")),
                expires_in_seconds: HOUR,
                age_seconds: 59 * 24 * HOUR,
                single_use: kind == "token_rotation",
            },
        );
        let mut secret = platform_secret(kind, &self.sandbox.url, token);
        secret
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let json = SecretString::from(secret.to_string());
        platforms::add(
            &self.secrets,
            &self.ledger,
            PREFIX,
            name,
            &json,
            clock::now(),
        )
        .await
        .unwrap();
    }

    pub async fn run(&self, order: Value) -> Vec<Line> {
        let order: Order = serde_json::from_value(order).unwrap();
        self.function
            .handle(order, Some(Duration::from_secs(30)))
            .await
            .unwrap()
            .tokens
    }

    /// Runs for one token.
    pub async fn rotate(&self, name: &str) -> Line {
        self.run(json!({"secret": name})).await.remove(0)
    }

    /// The secret's JSON under a label.
    pub async fn labelled(&self, secret: &str, label: &str) -> Option<Value> {
        let get = self
            .secrets
            .get_secret_value()
            .secret_id(secret)
            .version_stage(label);
        let answer = get.send().await.ok()?;
        serde_json::from_str(answer.secret_string()?).ok()
    }

    /// The access token that functions would use now.
    pub async fn current(&self, name: &str) -> String {
        let value = self.labelled(&secret_of(name), "AWSCURRENT").await.unwrap();
        value["access_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Whether the provider takes the token that functions would use now.
    pub async fn current_works(&self, name: &str) -> bool {
        let token = self.current(name).await;
        self.sandbox.social_token_works(name, &token)
    }

    /// Uses of a single-use token that was used before.
    pub fn reuses(&self, name: &str) -> usize {
        self.sandbox
            .summary()
            .social
            .get(name)
            .map_or(0, |social| social.reuses)
    }

    /// Lets a lease run out, as it does after a minute.
    pub async fn let_lease_run_out(&self, name: &str) {
        self.dynamo
            .update_item()
            .table_name(TABLE)
            .key("pk", AttributeValue::S(format!("token#{name}")))
            .key("sk", AttributeValue::S("state".into()))
            .update_expression("SET lease_until = :past")
            .expression_attribute_values(":past", AttributeValue::N("0".into()))
            .send()
            .await
            .unwrap();
    }

    /// When a lease runs out, in milliseconds since the epoch.
    pub async fn lease_until(&self, name: &str) -> String {
        let get = self
            .dynamo
            .get_item()
            .table_name(TABLE)
            .key("pk", AttributeValue::S(format!("token#{name}")))
            .key("sk", AttributeValue::S("state".into()))
            .consistent_read(true);
        let item = get.send().await.unwrap().item.unwrap();
        item["lease_until"].as_n().unwrap().clone()
    }

    /// A token of the world as the function sees it.
    pub fn token(&self, name: &str) -> Token {
        let source = match name {
            CXONE => Source::Cxone {
                client: Client::new(reqwest_client(), &self.sandbox.url, "/oauth/token"),
                credentials_secret: "credentials".into(),
            },
            _ => Source::Platform,
        };
        Token {
            name: name.into(),
            secret: secret_of(name),
            source,
        }
    }

    /// Everything in the ledger, as text.
    pub async fn ledger_text(&self) -> String {
        let items = self.dynamo.scan().table_name(TABLE).send().await.unwrap();
        format!("{:?}", items.items())
    }
}

pub fn ask(force: bool) -> Ask {
    Ask {
        at: clock::now(),
        force,
        deadline: clock::instant() + Duration::from_secs(20),
    }
}

pub fn secret_of(name: &str) -> String {
    match name {
        CXONE => "access-token".into(),
        platform => format!("{PREFIX}{platform}"),
    }
}

pub fn reqwest_client() -> reqwest::Client {
    runtime::http::client(Duration::from_secs(5)).unwrap()
}

fn function(url: &str, secrets: &aws_sdk_secretsmanager::Client, ledger: &TokenLedger) -> Function {
    let client = Client::new(reqwest_client(), url, "/oauth/token");
    let tokens = AccessTokens::new(
        client.clone(),
        secrets.clone(),
        ledger.clone(),
        "credentials",
        "access-token",
    );
    Function {
        tools: Tools {
            store: Store::new(secrets.clone()),
            ledger: ledger.clone(),
            http: reqwest_client(),
            margin: SignedDuration::from_hours(1),
        },
        cxone: Token {
            name: CXONE.into(),
            secret: "access-token".into(),
            source: Source::Cxone {
                client: client.clone(),
                credentials_secret: "credentials".into(),
            },
        },
        signing: Signing {
            secret: "signing".into(),
            registration: Some(Registrar {
                webhooks: Webhooks::new(client, "/api/v2/webhooks"),
                tokens,
                url: WEBHOOK.into(),
            }),
            cache_life: Duration::from_secs(60),
            greatest_age: None,
        },
        social_prefix: PREFIX.into(),
    }
}

/// How long ago an instant lies at the most.
pub fn is_recent(at: Timestamp) -> bool {
    clock::now().duration_since(at) < SignedDuration::from_mins(1)
}
