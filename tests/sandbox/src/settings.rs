//! How the played systems behave, changeable while they run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The systems' behaviour. `PUT /_sandbox/settings` takes any subset of these fields.
///
/// No `Debug`: it holds secrets, if only the sandbox's own.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// CXone's client id, the user of HTTP Basic at `/oauth/token`.
    pub client_id: String,
    /// CXone's client secret.
    pub client_secret: String,
    /// Scopes granted to the client. A scope taken away is missing at once, one added comes with the next token.
    pub scopes: Vec<String>,
    /// Life of the CXone tokens minted from now on, in seconds.
    pub token_ttl_seconds: u64,
    /// Leave `expires_in` out of the token's answer.
    pub omit_expires_in: bool,
    /// Whether `POST /api/v2/routing/tasks` honours `Idempotency-Key`.
    pub honour_idempotency_key: bool,
    /// Answer `GET /api/v2/webhooks` with this status (404 or 405), as an API that doesn't offer it.
    pub webhooks_list_status: Option<u16>,
    /// The same for `PUT /api/v2/webhooks/{id}`.
    pub webhooks_update_status: Option<u16>,
    /// What ticketing demands as `Authorization: Bearer`; Zendesk also takes it as the password of HTTP Basic.
    pub ticketing_token: Option<String>,
    /// Whether the ticketing system's sync and batch honour idempotency keys.
    pub ticketing_honours_idempotency_key: bool,
    /// Client id at Facebook (query) and X (HTTP Basic).
    pub social_client_id: String,
    /// Client secret at Facebook and X.
    pub social_client_secret: String,
    /// Life of the tokens issued from now on, in seconds by platform, in place of the platform's own.
    pub social_ttl_seconds: BTreeMap<String, u64>,
    /// How old an Instagram token must be to be refreshed, in seconds.
    pub instagram_min_age_seconds: u64,
    /// Seed of the faults' draws.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            client_id: "sandbox-client".to_owned(),
            client_secret: "sandbox-client-secret".to_owned(),
            scopes: [
                "webhook:write",
                "task:write",
                "routing:write",
                "social:read",
            ]
            .map(str::to_owned)
            .to_vec(),
            token_ttl_seconds: 7200,
            omit_expires_in: false,
            honour_idempotency_key: true,
            webhooks_list_status: None,
            webhooks_update_status: None,
            ticketing_token: None,
            ticketing_honours_idempotency_key: true,
            social_client_id: "sandbox-app".to_owned(),
            social_client_secret: "sandbox-app-secret".to_owned(),
            social_ttl_seconds: BTreeMap::new(),
            instagram_min_age_seconds: 86_400,
            seed: 0,
        }
    }
}

impl Settings {
    /// These settings with the patch's fields in place of their own; an error names what is wrong.
    pub(crate) fn patched(
        &self,
        patch: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Self, String> {
        let mut value = serde_json::to_value(self).map_err(|error| error.to_string())?;
        if let Some(fields) = value.as_object_mut() {
            fields.extend(patch);
        }
        serde_json::from_value(value).map_err(|error| error.to_string())
    }
}
