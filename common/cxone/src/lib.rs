//! CXone's API: OAuth tokens, routed tasks and webhooks.
//!
//! - [`task`]: what to create ([`Task`], [`Routing`]), which is a decision and knows no API, and
//!   [`Tasks`], which creates it.
//! - [`dialect`]: how CXone hears it. [`RoutingTasks`] is `POST /api/v2/routing/tasks`; another
//!   dialect is another implementation of [`Dialect`].
//! - [`client`]: [`Client`] makes the calls, and [`upstream::Failure`] says what an answer means.
//! - [`access`]: [`AccessTokens`], the shared access token with its one refresh for all.
//! - [`webhooks`]: [`Webhooks`], the registration that brings interactions in.

pub mod access;
pub mod client;
pub mod dialect;
pub mod task;
pub mod webhooks;

pub use access::{AccessToken, AccessTokens};
pub use client::{Client, ClientCredentials};
pub use dialect::{Dialect, RoutingTasks, TaskId, TaskRequest};
pub use task::{Routing, Task, Tasks};
pub use webhooks::{Registered, Registration, Webhook, Webhooks};
