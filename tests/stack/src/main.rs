//! `make run`, `make send` and `make stop`.
//!
//! - [`settings`]: what the caller set, from the environment.
//! - [`run`]: brings everything up, writes `stack.json`, then [`follow`]s the interactions.
//! - [`control`]: one stack at a time; detached start and stop.
//! - [`seed`]: the platforms' first tokens. [`send`]: one message to a running stack.
//! - [`summary`]: `stack.json` and what is printed.

mod control;
mod follow;
mod run;
mod seed;
mod send;
mod settings;
mod summary;

use std::process::ExitCode;

use stack::error::{Error, Result};
use stack::package::Project;

use crate::settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    match command(std::env::args().nth(1).as_deref()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stack: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn command(name: Option<&str>) -> Result<()> {
    let mut project = Project::locate()?;
    if let Some(dir) = settings::dir()? {
        project.local = dir;
    }
    match name {
        Some("run") => {
            let settings = Settings::from_env()?;
            if settings.detach {
                control::start_detached(&project).await
            } else {
                run::run(&project, &settings, false).await
            }
        }
        // What a detached `run` starts.
        Some("serve") => run::run(&project, &Settings::from_env()?, true).await,
        Some("send") => send::send(&project, settings::text()?.as_deref()).await,
        Some("stop") => control::stop(&project).await,
        _ => Err(Error::Usage(
            "say `stack run`, `stack send` or `stack stop`; README.md lists what `make run` takes"
                .to_owned(),
        )),
    }
}
