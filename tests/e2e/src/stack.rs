//! A deployed stack, as a test sees it.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use runtime::clock;
use sandbox::Sandbox;
use serde_json::Value;
use signature::Scheme;
use stack::deployment::{Deployment, Parameters};
use stack::emulator::Emulator;
use stack::package::Project;
use stack::shared;
use tokio::sync::OnceCell;

use crate::{item, process};

/// How often [`Stack::until`] looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Long enough for a chain that works, on two busy cores.
pub const SOON: Duration = Duration::from_secs(30);

/// What tests change about the template's parameters: no limit, quick retries, and no registration
/// or simulator unless a test is about them.
const TEST_PARAMETERS: [(&str, &str); 6] = [
    ("CxoneCallsPerWindow", "0"),
    ("TicketingCallsPerWindow", "0"),
    ("BackoffBaseMilliseconds", "100"),
    ("RedriveDelaySeconds", "1"),
    ("RegisterWebhook", "false"),
    ("EnableSimulator", "false"),
];

/// What all tests of a binary share.
struct Shared {
    project: Project,
    zips: Vec<(String, Vec<u8>)>,
    emulator: &'static Emulator,
}

static SHARED: OnceCell<Shared> = OnceCell::const_new();

async fn built() -> &'static Shared {
    let start = async || {
        let project = Project::locate()?;
        let zips = project.zips()?;
        let emulator = shared::emulator().await?;
        Ok::<_, stack::error::Error>(Shared {
            project,
            zips,
            emulator,
        })
    };
    SHARED
        .get_or_init(async || start().await.unwrap_or_else(|error| panic!("{error}")))
        .await
}

/// A stack of its own account, with its sandbox. Dropping it deletes it in the background, and
/// fails the test if the emulator's poller failed, for then nothing was delivered any more.
pub struct Stack {
    pub sandbox: Sandbox,
    pub deployment: Deployment,
    pub dynamo: aws_sdk_dynamodb::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub ssm: aws_sdk_ssm::Client,
    http: reqwest::Client,
    signing_secret: String,
    scheme: Scheme,
}

impl Stack {
    /// Deploys with the tests' parameters.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Deploys with these parameters of the template on top of the tests'.
    pub async fn with(parameters: &[(&str, &str)]) -> Self {
        Self::with_sandbox(parameters, sandbox::Settings::default()).await
    }

    /// The same, with a sandbox that starts with these settings. `CxoneBaseUrl`, `TicketingUrl` and
    /// the client's credentials are the sandbox's, unless `parameters` say otherwise.
    pub async fn with_sandbox(parameters: &[(&str, &str)], settings: sandbox::Settings) -> Self {
        let deployed = Self::try_with(parameters, settings).await;
        deployed.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, for a test of a deployment that fails.
    pub async fn try_with(
        parameters: &[(&str, &str)],
        settings: sandbox::Settings,
    ) -> Result<Self, String> {
        let built = built().await;
        let (client_id, client_secret) =
            (settings.client_id.clone(), settings.client_secret.clone());
        let sandbox = Sandbox::start(sandbox::Config { port: 0, settings })
            .await
            .unwrap();
        let its_own = [
            ("CxoneBaseUrl", sandbox.url.as_str()),
            ("TicketingUrl", &sandbox.url),
            ("CxoneClientId", &client_id),
            ("CxoneClientSecret", &client_secret),
        ];
        let all = TEST_PARAMETERS.iter().chain(&its_own).chain(parameters);
        let all: Parameters = all
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let scheme = all
            .get("WebhookAuth")
            .map_or(Scheme::SecretHeader, |scheme| scheme.parse().unwrap());

        let account = shared::account().await.unwrap();
        let name = format!("social-{}", account.id);
        let deployment = Deployment::create(account, &name, &built.project, &built.zips, all).await;
        let deployment = deployment.map_err(|error| error.to_string())?;

        let mut stack = Self {
            sandbox,
            dynamo: aws_sdk_dynamodb::Client::new(&deployment.sdk),
            sqs: aws_sdk_sqs::Client::new(&deployment.sdk),
            secrets: aws_sdk_secretsmanager::Client::new(&deployment.sdk),
            ssm: aws_sdk_ssm::Client::new(&deployment.sdk),
            http: reqwest::Client::new(),
            signing_secret: String::new(),
            scheme,
            deployment,
        };
        let secret: Value = serde_json::from_str(&stack.secret("SigningSecret").await).unwrap();
        secret["current"]
            .as_str()
            .unwrap()
            .clone_into(&mut stack.signing_secret);
        Ok(stack)
    }

    /// Deploys over the running stack: the same code, uploaded afresh, and changed parameters.
    pub async fn redeploy(&self, parameters: &[(&str, &str)]) {
        let built = built().await;
        let changes = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let changes = changes.collect();
        let deployed = self
            .deployment
            .redeploy(&built.project, &built.zips, changes)
            .await;
        deployed.unwrap_or_else(|error| panic!("{error}"));
    }

    // ── Sending ──────────────────────────────────────────────────────────────────────────────────

    /// The address of the webhook, with the query that brings a request to this account.
    pub fn webhook_url(&self) -> String {
        self.deployment.url("/webhook/social")
    }

    /// A request to a path of the simulator, such as `/send`, with its key.
    pub async fn simulator(&self, method: Method, path: &str) -> RequestBuilder {
        let key = self.secret("SimulatorKey").await;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut url = self.deployment.url(&format!("/simulator{path}"));
        if !query.is_empty() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(query);
        }
        self.http.request(method, url).basic_auth("e2e", Some(key))
    }

    /// Posts a body as CXone would, signed, and returns the answer whatever it is.
    pub async fn post(&self, body: &[u8]) -> Response {
        let now = clock::now();
        let id = format!("delivery-{}", now.as_nanosecond());
        let signed = self.scheme.sign(&self.signing_secret, &id, now, body);
        let request = self
            .request()
            .header("content-type", "application/json")
            .body(body.to_vec());
        signed
            .into_iter()
            .fold(request, |request, (name, value)| {
                request.header(name, value)
            })
            .send()
            .await
            .unwrap()
    }

    /// A request to the webhook with nothing in it, for a test about headers.
    pub fn request(&self) -> RequestBuilder {
        self.http.post(self.webhook_url())
    }

    /// Posts a body that must be accepted, and returns the interaction's id.
    pub async fn accept(&self, payload: &Value) -> String {
        let body = payload.to_string();
        self.accepted(async || self.post(body.as_bytes()).await)
            .await
    }

    /// Sends a webhook that must be accepted, and returns the interaction's id. As a sender must, it
    /// sends again after a 503: on a busy machine the emulator's queue takes longer than ingest waits.
    ///
    /// # Panics
    /// Where it isn't accepted, or the queue takes it at no time.
    pub async fn accepted(&self, send: impl AsyncFn() -> Response) -> String {
        let started = clock::instant();
        loop {
            let answer = send().await;
            let status = answer.status();
            let wait = answer.headers().get("retry-after").cloned();
            let body: Value = answer.json().await.unwrap();
            let busy = body["type"] == "urn:cxone-social:problem:queue-unavailable";
            if let Some(wait) = wait.filter(|_| busy && started.elapsed() < 10 * SOON) {
                let seconds = wait.to_str().unwrap().parse().unwrap();
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                continue;
            }
            assert_eq!(status, StatusCode::ACCEPTED, "{body}");
            return body["interaction_id"].as_str().unwrap().to_owned();
        }
    }

    /// Sends a message to a queue (its logical id, such as `RoutingQueue`), with string attributes.
    pub async fn send(&self, queue: &str, body: &str, attributes: &[(&str, &str)]) {
        let mut send = self
            .sqs
            .send_message()
            .queue_url(self.deployment.physical(queue))
            .message_body(body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(*value)
                .build()
                .unwrap();
            send = send.message_attributes(*name, value);
        }
        send.send().await.unwrap();
    }

    /// Runs a function (its logical id) with an event: its answer, and the kind of its failure if it failed.
    pub async fn invoke(&self, function: &str, event: &Value) -> (Value, Option<String>) {
        self.deployment
            .account
            .invoke(self.deployment.physical(function), event)
            .await
            .unwrap()
    }

    /// Kills every process of a function (its logical id) with `SIGKILL`; returns how many there were.
    pub fn kill(&self, function: &str) -> usize {
        process::kill(
            &self.deployment.account.endpoint,
            self.deployment.physical(function),
        )
    }

    /// The CPU time that a function's processes have had so far, and the most memory in bytes that
    /// one of them has had.
    pub fn resources(&self, function: &str) -> (Duration, usize) {
        let emulator = &self.deployment.account.endpoint;
        let name = self.deployment.physical(function);
        (
            process::cpu(emulator, name),
            process::peak_memory(emulator, name),
        )
    }

    // ── Looking ──────────────────────────────────────────────────────────────────────────────────

    /// The ledger's item of an interaction and stage (`routing` or `ticketing`).
    pub async fn ledger(&self, interaction: &str, stage: &str) -> Option<Value> {
        self.item(&format!("interaction#{interaction}"), stage)
            .await
    }

    /// An item of the ledger's table by its keys, numbers as JSON numbers.
    pub async fn item(&self, pk: &str, sk: &str) -> Option<Value> {
        let get = self
            .dynamo
            .get_item()
            .table_name(self.table())
            .consistent_read(true);
        let get = get
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()));
        get.send().await.unwrap().item.map(item::json)
    }

    /// All items of the ledger's table whose partition key starts so (`""` for all).
    pub async fn items(&self, pk_prefix: &str) -> Vec<Value> {
        let mut pages = self
            .dynamo
            .scan()
            .table_name(self.table())
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut items = Vec::new();
        while let Some(found) = pages.next().await {
            items.push(item::json(found.unwrap()));
        }
        items.retain(|item| item["pk"].as_str().unwrap().starts_with(pk_prefix));
        items
    }

    /// The ledger's table's name.
    pub fn table(&self) -> &str {
        self.deployment.physical("LedgerTable")
    }

    /// Waits until the interaction's stage has this state, and returns its item.
    pub async fn reaches(&self, interaction: &str, stage: &str, wanted: &str) -> Value {
        let what = format!("{interaction} to be {wanted} in {stage}");
        let reached = async || {
            let item = self.ledger(interaction, stage).await;
            item.filter(|item| item["state"] == wanted)
        };
        self.until(&what, SOON, reached).await
    }

    /// Messages of a queue: (visible, received and not yet deleted, delayed).
    pub async fn depth(&self, queue: &str) -> (u32, u32, u32) {
        let wanted = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let get = self
            .sqs
            .get_queue_attributes()
            .queue_url(self.deployment.physical(queue));
        let got = get
            .set_attribute_names(Some(wanted.to_vec()))
            .send()
            .await
            .unwrap();
        let number = |name| {
            got.attributes()
                .and_then(|all| all.get(name))
                .map_or(0, |text| text.parse().unwrap())
        };
        let [visible, in_flight, delayed] = [&wanted[0], &wanted[1], &wanted[2]].map(number);
        (visible, in_flight, delayed)
    }

    /// Waits until no message is left in any of the four queues.
    pub async fn drained(&self, within: Duration) {
        let queues = [
            "RoutingQueue",
            "TicketingQueue",
            "RoutingDeadLetterQueue",
            "TicketingDeadLetterQueue",
        ];
        self.until("all queues to be empty", within, async || {
            // Twice, for a dead letter may be sent back to a queue that was already looked at.
            for queue in [queues, queues].concat() {
                if self.depth(queue).await != (0, 0, 0) {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    /// The current value of a secret of the stack (its logical id).
    pub async fn secret(&self, logical: &str) -> String {
        let get = self
            .secrets
            .get_secret_value()
            .secret_id(self.deployment.physical(logical));
        get.send()
            .await
            .unwrap()
            .secret_string
            .expect("the project's secrets are text")
    }

    /// All lines that a function (its logical id) logged, Lambda's own START and END among them.
    pub async fn logs(&self, function: &str) -> Vec<String> {
        let lines = self.deployment.function_logs(function, 0).await.unwrap();
        assert!(
            lines.len() < 10_000,
            "more lines than the emulator gives at once"
        );
        lines.into_iter().map(|line| line.text).collect()
    }

    /// The lines of all functions, for a search for what must not be there.
    pub async fn all_logs(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for function in self.deployment.by_type["AWS::Lambda::Function"].keys() {
            lines.extend(self.logs(function).await);
        }
        lines
    }

    /// Looks again and again until there is something, and returns it.
    ///
    /// # Panics
    /// After `within`, with what was waited for and the functions' last lines.
    pub async fn until<T>(
        &self,
        what: &str,
        within: Duration,
        look: impl AsyncFn() -> Option<T>,
    ) -> T {
        let started = clock::instant();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if started.elapsed() > within {
                let lines = self.all_logs().await;
                let last = lines
                    .iter()
                    .rev()
                    .filter(|line| line.starts_with('{'))
                    .take(20);
                let last: Vec<_> = last.map(String::as_str).collect();
                panic!(
                    "waited {within:?} in vain for {what}; the functions' last lines:\n{}",
                    last.join("\n")
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let account = self.deployment.account.clone();
        let name = self.deployment.stack.clone();
        // The test's own runtime ends with the test, so this takes another. Where the process ends
        // first, so does the emulator.
        std::thread::spawn(move || {
            let delete = async || {
                Deployment::start_deletion(&account, &name).await?;
                Deployment::delete_code(&account, &built().await.project.functions).await
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.map(|runtime| runtime.block_on(delete()))
        });
        let log = SHARED
            .get()
            .map(|shared| shared.emulator.log())
            .unwrap_or_default();
        let failures: Vec<_> = log
            .lines()
            .filter(|line| line.contains("poller error"))
            .collect();
        assert!(
            failures.is_empty() || std::thread::panicking(),
            "the emulator's poller failed: {failures:?}"
        );
    }
}
