//! What an operator would put into a fresh stack: the social platforms' first tokens. And a
//! simulator's key that is easy to type, since the stack listens on this machine only.

use aws_sdk_secretsmanager::Client;
use jiff::{SignedDuration, Timestamp};
use runtime::clock;
use sandbox::{Sandbox, SocialToken};
use serde_json::json;
use stack::deployment::Deployment;
use stack::error::{Error, Result};
use tokens::TokenLedger;

pub const SIMULATOR_KEY: &str = "local-simulator-key";

const PLATFORMS: [&str; 3] = ["facebook", "instagram", "x"];

/// The life of a platform's token in the tutorial.
const LIFE: SignedDuration = SignedDuration::from_hours(59 * 24);

pub async fn simulator_key(deployment: &Deployment) -> Result<()> {
    let put = Client::new(&deployment.sdk)
        .put_secret_value()
        .secret_id(deployment.physical("SimulatorKey"));
    put.secret_string(SIMULATOR_KEY)
        .send()
        .await
        .map(drop)
        .map_err(Error::sdk("PutSecretValue"))
}

/// Adds the platforms, each with a token that the sandbox knows. They are refreshed at
/// `refresh_url`, or by the sandbox where there is none.
pub async fn platforms(
    deployment: &Deployment,
    sandbox: &Sandbox,
    refresh_url: Option<&str>,
) -> Result<()> {
    let secrets = Client::new(&deployment.sdk);
    let dynamo = aws_sdk_dynamodb::Client::new(&deployment.sdk);
    let ledger = TokenLedger::new(dynamo, deployment.physical("LedgerTable"));
    let prefix = format!("{}/social/", deployment.stack);
    let now = clock::now();
    for platform in PLATFORMS {
        let access_token = format!("{platform}-first-token");
        sandbox.register_social(platform, first_token(access_token.clone()));
        let endpoint = refresh_url.map_or_else(
            || format!("{}/social/{platform}/rotate", sandbox.url),
            str::to_owned,
        );
        let secret = secret(&access_token, &endpoint, now).into();
        let added = platforms::add(&secrets, &ledger, &prefix, platform, &secret, now);
        added.await.map_err(|error| {
            Error::Usage(format!("the platform {platform} can't be added: {error}"))
        })?;
    }
    Ok(())
}

fn secret(access_token: &str, endpoint: &str, now: Timestamp) -> String {
    json!({
        "provider": "token_rotation",
        "access_token": access_token,
        "issued_at": now,
        "expires_at": now + LIFE,
        "refresh_endpoint": endpoint,
    })
    .to_string()
}

fn first_token(access_token: String) -> SocialToken {
    SocialToken {
        access_token,
        refresh_token: None,
        expires_in_seconds: LIFE.as_secs().unsigned_abs(),
        age_seconds: 0,
        single_use: false,
    }
}
