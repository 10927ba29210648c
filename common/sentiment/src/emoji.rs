//! Emoji as words.

use std::borrow::Cow;

use crate::support::Parts;
use crate::table::Emoji;
use crate::words::{Word, classify, is_space, tokens, without_punctuation};

/// Replaces every emoji of one code point by the reference's text for it, with a space before it
/// unless one is there or the text begins with it, and none after it.
pub fn to_words(text: &str, parts: Parts) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut words = String::new();
    let mut copied = 0;
    let mut after_space = true;
    for (at, character) in text.char_indices() {
        let emoji = if parts.keeps_emoji(character) {
            None
        } else {
            Emoji::of(character)
        };
        if let Some(emoji) = emoji {
            words.push_str(&text[copied..at]);
            if !after_space {
                words.push(' ');
            }
            words.push_str(emoji.text());
            copied = at + character.len_utf8();
        }
        after_space = character == ' ';
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    words.push_str(&text[copied..]);
    Cow::Owned(words)
}

/// The words of a text as [`to_words`] would have it, and how many exclamation marks the emoji add.
/// The text of an emoji is much longer than the emoji, so its words come from a table: a text of
/// nothing else would take three times as long otherwise.
pub fn read(text: &str) -> (Vec<Word>, usize) {
    let mut words = Vec::with_capacity(text.len() / 5 + 2);
    let mut exclamations = 0;
    // The emoji before the run of other characters that begins at `start`.
    let mut before = None;
    let mut start = 0;
    for (at, character) in text.char_indices() {
        if let Some(emoji) = Emoji::of(character) {
            push_run(&mut words, before, &text[start..at]);
            exclamations += emoji.text().bytes().filter(|byte| *byte == b'!').count();
            before = Some(emoji);
            start = at + character.len_utf8();
        }
    }
    push_run(&mut words, before, &text[start..]);
    (words, exclamations)
}

/// Adds the words of an emoji and of the characters up to the next one. What follows the emoji
/// without a space belongs to its last word.
fn push_run(words: &mut Vec<Word>, emoji: Option<Emoji>, run: &str) {
    let mut run = run;
    if let Some(emoji) = emoji {
        words.extend(emoji.words().map(|(entry, upper)| Word::of(entry, upper)));
        let end = run.find(is_space).unwrap_or(run.len());
        if end > 0 {
            words.pop();
            let last = emoji.text().rsplit(' ').next().unwrap_or_default();
            let glued = format!("{last}{}", &run[..end]);
            words.push(classify(without_punctuation(&glued), Parts::NONE));
            run = &run[end..];
        }
    }
    words.extend(tokens(run).map(|token| classify(token, Parts::NONE)));
}
