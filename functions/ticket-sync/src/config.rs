//! The function's settings, besides those of delivery.

use std::time::Duration;

use runtime::settings::{self, SettingError};
use ticketing::Dialect;

/// How long the credential is served from memory. A 401 has it read again at once.
const CREDENTIAL_LIFE: Duration = Duration::from_mins(5);

pub struct Config {
    /// The ticketing system's address; its path, where it has one, without a slash at the end.
    pub url: String,
    pub dialect: Dialect,
    /// The secret with the credential; without it none is sent.
    pub credential_arn: Option<String>,
    pub credential_life: Duration,
    pub table: String,
    /// After so many days of silence a thread is forgotten. What it told is told anew where a
    /// webhook repeats it after that.
    pub thread_days: i64,
    pub call_timeout: Duration,
}

impl Config {
    /// Settings: `TICKETING_URL`, `TICKETING_DIALECT` (`sync`, `sync-batch`, `zendesk`),
    /// `TICKETING_CREDENTIAL_ARN` (optional), `THREAD_DAYS`, `LEDGER_TABLE`,
    /// `CALL_TIMEOUT_SECONDS`.
    ///
    /// # Errors
    /// When one is missing or malformed.
    pub fn from_env() -> Result<Self, SettingError> {
        Ok(Self {
            url: settings::required("TICKETING_URL")?,
            dialect: settings::parsed("TICKETING_DIALECT")?,
            credential_arn: settings::optional("TICKETING_CREDENTIAL_ARN")?,
            credential_life: CREDENTIAL_LIFE,
            table: settings::required("LEDGER_TABLE")?,
            thread_days: settings::within("THREAD_DAYS", 1, 3650)?,
            call_timeout: Duration::from_secs(settings::within("CALL_TIMEOUT_SECONDS", 1, 30)?),
        })
    }
}
