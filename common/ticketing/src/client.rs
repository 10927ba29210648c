//! Carries an exchange over HTTP.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Response, StatusCode};
use secrets::{ExposeSecret, Secret, SecretCache, SecretError};
use serde::Deserialize;
use upstream::{Failure, Reason, transport};

use crate::advice;
use crate::exchange::{Answer, Call, Dialect, Next, Outcome, Request};

/// The longest answer that is read: Zendesk's hundred comments of 64 kB, with some to spare.
const LONGEST_ANSWER: usize = 8 << 20;

/// The right to make requests beyond the first, under the rate limit.
pub trait Slots: Sync {
    fn another(&self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Where the ticketing system's credential is kept.
pub struct Credential {
    pub secrets: SecretCache,
    /// The secret's ARN. Its value is a token (sent as `Bearer`), or JSON with `access_token`
    /// (likewise), or with `email` and `api_token` (Zendesk's HTTP Basic).
    pub arn: String,
}

/// The ticketing system: address, dialect and credential. Built once a cold start.
pub struct Client {
    http: reqwest::Client,
    /// Without a slash at its end.
    base: String,
    dialect: Dialect,
    credential: Option<Credential>,
}

impl Client {
    /// # Errors
    /// When the TLS configuration can't be built.
    pub fn new(
        base: impl Into<String>,
        dialect: Dialect,
        credential: Option<Credential>,
        timeout: Duration,
    ) -> reqwest::Result<Self> {
        Ok(Self {
            http: runtime::http::client(timeout)?,
            base: base.into().trim_end_matches('/').to_owned(),
            dialect,
            credential,
        })
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Tells `calls` (see [`Dialect::exchange`]) and gives one outcome each, in their order. The
    /// first request is the caller's to allow, every later one takes a slot.
    pub async fn tell(&self, calls: Vec<Call>, slots: &impl Slots) -> Vec<Outcome> {
        let count = calls.len();
        let mut exchange = self.dialect.exchange(calls);
        let mut next = exchange.next(None);
        let mut is_first = true;
        loop {
            let request = match next {
                Next::Ask(request) => request,
                Next::Done(outcomes) => return outcomes,
            };
            let allowed = if is_first {
                Ok(())
            } else {
                slots.another().await
            };
            is_first = false;
            let answer = match allowed {
                Ok(()) => self.answer(&request, slots).await,
                Err(failure) => Err(failure),
            };
            match answer {
                Ok(answer) => next = exchange.next(Some(&answer)),
                Err(failure) => return vec![Err(failure); count],
            }
        }
    }

    /// One request's answer. A 401 is tried once more where the credential has changed since it
    /// was last read.
    async fn answer(&self, request: &Request, slots: &impl Slots) -> Result<Answer, Failure> {
        let Some(credential) = &self.credential else {
            return match self.send(request, None).await? {
                refused if refused.status == StatusCode::UNAUTHORIZED => {
                    Err(refused_credential(request, advice::NO_CREDENTIAL))
                }
                answer => Ok(answer),
            };
        };
        let used = credential.get(request).await?;
        let answer = self.send(request, Some(header(&used, request)?)).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        credential.secrets.invalidate(&credential.arn).await;
        let fresh = credential.get(request).await?;
        if fresh.version == used.version {
            return Err(refused_credential(request, advice::CREDENTIAL));
        }
        slots.another().await?;
        match self.send(request, Some(header(&fresh, request)?)).await? {
            refused if refused.status == StatusCode::UNAUTHORIZED => {
                Err(refused_credential(request, advice::CREDENTIAL))
            }
            answer => Ok(answer),
        }
    }

    async fn send(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, Failure> {
        let url = format!("{}{}", self.base, request.path);
        let mut builder = self.http.request(request.method.clone(), url);
        if !request.query.is_empty() {
            builder = builder.query(&request.query);
        }
        if let Some(key) = &request.idempotency_key {
            builder = builder.header("idempotency-key", key);
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        if let Some(authorization) = authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        let broken = |error: reqwest::Error| transport(request.name, &error);
        let response = builder.send().await.map_err(broken)?;
        read(request, response).await
    }
}

/// Reads an answer to its end. A failing one's body is needed for advice only, so it may break.
async fn read(request: &Request, mut response: Response) -> Result<Answer, Failure> {
    let mut answer = Answer {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body: Vec::new(),
        at: runtime::clock::now(),
    };
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if answer.body.len() + chunk.len() <= LONGEST_ANSWER => {
                answer.body.extend_from_slice(&chunk);
            }
            Err(error) if answer.status.is_success() => {
                return Err(transport(request.name, &error));
            }
            Ok(_) | Err(_) => return Ok(answer),
        }
    }
}

impl Credential {
    async fn get(&self, request: &Request) -> Result<Arc<Secret>, Failure> {
        let unreadable = |error: SecretError| Failure::Credentials {
            reason: Reason {
                call: request.name,
                status: None,
                detail: error.to_string(),
            },
        };
        self.secrets.get(&self.arn).await.map_err(unreadable)
    }
}

fn refused_credential(request: &Request, detail: &str) -> Failure {
    Failure::Credentials {
        reason: Reason {
            call: request.name,
            status: Some(401),
            detail: detail.into(),
        },
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    ApiToken { email: String, api_token: String },
    AccessToken { access_token: String },
}

/// The `Authorization` header of a credential.
fn header(secret: &Secret, request: &Request) -> Result<HeaderValue, Failure> {
    let text = secret.value.expose_secret().trim();
    let text = if text.starts_with('{') {
        match serde_json::from_str(text) {
            Ok(Value::ApiToken { email, api_token }) => {
                let pair = BASE64_STANDARD.encode(format!("{email}/token:{api_token}"));
                format!("Basic {pair}")
            }
            Ok(Value::AccessToken { access_token }) => format!("Bearer {access_token}"),
            Err(_) => return Err(malformed_credential(request)),
        }
    } else {
        format!("Bearer {text}")
    };
    let mut header = HeaderValue::try_from(text).map_err(|_| malformed_credential(request))?;
    header.set_sensitive(true);
    Ok(header)
}

fn malformed_credential(request: &Request) -> Failure {
    Failure::Credentials {
        reason: Reason {
            call: request.name,
            status: None,
            detail: "the secret TicketingCredential is malformed: it is a token, or JSON with \
                access_token, or with email and api_token"
                .into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use super::*;

    fn authorization(value: &str) -> Result<String, Failure> {
        let request = Request::new("POST /api/v1/sync", Method::POST, "/api/v1/sync");
        let secret = Secret {
            value: value.to_owned().into(),
            version: "v1".into(),
        };
        header(&secret, &request).map(|header| header.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_credential_is_a_token_or_says_what_it_is() {
        for bearer in ["s3cret", " s3cret\n", r#"{"access_token":"s3cret"}"#] {
            assert_eq!(authorization(bearer).unwrap(), "Bearer s3cret");
        }
        let basic = r#"{"email":"jo@example.com","api_token":"s3cret"}"#;
        let pair = BASE64_STANDARD.encode("jo@example.com/token:s3cret");
        assert_eq!(authorization(basic).unwrap(), format!("Basic {pair}"));
    }

    #[test]
    fn a_malformed_credential_is_said_to_be_one_and_not_shown() {
        for malformed in ["{s3cret", r#"{"token":"s3cret"}"#, "s3cret\r\nx: y"] {
            let failure = authorization(malformed).unwrap_err();
            assert_eq!(failure.kind(), "credentials");
            assert!(!failure.to_string().contains("s3cret"), "{failure}");
        }
    }
}
