//! What the caller of `make run` set. Make hands its variables on in the environment, where a
//! secret doesn't show in the list of processes.

use std::path::PathBuf;

use runtime::settings::{SettingError, optional};
use stack::deployment::Parameters;
use stack::error::{Error, Result};

const DEFAULT_PORT: u16 = 4566;

pub struct Settings {
    /// Where the emulated AWS listens, and with it the webhook.
    pub port: u16,
    /// Return once everything is up.
    pub detach: bool,
    /// Upstreams to use in place of the sandbox.
    pub cxone_base_url: Option<String>,
    pub ticketing_url: Option<String>,
    pub social_refresh_url: Option<String>,
    pub cxone_client_id: Option<String>,
    pub cxone_client_secret: Option<String>,
    /// Further parameters of the template, as `Name=value` with spaces between.
    pub parameters: Parameters,
}

impl Settings {
    pub fn from_env() -> Result<Self> {
        let settings = Self::read().map_err(|error| Error::Usage(error.to_string()))?;
        let outside = settings.cxone_base_url.is_some();
        if outside && (settings.cxone_client_id.is_none() || settings.cxone_client_secret.is_none())
        {
            return Err(Error::Usage(
                "with CXONE_BASE_URL, CXONE_CLIENT_ID and CXONE_CLIENT_SECRET are needed as well"
                    .to_owned(),
            ));
        }
        Ok(settings)
    }

    fn read() -> std::result::Result<Self, SettingError> {
        let port = optional("PORT")?.map_or(Ok(DEFAULT_PORT), |port| port.parse());
        let parameters = optional("PARAMETERS")?.unwrap_or_default();
        let parameter = |text: &str| {
            let (name, value) = text
                .split_once('=')
                .ok_or_else(|| malformed("PARAMETERS", "write Name=value Name=value"))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        Ok(Self {
            port: port.map_err(|_| malformed("PORT", "it must be a number up to 65535"))?,
            detach: optional("DETACH")?.is_some_and(|detach| detach != "0"),
            cxone_base_url: optional("CXONE_BASE_URL")?,
            ticketing_url: optional("TICKETING_URL")?,
            social_refresh_url: optional("SOCIAL_REFRESH_URL")?,
            cxone_client_id: optional("CXONE_CLIENT_ID")?,
            cxone_client_secret: optional("CXONE_CLIENT_SECRET")?,
            parameters: parameters
                .split_whitespace()
                .map(parameter)
                .collect::<std::result::Result<_, _>>()?,
        })
    }
}

/// Another folder than `target/local` for the stack's files, so that a second stack can run.
pub fn dir() -> Result<Option<PathBuf>> {
    let dir = optional("STACK_DIR").map_err(|error| Error::Usage(error.to_string()))?;
    Ok(dir.map(PathBuf::from))
}

/// What `make send` sends.
pub fn text() -> Result<Option<String>> {
    optional("TEXT").map_err(|error| Error::Usage(error.to_string()))
}

fn malformed(name: &'static str, reason: &'static str) -> SettingError {
    runtime::settings::malformed(name, &reason)
}
