//! The admin API under `/_sandbox/`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::call::is_platform;
use crate::clock::now_ms;
use crate::fault::Faults;
use crate::server::Shared;
use crate::social::SocialToken;

const PAGE: &str = include_str!("page.txt");

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(|| async { PAGE }))
        .route(
            "/_sandbox/health",
            get(|| async { Json(json!({"status": "ok"})) }),
        )
        .route("/_sandbox/summary", get(summary))
        .route("/_sandbox/calls", get(calls))
        .route("/_sandbox/tasks", get(tasks))
        .route("/_sandbox/tickets", get(tickets))
        .route("/_sandbox/webhooks", get(webhooks))
        .route("/_sandbox/duplicates", get(duplicates))
        .route("/_sandbox/events", get(events))
        .route(
            "/_sandbox/faults",
            get(list_faults).delete(clear_all_faults),
        )
        .route(
            "/_sandbox/faults/{endpoint}",
            put(set_faults).delete(clear_faults),
        )
        .route("/_sandbox/settings", put(set_settings))
        .route("/_sandbox/reset", post(reset))
        .route("/_sandbox/tokens/revoke", post(revoke_tokens))
        .route("/_sandbox/social/{platform}", put(register_social))
        .route("/_sandbox/social/{platform}/revoke", post(revoke_social))
        .route("/_sandbox/social/{platform}/check", post(check_social))
        .route("/_sandbox/{*rest}", axum::routing::any(not_found))
}

fn error(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(json!({"error": message.into()}))).into_response()
}

fn bad(message: impl Into<String>) -> Response {
    error(StatusCode::BAD_REQUEST, message)
}

async fn not_found() -> Response {
    error(
        StatusCode::NOT_FOUND,
        "there is no such admin call; GET / lists them",
    )
}

/// Which entries of a list are wanted. Each filter that is given must match.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Filter {
    /// Index of the first entry.
    since: usize,
    limit: usize,
    endpoint: Option<String>,
    contact_id: Option<String>,
    thread_id: Option<String>,
    interaction_id: Option<String>,
    idempotency_key: Option<String>,
}

impl Default for Filter {
    fn default() -> Self {
        let none = None::<String>;
        Self {
            since: 0,
            limit: 1000,
            endpoint: none.clone(),
            contact_id: none.clone(),
            thread_id: none.clone(),
            interaction_id: none.clone(),
            idempotency_key: none,
        }
    }
}

impl Filter {
    fn matches(&self, entry: &Value) -> bool {
        let wanted = [
            ("endpoint", &self.endpoint),
            ("contact_id", &self.contact_id),
            ("thread_id", &self.thread_id),
            ("interaction_id", &self.interaction_id),
            ("idempotency_key", &self.idempotency_key),
        ];
        wanted
            .into_iter()
            .all(|(name, wanted)| wanted.as_deref().is_none_or(|wanted| entry[name] == wanted))
    }

    fn list<T: Serialize>(&self, name: &str, entries: &[T]) -> Response {
        let entries = entries.iter().skip(self.since).map(|entry| json!(entry));
        let listed: Vec<Value> = entries
            .filter(|entry| self.matches(entry))
            .take(self.limit)
            .collect();
        Json(json!({name: listed})).into_response()
    }
}

type Wanted = Result<Query<Filter>, QueryRejection>;

async fn calls(State(shared): State<Arc<Shared>>, wanted: Wanted) -> Response {
    match wanted {
        Ok(Query(filter)) => filter.list("calls", shared.world().log.calls()),
        Err(rejection) => bad(rejection.body_text()),
    }
}

async fn tasks(State(shared): State<Arc<Shared>>, wanted: Wanted) -> Response {
    match wanted {
        Ok(Query(filter)) => filter.list("tasks", shared.world().cxone.tasks()),
        Err(rejection) => bad(rejection.body_text()),
    }
}

async fn tickets(State(shared): State<Arc<Shared>>, wanted: Wanted) -> Response {
    match wanted {
        Ok(Query(filter)) => {
            let world = shared.world();
            let tickets = [world.ticketing.tickets(), world.zendesk.tickets()].concat();
            filter.list("tickets", &tickets)
        }
        Err(rejection) => bad(rejection.body_text()),
    }
}

async fn webhooks(State(shared): State<Arc<Shared>>) -> Response {
    Json(json!({"webhooks": shared.world().cxone.webhook_list()})).into_response()
}

async fn duplicates(State(shared): State<Arc<Shared>>) -> Response {
    Json(json!({"duplicates": shared.world().cxone.duplicates()})).into_response()
}

async fn summary(State(shared): State<Arc<Shared>>) -> Response {
    Json(shared.world().summary()).into_response()
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Since {
    since: usize,
    /// How long to wait for the first event.
    wait_ms: u64,
}

impl Default for Since {
    fn default() -> Self {
        Self {
            since: 0,
            wait_ms: 20_000,
        }
    }
}

async fn events(
    State(shared): State<Arc<Shared>>,
    wanted: Result<Query<Since>, QueryRejection>,
) -> Response {
    let Query(Since { since, wait_ms }) = match wanted {
        Ok(wanted) => wanted,
        Err(rejection) => return bad(rejection.body_text()),
    };
    let events = shared
        .events(since, Duration::from_millis(wait_ms.min(60_000)))
        .await;
    let next = since + events.len();
    Json(json!({"events": events, "next": next})).into_response()
}

impl Shared {
    /// The calls that ended, from the `since`-th on, as soon as there is one; none when the wait is over.
    pub(crate) async fn events(&self, since: usize, wait: Duration) -> Vec<crate::log::CallRecord> {
        let mut ended = self.ended.subscribe();
        let is_there = async {
            while self.world().log.finished_len() <= since {
                if ended.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = is_there => {}
            () = self.until_stopping() => {}
            () = tokio::time::sleep(wait) => {}
        }
        self.world().log.finished(since)
    }
}

async fn list_faults(State(shared): State<Arc<Shared>>) -> Response {
    Json(json!(shared.world().faults())).into_response()
}

async fn set_faults(
    State(shared): State<Arc<Shared>>,
    Path(endpoint): Path<String>,
    faults: Result<Json<Faults>, JsonRejection>,
) -> Response {
    let faults = match faults {
        Ok(Json(faults)) => faults,
        Err(rejection) => return bad(rejection.body_text()),
    };
    match shared.world().set_faults(&endpoint, faults, now_ms()) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(message) => bad(message),
    }
}

async fn clear_faults(
    State(shared): State<Arc<Shared>>,
    Path(endpoint): Path<String>,
) -> StatusCode {
    shared.world().clear_faults(Some(&endpoint));
    StatusCode::NO_CONTENT
}

async fn clear_all_faults(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.world().clear_faults(None);
    StatusCode::NO_CONTENT
}

async fn set_settings(
    State(shared): State<Arc<Shared>>,
    patch: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Response {
    let Json(patch) = match patch {
        Ok(patch) => patch,
        Err(rejection) => return bad(rejection.body_text()),
    };
    let mut world = shared.world();
    match world.settings.patched(patch) {
        Ok(settings) => {
            world.settings = settings;
            StatusCode::NO_CONTENT.into_response()
        }
        Err(message) => bad(message),
    }
}

async fn reset(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.reset();
    StatusCode::NO_CONTENT
}

async fn revoke_tokens(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.world().cxone.revoke_tokens();
    StatusCode::NO_CONTENT
}

async fn register_social(
    State(shared): State<Arc<Shared>>,
    Path(platform): Path<String>,
    token: Result<Json<SocialToken>, JsonRejection>,
) -> Response {
    match token {
        Ok(Json(token)) if is_platform(&platform) => {
            shared.world().social.register(&platform, token, now_ms());
            StatusCode::NO_CONTENT.into_response()
        }
        Ok(_) => bad("a platform's name is lower-case letters, digits, _ and -"),
        Err(rejection) => bad(rejection.body_text()),
    }
}

async fn revoke_social(
    State(shared): State<Arc<Shared>>,
    Path(platform): Path<String>,
) -> StatusCode {
    shared.world().social.revoke(&platform);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Presented {
    token: String,
}

async fn check_social(
    State(shared): State<Arc<Shared>>,
    Path(platform): Path<String>,
    presented: Result<Json<Presented>, JsonRejection>,
) -> Response {
    match presented {
        Ok(Json(Presented { token })) => {
            let works = shared.world().social.works(&platform, &token, now_ms());
            Json(json!({"works": works})).into_response()
        }
        Err(rejection) => bad(rejection.body_text()),
    }
}
