//! The configuration that every AWS client is built from.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// The longest that one try of an AWS call may take. The SDK itself has no limit, and a call that
/// hangs would run its function into the time-out, which sends a whole batch back.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// Reads region and credentials from the environment, as Lambda sets them.
pub async fn config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .load()
        .await
}
