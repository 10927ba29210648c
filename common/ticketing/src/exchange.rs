//! The seam between what is told and how a ticketing system hears it.

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use upstream::{Failure, classify};

use crate::update::Update;

/// A request without address and credential.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Method and path as a person reads them, without ids, such as `PUT /api/v2/tickets/{id}`.
    pub name: &'static str,
    pub method: Method,
    /// Begins with a slash.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub idempotency_key: Option<String>,
    pub body: Option<Value>,
}

impl Request {
    pub(crate) fn new(name: &'static str, method: Method, path: impl Into<String>) -> Self {
        Self {
            name,
            method,
            path: path.into(),
            query: Vec::new(),
            idempotency_key: None,
            body: None,
        }
    }
}

/// An answer of any status but 401, which the [client](crate::client) deals with.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub at: Timestamp,
}

impl Answer {
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The decision on an answer that is no success, with what to fix where that can be said.
    pub(crate) fn failure(&self, request: &Request) -> Failure {
        let failure = classify(request.name, self.status, &self.headers, self.at);
        match crate::advice::advice(self.status, &self.body, request) {
            Some(advice) => failure.because(advice),
            None => failure,
        }
    }
}

/// One interaction to tell.
#[derive(Clone)]
pub struct Call {
    pub update: Update,
    /// It was sent before, and the system may have taken it.
    pub again: bool,
    /// The thread's ticket, where one is known.
    pub ticket: Option<String>,
}

/// The system has taken it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The ticket's id, where the system says one.
    pub ticket: Option<String>,
    /// It says that it had taken it before.
    pub repeated: bool,
}

/// What became of one [`Call`].
pub type Outcome = Result<Told, Failure>;

/// The next step of an exchange.
pub enum Next {
    Ask(Request),
    /// One outcome a call, in their order.
    Done(Vec<Outcome>),
}

/// One dialect's way of telling some calls: pure, so that it can be followed without a network.
/// It is asked for its first step with `None`, then with the answer to each request.
pub trait Exchange: Send {
    fn next(&mut self, answer: Option<&Answer>) -> Next;
}

/// What the ticketing system speaks. The parameter `TicketingDialect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The tutorial's `POST /api/v1/sync`: one call an interaction.
    Sync,
    /// Its batch form, `POST /api/v1/sync/batch`: many threads in one call, an outcome for each.
    SyncBatch,
    /// Zendesk's Ticketing API: a thread is a ticket, an interaction a comment.
    Zendesk,
}

impl Dialect {
    /// Whether one exchange may tell several interactions.
    pub fn takes_many(self) -> bool {
        match self {
            Self::Sync | Self::Zendesk => false,
            Self::SyncBatch => true,
        }
    }

    /// How many requests one exchange may need. Some rare ones need another: the second try after a
    /// 401, a ticket that was deleted, a ticket that isn't known here and was perhaps told already.
    pub fn requests(self) -> usize {
        match self {
            Self::Sync | Self::SyncBatch => 1,
            Self::Zendesk => 2,
        }
    }

    /// Begins to tell `calls`: one, or where the dialect [takes many](Self::takes_many) at least
    /// one, those of one thread in the order of their time.
    pub fn exchange(self, calls: Vec<Call>) -> Box<dyn Exchange> {
        match self {
            Self::Sync => Box::new(crate::sync::Sync::new(&calls)),
            Self::SyncBatch => Box::new(crate::batch::SyncBatch::new(&calls)),
            Self::Zendesk => Box::new(crate::zendesk::Zendesk::new(calls)),
        }
    }
}

impl std::str::FromStr for Dialect {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "sync" => Ok(Self::Sync),
            "sync-batch" => Ok(Self::SyncBatch),
            "zendesk" => Ok(Self::Zendesk),
            _ => Err("it must be sync, sync-batch or zendesk"),
        }
    }
}
