//! An hour's histogram as a DynamoDB item.
//!
//! | attribute | value |
//! |---|---|
//! | `pk` | `sla#<platform>#<operation>` |
//! | `sk` | the hour, `2026-11-22T09` |
//! | `00` to `b7` | the count in the bucket of that number (hexadecimal); absent for none |
//! | `breaches` | operations over the threshold |
//! | `limiter`, `retry`, `dlq` | sums of waits in ms |
//! | `expires_at` | TTL, in seconds |
//!
//! An item stays under 1 KB with every bucket in use (up to 9,999 in each, some 1.8 million
//! operations an hour). So adding to it costs one write unit (two in a transaction), and a day of
//! 24 reads as 24 KB at most: three read units, eventually consistent. Real hours use some 40
//! buckets, and a day reads as one unit.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Update};
use jiff::SignedDuration;

use crate::buckets::BUCKETS;
use crate::histogram::{Histogram, Waits};
use crate::key::{Hour, SeriesKey};

const BREACHES: &str = "breaches";
const LIMITER: &str = "limiter";
const RETRY: &str = "retry";
const DEAD_LETTER: &str = "dlq";
const EXPIRES_AT: &str = "expires_at";

/// The partition that a series' hours lie in.
pub fn partition_key(series: SeriesKey) -> String {
    let SeriesKey {
        platform,
        operation,
    } = series;
    format!("sla#{}#{}", platform.as_str(), operation.as_str())
}

/// Adds a histogram to its hour's item, which it makes where there is none. The item expires
/// `keep_days` after its hour.
///
/// # Errors
/// Only where this function forgot a required part of the request.
pub fn addition(
    table: &str,
    series: SeriesKey,
    hour: Hour,
    histogram: &Histogram,
    keep_days: u32,
) -> Result<Update, BuildError> {
    let expires_at = hour
        .start()
        .checked_add(SignedDuration::from_hours(24 * i64::from(keep_days)))
        .unwrap_or(jiff::Timestamp::MAX)
        .as_second();
    let mut update = Update::builder()
        .table_name(table)
        .key("pk", AttributeValue::S(partition_key(series)))
        .key("sk", AttributeValue::S(hour.to_string()))
        .expression_attribute_names("#e", EXPIRES_AT)
        .expression_attribute_values(":e", AttributeValue::N(expires_at.to_string()));
    let mut additions = Vec::new();
    for (name, count) in attributes(histogram) {
        update = update
            .expression_attribute_names(format!("#{name}"), &name)
            .expression_attribute_values(format!(":{name}"), AttributeValue::N(count.to_string()));
        additions.push(format!("#{name} :{name}"));
    }
    let mut expression = "SET #e = :e".to_owned();
    if !additions.is_empty() {
        expression = format!("{expression} ADD {}", additions.join(", "));
    }
    update.update_expression(expression).build()
}

/// What a histogram adds: attributes and their numbers, none of them 0.
fn attributes(histogram: &Histogram) -> impl Iterator<Item = (String, u64)> + '_ {
    let waits = histogram.waits();
    let sums = [
        (BREACHES, histogram.breaches()),
        (LIMITER, waits.limiter),
        (RETRY, waits.retry),
        (DEAD_LETTER, waits.dead_letter),
    ];
    let sums = sums.map(|(name, sum)| (name.to_owned(), sum));
    histogram
        .counts()
        .map(|(bucket, count)| (format!("{bucket:02x}"), count))
        .chain(sums.into_iter().filter(|(_, sum)| *sum > 0))
}

/// Why an item isn't an hour's histogram. Only someone who wrote to the table by hand sees it.
#[derive(Debug, thiserror::Error)]
#[error("the SLA item {sk} has no valid attribute {attribute}")]
pub struct InvalidItem {
    pub sk: String,
    pub attribute: String,
}

/// Reads an hour's item. Attributes that this release doesn't know are ignored.
pub(crate) fn read(
    item: &HashMap<String, AttributeValue>,
) -> Result<(Hour, Histogram), InvalidItem> {
    let sk = item
        .get("sk")
        .and_then(|value| value.as_s().ok())
        .map_or("", String::as_str);
    let invalid = |attribute: &str| InvalidItem {
        sk: sk.to_owned(),
        attribute: attribute.to_owned(),
    };
    let hour = sk.parse().map_err(|_| invalid("sk"))?;
    let mut histogram = Histogram::default();
    for (name, value) in item {
        let number = || {
            value
                .as_n()
                .ok()
                .and_then(|number| number.parse::<u64>().ok())
                .ok_or_else(|| invalid(name))
        };
        match name.as_str() {
            BREACHES => histogram.add_breaches(number()?),
            LIMITER => histogram.add_waits(Waits {
                limiter: number()?,
                ..Waits::default()
            }),
            RETRY => histogram.add_waits(Waits {
                retry: number()?,
                ..Waits::default()
            }),
            DEAD_LETTER => histogram.add_waits(Waits {
                dead_letter: number()?,
                ..Waits::default()
            }),
            name => {
                if let Some(bucket) = bucket_named(name) {
                    histogram.add_to_bucket(bucket, number()?);
                }
            }
        }
    }
    Ok((hour, histogram))
}

/// The bucket that an attribute counts: two lower-case hexadecimal digits.
fn bucket_named(name: &str) -> Option<usize> {
    let digits = name.len() == 2 && !name.bytes().any(|b| b.is_ascii_uppercase() || b == b'+');
    let bucket = usize::from_str_radix(name, 16).ok()?;
    (digits && bucket < BUCKETS).then_some(bucket)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::buckets;
    use crate::key::{Operation, Platform};

    fn series() -> SeriesKey {
        SeriesKey {
            platform: Platform::of("instagram"),
            operation: Operation::SocialRouting,
        }
    }

    fn hour() -> Hour {
        "2026-11-22T09".parse().unwrap()
    }

    /// The item that an addition to nothing makes, as DynamoDB would.
    fn made_by(update: &Update) -> HashMap<String, AttributeValue> {
        let mut item = update.key().clone();
        for (placeholder, name) in update.expression_attribute_names().unwrap() {
            let values = update.expression_attribute_values().unwrap();
            item.insert(name.clone(), values[&placeholder.replace('#', ":")].clone());
        }
        item
    }

    /// Bytes of an item, by DynamoDB's rules:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
    fn size(item: &HashMap<String, AttributeValue>) -> usize {
        let value = |value: &AttributeValue| match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(number) => 1 + number.len().div_ceil(2),
            _ => unreachable!("an hour's item holds only texts and numbers"),
        };
        item.iter().map(|(name, v)| name.len() + value(v)).sum()
    }

    #[test]
    fn an_item_with_every_bucket_in_use_stays_under_one_kilobyte() {
        let mut fullest = Histogram::default();
        for bucket in 0..BUCKETS {
            let (least, greatest) = buckets::bounds(bucket);
            if least <= greatest {
                fullest.add_to_bucket(bucket, 9_999);
            }
        }
        fullest.add_breaches(9_999_999);
        let sum = 999_999_999_999;
        fullest.add_waits(Waits {
            limiter: sum,
            retry: sum,
            dead_letter: sum,
        });
        let update = addition("T", series(), hour(), &fullest, 400).unwrap();
        assert_eq!(fullest.counts().count(), buckets::REACHABLE);
        assert!(
            size(&made_by(&update)) <= 1024,
            "{}",
            size(&made_by(&update))
        );
        assert!(update.update_expression().len() <= 4096);
    }

    #[test]
    fn an_hour_expires_after_the_days_that_it_is_kept() {
        let update = addition("T", series(), hour(), &Histogram::default(), 400).unwrap();
        let kept = 1_795_338_000 + 400 * 24 * 3600;
        assert_eq!(
            made_by(&update)["expires_at"],
            AttributeValue::N(kept.to_string())
        );
        assert_eq!(update.update_expression(), "SET #e = :e");
    }

    #[test]
    fn an_item_that_someone_spoiled_is_named() {
        let mut item = made_by(&addition("T", series(), hour(), &Histogram::default(), 1).unwrap());
        item.insert("0a".into(), AttributeValue::S("many".into()));
        assert_eq!(read(&item).unwrap_err().attribute, "0a");
    }

    proptest! {
        #[test]
        fn what_is_added_is_what_is_read(latencies in prop::collection::vec(0..200_000_000_u64, 0..200)) {
            let mut histogram = Histogram::default();
            for millis in latencies {
                let waits = Waits { limiter: millis / 2, retry: millis / 3, dead_letter: millis % 7 };
                histogram.record(millis, 2500, waits);
            }
            let item = made_by(&addition("T", series(), hour(), &histogram, 400).unwrap());
            let (at, read) = read(&item).unwrap();
            prop_assert_eq!(at, hour());
            prop_assert_eq!(read, histogram);
        }
    }
}
