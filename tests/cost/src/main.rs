//! `make cost`: what an interaction asks of AWS, counted on the local stack and priced at list.
//!
//! - [`measure`] counts: invocations and log bytes from the functions' logs, CPU time and memory
//!   from their processes, calls and DynamoDB's units from the emulator's notes.
//! - [`bill`] prices.
//! - [`table`] puts both together, and prints them.
//!
//! What the local stack can't show is assumed, and printed with the result.

mod bill;
mod measure;
mod table;

use std::collections::BTreeMap;

use e2e::{Stack, payload};
use measure::{COUNT_SLA, Function, Since, WAY, count};
use runtime::settings;
use sandbox::{Action, Faults};
use serde_json::{Value, json};
use table::Loads;

/// A month's interactions, spread evenly: what decides how many `count-sla` takes at a time.
const A_MONTH: f64 = 1e6;
const MINUTES: f64 = 30.0 * 24.0 * 60.0;

/// Shards of a new on-demand table's stream.
const SHARDS: f64 = 4.0;

/// Platforms in use: each has its own hour items.
const PLATFORMS: [&str; 3] = ["facebook", "instagram", "x"];

const MESSAGE: &str = "I ordered two weeks ago and nobody answers my mails. Where is my parcel? \
    This is really disappointing, I have always been a happy customer.";

#[tokio::main]
async fn main() {
    let meter = settings::required("METER").expect("make cost sets it");
    let stack = unhindered().await;
    table::print(&Loads {
        template: e2e::template::read(),
        lone: lone(&stack, &meter).await,
        bursts: bursts(&stack, &meter).await,
        minute: a_shards_minute(&meter).await,
        retried: retried(&stack, &meter).await,
        saturated: saturated(&meter).await,
    });
}

/// What a number of interactions asked for.
struct Load {
    interactions: f64,
    functions: BTreeMap<&'static str, Function>,
    /// Bytes of an interaction's items: in the ledger, and of its thread.
    ledger_bytes: f64,
    thread_bytes: f64,
    /// Bytes of an interaction's requests to CXone and the ticketing system.
    sent_bytes: f64,
}

impl Load {
    /// A figure of a function, an interaction.
    fn each(&self, function: &str, of: impl Fn(&Function) -> f64) -> f64 {
        of(&self.functions[function]) / self.interactions
    }

    /// A figure of all functions on the way, an interaction.
    fn all(&self, of: impl Fn(&Function) -> f64) -> f64 {
        WAY.iter().map(|name| self.each(name, &of)).sum()
    }

    fn a_batch(&self, function: &str) -> f64 {
        1.0 / self.each(function, |function| function.invocations)
    }
}

/// Delivers `bodies` and measures it, with the functions warm.
async fn load(stack: &Stack, meter: &str, bodies: &[Value], at_once: usize) -> Load {
    let since = Since::now(stack, meter, &WAY);
    let sent = measure::sent_bytes(stack);
    measure::deliver(stack, bodies, at_once).await;
    let stored = async |prefix: &str| {
        let items = stack.items(prefix).await;
        let interactions = count(stack.items("thread#").await.len());
        items.iter().map(bill::stored_bytes).sum::<f64>() / interactions
    };
    Load {
        interactions: count(bodies.len()),
        functions: since.functions().await,
        ledger_bytes: stored("interaction#").await,
        thread_bytes: stored("thread#").await,
        sent_bytes: (measure::sent_bytes(stack) - sent) / count(bodies.len()),
    }
}

fn bodies(count: usize) -> Vec<Value> {
    (0..count).map(|_| payload::webhook(MESSAGE)).collect()
}

/// The limit is on as by default, but no call ever waits for it.
async fn unhindered() -> Stack {
    Stack::with(&[("CxoneCallsPerWindow", "50"), ("LimitWindowSeconds", "1")]).await
}

async fn lone(stack: &Stack, meter: &str) -> Load {
    measure::deliver(stack, &bodies(5), 1).await;
    load(stack, meter, &bodies(40), 1).await
}

async fn bursts(stack: &Stack, meter: &str) -> Load {
    measure::deliver(stack, &bodies(50), 50).await;
    load(stack, meter, &bodies(50), 50).await
}

/// Each first call to CXone is answered 503, and the second one succeeds.
async fn retried(stack: &Stack, meter: &str) -> Load {
    let bodies = bodies(10);
    let since = Since::now(stack, meter, &WAY);
    for body in &bodies {
        let failure = Action::Answer {
            status: 503,
            retry_after: None,
        };
        stack
            .sandbox
            .fault("cxone.tasks", Faults::none().next([failure]));
        measure::deliver(stack, std::slice::from_ref(body), 1).await;
    }
    Load {
        interactions: count(bodies.len()),
        functions: since.functions().await,
        ledger_bytes: 0.0,
        thread_bytes: 0.0,
        sent_bytes: 0.0,
    }
}

/// Three times as many at once as the limit lets through in its window.
async fn saturated(meter: &str) -> Load {
    let stack = Stack::with(&[("CxoneCallsPerWindow", "50"), ("LimitWindowSeconds", "10")]).await;
    measure::deliver(&stack, &bodies(5), 5).await;
    load(&stack, meter, &bodies(150), 150).await
}

/// What `count-sla` does for one shard's share of an average minute; its load is that many
/// interactions.
async fn a_shards_minute(meter: &str) -> Load {
    let interactions = A_MONTH / MINUTES / SHARDS;
    let stack = Stack::start().await;
    let event = |first: usize| {
        let mut event: Value =
            serde_json::from_str(include_str!("../../../events/count-sla-stream.json"))
                .expect("an event is JSON");
        let pair = event["Records"].as_array().cloned().unwrap_or_default();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "about six"
        )]
        let pairs = interactions.ceil() as usize;
        let records = (0..pairs).flat_map(|number| {
            pair.clone()
                .into_iter()
                .enumerate()
                .map(move |(half, mut record)| {
                    let change = &mut record["dynamodb"];
                    change["SequenceNumber"] = json!(format!("{:021}", first + 2 * number + half));
                    change["NewImage"]["platform"]["S"] =
                        json!(PLATFORMS[number % PLATFORMS.len()]);
                    record
                })
        });
        event["Records"] = records.collect();
        event
    };
    stack.invoke(COUNT_SLA, &event(1)).await;
    let since = Since::now(&stack, meter, &[COUNT_SLA]);
    let rounds = 10;
    for round in 1..=rounds {
        let (_, failure) = stack.invoke(COUNT_SLA, &event(round * 1_000)).await;
        assert_eq!(failure, None);
    }
    Load {
        interactions: interactions * count(rounds),
        functions: since.functions().await,
        ledger_bytes: 0.0,
        thread_bytes: 0.0,
        sent_bytes: 0.0,
    }
}
