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
    /// One more than the position of the first phrase that begins with this word, 0 for none.
    pub phrases: u16,
}

/// See [`Entry::part`].
pub const NO_PART: u8 = u8::MAX;

/// Words of the support lists that count as one.
pub struct Phrase {
    pub words: &'static [u16],
    pub index: u16,
    pub tenths: i8,
    pub part: u8,
}

/// The longest key: a longer token needs no lookup.
pub const LONGEST: usize = 32;

/// A lowercased word with its hash, as both tables are asked for it.
#[derive(Clone, Copy)]
pub struct Key {
    bytes: [u8; LONGEST],
    len: usize,
    hash: u32,
}

impl Key {
    /// The word made of `bytes`; a word over the longest key finds nothing.
    #[inline]
    pub fn new(word: impl Iterator<Item = u8>) -> Self {
        let mut bytes = [0; LONGEST];
        let (mut len, mut hash) = (0, hash::START);
        for byte in word {
            if let Some(slot) = bytes.get_mut(len) {
                *slot = byte;
                hash = hash::step(hash, byte);
            }
            len += 1;
        }
        Self { bytes, len, hash }
    }

    #[inline]
    fn find(&self, slots: &[u16], keys: &str, entries: &'static [Entry]) -> Option<&'static Entry> {
        let word = self.bytes.get(..self.len)?;
        let mut slot = hash::finish(self.hash) & (slots.len() - 1);
        loop {
            let entry = &entries[usize::from(slots[slot]).checked_sub(1)?];
            let at = entry.at as usize;
            if &keys.as_bytes()[at..at + usize::from(entry.len)] == word {
                return Some(entry);
            }
            slot = (slot + 1) & (slots.len() - 1);
        }
    }

    /// The word in the reference's tables.
    #[inline]
    pub fn word(&self) -> Option<&'static Entry> {
        self.find(&WORDS_SLOTS, WORDS_KEYS, &WORDS)
    }

    /// The word in the support layer's tables.
    #[inline]
    pub fn support(&self) -> Option<&'static Entry> {
        self.find(&SUPPORT_SLOTS, SUPPORT_KEYS, &SUPPORT)
    }
}

/// The reference's text for an emoji of one code point.
#[inline]
pub fn emoji_text(character: char) -> Option<&'static str> {
    let position = EMOJI.binary_search(&character).ok()?;
    Some(&EMOJI_TEXTS[usize::from(EMOJI_ENDS[position])..usize::from(EMOJI_ENDS[position + 1])])
}
