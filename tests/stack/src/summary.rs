//! What a person and a script need to know about a running stack.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use stack::account::{DEFAULT_ACCOUNT, REGION};
use stack::error::{Error, Result};

use crate::run::Running;
use crate::seed::SIMULATOR_KEY;

/// The file's name; that it is there says that the stack is ready.
pub const FILE: &str = "stack.json";

/// The content of `target/local/stack.json`.
#[derive(Serialize)]
pub struct Summary {
    pub webhook_url: String,
    /// What an accepted request must carry, name to value.
    pub webhook_headers: BTreeMap<&'static str, String>,
    pub simulator_url: String,
    pub simulator_headers: BTreeMap<&'static str, String>,
    pub sandbox_url: String,
    pub aws_endpoint_url: String,
    pub region: &'static str,
    pub access_key_id: &'static str,
    pub secret_access_key: &'static str,
    pub stack_name: String,
    /// Logical id to physical name.
    pub tables: BTreeMap<String, String>,
    /// Logical id to URL.
    pub queues: BTreeMap<String, String>,
    /// Logical id to physical name.
    pub functions: BTreeMap<String, String>,
    /// The process that `make stop` ends.
    pub pid: u32,
}

impl Summary {
    pub fn of(running: &Running, webhook_secret: &str) -> Self {
        let deployment = &running.deployment;
        let basic = format!(
            "Basic {}",
            STANDARD.encode(format!("local:{SIMULATOR_KEY}"))
        );
        let of_type = |kind: &str| deployment.by_type.get(kind).cloned().unwrap_or_default();
        Self {
            webhook_url: deployment.url("/webhook/social"),
            webhook_headers: BTreeMap::from([
                ("Content-Type", "application/json".to_owned()),
                ("X-CXone-Webhook", "true".to_owned()),
                ("X-Webhook-Secret", webhook_secret.to_owned()),
            ]),
            simulator_url: deployment.url("/simulator"),
            simulator_headers: BTreeMap::from([("Authorization", basic)]),
            sandbox_url: running.sandbox.url.clone(),
            aws_endpoint_url: deployment.account.endpoint.clone(),
            region: REGION,
            access_key_id: DEFAULT_ACCOUNT,
            secret_access_key: "local",
            stack_name: deployment.stack.clone(),
            tables: of_type("AWS::DynamoDB::Table"),
            queues: of_type("AWS::SQS::Queue"),
            functions: of_type("AWS::Lambda::Function"),
            pid: std::process::id(),
        }
    }

    /// Writes the file whole or not at all.
    pub fn write(&self, local: &Path) -> Result<()> {
        let path = local.join(FILE);
        let draft = local.join("stack.json.new");
        let json =
            serde_json::to_vec_pretty(self).map_err(|error| Error::file(&path)(error.into()))?;
        fs::write(&draft, json)
            .and_then(|()| fs::rename(&draft, &path))
            .map_err(Error::file(&path))
    }

    pub fn print(&self, took: Duration) {
        let headers = self
            .webhook_headers
            .iter()
            .map(|(name, value)| format!(" -H '{name}: {value}'"));
        let headers: String = headers.collect();
        println!(
            "\nready after {:.1} s

  simulator  {}   (any user, password {})
  webhook    {}
  sandbox    {}   plays CXone, ticketing and the platforms; shows what it got
  AWS        AWS_ENDPOINT_URL={} AWS_REGION={} AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}
  all this   target/local/{FILE}

Open the simulator, or send a message yourself:

  curl{headers} -d '{}' '{}'

Interactions show below as they move; Ctrl-C (or `make stop`) ends everything.
",
            took.as_secs_f64(),
            self.simulator_url,
            SIMULATOR_KEY,
            self.webhook_url,
            self.sandbox_url,
            self.aws_endpoint_url,
            self.region,
            self.access_key_id,
            self.secret_access_key,
            EXAMPLE,
            self.webhook_url,
        );
    }
}

/// The smallest body that is accepted. Sent twice, it is one interaction.
const EXAMPLE: &str = r#"{"contact_id":"social_1","thread_id":"thread_1","social_profile":{"platform":"facebook","user_id":"u1","display_name":"Test Customer"},"messages":[{"text":"My order is late and nobody answers, this is terrible!","from_id":"u1","timestamp":"2026-11-22T09:48:00Z"}],"event_timestamp":"2026-11-22T09:48:00Z"}"#;
