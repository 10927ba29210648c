//! The domain: a social interaction as CXone's webhook brings it, and the one envelope in which
//! it crosses a queue.
//!
//! - [`payload`]: the webhook's body, read and validated.
//! - [`identity`]: which deliveries are the same interaction.
//! - [`envelope`]: what the queues carry, with its version.
//! - [`instant`]: timestamps, with or without an offset.
//! - [`json`]: how they are read, so that an error has its field's path and no input.
//!
//! No type here has a `Debug` that prints a customer's words, name or handle; none does I/O.

pub mod envelope;
pub mod identity;
pub mod instant;
pub mod json;
pub mod payload;

pub use envelope::{Accepted, Envelope, Routed};
pub use identity::{Digest, InteractionId};
pub use payload::{Attachment, Message, Payload, PayloadError, Profile};
