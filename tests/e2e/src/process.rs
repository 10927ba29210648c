//! Function processes, found by the name that Lambda tells them in their environment.

use std::fs;
use std::process::Command;

/// Kills (`SIGKILL`) every process that runs the function; returns how many there were.
pub(crate) fn kill(function: &str) -> usize {
    let pids = of(function);
    for pid in &pids {
        // One that ended by itself meanwhile is as good as killed.
        let _ = Command::new("kill").args(["-9", pid]).output();
    }
    pids.len()
}

fn of(function: &str) -> Vec<String> {
    let wanted = format!("AWS_LAMBDA_FUNCTION_NAME={function}");
    let processes = fs::read_dir("/proc")
        .expect("functions are found through /proc, so these tests run on Linux only");
    let pid = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    let runs_it = |pid: &String| {
        // Processes of other users, and those that just ended, can't be read.
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes())
    };
    processes.filter_map(pid).filter(runs_it).collect()
}
