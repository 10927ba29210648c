//! Runs a file of traffic against a stack's simulator, and says whether what came out is what
//! should. `make scenario FILE=…` calls it; `docs/simulator.md` describes the files.
//!
//! - [`file`]: the scenario's file; [`plan`]: when to send what, pure
//! - [`target`]: the local stack or a deployed one; [`run`]: sends and follows
//! - [`verdict`]: whether it passed, pure
//!
//! It ends with 0 where all checks passed, with 1 where one did not, with 2 where it could not run.

#![warn(
    clippy::print_stdout,
    reason = "a closed pipe makes it panic: `runtime::output::say`"
)]

mod file;
mod plan;
mod run;
mod target;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use runtime::clock;
use runtime::output::say;
use runtime::settings;

use crate::file::Scenario;
use crate::target::Target;
use crate::verdict::Check;

/// Run a scenario against the local stack or, with --url, against a deployed one.
#[derive(Parser)]
struct Arguments {
    /// The scenario's file, such as scenarios/moods.json
    file: PathBuf,
    /// What the running local stack says of itself
    #[arg(long, default_value = "target/local/stack.json")]
    stack: PathBuf,
    /// A deployed simulator's address (its key comes from the environment, `SIMULATOR_KEY`)
    #[arg(long)]
    url: Option<String>,
}

/// Why a scenario could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Usage(String),
    #[error("{what}: {error}")]
    Call {
        what: &'static str,
        error: reqwest::Error,
    },
    #[error("{what}: the stack answered {status}: {detail}")]
    Refused {
        what: &'static str,
        status: u16,
        detail: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match command(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("scenario: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether it passed.
async fn command(arguments: &Arguments) -> Result<bool, Error> {
    let scenario = Scenario::read(&arguments.file)?;
    let target = match &arguments.url {
        Some(url) => {
            let key =
                settings::required("SIMULATOR_KEY").map_err(|e| Error::Usage(e.to_string()))?;
            Target::deployed(url, key)?
        }
        None => Target::local(&arguments.stack)?,
    };
    if scenario.needs_sandbox() && !target.has_sandbox() {
        let reason =
            "this scenario has faults or counts calls, which needs the sandbox of a local stack";
        return Err(Error::Usage(reason.to_owned()));
    }
    say(format_args!(
        "{}: {}",
        arguments.file.display(),
        scenario.description
    ));
    let started = clock::instant();
    let outcome = run::run(&target, &scenario).await?;
    let checks = verdict::judge(&outcome, &scenario.expect);
    for check in &checks {
        say(format_args!("  {}", line(check)));
    }
    say(format_args!("  {}", verdict::waited(&outcome)));
    let failed = checks.iter().filter(|check| !check.passed).count();
    let word = if failed == 0 { "PASS" } else { "FAIL" };
    let seconds = started.elapsed().as_secs();
    say(format_args!(
        "{word}: {} of {} checks passed, {seconds} s",
        checks.len() - failed,
        checks.len()
    ));
    Ok(failed == 0)
}

fn line(check: &Check) -> String {
    let Check {
        what,
        expected,
        seen,
        passed,
    } = check;
    if *passed {
        format!("ok    {what}: {seen}")
    } else {
        format!("FAIL  {what}: {seen}, expected {expected}")
    }
}
