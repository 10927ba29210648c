//! Function processes, found by what they are told in their environment: the function's name, and
//! the address of the emulator, for another one on this machine may run functions of the same name.

use std::fs;
use std::process::Command;
use std::time::Duration;

/// Kills (`SIGKILL`) every process that runs the function; returns how many there were.
pub(crate) fn kill(emulator: &str, function: &str) -> usize {
    let pids = of(emulator, function);
    for pid in &pids {
        // One that ended by itself meanwhile is as good as killed.
        let _ = Command::new("kill").args(["-9", pid]).output();
    }
    pids.len()
}

/// The CPU time that the function's processes have had so far, all together.
pub(crate) fn cpu(emulator: &str, function: &str) -> Duration {
    let ticks = |pid: &String| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name, in brackets, may hold spaces; user and system time are the 12th and 13th after.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let fields = fields.split_whitespace().skip(11).take(2);
        fields
            .filter_map(|ticks| ticks.parse::<u64>().ok())
            .sum::<u64>()
    };
    // Linux counts a hundred ticks a second for every program.
    Duration::from_millis(of(emulator, function).iter().map(ticks).sum::<u64>() * 10)
}

/// The most memory that one of the function's processes has had, in bytes.
pub(crate) fn peak_memory(emulator: &str, function: &str) -> usize {
    let peak = |pid: &String| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? * 1024)
    };
    of(emulator, function)
        .iter()
        .filter_map(peak)
        .max()
        .unwrap_or(0)
}

fn of(emulator: &str, function: &str) -> Vec<String> {
    let wanted = [
        format!("AWS_LAMBDA_FUNCTION_NAME={function}"),
        format!("AWS_ENDPOINT_URL={emulator}"),
    ];
    let processes = fs::read_dir("/proc")
        .expect("functions are found through /proc, so these tests run on Linux only");
    let pid = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    let runs_it = |pid: &String| {
        // Processes of other users, and those that just ended, can't be read.
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let variables: Vec<&[u8]> = environment.split(|byte| *byte == 0).collect();
        wanted
            .iter()
            .all(|variable| variables.contains(&variable.as_bytes()))
    };
    processes.filter_map(pid).filter(runs_it).collect()
}
