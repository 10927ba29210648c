//! The template, deployed to one account of the emulator.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{Capability, Parameter, StackStatus, Tag};
use runtime::clock;

use crate::account::{Account, DEFAULT_ACCOUNT, LogLine};
use crate::error::{Error, Result};
use crate::package::Project;
use crate::template::{self, Function};

const DEPLOYS_WITHIN: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(50);

/// Where the emulator is not AWS: it has no TLS, and its stream's one shard has no name.
const EMULATED: [(&str, &str); 2] = [("RequireTls", "false"), ("StreamShards", "one")];

/// Values for the template's parameters, by name. Those left out keep their defaults.
pub type Parameters = BTreeMap<String, String>;

/// A deployed stack.
pub struct Deployment {
    pub account: Account,
    /// The stack's name.
    pub stack: String,
    /// What SDK clients for its account are built from.
    pub sdk: SdkConfig,
    /// Physical ids by logical id.
    pub resources: BTreeMap<String, String>,
    /// Physical ids of one type's resources, by type and logical id.
    pub by_type: BTreeMap<String, BTreeMap<String, String>>,
    parameters: Parameters,
}

impl Deployment {
    /// Uploads the functions and creates the stack.
    ///
    /// # Errors
    /// With the resource that failed first and its reason.
    pub async fn create(
        account: Account,
        stack: &str,
        project: &Project,
        zips: &[(String, Vec<u8>)],
        mut parameters: Parameters,
    ) -> Result<Self> {
        let bucket = bucket(&account);
        account.put_object(&bucket, "", Vec::new()).await?;
        upload(&account, &bucket, project, zips).await?;

        let sdk = account.sdk_config().await;
        let mut deployment = Self {
            account,
            stack: stack.to_owned(),
            sdk,
            resources: BTreeMap::new(),
            by_type: BTreeMap::new(),
            parameters: Parameters::new(),
        };
        parameters
            .entry("PublicWebhookUrl".to_owned())
            .or_insert_with(|| deployment.url("/webhook/social"));
        for (name, value) in EMULATED {
            parameters
                .entry(name.to_owned())
                .or_insert_with(|| value.to_owned());
        }
        deployment.parameters = parameters;
        deployment.start_creation().await?;
        deployment.finish(&StackStatus::CreateComplete).await?;
        Ok(deployment)
    }

    /// Changes parameters of the running stack and waits until it is updated.
    ///
    /// # Errors
    /// With the resource that failed first and its reason.
    pub async fn update(&mut self, changes: Parameters) -> Result<()> {
        self.parameters.extend(changes);
        self.start_update(&self.parameters, None).await?;
        self.finish(&StackStatus::UpdateComplete).await
    }

    /// Deploys over the running stack: code that is uploaded afresh, and changed parameters by
    /// which no resource comes or goes.
    ///
    /// # Errors
    /// With the resource that failed first and its reason.
    pub async fn redeploy(
        &self,
        project: &Project,
        zips: &[(String, Vec<u8>)],
        changes: Parameters,
    ) -> Result<()> {
        let folder = format!("{}/again", bucket(&self.account));
        upload(&self.account, &folder, project, zips).await?;
        let mut parameters = self.parameters.clone();
        parameters.extend(changes);
        self.start_update(&parameters, Some(&folder)).await?;
        self.wait_for(&self.stack, &StackStatus::UpdateComplete)
            .await?;
        delete_zips(&self.account, &folder, &project.functions).await
    }

    /// `folder`: of the template to change to, where it isn't the stack's own.
    async fn start_update(&self, parameters: &Parameters, folder: Option<&str>) -> Result<()> {
        let template = folder.map(|folder| template_url(&self.account, folder));
        Client::new(&self.sdk)
            .update_stack()
            .stack_name(&self.stack)
            .use_previous_template(template.is_none())
            .set_template_url(template)
            .set_parameters(Some(sdk_parameters(parameters)))
            .capabilities(Capability::CapabilityIam)
            .capabilities(Capability::CapabilityAutoExpand)
            .send()
            .await
            .map(drop)
            .map_err(Error::sdk("UpdateStack"))
    }

    /// Deletes the stack and waits until it is gone.
    pub async fn delete(&self) -> Result<()> {
        // A stack that is gone is found by its id only.
        let described = Client::new(&self.sdk)
            .describe_stacks()
            .stack_name(&self.stack)
            .send()
            .await;
        let described = described.map_err(Error::sdk("DescribeStacks"))?;
        let id = described
            .stacks()
            .first()
            .and_then(|stack| stack.stack_id())
            .unwrap_or(&self.stack)
            .to_owned();
        Self::start_deletion(&self.account, &id).await?;
        self.wait_for(&id, &StackStatus::DeleteComplete).await
    }

    /// Begins to delete a stack, by its name or id, and doesn't wait for it.
    pub async fn start_deletion(account: &Account, stack: &str) -> Result<()> {
        let client = Client::new(&account.sdk_config().await);
        let deleted = client.delete_stack().stack_name(stack).send().await;
        deleted.map(drop).map_err(Error::sdk("DeleteStack"))
    }

    /// Deletes the uploaded code, which the emulator holds in memory. The stack can't be updated
    /// after that.
    pub async fn delete_code(account: &Account, functions: &[Function]) -> Result<()> {
        delete_zips(account, &bucket(account), functions).await
    }

    /// The address of a path of the stack's API, such as `/webhook/social`.
    ///
    /// Outside the emulator's default account it carries the account in its query.
    pub fn url(&self, path: &str) -> String {
        let url = format!(
            "{}/_aws/execute-api/{}{path}",
            self.account.endpoint,
            self.api_id()
        );
        if self.account.id == DEFAULT_ACCOUNT {
            return url;
        }
        format!(
            "{url}?X-Amz-Credential={}",
            self.account.credential("execute-api")
        )
    }

    /// The physical id of a resource.
    ///
    /// # Panics
    /// Where the template has no such logical id, or its condition left it out.
    pub fn physical(&self, logical: &str) -> &str {
        self.resources
            .get(logical)
            .unwrap_or_else(|| panic!("the stack has no resource {logical}"))
    }

    /// What a function of the stack logged from an instant on, in milliseconds since the epoch. Its
    /// log group is `RouteLogs` where the function is `RouteFunction`.
    pub async fn function_logs(&self, function: &str, since_ms: i64) -> Result<Vec<LogLine>> {
        let group = function.replace("Function", "Logs");
        self.account
            .log_lines(self.physical(&group), since_ms)
            .await
    }

    /// The API's id. It is known before the stack exists, so that the functions can be told the
    /// webhook's address as they are created: the emulator takes it from a tag.
    fn api_id(&self) -> String {
        if self.account.id == DEFAULT_ACCOUNT {
            "social".to_owned()
        } else {
            format!("social{}", self.account.id)
        }
    }

    async fn start_creation(&self) -> Result<()> {
        let tag = Tag::builder()
            .key("ms-custom-id")
            .value(self.api_id())
            .build();
        Client::new(&self.sdk)
            .create_stack()
            .stack_name(&self.stack)
            .template_url(template_url(&self.account, &bucket(&self.account)))
            .set_parameters(Some(sdk_parameters(&self.parameters)))
            .tags(tag)
            .capabilities(Capability::CapabilityIam)
            .capabilities(Capability::CapabilityAutoExpand)
            .send()
            .await
            .map(drop)
            .map_err(Error::sdk("CreateStack"))
    }

    async fn finish(&mut self, wanted: &StackStatus) -> Result<()> {
        self.wait_for(&self.stack, wanted).await?;
        let mut pages = Client::new(&self.sdk)
            .list_stack_resources()
            .stack_name(&self.stack)
            .into_paginator()
            .items()
            .send();
        while let Some(resource) = pages.next().await {
            let resource = resource.map_err(Error::sdk("ListStackResources"))?;
            let logical = resource
                .logical_resource_id()
                .unwrap_or_default()
                .to_owned();
            let physical = resource
                .physical_resource_id()
                .unwrap_or_default()
                .to_owned();
            let kind = resource.resource_type().unwrap_or_default().to_owned();
            self.by_type
                .entry(kind)
                .or_default()
                .insert(logical.clone(), physical.clone());
            self.resources.insert(logical, physical);
        }
        Ok(())
    }

    async fn wait_for(&self, stack: &str, wanted: &StackStatus) -> Result<()> {
        let client = Client::new(&self.sdk);
        let started = clock::instant();
        loop {
            let described = client.describe_stacks().stack_name(stack).send().await;
            let described = described.map_err(Error::sdk("DescribeStacks"))?;
            let status = described
                .stacks()
                .first()
                .and_then(|stack| stack.stack_status());
            match status {
                Some(status) if status == wanted => return Ok(()),
                Some(status) if !status.as_str().ends_with("IN_PROGRESS") => {
                    return Err(self.failed(self.first_failure(status).await));
                }
                _ if started.elapsed() > DEPLOYS_WITHIN => {
                    return Err(self.failed(format_args!(
                        "it took longer than {} s",
                        DEPLOYS_WITHIN.as_secs()
                    )));
                }
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// What failed first; everything after it failed because of it.
    async fn first_failure(&self, status: &StackStatus) -> String {
        let mut pages = Client::new(&self.sdk)
            .describe_stack_events()
            .stack_name(&self.stack)
            .into_paginator()
            .items()
            .send();
        // The newest come first, so the first failure is the last that is found.
        let mut failed = None;
        while let Some(Ok(event)) = pages.next().await {
            let has_failed = event
                .resource_status()
                .is_some_and(|status| status.as_str().ends_with("FAILED"));
            if has_failed && event.logical_resource_id() != Some(&self.stack) {
                failed = Some(event);
            }
        }
        let (resource, reason) = failed
            .as_ref()
            .map_or(("the stack", status.as_str()), |event| {
                let reason = event.resource_status_reason().unwrap_or("no reason given");
                (event.logical_resource_id().unwrap_or_default(), reason)
            });
        format!("{resource}: {reason}")
    }

    fn failed(&self, reason: impl std::fmt::Display) -> Error {
        Error::Deploy {
            stack: self.stack.clone(),
            reason: reason.to_string(),
        }
    }
}

/// The bucket of an account's code; buckets' names are shared by all accounts.
fn bucket(account: &Account) -> String {
    format!("code-{}", account.id)
}

fn sdk_parameters(parameters: &Parameters) -> Vec<Parameter> {
    let parameter = |(key, value): (&String, &String)| {
        Parameter::builder()
            .parameter_key(key)
            .parameter_value(value)
            .build()
    };
    parameters.iter().map(parameter).collect()
}

fn template_url(account: &Account, folder: &str) -> String {
    format!("{}/{folder}/template.yaml", account.endpoint)
}

/// Uploads the functions and the template that names them to a folder: a bucket, or one in it.
async fn upload(
    account: &Account,
    folder: &str,
    project: &Project,
    zips: &[(String, Vec<u8>)],
) -> Result<()> {
    for (binary, zip) in zips {
        let key = format!("{binary}.zip");
        account.put_object(folder, &key, zip.clone()).await?;
    }
    let packaged = template::packaged(&project.template, &project.functions, folder);
    account
        .put_object(folder, "template.yaml", packaged.into_bytes())
        .await
}

async fn delete_zips(account: &Account, folder: &str, functions: &[Function]) -> Result<()> {
    for function in functions {
        let key = format!("{}.zip", function.binary);
        account.delete_object(folder, &key).await?;
    }
    Ok(())
}
