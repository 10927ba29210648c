//! The end-to-end tests: one binary, a module a scenario, on one emulator with an account a test.

mod chain;
