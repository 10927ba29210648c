//! What support messages need, over the same engine.

use std::borrow::Cow;

use crate::words::{self, Word};
use crate::{Explanation, Scores};

/// The parts of the layer that are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parts(u16);

impl Parts {
    /// Plain VADER.
    pub const NONE: Self = Self(0);
    /// The whole layer.
    pub const ALL: Self = Self(u16::MAX);

    pub(crate) fn any_words(self) -> bool {
        self.0 != 0
    }
    pub(crate) fn has_list(self, list: u8) -> bool {
        self.0 & (1 << list) != 0
    }
    pub(crate) fn keeps_emoji(self, _character: char) -> bool {
        false
    }
}

/// Scores a text as [`crate::polarity`] does, with the parts of the layer that are on.
pub fn polarity(text: &str, parts: Parts) -> Scores {
    crate::score(text, parts)
}

/// Scores a text as [`polarity`] does and says why.
pub fn explain(text: &str, parts: Parts) -> Explanation {
    crate::explain_with(text, parts)
}

pub(crate) fn normalise(text: &str, _parts: Parts) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

/// Takes each phrase for one word. `taken` hears, for each word that is left, of how many it was made.
pub(crate) fn join_phrases(words: &mut Vec<Word>, parts: Parts, mut taken: impl FnMut(usize)) {
    let (mut from, mut to) = (0, 0);
    while from < words.len() {
        let (count, word) = words::phrase(&words[from..], parts).unwrap_or((1, words[from]));
        taken(count);
        words[to] = word;
        from += count;
        to += 1;
    }
    words.truncate(to);
}
