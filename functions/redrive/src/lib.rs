//! Sends dead letters back to their queue, or parks them: the settings of
//! [`delivery::redrive`], which does the work.

use std::time::Duration;

use delivery::redrive::{Lane, Policy};
use runtime::settings::{SettingError, required, within};

pub struct Config {
    pub table: String,
    pub policy: Policy,
    pub lanes: Vec<Lane>,
}

impl Config {
    /// Settings: `LEDGER_TABLE`, `MAX_ATTEMPTS`, `MAX_REDRIVES`, `REDRIVE_DELAY_SECONDS`, and of
    /// `ROUTING` and `TICKETING` each `…_QUEUE_URL`, `…_DLQ_URL`, `…_DLQ_ARN`.
    ///
    /// # Errors
    /// When one is missing or malformed.
    pub fn from_env() -> Result<Self, SettingError> {
        let ticketing_queue_url = required("TICKETING_QUEUE_URL")?;
        Ok(Self {
            table: required("LEDGER_TABLE")?,
            policy: Policy {
                max_attempts: within("MAX_ATTEMPTS", 1, 1_000)?,
                max_redrives: within("MAX_REDRIVES", 0, 1_000)?,
                delay: Duration::from_secs(within("REDRIVE_DELAY_SECONDS", 1, 900)?),
            },
            lanes: vec![
                Lane {
                    stage: "routing",
                    upstream: "cxone",
                    queue_url: required("ROUTING_QUEUE_URL")?,
                    dead_letter_url: required("ROUTING_DLQ_URL")?,
                    dead_letter_arn: required("ROUTING_DLQ_ARN")?,
                    next_queue_url: Some(ticketing_queue_url.clone()),
                },
                Lane {
                    stage: "ticketing",
                    upstream: "ticketing",
                    queue_url: ticketing_queue_url,
                    dead_letter_url: required("TICKETING_DLQ_URL")?,
                    dead_letter_arn: required("TICKETING_DLQ_ARN")?,
                    next_queue_url: None,
                },
            ],
        })
    }
}
