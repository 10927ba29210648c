//! Splitting a text into words as the reference does, and what each word is.

use crate::support::{Part, Parts};
use crate::table::{Entry, Key, NO_PART, PHRASES, Role};

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
    /// Where its phrases begin (see [`Entry::phrases`]).
    phrases: u16,
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
            phrases: 0,
        }
    }
}

/// White space as Python's `str.split` knows it: Unicode's, and the four ASCII separators.
pub fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// The tokens of a text: split at white space, and punctuation taken off both ends where more than
/// two characters are left (else it's likely an emoticon).
pub fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = skip(text, rest, true);
        let end = skip(text, start, false);
        rest = end;
        (start < end).then(|| without_punctuation(&text[start..end]))
    })
}

/// The end of the run of white space, or of anything else, that begins at `at`. Most text is ASCII,
/// so bytes are looked at first.
fn skip(text: &str, mut at: usize, space: bool) -> usize {
    while let Some(&byte) = text.as_bytes().get(at) {
        let (is_space, len) = if byte.is_ascii() {
            (matches!(byte, b' ' | b'\t'..=b'\r' | 0x1c..=0x1f), 1)
        } else {
            let character = text[at..].chars().next().unwrap_or_default();
            (is_space(character), character.len_utf8())
        };
        if is_space != space {
            break;
        }
        at += len;
    }
    at
}

pub fn without_punctuation(token: &str) -> &str {
    let bytes = token.as_bytes();
    let is_word = |byte: &u8| !byte.is_ascii_punctuation();
    let (Some(start), Some(end)) = (
        bytes.iter().position(is_word),
        bytes.iter().rposition(is_word),
    ) else {
        return token;
    };
    let word = &token[start..=end];
    // No character has more than four bytes.
    let long =
        word.len() > 8 || (word.len() > 2 && (word.is_ascii() || word.chars().nth(2).is_some()));
    if long { word } else { token }
}

/// Looks a token up.
pub fn classify(token: &str, parts: Parts) -> Word {
    let (mut lower, mut upper, mut apostrophe) = (false, false, false);
    let key = if token.is_ascii() {
        Key::new(token.bytes().map(|byte| {
            upper |= byte.is_ascii_uppercase();
            lower |= byte.is_ascii_lowercase();
            apostrophe |= byte == b'\'';
            byte.to_ascii_lowercase()
        }))
    } else {
        for character in token.chars() {
            upper |= character.is_uppercase();
            lower |= character.is_lowercase() || is_titlecase(character);
            apostrophe |= character == '\'';
        }
        // The Kelvin sign is the one character outside ASCII that lowercases to ASCII alone, and the
        // keys are ASCII or emoji, so no other can change what is found.
        let token = token.replace('\u{212a}', "k");
        Key::new(token.bytes().map(|byte| byte.to_ascii_lowercase()))
    };
    let overlay = if parts.any_list() {
        support_entry(token, &key)
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
        upper: upper && !lower,
        negates: role == Role::Negation || (apostrophe && has_nt(token)),
        list,
        steady: list == Part::Emoji as u8,
        phrases: overlay.map_or(0, |entry| entry.phrases),
    }
}

/// Every number is the word "#" to the support lists.
fn support_entry(token: &str, key: &Key) -> Option<&'static Entry> {
    key.support().or_else(|| {
        let number = token.starts_with(|c: char| c.is_ascii_digit());
        number
            .then(|| Key::new([b'#'].into_iter()).support())
            .flatten()
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

/// The phrase that begins at the first of `words`: how many words it takes, and the word it is then.
pub fn phrase(words: &[Word], parts: Parts) -> Option<(usize, Word)> {
    let first = words.first()?;
    let group = PHRASES.get(usize::from(first.phrases.checked_sub(1)?)..)?;
    group
        .iter()
        .take_while(|phrase| phrase.words()[0] == first.index)
        .find(|phrase| {
            parts.has_list(phrase.part)
                && words.len() >= phrase.words().len()
                && phrase
                    .words()
                    .iter()
                    .zip(words)
                    .all(|(index, word)| *index == word.index)
        })
        .map(|phrase| {
            let len = phrase.words().len();
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
                phrases: 0,
            };
            (len, word)
        })
}
