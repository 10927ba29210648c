//! The edges that every function shares: settings, the clock, HTTP and AWS clients.
//!
//! - [`settings`] is the one reader of environment variables.
//! - [`clock`] is the one reader of the time.
//! - [`aws`] and [`http`] build clients, once a cold start, with time-outs that the SDK and
//!   reqwest don't set by themselves.
//!
//! Everything else in the workspace takes time and settings as arguments.

pub mod aws;
pub mod clock;
pub mod http;
pub mod settings;
