//! A stage that creates tasks at the sandbox, and panics or needs a second request where a message
//! tells it to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cxone::{AccessToken, Client, Routing, RoutingTasks, Task, Tasks};
use delivery::{Done, Hold, Names, Permit, Stage, State, Unit};
use interaction::Envelope;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Barrier, Semaphore};
use upstream::Failure;

pub const UPSTREAM: &str = "sandbox";

pub struct Creating {
    tasks: Tasks,
    token: AccessToken,
    pub one_call: bool,
    /// Two that enter wait here for each other and then for their turns.
    pub turns: Option<Arc<Turns>>,
    /// How long the first decision takes.
    pub hesitates: Duration,
    /// How many decisions were made. No two are alike.
    decisions: AtomicU32,
}

pub struct Turns {
    all_there: Barrier,
    turns: Semaphore,
}

impl Turns {
    pub fn of_two() -> Arc<Self> {
        Arc::new(Self {
            all_there: Barrier::new(3),
            turns: Semaphore::new(0),
        })
    }

    /// Waits until both have entered.
    pub async fn both_there(&self) {
        self.all_there.wait().await;
    }

    /// Lets one go on.
    pub fn give(&self) {
        self.turns.add_permits(1);
    }

    async fn wait(&self) {
        self.all_there.wait().await;
        self.turns.acquire().await.unwrap().forget();
    }
}

impl Creating {
    pub async fn new(sandbox: &str) -> Self {
        let http = runtime::http::client(Duration::from_secs(5)).unwrap();
        let client = Client::new(http, sandbox, "/oauth/token");
        let credentials =
            json!({"client_id": "sandbox-client", "client_secret": "sandbox-client-secret"});
        let credentials = serde_json::from_value(credentials).unwrap();
        let token = client.mint(&credentials).await.unwrap();
        let path = "/api/v2/routing/tasks".to_owned();
        Self {
            tasks: Tasks::new(client, Box::new(RoutingTasks { path })),
            token,
            one_call: false,
            turns: None,
            hesitates: Duration::ZERO,
            decisions: AtomicU32::new(0),
        }
    }

    async fn create(&self, unit: &Unit) -> Result<Done, Failure> {
        let interaction = &unit.envelope.interaction;
        let routing = Routing {
            skills: vec!["social-support".to_owned()],
            priority: 5,
            sentiment_polarity: unit.decision["polarity"].as_str().unwrap().to_owned(),
            platform_token_version: None,
            attributes: BTreeMap::new(),
        };
        let request = self.tasks.request(&Task {
            interaction_id: &interaction.interaction_id,
            payload: &interaction.payload,
            routing: &routing,
        });
        let created = self
            .tasks
            .create(&self.token, &interaction.interaction_id, &request);
        created.await.map(|id| Done {
            id: id.0,
            repeated: false,
        })
    }
}

/// Panics where the customer says so.
fn at(step: &str, envelope: &Envelope) {
    let text = &envelope.interaction.payload.latest_message().text;
    assert!(
        !text.contains(&format!("panic in {step}")),
        "as it was told"
    );
}

impl Stage for Creating {
    type Lane = ();

    fn names(&self) -> Names {
        Names {
            stage: "routing",
            upstream: UPSTREAM,
            done: State::Routed,
        }
    }

    fn lane(&self, envelope: &Envelope) -> Option<String> {
        at("lane", envelope);
        Some(envelope.interaction.payload.thread_id.clone())
    }

    fn one_call(&self) -> bool {
        self.one_call
    }

    async fn enter(&self, envelope: &Envelope, _: Timestamp) -> Result<(), Hold> {
        at("enter", envelope);
        if let Some(turns) = &self.turns {
            turns.wait().await;
        }
        Ok(())
    }

    async fn freeze(&self, envelope: &Envelope, (): &mut ()) -> Result<Value, Failure> {
        at("freeze", envelope);
        let number = self.decisions.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            tokio::time::sleep(self.hesitates).await;
        }
        Ok(json!({"polarity": format!("0.{number:04}")}))
    }

    async fn call(&self, units: &[Unit], permit: &Permit) -> Vec<Result<Done, Failure>> {
        let mut outcomes = Vec::new();
        for unit in units {
            at("call", &unit.envelope);
            let payload = &unit.envelope.interaction.payload;
            let allowed = match payload.latest_message().text.as_str() {
                "two requests" => permit.another().await,
                _ => Ok(()),
            };
            outcomes.push(match allowed {
                Ok(()) => self.create(unit).await,
                Err(failure) => Err(failure),
            });
        }
        outcomes
    }

    fn follow_up(&self, envelope: &Envelope, _: &Value, _: &str) -> Option<Envelope> {
        at("follow_up", envelope);
        None
    }
}
