//! The social platforms' first tokens, as an operator would store them.

use sandbox::Sandbox;
use stack::deployment::Deployment;
use stack::error::Result;

pub async fn platforms(_deployment: &Deployment, _sandbox: &Sandbox, _refresh_url: Option<&str>) -> Result<()> {
    Ok(())
}
