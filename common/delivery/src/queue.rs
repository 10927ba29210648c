//! Sending and hiding messages, in batches of at most ten and one MiB.

use std::ops::Range;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue, SendMessageBatchRequestEntry,
};

use crate::millis::{self, Millis};

/// Entries of one batch: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
const MOST_ENTRIES: usize = 10;

/// Bytes of one batch's messages together, and of one alone: bodies and attributes.
pub const MOST_BYTES: usize = 1_048_576;

/// The longest `DelaySeconds`.
pub const LONGEST_DELAY: u32 = 900;

/// A message stays hidden for 12 hours at most from when it was received, and SQS refuses what goes
/// beyond instead of cutting it. A function runs for 15 minutes at most, so this is always allowed:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>.
const LONGEST_HIDING: Duration = Duration::from_secs((12 * 60 - 15) * 60);

/// The visibility time-out that hides a message until `until`: in whole seconds, rounded up.
pub fn visibility(now: Millis, until: Millis) -> i32 {
    let hidden = millis::until(now, until).min(LONGEST_HIDING);
    i32::try_from(hidden.as_millis().div_ceil(1000)).expect("12 hours of seconds fit")
}

/// A message to send.
#[derive(Clone)]
pub struct Outgoing {
    pub body: String,
    /// Each sent as a `String`.
    pub attributes: Vec<(&'static str, String)>,
    /// Keeps fair queues fair; no order comes with it on a standard queue.
    pub group_id: Option<String>,
    pub delay_seconds: u32,
}

impl Outgoing {
    /// As SQS counts: the body, and of each attribute its name, type and value.
    fn bytes(&self) -> usize {
        let attribute = |(name, value): &(&str, String)| name.len() + "String".len() + value.len();
        self.body.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }
}

/// Cuts messages of these sizes, in their order, into batches that SQS takes. One that is over the
/// limit by itself gets a batch of its own, whose refusal concerns no other.
fn batches(sizes: &[usize]) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (index, size) in sizes.iter().enumerate() {
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST_ENTRIES && bytes + size <= MOST_BYTES => {
                batch.end = index + 1;
                bytes += size;
            }
            _ => {
                batches.push(index..index + 1);
                bytes = *size;
            }
        }
    }
    batches
}

/// One queue.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client,
            url: url.into(),
        }
    }

    /// Sends messages and says of each whether the queue has it.
    pub async fn send(&self, messages: &[Outgoing]) -> Vec<bool> {
        let mut sent = vec![false; messages.len()];
        let sizes: Vec<usize> = messages.iter().map(Outgoing::bytes).collect();
        for batch in batches(&sizes) {
            let entries = batch
                .clone()
                .map(|index| entry(index, &messages[index]))
                .collect();
            let answer = self
                .client
                .send_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries))
                .send()
                .await;
            match answer {
                Ok(answer) => {
                    for done in &answer.successful {
                        if let Some(sent) =
                            done.id.parse().ok().and_then(|i: usize| sent.get_mut(i))
                        {
                            *sent = true;
                        }
                    }
                    for failed in &answer.failed {
                        tracing::warn!(code = failed.code, "a message was not taken by its queue");
                    }
                }
                Err(error) => {
                    let code = code(&error);
                    tracing::warn!(code, messages = batch.len(), "SendMessageBatch failed");
                }
            }
        }
        sent
    }

    /// Sets for how long messages stay hidden: receipt handles and seconds. What fails keeps its
    /// visibility, which is safe: the message comes again, at another time.
    pub async fn hide(&self, messages: &[(&str, i32)]) {
        for batch in messages.chunks(MOST_ENTRIES) {
            let entry = |(index, (receipt, seconds)): (usize, &(&str, i32))| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(*receipt)
                    .visibility_timeout(*seconds)
                    .build()
                    .expect("id and receipt handle are set")
            };
            let answer = self
                .client
                .change_message_visibility_batch()
                .queue_url(&self.url)
                .set_entries(Some(batch.iter().enumerate().map(entry).collect()))
                .send()
                .await;
            match answer {
                Ok(answer) => {
                    for failed in &answer.failed {
                        tracing::warn!(code = failed.code, "a message could not be hidden");
                    }
                }
                Err(error) => {
                    let code = code(&error);
                    tracing::warn!(code, "ChangeMessageVisibilityBatch failed");
                }
            }
        }
    }
}

fn entry(index: usize, message: &Outgoing) -> SendMessageBatchRequestEntry {
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(&message.body)
        .set_message_group_id(message.group_id.clone());
    if message.delay_seconds > 0 {
        let seconds = message.delay_seconds.min(LONGEST_DELAY);
        entry = entry.delay_seconds(i32::try_from(seconds).expect("900 fits"));
    }
    for (name, value) in &message.attributes {
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value)
            .build()
            .expect("the data type is set");
        entry = entry.message_attributes(*name, value);
    }
    entry.build().expect("id and body are set")
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    let code = match error {
        SdkError::ServiceError(_) => error.code().unwrap_or("unknown"),
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection",
        _ => "the answer can't be read",
    };
    code.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_is_hidden_for_whole_seconds_rounded_up() {
        assert_eq!(visibility(0, 1), 1);
        assert_eq!(visibility(0, 1_000), 1);
        assert_eq!(visibility(0, 1_001), 2);
        assert_eq!(visibility(5_000, 4_000), 0);
    }

    #[test]
    fn no_message_is_hidden_beyond_twelve_hours_after_its_receive() {
        let fifteen_minutes = 900;
        assert_eq!(visibility(0, Millis::MAX), 12 * 3600 - fifteen_minutes);
    }

    #[test]
    fn a_delay_over_the_limit_is_cut_to_it() {
        let message = Outgoing {
            body: "{}".to_owned(),
            attributes: vec![("redrives", "3".to_owned())],
            group_id: None,
            delay_seconds: 10_000,
        };
        assert_eq!(entry(0, &message).delay_seconds, Some(900));
        assert_eq!(message.bytes(), 2 + 8 + 6 + 1);
    }

    proptest! {
        #[test]
        fn batches_hold_every_message_once_and_stay_within_both_limits(
            sizes in prop::collection::vec(prop_oneof![1..5_000_usize, 1..1_100_000_usize], 0..60),
        ) {
            let batches = batches(&sizes);
            let all: Vec<usize> = batches.iter().cloned().flatten().collect();
            prop_assert_eq!(all, (0..sizes.len()).collect::<Vec<_>>());
            for batch in batches {
                prop_assert!(batch.len() <= 10);
                let bytes: usize = sizes[batch.clone()].iter().sum();
                prop_assert!(bytes <= 1_048_576 || batch.len() == 1);
            }
        }

        #[test]
        fn a_message_never_comes_back_too_early(now in 0..10_i64.pow(13), wait in 0..40_000_000_i64) {
            prop_assert!(Millis::from(visibility(now, now + wait)) * 1000 >= wait);
        }
    }
}
