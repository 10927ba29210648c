//! Is it CXone that sends?

use http::HeaderMap;
use interaction::InteractionId;
use jiff::Timestamp;
use secrets::{ExposeSecret as _, SecretCache, SecretError, SigningSecret};
use signature::{Claim, ID_HEADER, Refusal, Scheme};

use crate::problem::Problem;

/// Proves the sender against the secrets that are accepted at the moment.
///
/// A claim that they don't bear out may be made with one that is newer than the cache, so the
/// secret is read again, at most once a second, before the sender is refused.
pub async fn prove(
    scheme: Scheme,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
    cache: &SecretCache,
    secret: &str,
) -> Result<(), Problem> {
    let header = |name: &str| headers.get(name).map(http::HeaderValue::as_bytes);
    let claim = scheme.claim(header, now).map_err(Problem::Unauthorized)?;
    if borne_out(&claim, body, cache, secret).await? {
        return Ok(());
    }
    // Whether or not this call is the one that may read it again: another may just have done so.
    cache.invalidate(secret).await;
    if borne_out(&claim, body, cache, secret).await? {
        return Ok(());
    }
    Err(Problem::Unauthorized(Refusal::Mismatch))
}

async fn borne_out(
    claim: &Claim<'_>,
    body: &[u8],
    cache: &SecretCache,
    secret: &str,
) -> Result<bool, Problem> {
    let unavailable = |error: SecretError| {
        tracing::error!(%error, "no sender can be proved");
        Problem::SecretUnavailable
    };
    let value = cache.get(secret).await.map_err(unavailable)?;
    let signing = SigningSecret::parse(secret, value.value.expose_secret()).map_err(unavailable)?;
    let mut accepted = signing.accepted();
    Ok(accepted.any(|secret| claim.proves(secret.expose_secret(), body)))
}

/// The sender's own id for the event, where what was proved covers it. One that can't be an
/// interaction's id is passed over: the interaction has then the identity of its content, which
/// is better than to lose it.
pub fn own_id(scheme: Scheme, headers: &HeaderMap) -> Option<InteractionId> {
    if !scheme.covers_id() {
        return None;
    }
    let id = headers.get(ID_HEADER)?.to_str().ok()?;
    InteractionId::new(id).ok()
}
