//! Where a scenario runs: a stack's simulator, and its sandbox where there is one.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::plan::Request;

/// The simulator answers within 29 s.
const TIMEOUT: Duration = Duration::from_secs(35);

/// Interactions that it looks up at once.
pub const LOOKUP: usize = 50;

pub struct Target {
    http: Client,
    simulator: Url,
    authorization: Authorization,
    sandbox: Option<String>,
}

enum Authorization {
    /// The whole header, from `stack.json`.
    Header(String),
    Key(String),
}

/// What is read of `stack.json`.
#[derive(Deserialize)]
struct Stack {
    simulator_url: String,
    simulator_headers: Headers,
    sandbox_url: Option<String>,
}

#[derive(Deserialize)]
struct Headers {
    #[serde(rename = "Authorization")]
    authorization: String,
}

/// What the webhook said to one delivery.
#[derive(Deserialize)]
pub struct Delivered {
    pub status: Option<u16>,
    pub interaction_id: Option<String>,
    pub error: Option<String>,
}

#[derive(Deserialize)]
struct Sent {
    sent: Vec<Delivered>,
}

/// Where an interaction is.
#[derive(Clone, Deserialize)]
pub struct Progress {
    pub interaction_id: String,
    pub state: String,
    pub stages: Vec<Stage>,
    pub reason: Option<String>,
    pub routing: Option<Done>,
    pub ticketing: Option<Done>,
}

#[derive(Clone, Deserialize)]
pub struct Stage {
    #[serde(rename = "stage")]
    pub name: String,
    pub latency_ms: Option<f64>,
    #[serde(default)]
    pub breach: bool,
    pub task_id: Option<String>,
    pub decision: Option<Decision>,
}

/// Of the frozen decision, what a scenario asks about.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Decision {
    pub attributes: std::collections::BTreeMap<String, String>,
}

/// What is known to have been done more than once.
#[derive(Clone, Deserialize)]
pub struct Done {
    pub duplicates: Vec<String>,
}

#[derive(Deserialize)]
struct Found {
    interactions: Vec<Progress>,
}

/// What the sandbox has counted since it started.
#[derive(Clone, Copy, Default, Deserialize)]
pub struct Counted {
    pub duplicate_tasks: u64,
    pub duplicate_syncs: u64,
    pub early_calls: u64,
}

impl Target {
    /// The local stack, by its `stack.json`.
    pub fn local(path: &Path) -> Result<Self, Error> {
        let missing = |e: std::io::Error| {
            Error::Usage(format!(
                "{} can't be read ({e}): start the local stack with `make run`, or name a deployed one with URL=",
                path.display()
            ))
        };
        let text = std::fs::read(path).map_err(missing)?;
        let stack: Stack = serde_json::from_slice(&text)
            .map_err(|e| Error::Usage(format!("{}: {e}", path.display())))?;
        Self::new(
            &stack.simulator_url,
            Authorization::Header(stack.simulator_headers.authorization),
            stack.sandbox_url,
        )
    }

    /// A deployed one, by the address of its simulator and the key of its secret.
    pub fn deployed(url: &str, key: String) -> Result<Self, Error> {
        Self::new(url, Authorization::Key(key), None)
    }

    fn new(
        url: &str,
        authorization: Authorization,
        sandbox: Option<String>,
    ) -> Result<Self, Error> {
        let simulator = Url::parse(url.trim_end_matches('/'))
            .map_err(|e| Error::Usage(format!("the simulator's URL: {e}")))?;
        let http = runtime::http::client(TIMEOUT)
            .map_err(|e| Error::Usage(format!("no HTTP client: {e}")))?;
        Ok(Self {
            http,
            simulator,
            authorization,
            sandbox,
        })
    }

    pub fn has_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }

    /// Sends interactions; what the webhook said to each.
    pub async fn send(&self, request: &Request) -> Result<Vec<Delivered>, Error> {
        let call = self.http.post(self.url("/send")).json(request);
        let sent: Sent = self.answer("sending", self.authorize(call)).await?;
        Ok(sent.sent)
    }

    /// Where these are, [`LOOKUP`] at most.
    pub async fn look_up(&self, ids: &[String]) -> Result<Vec<Progress>, Error> {
        let mut url = self.url("/interactions");
        url.query_pairs_mut().append_pair("ids", &ids.join(","));
        let found: Found = self
            .answer(
                "looking up interactions",
                self.authorize(self.http.get(url)),
            )
            .await?;
        Ok(found.interactions)
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.simulator.clone();
        url.set_path(&format!("{}{path}", self.simulator.path()));
        url
    }

    fn authorize(&self, call: RequestBuilder) -> RequestBuilder {
        match &self.authorization {
            Authorization::Header(value) => call.header("authorization", value),
            Authorization::Key(key) => call.basic_auth("scenario", Some(key)),
        }
    }

    /// What the sandbox has counted; nothing without one.
    pub async fn counted(&self) -> Result<Counted, Error> {
        match &self.sandbox {
            Some(url) => {
                self.answer(
                    "reading the sandbox's counts",
                    self.http.get(format!("{url}/_sandbox/summary")),
                )
                .await
            }
            None => Ok(Counted::default()),
        }
    }

    pub async fn set_faults(
        &self,
        endpoint: &str,
        faults: &serde_json::Value,
    ) -> Result<(), Error> {
        self.fault("setting the sandbox's faults", endpoint, |url| {
            self.http.put(url).json(faults)
        })
        .await
    }

    pub async fn clear_faults(&self, endpoint: &str) -> Result<(), Error> {
        self.fault("clearing the sandbox's faults", endpoint, |url| {
            self.http.delete(url)
        })
        .await
    }

    async fn fault(
        &self,
        what: &'static str,
        endpoint: &str,
        call: impl FnOnce(String) -> RequestBuilder,
    ) -> Result<(), Error> {
        let Some(sandbox) = &self.sandbox else {
            return Ok(());
        };
        let answer = call(format!("{sandbox}/_sandbox/faults/{endpoint}"))
            .send()
            .await;
        refused(what, answer.map_err(|error| Error::Call { what, error })?)
            .await
            .map(drop)
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        what: &'static str,
        call: RequestBuilder,
    ) -> Result<T, Error> {
        let failed = |error| Error::Call { what, error };
        let answer = refused(what, call.send().await.map_err(failed)?).await?;
        answer.json().await.map_err(failed)
    }
}

/// The answer, unless its status says no.
async fn refused(
    what: &'static str,
    answer: reqwest::Response,
) -> Result<reqwest::Response, Error> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let body: serde_json::Value = answer.json().await.unwrap_or_default();
    let detail = ["detail", "error", "message"]
        .iter()
        .find_map(|field| body[field].as_str());
    Err(Error::Refused {
        what,
        status: status.as_u16(),
        detail: detail.unwrap_or("it says no more").to_owned(),
    })
}
