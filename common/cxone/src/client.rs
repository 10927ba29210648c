//! The calls to CXone.

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use runtime::clock;
use runtime::settings::{self, SettingError};
use secrets::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use upstream::Failure;

use crate::access::AccessToken;

/// The longest answer that is read; CXone's are far shorter.
const LONGEST_ANSWER: usize = 1 << 20;

/// How long a token lives whose answer doesn't say, as CXone documents.
const DEFAULT_LIFE: SignedDuration = SignedDuration::from_hours(2);

/// `{"client_id","client_secret"}`, as the secret of the client's credentials holds it.
#[derive(Deserialize)]
pub struct ClientCredentials {
    pub client_id: SecretString,
    pub client_secret: SecretString,
}

/// Makes calls to one CXone environment. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    token_path: String,
}

/// A success: status and body.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

impl Client {
    /// `base_url` without a path, such as `https://api.example.com`.
    pub fn new(http: reqwest::Client, base_url: &str, token_path: impl Into<String>) -> Self {
        Self {
            http,
            base_url: base_url.trim_end_matches('/').to_owned(),
            token_path: token_path.into(),
        }
    }

    /// Reads `CXONE_BASE_URL` and `CXONE_TOKEN_PATH`.
    ///
    /// # Errors
    /// Names the setting that is missing or malformed.
    pub fn from_settings(http: reqwest::Client) -> Result<Self, SettingError> {
        const BASE_URL: &str = "CXONE_BASE_URL";
        let base_url = settings::required(BASE_URL)?;
        let web = |url: &reqwest::Url| matches!(url.scheme(), "http" | "https");
        if !reqwest::Url::parse(&base_url).is_ok_and(|url| web(&url)) {
            let reason = "it must be a URL such as https://api.example.com";
            return Err(settings::malformed(BASE_URL, &reason));
        }
        Ok(Self::new(
            http,
            &base_url,
            path_setting("CXONE_TOKEN_PATH")?,
        ))
    }

    /// Mints an access token with the client's credentials.
    ///
    /// # Errors
    /// [`Failure::Credentials`] where CXone refuses them (400, 401, 403); else what the answer
    /// means.
    pub async fn mint(&self, credentials: &ClientCredentials) -> Result<AccessToken, Failure> {
        const CALL: &str = "POST /oauth/token";
        #[derive(Deserialize)]
        struct Minted {
            access_token: String,
            expires_in: Option<f64>,
        }
        let issued_at = clock::now();
        let call = self
            .http
            .post(self.url(&self.token_path))
            .basic_auth(
                credentials.client_id.expose_secret(),
                Some(credentials.client_secret.expose_secret()),
            )
            .form(&[("grant_type", "client_credentials")]);
        let answer = send(CALL, call).await.map_err(|failure| {
            match failure.reason().status {
                // RFC 6749, 5.2: 400 is how OAuth says that the client is refused.
                Some(400 | 401 | 403) => Failure::Credentials {
                    reason: failure.reason().clone(),
                }
                .because("CXone refuses the client id or the client secret"),
                _ => failure,
            }
        })?;
        let unreadable = || upstream::unreadable(CALL, answer.status, "JSON with an access_token");
        let minted: Minted = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
        if minted.access_token.is_empty() {
            return Err(unreadable());
        }
        Ok(AccessToken::new(
            minted.access_token.into(),
            issued_at,
            expiry(issued_at, minted.expires_in),
        ))
    }

    /// A call with the access token.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        token: &AccessToken,
    ) -> RequestBuilder {
        self.http
            .request(method, self.url(path))
            .bearer_auth(token.value().expose_secret())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }
}

/// Reads a setting that holds a path, which begins with a slash.
///
/// # Errors
/// Names the setting that is missing or malformed.
pub fn path_setting(name: &'static str) -> Result<String, SettingError> {
    let path = settings::required(name)?;
    if path.starts_with('/') {
        Ok(path)
    } else {
        Err(settings::malformed(name, &"it must begin with a slash"))
    }
}

/// Makes a call and reads its answer, which is a success or a [`Failure`].
pub(crate) async fn send(call: &'static str, request: RequestBuilder) -> Result<Answer, Failure> {
    let mut response = request
        .send()
        .await
        .map_err(|error| upstream::transport(call, &error))?;
    let status = response.status();
    if !status.is_success() {
        let headers: &HeaderMap = response.headers();
        return Err(upstream::classify(call, status, headers, clock::now()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| upstream::transport(call, &error))?
    {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_ANSWER {
            return Err(upstream::unreadable(
                call,
                status,
                "short enough to be read",
            ));
        }
    }
    Ok(Answer { status, body })
}

/// A 403 means that a scope is missing; the failure says which.
pub(crate) fn name_scope(failure: Failure, missing: &str) -> Failure {
    if matches!(failure, Failure::Forbidden { .. }) {
        failure.because(missing)
    } else {
        failure
    }
}

/// When a token runs out. A life that is missing, not positive or absurd is taken as the default.
fn expiry(issued_at: Timestamp, expires_in: Option<f64>) -> Timestamp {
    let a_year = 366.0 * 24.0 * 3600.0;
    let life = expires_in
        .filter(|seconds| *seconds > 0.0 && *seconds <= a_year)
        .and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok())
        .unwrap_or(DEFAULT_LIFE);
    issued_at + life
}
