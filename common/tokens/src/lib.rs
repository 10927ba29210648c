//! What the ledger keeps about a token: who may rotate it now, how far a rotation is, and whether
//! a person must act. Values never get in here; they live in Secrets Manager alone.
//!
//! - [`TokenLedger`]: the item `token#<name>`, its lease and its fence, and the registry of social
//!   platforms (`tokens` / `<platform>`).
//! - [`Record`]: what the item says, with [`State`] and [`Intent`].
//! - [`fresh_id`]: ids for leases and secret versions; [`random`]: keys.

mod ledger;
mod record;
mod registry;

pub use ledger::{Acquired, Lease, LedgerError, TokenLedger};
pub use record::{Intent, Record, State};

/// The names of the tokens that are there without being a platform's.
pub const CXONE: &str = "cxone";
pub const SIGNING_SECRET: &str = "signing-secret";

/// Random bytes from the operating system, fit for keys.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system's random source always answers");
    bytes
}

/// 32 random hex digits. Fit for Secrets Manager's `ClientRequestToken`, which becomes the
/// version's id.
pub fn fresh_id() -> String {
    format!("{:032x}", u128::from_be_bytes(random()))
}
