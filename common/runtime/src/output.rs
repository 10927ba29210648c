//! What a command prints for whoever called it.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _, stdout};

/// Prints a line. Whoever reads may close the output early (`operator parked | head -1`): what
/// comes after that goes nowhere, and the command does what it would have done.
///
/// Output that can't be written for another reason ends the process, and says so.
pub fn say(line: impl Display) {
    if let Err(error) = writeln!(stdout(), "{line}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("the output can't be written: {error}");
        std::process::exit(1);
    }
}
