//! `make send`: one message through the running stack's simulator.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde_json::{Value, json};
use stack::error::{Error, Result};
use stack::package::Project;

use crate::summary;

/// What of `stack.json` is needed to send.
#[derive(Deserialize)]
struct Simulator {
    simulator_url: String,
    simulator_headers: BTreeMap<String, String>,
}

/// Sends `text`, or the tutorial's message, and prints the interaction's id.
pub async fn send(project: &Project, text: Option<&str>) -> Result<()> {
    let path = project.local.join(summary::FILE);
    let stack = fs::read(&path)
        .map_err(|_| Error::Usage("no local stack is running: `make run` starts one".to_owned()))?;
    let stack: Simulator =
        serde_json::from_slice(&stack).map_err(|error| Error::file(&path)(error.into()))?;
    let failed =
        |error: reqwest::Error| Error::Usage(format!("the simulator can't be asked: {error}"));
    let request = reqwest::Client::new().post(format!("{}/send", stack.simulator_url));
    let request = stack
        .simulator_headers
        .iter()
        .fold(request, |request, (name, value)| {
            request.header(name, value)
        });
    let body = text.map_or_else(|| json!({}), |text| json!({"text": text}));
    let answer = request.json(&body).send().await.map_err(failed)?;
    let status = answer.status();
    let answer: Value = answer.json().await.map_err(failed)?;
    if !status.is_success() {
        return Err(Error::Usage(format!(
            "the simulator answered {status}: {answer}"
        )));
    }
    println!(
        "{}",
        serde_json::to_string_pretty(&answer).map_err(|error| Error::file(&path)(error.into()))?
    );
    Ok(())
}
