//! The webhook that brings interactions in.

use std::collections::BTreeMap;

use reqwest::Method;
use runtime::settings::SettingError;
use secrets::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use upstream::Failure;

use crate::access::AccessToken;
use crate::client::{Client, name_scope, path_setting, send};

/// The event that the webhook listens to.
const EVENT: &str = "social.interaction.created";

/// Sent with every delivery, as CXone's documentation has it.
const MARK: (&str, &str) = ("X-CXone-Webhook", "true");

/// Carries the signing secret, where deliveries are authenticated by a secret header.
const SECRET_HEADER: &str = "X-Webhook-Secret";

/// What is to be registered.
#[derive(Clone)]
pub struct Registration {
    pub name: String,
    pub url: String,
    /// Sent by CXone as `X-Webhook-Secret` with every delivery.
    pub secret: Option<SecretString>,
}

/// A webhook as CXone lists it.
#[derive(Clone, Deserialize)]
pub struct Webhook {
    pub id: String,
    pub name: String,
    pub url: String,
    #[serde(default)]
    pub headers: Option<BTreeMap<String, SecretString>>,
}

/// What came of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    Created {
        id: String,
    },
    Updated {
        id: String,
    },
    /// There is a webhook of this name already, and the API offers no way to find or change it.
    CheckByHand {
        warning: String,
    },
}

/// Makes calls to `/api/v2/webhooks`. All of them need the scope webhook:write.
pub struct Webhooks {
    client: Client,
    path: String,
}

impl Webhooks {
    pub fn new(client: Client, path: impl Into<String>) -> Self {
        Self {
            client,
            path: path.into(),
        }
    }

    /// Reads `CXONE_WEBHOOKS_PATH`.
    ///
    /// # Errors
    /// Names the setting that is missing or malformed.
    pub fn from_settings(client: Client) -> Result<Self, SettingError> {
        Ok(Self::new(client, path_setting("CXONE_WEBHOOKS_PATH")?))
    }

    /// Makes CXone deliver as `wanted` says. A webhook with the id `known` is changed in place; so
    /// is one that has the name already. There is no moment without a webhook.
    pub async fn register(
        &self,
        token: &AccessToken,
        wanted: &Registration,
        known: Option<&str>,
    ) -> Result<Registered, Failure> {
        if let Some(id) = known {
            match self.update(token, id, wanted).await {
                Ok(()) => return Ok(Registered::Updated { id: id.into() }),
                // It was deleted by hand, or the API can't change one: creating it finds out.
                Err(failure) if is_status(&failure, &[404, 405]) => {}
                Err(failure) => return Err(failure),
            }
        }
        match self.create(token, wanted).await {
            Ok(id) => Ok(Registered::Created { id }),
            Err(failure) if is_status(&failure, &[409]) => self.adopt(token, wanted).await,
            Err(failure) => Err(failure),
        }
    }

    /// Finds the webhook that is there already and brings it up to date.
    async fn adopt(
        &self,
        token: &AccessToken,
        wanted: &Registration,
    ) -> Result<Registered, Failure> {
        let by_hand = |what: &str| Registered::CheckByHand {
            warning: format!(
                "CXone has a webhook named {} already and {what}; check by hand that its URL is {} \
                 and its headers are as the README says",
                wanted.name, wanted.url
            ),
        };
        let found = match self.list(token).await {
            Ok(webhooks) => webhooks
                .into_iter()
                .find(|webhook| webhook.name == wanted.name),
            Err(failure) if is_status(&failure, &[404, 405]) => {
                return Ok(by_hand("its API can't list webhooks"));
            }
            Err(failure) => return Err(failure),
        };
        let Some(found) = found else {
            return Ok(by_hand("doesn't list it"));
        };
        match self.update(token, &found.id, wanted).await {
            Ok(()) => Ok(Registered::Updated { id: found.id }),
            Err(failure) if is_status(&failure, &[404, 405]) => {
                Ok(by_hand("its API can't change webhooks"))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Creates a webhook and gives its id.
    ///
    /// # Errors
    /// A `Failure` with the status 409 where there is one of this name.
    pub async fn create(
        &self,
        token: &AccessToken,
        wanted: &Registration,
    ) -> Result<String, Failure> {
        const CALL: &str = "POST /api/v2/webhooks";
        #[derive(Deserialize)]
        struct Created {
            id: String,
        }
        let call = self
            .client
            .request(Method::POST, &self.path, token)
            .json(&Body::of(wanted));
        let answer = send(CALL, call).await.map_err(lacks_scope)?;
        serde_json::from_slice(&answer.body)
            .map(|created: Created| created.id)
            .map_err(|_| upstream::unreadable(CALL, answer.status, "JSON with an id"))
    }

    /// All webhooks. Their headers hold secrets.
    pub async fn list(&self, token: &AccessToken) -> Result<Vec<Webhook>, Failure> {
        const CALL: &str = "GET /api/v2/webhooks";
        #[derive(Deserialize)]
        struct List {
            entities: Vec<Webhook>,
        }
        let call = self.client.request(Method::GET, &self.path, token);
        let answer = send(CALL, call).await.map_err(lacks_scope)?;
        serde_json::from_slice(&answer.body)
            .map(|list: List| list.entities)
            .map_err(|_| upstream::unreadable(CALL, answer.status, "a list of webhooks"))
    }

    /// Replaces a webhook in place.
    pub async fn update(
        &self,
        token: &AccessToken,
        id: &str,
        wanted: &Registration,
    ) -> Result<(), Failure> {
        let call = self
            .client
            .request(Method::PUT, &self.path_of(id), token)
            .json(&Body::of(wanted));
        let answer = send("PUT /api/v2/webhooks/{id}", call).await;
        answer.map(drop).map_err(lacks_scope)
    }

    /// Deletes a webhook; one that is gone already is a success.
    pub async fn delete(&self, token: &AccessToken, id: &str) -> Result<(), Failure> {
        let call = self
            .client
            .request(Method::DELETE, &self.path_of(id), token);
        match send("DELETE /api/v2/webhooks/{id}", call).await {
            Ok(_) => Ok(()),
            Err(failure) if is_status(&failure, &[404]) => Ok(()),
            Err(failure) => Err(lacks_scope(failure)),
        }
    }

    /// The id comes from outside: what could leave the path is escaped.
    fn path_of(&self, id: &str) -> String {
        use std::fmt::Write as _;
        let mut path = format!("{}/", self.path);
        for byte in id.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                path.push(byte.into());
            } else {
                write!(path, "%{byte:02X}").expect("writing to a string can't fail");
            }
        }
        path
    }
}

/// Whether the API answered with one of these.
fn is_status(failure: &Failure, statuses: &[u16]) -> bool {
    failure
        .reason()
        .status
        .is_some_and(|status| statuses.contains(&status))
}

fn lacks_scope(failure: Failure) -> Failure {
    name_scope(failure, "the CXone client lacks webhook:write")
}

#[derive(Serialize)]
struct Body<'a> {
    name: &'a str,
    url: &'a str,
    enabled: bool,
    event: &'static str,
    headers: BTreeMap<&'static str, &'a str>,
}

impl<'a> Body<'a> {
    fn of(wanted: &'a Registration) -> Self {
        let secret = wanted.secret.as_ref();
        Self {
            name: &wanted.name,
            url: &wanted.url,
            enabled: true,
            event: EVENT,
            headers: [MARK]
                .into_iter()
                .chain(secret.map(|secret| (SECRET_HEADER, secret.expose_secret())))
                .collect(),
        }
    }
}
