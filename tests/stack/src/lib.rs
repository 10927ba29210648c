//! The local stack: the project's `template.yaml` on an emulated AWS, with no Docker and no
//! account.
//!
//! - [`python`] makes the emulator's virtual environment, [`emulator`] runs the emulator.
//! - [`package`] finds and zips what cargo built, [`template`] writes its addresses into the
//!   template, [`deployment`] deploys it to an [`account`].
//!
//! The binary `stack` puts them together for `make run`; the end-to-end tests do it for themselves,
//! on the emulator of [`shared`], as do tests that need some of AWS and no stack.

pub mod account;
pub mod deployment;
pub mod emulator;
pub mod error;
pub mod package;
pub mod python;
pub mod shared;
pub mod template;
