//! Delivery: every accepted interaction reaches its upstream once, however often a queue brings
//! it, a function dies or the upstream fails.
//!
//! One implementation serves routing and ticketing; what differs is the [`Stage`]: whom to call
//! and with what. A stage's crate builds its call, this one decides when, how often and whether.
//!
//! Decisions are pure, each in a file with its properties; what reads and writes is apart:
//!
//! | decides | does |
//! |---|---|
//! | `item`: the states of an interaction, and every change between them | `store`: compare and swap; `ledger`: claims, outcomes, parking |
//! | `limiter`, `breaker`, and `gate`, which joins them | `admission`: one gate for all functions |
//! | `queue`: how long to hide, where to cut batches | `queue`: sending and hiding; `outbox`: follow-ups |
//! | `redrive::policy`: what becomes of a dead letter | `redrive`: the function `redrive` |
//! | `settings`: what goes together | `batch`: one invocation, `invocation`: what its parts share; `call`: one call in it, `outcome`: what came of it; `report`: what it says |
//!
//! [`parked`] is for the operator's tool.

mod admission;
mod batch;
mod breaker;
mod call;
mod follow_up;
mod gate;
pub mod invocation;
mod item;
mod ledger;
mod limiter;
mod message;
pub mod millis;
mod outbox;
mod outcome;
pub mod parked;
mod queue;
pub mod redrive;
mod report;
mod settings;
mod stage;
pub mod store;

pub use admission::Permit;
pub use batch::Delivery;
pub use breaker::Thresholds;
pub use follow_up::after_routing;
pub use item::{Item, Policy, State};
pub use limiter::Limit;
pub use settings::Settings;
pub use stage::{Done, Hold, Names, Stage, Unit};
