//! The end-to-end tests: one binary, a module a scenario, on one emulator with an account a test.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

mod answers;
mod chain;
mod credentials;
mod ingest;
mod kills;
mod leaks;
mod least_privilege;
mod limiter;
mod lost_answers;
mod many;
mod outage;
mod poison;
mod redrive_cycles;
mod registration;
mod rotation;
mod routing_faults;
mod simulator;
mod sla;
mod ticketing;
mod upgrades;
