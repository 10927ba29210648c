//! The crate through its public face: bodies in, payloads and envelopes out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any;
mod envelope;
mod identity;
mod payload;
