//! A text made plain: what a keyboard, a web page or a hurried hand puts between words is taken out.

use std::borrow::Cow;

use super::{Part, Parts, is_listed};
use crate::table::Emoji;
use crate::words::{PUNCTUATION, Token, tokens};

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

/// Makes a text plain, as far as the parts that are on say.
pub fn plain(text: &str, parts: Parts) -> Cow<'_, str> {
    let text = characters(text, parts);
    if parts.has(Part::Addressees) {
        Cow::Owned(without_addressees(&text))
    } else {
        text
    }
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

/// Puts [`NEUTRAL`] in place of mentions and links. White space becomes single spaces.
fn without_addressees(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for Token { text: token, kinds } in tokens(text) {
        if !out.is_empty() {
            out.push(' ');
        }
        if kinds & PUNCTUATION == 0 {
            out.push_str(token);
            continue;
        }
        let bare = token.trim_start_matches(|c: char| c.is_ascii_punctuation() && c != '@');
        if is_link(bare) {
            out.push(NEUTRAL);
        } else if is_mention(bare) {
            out.push(NEUTRAL);
            let marks = bare.chars().rev().take_while(|c| matches!(c, '!' | '?'));
            out.extend(marks);
        } else {
            out.push_str(token);
        }
    }
    out
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
