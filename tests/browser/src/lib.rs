//! Tests of the simulator's page in a real browser, on the whole local stack. `make browser` runs
//! them; they need Chromium and install nothing.
//!
//! - `tests/page/main.rs`: what a person does and sees
//! - `tests/page/browser.rs`: a headless Chromium with one page
//! - `tests/page/contrast.js`: the contrast of every text on the page
