//! Delivery: every accepted interaction reaches its upstream once, however often a queue brings
//! it, a function dies or the upstream fails.
//!
//! One implementation serves routing and ticketing; what differs is the [`Stage`]: whom to call
//! and with what. A stage's crate builds its call, this one decides when, how often and whether.

pub mod admission;
pub mod stage;

pub use admission::Permit;
pub use stage::{Done, Hold, Names, Stage, Unit};
