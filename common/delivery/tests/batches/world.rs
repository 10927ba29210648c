//! A queue and a ledger of their own in the emulated AWS, and a sandbox.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use delivery::parked::{Parked, SentBack, send_back};
use delivery::store::{Attributes, Key, Store, record};
use delivery::{Delivery, Item, Policy, Settings, Thresholds};
use interaction::{Envelope, InteractionId};
use sandbox::Sandbox;
use serde_json::{Value, json};
use stack::account::Account;
use stack::shared;

use crate::proxy::Proxy;
use crate::stage::{Creating, UPSTREAM};

const TABLE: &str = "ledger";
/// Enough for whatever a test waits for.
pub const MANY: Duration = Duration::from_secs(60);

pub struct World {
    pub sandbox: Sandbox,
    pub proxy: Proxy,
    delivery: Arc<Delivery<Creating>>,
    dynamo: aws_sdk_dynamodb::Client,
    store: Store,
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
}

impl World {
    pub async fn start() -> Self {
        Self::with(|_, _| {}).await
    }

    /// With other settings or another stage than the tests': quick retries, no limit, and a breaker
    /// that stays closed.
    pub async fn with(change: impl FnOnce(&mut Settings, &mut Creating)) -> Self {
        let account = shared::account().await.unwrap();
        let sdk = account.sdk_config().await;
        let dynamo = aws_sdk_dynamodb::Client::new(&sdk);
        shared::create_ledger(&dynamo, TABLE).await.unwrap();
        let sqs = aws_sdk_sqs::Client::new(&sdk);
        let queue = sqs.create_queue().queue_name("work").send().await.unwrap();
        let queue_url = queue.queue_url.unwrap();

        let sandbox = Sandbox::start(sandbox::Config::default()).await.unwrap();
        let mut stage = Creating::new(&sandbox.url).await;
        let mut settings = Settings {
            table: TABLE.to_owned(),
            queue_url: queue_url.clone(),
            call_timeout: Duration::from_secs(1),
            limit: None,
            thresholds: Thresholds {
                failures: 10,
                first_interval: 200,
            },
            policy: Policy {
                max_attempts: 10,
                backoff_base: Duration::from_millis(1),
                backoff_cap: Duration::from_secs(1),
            },
            sla_threshold: 2_500,
            ledger_days: 30,
        };
        change(&mut settings, &mut stage);
        let proxy = Proxy::start(&account.endpoint).await;
        let through = Account {
            endpoint: proxy.url.clone(),
            id: account.id,
        };
        Self {
            sandbox,
            delivery: Delivery::new(stage, &through.sdk_config().await, settings, None),
            proxy,
            store: Store::new(dynamo.clone(), TABLE),
            dynamo,
            sqs,
            queue_url,
        }
    }

    /// Queues an interaction of a thread; gives its id.
    pub async fn send(&self, thread: &str, text: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        // As text they are in the order in which they are sent.
        let id = format!("int_{:03}", NEXT.fetch_add(1, Ordering::Relaxed));
        let now = runtime::clock::now();
        let payload = json!({
            "contact_id": format!("contact_{id}"),
            "thread_id": thread,
            "social_profile": {
                "platform": "facebook", "user_id": "fb_user_98765", "display_name": "Test Customer",
            },
            "messages": [{"text": text, "from_id": "fb_user_98765", "timestamp": now.to_string()}],
            "event_timestamp": now.to_string(),
        });
        let payload = serde_json::from_value(payload).unwrap();
        let envelope = Envelope::new(payload, InteractionId::new(&id).unwrap(), now);
        let send = self.sqs.send_message().queue_url(&self.queue_url);
        send.message_body(envelope.to_body()).send().await.unwrap();
        id
    }

    /// Waits until so many messages could be received, and gives them as Lambda would.
    pub async fn receive(&self, count: usize) -> Batch {
        let batch = self.receive_at_least(count).await;
        assert_eq!(batch.interactions.len(), count);
        batch
    }

    /// Waits for any messages.
    pub async fn receive_some(&self) -> Batch {
        self.receive_at_least(1).await
    }

    async fn receive_at_least(&self, count: usize) -> Batch {
        let started = runtime::clock::instant();
        let mut records = Vec::new();
        let mut interactions = HashMap::new();
        while records.len() < count {
            assert!(started.elapsed() < MANY, "{} messages came", records.len());
            let received = self
                .sqs
                .receive_message()
                .queue_url(&self.queue_url)
                .max_number_of_messages(10)
                .wait_time_seconds(1)
                .message_system_attribute_names(MessageSystemAttributeName::All)
                .message_attribute_names("All")
                .send()
                .await
                .unwrap();
            for message in received.messages.unwrap_or_default() {
                let attributes: HashMap<_, _> = message
                    .attributes
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(name, value)| (name.as_str().to_owned(), value))
                    .collect();
                let sent_with: serde_json::Map<_, _> = message
                    .message_attributes
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(name, value)| (name, json!({"stringValue": value.string_value})))
                    .collect();
                let body = message.body.unwrap();
                let envelope = Envelope::parse(&body).unwrap();
                let id = envelope.interaction.interaction_id.to_string();
                interactions.insert(id, message.message_id.clone().unwrap());
                records.push(json!({
                    "messageId": message.message_id,
                    "receiptHandle": message.receipt_handle,
                    "body": body,
                    "attributes": attributes,
                    "messageAttributes": sent_with,
                    "eventSource": "aws:sqs",
                }));
            }
        }
        Batch {
            event: json!({"Records": records}),
            interactions,
        }
    }

    /// Has the batch handled, deletes from the queue what Lambda would delete, and gives the
    /// answer as Lambda gets it.
    pub async fn handle(&self, batch: &Batch, time_left: Duration) -> Value {
        let event: SqsEvent = serde_json::from_value(batch.event.clone()).unwrap();
        let answer = self.delivery.handle(event, Some(time_left)).await;
        let answer = serde_json::to_value(answer).unwrap();
        let kept = answer.to_string();
        self.delete(batch, |id| !kept.contains(id)).await;
        answer
    }

    /// Deletes messages of a batch, chosen by their SQS ids.
    pub async fn delete(&self, batch: &Batch, chosen: impl Fn(&str) -> bool) {
        for record in batch.event["Records"].as_array().unwrap() {
            if chosen(record["messageId"].as_str().unwrap()) {
                let receipt = record["receiptHandle"].as_str().unwrap();
                let delete = self.sqs.delete_message().queue_url(&self.queue_url);
                // Of a batch that comes twice they are gone already.
                let _ = delete.receipt_handle(receipt).send().await;
            }
        }
    }

    /// Receives so many messages and has them handled, with all the time that it takes.
    pub async fn run(&self, count: usize) -> (Batch, Value) {
        let batch = self.receive(count).await;
        let answer = self.handle(&batch, MANY).await;
        (batch, answer)
    }

    /// The ledger's item of an interaction.
    pub async fn item(&self, id: &str) -> Option<Item> {
        let key = Key::interaction(id, "routing");
        let item = self.read(&key).await?;
        Some(record(&key, item).unwrap())
    }

    /// The items that hold the parts of a parked interaction's long body.
    pub async fn parts(&self, id: &str, count: usize) -> Vec<Attributes> {
        let mut parts = Vec::new();
        for number in 0..count {
            let key = Key::interaction(id, &format!("routing#body#{number}"));
            parts.push(self.read(&key).await.unwrap());
        }
        parts
    }

    /// Sends a parked interaction back, as the operator's tool does.
    pub async fn send_back(&self, id: &str) {
        let parked = Parked {
            pk: Key::interaction(id, "").pk,
            sk: "routing".to_owned(),
            stage: "routing".to_owned(),
            parked_at: 0,
            reason: String::new(),
            status: None,
            attempts: 0,
        };
        let sent = send_back(&self.dynamo, TABLE, &self.sqs, &self.queue_url, &parked).await;
        assert_eq!(sent.unwrap(), SentBack::Yes);
    }

    /// The ledger's item of the upstream, with its limiter and its breaker.
    pub async fn gate(&self) -> Attributes {
        self.read(&Key::upstream(UPSTREAM)).await.unwrap()
    }

    async fn read(&self, key: &Key) -> Option<Attributes> {
        let mut found = self.store.read(std::slice::from_ref(key)).await.unwrap();
        found.remove(key)
    }

    /// How often the sandbox was called for an interaction.
    pub fn calls(&self, id: &str) -> usize {
        let calls = self.sandbox.calls("cxone.tasks");
        let of_it = |call: &&sandbox::CallRecord| call.idempotency_key.as_deref() == Some(id);
        calls.iter().filter(of_it).count()
    }

    /// The interactions that have a task, in order, as often as they have one.
    pub fn routed(&self) -> Vec<String> {
        let tasks = self.sandbox.tasks().into_iter();
        let mut ids: Vec<String> = tasks.map(|task| task.idempotency_key.unwrap()).collect();
        ids.sort_unstable();
        ids
    }
}

/// Messages that were received.
pub struct Batch {
    event: Value,
    /// The SQS id of each interaction's message.
    interactions: HashMap<String, String>,
}

impl Batch {
    /// The answer that keeps the messages of these interactions in the queue, in the batch's order:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
    pub fn failures(&self, ids: &[&String]) -> Value {
        let kept: Vec<&String> = ids.iter().map(|&id| &self.interactions[id]).collect();
        let records = self.event["Records"].as_array().unwrap().iter();
        let failures: Vec<Value> = records
            .map(|record| &record["messageId"])
            .filter(|id| kept.iter().any(|kept| *id == kept.as_str()))
            .map(|id| json!({"itemIdentifier": id}))
            .collect();
        assert_eq!(failures.len(), ids.len());
        json!({"batchItemFailures": failures})
    }
}
