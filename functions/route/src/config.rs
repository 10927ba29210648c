//! The function's settings, besides those of delivery and of the CXone client.

use std::fmt::Display;

use runtime::settings::{SettingError, malformed, parsed, required};

pub struct Config {
    pub ticketing_queue_url: String,
    /// The name of the parameter with the operator's rules.
    pub rules_parameter: String,
    /// What a platform's name is put after to make its secret's name.
    pub social_secret_prefix: String,
    pub decisions: rules::Settings,
}

impl Config {
    /// Settings: `TICKETING_QUEUE_URL`, `RULES_PARAMETER`, `SOCIAL_SECRET_PREFIX`, `SCORER`
    /// (`vader`, `support`), `LANGUAGE_RULE` (`on`, `off`).
    ///
    /// # Errors
    /// When one is missing or malformed.
    pub fn from_env() -> Result<Self, SettingError> {
        const LANGUAGE_RULE: &str = "LANGUAGE_RULE";
        let detect_language = match required(LANGUAGE_RULE)?.as_str() {
            "on" => true,
            "off" => false,
            _ => {
                return Err(malformed(
                    LANGUAGE_RULE,
                    &"it must be on or off" as &dyn Display,
                ));
            }
        };
        Ok(Self {
            ticketing_queue_url: required("TICKETING_QUEUE_URL")?,
            rules_parameter: required("RULES_PARAMETER")?,
            social_secret_prefix: required("SOCIAL_SECRET_PREFIX")?,
            decisions: rules::Settings {
                scorer: parsed("SCORER")?,
                detect_language,
            },
        })
    }
}
