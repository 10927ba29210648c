//! Payloads as CXone would send them. Pure: time and randomness are arguments.

use interaction::{Attachment, Message, Payload, Profile};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::examples::{self, EXAMPLES};

/// The most interactions that one request sends.
pub const MOST: u32 = 500;
/// The most bytes that one request sends, which all are in memory at once.
pub const MOST_BYTES: usize = 20_000_000;
/// The longest that sending them may take. The API waits 29 s, and the last answer may take
/// [`crate::send::TIMEOUT`].
pub const LONGEST_SECONDS: f64 = 20.0;
/// A text that makes a body larger than any stack takes.
const TOO_LARGE_BYTES: usize = 1_100_000;

/// A request to send. Everything is optional; an empty one sends the tutorial's message.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SendRequest {
    /// Such as `facebook`, which is the default.
    pub platform: Option<String>,
    /// What the customer writes; goes before `mood`.
    pub text: Option<String>,
    /// One of [`EXAMPLES`].
    pub mood: Option<String>,
    pub profile: Option<ProfileRequest>,
    pub contact_id: Option<String>,
    /// The thread to continue.
    pub thread_id: Option<String>,
    pub attachments: Option<Vec<Attachment>>,
    /// 1 to [`MOST`].
    pub count: Option<u32>,
    /// Interactions a second; all at once where it is left out.
    pub rate: Option<f64>,
    #[serde(rename = "break")]
    pub breakage: Option<Breakage>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileRequest {
    pub user_id: Option<String>,
    pub display_name: Option<String>,
    pub avatar_url: Option<String>,
}

/// How to spoil what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breakage {
    /// A required field is missing.
    Malformed,
    WrongSignature,
    /// Each one is delivered twice.
    Duplicate,
    /// Of each pair in one thread, the later message comes first.
    OutOfOrder,
    /// A text over every limit.
    TooLarge,
}

impl Breakage {
    /// The status that the webhook gives to what is spoilt so.
    pub fn expected_status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::WrongSignature => 401,
            Self::TooLarge => 413,
            Self::Duplicate | Self::OutOfOrder => 202,
        }
    }
}

/// Why a request can't be carried out.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Unusable {
    pub field: &'static str,
    pub reason: String,
}

fn unusable(field: &'static str, reason: impl Into<String>) -> Unusable {
    Unusable {
        field,
        reason: reason.into(),
    }
}

/// The payloads that a request asks for, in the order in which they happened.
pub fn payloads(
    request: &SendRequest,
    now: Timestamp,
    random: &mut fastrand::Rng,
) -> Result<Vec<Payload>, Unusable> {
    let count = request.count.unwrap_or(1);
    if !(1..=MOST).contains(&count) {
        return Err(unusable("count", format!("must be from 1 to {MOST}")));
    }
    if let Some(rate) = request.rate
        && (!rate.is_finite() || rate <= 0.0 || f64::from(count) / rate > LONGEST_SECONDS)
    {
        let reason = format!("must be positive, and count / rate at most {LONGEST_SECONDS} s");
        return Err(unusable("rate", reason));
    }
    let example = match request.mood.as_deref() {
        None => &EXAMPLES[0],
        Some(mood) => examples::of_mood(mood).ok_or_else(|| {
            let moods: Vec<_> = EXAMPLES.iter().map(|e| e.mood).collect();
            unusable("mood", format!("must be one of {}", moods.join(", ")))
        })?,
    };
    let text = request.text.as_deref().unwrap_or(example.text);
    // Pairs that come out of order must share their thread, or there is no order to break.
    let thread = request.thread_id.clone().or_else(|| {
        (request.breakage == Some(Breakage::OutOfOrder))
            .then(|| format!("thread_{}", hex12(random)))
    });
    let bytes = match request.breakage {
        Some(Breakage::TooLarge) => TOO_LARGE_BYTES,
        _ => text.len(),
    };
    if bytes * count as usize > MOST_BYTES {
        let reason = format!("so many of this size are over {MOST_BYTES} bytes");
        return Err(unusable("count", reason));
    }
    // Each says that it was written when it is sent, and no two at once.
    let apart = request.rate.map_or(0.001, |rate| (1.0 / rate).max(0.001));
    let payloads = (0..count).map(|n| {
        let at = now + SignedDuration::from_secs_f64(apart * f64::from(n));
        let picture = example.attachment;
        one(request, text, picture, thread.as_deref(), at, random)
    });
    Ok(payloads.collect())
}

fn one(
    request: &SendRequest,
    text: &str,
    with_picture: bool,
    thread: Option<&str>,
    at: Timestamp,
    random: &mut fastrand::Rng,
) -> Payload {
    let profile = request.profile.clone().unwrap_or_default();
    let user_id = profile.user_id.unwrap_or_else(|| "fb_user_98765".into());
    let tutorial = request.mood.is_none() && request.text.is_none();
    let picture = || Attachment {
        url: "https://example.com/image.png".into(),
        media_type: "image/png".into(),
        size_bytes: 24_500,
    };
    let attachments = request.attachments.clone().unwrap_or_else(|| {
        if with_picture || tutorial {
            vec![picture()]
        } else {
            Vec::new()
        }
    });
    Payload {
        contact_id: request
            .contact_id
            .clone()
            .unwrap_or_else(|| format!("social_{}", hex12(random))),
        thread_id: thread.map_or_else(|| format!("thread_{}", hex12(random)), Into::into),
        social_profile: Profile {
            platform: request
                .platform
                .clone()
                .unwrap_or_else(|| "facebook".into()),
            user_id: user_id.clone(),
            display_name: profile
                .display_name
                .unwrap_or_else(|| "Test Customer".into()),
            avatar_url: Some(
                profile
                    .avatar_url
                    .unwrap_or_else(|| "https://example.com/avatar.png".into()),
            ),
        },
        messages: vec![Message {
            text: text.into(),
            from_id: user_id,
            timestamp: at,
        }],
        media_attachments: attachments,
        event_timestamp: at,
    }
}

fn hex12(random: &mut fastrand::Rng) -> String {
    format!("{:012x}", random.u64(..1 << 48))
}

/// One delivery: a body, and whether its signature is right.
pub struct Delivery {
    pub body: String,
    pub rightly_signed: bool,
}

/// What goes over the wire, in the order in which it goes.
pub fn deliveries(payloads: &[Payload], breakage: Option<Breakage>) -> Vec<Delivery> {
    let bodies = payloads.iter().map(body);
    let right = |body| Delivery {
        body,
        rightly_signed: true,
    };
    match breakage {
        None => bodies.map(right).collect(),
        Some(Breakage::Malformed) => bodies
            .map(|b| right(b.replacen("\"contact_id\"", "\"contact\"", 1)))
            .collect(),
        Some(Breakage::WrongSignature) => bodies
            .map(|body| Delivery {
                body,
                rightly_signed: false,
            })
            .collect(),
        Some(Breakage::Duplicate) => bodies.flat_map(|b| [right(b.clone()), right(b)]).collect(),
        Some(Breakage::OutOfOrder) => bodies.rev().map(right).collect(),
        Some(Breakage::TooLarge) => payloads
            .iter()
            .map(|payload| {
                let mut large = payload.clone();
                large.messages[0].text = "x".repeat(TOO_LARGE_BYTES);
                right(body(&large))
            })
            .collect(),
    }
}

fn body(payload: &Payload) -> String {
    serde_json::to_string(payload).expect("a payload always serialises")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T09:48:00Z".parse().unwrap()
    }

    fn generate(request: &SendRequest) -> Vec<Payload> {
        payloads(request, now(), &mut fastrand::Rng::with_seed(7)).unwrap()
    }

    #[test]
    fn an_empty_request_makes_the_tutorials_message() {
        let all = generate(&SendRequest::default());
        let [payload] = all.as_slice() else {
            panic!("one payload")
        };
        assert_eq!(
            payload.messages[0].text,
            "This is a test message with neutral sentiment."
        );
        assert_eq!(payload.social_profile.platform, "facebook");
        assert_eq!(payload.media_attachments.len(), 1);
        let id = payload.contact_id.strip_prefix("social_").unwrap();
        assert!(id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit()));
        let id = payload.thread_id.strip_prefix("thread_").unwrap();
        assert!(id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    }

    #[test]
    fn every_mood_makes_its_text() {
        for example in EXAMPLES {
            let request = SendRequest {
                mood: Some(example.mood.into()),
                ..SendRequest::default()
            };
            assert_eq!(generate(&request)[0].messages[0].text, example.text);
        }
    }

    #[test]
    fn out_of_order_sends_the_latest_of_a_thread_first() {
        let request = SendRequest {
            count: Some(3),
            breakage: Some(Breakage::OutOfOrder),
            ..SendRequest::default()
        };
        let payloads = generate(&request);
        assert!(
            payloads
                .iter()
                .all(|p| p.thread_id == payloads[0].thread_id)
        );
        let sent = deliveries(&payloads, request.breakage);
        assert_eq!(sent[0].body, body(&payloads[2]));
    }

    #[test]
    fn a_duplicate_is_the_same_to_the_byte() {
        let sent = deliveries(
            &generate(&SendRequest::default()),
            Some(Breakage::Duplicate),
        );
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[0].body, sent[1].body);
    }

    #[test]
    fn a_count_or_rate_out_of_bounds_is_refused_by_name() {
        for (count, rate, field) in [
            (0, None, "count"),
            (MOST + 1, None, "count"),
            (100, Some(1.0), "rate"),
            (1, Some(f64::NAN), "rate"),
            (1, Some(-1.0), "rate"),
        ] {
            let request = SendRequest {
                count: Some(count),
                rate,
                ..SendRequest::default()
            };
            let Err(error) = payloads(&request, now(), &mut fastrand::Rng::with_seed(1)) else {
                panic!("{count} at {rate:?} was taken")
            };
            assert_eq!(error.field, field);
        }
    }

    #[test]
    fn what_would_not_fit_into_memory_is_refused() {
        let request = SendRequest {
            count: Some(19),
            breakage: Some(Breakage::TooLarge),
            ..SendRequest::default()
        };
        let refused = payloads(&request, now(), &mut fastrand::Rng::with_seed(1));
        assert_eq!(refused.err().unwrap().field, "count");
    }

    #[test]
    fn at_a_rate_each_is_written_when_it_is_sent() {
        let request = SendRequest {
            count: Some(3),
            rate: Some(2.0),
            ..SendRequest::default()
        };
        let at = generate(&request)[2].event_timestamp;
        assert_eq!(at, now() + SignedDuration::from_secs(1));
    }

    proptest! {
        #[test]
        fn interactions_of_a_burst_are_all_different(seed: u64, count in 1..50_u32) {
            let request = SendRequest { count: Some(count), ..SendRequest::default() };
            let payloads = payloads(&request, now(), &mut fastrand::Rng::with_seed(seed)).unwrap();
            let mut ids: Vec<_> = payloads.iter().map(interaction::InteractionId::derive).collect();
            ids.sort();
            ids.dedup();
            prop_assert_eq!(ids.len(), count as usize);
        }
    }
}
