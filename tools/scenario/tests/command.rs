//! The command as a person runs it.

use std::io::pipe;
use std::path::Path;
use std::process::Command;

#[test]
fn output_that_nobody_reads_changes_nothing_of_how_the_command_ends() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/moods.json");
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    // Nothing listens there, so the scenario can't run, after it has printed what it is about.
    let ended = Command::new(env!("CARGO_BIN_EXE_scenario"))
        .arg(scenario)
        .args(["--url", "http://127.0.0.1:1"])
        .env("SIMULATOR_KEY", "key")
        .stdout(writer)
        .output()
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.starts_with("scenario: "), "{said}");
}
