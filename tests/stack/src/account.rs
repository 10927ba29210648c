//! One account of the emulated AWS and the calls that need no SDK client.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::config::Credentials;
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Error, Result};

pub const REGION: &str = "us-east-1";

/// The account that requests without credentials reach.
pub const DEFAULT_ACCOUNT: &str = "000000000000";

/// An account. Its twelve digits are its access key as well, one that may do anything.
#[derive(Clone)]
pub struct Account {
    pub endpoint: String,
    pub id: String,
}

/// A line that a function logged.
#[derive(Deserialize)]
pub struct LogLine {
    #[serde(rename = "timestamp")]
    pub at_ms: i64,
    #[serde(rename = "message")]
    pub text: String,
}

#[derive(Deserialize)]
struct LogAnswer {
    events: Vec<LogLine>,
}

impl Account {
    /// What SDK clients for this account are built from.
    pub async fn sdk_config(&self) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(
                &self.id,
                "local",
                None,
                None,
                "local stack",
            ))
            .load()
            .await
    }

    /// The request, under this account. The emulator takes a root key's word without a signature.
    pub fn authorize(&self, request: RequestBuilder, service: &str) -> RequestBuilder {
        let scope = self.credential(service);
        request.header(
            "Authorization",
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
        )
    }

    /// What in a query as `X-Amz-Credential` brings a request to this account.
    pub fn credential(&self, service: &str) -> String {
        format!("{}/20260101/{REGION}/{service}/aws4_request", self.id)
    }

    /// Runs a function and waits for its answer: the payload, and the kind of its failure if it failed.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<(Value, Option<String>)> {
        let url = format!(
            "{}/2015-03-31/functions/{function}/invocations",
            self.endpoint
        );
        let failed = |error| Error::aws("lambda:Invoke", &error);
        let request = self.authorize(reqwest::Client::new().post(url).json(event), "lambda");
        let answer = request
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(failed)?;
        let failure = answer
            .headers()
            .get("X-Amz-Function-Error")
            .and_then(|kind| kind.to_str().ok());
        let failure = failure.map(str::to_owned);
        Ok((answer.json().await.map_err(failed)?, failure))
    }

    /// What was logged to a group from an instant on (in milliseconds since the epoch), oldest first,
    /// the first 10,000 lines at most.
    pub async fn log_lines(&self, group: &str, since_ms: i64) -> Result<Vec<LogLine>> {
        let failed = |error| Error::aws("logs:FilterLogEvents", &error);
        let request = reqwest::Client::new()
            .post(&self.endpoint)
            .header("X-Amz-Target", "Logs_20140328.FilterLogEvents")
            .json(&json!({"logGroupName": group, "startTime": since_ms}));
        let answer = self
            .authorize(request, "logs")
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        let answer: LogAnswer = answer.map_err(failed)?.json().await.map_err(failed)?;
        Ok(answer.events)
    }

    /// Writes an object, and the bucket with an empty `key`.
    pub async fn put_object(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<()> {
        let url = format!("{}/{bucket}/{key}", self.endpoint);
        // Without a type the emulator tries to read the body as a form, at 5 MB a second.
        let request = reqwest::Client::new()
            .put(url)
            .header("Content-Type", "application/octet-stream");
        let answer = self.authorize(request.body(bytes), "s3").send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        answer
            .map(drop)
            .map_err(|error| Error::aws("s3:PutObject", &error))
    }

    /// Deletes an object.
    pub async fn delete_object(&self, bucket: &str, key: &str) -> Result<()> {
        let request = reqwest::Client::new().delete(format!("{}/{bucket}/{key}", self.endpoint));
        let answer = self.authorize(request, "s3").send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        answer
            .map(drop)
            .map_err(|error| Error::aws("s3:DeleteObject", &error))
    }
}
