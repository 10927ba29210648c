//! What the functions say about themselves: log lines and metrics, both JSON on stdout.
//!
//! - [`init`] sets up the log: one line a thing that happened.
//! - [`Metrics`] builds one line in CloudWatch's embedded metric format; [`names`] is the
//!   catalogue of all metrics.
//!
//! A log line has flat fields, the same in every function:
//!
//! | field | meaning |
//! |---|---|
//! | `interaction` | the interaction's id, the same from webhook to ticket |
//! | `stage` | `ingest`, `routing`, `ticketing`, … |
//! | `attempt` | the calls made so far, this one included |
//! | `outcome` | `accepted`, `routed`, `synced`, `waiting`, `parked`, … |
//! | `latency_ms` | what the customer waited for this outcome |
//!
//! The ordinary outcomes carry no `message`: the fields say it all, and a log is paid by the byte.
//! Three lines an interaction (accepted, routed, synced) and its share of the metrics are some
//! 0.7 KB (`make cost` measures it). A failure is logged once, where it is handled, as a warning, or as an error where a
//! person must act. No line holds a secret or a customer's words, name or handle.

mod logs;
mod metrics;
pub mod names;

pub use logs::init;
pub use metrics::Metrics;
