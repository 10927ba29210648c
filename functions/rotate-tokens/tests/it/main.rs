//! Rotations against the emulated Secrets Manager and DynamoDB, and the sandbox's providers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crashes;
mod platforms;
mod providers;
mod signing;
mod storing;
mod world;
