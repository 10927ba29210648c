//! Metrics in CloudWatch's embedded format: a log line from which CloudWatch Logs makes them, so
//! that no function waits for a metrics API.
//!
//! Format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The most values that one metric takes in one line.
const MAX_VALUES: usize = 100;

/// One line of metrics. Metrics without a value are left out, and an empty line isn't written:
/// bytes cost money.
///
/// ```
/// # fn emit(now: jiff::Timestamp) {
/// use telemetry::{Metrics, names};
/// Metrics::new()
///     .dimension(names::STAGE, "routing")
///     .count(names::RETRIES, 5)
///     .count(names::PARKED, 0)
///     .emit(now);
/// # }
/// ```
#[derive(Default)]
pub struct Metrics {
    dimensions: Vec<(&'static str, &'static str)>,
    metrics: Vec<(&'static str, Option<&'static str>, Vec<f64>)>,
}

impl Metrics {
    pub fn new() -> Self {
        Self::default()
    }

    /// All metrics of the line carry all of its dimensions. Each distinct value makes metrics of
    /// its own that are paid by the month, so values are static text: never an id, a platform or
    /// anything else that comes from outside.
    #[must_use]
    pub fn dimension(mut self, name: &'static str, value: &'static str) -> Self {
        self.dimensions.push((name, value));
        self
    }

    /// Adds up in CloudWatch. Nothing happened, nothing is written.
    #[must_use]
    pub fn count(self, name: &'static str, count: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let values = if count == 0 {
            Vec::new()
        } else {
            vec![count as f64]
        };
        // Without a unit: it would be a line's dearest word.
        self.values(name, None, values)
    }

    /// A state as of now; 0 is written too.
    #[must_use]
    pub fn gauge(self, name: &'static str, value: f64) -> Self {
        self.values(name, None, vec![value])
    }

    /// How long something took.
    #[must_use]
    pub fn millis(self, name: &'static str, millis: f64) -> Self {
        self.values(name, Some("Milliseconds"), vec![millis])
    }

    /// Many observations of one metric; more than 100 become several lines. `unit` is one of
    /// CloudWatch's, such as `Milliseconds`.
    #[must_use]
    pub fn values(
        mut self,
        name: &'static str,
        unit: Option<&'static str>,
        values: Vec<f64>,
    ) -> Self {
        // CloudWatch refuses what isn't a number, and JSON can't say it.
        let values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        if !values.is_empty() {
            self.metrics.push((name, unit, values));
        }
        self
    }

    /// Writes the line to stdout, with `now` as the metrics' time.
    pub fn emit(self, now: Timestamp) {
        let Some(namespace) = crate::logs::namespace() else {
            return;
        };
        let mut text = String::new();
        for line in self.lines(namespace, now) {
            text.push_str(&line.to_string());
            text.push('\n');
        }
        // A metric that can't be written must not fail what it measures.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }

    /// The documents, each with at most 100 values a metric.
    fn lines(&self, namespace: &str, now: Timestamp) -> Vec<Value> {
        let longest = self.metrics.iter().map(|(_, _, values)| values.len()).max();
        let chunks = longest.unwrap_or(0).div_ceil(MAX_VALUES);
        (0..chunks)
            .map(|chunk| self.line(namespace, now, chunk))
            .collect()
    }

    fn line(&self, namespace: &str, now: Timestamp, chunk: usize) -> Value {
        let mut document = Map::new();
        let mut definitions = Vec::new();
        for (name, unit, values) in &self.metrics {
            let Some(values) = values.chunks(MAX_VALUES).nth(chunk) else {
                continue;
            };
            definitions.push(match unit {
                Some(unit) => json!({"Name": name, "Unit": unit}),
                None => json!({"Name": name}),
            });
            let numbers: Vec<Value> = values.iter().map(|v| number(*v)).collect();
            let value = match <[Value; 1]>::try_from(numbers) {
                Ok([one]) => one,
                Err(many) => Value::Array(many),
            };
            document.insert((*name).to_owned(), value);
        }
        let dimensions: Vec<&str> = self.dimensions.iter().map(|(name, _)| *name).collect();
        document.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": namespace,
                    "Dimensions": [dimensions],
                    "Metrics": definitions,
                }],
            }),
        );
        for (name, value) in &self.dimensions {
            document.insert((*name).to_owned(), json!(value));
        }
        Value::Object(document)
    }
}

/// A whole number without its `.0`, which would be two bytes a value.
fn number(value: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "only where nothing is lost, which is what is asked"
    )]
    let whole = value as i64;
    #[expect(
        clippy::cast_precision_loss,
        reason = "compared with what it came from"
    )]
    let back = whole as f64;
    if (back - value).abs() < f64::EPSILON && value.abs() < 1e15 {
        json!(whole)
    } else {
        json!(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T09:48:00Z".parse().unwrap()
    }

    #[test]
    fn a_line_is_an_embedded_metric_document() {
        let metrics = Metrics::new()
            .dimension("Stage", "routing")
            .count("Retries", 1)
            .millis("LimiterWait", 12.5);
        let expected = json!({
            "_aws": {
                "Timestamp": 1_795_340_880_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Test",
                    "Dimensions": [["Stage"]],
                    "Metrics": [
                        {"Name": "Retries"},
                        {"Name": "LimiterWait", "Unit": "Milliseconds"},
                    ],
                }],
            },
            "Stage": "routing",
            "Retries": 1,
            "LimiterWait": 12.5,
        });
        assert_eq!(metrics.lines("Test", now()), [expected]);
    }

    #[test]
    fn nothing_that_happened_is_no_line_but_a_gauge_of_nothing_is_one() {
        assert!(
            Metrics::new()
                .count("Parked", 0)
                .lines("Test", now())
                .is_empty()
        );
        let lines = Metrics::new()
            .gauge("TokensExpiring", 0.0)
            .lines("Test", now());
        assert_eq!(lines[0]["TokensExpiring"], 0);
        assert_eq!(
            lines[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([[]])
        );
    }

    proptest! {
        #[test]
        fn every_value_is_written_once_and_no_line_holds_more_than_100(
            first in prop::collection::vec(0.0..1e9_f64, 0..250),
            second in prop::collection::vec(-1e9..1e9_f64, 0..250),
        ) {
            let lines = Metrics::new()
                .values("First", None, first.clone())
                .values("Second", None, second.clone())
                .lines("Test", now());
            let read = |name: &str| -> Vec<f64> {
                lines.iter().filter_map(|line| line.get(name)).flat_map(|value| match value {
                    Value::Array(values) => {
                        assert!(values.len() <= MAX_VALUES);
                        values.iter().map(|v| v.as_f64().unwrap()).collect()
                    }
                    one => vec![one.as_f64().unwrap()],
                }).collect()
            };
            prop_assert_eq!(read("First"), first);
            prop_assert_eq!(read("Second"), second);
        }

        #[test]
        fn what_is_not_a_number_is_left_out(value in prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY])) {
            prop_assert!(Metrics::new().millis("Latency", value).lines("Test", now()).is_empty());
        }
    }
}
