//! The edges that functions and tools share: settings, the clock, HTTP and AWS clients, output.
//!
//! - [`settings`] is the one reader of environment variables.
//! - [`clock`] is the one reader of the time.
//! - [`aws`] and [`http`] build clients, once a cold start, with time-outs that the SDK and
//!   reqwest don't set by themselves.
//! - [`output`] is where a tool prints.
//!
//! Everything else in the workspace takes time and settings as arguments.

pub mod aws;
pub mod clock;
pub mod http;
pub mod output;
pub mod settings;
