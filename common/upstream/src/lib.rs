//! What an upstream's answer means, decided once, where its status is still known.
//!
//! - [`failure`]: [`Failure`], whose variant is the decision, and how an answer or a broken
//!   connection becomes one.
//! - [`retry_after`](retry_after()): the `Retry-After` header in both of its forms.
//! - [`full_jitter`]: how long to wait where the upstream doesn't say.
//!
//! Nothing here does I/O, reads a clock or throws dice: time and randomness are arguments.

mod backoff;
mod failure;
mod retry_after;

pub use backoff::full_jitter;
pub use failure::{Failure, Reason, classify, transport, unreadable};
pub use retry_after::{LONGEST_RETRY_AFTER, retry_after};
