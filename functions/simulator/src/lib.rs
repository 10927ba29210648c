//! The simulator: a page and an API that send what CXone would send, and show what becomes of it.
//!
//! | route | what it does |
//! |---|---|
//! | `GET /simulator` | the page |
//! | `POST /simulator/send` | sends interactions to the own webhook, signed |
//! | `POST /simulator/preview` | scores a text and says which rule and skills it would get |
//! | `GET /simulator/examples` | the moods and their texts |
//! | `GET /simulator/interactions/{id}` | where an interaction is |
//! | `GET /simulator/interactions?ids=a,b` | the same for up to 50 |
//! | `GET /simulator/status` | queues, parked items, breakers, tokens |
//! | `GET /simulator/sla?hours=24` | percentiles and the latency histogram of each operation |
//!
//! Every route wants HTTP Basic with the key as password. The stack has the function only where
//! the template's `EnableSimulator` is true.
//!
//! - [`generate`]: payloads from a request, pure
//! - [`send`]: sends them, to the setting `WEBHOOK_URL` and nowhere else
//! - [`look`]: what ledger and queues say; [`progress`]: where an interaction is, pure
//! - [`page`]: the page's files
//! - [`auth`], [`examples`], [`config`]

pub mod auth;
pub mod config;
pub mod examples;
pub mod generate;
pub mod look;
pub mod page;
pub mod progress;
pub mod send;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use config::Config;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Request, RequestExt as _, Response};
use rules::{Message, Rules, Settings};
use runtime::clock;
use secrets::{ExposeSecret as _, SecretCache, SecretError, SigningSecret};
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::{Value, json};
use sla::{Histogram, Hour};

use crate::generate::{Breakage, SendRequest};
use crate::look::{Looker, MOST_IDS};
use crate::send::Sender;

/// The clients and settings, built once a cold start.
pub struct App {
    config: Config,
    secrets: SecretCache,
    ssm: aws_sdk_ssm::Client,
    looker: Looker,
    sender: Arc<Sender>,
}

impl App {
    /// Builds the clients.
    ///
    /// # Errors
    /// When the HTTP client's TLS can't be set up.
    pub fn new(config: Config, aws: &aws_config::SdkConfig) -> reqwest::Result<Self> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        Ok(Self {
            secrets: SecretCache::new(secrets, Duration::from_secs(60)),
            ssm: aws_sdk_ssm::Client::new(aws),
            looker: Looker {
                dynamodb: aws_sdk_dynamodb::Client::new(aws),
                sqs: aws_sdk_sqs::Client::new(aws),
                table: config.table.clone(),
                queues: config.queues.clone(),
                threshold_ms: i64::from(config.sla_threshold_ms),
            },
            sender: Arc::new(Sender {
                http: runtime::http::client(send::TIMEOUT)?,
                webhook_url: config.webhook_url.clone(),
                scheme: config.webhook_auth,
            }),
            config,
        })
    }
}

/// Why a request gets no result.
struct Refusal {
    status: StatusCode,
    detail: String,
}

fn refusal(status: StatusCode, detail: impl Into<String>) -> Refusal {
    Refusal {
        status,
        detail: detail.into(),
    }
}

/// Who asks for the key has not shown it yet, so the answer names a setting; the log has the
/// secret's ARN and what AWS said.
fn without(setting: &str, error: &SecretError) -> Refusal {
    tracing::warn!(setting, %error, "a secret can't be used");
    let detail = format!("the secret of the setting {setting} can't be used: the log says why");
    refusal(StatusCode::SERVICE_UNAVAILABLE, detail)
}

type Answer = Result<Response<Body>, Refusal>;

/// Answers a request.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    match route(app, &request).await {
        Ok(response) => response,
        Err(refused) => problem(&refused),
    }
}

async fn route(app: &App, request: &Request) -> Answer {
    authorize(app, request).await?;
    let path = request.raw_http_path();
    // The path of a stage or of a gateway in front may stand before ours.
    let path = path
        .find("/simulator")
        .map_or(path, |at| &path[at + "/simulator".len()..]);
    let query = request.query_string_parameters();
    let allowed = match path {
        "/send" | "/preview" => Method::POST,
        _ => Method::GET,
    };
    let known = matches!(
        path,
        "" | "/"
            | "/app.js"
            | "/style.css"
            | "/examples"
            | "/interactions"
            | "/status"
            | "/sla"
            | "/send"
            | "/preview"
    );
    let interaction = path
        .strip_prefix("/interactions/")
        .filter(|id| !id.contains('/'));
    if !known && interaction.is_none() {
        return Err(refusal(
            StatusCode::NOT_FOUND,
            "the simulator has no such route",
        ));
    }
    if request.method() != allowed {
        let detail = format!("only {allowed} is allowed here");
        let mut refused = problem(&refusal(StatusCode::METHOD_NOT_ALLOWED, detail));
        let allowed =
            header::HeaderValue::from_str(allowed.as_str()).expect("methods are plain ASCII");
        refused.headers_mut().insert(header::ALLOW, allowed);
        return Ok(refused);
    }
    match path {
        "" => Ok(page::index(request.uri().query())),
        // The page's links are relative to the path without the slash.
        "/" => Ok(page::elsewhere("../simulator")),
        "/app.js" => Ok(page::script()),
        "/style.css" => Ok(page::style()),
        "/examples" => Ok(answer(&json!(examples::EXAMPLES))),
        "/status" => Ok(answer(
            &Box::pin(app.looker.status(clock::now().as_millisecond())).await,
        )),
        "/sla" => waits(app, &query).await,
        "/send" => send(app, request.body()).await,
        "/preview" => preview(app, request.body()).await,
        "/interactions" => look_up(app, query.first("ids").unwrap_or_default()).await,
        _ => {
            // Of an id's characters only the colon is ever escaped.
            let id = interaction
                .unwrap_or_default()
                .replace("%3A", ":")
                .replace("%3a", ":");
            let found = look_up_all(app, &[id]).await?;
            Ok(answer(&found[0]))
        }
    }
}

async fn authorize(app: &App, request: &Request) -> Result<(), Refusal> {
    let key = app
        .secrets
        .get(&app.config.key_secret)
        .await
        .map_err(|e| without("SIMULATOR_KEY_ARN", &e))?;
    let header = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if auth::allowed(header, &key.value) {
        Ok(())
    } else {
        Err(refusal(
            StatusCode::UNAUTHORIZED,
            "the simulator needs its key as the password of HTTP Basic; it is in the stack's secret SimulatorKey",
        ))
    }
}

async fn send(app: &App, body: &[u8]) -> Answer {
    let request: SendRequest = if body.trim_ascii().is_empty() {
        SendRequest::default()
    } else {
        parse(body)?
    };
    let now = clock::now();
    let mut random = fastrand::Rng::new();
    let payloads = generate::payloads(&request, now, &mut random)
        .map_err(|e| refusal(StatusCode::BAD_REQUEST, e.to_string()))?;
    let (rules, rules_problem) = read_rules(app).await;
    let prediction = predict(app, &rules, &payloads[0]);
    let secret = app
        .secrets
        .get(&app.config.signing_secret)
        .await
        .and_then(|secret| {
            SigningSecret::parse(&app.config.signing_secret, secret.value.expose_secret())
        })
        .map_err(|e| without("SIGNING_SECRET_ARN", &e))?;
    let in_order = request.breakage == Some(Breakage::OutOfOrder);
    let sent = app
        .sender
        .send(
            generate::deliveries(&payloads, request.breakage),
            secret.current.expose_secret(),
            now,
            request.rate,
            in_order,
        )
        .await;
    Ok(answer(&json!({
        "status": "simulated",
        "payload": payloads[0],
        "prediction": prediction,
        "expected_status": request.breakage.map_or(202, Breakage::expected_status),
        "rules_problem": rules_problem,
        "sent": sent,
    })))
}

/// What routing will decide: the same function, on the same message.
fn predict(app: &App, rules: &Rules, payload: &interaction::Payload) -> rules::Decision {
    let message = Message {
        text: &payload.latest_message().text,
        platform: &payload.social_profile.platform,
    };
    rules::decide(&message, rules, &settings(app))
}

fn settings(app: &App) -> Settings {
    Settings {
        scorer: app.config.scorer,
        detect_language: app.config.detect_language,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviewRequest {
    text: String,
    #[serde(default = "facebook")]
    platform: String,
}

fn facebook() -> String {
    "facebook".into()
}

async fn preview(app: &App, body: &[u8]) -> Answer {
    let request: PreviewRequest = parse(body)?;
    let (rules, rules_problem) = read_rules(app).await;
    let message = Message {
        text: &request.text,
        platform: &request.platform,
    };
    let used = settings(app);
    let explanation = rules::explain(&message, &rules, &used);
    let scorers = [rules::Scorer::Vader, rules::Scorer::Support];
    let others = scorers.into_iter().flat_map(|scorer| {
        [false, true].map(|detect_language| Settings {
            scorer,
            detect_language,
        })
    });
    let others: Vec<Value> = others
        .filter(|other| *other != used)
        .map(|other| {
            json!({
                "scorer": other.scorer,
                "language_rule": other.detect_language,
                "decision": rules::decide(&message, &rules, &other),
            })
        })
        .collect();
    Ok(answer(&json!({
        "explanation": explanation,
        "language_rule": used.detect_language,
        "language": rules::detect(&request.text),
        "with_other_settings": others,
        "rules_problem": rules_problem,
    })))
}

/// The rules in force; the built-in ones with a sentence where they can't be had.
async fn read_rules(app: &App) -> (Rules, Option<String>) {
    let name = &app.config.rules_parameter;
    match app.ssm.get_parameter().name(name).send().await {
        Ok(found) => {
            let text = found
                .parameter()
                .and_then(|p| p.value())
                .unwrap_or_default();
            match Rules::parse(text) {
                Ok(rules) => (rules, None),
                Err(error) => (Rules::default(), Some(format!("{name}: {error}"))),
            }
        }
        Err(error) => {
            let reason = format!("{name} can't be read: {}", secrets::reason(&error));
            (Rules::default(), Some(reason))
        }
    }
}

async fn look_up(app: &App, ids: &str) -> Answer {
    let ids: Vec<String> = ids
        .split(',')
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .collect();
    let found = look_up_all(app, &ids).await?;
    Ok(answer(&json!({ "interactions": found })))
}

async fn look_up_all(app: &App, ids: &[String]) -> Result<Vec<Value>, Refusal> {
    if ids.len() > MOST_IDS {
        let detail = format!("ids: at most {MOST_IDS} at once");
        return Err(refusal(StatusCode::BAD_REQUEST, detail));
    }
    let mut unique = ids.to_vec();
    unique.sort();
    unique.dedup();
    if unique.len() != ids.len()
        || unique
            .iter()
            .any(|id| interaction::InteractionId::new(id).is_err())
    {
        return Err(refusal(
            StatusCode::BAD_REQUEST,
            "ids: each must be an interaction's id, and none twice",
        ));
    }
    app.looker
        .interactions(ids)
        .await
        .map_err(|reason| refusal(StatusCode::SERVICE_UNAVAILABLE, reason))
}

/// How long customers waited, by operation, over all platforms and by platform.
async fn waits(app: &App, query: &QueryMap) -> Answer {
    let hours: i64 = query.first("hours").map_or(Ok(24), str::parse).unwrap_or(0);
    if !(1..=24 * 31).contains(&hours) {
        let detail = "hours: must be from 1 to 744";
        return Err(refusal(StatusCode::BAD_REQUEST, detail));
    }
    let last = Hour::of(clock::now());
    let first = last.plus(1 - hours);
    let read = sla::store::all(&app.looker.dynamodb, &app.config.table, first, last)
        .await
        .map_err(|e| refusal(StatusCode::SERVICE_UNAVAILABLE, e.to_string()))?;
    let mut operations: BTreeMap<&str, (Histogram, Vec<Value>)> = BTreeMap::new();
    for (key, hours) in &read {
        let mut platform = Histogram::default();
        for histogram in hours.values() {
            platform.merge(histogram);
        }
        let (whole, platforms) = operations.entry(key.operation.as_str()).or_default();
        whole.merge(&platform);
        let mut figures = figures(&platform);
        figures["platform"] = json!(key.platform.as_str());
        platforms.push(figures);
    }
    let operations: serde_json::Map<String, Value> = operations
        .into_iter()
        .map(|(operation, (whole, platforms))| {
            let mut shown = figures(&whole);
            shown["buckets"] = buckets(&whole);
            shown["platforms"] = Value::Array(platforms);
            (operation.to_owned(), shown)
        })
        .collect();
    Ok(answer(&json!({
        "hours": hours,
        "threshold_ms": app.config.sla_threshold_ms,
        "operations": operations,
    })))
}

fn figures(histogram: &Histogram) -> Value {
    json!({
        "count": histogram.total(),
        "breaches": histogram.breaches(),
        "p50": histogram.percentile(50),
        "p95": histogram.percentile(95),
        "p99": histogram.percentile(99),
    })
}

/// From, to (in milliseconds) and count of each bucket that isn't empty.
fn buckets(histogram: &Histogram) -> Value {
    let bounded = histogram.counts().map(|(bucket, count)| {
        let (from, to) = sla::buckets::bounds(bucket);
        json!([from, to, count])
    });
    bounded.collect()
}

/// Reads a request; the error names the field and never its value.
fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    let deserializer = &mut serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(deserializer).map_err(|e| {
        let path = e.path().to_string();
        let detail = match (e.inner().classify(), path.as_str()) {
            (Category::Data, ".") => {
                "the body must be an object with the fields that docs/simulator.md lists".to_owned()
            }
            (Category::Data, path) => {
                format!("{path}: unknown, or not of the type that docs/simulator.md says")
            }
            _ => "the body is not JSON".to_owned(),
        };
        refusal(StatusCode::BAD_REQUEST, detail)
    })
}

fn answer(body: &Value) -> Response<Body> {
    page::respond(StatusCode::OK, "application/json", body.to_string())
}

fn problem(refused: &Refusal) -> Response<Body> {
    let body = json!({
        "type": "about:blank",
        "title": refused.status.canonical_reason().unwrap_or("Error"),
        "status": refused.status.as_u16(),
        "detail": refused.detail,
    });
    let mut response = page::respond(refused.status, "application/problem+json", body.to_string());
    let headers = response.headers_mut();
    if refused.status == StatusCode::UNAUTHORIZED {
        headers.insert(
            header::WWW_AUTHENTICATE,
            header::HeaderValue::from_static("Basic realm=\"simulator\", charset=\"UTF-8\""),
        );
    }
    if refused.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("5"));
    }
    response
}
