//! What customers waited, counted once and within the stated error.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use count_sla::{Config, Counter, Event, Shards};
use e2e::payload::{self, NEUTRAL};
use e2e::stack::{SOON, Stack};
use futures::StreamExt as _;
use futures::future::join_all;
use sandbox::{Faults, RetryAfter};
use serde_json::{Value, json};
use sla::buckets::{RELATIVE_ERROR, bucket};
use sla::{Histogram, Hour, Operation, Platform, SeriesKey};

/// So that some of the test's latencies are breaches.
const THRESHOLD: u64 = 400;

/// What webhooks name, and what it is counted as.
const PLATFORMS: [(&str, &str); 4] = [
    ("facebook", "facebook"),
    ("Twitter", "x"),
    ("instagram", "instagram"),
    ("a platform nobody knows", "other"),
];

/// All that is counted from `first` to `last`, by platform and operation.
async fn counted(stack: &Stack, first: Hour, last: Hour) -> BTreeMap<SeriesKey, Histogram> {
    let all = sla::store::all(&stack.dynamo, stack.table(), first, last)
        .await
        .unwrap();
    let merged = all.into_iter().map(|(series, hours)| {
        let mut whole = Histogram::default();
        for hour in hours.values() {
            whole.merge(hour);
        }
        (series, whole)
    });
    merged.collect()
}

fn total(counted: &BTreeMap<SeriesKey, Histogram>, operation: Operation) -> u64 {
    let of = |(series, _): &(&SeriesKey, &Histogram)| series.operation == operation;
    counted
        .iter()
        .filter(of)
        .map(|(_, histogram)| histogram.total())
        .sum()
}

/// Sends `count` interactions through a chain that fails here and there, each again at random, and
/// kills the counting function now and then. Returns how many there were of each platform.
async fn deliver(stack: &Stack, count: usize) -> BTreeMap<&'static str, u64> {
    let faults = || {
        Faults::none()
            .latency(1, 120)
            .server_error(0.03, 503)
            .answer_lost(0.02)
            .rate_limited(0.01, RetryAfter::Seconds(1))
    };
    stack.sandbox.fault("cxone.tasks", faults());
    stack.sandbox.fault("ticketing.sync", faults());
    let mut sent: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut bodies = Vec::new();
    for number in 0..count {
        let (named, counted_as) = PLATFORMS[fastrand::usize(..PLATFORMS.len())];
        *sent.entry(counted_as).or_default() += 1;
        let mut body = payload::webhook(NEUTRAL);
        body["social_profile"]["platform"] = json!(named);
        bodies.push((number, body));
    }
    let deliveries = bodies.iter().map(async |(number, body)| {
        // Mostly once, sometimes up to four times.
        for _ in 0..=fastrand::usize(..4).saturating_sub(fastrand::usize(..4)) {
            stack.accept(body).await;
        }
        if number % (count / 10) == 0 {
            stack.kill("CountSlaFunction");
        }
    });
    futures::stream::iter(deliveries)
        .buffer_unordered(16)
        .collect::<()>()
        .await;
    // And some long after they were done.
    for (_, body) in bodies.iter().step_by(17) {
        stack.accept(body).await;
    }
    sent
}

async fn counts_are_the_sandboxes_and_percentiles_are_exact_within_the_error(count: usize) {
    let stack = Stack::with(&[
        ("SlaThresholdMilliseconds", &THRESHOLD.to_string()),
        ("BackoffCapSeconds", "1"),
        // Single failures are what this is about, not outages.
        ("BreakerFailures", "10"),
    ])
    .await;
    let mut sent = deliver(&stack, count).await;
    // A second for every two interactions is far more than it takes.
    let patience = SOON + std::time::Duration::from_millis(500) * u32::try_from(count).unwrap();
    stack.drained(patience).await;
    stack.sandbox.clear_faults();
    let items = stack.items("interaction#").await;
    let unfinished: Vec<_> = items
        .iter()
        .filter(|item| item["state"] != "ROUTED" && item["state"] != "SYNCED")
        .map(|item| (&item["sk"], &item["state"], &item["history"]))
        .collect();
    assert!(unfinished.is_empty(), "{unfinished:?}");

    // The stream is in order: when the last one is counted, all before it are, and whatever would
    // have been counted twice.
    let mut last = payload::webhook(NEUTRAL);
    last["social_profile"]["platform"] = json!("telegram");
    stack.accept(&last).await;
    sent.insert("telegram", 1);
    let series = SeriesKey {
        platform: Platform::of("telegram"),
        operation: Operation::TicketSync,
    };
    let counted = stack.until("the last interaction to be counted", patience, async || {
        let now = Hour::of(runtime::clock::now());
        let counted = counted(&stack, now.plus(-2), now.plus(1)).await;
        counted.contains_key(&series).then_some(counted)
    });
    let counted = counted.await;

    let tasks: BTreeSet<_> = stack
        .sandbox
        .tasks()
        .into_iter()
        .filter_map(|task| task.idempotency_key)
        .collect();
    let tickets: BTreeSet<_> = stack
        .sandbox
        .tickets()
        .into_iter()
        .flat_map(|ticket| ticket.interaction_ids)
        .collect();
    assert_eq!(tasks.len(), count + 1);
    assert_eq!(tickets, tasks);
    for operation in Operation::ALL {
        assert_eq!(
            total(&counted, operation),
            tasks.len() as u64,
            "{}",
            operation.as_str()
        );
        for (platform, &sent) in &sent {
            let key = SeriesKey {
                platform: Platform::of(platform),
                operation,
            };
            assert_eq!(
                counted[&key].total(),
                sent,
                "{platform} {}",
                operation.as_str()
            );
        }
    }

    let items = stack.items("interaction#").await;
    for (operation, stage, field) in [
        (Operation::Ingest, "routing", "ingest_ms"),
        (Operation::SocialRouting, "routing", "latency_ms"),
        (Operation::TicketSync, "ticketing", "latency_ms"),
    ] {
        let of_stage = items.iter().filter(|item| item["sk"] == stage);
        let mut exact: Vec<u64> = of_stage.map(|item| item[field].as_u64().unwrap()).collect();
        exact.sort_unstable();
        let mut whole = Histogram::default();
        for (series, histogram) in &counted {
            if series.operation == operation {
                whole.merge(histogram);
            }
        }
        let breaches = exact.iter().filter(|&&millis| millis > THRESHOLD).count();
        assert_eq!(whole.breaches(), breaches as u64, "{}", operation.as_str());
        for percent in [50, 95, 99] {
            let rank = (exact.len() * usize::try_from(percent).unwrap()).div_ceil(100);
            let exact = f64::from(u32::try_from(exact[rank - 1].max(1)).unwrap());
            let told = whole.percentile(percent).unwrap();
            let error = (told - exact).abs() / exact;
            println!(
                "{} p{percent}: {told:.1} for {exact} ms",
                operation.as_str()
            );
            assert!(
                error <= RELATIVE_ERROR * (1.0 + 1e-9),
                "p{percent}: {told} for {exact}"
            );
        }
    }
}

#[tokio::test]
async fn redelivered_interactions_count_once_and_percentiles_are_within_the_error() {
    counts_are_the_sandboxes_and_percentiles_are_exact_within_the_error(200).await;
}

#[tokio::test]
#[ignore = "takes a quarter of an hour: make ten-thousand runs it"]
async fn ten_thousand_redelivered_interactions_count_once_and_percentiles_are_within_the_error() {
    counts_are_the_sandboxes_and_percentiles_are_exact_within_the_error(10_000).await;
}

/// How long the ingest of each of these records took.
const INGEST_MS: u64 = 12;

/// Stream records of one shard: routed interactions over many platforms and hours.
fn shard(records: u64) -> Vec<Value> {
    let record = |number: u64| {
        let platform = Platform::ALL[fastrand::usize(..Platform::ALL.len())];
        let at = 1_795_338_000_000 + 3_600_000 * fastrand::u64(..12);
        json!({"dynamodb": {
            "SequenceNumber": format!("{:030}", 1000 + number),
            "OldImage": {"state": {"S": "CALLING"}},
            "NewImage": {
                "pk": {"S": format!("interaction#int_{number}")}, "sk": {"S": "routing"},
                "state": {"S": "ROUTED"}, "platform": {"S": platform.as_str()},
                "ingest_ms": {"N": INGEST_MS.to_string()}, "latency_ms": {"N": fastrand::u64(..10_000).to_string()},
                "queued_at": {"N": at.to_string()}, "done_at": {"N": at.to_string()},
            },
        }})
    };
    (0..records).map(record).collect()
}

fn counter(stack: &Stack) -> Counter {
    let config = Config {
        table: stack.table().to_owned(),
        threshold: THRESHOLD,
        keep_days: 400,
        shards: Shards::Many,
    };
    Counter::new(stack.dynamo.clone(), config)
}

/// Works through a shard as Lambda does: in order, in batches of any size, each again until it
/// succeeds, and sometimes again although it did.
async fn consume(counter: &Counter, id: &str, records: &[Value]) {
    let mut position = 0;
    while position < records.len() {
        let end = records.len().min(position + fastrand::usize(1..150));
        let event = || Event {
            records: records[position..end].to_vec(),
            shard_id: Some(id.to_owned()),
        };
        while counter.handle(event()).await.is_err() {}
        if fastrand::u8(..4) > 0 {
            position = end;
        }
    }
}

/// Operations and breaches of each hour's item, by its key.
type Counts = BTreeMap<(String, String), (u64, u64)>;

fn exact<'a>(records: impl IntoIterator<Item = &'a Value>) -> Counts {
    let mut exact = Counts::new();
    for record in records {
        let image = &record["dynamodb"]["NewImage"];
        let millis = |name: &str| image[name]["N"].as_str().unwrap().parse::<i64>().unwrap();
        let at = jiff::Timestamp::from_millisecond(millis("done_at")).unwrap();
        let platform = image["platform"]["S"].as_str().unwrap();
        for (operation, field) in [("ingest", "ingest_ms"), ("social_routing", "latency_ms")] {
            let key = (
                format!("sla#{platform}#{operation}"),
                Hour::of(at).to_string(),
            );
            let (total, breaches) = exact.entry(key).or_default();
            *total += 1;
            *breaches += u64::from(u64::try_from(millis(field)).unwrap() > THRESHOLD);
        }
    }
    exact
}

async fn found(stack: &Stack) -> Counts {
    let counts = |item: &Value| {
        let buckets = item
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| name.len() == 2);
        let counts = buckets.filter_map(|(_, count)| count.as_u64());
        (counts.sum(), item["breaches"].as_u64().unwrap_or(0))
    };
    let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
    let items = stack.items("sla#").await;
    items
        .iter()
        .map(|item| ((text(item, "pk"), text(item, "sk")), counts(item)))
        .collect()
}

#[tokio::test]
async fn rivals_on_two_shards_that_cut_them_differently_count_each_record_once() {
    let stack = Stack::start().await;
    // The sequences of both shards are the same.
    let shards = [("shardId-1", shard(400)), ("shardId-2", shard(400))];
    let counters = [counter(&stack), counter(&stack)];
    let consumers = counters.iter().flat_map(|counter| {
        shards
            .iter()
            .map(move |(id, records)| consume(counter, id, records))
    });
    join_all(consumers).await;
    assert_eq!(
        found(&stack).await,
        exact(shards.iter().flat_map(|(_, records)| records))
    );
}

#[tokio::test]
async fn where_an_item_can_not_be_updated_the_others_are_and_what_was_added_is_told_once() {
    let stack = Stack::with(&[("SlaThresholdMilliseconds", &THRESHOLD.to_string())]).await;
    let event = json!({"Records": shard(40)});
    let exact = exact(event["Records"].as_array().unwrap());
    let (spoiled, (withheld, _)) = exact.first_key_value().unwrap();
    assert!(spoiled.0.ends_with("#ingest"), "{spoiled:?}");
    let put = async |value| {
        stack
            .dynamo
            .put_item()
            .table_name(stack.table())
            .item("pk", AttributeValue::S(spoiled.0.clone()))
            .item("sk", AttributeValue::S(spoiled.1.clone()))
            .item(format!("{:02x}", bucket(INGEST_MS)), value)
            .send()
            .await
            .unwrap();
    };
    let told = async || {
        let lines = stack.logs("CountSlaFunction").await;
        let lines = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let values = |line: Value| match &line["Latency"] {
            Value::Null => 0,
            latency => latency.as_array().map_or(1, Vec::len),
        };
        lines.map(values).sum::<usize>() as u64
    };

    put(AttributeValue::S("no number".into())).await;
    let (_, failure) = stack.invoke("CountSlaFunction", &event).await;
    assert!(failure.is_some());
    let mut others = found(&stack).await;
    assert_eq!(others.insert(spoiled.clone(), exact[spoiled]), Some((0, 0)));
    assert_eq!(others, exact);
    assert_eq!(told().await, 80 - withheld);

    put(AttributeValue::N("0".into())).await;
    let (_, failure) = stack.invoke("CountSlaFunction", &event).await;
    assert_eq!(failure, None);
    assert_eq!(found(&stack).await, exact);
    assert_eq!(told().await, 80);
}

#[tokio::test]
async fn an_event_that_names_no_shard_is_refused_where_there_may_be_many() {
    let stack = Stack::start().await;
    let error = counter(&stack)
        .handle(Event {
            records: shard(1),
            shard_id: None,
        })
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("TumblingWindowInSeconds"),
        "{error}"
    );
    assert!(stack.items("sla").await.is_empty());
}

#[tokio::test]
async fn a_record_that_can_not_be_counted_holds_nothing_up() {
    let stack = Stack::start().await;
    let mut records = shard(3);
    records[1]["dynamodb"]["NewImage"]["latency_ms"] = json!({"S": "soon"});
    let event = json!({"Records": records});
    let (answer, failure) = stack.invoke("CountSlaFunction", &event).await;
    assert_eq!(failure, None);
    assert_eq!(answer, json!({"state": {}, "batchItemFailures": []}));
    let first: Hour = "2026-11-22T09".parse().unwrap();
    let counted = counted(&stack, first, first.plus(12)).await;
    assert_eq!(total(&counted, Operation::SocialRouting), 2);
    let logs = stack.logs("CountSlaFunction").await;
    let named = |line: &&String| line.contains("int_1") && line.contains("latency_ms is missing");
    assert_eq!(logs.iter().filter(named).count(), 1, "{logs:?}");
}
