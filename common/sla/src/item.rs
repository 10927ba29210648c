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
//! | a shard's id, `shardId-…` | the shard's mark: the sequence of its last record added |
//!
//! **Each record is added once.** The records of one shard that go to one item are in the order of
//! their sequences; up to the mark they are added, after it they aren't. An addition takes the
//! first ones after the mark and moves it to their last, in one write of the one item. Its
//! condition is that the mark is lower than their first; where it isn't, they are added already, in
//! part or all, and the refusal tells the mark. A shard's mark has the shard's own id for its name,
//! so no two shards can share one.
//!
//! An item with the marks of eight shards stays within 1 KB with 55 buckets in use, as by
//! latencies over a range of 1 to 200 (a count of up to 9,999 in each). So adding to it costs one
//! write unit, and two in an hour that is busier still. Real hours use some 40 buckets, so a day of
//! 24 hours reads as about 24 KB at most: three read units, eventually consistent.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemInputBuilder;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::SignedDuration;

use crate::buckets::BUCKETS;
use crate::histogram::{Histogram, Waits};
use crate::key::{Hour, SeriesKey};
use crate::sequence::Sequence;

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

/// Records of one shard that go to one item and follow each other there.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    pub shard: &'a str,
    pub first: &'a Sequence,
    pub last: &'a Sequence,
}

/// Adds the histogram of a run of records to its hour's item, which it makes where there is none,
/// unless the shard's mark stands at the run's first record or after it. The refusal has the item
/// as it is. The item expires `keep_days` after its hour.
pub fn addition(
    table: &str,
    (series, hour): (SeriesKey, Hour),
    histogram: &Histogram,
    keep_days: u32,
    run: Run<'_>,
) -> UpdateItemInputBuilder {
    let expires_at = hour
        .start()
        .checked_add(SignedDuration::from_hours(24 * i64::from(keep_days)))
        .unwrap_or(jiff::Timestamp::MAX)
        .as_second();
    let mut update = UpdateItemInput::builder()
        .table_name(table)
        .key("pk", AttributeValue::S(partition_key(series)))
        .key("sk", AttributeValue::S(hour.to_string()))
        .condition_expression("attribute_not_exists(#mark) OR #mark < :first")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .expression_attribute_names("#mark", run.shard)
        .expression_attribute_values(":first", AttributeValue::S(run.first.to_string()))
        .expression_attribute_values(":mark", AttributeValue::S(run.last.to_string()))
        .expression_attribute_names("#e", EXPIRES_AT)
        .expression_attribute_values(":e", AttributeValue::N(expires_at.to_string()));
    let mut additions = Vec::new();
    for (name, count) in attributes(histogram) {
        update = update
            .expression_attribute_names(format!("#{name}"), &name)
            .expression_attribute_values(format!(":{name}"), AttributeValue::N(count.to_string()));
        additions.push(format!("#{name} :{name}"));
    }
    let additions = additions.join(", ");
    update.update_expression(format!("SET #e = :e, #mark = :mark ADD {additions}"))
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

/// A shard's mark in the item that refused an addition. Only one that compares as it should is
/// valid.
///
/// # Errors
/// When there is none or it is no sequence.
pub fn mark(
    refusal: &ConditionalCheckFailedException,
    shard: &str,
) -> Result<Sequence, InvalidItem> {
    let text = |name: &str| refusal.item()?.get(name)?.as_s().ok();
    let valid = |text: &String| Sequence::new(text).filter(|mark| mark.to_string() == *text);
    text(shard).and_then(valid).ok_or_else(|| InvalidItem {
        sk: text("sk").cloned().unwrap_or_default(),
        attribute: shard.to_owned(),
    })
}

/// Reads an hour's item. The shards' marks are ignored, and what this release doesn't know.
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

    fn sequence(number: u32) -> Sequence {
        Sequence::new(&number.to_string()).unwrap()
    }

    /// The addition of a run of a shard's records.
    fn add(histogram: &Histogram, shard: &str) -> UpdateItemInput {
        let run = Run {
            shard,
            first: &sequence(5),
            last: &sequence(7),
        };
        let update = addition("T", (series(), hour()), histogram, 400, run);
        update.build().unwrap()
    }

    fn one_operation() -> Histogram {
        let mut histogram = Histogram::default();
        histogram.record(120, 2500, Waits::default());
        histogram
    }

    /// The item that an addition to nothing makes, as DynamoDB would.
    fn made_by(update: &UpdateItemInput) -> HashMap<String, AttributeValue> {
        let mut item = update.key().unwrap().clone();
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

    /// Counts and sums as great as they get, in the buckets from 100 ms.
    fn busy(buckets: usize) -> Histogram {
        let mut histogram = Histogram::default();
        for bucket in buckets::bucket(100)..buckets::bucket(100) + buckets {
            histogram.add_to_bucket(bucket, 9_999);
        }
        histogram.add_breaches(9_999_999);
        let sum = 999_999_999_999;
        histogram.add_waits(Waits {
            limiter: sum,
            retry: sum,
            dead_letter: sum,
        });
        histogram
    }

    #[test]
    fn a_busy_item_with_the_marks_of_eight_shards_stays_within_one_kilobyte() {
        let mut item = HashMap::new();
        for shard in 0..8 {
            let shard = format!("shardId-00000001795338000000-a1b2c3d{shard}");
            item.extend(made_by(&add(&busy(55), &shard)));
        }
        let (_, read) = read(&item).unwrap();
        assert_eq!(read, busy(55));
        assert!(size(&item) <= 1024, "{}", size(&item));
    }

    #[test]
    fn an_addition_to_every_bucket_is_no_longer_than_an_expression_may_be() {
        let mut fullest = busy(0);
        for bucket in 0..BUCKETS {
            fullest.add_to_bucket(bucket, 1);
        }
        assert!(
            add(&fullest, "shardId-1")
                .update_expression()
                .unwrap()
                .len()
                <= 4096
        );
    }

    #[test]
    fn an_hour_expires_after_the_days_that_it_is_kept() {
        let kept = 1_795_338_000 + 400 * 24 * 3600;
        assert_eq!(
            made_by(&add(&one_operation(), "shardId-1"))["expires_at"],
            AttributeValue::N(kept.to_string())
        );
    }

    #[test]
    fn an_item_that_someone_spoiled_is_named() {
        let mut item = made_by(&add(&one_operation(), "shardId-1"));
        item.insert("0a".into(), AttributeValue::S("many".into()));
        assert_eq!(read(&item).unwrap_err().attribute, "0a");
    }

    #[test]
    fn a_mark_is_the_last_record_of_its_shard_and_no_other_text() {
        let mut item = made_by(&add(&one_operation(), "shardId-1"));
        item.insert("shardId-2".into(), AttributeValue::S("7".into()));
        let refusal = ConditionalCheckFailedException::builder();
        let refusal = refusal.set_item(Some(item)).build();
        assert_eq!(mark(&refusal, "shardId-1").unwrap(), sequence(7));
        for shard in ["shardId-2", "shardId-3"] {
            let invalid = mark(&refusal, shard).unwrap_err();
            assert_eq!(invalid.sk, "2026-11-22T09");
            assert_eq!(invalid.attribute, shard);
        }
    }

    proptest! {
        #[test]
        fn what_is_added_is_what_is_read(latencies in prop::collection::vec(0..200_000_000_u64, 1..200)) {
            let mut histogram = Histogram::default();
            for millis in latencies {
                let waits = Waits { limiter: millis / 2, retry: millis / 3, dead_letter: millis % 7 };
                histogram.record(millis, 2500, waits);
            }
            let item = made_by(&add(&histogram, "shardId-1"));
            let (at, read) = read(&item).unwrap();
            prop_assert_eq!(at, hour());
            prop_assert_eq!(read, histogram);
        }
    }
}
