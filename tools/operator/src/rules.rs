//! The routing rules: one SSM parameter, checked before it is put.

use std::fs;
use std::path::PathBuf;

use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use rules::Rules;
use runtime::output::say;

use crate::Outcome;
use crate::target::{Target, said};

#[derive(clap::Args)]
pub struct PutArgs {
    /// The rules as JSON.
    file: PathBuf,
    /// Only checks the file.
    #[arg(long)]
    check: bool,
}

pub async fn show(target: &Target) -> Outcome<()> {
    let name = target.resource("RulesParameter")?;
    let answer = target
        .ssm
        .get_parameter()
        .name(name)
        .send()
        .await
        .map_err(|e| said("reading the rules", &e))?;
    let text = answer
        .parameter()
        .and_then(|p| p.value())
        .unwrap_or_default();
    say(text);
    match Rules::parse(text) {
        Ok(rules) => eprintln!("version {}", rules.version()),
        Err(error) => eprintln!("not valid, so the last good ones decide: {error}"),
    }
    Ok(())
}

pub async fn put(target: &Target, args: &PutArgs) -> Outcome<()> {
    let text = fs::read_to_string(&args.file)
        .map_err(|e| format!("{} can't be read: {e}", args.file.display()))?;
    let rules = Rules::parse(&text).map_err(|e| format!("{}: {e}", args.file.display()))?;
    if args.check {
        say(format_args!("valid, version {}", rules.version()));
        return Ok(());
    }
    let name = target.resource("RulesParameter")?;
    target
        .ssm
        .put_parameter()
        .name(name)
        .r#type(ParameterType::String)
        // The standard tier, which is taken where none is named, refuses more than 4 KB.
        .tier(ParameterTier::IntelligentTiering)
        .value(text)
        .overwrite(true)
        .send()
        .await
        .map_err(|e| said("putting the rules", &e))?;
    say(format_args!(
        "version {} decides within a minute",
        rules.version()
    ));
    Ok(())
}
