//! CXone's client against the sandbox, and the shared access token against the emulated Secrets
//! Manager and DynamoDB.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod dialects;
mod tasks;
mod world;
