//! How long customers waited: latencies per platform, operation and hour.
//!
//! - [`buckets`]: log-spaced buckets, so that a percentile is within 5 % of the exact one.
//! - [`histogram`]: counts in those buckets, merging, percentiles, breach rate.
//! - [`key`]: operations, platforms and hours, each of bounded number.
//! - [`item`]: an hour's histogram as a DynamoDB item, to which each record is added once.
//! - [`sequence`]: a record's place in its stream shard.
//! - [`store`]: reads hours from the table, the only I/O here.
//! - [`report`]: the table and the picture of it.
//!
//! `count-sla` adds, everyone else reads.

pub mod buckets;
pub mod histogram;
pub mod item;
pub mod key;
pub mod report;
pub mod sequence;
pub mod store;

pub use histogram::{Histogram, Observation, Waits};
pub use key::{Hour, Operation, Platform, SeriesKey};
pub use sequence::Sequence;
