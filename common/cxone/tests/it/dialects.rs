//! What CXone hears: the tutorial's task to the byte, and a second dialect beside it.

use std::collections::BTreeMap;

use cxone::{Dialect, Routing, RoutingTasks, Task, TaskId, TaskRequest, Tasks};
use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{client, id, payload};

fn routing() -> Routing {
    Routing {
        skills: vec!["social-escalation".into(), "sentiment-negative".into()],
        priority: 5,
        sentiment_polarity: "-0.7184".into(),
        platform_token_version: Some("a1b2c3d4".into()),
        attributes: BTreeMap::from([("rule".into(), "negative".into())]),
    }
}

fn request(routing: &Routing) -> TaskRequest {
    let (interaction_id, payload) = (id(), payload());
    let task = Task {
        interaction_id: &interaction_id,
        payload: &payload,
        routing,
    };
    let dialect = RoutingTasks {
        path: "/api/v2/routing/tasks".into(),
    };
    dialect.request(&task)
}

fn body(routing: &Routing) -> Value {
    serde_json::from_slice(&request(routing).body).unwrap()
}

#[test]
fn a_task_is_what_the_tutorial_sends_with_the_version_in_the_tokens_place() {
    let expected = json!({
        "type": "social",
        "priority": 5,
        "routingData": {
            "routingType": "skills",
            "routingSkills": ["social-escalation", "sentiment-negative"],
        },
        "socialData": {
            "contactId": "social_3f2a9c1d7e04",
            "socialProfile": {"id": "fb_user_98765", "name": "Test Customer", "platform": "facebook"},
            "messages": [{"text": "Where is it?", "from": "fb_user_98765", "timestamp": "2026-11-22T09:48:00Z"}],
            "mediaAttachments": [{"url": "https://example.com/image.png", "mediaType": "image/png", "size": 24500}],
        },
        "customAttributes": {
            "sentiment_polarity": "-0.7184",
            "platform_token_version": "a1b2c3d4",
            "interaction_id": "int_1",
            "thread_id": "thread_8b1e0f5a2c77",
            "rule": "negative",
        },
    });
    assert_eq!(body(&routing()), expected);
    assert_eq!(request(&routing()).path, "/api/v2/routing/tasks");
}

#[test]
fn a_platform_without_a_token_has_none_as_its_version() {
    let routing = Routing {
        platform_token_version: None,
        ..routing()
    };
    assert_eq!(
        body(&routing)["customAttributes"]["platform_token_version"],
        "none"
    );
}

#[test]
fn a_further_attribute_never_replaces_one_of_the_contracts() {
    let mut routing = routing();
    for name in [
        "sentiment_polarity",
        "platform_token_version",
        "interaction_id",
        "thread_id",
    ] {
        routing.attributes.insert(name.into(), "another".into());
    }
    let attributes = &body(&routing)["customAttributes"];
    assert_eq!(attributes["sentiment_polarity"], "-0.7184");
    assert_eq!(attributes["platform_token_version"], "a1b2c3d4");
    assert_eq!(attributes["interaction_id"], "int_1");
}

proptest! {
    #[test]
    fn a_decision_that_was_frozen_makes_the_same_bytes(
        skills in prop::collection::vec(".{0,20}", 0..4),
        attributes in prop::collection::btree_map("[a-z]{1,8}", ".{0,20}", 0..4),
        version in prop::option::of("[0-9a-f]{8}"),
    ) {
        let routing = Routing { skills, attributes, platform_token_version: version, ..routing() };
        let frozen = serde_json::to_string(&routing).unwrap();
        let thawed: Routing = serde_json::from_str(&frozen).unwrap();
        prop_assert!(request(&routing).body == request(&thawed).body);
    }
}

/// Sets routing properties on the contact, which is there already, instead of making a task.
struct ContactRouting;

impl Dialect for ContactRouting {
    fn request(&self, task: &Task) -> TaskRequest {
        TaskRequest {
            call: "PUT /contacts/{id}/routing",
            scopes: "contact:write",
            method: Method::PUT,
            path: format!("/contacts/{}/routing", task.payload.contact_id),
            body: serde_json::to_vec(&json!({"skills": task.routing.skills})).unwrap(),
        }
    }

    fn task_id(&self, request: &TaskRequest, _: &[u8]) -> Option<TaskId> {
        request
            .path
            .split('/')
            .nth(2)
            .map(|contact| TaskId(contact.into()))
    }
}

#[test]
fn a_second_dialect_joins_without_a_change_to_whoever_asks_for_tasks() {
    let tasks = Tasks::new(client("http://127.0.0.1:1"), Box::new(ContactRouting));
    let (interaction_id, payload, routing) = (id(), payload(), routing());
    let request = tasks.request(&Task {
        interaction_id: &interaction_id,
        payload: &payload,
        routing: &routing,
    });
    assert_eq!(request.method, Method::PUT);
    assert_eq!(request.path, "/contacts/social_3f2a9c1d7e04/routing");
    assert_eq!(
        ContactRouting.task_id(&request, b"").unwrap().0,
        "social_3f2a9c1d7e04"
    );
}
