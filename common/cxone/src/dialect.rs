//! How CXone hears what to create.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::task::Task;

/// One way to make CXone route an interaction. Both functions are pure: the client does the call,
/// whoever asks for a task waits for its turn, and neither knows which dialect is spoken.
pub trait Dialect: Send + Sync {
    /// The request, the same bytes for the same task.
    fn request(&self, task: &Task) -> TaskRequest;

    /// The task's id from a successful answer, or `None` where the answer isn't what it must be.
    fn task_id(&self, request: &TaskRequest, answer: &[u8]) -> Option<TaskId>;
}

/// A request as it goes over the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskRequest {
    /// Method and path as the documentation has them, for errors and logs.
    pub call: &'static str,
    /// The scopes that the call needs, for the error where one is missing.
    pub scopes: &'static str,
    pub method: Method,
    /// Joined to the base URL.
    pub path: String,
    /// JSON.
    pub body: Vec<u8>,
}

/// What CXone calls the task. Safe to log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub String);

/// The tutorial's dialect: `POST /api/v2/routing/tasks`.
pub struct RoutingTasks {
    /// `/api/v2/routing/tasks` by default.
    pub path: String,
}

impl Dialect for RoutingTasks {
    fn request(&self, task: &Task) -> TaskRequest {
        TaskRequest {
            call: "POST /api/v2/routing/tasks",
            scopes: "task:write, routing:write, social:read",
            method: Method::POST,
            path: self.path.clone(),
            body: serde_json::to_vec(&TaskBody::of(task)).expect("a task always serialises"),
        }
    }

    fn task_id(&self, _: &TaskRequest, answer: &[u8]) -> Option<TaskId> {
        #[derive(Deserialize)]
        struct Created {
            id: TaskId,
        }
        let created: Created = serde_json::from_slice(answer).ok()?;
        (!created.id.0.is_empty()).then_some(created.id)
    }
}

/// What stands for the token's version where the platform has no token.
const NO_TOKEN: &str = "none";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskBody<'a> {
    r#type: &'static str,
    priority: u32,
    routing_data: RoutingData<'a>,
    social_data: SocialData<'a>,
    custom_attributes: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoutingData<'a> {
    routing_type: &'static str,
    routing_skills: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SocialData<'a> {
    contact_id: &'a str,
    social_profile: SocialProfile<'a>,
    messages: Vec<Message<'a>>,
    media_attachments: Vec<MediaAttachment<'a>>,
}

#[derive(Serialize)]
struct SocialProfile<'a> {
    id: &'a str,
    name: &'a str,
    platform: &'a str,
}

#[derive(Serialize)]
struct Message<'a> {
    text: &'a str,
    from: &'a str,
    timestamp: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MediaAttachment<'a> {
    url: &'a str,
    media_type: &'a str,
    size: u64,
}

impl<'a> TaskBody<'a> {
    fn of(task: &Task<'a>) -> Self {
        let Task {
            interaction_id,
            payload,
            routing,
        } = *task;
        let mut attributes: BTreeMap<&str, &str> = routing
            .attributes
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let version = routing.platform_token_version.as_deref();
        attributes.extend([
            ("interaction_id", interaction_id.as_str()),
            ("thread_id", payload.thread_id.as_str()),
            ("sentiment_polarity", routing.sentiment_polarity.as_str()),
            ("platform_token_version", version.unwrap_or(NO_TOKEN)),
        ]);
        Self {
            r#type: "social",
            priority: routing.priority,
            routing_data: RoutingData {
                routing_type: "skills",
                routing_skills: &routing.skills,
            },
            social_data: SocialData {
                contact_id: &payload.contact_id,
                social_profile: SocialProfile {
                    id: &payload.social_profile.user_id,
                    name: &payload.social_profile.display_name,
                    platform: &payload.social_profile.platform,
                },
                messages: payload
                    .messages
                    .iter()
                    .map(|message| Message {
                        text: &message.text,
                        from: &message.from_id,
                        timestamp: message.timestamp,
                    })
                    .collect(),
                media_attachments: payload
                    .media_attachments
                    .iter()
                    .map(|attachment| MediaAttachment {
                        url: &attachment.url,
                        media_type: &attachment.media_type,
                        size: attachment.size_bytes,
                    })
                    .collect(),
            },
            custom_attributes: attributes,
        }
    }
}
