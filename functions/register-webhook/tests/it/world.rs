//! CloudFormation's side: requests, and the address that takes their answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use register_webhook::Function;
use register_webhook::registration::Registrar;
use register_webhook::request::Request;
use sandbox::Sandbox;
use secrets::SecretCache;
use serde_json::{Value, json};
use stack::shared;

pub const URL: &str = "https://example.com/webhook/social";
pub const SECRET: &str = "the-signing-secret";
pub const NAME: &str = "social-interaction-ingest";

/// The answers that came in, and how the next ones are received.
#[derive(Default)]
struct Answers {
    bodies: Vec<Value>,
    content_types: Vec<Option<String>>,
    longest: usize,
    refuse: usize,
}

pub struct World {
    pub sandbox: Sandbox,
    function: Function,
    answers: Arc<Mutex<Answers>>,
    address: String,
    time_left: Duration,
}

impl World {
    pub async fn start() -> Self {
        Self::with_secrets(&json!({"current": SECRET, "previous": "former"}), true).await
    }

    /// `registers_secret` is so for the secret header only.
    pub async fn with_secrets(signing: &Value, registers_secret: bool) -> Self {
        let sdk = shared::account().await.unwrap().sdk_config().await;
        let secrets = aws_sdk_secretsmanager::Client::new(&sdk);
        let client =
            json!({"client_id": "sandbox-client", "client_secret": "sandbox-client-secret"});
        for (name, value) in [("client", &client), ("signing", signing)] {
            let create = secrets
                .create_secret()
                .name(name)
                .secret_string(value.to_string());
            create.send().await.unwrap();
        }
        let sandbox = Sandbox::start(sandbox::Config::default()).await.unwrap();
        let http = runtime::http::client(Duration::from_secs(2)).unwrap();
        let client = cxone::Client::new(http.clone(), &sandbox.url, "/oauth/token");
        let registrar = Registrar {
            webhooks: cxone::Webhooks::new(client.clone(), "/api/v2/webhooks"),
            client,
            secrets: SecretCache::new(secrets, Duration::ZERO),
            credentials_secret: "client".into(),
            signing_secret: registers_secret.then(|| "signing".into()),
        };
        let answers = Arc::<Mutex<Answers>>::default();
        Self {
            sandbox,
            function: Function::new(registrar, http),
            address: receive(answers.clone()).await,
            answers,
            time_left: Duration::from_secs(90),
        }
    }

    /// The invocation ends after so long.
    pub fn with_time_left(mut self, time_left: Duration) -> Self {
        self.time_left = time_left;
        self
    }

    /// The next answers are refused, as S3 does in a bad moment.
    pub fn refuse_answers(&self, number: usize) {
        self.answers.lock().unwrap().refuse = number;
    }

    /// Runs the function for a request and gives what CloudFormation is told.
    pub async fn request(&self, kind: &str, physical_id: Option<&str>, properties: Value) -> Value {
        let mut request = json!({
            "RequestType": kind,
            "RequestId": "request-1",
            "ResponseURL": format!("{}/answer?X-Amz-Signature=presigned", self.address),
            "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/social/1",
            "ResourceType": "Custom::WebhookRegistration",
            "LogicalResourceId": "WebhookRegistration",
            "ResourceProperties": properties,
        });
        if let Some(id) = physical_id {
            request["PhysicalResourceId"] = id.into();
        }
        let request: Request = serde_json::from_value(request).unwrap();
        self.function
            .handle(request, Some(self.time_left))
            .await
            .unwrap();
        let answers = self.answers.lock().unwrap();
        assert!(answers.longest <= 4096);
        assert!(answers.content_types.iter().all(Option::is_none));
        let answer = answers.bodies.last().unwrap().clone();
        assert_eq!(answer["RequestId"], "request-1");
        assert_eq!(answer["LogicalResourceId"], "WebhookRegistration");
        assert!(!answer["PhysicalResourceId"].as_str().unwrap().is_empty());
        answer
    }

    pub async fn create(&self) -> Value {
        self.request("Create", None, properties(URL)).await
    }

    pub async fn update(&self, id: &str, properties: Value) -> Value {
        self.request("Update", Some(id), properties).await
    }

    pub async fn delete(&self, id: &str) -> Value {
        self.request("Delete", Some(id), properties(URL)).await
    }
}

pub fn properties(url: &str) -> Value {
    json!({"ServiceToken": "arn:of:the:function", "ServiceTimeout": "120", "WebhookUrl": url})
}

async fn receive(answers: Arc<Mutex<Answers>>) -> String {
    let app = Router::new()
        .route("/answer", put(take))
        .with_state(answers);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn take(
    State(answers): State<Arc<Mutex<Answers>>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut answers = answers.lock().unwrap();
    if answers.refuse > 0 {
        answers.refuse -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let content_type = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    answers.content_types.push(content_type.map(str::to_owned));
    answers.longest = answers.longest.max(body.len());
    answers.bodies.push(serde_json::from_slice(&body).unwrap());
    StatusCode::OK
}
