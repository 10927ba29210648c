//! The harness of the end-to-end tests: [`Stack`] is the project's own template, deployed to an
//! account of its own on one emulator that all tests of a test binary share, with a sandbox of its
//! own behind it.
//!
//! - [`stack`] deploys it, sends to it and looks at it; [`payload`] makes webhook bodies;
//!   [`item`] turns DynamoDB items into JSON; [`process`] kills functions.
//! - [`template`] is what is deployed, to look into.
//! - [`policy`] changes what a function may do; [`least_privilege`] says what proves each grant.
//!
//! Nothing here sleeps to win a race: what takes time is waited for with
//! [`Stack::until`](stack::Stack::until), which gives up after its deadline and says what it saw.

#![expect(
    clippy::unwrap_used,
    reason = "the harness is test code: what fails here fails the test"
)]

mod item;
pub mod least_privilege;
pub mod payload;
pub mod policy;
mod process;
pub mod stack;
pub mod template;

pub use stack::Stack;
