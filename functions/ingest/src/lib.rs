//! The webhook's endpoint: it takes what CXone sent, queues it, and only then says 202.
//!
//! A request goes through these in order, and nothing else is in its path:
//!
//! - [`request`]: method, content type, size, and the raw bytes of the body (405, 415, 413);
//! - [`sender`]: is it CXone? One of three schemes, against the secret from the cache (401, 503);
//! - the payload and its identity, in the crate `interaction` (400);
//! - [`queue`]: the message and its attributes, sent to SQS (503).
//!
//! [`problem`] holds the answers that aren't 202, and [`trace`] the trace id that a message
//! carries on. [`handler`] puts them together.

mod config;
mod handler;
pub mod problem;
pub mod queue;
pub mod request;
mod sender;
pub mod trace;

pub use config::{Config, FairQueueGroup};
pub use handler::Ingest;
