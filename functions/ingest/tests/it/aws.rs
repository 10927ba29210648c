//! SQS and Secrets Manager, as far as ingest calls them: one server, with faults.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

/// What a service does with the next requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Works,
    Fails,
    Denies,
    Hangs,
}

#[derive(Default)]
struct World {
    secret: String,
    secret_reads: usize,
    secrets: Mood,
    queue: Mood,
    sent: Vec<Value>,
}

/// A running server; it ends with the test's runtime.
#[derive(Clone)]
pub struct Aws {
    world: Arc<Mutex<World>>,
    pub config: SdkConfig,
}

impl Aws {
    /// Starts with this value of the signing secret.
    pub async fn start(secret: &Value) -> Self {
        let world = Arc::new(Mutex::new(World {
            secret: secret.to_string(),
            ..World::default()
        }));
        let app = Router::new()
            .route("/", post(answer))
            .with_state(world.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let credentials = Credentials::new("test", "test", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(url)
            .build();
        Self { world, config }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn set_secret(&self, secret: &Value) {
        self.world().secret = secret.to_string();
    }

    pub fn set_secrets(&self, mood: Mood) {
        self.world().secrets = mood;
    }

    pub fn set_queue(&self, mood: Mood) {
        self.world().queue = mood;
    }

    pub fn secret_reads(&self) -> usize {
        self.world().secret_reads
    }

    /// The `SendMessage` requests that the queue took.
    pub fn sent(&self) -> Vec<Value> {
        self.world().sent.clone()
    }
}

async fn answer(
    State(world): State<Arc<Mutex<World>>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap();
    let request: Value = serde_json::from_str(&body).unwrap();
    let (mood, answer) = {
        let mut world = world.lock().unwrap();
        match target {
            "AmazonSQS.SendMessage" => {
                if world.queue == Mood::Works {
                    world.sent.push(request);
                }
                (
                    world.queue,
                    json!({"MessageId": "1", "MD5OfMessageBody": "0"}),
                )
            }
            "secretsmanager.GetSecretValue" => {
                world.secret_reads += 1;
                let secret = json!({
                    "ARN": request["SecretId"],
                    "Name": "SigningSecret",
                    "VersionId": format!("{:032}", world.secret_reads),
                    "SecretString": world.secret,
                });
                (world.secrets, secret)
            }
            other => panic!("ingest must not call {other}"),
        }
    };
    let error = |status, code| (status, json!({"__type": code, "message": "no"}).to_string());
    match mood {
        Mood::Works => answer.to_string().into_response(),
        Mood::Fails => error(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure").into_response(),
        Mood::Denies => error(StatusCode::BAD_REQUEST, "AccessDeniedException").into_response(),
        Mood::Hangs => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            answer.to_string().into_response()
        }
    }
}
