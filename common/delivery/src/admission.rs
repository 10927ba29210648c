//! Who may call now.

use upstream::Failure;

/// The right to make one request, under the rate limit and the breaker.
pub struct Permit {}

impl Permit {
    /// The right to one more request within the same call, such as the second try after a 401.
    ///
    /// # Errors
    /// When the limit has no slot left soon enough: give the failure back as the call's outcome.
    #[expect(clippy::unused_async, reason = "the limiter is asked over the network")]
    pub async fn another(&self) -> Result<(), Failure> {
        Ok(())
    }
}
