//! What a number of interactions asked of AWS, as the local stack saw it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use e2e::Stack;
use e2e::stack::SOON;
use futures::stream::{self, StreamExt as _};
use runtime::clock;
use serde::Deserialize;
use serde_json::Value;

/// The functions on an interaction's way.
pub const WAY: [&str; 3] = ["IngestFunction", "RouteFunction", "TicketSyncFunction"];

/// What counts them behind it.
pub const COUNT_SLA: &str = "CountSlaFunction";

/// More would make the local stack start a process of `ingest` each.
const SENT_AT_ONCE: usize = 10;

/// What one function did.
#[derive(Clone, Debug, Default)]
pub struct Function {
    pub invocations: f64,
    /// What the template gives it.
    pub memory_mb: f64,
    /// Of all processes together.
    pub cpu_ms: f64,
    /// The most of any process.
    pub peak_bytes: f64,
    /// All calls of AWS, those of SQS apart too.
    pub aws_calls: f64,
    pub sqs_calls: f64,
    pub read_units: f64,
    pub write_units: f64,
    pub log_lines: f64,
    pub log_bytes: f64,
}

/// A line of the emulator's notes.
#[derive(Deserialize)]
struct Note {
    caller: String,
    service: String,
    reads: f64,
    writes: f64,
}

/// A point in time from which a stack is measured.
pub struct Since<'a> {
    stack: &'a Stack,
    meter: &'a str,
    notes: usize,
    at_ms: i64,
    cpu: BTreeMap<&'static str, Duration>,
}

impl<'a> Since<'a> {
    pub fn now(stack: &'a Stack, meter: &'a str, functions: &[&'static str]) -> Self {
        Self {
            stack,
            meter,
            notes: lines(meter).len(),
            at_ms: clock::now().as_millisecond(),
            cpu: functions
                .iter()
                .map(|name| (*name, stack.resources(name).0))
                .collect(),
        }
    }

    /// What each of the functions has done since.
    pub async fn functions(&self) -> BTreeMap<&'static str, Function> {
        let mut all = BTreeMap::new();
        for (name, before) in &self.cpu {
            let (cpu, peak_bytes) = self.stack.resources(name);
            let mut function = Function {
                cpu_ms: cpu.saturating_sub(*before).as_secs_f64() * 1_000.0,
                peak_bytes: count(peak_bytes),
                ..Function::default()
            };
            let logged = self.stack.deployment.function_logs(name, self.at_ms).await;
            for line in logged.expect("the emulator gives a function's log") {
                if line.text.starts_with("START ") {
                    function.invocations += 1.0;
                } else if line.text.starts_with("REPORT ") {
                    function.memory_mb = memory_mb(&line.text).expect("a report names the memory");
                } else if line.text.starts_with('{') {
                    function.log_lines += 1.0;
                    function.log_bytes += count(line.text.len());
                }
            }
            all.insert(*name, function);
        }
        for line in &lines(self.meter)[self.notes..] {
            let note: Note = serde_json::from_str(line).expect("a note is JSON");
            let of = |name: &&&str| note.caller.contains(&name.replace("Function", "Role"));
            let Some(name) = self.cpu.keys().find(of) else {
                continue;
            };
            let function = all.get_mut(name).expect("each has its entry");
            function.aws_calls += 1.0;
            function.sqs_calls += f64::from(u8::from(note.service == "sqs"));
            function.read_units += note.reads;
            function.write_units += note.writes;
        }
        all
    }
}

/// What CXone and the ticketing system were sent.
pub fn sent_bytes(stack: &Stack) -> f64 {
    ["cxone.tasks", "ticketing.sync"]
        .iter()
        .flat_map(|endpoint| stack.sandbox.calls(endpoint))
        .map(|call| count(call.bytes))
        .sum()
}

/// From Lambda's own line at an invocation's end.
fn memory_mb(report: &str) -> Option<f64> {
    let (_, size) = report.split_once("Memory Size: ")?;
    size.split_once(" MB")?.0.parse().ok()
}

fn lines(meter: &str) -> Vec<String> {
    let text = fs::read_to_string(meter).expect("the emulator writes its notes");
    text.lines().map(str::to_owned).collect()
}

#[expect(clippy::cast_precision_loss, reason = "lengths and counts are small")]
pub fn count(things: usize) -> f64 {
    things as f64
}

/// Sends these and waits until all have their tickets, `at_once` and then the next.
pub async fn deliver(stack: &Stack, bodies: &[Value], at_once: usize) {
    for together in bodies.chunks(at_once) {
        let ids: Vec<String> = stream::iter(together)
            .map(|body| stack.accept(body))
            .buffer_unordered(SENT_AT_ONCE)
            .collect()
            .await;
        for id in ids {
            let what = format!("{id} to have its ticket");
            let synced = async || {
                let item = stack.ledger(&id, "ticketing").await?;
                (item["state"] == "SYNCED").then_some(())
            };
            stack.until(&what, 10 * SOON, synced).await;
        }
    }
    stack.drained(SOON).await;
}
