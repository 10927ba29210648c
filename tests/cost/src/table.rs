//! The tables of `docs/cost.md`: what was measured, priced, and what is assumed where the local
//! stack can't show it.

use serde_json::Value;

use crate::bill::{self, Invocation, Latency, Row};
use crate::measure::{COUNT_SLA, Function, WAY, count};
use crate::{Load, MINUTES, PLATFORMS};

/// How long a call takes on AWS, in milliseconds.
const LATENCY: Latency = Latency {
    aws: 10.0,
    upstream: 250.0,
};

/// Bytes sent to the internet for an interaction beside the requests: the webhook's answer, and what
/// TLS and TCP add to all three.
const BESIDE_REQUESTS: f64 = 1_000.0;

/// Metrics that have data every hour: latency and breach of three operations, and the tokens' three.
const METRICS: usize = 9;

/// The access log's line, as long as API Gateway writes it.
const ACCESS_LOG: &str = r#"{"request":"JKJaXmPLvHcESHA=","time":"22/Nov/2026:09:48:00 +0000","route":"ANY /webhook/social","status":"202","error":"-"}"#;

/// What was measured.
pub struct Loads {
    pub lone: Load,
    pub bursts: Load,
    pub minute: Load,
    pub retried: Load,
    pub saturated: Load,
    pub template: Value,
}

impl Loads {
    /// A parameter's default.
    fn default(&self, parameter: &str) -> f64 {
        number(&self.template["Parameters"][parameter]["Default"])
    }

    fn alarms(&self) -> usize {
        let resources = self.template["Resources"].as_object();
        let is_alarm = |resource: &&Value| resource["Type"] == "AWS::CloudWatch::Alarm";
        resources.map_or(0, |resources| resources.values().filter(is_alarm).count())
    }

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
        let log = [alone, bursts].map(|bytes| (bytes + count(ACCESS_LOG.len())) / 1e9);
        // The queues' pollers receive a batch with one request and delete it with another.
        let pollers = [&self.lone, &self.bursts].map(|load| {
            2.0 * (load.each(WAY[1], |it| it.invocations) + load.each(WAY[2], |it| it.invocations))
        });
        let own = self.both(|function| function.sqs_calls);
        let requests = [own[0] + pollers[0], own[1] + pollers[1]];
        // Each interaction is taken to begin a thread.
        let months = |parameter| self.default(parameter) / 30.0;
        let stored = self.lone.ledger_bytes * months("LedgerDays")
            + self.lone.thread_bytes * months("ThreadDays");
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
                [stored / 1e9; 2],
            ),
            Row::new("CloudWatch, GB of logs", bill::LOG_GB, log),
            Row::new(
                "GB sent to the internet",
                bill::SENT_GB,
                [&self.lone, &self.bursts].map(|load| (load.sent_bytes + BESIDE_REQUESTS) / 1e9),
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
                format!("CloudWatch, {} alarms", self.alarms()),
                bill::ALARM_MONTH,
                count(self.alarms()),
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
        let scaling = &self.template["Resources"]["RouteTrigger"]["Properties"]["ScalingConfig"];
        let waiting = number(&scaling["MaximumConcurrency"])
            * (self.default("LimitWindowSeconds") / self.default("CxoneCallsPerWindow"))
            * (route.memory_mb / 1_024.0);
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

/// # Panics
/// When the template has no number there.
fn number(value: &Value) -> f64 {
    let number = value.as_f64();
    number.unwrap_or_else(|| panic!("{value} should be a number of the template"))
}

pub fn print(loads: &Loads) {
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
        count(ACCESS_LOG.len())
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
        let peak = bursts.peak_bytes.max(alone.peak_bytes) / 1_048_576.0;
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
