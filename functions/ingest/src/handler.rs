//! One request, from the gateway's event to its answer.

use std::convert::Infallible;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use interaction::{Envelope, InteractionId, Payload, envelope};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Context, LambdaEvent};
use runtime::clock;
use secrets::SecretCache;

use crate::config::Config;
use crate::problem::{self, Problem};
use crate::queue::Message;
use crate::{request, sender, trace};

/// The longest that reading the secret or sending to the queue may take, all tries included. The
/// secret may have to be read twice, and all of it must fit the 15 s that the gateway waits.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);

/// The longest that one try may take. A second one is worth more than a long first.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The longest that a request can have been on its way from the gateway to here.
const GATEWAY_WAITS: SignedDuration = SignedDuration::from_secs(30);

pub struct Ingest {
    config: Config,
    secrets: SecretCache,
    sqs: aws_sdk_sqs::Client,
}

impl Ingest {
    pub fn new(config: Config, aws: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let aws = aws.to_builder().timeout_config(timeouts).build();
        let secrets = aws_sdk_secretsmanager::Client::new(&aws);
        Self {
            secrets: SecretCache::new(secrets, config.secret_life),
            sqs: aws_sdk_sqs::Client::new(&aws),
            config,
        }
    }

    /// Reads the secret ahead of the first request. If that fails, the cache has logged why, and
    /// the request tries again.
    pub async fn warm_up(&self) {
        let _ = self.secrets.get(&self.config.signing_secret).await;
    }

    pub async fn handle(
        &self,
        event: LambdaEvent<ApiGatewayV2httpRequest>,
    ) -> Result<ApiGatewayV2httpResponse, Infallible> {
        let began = clock::instant();
        let outcome = self.accept(&event.payload, &event.context).await;
        log(&outcome, clock::instant().duration_since(began));
        Ok(problem::answer(&outcome))
    }

    async fn accept(
        &self,
        request: &ApiGatewayV2httpRequest,
        context: &Context,
    ) -> Result<InteractionId, Problem> {
        let (config, headers, now) = (&self.config, &request.headers, clock::now());
        let body = request::body(request, config.max_body_bytes)?;
        let secret = &config.signing_secret;
        sender::prove(config.scheme, headers, &body, now, &self.secrets, secret).await?;

        let payload = Payload::parse(&body).map_err(Problem::Invalid)?;
        let id = sender::own_id(config.scheme, headers)
            .unwrap_or_else(|| InteractionId::derive(&payload));
        let received_at = received_at(request.request_context.time_epoch, now);
        let envelope = Envelope::new(payload, id.clone(), received_at);

        let sent = headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok());
        let xray = context.xray_trace_id.as_deref();
        let trace = trace::traceparent(sent, xray, &context.request_id);
        let message = Message::new(&envelope, trace, config.fair_queue_group);
        if message.body.len() > envelope::MAX_BODY_BYTES {
            return Err(Problem::TooLarge {
                max_bytes: envelope::MAX_BODY_BYTES,
            });
        }
        if let Err(error) = message.send(&self.sqs, &config.queue_url).await {
            let reason = secrets::reason(&error);
            tracing::error!(interaction = %id, stage = "ingest", reason, "the queue did not take it");
            return Err(Problem::QueueUnavailable);
        }
        Ok(id)
    }
}

/// When the gateway got the request, which is when the customer's wait begins; a cold start is
/// part of it. Where the gateway's time can't be (a canned event, another clock), it is now.
fn received_at(gateway_millis: i64, now: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(gateway_millis)
        .ok()
        .filter(|at| *at <= now && now.duration_since(*at) <= GATEWAY_WAITS)
        .unwrap_or(now)
}

fn log(outcome: &Result<InteractionId, Problem>, took: Duration) {
    let latency_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Ok(id) => tracing::info!(
            interaction = %id, stage = "ingest", outcome = "accepted", status = 202, latency_ms,
        ),
        Err(problem) => tracing::info!(
            stage = "ingest",
            outcome = problem.name(),
            status = problem.status().as_u16(),
            latency_ms,
            reason = problem.detail(),
        ),
    }
}
