//! The batch loop against the emulated SQS and DynamoDB, through a proxy that loses answers, with
//! a stage that creates tasks at the sandbox.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod deadline;
mod decisions;
mod lost_answers;
mod panics;
mod parked;
mod proxy;
mod slots;
mod stage;
mod world;
