//! Identities of what a thread has told the ticketing system.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use interaction::{InteractionId, Message};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

const LENGTH: usize = 8;

/// The identity of a message, an attachment or an interaction within its thread: the first 8 bytes
/// of a SHA-256 digest.
///
/// Short, since a thread's ledger item holds one for everything it has told. That two of a
/// thread's 4,096 marks are the same by chance has a probability of 5 in 10^13.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark([u8; LENGTH]);

impl Mark {
    /// A message is the same where thread, sender, instant and text are.
    pub fn message(thread_id: &str, message: &Message) -> Self {
        let instant = message.timestamp.as_nanosecond().to_be_bytes();
        let (sender, text) = (message.from_id.as_bytes(), message.text.as_bytes());
        Self::of(&[b"message", thread_id.as_bytes(), sender, &instant, text])
    }

    /// An attachment is the same where thread and URL are.
    pub fn attachment(thread_id: &str, url: &str) -> Self {
        Self::of(&[b"attachment", thread_id.as_bytes(), url.as_bytes()])
    }

    /// That an interaction itself, with its task, was told.
    pub fn interaction(thread_id: &str, id: &InteractionId) -> Self {
        let id = id.as_str().as_bytes();
        Self::of(&[b"interaction", thread_id.as_bytes(), id])
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut mark = [0; LENGTH];
        mark.copy_from_slice(&hash.finalize()[..LENGTH]);
        Self(mark)
    }
}

/// Marks in the order in which they were last mentioned. Serialises as one base64 text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<Mark>);

impl Marks {
    pub fn iter(&self) -> impl Iterator<Item = Mark> {
        self.0.iter().copied()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts `marks` at the end, whether they are new or old, and forgets the oldest beyond `most`.
    pub fn mention(&mut self, marks: &[Mark], most: usize) {
        let mentioned: std::collections::HashSet<_> = marks.iter().collect();
        self.0.retain(|mark| !mentioned.contains(mark));
        self.0.extend(marks);
        self.0.drain(..self.0.len().saturating_sub(most));
    }
}

impl FromIterator<Mark> for Marks {
    fn from_iter<T: IntoIterator<Item = Mark>>(marks: T) -> Self {
        Self(marks.into_iter().collect())
    }
}

impl Serialize for Marks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|mark| mark.0).collect();
        serializer.serialize_str(&BASE64_STANDARD_NO_PAD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Marks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD_NO_PAD
            .decode(text.as_bytes())
            .map_err(|_| de::Error::custom("must be base64 without padding"))?;
        let (marks, []) = bytes.as_chunks::<LENGTH>() else {
            return Err(de::Error::custom("must hold whole marks of 8 bytes"));
        };
        Ok(marks.iter().map(|mark| Mark(*mark)).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(text: &str, from_id: &str, second: i64) -> Message {
        Message {
            text: text.into(),
            from_id: from_id.into(),
            timestamp: jiff::Timestamp::from_second(second).unwrap(),
        }
    }

    #[test]
    fn a_message_of_another_thread_sender_instant_or_text_is_another() {
        let mark = Mark::message("t", &message("hello", "u", 1));
        assert_eq!(mark, Mark::message("t", &message("hello", "u", 1)));
        for other in [
            Mark::message("x", &message("hello", "u", 1)),
            Mark::message("t", &message("hello!", "u", 1)),
            Mark::message("t", &message("hello", "v", 1)),
            Mark::message("t", &message("hello", "u", 2)),
            Mark::message("tu", &message("hello", "", 1)),
        ] {
            assert_ne!(mark, other);
        }
    }

    #[test]
    fn the_least_recently_mentioned_is_forgotten_first() {
        let [a, b, c] = ["a", "b", "c"].map(|url| Mark::attachment("t", url));
        let mut marks: Marks = [a, b].into_iter().collect();
        marks.mention(&[a, c], 2);
        assert_eq!(marks, [a, c].into_iter().collect());
    }

    #[test]
    fn a_damaged_text_is_an_error() {
        for damaged in [r#""AAAA""#, r#""?""#, "7"] {
            assert!(serde_json::from_str::<Marks>(damaged).is_err(), "{damaged}");
        }
    }

    proptest! {
        #[test]
        fn marks_survive_being_stored(bytes in prop::collection::vec(any::<[u8; LENGTH]>(), 0..40)) {
            let marks: Marks = bytes.into_iter().map(Mark).collect();
            let stored = serde_json::to_string(&marks).unwrap();
            prop_assert_eq!(serde_json::from_str::<Marks>(&stored).unwrap(), marks);
        }
    }
}
