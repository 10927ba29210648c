//! A request as the played systems see it, and their answer to it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::check::Refusal;
use crate::log::Facts;

/// Everything that can be asked of the played systems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    MintToken,
    ListWebhooks,
    CreateWebhook,
    UpdateWebhook(String),
    DeleteWebhook(String),
    CreateTask,
    Sync,
    SyncBatch,
    CreateTicket,
    FindTickets,
    ShowTicket(u64),
    UpdateTicket(u64),
    DeleteTicket(u64),
    ListComments(u64),
    RotateToken(String),
    ExchangeFacebookToken,
    RefreshInstagramToken,
    RefreshXToken,
    Unknown,
}

/// Endpoints whose names don't depend on a platform.
pub(crate) const ENDPOINTS: [&str; 6] = [
    "cxone.token",
    "cxone.webhooks",
    "cxone.tasks",
    "ticketing.sync",
    "ticketing.batch",
    "zendesk",
];

impl Operation {
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        // Zendesk takes every path with and without the suffix.
        let path = path.strip_suffix(".json").unwrap_or(path);
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let ticket =
            |id: &str, operation: fn(u64) -> Self| id.parse().map_or(Self::Unknown, operation);
        match (method.as_str(), segments.as_slice()) {
            ("POST", ["oauth", "token"]) => Self::MintToken,
            ("GET", ["api", "v2", "webhooks"]) => Self::ListWebhooks,
            ("POST", ["api", "v2", "webhooks"]) => Self::CreateWebhook,
            ("PUT", ["api", "v2", "webhooks", id]) => Self::UpdateWebhook((*id).to_owned()),
            ("DELETE", ["api", "v2", "webhooks", id]) => Self::DeleteWebhook((*id).to_owned()),
            ("POST", ["api", "v2", "routing", "tasks"]) => Self::CreateTask,
            ("POST", ["api", "v1", "sync"]) => Self::Sync,
            ("POST", ["api", "v1", "sync", "batch"]) => Self::SyncBatch,
            ("POST", ["api", "v2", "tickets"]) => Self::CreateTicket,
            ("GET", ["api", "v2", "tickets"]) => Self::FindTickets,
            ("GET", ["api", "v2", "tickets", id]) => ticket(id, Self::ShowTicket),
            ("PUT", ["api", "v2", "tickets", id]) => ticket(id, Self::UpdateTicket),
            ("DELETE", ["api", "v2", "tickets", id]) => ticket(id, Self::DeleteTicket),
            ("GET", ["api", "v2", "tickets", id, "comments"]) => ticket(id, Self::ListComments),
            ("POST", ["social", platform, "rotate"]) if is_platform(platform) => {
                Self::RotateToken((*platform).to_owned())
            }
            ("GET", [version, "oauth", "access_token"]) if is_graph_version(version) => {
                Self::ExchangeFacebookToken
            }
            ("GET", ["refresh_access_token"]) => Self::RefreshInstagramToken,
            ("POST", ["2", "oauth2", "token"]) => Self::RefreshXToken,
            _ => Self::Unknown,
        }
    }

    /// The id in the path of a ticket at Zendesk.
    pub(crate) fn ticket_id(&self) -> Option<u64> {
        match self {
            Self::ShowTicket(id)
            | Self::UpdateTicket(id)
            | Self::DeleteTicket(id)
            | Self::ListComments(id) => Some(*id),
            _ => None,
        }
    }

    /// The name under which calls are counted and faults are set.
    pub(crate) fn endpoint(&self) -> String {
        let name = match self {
            Self::MintToken => "cxone.token",
            Self::ListWebhooks
            | Self::CreateWebhook
            | Self::UpdateWebhook(_)
            | Self::DeleteWebhook(_) => "cxone.webhooks",
            Self::CreateTask => "cxone.tasks",
            Self::Sync => "ticketing.sync",
            Self::SyncBatch => "ticketing.batch",
            Self::CreateTicket
            | Self::FindTickets
            | Self::ShowTicket(_)
            | Self::UpdateTicket(_)
            | Self::DeleteTicket(_)
            | Self::ListComments(_) => "zendesk",
            Self::RotateToken(platform) => return format!("social.{platform}"),
            Self::ExchangeFacebookToken => "social.facebook",
            Self::RefreshInstagramToken => "social.instagram",
            Self::RefreshXToken => "social.x",
            Self::Unknown => "unknown",
        };
        name.to_owned()
    }
}

/// Lower-case letters, digits, `_` and `-`.
pub(crate) fn is_platform(name: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'-';
    !name.is_empty() && name.bytes().all(allowed)
}

/// `v` and two numbers, such as `v23.0`.
fn is_graph_version(segment: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let numbers = segment
        .strip_prefix('v')
        .and_then(|version| version.split_once('.'));
    numbers.is_some_and(|(major, minor)| number(major) && number(minor))
}

pub(crate) struct Call {
    pub(crate) operation: Operation,
    pub(crate) query: HashMap<String, String>,
    headers: HeaderMap,
    body: Bytes,
    json: Option<Value>,
    line_bytes: usize,
}

impl Call {
    pub(crate) fn new(parts: Parts, body: Bytes) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        Self {
            operation: Operation::of(&parts.method, parts.uri.path()),
            query: pairs(query.as_bytes()),
            headers: parts.headers,
            json: serde_json::from_slice(&body).ok(),
            body,
            line_bytes: format!("{} {} HTTP/1.1\r\n", parts.method, parts.uri).len(),
        }
    }

    /// Length of the request, as HTTP/1.1 writes it.
    fn bytes(&self) -> usize {
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            name.as_str().len() + ": ".len() + value.len() + "\r\n".len()
        };
        let headers: usize = self.headers.iter().map(header).sum();
        self.line_bytes + headers + "\r\n".len() + self.body.len()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn idempotency_key(&self) -> Option<&str> {
        self.header("idempotency-key").filter(|key| !key.is_empty())
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        self.authorization("bearer")
    }

    /// User and password of HTTP Basic.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let decoded = BASE64_STANDARD.decode(self.authorization("basic")?).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        text.split_once(':')
            .map(|(user, password)| (user.to_owned(), password.to_owned()))
    }

    fn authorization(&self, scheme: &str) -> Option<&str> {
        let (given, credentials) = self.header("authorization")?.split_once(' ')?;
        given
            .eq_ignore_ascii_case(scheme)
            .then_some(credentials.trim())
    }

    fn is_of(&self, content_type: &str) -> bool {
        let given = self.header("content-type").unwrap_or_default();
        given
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case(content_type)
    }

    pub(crate) fn json(&self) -> Result<&Value, Refusal> {
        let refuse = |status, problem: &str| Refusal {
            status,
            path: "body".into(),
            problem: problem.into(),
        };
        if !self.is_of("application/json") {
            return Err(refuse(415, "must be application/json"));
        }
        self.json.as_ref().ok_or_else(|| refuse(400, "is not JSON"))
    }

    /// The fields of a form; none where the content type is another.
    pub(crate) fn form(&self) -> Option<HashMap<String, String>> {
        self.is_of("application/x-www-form-urlencoded")
            .then(|| pairs(&self.body))
    }

    pub(crate) fn facts(&self) -> Facts {
        let text = |pointers: &[&str]| {
            let body = self.json.as_ref()?;
            pointers
                .iter()
                .find_map(|pointer| body.pointer(pointer)?.as_str())
                .map(str::to_owned)
        };
        let threads = self
            .json
            .as_ref()
            .and_then(|body| body.get("threads")?.as_array());
        let keys = threads
            .into_iter()
            .flatten()
            .filter_map(|thread| thread.get("idempotency_key")?.as_str());
        Facts {
            endpoint: self.operation.endpoint(),
            idempotency_key: self.idempotency_key().map(str::to_owned),
            contact_id: text(&["/socialData/contactId", "/contact_id"]),
            thread_id: text(&[
                "/thread_id",
                "/customAttributes/thread_id",
                "/ticket/external_id",
            ])
            .or_else(|| self.query.get("external_id").cloned()),
            interaction_id: text(&["/interaction_id", "/customAttributes/interaction_id"]),
            bytes: self.bytes(),
            item_keys: keys.map(str::to_owned).collect(),
        }
    }
}

fn pairs(encoded: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

/// Equal JSON has an equal digest, whatever its spacing and the order of its fields.
pub(crate) fn digest(body: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.to_string().hash(&mut hasher);
    hasher.finish()
}

/// The keys that a system has already seen, with what came of them.
pub(crate) struct Keys<T>(HashMap<String, (u64, T)>);

impl<T> Default for Keys<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

pub(crate) enum Seen<T> {
    Never,
    Same(T),
    /// The same key came with another body.
    Different,
}

impl<T: Clone> Keys<T> {
    pub(crate) fn seen(&self, key: Option<&str>, body: &Value) -> Seen<T> {
        match key.and_then(|key| self.0.get(key)) {
            None => Seen::Never,
            Some((known, result)) if *known == digest(body) => Seen::Same(result.clone()),
            Some(_) => Seen::Different,
        }
    }

    pub(crate) fn remember(&mut self, key: Option<&str>, body: &Value, result: T) {
        if let Some(key) = key {
            self.0.insert(key.to_owned(), (digest(body), result));
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    /// The task or ticket that it is about.
    pub(crate) result_id: Option<String>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Some(body),
            result_id: None,
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: None,
            result_id: None,
        }
    }

    /// An error in the form that CXone and the ticketing system use here.
    pub(crate) fn error(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::json(
            status,
            json!({"status": status, "code": code, "message": message.into()}),
        )
    }

    #[must_use]
    pub(crate) fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    #[must_use]
    pub(crate) fn about(mut self, id: impl Into<String>) -> Self {
        self.result_id = Some(id.into());
        self
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let message = format!("{}: {}", refusal.path, refusal.problem);
        let body = json!({"status": refusal.status, "code": "invalid.request", "message": message, "path": refusal.path});
        Self::json(refusal.status, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_operation() {
        let of = |method, path| Operation::of(&method, path);
        assert_eq!(
            of(Method::POST, "/api/v2/tickets.json"),
            Operation::CreateTicket
        );
        assert_eq!(
            of(Method::PUT, "/api/v2/tickets/7.json"),
            Operation::UpdateTicket(7)
        );
        assert_eq!(
            of(Method::GET, "/v23.0/oauth/access_token"),
            Operation::ExchangeFacebookToken
        );
        assert_eq!(
            of(Method::GET, "/latest/oauth/access_token"),
            Operation::Unknown
        );
        assert_eq!(
            of(Method::POST, "/social/Not A Platform/rotate"),
            Operation::Unknown
        );
    }

    #[test]
    fn the_order_of_fields_does_not_change_a_digest() {
        let parse = |text| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(
            digest(&parse(r#"{"a":1,"b":[2]}"#)),
            digest(&parse(r#"{ "b": [2], "a": 1 }"#))
        );
        assert_ne!(digest(&parse(r#"{"a":1}"#)), digest(&parse(r#"{"a":2}"#)));
    }
}
