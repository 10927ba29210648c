//! What the ledger keeps about a token: who may rotate it now, how far a rotation is, and whether
//! a person must act. Values never get in here; they live in Secrets Manager alone.
//!
//! - [`TokenLedger`]: the item `token#<name>`, its lease and its fence.
//! - [`Record`]: what the item says, with [`State`] and [`Intent`].
//! - [`fresh_id`]: ids for leases and secret versions.

mod ledger;
mod record;

pub use ledger::{Acquired, Lease, LedgerError, TokenLedger};
pub use record::{Intent, Record, State};

/// 32 random hex digits. Fit for Secrets Manager's `ClientRequestToken`, which becomes the
/// version's id.
pub fn fresh_id() -> String {
    use std::fmt::Write as _;
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system's random source always answers");
    bytes
        .iter()
        .fold(String::with_capacity(32), |mut id, byte| {
            write!(id, "{byte:02x}").expect("writing to a string can't fail");
            id
        })
}
