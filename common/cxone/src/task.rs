//! What to create in CXone, and its creation.

use std::collections::BTreeMap;

use interaction::{InteractionId, Payload};
use runtime::settings::SettingError;
use serde::{Deserialize, Serialize};
use upstream::Failure;

use crate::access::AccessToken;
use crate::client::{Client, name_scope, path_setting, send};
use crate::dialect::{Dialect, RoutingTasks, TaskId, TaskRequest};

/// How an interaction is to be routed. Decided once and kept in the ledger, so that every try
/// sends the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routing {
    /// The skills that an agent must have.
    pub skills: Vec<String>,
    /// 5 in the tutorial.
    pub priority: u32,
    /// Four decimals, such as `-0.7184`.
    pub sentiment_polarity: String,
    /// The first 8 characters of the version id of the platform's token in Secrets Manager.
    /// `None` where the platform has no secret; never a part of the token itself.
    pub platform_token_version: Option<String>,
    /// Further attributes of the task, such as the language and the rule that decided.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// A task to create: an interaction and how it is to be routed.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    pub interaction_id: &'a InteractionId,
    pub payload: &'a Payload,
    pub routing: &'a Routing,
}

/// Creates tasks in the dialect that the settings choose.
pub struct Tasks {
    client: Client,
    dialect: Box<dyn Dialect>,
}

impl Tasks {
    pub fn new(client: Client, dialect: Box<dyn Dialect>) -> Self {
        Self { client, dialect }
    }

    /// Reads `CXONE_TASKS_PATH`.
    ///
    /// # Errors
    /// Names the setting that is missing or malformed.
    pub fn from_settings(client: Client) -> Result<Self, SettingError> {
        let path = path_setting("CXONE_TASKS_PATH")?;
        Ok(Self::new(client, Box::new(RoutingTasks { path })))
    }

    /// The request that creates the task: the same bytes for the same task.
    pub fn request(&self, task: &Task) -> TaskRequest {
        self.dialect.request(task)
    }

    /// Creates the task. A repeat with the same key and request makes no second one where CXone
    /// honours `Idempotency-Key`.
    ///
    /// # Errors
    /// [`Failure::Credentials`] on a 401: take a token from
    /// [`AccessTokens::refresh`](crate::AccessTokens::refresh) and try once more; a second one is
    /// final. [`Failure::Forbidden`] names the scopes that the call needs.
    pub async fn create(
        &self,
        token: &AccessToken,
        key: &InteractionId,
        request: &TaskRequest,
    ) -> Result<TaskId, Failure> {
        let call = self
            .client
            .request(request.method.clone(), &request.path, token)
            .header("Idempotency-Key", key.as_str())
            .header("Content-Type", "application/json")
            .body(request.body.clone());
        let answer = send(request.call, call).await.map_err(|failure| {
            let scopes = format!("the client lacks one of the scopes {}", request.scopes);
            name_scope(failure, &scopes)
        })?;
        self.dialect
            .task_id(request, &answer.body)
            .ok_or_else(|| upstream::unreadable(request.call, answer.status, "JSON with an id"))
    }
}
