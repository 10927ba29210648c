//! Requests as the HTTP API hands them over, and the answers that go back to it.

use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ingest::{Config, FairQueueGroup, Ingest};
use interaction::Envelope;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use signature::Scheme;

use crate::aws::Aws;

pub const CURRENT: &str = "current-secret-of-the-tests";
pub const PREVIOUS: &str = "previous-secret-of-the-tests";
pub const SCHEMES: [Scheme; 3] = [Scheme::SecretHeader, Scheme::Hmac, Scheme::StandardWebhooks];

/// The canonical event of `events/`.
pub fn canonical() -> Value {
    serde_json::from_str(include_str!("../../../../events/webhook.json")).unwrap()
}

/// The tutorial's payload, from the canonical event.
pub fn tutorial() -> Value {
    serde_json::from_str(canonical()["body"].as_str().unwrap()).unwrap()
}

/// The handler on a server of its own.
pub struct Endpoint {
    pub aws: Aws,
    pub ingest: Ingest,
    pub scheme: Scheme,
}

impl Endpoint {
    pub async fn new(scheme: Scheme) -> Self {
        Self::with(scheme, |_| ()).await
    }

    pub async fn with(scheme: Scheme, change: impl FnOnce(&mut Config)) -> Self {
        let aws = Aws::start(&json!({"current": CURRENT, "previous": PREVIOUS})).await;
        let mut config = Config {
            queue_url: format!(
                "{}/000000000000/RoutingQueue",
                aws.config.endpoint_url().unwrap()
            ),
            signing_secret: "arn:aws:secretsmanager:us-east-1:000000000000:secret:SigningSecret"
                .into(),
            scheme,
            max_body_bytes: 256 * 1024,
            fair_queue_group: FairQueueGroup::Platform,
            secret_life: Duration::from_mins(1),
        };
        change(&mut config);
        let ingest = Ingest::new(config, &aws.config);
        Self {
            aws,
            ingest,
            scheme,
        }
    }

    /// A valid request of CXone's with this body.
    pub fn signed(&self, body: impl AsRef<[u8]>) -> Request {
        self.signed_with(CURRENT, body)
    }

    pub fn signed_with(&self, secret: &str, body: impl AsRef<[u8]>) -> Request {
        let (body, now) = (body.as_ref(), runtime::clock::now());
        let mut request = Request::new(body);
        for (name, value) in self.scheme.sign(secret, "msg_1", now, body) {
            request = request.header(name, &value);
        }
        request
    }

    pub async fn send(&self, request: Request) -> Answer {
        self.send_event(request.0).await
    }

    pub async fn send_event(&self, event: Value) -> Answer {
        let event: ApiGatewayV2httpRequest = serde_json::from_value(event).unwrap();
        let event = LambdaEvent::new(event, Context::default());
        let Ok(response) = self.ingest.handle(event).await;
        Answer(serde_json::to_value(response).unwrap())
    }

    /// The body of the only message in the queue.
    pub fn queued(&self) -> Envelope {
        let sent = self.aws.sent();
        assert_eq!(sent.len(), 1, "{} messages", sent.len());
        Envelope::parse(sent[0]["MessageBody"].as_str().unwrap()).unwrap()
    }
}

/// The gateway's event, which a test changes before it is sent.
#[derive(Clone)]
pub struct Request(pub Value);

impl Request {
    /// A POST of JSON without any proof of its sender.
    pub fn new(body: &[u8]) -> Self {
        let mut event = canonical();
        let now = runtime::clock::now().as_millisecond();
        event["requestContext"]["timeEpoch"] = json!(now);
        let headers = event["headers"].as_object_mut().unwrap();
        headers.retain(|name, _| !name.starts_with("x-cxone") && !name.starts_with("x-webhook"));
        Self(event).body(body)
    }

    pub fn body(mut self, body: &[u8]) -> Self {
        let (body, encoded) = match std::str::from_utf8(body) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (STANDARD.encode(body), true),
        };
        self.0["body"] = json!(body);
        self.0["isBase64Encoded"] = json!(encoded);
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0["headers"][name] = json!(value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0["headers"].as_object_mut().unwrap().remove(name);
        self
    }

    pub fn method(mut self, method: &str) -> Self {
        self.0["requestContext"]["http"]["method"] = json!(method);
        self
    }
}

/// What the gateway gets back.
#[derive(Debug)]
pub struct Answer(Value);

impl Answer {
    pub fn status(&self) -> u64 {
        self.0["statusCode"].as_u64().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.0["headers"][name].as_str()
    }

    pub fn body(&self) -> Value {
        assert_eq!(self.0["isBase64Encoded"], json!(false));
        serde_json::from_str(self.0["body"].as_str().unwrap()).unwrap()
    }

    /// Holds that this is a well-formed problem, and gives the last part of its `type`.
    pub fn problem(&self) -> String {
        let body = self.body();
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(body["status"], self.status());
        assert!(body["title"].is_string() && body["detail"].is_string());
        let kind = body["type"].as_str().unwrap();
        kind.strip_prefix("urn:cxone-social:problem:")
            .unwrap()
            .to_owned()
    }
}
