//! Telling a ticketing system about routed interactions.
//!
//! - [`mark`]: the identity of a message, so that a thread's growing history is told once.
//! - [`thread`]: what a thread has told, which interaction is next, what it has to tell.
//! - [`update`]: one interaction's news, as every dialect tells it.
//! - [`exchange`]: the seam: a [`Dialect`] turns news into requests and reads the answers, without
//!   I/O. Behind it: the tutorial's `sync`, its batch form, `zendesk`.
//! - `advice`: what to fix when the system refuses.
//! - [`client`]: the one part with I/O; it adds address and credential and carries an exchange.

mod advice;
mod batch;
pub mod client;
pub mod exchange;
pub mod mark;
mod sync;
pub mod thread;
pub mod update;
mod zendesk;

pub use client::{Client, Credential, Slots};
pub use exchange::{Call, Dialect, Outcome, Told};
pub use thread::{Ending, Fate, Thread};
pub use update::{Arrival, Plan, Update};
