//! Creates the routed task in CXone.
//!
//! Delivery decides when, how often and whether to call. What is left is here: [`Config`], the
//! operator's [`rules`](RulesParameter), and [`Route`], which decides on the skills, freezes the
//! decision and hands the task to the CXone client.

mod config;
mod parameter;
mod stage;

pub use config::Config;
pub use parameter::RulesParameter;
pub use stage::Route;
