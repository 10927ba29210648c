//! `make cost`: what an interaction asks of AWS, counted on the local stack and priced at list.
//!
//! - [`measure`] counts: invocations and log bytes from the functions' logs, CPU time and memory
//!   from their processes, calls and DynamoDB's units from the emulator's notes.
//! - [`bill`] prices.
//!
//! What the local stack can't show is assumed, and printed with the result.

mod bill;
mod measure;

use std::collections::BTreeMap;

use bill::{Invocation, Latency, Row};
use e2e::{Stack, payload};
use measure::{Function, Since, WAY};
use runtime::settings;
use sandbox::{Action, Faults};
use serde_json::{Value, json};

/// How long a call takes on AWS, in milliseconds.
const LATENCY: Latency = Latency {
    aws: 10.0,
    upstream: 250.0,
};

/// Bytes sent to the internet for an interaction: the task, the ticket and the webhook's answer,
/// with their headers and TLS.
const SENT_BYTES: f64 = 5_000.0;

/// A month's interactions, spread evenly: what decides how many `count-sla` takes at a time.
const A_MONTH: f64 = 1e6;
const MINUTES: f64 = 30.0 * 24.0 * 60.0;

/// Shards of a new on-demand table's stream.
const SHARDS: f64 = 4.0;

/// Platforms in use: each has its own hour items.
const PLATFORMS: [&str; 3] = ["facebook", "instagram", "x"];

/// Metrics that have data every hour: latency and breach of three operations, and the tokens' three.
const METRICS: usize = 9;

/// How long items are kept by default, in months: an interaction's, and a thread's, of which each
/// interaction is taken to begin one.
const LEDGER_MONTHS: f64 = 1.0;
const THREAD_MONTHS: f64 = 400.0 / 30.0;

/// The default limit of calls to CXone, and its window in seconds.
const LIMIT: f64 = 50.0;
const WINDOW: f64 = 60.0;

/// The access log's line, as long as API Gateway writes it.
const ACCESS_LOG: &str = r#"{"time":"22/Nov/2026:09:48:00 +0000","route":"ANY /webhook/social","status":"202","error":"-"}"#;

const MESSAGE: &str = "I ordered two weeks ago and nobody answers my mails. Where is my parcel? \
    This is really disappointing, I have always been a happy customer.";

#[tokio::main]
async fn main() {
    let meter = settings::required("METER").expect("make cost sets it");
    let stack = unhindered().await;
    print(&Loads {
        alarms: stack.deployment.by_type["AWS::CloudWatch::Alarm"].len(),
        lone: lone(&stack, &meter).await,
        bursts: bursts(&stack, &meter).await,
        minute: a_shards_minute(&meter).await,
        retried: retried(&stack, &meter).await,
        saturated: saturated(&meter).await,
    });
}

/// What a number of interactions asked for.
struct Load {
    interactions: f64,
    functions: BTreeMap<&'static str, Function>,
    /// Bytes of an interaction's items: in the ledger, and of its thread.
    ledger_bytes: f64,
    thread_bytes: f64,
}

impl Load {
    /// A figure of a function, an interaction.
    fn each(&self, function: &str, of: impl Fn(&Function) -> f64) -> f64 {
        of(&self.functions[function]) / self.interactions
    }

    /// A figure of all functions on the way, an interaction.
    fn all(&self, of: impl Fn(&Function) -> f64) -> f64 {
        WAY.iter().map(|name| self.each(name, &of)).sum()
    }

    fn a_batch(&self, function: &str) -> f64 {
        1.0 / self.each(function, |function| function.invocations)
    }
}

/// Delivers `bodies` and measures it, with the functions warm.
async fn load(stack: &Stack, meter: &str, bodies: &[Value], at_once: usize) -> Load {
    let since = Since::now(stack, meter, &WAY);
    measure::deliver(stack, bodies, at_once).await;
    let stored = async |prefix: &str| {
        let items = stack.items(prefix).await;
        let interactions = count(stack.items("thread#").await.len());
        items.iter().map(bill::stored_bytes).sum::<f64>() / interactions
    };
    Load {
        interactions: count(bodies.len()),
        functions: since.functions().await,
        ledger_bytes: stored("interaction#").await,
        thread_bytes: stored("thread#").await,
    }
}

fn bodies(count: usize) -> Vec<Value> {
    (0..count).map(|_| payload::webhook(MESSAGE)).collect()
}

/// The limit is on as by default, but no call ever waits for it.
async fn unhindered() -> Stack {
    Stack::with(&[("CxoneCallsPerWindow", "50"), ("LimitWindowSeconds", "1")]).await
}

async fn lone(stack: &Stack, meter: &str) -> Load {
    measure::deliver(stack, &bodies(5), 1).await;
    load(stack, meter, &bodies(40), 1).await
}

async fn bursts(stack: &Stack, meter: &str) -> Load {
    measure::deliver(stack, &bodies(50), 50).await;
    load(stack, meter, &bodies(50), 50).await
}

/// Each first call to CXone is answered 503, and the second one succeeds.
async fn retried(stack: &Stack, meter: &str) -> Load {
    let bodies = bodies(10);
    let since = Since::now(stack, meter, &WAY);
    for body in &bodies {
        let failure = Action::Answer {
            status: 503,
            retry_after: None,
        };
        stack
            .sandbox
            .fault("cxone.tasks", Faults::none().next([failure]));
        measure::deliver(stack, std::slice::from_ref(body), 1).await;
    }
    Load {
        interactions: count(bodies.len()),
        functions: since.functions().await,
        ledger_bytes: 0.0,
        thread_bytes: 0.0,
    }
}

/// Three times as many at once as the limit lets through in its window.
async fn saturated(meter: &str) -> Load {
    let stack = Stack::with(&[("CxoneCallsPerWindow", "50"), ("LimitWindowSeconds", "10")]).await;
    measure::deliver(&stack, &bodies(5), 5).await;
    load(&stack, meter, &bodies(150), 150).await
}

/// What `count-sla` does for one shard's share of an average minute; its load is that many
/// interactions.
async fn a_shards_minute(meter: &str) -> Load {
    let interactions = A_MONTH / MINUTES / SHARDS;
    let stack = Stack::start().await;
    let event = |first: usize| {
        let mut event: Value =
            serde_json::from_str(include_str!("../../../events/count-sla-stream.json"))
                .expect("an event is JSON");
        let pair = event["Records"].as_array().cloned().unwrap_or_default();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "about six"
        )]
        let pairs = interactions.ceil() as usize;
        let records = (0..pairs).flat_map(|number| {
            pair.clone()
                .into_iter()
                .enumerate()
                .map(move |(half, mut record)| {
                    let change = &mut record["dynamodb"];
                    change["SequenceNumber"] = json!(format!("{:021}", first + 2 * number + half));
                    change["NewImage"]["platform"]["S"] =
                        json!(PLATFORMS[number % PLATFORMS.len()]);
                    record
                })
        });
        event["Records"] = records.collect();
        event
    };
    stack.invoke(COUNT_SLA, &event(1)).await;
    let since = Since::now(&stack, meter, &[COUNT_SLA]);
    let rounds = 10;
    for round in 1..=rounds {
        let (_, failure) = stack.invoke(COUNT_SLA, &event(round * 1_000)).await;
        assert_eq!(failure, None);
    }
    Load {
        interactions: interactions * count(rounds),
        functions: since.functions().await,
        ledger_bytes: 0.0,
        thread_bytes: 0.0,
    }
}

/// A shard's share of a month's evenly spread interactions in a minute, counted by `count-sla`.
const COUNT_SLA: &str = "CountSlaFunction";

struct Loads {
    lone: Load,
    bursts: Load,
    minute: Load,
    retried: Load,
    saturated: Load,
    alarms: usize,
}

impl Loads {
    /// A figure an interaction in both cases, `count-sla`'s share included.
    fn both(&self, of: impl Fn(&Function) -> f64) -> [f64; 2] {
        let counted = self.minute.each(COUNT_SLA, &of);
        [&self.lone, &self.bursts].map(|load| load.all(&of) + counted)
    }

    /// GB-seconds an interaction of a function, which waits in a batch as long as alone.
    fn gb_seconds(&self, name: &str) -> [f64; 2] {
        if name == COUNT_SLA {
            return [gb_seconds(&self.minute, &self.minute, name, 0.0); 2];
        }
        let upstream = if name == WAY[0] { 0.0 } else { 1.0 };
        [&self.lone, &self.bursts].map(|load| gb_seconds(load, &self.lone, name, upstream))
    }

    fn rows(&self) -> Vec<Row> {
        let [alone, bursts] = self.both(|function| function.log_bytes);
        let log = [alone, bursts].map(|bytes| (bytes + bytes_of(ACCESS_LOG)) / 1e9);
        // The queues' pollers receive a batch with one request and delete it with another.
        let pollers = [&self.lone, &self.bursts].map(|load| {
            2.0 * (load.each(WAY[1], |it| it.invocations) + load.each(WAY[2], |it| it.invocations))
        });
        let own = self.both(|function| function.sqs_calls);
        let requests = [own[0] + pollers[0], own[1] + pollers[1]];
        let stored =
            (self.lone.ledger_bytes * LEDGER_MONTHS + self.lone.thread_bytes * THREAD_MONTHS) / 1e9;
        let mut rows = vec![
            Row::new("API Gateway, requests", bill::HTTP_REQUEST, [1.0; 2]),
            Row::new(
                "Lambda, invocations",
                bill::INVOCATION,
                self.both(|function| function.invocations),
            ),
        ];
        for name in WAY.into_iter().chain([COUNT_SLA]) {
            rows.push(Row::new(
                format!("Lambda, GB-seconds of {name}"),
                bill::GB_SECOND,
                self.gb_seconds(name),
            ));
        }
        rows.extend([
            Row::new("SQS, requests", bill::SQS_REQUEST, requests),
            Row::new("SQS, fair queues", bill::FAIR_QUEUE, requests),
            Row::new(
                "DynamoDB, write units",
                bill::WRITE_UNIT,
                self.both(|function| function.write_units),
            ),
            Row::new(
                "DynamoDB, read units",
                bill::READ_UNIT,
                self.both(|function| function.read_units),
            ),
            Row::new(
                "DynamoDB, GB-months stored",
                bill::STORED_GB_MONTH,
                [stored; 2],
            ),
            Row::new("CloudWatch, GB of logs", bill::LOG_GB, log),
            Row::new(
                "GB sent to the internet",
                bill::SENT_GB,
                [SENT_BYTES / 1e9; 2],
            ),
        ]);
        rows
    }

    /// What stands still costs this much a month: units, not millions of them.
    fn month(&self) -> Vec<(String, f64)> {
        let calls = MINUTES
            + MINUTES / 5.0 * (1.0 + count(PLATFORMS.len()))
            + MINUTES / 10.0 * count(PLATFORMS.len() + 2);
        let secrets = 4 + PLATFORMS.len();
        let row = |what: String, price: bill::Price, units: f64| (what, price.times(units));
        vec![
            row(
                "SQS, empty receives of 4 × 5 pollers".to_owned(),
                bill::SQS_REQUEST,
                bill::empty_receives(20.0),
            ),
            row(
                format!("CloudWatch, {} alarms", self.alarms),
                bill::ALARM_MONTH,
                count(self.alarms),
            ),
            row(
                format!("CloudWatch, {METRICS} metrics that always have data"),
                bill::METRIC_MONTH,
                count(METRICS),
            ),
            row(
                "CloudWatch, the dashboard".to_owned(),
                bill::DASHBOARD_MONTH,
                1.0,
            ),
            row(
                format!("Secrets Manager, {secrets} secrets"),
                bill::SECRET_MONTH,
                count(secrets),
            ),
            row(
                "Secrets Manager, calls of one process each".to_owned(),
                bill::SECRET_CALL,
                calls,
            ),
            row("KMS, the alarms' key".to_owned(), bill::KEY_MONTH, 1.0),
        ]
    }

    /// What one more try of a call adds.
    fn retry(&self) -> Vec<Row> {
        let more = |of: fn(&Function) -> f64| [self.retried.all(of) - self.lone.all(of), 0.0];
        let seconds = gb_seconds(&self.lone, &self.lone, WAY[1], 1.0);
        vec![
            Row::new("", bill::INVOCATION, more(|it| it.invocations)),
            Row::new("", bill::GB_SECOND, [seconds, 0.0]),
            // The poller receives once more; what isn't done is not deleted.
            Row::new("", sqs(), [more(|it| it.sqs_calls)[0] + 1.0, 0.0]),
            Row::new("", bill::WRITE_UNIT, more(|it| it.write_units)),
            Row::new("", bill::READ_UNIT, more(|it| it.read_units)),
            Row::new("", bill::LOG_GB, more(|it| it.log_bytes / 1e9)),
        ]
    }

    /// What saturation adds to bursts: the calls that the backlog takes, and the time in which what
    /// was received waits for its slot within the function. All that may run at once does.
    fn saturation(&self) -> Vec<Row> {
        let more = |of: fn(&Function) -> f64| [self.saturated.all(of) - self.bursts.all(of), 0.0];
        let route = &self.lone.functions[WAY[1]];
        let waiting = concurrency() * WINDOW / LIMIT * route.memory_mb / 1_024.0;
        vec![
            Row::new("Lambda, GB-seconds", bill::GB_SECOND, [waiting, 0.0]),
            Row::new(
                "Lambda, invocations",
                bill::INVOCATION,
                more(|it| it.invocations),
            ),
            Row::new(
                "SQS, requests of the functions",
                sqs(),
                more(|it| it.sqs_calls),
            ),
            Row::new(
                "DynamoDB, write units",
                bill::WRITE_UNIT,
                more(|it| it.write_units),
            ),
            Row::new(
                "DynamoDB, read units",
                bill::READ_UNIT,
                more(|it| it.read_units),
            ),
        ]
    }
}

fn sqs() -> bill::Price {
    let dollars = bill::SQS_REQUEST.dollars + bill::FAIR_QUEUE.dollars;
    bill::Price {
        dollars,
        ..bill::SQS_REQUEST
    }
}

fn gb_seconds(load: &Load, lone: &Load, name: &str, upstream_calls: f64) -> f64 {
    let (function, alone) = (&load.functions[name], &lone.functions[name]);
    let invocation = Invocation {
        memory_mb: function.memory_mb,
        aws_calls: alone.aws_calls / alone.invocations,
        upstream_calls,
        cpu_ms: function.cpu_ms / function.invocations,
    };
    invocation.gb_seconds(&LATENCY) * function.invocations / load.interactions
}

/// How many of route may run at once, by the template.
fn concurrency() -> f64 {
    let template = include_str!("../../../template.yaml");
    let (_, trigger) = template
        .split_once("  RouteTrigger:")
        .expect("route has its trigger");
    let (_, concurrency) = trigger
        .split_once("MaximumConcurrency: ")
        .expect("which has a bound");
    let digits = concurrency.split(|c: char| !c.is_ascii_digit()).next();
    digits
        .and_then(|digits| digits.parse().ok())
        .expect("which is a number")
}

#[expect(clippy::cast_precision_loss, reason = "lengths and counts are small")]
fn count(things: usize) -> f64 {
    things as f64
}

fn bytes_of(text: &str) -> f64 {
    count(text.len())
}

fn print(loads: &Loads) {
    let (lone, bursts) = (&loads.lone, &loads.bursts);
    let batches = [lone, bursts].map(|load| [WAY[1], WAY[2]].map(|name| load.a_batch(name)));
    println!("### A million interactions\n");
    println!(
        "Alone: {:.1} a batch in route, {:.1} in ticket-sync. In bursts: {:.1} and {:.1}.\n",
        batches[0][0], batches[0][1], batches[1][0], batches[1][1]
    );
    println!("| | an interaction, alone | in bursts | dollars a million, alone | in bursts |");
    println!("|---|--:|--:|--:|--:|");
    let rows = loads.rows();
    for row in &rows {
        let [alone, bursts] = row.for_a_million();
        println!(
            "| {} | {} | {} | {alone:.2} | {bursts:.2} |",
            row.what,
            units(row.units[0]),
            units(row.units[1])
        );
    }
    let sum = |rows: &[Row], case: usize| {
        rows.iter()
            .map(|row| row.for_a_million()[case])
            .sum::<f64>()
    };
    println!(
        "| **together** | | | **{:.2}** | **{:.2}** |",
        sum(&rows, 0),
        sum(&rows, 1)
    );

    println!("\n### A month, whatever comes in\n\n| | dollars |\n|---|--:|");
    let month = loads.month();
    for (what, dollars) in &month {
        println!("| {what} | {dollars:.2} |");
    }
    println!(
        "| **together** | **{:.2}** |",
        month.iter().map(|(_, dollars)| dollars).sum::<f64>()
    );

    println!(
        "\n### What saturation adds\n\n| | an interaction | dollars a million |\n|---|--:|--:|"
    );
    let saturation = loads.saturation();
    for row in &saturation {
        println!(
            "| {} | {} | {:.2} |",
            row.what,
            units(row.units[0]),
            row.for_a_million()[0]
        );
    }
    println!("| **together** | | **{:.2}** |", sum(&saturation, 0));
    println!(
        "\nA million retries cost {:.2} dollars.",
        sum(&loads.retry(), 0)
    );

    println!("\n### Logs, processor and memory\n");
    let [alone, burst] = loads.both(|function| function.log_bytes);
    let [lines, _] = loads.both(|function| function.log_lines);
    println!(
        "The functions log {alone:.0} bytes an interaction alone, in {lines:.1} lines, and {burst:.0} in bursts; the gateway {:.0}.\n",
        bytes_of(ACCESS_LOG)
    );
    println!(
        "| | memory | most used | CPU an invocation, alone | in bursts | AWS calls an invocation, alone |\n|---|--:|--:|--:|--:|--:|"
    );
    for name in WAY.into_iter().chain([COUNT_SLA]) {
        let (alone, bursts) = if name == COUNT_SLA {
            (&loads.minute, &loads.minute)
        } else {
            (lone, bursts)
        };
        let (alone, bursts) = (&alone.functions[name], &bursts.functions[name]);
        #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
        let peak = bursts.peak_bytes.max(alone.peak_bytes) as f64 / 1_048_576.0;
        println!(
            "| {name} | {:.0} MB | {peak:.0} MB | {:.1} ms | {:.1} ms | {:.1} |",
            alone.memory_mb,
            alone.cpu_ms / alone.invocations,
            bursts.cpu_ms / bursts.invocations,
            alone.aws_calls / alone.invocations,
        );
    }
}

/// Units to three digits, tiny ones as powers of ten.
fn units(units: f64) -> String {
    if units == 0.0 || units.abs() >= 0.001 {
        format!("{units:.3}")
    } else {
        format!("{units:.1e}")
    }
}
