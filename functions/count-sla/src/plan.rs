//! Decides what of a batch goes to which hour's item. Pure.

use std::collections::BTreeMap;

use sla::item::Run;
use sla::{Histogram, Hour, Sequence, SeriesKey};

use crate::record::{Reading, Record};

/// What of a batch of stream records counts.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub portions: BTreeMap<(SeriesKey, Hour), Portion>,
    /// The operations that finished but can't be counted: the interaction and why.
    pub uncountable: Vec<(String, String)>,
}

/// What of a batch goes to one hour's item, in the order of its sequences. A record finishes an
/// operation once, so it has no more than one reading for one item.
#[derive(Clone, Debug, Default)]
pub struct Portion(BTreeMap<Sequence, Reading>);

impl Batch {
    pub fn new(records: impl Iterator<Item = Record>) -> Self {
        let mut batch = Self::default();
        for record in records {
            match record {
                Record::Finished { sequence, readings } => {
                    for reading in readings {
                        let key = (reading.observation.series, reading.observation.hour);
                        let Portion(portion) = batch.portions.entry(key).or_default();
                        portion.insert(sequence.clone(), reading);
                    }
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
        batch
    }
}

impl Portion {
    /// Where in its shard it lies; `None` where nothing is left of it.
    pub fn run<'a>(&'a self, shard: &'a str) -> Option<Run<'a>> {
        let (first, _) = self.0.first_key_value()?;
        let (last, _) = self.0.last_key_value()?;
        Some(Run { shard, first, last })
    }

    pub fn readings(&self) -> impl Iterator<Item = &Reading> {
        self.0.values()
    }

    pub fn histogram(&self, threshold: u64) -> Histogram {
        let mut histogram = Histogram::default();
        for Reading { observation, .. } in self.readings() {
            histogram.record(observation.millis, threshold, observation.waits);
        }
        histogram
    }

    /// Drops what is counted where the item's mark is this one.
    pub fn drop_counted(&mut self, mark: &Sequence) {
        self.0.retain(|sequence, _| sequence > mark);
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

    /// A shard's records in order, their sequences ascending from 1: few enough items that each
    /// has several of a batch.
    fn shard() -> impl Strategy<Value = Vec<Record>> {
        let finished =
            (0..2_usize, 0..3_i64, 0..100_000_u64).prop_map(|(platform, hour, millis)| {
                vec![
                    reading(platform, Operation::Ingest, hour, 10),
                    reading(platform, Operation::SocialRouting, hour + 1, millis),
                ]
            });
        prop::collection::vec(prop::option::weighted(0.8, finished), 0..100).prop_map(|shard| {
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

    type Key = (SeriesKey, Hour);

    /// A table as far as this function uses it: an item's addition is atomic and conditional.
    #[derive(Default)]
    struct Table {
        hours: BTreeMap<Key, Histogram>,
        marks: BTreeMap<(Key, String), Sequence>,
        /// What the invocations were told was added.
        told: Vec<(String, SeriesKey, Sequence)>,
    }

    impl Table {
        /// # Errors
        /// The shard's mark, where it isn't lower than the run's first record.
        fn add(&mut self, key: Key, portion: &Portion, run: Run<'_>) -> Result<(), Sequence> {
            let of = (key, run.shard.to_owned());
            match self.marks.get(&of) {
                Some(mark) if mark >= run.first => Err(mark.clone()),
                _ => {
                    let histogram = self.hours.entry(key).or_default();
                    histogram.merge(&portion.histogram(THRESHOLD));
                    self.marks.insert(of, run.last.clone());
                    Ok(())
                }
            }
        }
    }

    /// One run of the function on a batch, between its requests.
    struct Invocation {
        shard: usize,
        /// How far in the shard the batch goes.
        end: usize,
        todo: Vec<(Key, Portion)>,
        failed: bool,
    }

    impl Invocation {
        fn new(shards: &[Vec<Record>], shard: usize, start: usize, end: usize) -> Self {
            let batch = Batch::new(shards[shard][start..end].iter().cloned());
            Self {
                shard,
                end,
                todo: batch.portions.into_iter().collect(),
                failed: false,
            }
        }

        /// Makes one request, which reaches the table so many times: more than once where the SDK
        /// repeats it since its answer was lost.
        fn request(&mut self, table: &mut Table, times: usize, answered: bool) {
            let Some((key, mut portion)) = self.todo.pop() else {
                return;
            };
            let shard = format!("shard {}", self.shard);
            let run = portion.run(&shard).expect("something is left of it");
            let answer = (0..times).map(|_| table.add(key, &portion, run)).last();
            match answer.filter(|_| answered) {
                None => self.failed = true,
                Some(Ok(())) => {
                    let told = portion.0.into_keys().map(|s| (shard.clone(), key.0, s));
                    table.told.extend(told);
                }
                Some(Err(mark)) => {
                    let before = portion.0.len();
                    portion.drop_counted(&mark);
                    assert!(portion.0.len() < before, "it would be refused for ever");
                    if !portion.0.is_empty() {
                        self.todo.push((key, portion));
                    }
                }
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Event {
        /// Lambda hands over a batch that starts so far before the first record that it hasn't
        /// passed, whatever else still runs.
        Batch {
            shard: usize,
            length: usize,
            back: usize,
        },
        /// One of the invocations makes a request. Who never does again was killed.
        Request {
            of: prop::sample::Index,
            times: usize,
            answered: bool,
        },
    }

    fn event() -> impl Strategy<Value = Event> {
        let batch =
            (0..2_usize, 1..60_usize, 0..40_usize).prop_map(|(shard, length, back)| Event::Batch {
                shard,
                length,
                back,
            });
        let times = prop_oneof![1 => Just(0), 8 => Just(1), 1 => Just(2)];
        let request = (
            any::<prop::sample::Index>(),
            times,
            prop::bool::weighted(0.9),
        )
            .prop_map(|(of, times, answered)| Event::Request {
                of,
                times,
                answered,
            });
        prop_oneof![1 => batch, 12 => request]
    }

    fn exact(shards: &[Vec<Record>]) -> BTreeMap<Key, Histogram> {
        let mut hours: BTreeMap<_, Histogram> = BTreeMap::new();
        for record in shards.concat() {
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
        /// Batches of two shards, of any cut and overlap; several invocations on one shard, each
        /// of which may stop between any two requests, and go on long after its batch was passed
        /// by another; requests that fail, written or not.
        #[test]
        fn however_batches_are_cut_and_repeated_every_operation_counts_once(
            shards in prop::collection::vec(shard(), 2),
            events in prop::collection::vec(event(), 0..300),
        ) {
            let mut table = Table::default();
            let mut passed = [0, 0];
            let mut invocations: Vec<Invocation> = Vec::new();
            for event in events {
                match event {
                    Event::Batch { shard, length, back } => {
                        let start = passed[shard] - passed[shard].min(back);
                        let end = (start + length).min(shards[shard].len());
                        invocations.push(Invocation::new(&shards, shard, start, end));
                    }
                    Event::Request { .. } if invocations.is_empty() => {}
                    Event::Request { of, times, answered } => {
                        let invocation = of.get_mut(&mut invocations);
                        invocation.request(&mut table, times, answered);
                        // Lambda moves on only from where an invocation succeeded.
                        if invocation.todo.is_empty() && !invocation.failed {
                            let passed = &mut passed[invocation.shard];
                            *passed = invocation.end.max(*passed);
                        }
                    }
                }
            }
            // In the end the rest comes, and then all that were stopped go on.
            let rest = (0..2).map(|s| Invocation::new(&shards, s, passed[s], shards[s].len()));
            for mut invocation in rest.chain(invocations) {
                while !invocation.todo.is_empty() {
                    invocation.request(&mut table, 1, true);
                }
            }
            prop_assert_eq!(table.hours, exact(&shards));
            table.told.sort();
            prop_assert!(table.told.windows(2).all(|two| two[0] != two[1]));
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
        assert_eq!(batch.uncountable, [("int_2".into(), "why".into())]);
        assert_eq!(batch.portions.len(), 1);
    }
}
