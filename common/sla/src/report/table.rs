//! The text table.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::format::{duration, percent};
use super::{Grain, Report};
use crate::buckets::RELATIVE_ERROR;
use crate::histogram::Histogram;
use crate::key::{Operation, Platform};

const HEADER: [&str; 12] = [
    "operation",
    "platform",
    "when",
    "count",
    "p50",
    "p95",
    "p99",
    "breaches",
    "rate",
    "limiter",
    "retry",
    "dlq",
];

/// The columns of texts, which are aligned left.
const TEXTS: usize = 3;

pub fn render(report: &Report, grain: Grain) -> String {
    let mut rows = vec![HEADER.map(str::to_owned)];
    for operation in Operation::ALL {
        let platforms: BTreeSet<Platform> = report
            .series
            .keys()
            .filter(|key| key.operation == operation)
            .map(|key| key.platform)
            .collect();
        let together = (platforms.len() > 1).then_some(None);
        for platform in platforms.into_iter().map(Some).chain(together) {
            for (slot, histogram) in report.slots(operation, platform, grain) {
                rows.push(row(operation, platform, slot, &histogram));
            }
        }
    }
    let mut text = format!(
        "What customers waited from {} to {} (UTC); over {} is a breach.\n\
         Percentiles are within {} % of the exact ones. The last columns are means: what of the\n\
         latency was waiting for the rate limit, for a retry, in the dead-letter queue.\n\n",
        report.first,
        report.last.plus(1),
        super::format::duration(millis(report.threshold)),
        RELATIVE_ERROR * 100.0,
    );
    if rows.len() == 1 {
        text.push_str("Nothing was counted in this time.\n");
    } else {
        align(&rows, &mut text);
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
fn millis(whole: u64) -> f64 {
    whole as f64
}

fn row(
    operation: Operation,
    platform: Option<Platform>,
    slot: String,
    histogram: &Histogram,
) -> [String; 12] {
    let latency = |millis: Option<f64>| millis.map_or_else(|| "-".to_owned(), duration);
    let waits = histogram.waits();
    [
        operation.as_str().to_owned(),
        platform.map_or("all", Platform::as_str).to_owned(),
        if slot.is_empty() {
            "all".to_owned()
        } else {
            slot
        },
        histogram.total().to_string(),
        latency(histogram.percentile(50)),
        latency(histogram.percentile(95)),
        latency(histogram.percentile(99)),
        histogram.breaches().to_string(),
        histogram
            .breach_rate()
            .map_or_else(|| "-".to_owned(), percent),
        latency(histogram.mean(waits.limiter)),
        latency(histogram.mean(waits.retry)),
        latency(histogram.mean(waits.dead_letter)),
    ]
}

fn align(rows: &[[String; 12]], text: &mut String) {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 12] = std::array::from_fn(width);
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let written = if column < TEXTS {
                write!(line, "{cell:<width$}  ")
            } else {
                write!(line, "{cell:>width$}  ")
            };
            written.expect("writing to a string can't fail");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn a_row_a_platform_and_operation_and_one_of_all_together() {
        let expected = "\
What customers waited from 2026-11-21T10 to 2026-11-22T10 (UTC); over 2.5 s is a breach.
Percentiles are within 5 % of the exact ones. The last columns are means: what of the
latency was waiting for the rate limit, for a retry, in the dead-letter queue.

operation       platform  when  count     p50     p95     p99  breaches     rate  limiter  retry   dlq
ingest          facebook  all       5    5 ms    5 ms    5 ms         0    0.0 %     0 ms   0 ms  0 ms
ingest          x         all       1   12 ms   12 ms   12 ms         0    0.0 %     1 ms   0 ms  0 ms
ingest          all       all       6    5 ms   12 ms   12 ms         0    0.0 %   0.2 ms   0 ms  0 ms
social_routing  facebook  all       5  285 ms  520 ms  520 ms         0    0.0 %    30 ms   0 ms  0 ms
social_routing  x         all       1    57 s    57 s    57 s         1  100.0 %      6 s   0 ms  0 ms
social_routing  all       all       6  285 ms    57 s    57 s         1   16.7 %      1 s   0 ms  0 ms
";
        assert_eq!(sample().table(Grain::Span), expected);
    }

    #[test]
    fn hours_and_days_get_rows_of_their_own() {
        let text = sample().table(Grain::Hour);
        assert!(
            text.contains("2026-11-21T23") && text.contains("2026-11-22T09"),
            "{text}"
        );
        let text = sample().table(Grain::Day);
        assert!(
            text.contains("2026-11-21 ") && text.contains("2026-11-22 "),
            "{text}"
        );
    }

    #[test]
    fn an_empty_time_says_so() {
        let report = Report {
            series: std::collections::BTreeMap::new(),
            ..sample()
        };
        assert!(report.table(Grain::Span).contains("Nothing was counted"));
    }
}
