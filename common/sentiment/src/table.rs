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
    /// Where its words begin in `PHRASE_WORDS`.
    at: u16,
    len: u8,
    pub index: u16,
    pub tenths: i8,
    pub part: u8,
}

impl Phrase {
    /// The indices of its words.
    #[inline]
    pub fn words(&self) -> &'static [u16] {
        let at = usize::from(self.at);
        &PHRASE_WORDS[at..at + usize::from(self.len)]
    }
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

/// An emoji of one code point, by its position in the tables.
#[derive(Clone, Copy)]
pub struct Emoji(usize);

impl Emoji {
    /// The emoji that a character is.
    #[inline]
    pub fn of(character: char) -> Option<Self> {
        if character.is_ascii() {
            None
        } else {
            EMOJI.binary_search(&character).ok().map(Self)
        }
    }

    /// The reference's text for it.
    pub fn text(self) -> &'static str {
        &EMOJI_TEXTS[usize::from(EMOJI_ENDS[self.0])..usize::from(EMOJI_ENDS[self.0 + 1])]
    }

    /// The words of its text: each one's place in the reference's tables, and whether it is in capitals.
    #[inline]
    pub fn words(self) -> impl DoubleEndedIterator<Item = (Option<&'static Entry>, bool)> {
        let words = usize::from(EMOJI_WORD_ENDS[self.0])..usize::from(EMOJI_WORD_ENDS[self.0 + 1]);
        EMOJI_WORDS[words].iter().map(|&(index, upper)| {
            (
                usize::from(index).checked_sub(1).map(|at| &WORDS[at]),
                upper,
            )
        })
    }
}
