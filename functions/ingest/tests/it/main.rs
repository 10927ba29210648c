//! The real handler with the gateway's real events, against servers that speak the wire of SQS
//! and Secrets Manager.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod aws;
mod gateway;
mod hostile;
mod proof;
mod queueing;
mod statuses;
mod table;
