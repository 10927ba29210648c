//! Read-only tables made by `build.rs` out of `data/`, and how a word is found in them.

use crate::hash;

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// What a word does in the rules. The reference's lexicon, degree words and negations don't overlap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Unknown, or known only because a rule or a phrase names it.
    Plain,
    /// In the lexicon: has a valence.
    Lexicon,
    /// Strengthens what follows.
    Booster,
    /// Weakens what follows.
    Dampener,
    /// Turns round what follows.
    Negation,
}

/// A word of the tables.
pub struct Entry {
    /// Where the key begins in its table's keys.
    at: u32,
    len: u8,
    /// Identifies the word in rules and phrases.
    pub index: u16,
    /// Valence in tenths.
    pub tenths: i8,
    pub role: Role,
    /// The support list that gives this meaning; `NO_PART` where the word is there for its phrases alone.
    pub part: u8,
}

/// See [`Entry::part`].
pub const NO_PART: u8 = u8::MAX;

/// Words of the support lists that count as one, or the first words of such.
pub struct Phrase {
    /// The word or phrase that is left without the last word.
    before: u16,
    last: u16,
    pub index: u16,
    /// Valence in tenths.
    pub tenths: i8,
    /// The list that has it; `NO_PART` where only longer phrases begin so.
    pub part: u8,
}

impl Phrase {
    /// The phrase that a word or phrase and one word more make.
    #[inline]
    pub fn of(before: u16, last: u16) -> Option<&'static Self> {
        let hash = hash::pair(before.into(), last.into());
        find(&PHRASES_SLOTS, &PHRASES, hash, |phrase| {
            (phrase.before, phrase.last) == (before, last)
        })
    }
}

/// A word as both tables are asked for it, in whatever letter case.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    word: &'a str,
    hash: usize,
}

impl<'a> Key<'a> {
    #[inline]
    pub fn new(word: &'a str) -> Self {
        let hash = hash::word(word.as_bytes());
        Self { word, hash }
    }

    /// The word in the reference's tables.
    #[inline]
    pub fn word(self) -> Option<&'static Entry> {
        find(&WORDS_SLOTS, &WORDS, self.hash, |entry| {
            self.is(entry, WORDS_KEYS)
        })
    }

    /// The word in the support layer's tables.
    #[inline]
    pub fn support(self) -> Option<&'static Entry> {
        find(&SUPPORT_SLOTS, &SUPPORT, self.hash, |entry| {
            self.is(entry, SUPPORT_KEYS)
        })
    }

    fn is(self, entry: &Entry, keys: &str) -> bool {
        let at = entry.at as usize;
        keys[at..at + usize::from(entry.len)].eq_ignore_ascii_case(self.word)
    }
}

#[inline]
fn find<T>(
    slots: &[u16],
    entries: &'static [T],
    hash: usize,
    is: impl Fn(&T) -> bool,
) -> Option<&'static T> {
    let mut slot = hash & (slots.len() - 1);
    loop {
        let entry = &entries[usize::from(slots[slot]).checked_sub(1)?];
        if is(entry) {
            return Some(entry);
        }
        slot = (slot + 1) & (slots.len() - 1);
    }
}

/// An emoji of one code point.
pub struct Emoji {
    character: char,
    /// From where to where its text lies in `EMOJI_TEXTS`, and its words in `EMOJI_WORDS`.
    text: (u16, u16),
    words: (u16, u16),
}

impl Emoji {
    /// The emoji that a character is.
    #[inline]
    pub fn of(character: char) -> Option<&'static Self> {
        if character.is_ascii() {
            return None;
        }
        let hash = hash::pair(character.into(), 0);
        find(&EMOJI_SLOTS, &EMOJI, hash, |emoji| {
            emoji.character == character
        })
    }

    /// The reference's text for it.
    pub fn text(&self) -> &'static str {
        &EMOJI_TEXTS[usize::from(self.text.0)..usize::from(self.text.1)]
    }

    /// The words of its text: each one's place in the reference's tables, and whether it is in capitals.
    #[inline]
    pub fn words(&self) -> impl Iterator<Item = (Option<&'static Entry>, bool)> {
        let words = usize::from(self.words.0)..usize::from(self.words.1);
        EMOJI_WORDS[words].iter().map(|&(index, upper)| {
            (
                usize::from(index).checked_sub(1).map(|at| &WORDS[at]),
                upper,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a lookup costs at most, whatever the text: nothing but the tables decides it.
    #[test]
    fn no_lookup_looks_at_more_than_thirty_slots() {
        for slots in [
            &WORDS_SLOTS[..],
            &SUPPORT_SLOTS[..],
            &PHRASES_SLOTS[..],
            &EMOJI_SLOTS[..],
        ] {
            let full = slots.split(|slot| *slot == 0).map(<[u16]>::len).max();
            assert!(full < Some(30), "{full:?}");
        }
    }
}
