//! Delivery: every accepted interaction reaches its upstream once, however often a queue brings
//! it, a function dies or the upstream fails.
//!
//! One implementation serves routing and ticketing; what differs is the [`Stage`]: whom to call
//! and with what. A stage's crate builds its call, this one decides when, how often and whether.

mod admission;
mod batch;
mod breaker;
mod call;
mod follow_up;
mod gate;
pub mod item;
mod ledger;
mod limiter;
mod message;
pub mod millis;
mod outbox;
mod queue;
pub mod redrive;
mod report;
mod settings;
mod stage;
pub mod store;

pub use admission::Permit;
pub use batch::Delivery;
pub use follow_up::after_routing;
pub use item::State;
pub use settings::Settings;
pub use stage::{Done, Hold, Names, Stage, Unit};
