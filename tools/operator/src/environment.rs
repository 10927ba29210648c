//! The functions' settings, for running one of them alone.

use runtime::output::say;
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::target::{Target, said};

const FUNCTIONS: &[&str] = &[
    "IngestFunction",
    "RouteFunction",
    "TicketSyncFunction",
    "RedriveFunction",
    "RotateTokensFunction",
    "CountSlaFunction",
    "RegisterWebhookFunction",
    "SimulatorFunction",
];

#[derive(clap::Args)]
pub struct Args {
    /// Only this function, as lines of NAME=value for `cargo lambda watch --env-file`. All of them
    /// as JSON for `sam local invoke --env-vars` where it is left out.
    function: Option<String>,
}

/// Prints the settings that the deployed functions have, with the address of the AWS that they
/// speak to. They are names and numbers; secrets are not among them.
pub async fn print(target: &Target, args: &Args) -> Outcome<()> {
    if let Some(function) = &args.function {
        for (name, value) in settings(target, function).await? {
            say(format_args!(
                "{name}={}",
                value.as_str().unwrap_or_default()
            ));
        }
        return Ok(());
    }
    let mut all = Map::new();
    for function in FUNCTIONS {
        // A part that is switched off has no function.
        if target.resource(function).is_ok() {
            let settings = settings(target, function).await?;
            all.insert((*function).to_owned(), Value::Object(settings));
        }
    }
    say(format_args!("{:#}", Value::Object(all)));
    Ok(())
}

async fn settings(target: &Target, function: &str) -> Outcome<Map<String, Value>> {
    let answer = target
        .lambda
        .get_function_configuration()
        .function_name(target.resource(function)?)
        .send()
        .await
        .map_err(|e| said("reading a function's settings", &e))?;
    let mut settings: Map<_, _> = answer
        .environment
        .and_then(|e| e.variables)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (name, json!(value)))
        .collect();
    if let Some(endpoint) = &target.endpoint {
        settings.insert("AWS_ENDPOINT_URL".into(), json!(endpoint));
    }
    Ok(settings)
}
