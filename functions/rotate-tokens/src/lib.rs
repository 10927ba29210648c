//! Keeps CXone's access token, the social platforms' tokens and the webhook's signing secret
//! fresh. It runs on a schedule for all that is due, and by hand for one.
//!
//! - [`due`] and [`step`] decide, as pure functions: whether, and what comes next.
//! - [`rotation`] carries a token's steps out under its lease; [`signing`] those of the signing
//!   secret.
//! - [`store`]: the versions of a secret and their labels.
//!
//! Invariants: one lease a token, so one call to its provider however many invocations there are;
//! the current token works until the next one is promoted; a token that works once is sent once;
//! no token gets into a log, an error, a metric or the ledger.

pub mod due;
pub mod rotation;
pub mod signing;
pub mod step;
pub mod store;

use std::time::Duration;

use aws_config::SdkConfig;
use cxone::{AccessTokens, Client, Webhooks};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Error;
use runtime::clock;
use runtime::settings;
use serde::{Deserialize, Serialize};
use signature::Scheme;
use telemetry::{Metrics, names};
use tokens::{CXONE, Record, SIGNING_SECRET, State, TokenLedger};

use crate::rotation::{Ask, Source, Stop, Token, Tools};
use crate::signing::{Registrar, Signing};
use crate::store::Store;

/// One call to a provider may take this long.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Kept of the invocation's time to write the ledger and answer.
const TO_END: Duration = Duration::from_secs(10);

/// The invocation's time where it isn't known.
const USUAL_TIME: Duration = Duration::from_secs(100);

/// What to do. The schedule sends `{}`: everything that is due.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Order {
    /// Only this one: `cxone`, `signing-secret` or a platform.
    pub secret: Option<String>,
    /// Although it isn't due. One that was renewed since the invocation began isn't renewed again.
    pub force: bool,
    /// For `signing-secret`: a person has told the sender the pending one.
    pub registered: bool,
}

/// What was done.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub tokens: Vec<Line>,
}

/// What was done about one token.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub name: String,
    /// `OK`, `EXPIRING`, `ROTATING` or `REAUTH_REQUIRED`; null where another invocation is at it.
    pub state: Option<&'static str>,
    pub rotated: bool,
    pub expires_at: Option<Timestamp>,
    pub reason: Option<String>,
}

/// The function, with its clients and settings.
pub struct Function {
    pub tools: Tools,
    pub cxone: Token,
    pub signing: Signing,
    /// Such as `my-stack/social/`.
    pub social_prefix: String,
}

impl Function {
    /// Reads `LEDGER_TABLE`, `CXONE_BASE_URL`, `CXONE_TOKEN_PATH`, `CXONE_WEBHOOKS_PATH`,
    /// `CXONE_CLIENT_SECRET_ARN`, `CXONE_ACCESS_TOKEN_ARN`, `SIGNING_SECRET_ARN`, `WEBHOOK_AUTH`,
    /// `WEBHOOK_URL`, `SOCIAL_SECRET_PREFIX`, `ROTATION_MARGIN_SECONDS`, `SIGNING_SECRET_DAYS` and
    /// `SECRET_CACHE_SECONDS`.
    ///
    /// # Errors
    /// Names the setting that is missing or malformed.
    pub fn from_settings(aws: &SdkConfig) -> Result<Self, Error> {
        const A_YEAR: i64 = 366 * 24 * 3600;
        let http = runtime::http::client(CALL_TIMEOUT)?;
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let table: String = settings::required("LEDGER_TABLE")?;
        let ledger = TokenLedger::new(aws_sdk_dynamodb::Client::new(aws), table);
        let client = Client::from_settings(http.clone())?;
        let scheme: Scheme = settings::parsed("WEBHOOK_AUTH")?;
        let registrar = Registrar {
            webhooks: Webhooks::from_settings(client.clone())?,
            tokens: AccessTokens::from_settings(client.clone(), secrets.clone(), ledger.clone())?,
            url: settings::required("WEBHOOK_URL")?,
        };
        let margin = settings::within("ROTATION_MARGIN_SECONDS", 1, A_YEAR)?;
        let days = settings::within("SIGNING_SECRET_DAYS", 0, 3650)?;
        let cache_seconds = settings::within("SECRET_CACHE_SECONDS", 1, 3600)?;
        Ok(Self {
            tools: Tools {
                store: Store::new(secrets),
                ledger,
                http,
                margin: SignedDuration::from_secs(margin),
            },
            cxone: Token {
                name: CXONE.into(),
                secret: settings::required("CXONE_ACCESS_TOKEN_ARN")?,
                source: Source::Cxone {
                    client,
                    credentials_secret: settings::required("CXONE_CLIENT_SECRET_ARN")?,
                },
            },
            signing: Signing {
                secret: settings::required("SIGNING_SECRET_ARN")?,
                registration: (scheme == Scheme::SecretHeader).then_some(registrar),
                cache_life: Duration::from_secs(cache_seconds),
                greatest_age: (days > 0).then(|| SignedDuration::from_hours(days * 24)),
            },
            social_prefix: settings::required("SOCIAL_SECRET_PREFIX")?,
        })
    }

    /// Rotates what is asked for, each independently of the others.
    ///
    /// # Errors
    /// When the platforms can't be listed, or the order names none that there is. A rotation that
    /// fails is no error but a line of the report, a log line and a state.
    pub async fn handle(&self, order: Order, time_left: Option<Duration>) -> Result<Report, Error> {
        let time = time_left.unwrap_or(USUAL_TIME).saturating_sub(TO_END);
        let ask = Ask {
            at: clock::now(),
            force: order.force,
            deadline: clock::instant() + time,
        };
        let mut all = vec![CXONE.to_owned(), SIGNING_SECRET.to_owned()];
        all.extend(self.tools.ledger.platforms().await?);
        let wanted: Vec<String> = match &order.secret {
            None => all,
            Some(name) if all.contains(name) => vec![name.clone()],
            Some(name) => {
                let known = all.join(", ");
                return Err(format!("there is no token named {name}; there are {known}").into());
            }
        };
        let rotations = wanted.iter().map(|name| self.rotate(name, &order, ask));
        let tokens = join_all(rotations).await;
        measure(&tokens);
        Ok(Report { tokens })
    }

    async fn rotate(&self, name: &str, order: &Order, ask: Ask) -> Line {
        let (record, outcome) = match name {
            CXONE => rotation::rotate(&self.tools, &self.cxone, ask).await,
            SIGNING_SECRET => {
                let wanted = signing::Ask {
                    at: ask.at,
                    force: order.force,
                    registered: order.registered,
                };
                signing::rotate(&self.tools, &self.signing, wanted).await
            }
            platform => {
                let token = Token {
                    name: platform.to_owned(),
                    secret: format!("{}{platform}", self.social_prefix),
                    source: Source::Platform,
                };
                rotation::rotate(&self.tools, &token, ask).await
            }
        };
        let line = Line {
            name: name.to_owned(),
            state: record.as_ref().map(|record| record.state.as_str()),
            rotated: matches!(outcome, Ok(true)),
            expires_at: record.as_ref().and_then(|record| record.expires),
            reason: match (&outcome, &record) {
                (Err(stop), _) => Some(stop.to_string()),
                (Ok(_), record) => record.as_ref().and_then(|record| record.reason.clone()),
            },
        };
        log(&line, &outcome, record.as_ref());
        line
    }
}

/// One line a token that was rotated or that something is wrong with.
fn log(line: &Line, outcome: &Result<bool, Stop>, record: Option<&Record>) {
    let Line {
        name,
        state,
        reason,
        ..
    } = line;
    match (outcome, record.map(|record| record.state)) {
        (_, Some(State::ReauthRequired)) => {
            tracing::error!(token = name, state, reason, "a person must act");
        }
        (Err(Stop::Busy(_)), _) => tracing::info!(token = name, reason, "left alone"),
        (Err(_), _) => tracing::warn!(token = name, state, reason, "not rotated"),
        (Ok(true), _) => tracing::info!(token = name, state, "rotated"),
        (Ok(false), _) => {}
    }
}

fn measure(tokens: &[Line]) {
    let count = |wanted: &[State]| {
        let is = |line: &&Line| {
            wanted
                .iter()
                .any(|state| line.state == Some(state.as_str()))
        };
        #[expect(clippy::cast_precision_loss, reason = "there are a handful of tokens")]
        let count = tokens.iter().filter(is).count() as f64;
        count
    };
    Metrics::new()
        .gauge(names::TOKENS_OK, count(&[State::Ok, State::Rotating]))
        .gauge(names::TOKENS_EXPIRING, count(&[State::Expiring]))
        .gauge(
            names::TOKENS_REAUTH_REQUIRED,
            count(&[State::ReauthRequired]),
        )
        .emit(clock::now());
}
