//! Reads stream records.
//!
//! Format: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html>

use jiff::Timestamp;
use serde_json::Value;
use sla::{Hour, Observation, Operation, Platform, Sequence, SeriesKey, Waits};

/// An operation of an interaction that a record shows to have finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The interaction's id, for the log.
    pub interaction: String,
    pub observation: Observation,
}

/// What a record means for counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Operations finished. Never empty.
    Finished {
        sequence: Sequence,
        readings: Vec<Reading>,
    },
    /// Nothing finished by this write.
    Irrelevant,
    /// Something finished, but the record lacks what it takes to count it. It would be the same
    /// at the next try, so it is reported and passed over.
    Uncountable { interaction: String, reason: String },
}

/// Reads a stream record: an item that becomes `ROUTED` has finished `ingest` and
/// `social_routing`, one that becomes `SYNCED` has finished `ticket_sync`.
pub fn read(record: &Value) -> Record {
    let change = &record["dynamodb"];
    let (old, new) = (&change["OldImage"], &change["NewImage"]);
    let Some((interaction, finished)) = finished(old, new) else {
        return Record::Irrelevant;
    };
    let operations = finished.iter().map(|source| {
        let observation = source.observation(new)?;
        Ok(Reading {
            interaction: interaction.to_owned(),
            observation,
        })
    });
    let sequence = change["SequenceNumber"]
        .as_str()
        .and_then(Sequence::new)
        .ok_or("SequenceNumber");
    let readings = operations.collect::<Result<_, &str>>();
    match sequence.and_then(|sequence| Ok((sequence, readings?))) {
        Ok((sequence, readings)) => Record::Finished { sequence, readings },
        Err(field) => Record::Uncountable {
            interaction: interaction.to_owned(),
            reason: format!("{field} is missing or malformed"),
        },
    }
}

/// The interaction and what it finished by this write.
fn finished<'a>(old: &Value, new: &'a Value) -> Option<(&'a str, &'static [Source])> {
    let interaction = new["pk"]["S"].as_str()?.strip_prefix("interaction#")?;
    let state = new["state"]["S"].as_str()?;
    if old["state"]["S"].as_str() == Some(state) {
        return None;
    }
    match (new["sk"]["S"].as_str()?, state) {
        ("routing", "ROUTED") => Some((interaction, &[INGEST, SOCIAL_ROUTING])),
        ("ticketing", "SYNCED") => Some((interaction, &[TICKET_SYNC])),
        _ => None,
    }
}

/// Where an item keeps an operation's latency, and when that was.
struct Source {
    operation: Operation,
    millis: &'static str,
    at: &'static str,
    waited: bool,
}

const INGEST: Source = Source {
    operation: Operation::Ingest,
    millis: "ingest_ms",
    at: "queued_at",
    waited: false,
};
const SOCIAL_ROUTING: Source = Source {
    operation: Operation::SocialRouting,
    millis: "latency_ms",
    at: "done_at",
    waited: true,
};
const TICKET_SYNC: Source = Source {
    operation: Operation::TicketSync,
    ..SOCIAL_ROUTING
};

impl Source {
    /// # Errors
    /// The field at fault.
    fn observation(&self, item: &Value) -> Result<Observation, &'static str> {
        let number = |name: &str| item[name]["N"].as_str()?.parse::<i64>().ok();
        // A clock that was set back between two machines gives a latency below zero.
        let millis = |name: &str| number(name).map(|n| u64::try_from(n).unwrap_or(0));
        let at = number(self.at)
            .and_then(|n| Timestamp::from_millisecond(n).ok())
            .ok_or(self.at)?;
        let wait = |name: &str| {
            if self.waited {
                millis(name).unwrap_or(0)
            } else {
                0
            }
        };
        Ok(Observation {
            series: SeriesKey {
                platform: Platform::of(item["platform"]["S"].as_str().ok_or("platform")?),
                operation: self.operation,
            },
            hour: Hour::of(at),
            millis: millis(self.millis).ok_or(self.millis)?,
            waits: Waits {
                limiter: wait("wait_limiter_ms"),
                retry: wait("wait_retry_ms"),
                dead_letter: wait("wait_dlq_ms"),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn routed() -> Value {
        json!({"dynamodb": {
            "SequenceNumber": "000000000000000000420000000001",
            "OldImage": {"state": {"S": "CALLING"}},
            "NewImage": {
                "pk": {"S": "interaction#int_1"}, "sk": {"S": "routing"}, "state": {"S": "ROUTED"},
                "platform": {"S": "facebook"}, "ingest_ms": {"N": "12"}, "latency_ms": {"N": "830"},
                "queued_at": {"N": "1795341599000"}, "done_at": {"N": "1795341600100"},
                "wait_limiter_ms": {"N": "500"},
            },
        }})
    }

    #[test]
    fn a_routed_interaction_finished_ingest_and_routing_each_in_its_hour() {
        let Record::Finished { sequence, readings } = read(&routed()) else {
            panic!("it is countable");
        };
        assert_eq!(Some(sequence), Sequence::new("420000000001"));
        let [ingest, routing] = readings.try_into().unwrap();
        assert_eq!(ingest.observation.series.operation, Operation::Ingest);
        assert_eq!(ingest.observation.hour.to_string(), "2026-11-22T09");
        assert_eq!(ingest.observation.millis, 12);
        assert_eq!(ingest.observation.waits, Waits::default());
        assert_eq!(routing.observation.hour.to_string(), "2026-11-22T10");
        assert_eq!(routing.observation.millis, 830);
        assert_eq!(routing.observation.waits.limiter, 500);
        assert_eq!(routing.interaction, "int_1");
    }

    #[test]
    fn a_synced_interaction_finished_only_ticketing() {
        let mut record = routed();
        record["dynamodb"]["NewImage"]["sk"]["S"] = json!("ticketing");
        record["dynamodb"]["NewImage"]["state"]["S"] = json!("SYNCED");
        let Record::Finished { readings, .. } = read(&record) else {
            panic!("it is countable");
        };
        assert_eq!(readings.len(), 1);
        assert_eq!(
            readings[0].observation.series.operation,
            Operation::TicketSync
        );
    }

    #[test]
    fn a_later_write_to_a_routed_item_finishes_nothing() {
        let mut record = routed();
        record["dynamodb"]["OldImage"]["state"]["S"] = json!("ROUTED");
        assert_eq!(read(&record), Record::Irrelevant);
    }

    #[test]
    fn other_items_and_states_finish_nothing() {
        for (field, value) in [
            ("pk", "sla#facebook#ingest"),
            ("sk", "thread"),
            ("state", "PARKED"),
        ] {
            let mut record = routed();
            record["dynamodb"]["NewImage"][field]["S"] = json!(value);
            assert_eq!(read(&record), Record::Irrelevant, "{field}");
        }
        let expired = json!({"eventName": "REMOVE", "dynamodb": {"OldImage": routed()["dynamodb"]["NewImage"]}});
        assert_eq!(read(&expired), Record::Irrelevant);
    }

    #[test]
    fn a_record_without_a_latency_is_named_and_passed_over() {
        let mut record = routed();
        record["dynamodb"]["NewImage"]["latency_ms"] = json!({"S": "soon"});
        let reason = "latency_ms is missing or malformed".to_owned();
        assert_eq!(
            read(&record),
            Record::Uncountable {
                interaction: "int_1".into(),
                reason
            }
        );
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic(text in "[\\[\\]{}:,\"a-zA-Z0-9]{0,40}", key in "[a-zA-Z]{0,12}") {
            let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
            read(&value);
            read(&json!({"dynamodb": {"NewImage": value, "SequenceNumber": key}}));
        }
    }
}
