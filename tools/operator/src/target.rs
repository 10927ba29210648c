//! Which stack is spoken to, and its clients.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use serde::Deserialize;

use crate::Outcome;

const LOCAL: &str = "target/local/stack.json";

/// A running stack.
pub struct Target {
    pub name: String,
    /// The address of an AWS that isn't Amazon's.
    pub endpoint: Option<String>,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub ssm: aws_sdk_ssm::Client,
    /// Logical id to physical id.
    resources: BTreeMap<String, String>,
}

/// What `make run` leaves for scripts; only what is needed here.
#[derive(Deserialize)]
struct Local {
    aws_endpoint_url: String,
    region: String,
    access_key_id: String,
    stack_name: String,
}

impl Target {
    /// Opens the named stack on AWS, or the local one.
    pub async fn open(stack: Option<String>, profile: Option<String>) -> Outcome<Self> {
        let (name, endpoint, config) = match stack {
            Some(name) => (name, None, on_aws(profile).await),
            None => local().await?,
        };
        let cloudformation = aws_sdk_cloudformation::Client::new(&config);
        let resources = resources(&cloudformation, &name).await?;
        Ok(Self {
            name,
            endpoint,
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            resources,
        })
    }

    /// A resource's physical id by its logical id in the template.
    pub fn resource(&self, logical_id: &str) -> Outcome<&str> {
        self.resources
            .get(logical_id)
            .map(String::as_str)
            .ok_or_else(|| {
                format!(
                    "the stack {} has no {logical_id}: is it this project's, and is the part switched on?",
                    self.name
                )
            })
    }

    pub fn table(&self) -> Outcome<&str> {
        self.resource("LedgerTable")
    }
}

async fn on_aws(profile: Option<String>) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts());
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await
}

async fn local() -> Outcome<(String, Option<String>, SdkConfig)> {
    let text = fs::read_to_string(Path::new(LOCAL)).map_err(|_| {
        format!("no stack named and no local one running ({LOCAL} isn't there): start it with `make run` or name one with --stack")
    })?;
    let local: Local =
        serde_json::from_str(&text).map_err(|e| format!("{LOCAL} can't be read: {e}"))?;
    let config = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts())
        .endpoint_url(&local.aws_endpoint_url)
        .region(Region::new(local.region))
        .credentials_provider(Credentials::new(
            local.access_key_id,
            "local",
            None,
            None,
            "the local stack",
        ))
        .load()
        .await;
    Ok((local.stack_name, Some(local.aws_endpoint_url), config))
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(std::time::Duration::from_secs(20))
        .build()
}

async fn resources(
    client: &aws_sdk_cloudformation::Client,
    stack: &str,
) -> Outcome<BTreeMap<String, String>> {
    let mut pages = client
        .list_stack_resources()
        .stack_name(stack)
        .into_paginator()
        .items()
        .send();
    let mut resources = BTreeMap::new();
    while let Some(item) = pages.next().await {
        let item = item.map_err(|e| said(&format!("looking up the stack {stack}"), &e))?;
        if let (Some(logical), Some(physical)) =
            (item.logical_resource_id, item.physical_resource_id)
        {
            resources.insert(logical, physical);
        }
    }
    Ok(resources)
}

/// A failed AWS call as a sentence: what was tried, and the service's own code and message.
pub fn said<E, R>(what: &str, error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: Debug,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{what} failed: {code}: {message}"),
        (Some(code), None) => format!("{what} failed: {code}"),
        _ => format!("{what} failed: {}", DisplayErrorContext(error)),
    }
}
