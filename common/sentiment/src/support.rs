//! What support messages need, over the same engine: a text made plain before it is scored, and
//! lists of words and phrases that VADER doesn't know or takes for something else.
//!
//! The lists are `data/support/*.tsv`, each line with its reason; they come from general knowledge of
//! support language. Each [`Part`] can be switched off by itself; what each is worth is measured by
//! `tests/support.rs` and shown in the crate's README.

mod plain;

use std::borrow::Cow;

use crate::table::{Key, NO_PART, Role};
use crate::words::{self, Word};
use crate::{Explanation, Scores};

/// A part of the layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Part {
    /// `emoji.tsv`: emoji that VADER leaves at 0 or scores by the words of their names.
    Emoji,
    /// `courtesy.tsv`: requests, greetings and names of departments are neutral.
    Courtesy,
    /// `trouble.tsv`: what goes wrong in a service.
    Trouble,
    /// `displeasure.tsv`: how customers were treated and what they feel about it.
    Displeasure,
    /// `thanks.tsv`: thanks for something done.
    Thanks,
    /// `praise.tsv`: praise for a service.
    Praise,
    /// `irony.tsv`: praise that is none.
    Irony,
    /// Mentions and links are neutral: "@united" is whom a complaint is for, not +1.8.
    Addressees,
    /// Curly apostrophes, HTML entities, variation selectors, skin tones and joiners are made plain.
    Typography,
    /// In a text that asks ("Is my flight delayed?"), words of trouble count half, and thanks, which
    /// are paid beforehand, nothing.
    Questions,
    /// Beside trouble or displeasure what is positive counts half: it is more often irony, a wish or
    /// politeness than praise ("great, another delay", "best part: nobody answers").
    Contrast,
    /// A negation that turns no word round counts for itself, as "no" does in VADER.
    Negations,
}

impl Part {
    /// All parts, in the order of their definition.
    pub const ALL: [Self; 12] = [
        Self::Emoji,
        Self::Courtesy,
        Self::Trouble,
        Self::Displeasure,
        Self::Thanks,
        Self::Praise,
        Self::Irony,
        Self::Addressees,
        Self::Typography,
        Self::Questions,
        Self::Contrast,
        Self::Negations,
    ];
    /// How many of them are lists, numbered as in the tables.
    const LISTS: u8 = 7;
}

/// The parts of the layer that are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parts(u16);

impl Parts {
    /// Plain VADER.
    pub const NONE: Self = Self(0);
    /// The whole layer.
    pub const ALL: Self = Self((1 << Part::ALL.len()) - 1);

    /// These parts and one more.
    #[must_use]
    pub const fn with(self, part: Part) -> Self {
        Self(self.0 | 1 << part as u8)
    }

    /// These parts but one.
    #[must_use]
    pub const fn without(self, part: Part) -> Self {
        Self(self.0 & !(1 << part as u8))
    }

    /// Whether a part is on.
    pub const fn has(self, part: Part) -> bool {
        self.0 & 1 << part as u8 != 0
    }

    /// Whether any list is on.
    pub(crate) const fn any_list(self) -> bool {
        self.0 & ((1 << Part::LISTS) - 1) != 0
    }

    /// Whether the list of this number in the tables is on.
    pub(crate) const fn has_list(self, list: u8) -> bool {
        list != NO_PART && self.0 & 1 << list != 0
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

/// Whether `emoji.tsv` has this character.
fn is_listed(character: char) -> bool {
    let mut bytes = [0; 4];
    !character.is_ascii()
        && Key::new(character.encode_utf8(&mut bytes))
            .support()
            .is_some_and(|entry| entry.part == Part::Emoji as u8)
}

/// Makes a text plain, as far as the parts that are on say.
pub(crate) fn normalise(text: &str, parts: Parts) -> Cow<'_, str> {
    if parts == Parts::NONE {
        Cow::Borrowed(text)
    } else {
        plain::plain(text, parts)
    }
}

/// What the lists make of the words: each phrase is one word, and in a text that asks, trouble counts
/// half. `taken` hears, for each word that is left, of how many it was made.
pub(crate) fn apply_lists(
    words: &mut Vec<Word>,
    text: &str,
    parts: Parts,
    mut taken: impl FnMut(usize),
) {
    let (mut from, mut to) = (0, 0);
    while from < words.len() {
        let (count, word) = words::phrase(&words[from..], parts).unwrap_or((1, words[from]));
        taken(count);
        words[to] = word;
        from += count;
        to += 1;
    }
    words.truncate(to);
    if parts.has(Part::Negations) {
        count_negations(words);
    }
    if parts.has(Part::Contrast) {
        halve_beside_trouble(words);
    }
    if parts.has(Part::Questions) && text.contains('?') {
        let asks = asks(text);
        for word in words {
            if word.list == Part::Thanks as u8 {
                word.tenths = 0;
            } else if word.list == Part::Trouble as u8 && asks {
                word.tenths /= 2;
            }
        }
    }
}

/// Halves what is positive where a word of trouble or displeasure says that something is wrong.
fn halve_beside_trouble(words: &mut [Word]) {
    const WRONG: i8 = -10;
    let lists = [Part::Trouble as u8, Part::Displeasure as u8];
    let is_wrong = |word: &Word| lists.contains(&word.list) && word.tenths <= WRONG;
    if words.iter().any(is_wrong) {
        for word in words.iter_mut().filter(|word| word.tenths > 0) {
            word.tenths /= 2;
        }
    }
}

/// A negation reaches three words. One that finds no word with valence there says that something
/// isn't as it should be ("I can't change my seat"), and counts, though less than a lone "no".
fn count_negations(words: &mut [Word]) {
    const TENTHS: i8 = -7;
    let mut since_valence = usize::MAX;
    for word in words.iter_mut().rev() {
        since_valence = if word.role == Role::Lexicon {
            0
        } else {
            since_valence.saturating_add(1)
        };
        if word.role == Role::Negation && since_valence > 3 {
            word.role = Role::Lexicon;
            word.tenths = TENTHS;
            word.negates = false;
            word.steady = true;
        }
    }
}

/// Words that open a question about a matter, rather than one that blames ("why", "where", "how").
const OPENERS: [&str; 22] = [
    "any", "anyone", "are", "can", "could", "did", "do", "does", "has", "have", "if", "is", "may",
    "should", "was", "what", "when", "which", "who", "will", "would", "what's",
];

/// Whether a text asks: its first word but for greetings and mentions opens a question, and the text
/// ends in one.
fn asks(text: &str) -> bool {
    let greets = |word: &str| ["hi", "hey", "hello", "so", "and", "please", "ok"].contains(&word);
    let ends = text.trim_end_matches(|c: char| c.is_whitespace() || c == '@');
    ends.ends_with('?')
        && text
            .split_whitespace()
            .take(8)
            .map(|word| {
                word.trim_matches(|c: char| c.is_ascii_punctuation())
                    .to_ascii_lowercase()
            })
            .find(|word| !word.is_empty() && !greets(word))
            .is_some_and(|word| OPENERS.contains(&word.as_str()))
}
