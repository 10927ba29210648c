//! Splitting a text into words as the reference does, and what each word is.

use std::borrow::Cow;

use crate::support::{Part, Parts};
use crate::table::{Entry, Key, NO_PART, Phrase, Role};

/// A word as the rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// The word's index in the tables, 0 if unknown.
    pub index: u16,
    /// Valence in tenths, where the role is `Lexicon`.
    pub tenths: i8,
    pub role: Role,
    /// Python's `str.isupper`.
    pub upper: bool,
    /// One of the negations, or has "n't" in it.
    pub negates: bool,
    /// The support list that gives its meaning, `NO_PART` if none does.
    pub list: u8,
    /// A negation before it doesn't turn it round: "never answers 🙄", "nobody for 90 minutes".
    pub steady: bool,
}

impl Word {
    /// A word of the reference's tables, or one that they don't have.
    pub fn of(entry: Option<&'static Entry>, upper: bool) -> Self {
        let role = entry.map_or(Role::Plain, |entry| entry.role);
        Self {
            index: entry.map_or(0, |entry| entry.index),
            tenths: entry.map_or(0, |entry| entry.tenths),
            role,
            upper,
            negates: role == Role::Negation,
            list: NO_PART,
            steady: false,
        }
    }
}

// What kinds of characters a token has, as far as something depends on it.
const SPACE: u8 = 1;
const UPPER: u8 = 2;
const LOWER: u8 = 4;
pub const PUNCTUATION: u8 = 8;
const APOSTROPHE: u8 = 16;
const EMPHASIS: u8 = 32;
const NOT_ASCII: u8 = 64;
const OTHER: u8 = 128;

/// The kinds of each byte.
static KINDS: [u8; 256] = {
    let mut kinds = [OTHER; 256];
    let mut byte: u8 = 0;
    loop {
        kinds[byte as usize] = match byte {
            b' ' | b'\t'..=b'\r' | 0x1c..=0x1f => SPACE,
            b'A'..=b'Z' => UPPER,
            b'a'..=b'z' => LOWER,
            b'\'' => PUNCTUATION | APOSTROPHE,
            b'!' | b'?' => PUNCTUATION | EMPHASIS,
            0x80.. => NOT_ASCII,
            _ if byte.is_ascii_punctuation() => PUNCTUATION,
            _ => OTHER,
        };
        if byte == u8::MAX {
            break kinds;
        }
        byte += 1;
    }
};

/// White space as Python's `str.split` knows it: Unicode's, and the four ASCII separators.
pub fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// What stands between white space, and its kinds.
#[derive(Clone, Copy)]
pub struct Token<'a> {
    pub text: &'a str,
    pub kinds: u8,
}

/// The tokens of a text.
#[inline]
pub fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let (start, _) = run(text, rest, true);
        let (end, kinds) = run(text, start, false);
        rest = end;
        (start < end).then(|| Token {
            text: &text[start..end],
            kinds,
        })
    })
}

/// The end of the run of white space, or of anything else, that begins at `at`, and its kinds. Most
/// text is ASCII, so bytes are looked at first.
#[inline]
fn run(text: &str, mut at: usize, of_space: bool) -> (usize, u8) {
    let mut kinds = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        let (kind, len) = match KINDS[usize::from(byte)] {
            NOT_ASCII => kind_of_character(&text[at..]),
            kind => (kind, 1),
        };
        if (kind == SPACE) != of_space {
            break;
        }
        kinds |= kind;
        at += len;
    }
    (at, kinds)
}

/// The kind and the length of the first character, which isn't ASCII.
#[cold]
fn kind_of_character(text: &str) -> (u8, usize) {
    let character = text.chars().next().unwrap_or_default();
    let kind = if is_space(character) {
        SPACE
    } else {
        NOT_ASCII
    };
    (kind, character.len_utf8())
}

impl<'a> Token<'a> {
    /// Takes punctuation off both ends where more than two characters are left (else it's likely an
    /// emoticon).
    fn bare(self) -> Self {
        let bytes = self.text.as_bytes();
        let is_word = |byte: &u8| !byte.is_ascii_punctuation();
        if self.kinds & PUNCTUATION == 0 {
            return self;
        }
        let (Some(start), Some(end)) = (
            bytes.iter().position(is_word),
            bytes.iter().rposition(is_word),
        ) else {
            return self;
        };
        let text = &self.text[start..=end];
        // No character has more than four bytes.
        let long = text.len() > 8
            || (text.len() > 2 && (self.kinds & NOT_ASCII == 0 || text.chars().nth(2).is_some()));
        if long { Self { text, ..self } } else { self }
    }

    /// Python's `str.isupper`.
    fn is_upper(self) -> bool {
        if self.kinds & NOT_ASCII == 0 {
            return self.kinds & (UPPER | LOWER) == UPPER;
        }
        let is_lower = |c: char| c.is_lowercase() || is_titlecase(c);
        self.text.contains(char::is_uppercase) && !self.text.contains(is_lower)
    }

    /// The text as the tables are asked for it. The Kelvin sign is the one character outside ASCII
    /// that lowercases to ASCII alone, and the keys are ASCII or emoji, so no other can change what
    /// is found.
    fn key(self) -> Cow<'a, str> {
        if self.kinds & NOT_ASCII != 0 && self.text.contains('\u{212a}') {
            Cow::Owned(self.text.replace('\u{212a}', "k"))
        } else {
            Cow::Borrowed(self.text)
        }
    }
}

/// A text as the rules see it.
pub struct Reading {
    pub words: Vec<Word>,
    pub exclamations: usize,
    pub questions: usize,
}

impl Reading {
    /// Nothing yet, with room for the words of a text.
    pub fn new(text: &str) -> Self {
        Self {
            words: Vec::with_capacity(text.len() / 5 + 2),
            exclamations: 0,
            questions: 0,
        }
    }

    /// Adds the words and marks of a text. `each` hears the part of it that each word covers.
    pub fn add<'a>(&mut self, text: &'a str, parts: Parts, mut each: impl FnMut(&'a str)) {
        for token in tokens(text) {
            if token.kinds & EMPHASIS != 0 {
                self.add_marks(token.text);
            }
            let token = token.bare();
            self.words.push(classify(token, parts));
            each(token.text);
        }
    }

    /// Adds the exclamation and question marks of a text.
    pub fn add_marks(&mut self, text: &str) {
        for byte in text.bytes() {
            self.exclamations += usize::from(byte == b'!');
            self.questions += usize::from(byte == b'?');
        }
    }
}

/// Looks a token up.
fn classify(token: Token<'_>, parts: Parts) -> Word {
    let text = token.key();
    let key = Key::new(&text);
    let overlay = if parts.any_list() {
        support_entry(key, &text)
    } else {
        None
    };
    let listed = overlay.filter(|entry| parts.has_list(entry.part));
    let meaning = listed.or_else(|| key.word());
    let role = meaning.map_or(Role::Plain, |entry| entry.role);
    let list = listed.map_or(NO_PART, |entry| entry.part);
    Word {
        index: overlay.or(meaning).map_or(0, |entry| entry.index),
        tenths: meaning.map_or(0, |entry| entry.tenths),
        role,
        upper: token.is_upper(),
        negates: role == Role::Negation || (token.kinds & APOSTROPHE != 0 && has_nt(&text)),
        list,
        steady: list == Part::Emoji as u8,
    }
}

/// Every number is the word "#" to the support lists.
fn support_entry(key: Key<'_>, token: &str) -> Option<&'static Entry> {
    key.support().or_else(|| {
        let number = token.starts_with(|c: char| c.is_ascii_digit());
        number.then(|| Key::new("#").support()).flatten()
    })
}

fn has_nt(token: &str) -> bool {
    token
        .as_bytes()
        .windows(3)
        .any(|three| three.eq_ignore_ascii_case(b"n't"))
}

/// Unicode's titlecase letters (Lt), which make Python's `isupper` false and which Rust's standard
/// library doesn't tell apart.
fn is_titlecase(character: char) -> bool {
    matches!(character,
        '\u{1c5}' | '\u{1c8}' | '\u{1cb}' | '\u{1f2}'
        | '\u{1f88}'..='\u{1f8f}' | '\u{1f98}'..='\u{1f9f}' | '\u{1fa8}'..='\u{1faf}'
        | '\u{1fbc}' | '\u{1fcc}' | '\u{1ffc}')
}

/// The longest phrase that begins at the first of `words`: how many words it takes, and the word it is
/// then.
pub fn phrase(words: &[Word], parts: Parts) -> Option<(usize, Word)> {
    let mut before = words.first()?.index;
    let mut longest = None;
    for (len, word) in (2..).zip(&words[1..]) {
        let Some(phrase) = Phrase::of(before, word.index) else {
            break;
        };
        if parts.has_list(phrase.part) {
            longest = Some((len, phrase));
        }
        before = phrase.index;
    }
    longest.map(|(len, phrase)| {
        let word = Word {
            index: phrase.index,
            tenths: phrase.tenths,
            role: if phrase.tenths == 0 {
                Role::Plain
            } else {
                Role::Lexicon
            },
            upper: words[..len].iter().all(|word| word.upper),
            negates: false,
            list: phrase.part,
            steady: phrase.tenths < 0,
        };
        (len, word)
    })
}
