//! The social platforms' refresh endpoints: the tutorial's rotation, Facebook, Instagram and X.
//!
//! Facebook: <https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived>, errors
//! <https://developers.facebook.com/docs/graph-api/guides/error-handling>; Instagram:
//! <https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token>; X:
//! <https://docs.x.com/resources/fundamentals/authentication/oauth-2-0/authorization-code>.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{Answer, Call, Operation};
use crate::check::{Field, Refusal};
use crate::clock::rfc3339;
use crate::settings::Settings;
use crate::token::fresh_token;

const DAY: u64 = 86_400;

/// The tokens with which a platform begins; they are made known to the sandbox by the tests or the local stack.
///
/// No `Debug`: it holds tokens.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocialToken {
    pub access_token: String,
    /// X's refresh token, good for one use.
    #[serde(default)]
    pub refresh_token: Option<String>,
    /// What is left of the access token's life, in seconds.
    pub expires_in_seconds: u64,
    /// How long ago it was issued, in seconds.
    #[serde(default)]
    pub age_seconds: u64,
    /// Whether the tutorial's rotation kills the token that it rotates, and the family with a second use of it.
    #[serde(default)]
    pub single_use: bool,
}

/// What became of a platform's tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocialSummary {
    /// Tokens issued in exchange for an earlier one.
    pub rotations: usize,
    /// Uses of a single-use token that was used before.
    pub reuses: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Access,
    Refresh,
}

#[derive(Clone)]
struct Issued {
    platform: String,
    kind: Kind,
    family: usize,
    born_ms: u64,
    expires_ms: u64,
    single_use: bool,
    used: bool,
}

#[derive(Default)]
pub(crate) struct Social {
    tokens: HashMap<String, Issued>,
    in_order: Vec<String>,
    dead_families: HashSet<usize>,
    families: usize,
    summary: BTreeMap<String, SocialSummary>,
}

/// Why a token can't be exchanged.
enum Dead {
    Unknown,
    Expired,
    Revoked,
}

/// Meta's error body. 190 is a bad token, its subcode 463 an expired and 460 an invalidated one.
pub(crate) fn meta_error(status: u16, code: u16, subcode: Option<u16>, message: &str) -> Answer {
    let kind = if code == 190 || code == 1 || code == 101 {
        "OAuthException"
    } else {
        "GraphMethodException"
    };
    let mut error = json!({"message": message, "type": kind, "code": code, "fbtrace_id": "AsandboxTrace0000000000"});
    if let Some(subcode) = subcode {
        error["error_subcode"] = subcode.into();
    }
    if code == 2 || code == 4 {
        error["is_transient"] = true.into();
    }
    Answer::json(status, json!({"error": error}))
}

fn meta_dead(dead: &Dead) -> Answer {
    match dead {
        Dead::Unknown => meta_error(
            400,
            190,
            None,
            "Invalid OAuth access token - Cannot parse access token",
        ),
        Dead::Expired => meta_error(
            400,
            190,
            Some(463),
            "Error validating access token: Session has expired.",
        ),
        Dead::Revoked => meta_error(
            400,
            190,
            Some(460),
            "Error validating access token: The session has been invalidated.",
        ),
    }
}

fn oauth_error(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(
        status,
        json!({"error": error, "error_description": description}),
    )
}

impl Social {
    pub(crate) fn answer(&mut self, settings: &Settings, now_ms: u64, call: &Call) -> Answer {
        match &call.operation {
            Operation::RotateToken(platform) => self
                .rotate(settings, now_ms, platform, call)
                .unwrap_or_else(Answer::from),
            Operation::ExchangeFacebookToken => self.exchange_facebook(settings, now_ms, call),
            Operation::RefreshInstagramToken => self.refresh_instagram(settings, now_ms, call),
            _ => self.refresh_x(settings, now_ms, call),
        }
    }

    fn rotate(
        &mut self,
        settings: &Settings,
        now_ms: u64,
        platform: &str,
        call: &Call,
    ) -> Result<Answer, Refusal> {
        let body = Field::root(call.json()?);
        body.only(&["grant_type", "current_token"])?;
        if body.get("grant_type").text()? != "token_rotation" {
            return Ok(oauth_error(
                400,
                "unsupported_grant_type",
                "grant_type must be token_rotation",
            ));
        }
        let current = body.get("current_token").text()?;
        Ok(match self.take(platform, Kind::Access, current, now_ms) {
            Ok(old) => {
                let (token, expires_ms) =
                    self.issue(settings, &old, Kind::Access, 60 * DAY, now_ms);
                Answer::json(
                    200,
                    json!({"access_token": token, "expires_at": rfc3339(expires_ms)}),
                )
            }
            Err(Dead::Expired) => {
                oauth_error(401, "invalid_token", "the current token has expired")
            }
            Err(Dead::Revoked) => oauth_error(
                401,
                "invalid_token",
                "the current token was revoked or used before",
            ),
            Err(Dead::Unknown) => oauth_error(401, "invalid_token", "the current token is unknown"),
        })
    }

    fn exchange_facebook(&mut self, settings: &Settings, now_ms: u64, call: &Call) -> Answer {
        let param = |name: &str| call.query.get(name).map(String::as_str).unwrap_or_default();
        if param("grant_type") != "fb_exchange_token" {
            return meta_error(400, 1, None, "Invalid or missing grant_type parameter");
        }
        if param("client_id") != settings.social_client_id {
            return meta_error(
                400,
                101,
                None,
                "Error validating application. Invalid application ID.",
            );
        }
        if param("client_secret") != settings.social_client_secret {
            return meta_error(400, 1, None, "Error validating client secret.");
        }
        self.exchange_meta("facebook", settings, now_ms, param("fb_exchange_token"))
    }

    fn refresh_instagram(&mut self, settings: &Settings, now_ms: u64, call: &Call) -> Answer {
        let param = |name: &str| call.query.get(name).map(String::as_str).unwrap_or_default();
        if param("grant_type") != "ig_refresh_token" {
            return meta_error(400, 100, None, "Invalid or missing grant_type parameter");
        }
        let token = param("access_token");
        let age_ms = self
            .tokens
            .get(token)
            .map(|issued| now_ms.saturating_sub(issued.born_ms));
        if age_ms.is_some_and(|age_ms| age_ms < settings.instagram_min_age_seconds * 1000) {
            return meta_error(
                400,
                10,
                None,
                "The access token must be at least 24 hours old to be refreshed",
            );
        }
        self.exchange_meta("instagram", settings, now_ms, token)
    }

    fn exchange_meta(
        &mut self,
        platform: &str,
        settings: &Settings,
        now_ms: u64,
        token: &str,
    ) -> Answer {
        match self.take(platform, Kind::Access, token, now_ms) {
            Ok(old) => {
                let (token, expires_ms) =
                    self.issue(settings, &old, Kind::Access, 60 * DAY, now_ms);
                let expires_in = (expires_ms - now_ms) / 1000;
                Answer::json(
                    200,
                    json!({"access_token": token, "token_type": "bearer", "expires_in": expires_in}),
                )
            }
            Err(dead) => meta_dead(&dead),
        }
    }

    fn refresh_x(&mut self, settings: &Settings, now_ms: u64, call: &Call) -> Answer {
        let credentials = call.basic();
        let is_client = |(id, secret): (String, String)| {
            id == settings.social_client_id && secret == settings.social_client_secret
        };
        if !credentials.is_some_and(is_client) {
            return oauth_error(
                401,
                "unauthorized_client",
                "Missing valid authorization header",
            );
        }
        let Some(form) = call.form() else {
            return oauth_error(
                400,
                "invalid_request",
                "The content type must be application/x-www-form-urlencoded",
            );
        };
        if form.get("grant_type").map(String::as_str) != Some("refresh_token") {
            return oauth_error(
                400,
                "unsupported_grant_type",
                "grant_type must be refresh_token",
            );
        }
        let token = form
            .get("refresh_token")
            .map(String::as_str)
            .unwrap_or_default();
        match self.take("x", Kind::Refresh, token, now_ms) {
            Ok(old) => {
                let (access_token, expires_ms) =
                    self.issue(settings, &old, Kind::Access, 7200, now_ms);
                let (refresh_token, _) =
                    self.issue(settings, &old, Kind::Refresh, 180 * DAY, now_ms);
                Answer::json(
                    200,
                    json!({
                        "token_type": "bearer",
                        "expires_in": (expires_ms - now_ms) / 1000,
                        "access_token": access_token,
                        "scope": "tweet.read users.read offline.access",
                        "refresh_token": refresh_token,
                    }),
                )
            }
            Err(_) => oauth_error(
                400,
                "invalid_request",
                "Value passed for the token was invalid.",
            ),
        }
    }

    /// Takes a token in exchange. A single-use one is dead from here on; taken again, it kills its family.
    fn take(
        &mut self,
        platform: &str,
        kind: Kind,
        token: &str,
        now_ms: u64,
    ) -> Result<Issued, Dead> {
        let known = self
            .tokens
            .get_mut(token)
            .filter(|known| known.platform == platform && known.kind == kind);
        let known = known.ok_or(Dead::Unknown)?;
        if known.single_use && known.used {
            self.summary.entry(platform.to_owned()).or_default().reuses += 1;
            self.dead_families.insert(known.family);
            return Err(Dead::Revoked);
        }
        if self.dead_families.contains(&known.family) {
            return Err(Dead::Revoked);
        }
        if known.expires_ms <= now_ms {
            return Err(Dead::Expired);
        }
        known.used = true;
        Ok(known.clone())
    }

    fn issue(
        &mut self,
        settings: &Settings,
        old: &Issued,
        kind: Kind,
        ttl_seconds: u64,
        now_ms: u64,
    ) -> (String, u64) {
        let token = fresh_token(&old.platform);
        // The setting is the access token's life; a refresh token lives on.
        let set = settings
            .social_ttl_seconds
            .get(&old.platform)
            .filter(|_| kind == Kind::Access);
        let expires_ms = now_ms + set.copied().unwrap_or(ttl_seconds) * 1000;
        if kind == Kind::Access {
            self.summary
                .entry(old.platform.clone())
                .or_default()
                .rotations += 1;
        }
        let single_use = old.single_use && kind == old.kind;
        let issued = Issued {
            kind,
            born_ms: now_ms,
            expires_ms,
            used: false,
            single_use,
            ..old.clone()
        };
        self.add(token.clone(), issued);
        (token, expires_ms)
    }

    fn add(&mut self, token: String, issued: Issued) {
        self.in_order.push(token.clone());
        self.tokens.insert(token, issued);
    }

    /// Begins a platform anew: a new family of tokens.
    pub(crate) fn register(&mut self, platform: &str, token: SocialToken, now_ms: u64) {
        self.families += 1;
        self.summary.entry(platform.to_owned()).or_default();
        let access = Issued {
            platform: platform.to_owned(),
            kind: Kind::Access,
            family: self.families,
            born_ms: now_ms.saturating_sub(token.age_seconds * 1000),
            expires_ms: now_ms + token.expires_in_seconds * 1000,
            single_use: token.single_use,
            used: false,
        };
        if let Some(refresh_token) = token.refresh_token {
            let expires_ms = now_ms + 180 * DAY * 1000;
            self.add(
                refresh_token,
                Issued {
                    kind: Kind::Refresh,
                    single_use: true,
                    expires_ms,
                    ..access.clone()
                },
            );
        }
        self.add(token.access_token, access);
    }

    /// Revokes all tokens of a platform that exist now.
    pub(crate) fn revoke(&mut self, platform: &str) {
        let families = self
            .tokens
            .values()
            .filter(|issued| issued.platform == platform)
            .map(|issued| issued.family);
        self.dead_families.extend(families);
    }

    /// Whether the platform would serve a call with this access token, or take this refresh token.
    pub(crate) fn works(&self, platform: &str, token: &str, now_ms: u64) -> bool {
        self.tokens.get(token).is_some_and(|issued| {
            let spent = issued.used && issued.single_use;
            let dead = spent || self.dead_families.contains(&issued.family);
            issued.platform == platform && !dead && now_ms < issued.expires_ms
        })
    }

    pub(crate) fn issued(&self) -> &[String] {
        &self.in_order
    }

    pub(crate) fn summary(&self) -> BTreeMap<String, SocialSummary> {
        self.summary.clone()
    }
}
