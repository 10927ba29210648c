//! Social platforms and their tokens.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::primitives::Blob;
use runtime::output::say;
use tokens::{CXONE, SIGNING_SECRET, TokenLedger};

use crate::Outcome;
use crate::target::{Target, said};

/// Longer than `rotate-tokens` may take (120 s, by the template), and its cold start.
const ROTATION: Duration = Duration::from_secs(150);

#[derive(clap::Args)]
pub struct AddArgs {
    /// The platform as the webhook names it, such as `facebook`.
    name: String,
    /// The secret's JSON, as docs/tokens.md describes it.
    file: PathBuf,
}

/// Puts the platform's secret and lists it for rotation.
pub async fn add(target: &Target, args: &AddArgs) -> Outcome<()> {
    let json = fs::read_to_string(&args.file)
        .map_err(|e| format!("{} can't be read: {e}", args.file.display()))?;
    platforms::add(
        &target.secrets,
        &TokenLedger::new(target.dynamodb.clone(), target.table()?),
        &format!("{}/social/", target.name),
        &args.name,
        &json.into(),
        runtime::clock::now(),
    )
    .await
    .map_err(|e| e.to_string())?;
    say(format_args!(
        "{} is kept fresh from the next run on, within ten minutes",
        args.name
    ));
    Ok(())
}

/// CXone's token, the signing secret, and every platform.
pub async fn names(ledger: &TokenLedger) -> Outcome<Vec<String>> {
    let platforms = ledger.platforms().await.map_err(|e| e.to_string())?;
    let own = [CXONE, SIGNING_SECRET].map(str::to_owned);
    Ok(own.into_iter().chain(platforms).collect())
}

/// Prints every token's state.
pub async fn tokens(target: &Target) -> Outcome<()> {
    let ledger = TokenLedger::new(target.dynamodb.clone(), target.table()?);
    for name in names(&ledger).await? {
        let record = ledger.read(&name).await.map_err(|e| e.to_string())?;
        let expires = record
            .expires
            .map_or(String::new(), |at| format!(", runs out {at:.0}"));
        let reason = record.reason.map_or(String::new(), |r| format!(": {r}"));
        say(format_args!("{name:<16} {}{expires}{reason}", record.state));
    }
    Ok(())
}

/// Invokes `rotate-tokens` for one secret and prints its answer. It is invoked once: each time, by
/// force, is a rotation.
pub async fn rotate(target: &Target, name: &str) -> Outcome<()> {
    let request = serde_json::json!({"secret": name, "force": true});
    let once = Builder::default()
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ROTATION)
                .build(),
        );
    let answer = target
        .lambda
        .invoke()
        .function_name(target.resource("RotateTokensFunction")?)
        .payload(Blob::new(request.to_string()))
        .customize()
        .config_override(once)
        .send()
        .await
        .map_err(|e| {
            let said = said("invoking rotate-tokens", &e);
            match e {
                SdkError::ServiceError(_) => said,
                _ => format!(
                    "{said}; it may have rotated {name} all the same: look at `make tokens` and at \
                     the function's log before you rotate again"
                ),
            }
        })?;
    let text = answer
        .payload
        .map(|blob| String::from_utf8_lossy(blob.as_ref()).into_owned())
        .unwrap_or_default();
    say(text);
    match answer.function_error {
        None => Ok(()),
        Some(kind) => Err(format!("rotate-tokens failed ({kind})")),
    }
}
