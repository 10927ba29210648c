//! Decides what the next transaction adds. Pure.

use std::collections::BTreeMap;

use sla::{Histogram, Hour, SeriesKey};

use crate::record::{Reading, Record, Sequence};

/// The most items that one transaction may write, less the checkpoint's.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub const MAX_HOURS: usize = 99;

/// One transaction: what it adds to which hour, and the checkpoint that it leaves.
#[derive(Debug)]
pub struct Plan {
    /// At most [`MAX_HOURS`].
    pub additions: BTreeMap<(SeriesKey, Hour), Histogram>,
    pub last: Sequence,
    pub counted: Vec<Reading>,
}

/// What of a batch of stream records counts, in the order of their sequences.
pub struct Batch {
    finished: Vec<(Sequence, Vec<Reading>)>,
    uncountable: Vec<(String, String)>,
}

impl Batch {
    pub fn new(records: impl Iterator<Item = Record>) -> Self {
        let mut batch = Self {
            finished: Vec::new(),
            uncountable: Vec::new(),
        };
        for record in records {
            match record {
                Record::Finished { sequence, readings } => {
                    batch.finished.push((sequence, readings));
                }
                Record::Irrelevant => {}
                Record::Uncountable {
                    interaction,
                    reason,
                } => {
                    batch.uncountable.push((interaction, reason));
                }
            }
        }
        batch.finished.sort_by(|(a, _), (b, _)| a.cmp(b));
        batch.finished.dedup_by(|(a, _), (b, _)| a == b);
        batch
    }

    /// Whether there is nothing to count.
    pub fn is_empty(&self) -> bool {
        self.finished.is_empty()
    }

    /// The operations that finished but can't be counted: the interaction and why.
    pub fn uncountable(&self) -> impl Iterator<Item = (&str, &str)> {
        self.uncountable
            .iter()
            .map(|(interaction, reason)| (interaction.as_str(), reason.as_str()))
    }

    /// The next transaction for a shard that is counted up to `checkpoint`; `None` where all of
    /// the batch is. It takes as many records as fit.
    pub fn next(&self, checkpoint: Option<&Sequence>, threshold: u64) -> Option<Plan> {
        let counted = |(sequence, _): &(Sequence, _)| Some(sequence) <= checkpoint;
        let rest = &self.finished[self.finished.partition_point(counted)..];
        let mut plan = Plan {
            additions: BTreeMap::new(),
            last: rest.first()?.0.clone(),
            counted: Vec::new(),
        };
        for (sequence, readings) in rest {
            let key = |reading: &Reading| (reading.observation.series, reading.observation.hour);
            let new = readings
                .iter()
                .filter(|r| !plan.additions.contains_key(&key(r)))
                .count();
            if plan.additions.len() + new > MAX_HOURS {
                break;
            }
            for reading in readings {
                let observation = &reading.observation;
                plan.additions.entry(key(reading)).or_default().record(
                    observation.millis,
                    threshold,
                    observation.waits,
                );
                plan.counted.push(reading.clone());
            }
            plan.last = sequence.clone();
        }
        Some(plan)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sla::{Observation, Operation, Platform, Waits};

    use super::*;

    const THRESHOLD: u64 = 2500;

    fn reading(platform: usize, operation: Operation, hour: i64, millis: u64) -> Reading {
        let start: Hour = "2026-11-22T00".parse().unwrap();
        Reading {
            interaction: "int_1".into(),
            observation: Observation {
                series: SeriesKey {
                    platform: Platform::ALL[platform],
                    operation,
                },
                hour: start.plus(hour),
                millis,
                waits: Waits::default(),
            },
        }
    }

    fn sequence(number: usize) -> Sequence {
        Sequence::new(&number.to_string()).unwrap()
    }

    /// A shard's records in order, their sequences ascending from 1.
    fn shard() -> impl Strategy<Value = Vec<Record>> {
        let finished =
            (0..14_usize, 0..30_i64, 0..100_000_u64).prop_map(|(platform, hour, millis)| {
                vec![
                    reading(platform, Operation::Ingest, hour, 10),
                    reading(platform, Operation::SocialRouting, hour + 1, millis),
                ]
            });
        prop::collection::vec(prop::option::weighted(0.8, finished), 0..300).prop_map(|shard| {
            let number = |(i, readings): (usize, Option<Vec<Reading>>)| match readings {
                Some(readings) => Record::Finished {
                    sequence: sequence(i + 1),
                    readings,
                },
                None => Record::Irrelevant,
            };
            shard.into_iter().enumerate().map(number).collect()
        })
    }

    /// A table as far as this function uses it: commits are atomic and conditional.
    #[derive(Default)]
    struct Table {
        checkpoint: Option<Sequence>,
        hours: BTreeMap<(SeriesKey, Hour), Histogram>,
    }

    impl Table {
        /// Commits unless the checkpoint has moved.
        fn commit(&mut self, read: Option<&Sequence>, plan: &Plan) {
            if self.checkpoint.as_ref() == read {
                for (key, histogram) in &plan.additions {
                    self.hours.entry(*key).or_default().merge(histogram);
                }
                self.checkpoint = Some(plan.last.clone());
            }
        }
    }

    fn count(batch: &Batch, table: &mut Table) {
        while let Some(plan) = batch.next(table.checkpoint.as_ref(), THRESHOLD) {
            assert!(plan.additions.len() <= MAX_HOURS);
            table.commit(table.checkpoint.clone().as_ref(), &plan);
        }
    }

    fn exact(shard: &[Record]) -> BTreeMap<(SeriesKey, Hour), Histogram> {
        let mut hours: BTreeMap<_, Histogram> = BTreeMap::new();
        for record in shard {
            if let Record::Finished { readings, .. } = record {
                for Reading { observation, .. } in readings {
                    let key = (observation.series, observation.hour);
                    let histogram = hours.entry(key).or_default();
                    histogram.record(observation.millis, THRESHOLD, observation.waits);
                }
            }
        }
        hours
    }

    proptest! {
        /// Batches of any cut; after each, a crash may bring everything from an earlier place
        /// again, before or after some of the batch's transactions were committed.
        #[test]
        fn however_batches_are_cut_and_repeated_every_operation_counts_once(
            shard in shard(),
            cuts in prop::collection::vec((1..80_usize, 0..60_usize, 0..3_usize), 0..20),
        ) {
            let mut table = Table::default();
            let mut position = 0;
            for (length, back, commits) in cuts {
                let start = position - position.min(back);
                let end = (start + length).min(shard.len());
                let batch = Batch::new(shard[start..end].iter().cloned());
                // The invocation dies after some commits, so its batch comes again.
                for _ in 0..commits {
                    if let Some(plan) = batch.next(table.checkpoint.as_ref(), THRESHOLD) {
                        table.commit(table.checkpoint.clone().as_ref(), &plan);
                    }
                }
                // Lambda moves on only from where a batch was done with.
                if end > position && batch.next(table.checkpoint.as_ref(), THRESHOLD).is_none() {
                    position = end;
                }
            }
            count(&Batch::new(shard[position..].iter().cloned()), &mut table);
            prop_assert_eq!(table.hours, exact(&shard));
        }

        #[test]
        fn of_two_rivals_that_read_one_checkpoint_only_one_commits(shard in shard()) {
            let mut table = Table::default();
            let batch = Batch::new(shard.iter().cloned());
            let read = table.checkpoint.clone();
            if let Some(plan) = batch.next(read.as_ref(), THRESHOLD) {
                table.commit(read.as_ref(), &plan);
                table.commit(read.as_ref(), &plan);
            }
            count(&batch, &mut table);
            prop_assert_eq!(table.hours, exact(&shard));
        }
    }

    #[test]
    fn what_is_uncountable_is_listed_and_holds_nothing_up() {
        let uncountable = Record::Uncountable {
            interaction: "int_2".into(),
            reason: "why".into(),
        };
        let readings = vec![reading(0, Operation::TicketSync, 0, 5)];
        let finished = Record::Finished {
            sequence: sequence(2),
            readings,
        };
        let batch = Batch::new([uncountable, finished].into_iter());
        assert_eq!(batch.uncountable().collect::<Vec<_>>(), [("int_2", "why")]);
        assert_eq!(batch.next(None, THRESHOLD).unwrap().counted.len(), 1);
    }
}
