//! What a usage costs at AWS's list prices. Pure.
//!
//! Prices are those of us-east-1, first tier, without any free tier, as AWS's pages had them in
//! 2026. A page that changes is changed here.

use serde_json::Value;

/// A price: dollars for so many units.
#[derive(Clone, Copy)]
pub struct Price {
    pub dollars: f64,
    pub per: f64,
}

impl Price {
    const fn of(dollars: f64, per: f64) -> Self {
        Self { dollars, per }
    }

    pub fn times(self, units: f64) -> f64 {
        self.dollars * units / self.per
    }
}

const MILLION: f64 = 1e6;

/// <https://aws.amazon.com/api-gateway/pricing/>: HTTP APIs, a request up to 512 KB.
pub const HTTP_REQUEST: Price = Price::of(1.00, MILLION);

/// <https://aws.amazon.com/lambda/pricing/>: `x86_64`; arm64 is 0.0000133334 a GB-second.
pub const INVOCATION: Price = Price::of(0.20, MILLION);
pub const GB_SECOND: Price = Price::of(0.000_016_666_7, 1.0);

/// <https://aws.amazon.com/sqs/pricing/>: a standard queue's request up to 64 KB, and what fair
/// queues add to it.
pub const SQS_REQUEST: Price = Price::of(0.40, MILLION);
pub const FAIR_QUEUE: Price = Price::of(0.10, MILLION);

/// <https://aws.amazon.com/dynamodb/pricing/on-demand/>: the table class Standard. Stored bytes
/// cost 0.25 dollars a GB and month, and 0.20 more for point-in-time recovery.
pub const WRITE_UNIT: Price = Price::of(0.625, MILLION);
pub const READ_UNIT: Price = Price::of(0.125, MILLION);
pub const STORED_GB_MONTH: Price = Price::of(0.25 + 0.20, 1.0);

/// <https://aws.amazon.com/cloudwatch/pricing/>: a GB of logs taken in, and 0.03 dollars for the
/// month that it is kept, compressed to some 15 %.
pub const LOG_GB: Price = Price::of(0.50 + 0.15 * 0.03, 1.0);
pub const ALARM_MONTH: Price = Price::of(0.10, 1.0);
pub const METRIC_MONTH: Price = Price::of(0.30, 1.0);
pub const DASHBOARD_MONTH: Price = Price::of(3.00, 1.0);

/// <https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer>: to the internet.
pub const SENT_GB: Price = Price::of(0.09, 1.0);

/// <https://aws.amazon.com/secrets-manager/pricing/>
pub const SECRET_MONTH: Price = Price::of(0.40, 1.0);
pub const SECRET_CALL: Price = Price::of(0.05, 10_000.0);

/// <https://aws.amazon.com/kms/pricing/>
pub const KEY_MONTH: Price = Price::of(1.00, 1.0);

/// A row of the bill: units an interaction (or a month) in two cases, and their price.
pub struct Row {
    pub what: String,
    pub price: Price,
    pub units: [f64; 2],
}

impl Row {
    pub fn new(what: impl Into<String>, price: Price, units: [f64; 2]) -> Self {
        let what = what.into();
        Self { what, price, units }
    }

    /// Dollars for a million of the units.
    pub fn for_a_million(&self) -> [f64; 2] {
        self.units.map(|units| self.price.times(units * MILLION))
    }
}

/// How Lambda spends an invocation's time: waiting for AWS and for the upstream, and computing with
/// the share of a processor that its memory buys.
pub struct Invocation {
    pub memory_mb: f64,
    pub aws_calls: f64,
    pub upstream_calls: f64,
    pub cpu_ms: f64,
}

/// What one call takes, in milliseconds.
pub struct Latency {
    pub aws: f64,
    pub upstream: f64,
}

impl Invocation {
    /// 1,769 MB buy one processor:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>.
    pub fn seconds(&self, latency: &Latency) -> f64 {
        let computing = self.cpu_ms * (1_769.0 / self.memory_mb).max(1.0);
        let waiting = self.aws_calls * latency.aws + self.upstream_calls * latency.upstream;
        (computing + waiting) / 1_000.0
    }

    pub fn gb_seconds(&self, latency: &Latency) -> f64 {
        self.memory_mb / 1_024.0 * self.seconds(latency)
    }
}

/// A month's requests of so many pollers at an empty queue, each waiting 20 s for a message.
pub fn empty_receives(pollers: f64) -> f64 {
    pollers * 30.0 * 24.0 * 3_600.0 / 20.0
}

/// What an item takes in a table, its keys among its attributes, with the 100 bytes that DynamoDB
/// adds for itself:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>.
pub fn stored_bytes(item: &Value) -> f64 {
    fn size(value: &Value) -> usize {
        match value {
            Value::Null | Value::Bool(_) => 1,
            // Two digits a byte, and one more.
            Value::Number(number) => number.to_string().len().div_ceil(2) + 1,
            Value::String(text) => text.len(),
            Value::Array(values) => 3 + values.iter().map(|value| 1 + size(value)).sum::<usize>(),
            Value::Object(map) => {
                3 + map
                    .iter()
                    .map(|(name, value)| 1 + name.len() + size(value))
                    .sum::<usize>()
            }
        }
    }
    let attributes = item.as_object().into_iter().flatten();
    let bytes: usize = attributes
        .map(|(name, value)| name.len() + size(value))
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "an item has 400 KB at most")]
    let bytes = bytes as f64;
    bytes + 100.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn assert_near(is: f64, should: f64) {
        assert!((is - should).abs() < 1e-9, "{is} should be {should}");
    }

    #[test]
    fn a_row_is_priced_by_the_million() {
        let row = Row::new("writes", WRITE_UNIT, [4.0, 0.5]);
        assert_near(row.for_a_million()[0], 2.5);
        assert_near(row.for_a_million()[1], 0.3125);
        let logs = Row::new("logs", LOG_GB, [0.000_000_6, 0.0]);
        assert_near(logs.for_a_million()[0], 0.6 * 0.5045);
    }

    #[test]
    fn an_invocation_waits_and_computes_with_its_share_of_a_processor() {
        let invocation = Invocation {
            memory_mb: 1_769.0 / 4.0,
            aws_calls: 3.0,
            upstream_calls: 1.0,
            cpu_ms: 5.0,
        };
        let latency = Latency {
            aws: 10.0,
            upstream: 250.0,
        };
        // 3 × 10 ms, 250 ms, and 5 ms that take four times as long.
        assert_near(invocation.seconds(&latency), 0.3);
        assert_near(
            invocation.gb_seconds(&latency),
            0.3 * 1_769.0 / 4.0 / 1_024.0,
        );
    }

    #[test]
    fn more_memory_than_a_processor_takes_makes_nothing_faster() {
        let invocation = Invocation {
            memory_mb: 3_538.0,
            aws_calls: 0.0,
            upstream_calls: 0.0,
            cpu_ms: 7.0,
        };
        let latency = Latency {
            aws: 0.0,
            upstream: 0.0,
        };
        assert_near(invocation.seconds(&latency), 0.007);
    }

    #[test]
    fn an_item_is_stored_as_its_names_and_values() {
        // pk 2 + 1, at 2 + 7 (13 digits), done 4 + 1, list 4 + 3 + 2 × (1 + 1)
        let item =
            json!({"pk": "a", "at": 1_795_340_880_000_i64, "done": true, "list": ["b", "c"]});
        assert_near(stored_bytes(&item), 100.0 + 3.0 + 10.0 + 5.0 + 11.0);
    }

    #[test]
    fn five_pollers_ask_an_empty_queue_648_000_times_a_month() {
        assert_near(empty_receives(5.0), 648_000.0);
        assert_near(SQS_REQUEST.times(empty_receives(5.0)), 0.2592);
    }
}
