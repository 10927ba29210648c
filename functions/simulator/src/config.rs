//! The simulator's settings.

use rules::Scorer;
use runtime::settings::{self, SettingError};
use signature::Scheme;

pub struct Config {
    /// The own webhook; nothing is sent anywhere else.
    pub webhook_url: String,
    pub webhook_auth: Scheme,
    pub signing_secret: String,
    pub key_secret: String,
    pub table: String,
    /// Name for people, and URL.
    pub queues: Vec<(&'static str, String)>,
    pub rules_parameter: String,
    pub scorer: Scorer,
    pub detect_language: bool,
    pub sla_threshold_ms: u32,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// Names the setting that is missing or malformed.
    pub fn from_env() -> Result<Self, SettingError> {
        let detect_language = match settings::required("LANGUAGE_RULE")?.as_str() {
            "on" => true,
            "off" => false,
            _ => return Err(settings::malformed("LANGUAGE_RULE", &"must be on or off")),
        };
        Ok(Self {
            webhook_url: settings::required("WEBHOOK_URL")?,
            webhook_auth: settings::parsed("WEBHOOK_AUTH")?,
            signing_secret: settings::required("SIGNING_SECRET_ARN")?,
            key_secret: settings::required("SIMULATOR_KEY_ARN")?,
            table: settings::required("LEDGER_TABLE")?,
            queues: vec![
                ("routing", settings::required("ROUTING_QUEUE_URL")?),
                (
                    "routing, dead letters",
                    settings::required("ROUTING_DLQ_URL")?,
                ),
                ("ticketing", settings::required("TICKETING_QUEUE_URL")?),
                (
                    "ticketing, dead letters",
                    settings::required("TICKETING_DLQ_URL")?,
                ),
            ],
            rules_parameter: settings::required("RULES_PARAMETER")?,
            scorer: settings::parsed("SCORER")?,
            detect_language,
            sla_threshold_ms: settings::within("SLA_THRESHOLD_MILLISECONDS", 1, u32::MAX)?,
        })
    }
}
