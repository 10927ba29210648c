//! The queue's message: body, attributes and fair-queue group, held to what SQS takes.
//!
//! The emulator of the local stack checks none of it. From AWS's reference of `SendMessage`:
//! a message has 1 MiB with its attributes; characters as [`Envelope::to_body`] says; a group id
//! has 1 to 128 letters, digits and punctuation marks, all ASCII; an attribute's value is not
//! empty.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::send_message::SendMessageError;
use aws_sdk_sqs::types::MessageAttributeValue;
use interaction::Envelope;
use sha2::{Digest as _, Sha256};

use crate::config::FairQueueGroup;

/// The most characters that a group id may have.
const GROUP_CHARS: usize = 128;

pub struct Message {
    pub body: String,
    /// Name and value.
    pub attributes: [(&'static str, String); 3],
    pub group: Option<String>,
}

impl Message {
    pub fn new(envelope: &Envelope, traceparent: String, group: FairQueueGroup) -> Self {
        let interaction = &envelope.interaction;
        Self {
            body: envelope.to_body(),
            attributes: [
                ("interaction_id", interaction.interaction_id.to_string()),
                ("received_at", interaction.received_at.to_string()),
                ("traceparent", traceparent),
            ],
            group: match group {
                FairQueueGroup::Platform => {
                    Some(group_id(&interaction.payload.social_profile.platform))
                }
                FairQueueGroup::None => None,
            },
        }
    }

    /// Returns once SQS has the message.
    pub async fn send(
        self,
        client: &Client,
        queue_url: &str,
    ) -> Result<(), SdkError<SendMessageError>> {
        let mut request = client
            .send_message()
            .queue_url(queue_url)
            .message_body(self.body)
            .set_message_group_id(self.group);
        for (name, value) in self.attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .expect("a data type is given");
            request = request.message_attributes(name, value);
        }
        request.send().await.map(|_| ())
    }
}

/// A group id for any text: the text itself where SQS takes it, else what is left of it with a
/// digest that keeps it apart from others.
pub fn group_id(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_graphic();
    if (1..=GROUP_CHARS).contains(&text.len()) && text.chars().all(allowed) {
        return text.to_owned();
    }
    let digest = Sha256::digest(text);
    let suffix = digest[..8]
        .iter()
        .fold(String::from("-"), |hex, b| format!("{hex}{b:02x}"));
    let kept = text.chars().map(|c| if allowed(c) { c } else { '_' });
    kept.take(GROUP_CHARS - suffix.len())
        .chain(suffix.chars())
        .collect()
}
