//! A text made plain: what a keyboard, a web page or a hurried hand puts between words is taken out.

use std::borrow::Cow;

use super::{Part, Parts, is_listed};
use crate::table::{Emoji, Key};
use crate::words::{LOWER, Token, UPPER, tokens};

/// What is put in place of a mention, a link or a picture: a word without valence.
const NEUTRAL: char = '@';

const ENTITIES: [(&str, char); 14] = [
    ("&amp;", '&'),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&quot;", '"'),
    ("&apos;", '\''),
    ("&nbsp;", ' '),
    ("&#39;", '\''),
    ("&#039;", '\''),
    ("&#x27;", '\''),
    ("&#34;", '"'),
    ("&#8217;", '\''),
    ("&rsquo;", '\''),
    ("&lsquo;", '\''),
    ("&hellip;", '…'),
];

/// Units that are written on to a number ("3hrs").
const UNITS: [&str; 16] = [
    "h", "hr", "hrs", "hour", "hours", "min", "mins", "minute", "minutes", "day", "days", "wk",
    "wks", "week", "weeks", "months",
];

/// Makes a text plain, as far as the parts that are on say. White space becomes single spaces.
pub fn plain(text: &str, parts: Parts) -> String {
    let text = characters(text, parts);
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for token in tokens(&text) {
        if !out.is_empty() {
            out.push(' ');
        }
        push_token(&mut out, token, parts);
    }
    out
}

/// Typography character by character, and room around emoji that are listed.
fn characters(text: &str, parts: Parts) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|byte| byte.is_ascii() && !matches!(byte, b'&' | b'`'))
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if !parts.has(Part::Typography) {
            push_character(&mut out, character, parts);
            continue;
        }
        match character {
            '&' => {
                let after = rest.as_str();
                let entity = ENTITIES
                    .iter()
                    .find(|(name, _)| after.starts_with(&name[1..]));
                out.push(entity.map_or('&', |(_, character)| *character));
                if let Some((name, _)) = entity {
                    rest = after[name.len() - 1..].chars();
                }
            }
            '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{b4}' | '`' | '\u{ff07}' => {
                out.push('\'');
            }
            '\u{201c}' | '\u{201d}' => out.push('"'),
            // Variation selectors, joiners, the byte order mark and skin tones.
            '\u{fe0e}'
            | '\u{fe0f}'
            | '\u{200b}'..='\u{200d}'
            | '\u{feff}'
            | '\u{1f3fb}'..='\u{1f3ff}' => {}
            _ => push_character(&mut out, character, parts),
        }
    }
    Cow::Owned(out)
}

fn push_character(out: &mut String, character: char, parts: Parts) {
    if parts.has(Part::Emoji) && is_listed(character) {
        out.push(' ');
        out.push(character);
        out.push(' ');
    } else if parts.has(Part::Emoji) && Emoji::of(character).is_some() {
        // A picture without a feeling: the words of its name don't count.
        out.push(' ');
        out.push(NEUTRAL);
        out.push(' ');
    } else {
        out.push(character);
    }
}

fn push_token(out: &mut String, token: Token<'_>, parts: Parts) {
    let Token { text: token, kinds } = token;
    if kinds & !(UPPER | LOWER) == 0 {
        if parts.has(Part::Spacing) {
            push_shortened(out, token);
        } else {
            out.push_str(token);
        }
        return;
    }
    let bare =
        token.trim_start_matches(|c: char| c.is_ascii_punctuation() && !matches!(c, '@' | '#'));
    if parts.has(Part::Addressees) && (is_mention(bare) || is_link(bare)) {
        out.push(NEUTRAL);
        let end = if is_link(bare) { "" } else { bare };
        out.extend(end.chars().rev().take_while(|c| matches!(c, '!' | '?')));
    } else if !parts.has(Part::Spacing) {
        out.push_str(token);
    } else if let Some(tag) = bare.strip_prefix('#') {
        push_hashtag(out, tag);
    } else {
        push_spaced(out, token);
    }
}

fn is_mention(token: &str) -> bool {
    token
        .strip_prefix('@')
        .is_some_and(|name| name.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn is_link(token: &str) -> bool {
    // Most tokens are too short for a `contains` to pay.
    let contains = |part: &[u8]| token.as_bytes().windows(part.len()).any(|at| at == part);
    contains(b"://")
        || token.starts_with("www.")
        || contains(b".com/")
        || token.starts_with("pic.twitter.com")
}

/// `#WorstServiceEver` as three words.
fn push_hashtag(out: &mut String, tag: &str) {
    let mut before_is_lower = false;
    for character in tag.chars() {
        if (before_is_lower && character.is_uppercase()) || character == '_' {
            out.push(' ');
        }
        before_is_lower = character.is_lowercase();
        if character != '_' {
            out.push(character);
        }
    }
}

/// Takes words apart that marks or a unit run together, keeping the marks that count.
fn push_spaced(out: &mut String, token: &str) {
    let letters = token.chars().filter(|c| c.is_alphabetic()).count();
    if letters < 2 || token.len() == letters || is_known(token) {
        push_shortened(out, token);
        return;
    }
    let is_joint = |c| {
        matches!(
            c,
            '.' | ','
                | ';'
                | ':'
                | '!'
                | '?'
                | '…'
                | '–'
                | '—'
                | '/'
                | '-'
                | '+'
                | '*'
                | '~'
                | '|'
                | '&'
                | '"'
                | '('
                | ')'
        )
    };
    let mut rest = token;
    while !rest.is_empty() {
        let end = rest.find(is_joint).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let marks_end = after.find(|c| !is_joint(c)).unwrap_or(after.len());
        let (marks, next) = after.split_at(marks_end);
        push_unit(out, word);
        let short = |word: &str| word.chars().take(2).count() < 2;
        let number = word.ends_with(|c: char| c.is_ascii_digit())
            && next.starts_with(|c: char| c.is_ascii_digit());
        let next_word = &next[..next.find(is_joint).unwrap_or(next.len())];
        if next.is_empty() && word.chars().count() > 2
            || number
            || !next.is_empty() && (short(word) || short(next_word))
        {
            // At the end of a longer word, within a number or an abbreviation, marks do no harm.
            out.push_str(marks);
        } else {
            out.push(' ');
            out.extend(marks.chars().filter(|c| matches!(c, '!' | '?')));
            if marks.contains(['!', '?']) {
                out.push(' ');
            }
        }
        rest = next;
    }
}

/// "3hrs" as two words.
fn push_unit(out: &mut String, word: &str) {
    let digits = word
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(word.len());
    let (number, unit) = word.split_at(digits);
    if !number.is_empty() && UNITS.iter().any(|known| known.eq_ignore_ascii_case(unit)) {
        out.push_str(number);
        out.push(' ');
        out.push_str(unit);
    } else {
        push_shortened(out, word);
    }
}

/// A word with a letter three times or more in a row is shortened to two of it, or else to one, where
/// that makes a known word of it.
fn push_shortened(out: &mut String, word: &str) {
    if is_drawn_out(word) && !is_known(word) {
        for most in [2, 1] {
            let shortened = shorten(word, most);
            if is_known(&shortened) {
                out.push_str(&shortened);
                return;
            }
        }
    }
    out.push_str(word);
}

fn is_drawn_out(word: &str) -> bool {
    word.as_bytes().windows(3).any(|w| {
        w[0].is_ascii_alphabetic()
            && w[0].eq_ignore_ascii_case(&w[1])
            && w[1].eq_ignore_ascii_case(&w[2])
    })
}

/// Leaves runs of one letter, if they are three or longer, at `most`.
fn shorten(word: &str, most: usize) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let run = rest
            .find(|c: char| !c.eq_ignore_ascii_case(&first))
            .unwrap_or(rest.len());
        let kept = if run >= 3 && first.is_ascii_alphabetic() {
            most
        } else {
            run
        };
        out.push_str(&rest[..kept]);
        rest = &rest[run..];
    }
    out
}

/// Whether the tables have a word.
fn is_known(word: &str) -> bool {
    let key = Key::new(word);
    key.word().is_some() || key.support().is_some()
}
