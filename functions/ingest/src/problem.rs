//! The answers that aren't 202, as problem details (RFC 9457).

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use interaction::{InteractionId, PayloadError};
use serde_json::json;
use signature::Refusal;

/// When a sender that got 503 should come back, in seconds.
const RETRY_AFTER_SECONDS: &str = "5";

/// Why a request is not accepted. Each has one status and one `type`, which stay as they are;
/// none repeats what was sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    MethodNotAllowed,
    UnsupportedMediaType,
    TooLarge {
        max_bytes: usize,
    },
    Unauthorized(Refusal),
    /// The gateway says that the body is base64, and it isn't.
    NotBase64,
    Invalid(PayloadError),
    SecretUnavailable,
    QueueUnavailable,
}

impl Problem {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::NotBase64 | Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::SecretUnavailable | Self::QueueUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The last part of the problem's `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MethodNotAllowed => "method-not-allowed",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::TooLarge { .. } => "body-too-large",
            Self::Unauthorized(_) => "unauthorized",
            Self::NotBase64 | Self::Invalid(_) => "invalid-body",
            Self::SecretUnavailable => "signing-secret-unavailable",
            Self::QueueUnavailable => "queue-unavailable",
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::MethodNotAllowed => "Only POST is allowed",
            Self::UnsupportedMediaType => "The body must be application/json",
            Self::TooLarge { .. } => "The body is too large",
            Self::Unauthorized(_) => "The sender is not proved",
            Self::NotBase64 | Self::Invalid(_) => "The body is not valid",
            Self::SecretUnavailable | Self::QueueUnavailable => "Not available for the moment",
        }
    }

    /// One sentence on this occurrence.
    pub fn detail(&self) -> String {
        match self {
            Self::MethodNotAllowed => "Send the webhook as a POST request.".into(),
            Self::UnsupportedMediaType => {
                "Send application/json in UTF-8, without a content encoding.".into()
            }
            Self::TooLarge { max_bytes } => format!("The body may have {max_bytes} bytes."),
            Self::Unauthorized(refusal) => format!("{refusal}."),
            Self::NotBase64 => "the body is not the base64 that it is said to be.".into(),
            Self::Invalid(error) => format!("{error}."),
            Self::SecretUnavailable => "The signing secret can't be read; send it again.".into(),
            Self::QueueUnavailable => "The queue did not take it; send it again.".into(),
        }
    }

    /// Such as `messages[0].timestamp`, or `.` for the body itself; only where the body is at
    /// fault.
    fn path(&self) -> Option<&str> {
        match self {
            Self::NotBase64 => Some("."),
            Self::Invalid(error) => Some(&error.path),
            _ => None,
        }
    }

    fn header(&self) -> Option<(HeaderName, &'static str)> {
        match self {
            Self::MethodNotAllowed => Some((ALLOW, "POST")),
            Self::Unauthorized(_) => Some((WWW_AUTHENTICATE, "Webhook")),
            Self::SecretUnavailable | Self::QueueUnavailable => {
                Some((RETRY_AFTER, RETRY_AFTER_SECONDS))
            }
            _ => None,
        }
    }
}

/// 202 with the interaction's id, or the problem.
pub fn answer(outcome: &Result<InteractionId, Problem>) -> ApiGatewayV2httpResponse {
    let (status, content_type, body) = match outcome {
        Ok(id) => {
            let body = json!({"status": "accepted", "interaction_id": id});
            (StatusCode::ACCEPTED, "application/json", body)
        }
        Err(problem) => {
            let mut body = json!({
                "type": format!("urn:cxone-social:problem:{}", problem.name()),
                "title": problem.title(),
                "status": problem.status().as_u16(),
                "detail": problem.detail(),
            });
            if let Some(path) = problem.path() {
                body["path"] = json!(path);
            }
            (problem.status(), "application/problem+json", body)
        }
    };
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(status.as_u16());
    let headers = &mut response.headers;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some((name, value)) = outcome.as_ref().err().and_then(Problem::header) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response.body = Some(Body::Text(body.to_string()));
    response
}
