//! Brings every routed interaction's thread to the ticketing system, whatever that system does.
//!
//! Delivery decides when, how often and whether to call; `ticketing` what to tell and how. What is
//! left is here: [`Config`], the threads' ledger items ([`threads`]), what was sent earlier and is
//! still on its way ([`elders`]), and [`TicketSync`], which puts them together.

mod config;
pub mod elders;
mod stage;
pub mod threads;

pub use config::Config;
pub use stage::TicketSync;
