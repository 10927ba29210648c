//! Emoji as words.

use std::borrow::Cow;

use crate::support::Parts;
use crate::table::Emoji;
use crate::words::{Reading, Word, is_space};

/// Replaces every emoji of one code point by the reference's text for it, with a space before it
/// unless one is there or the text begins with it, and none after it.
pub fn to_words(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut words = String::new();
    let mut copied = 0;
    let mut after_space = true;
    for (at, character) in text.char_indices() {
        if let Some(emoji) = Emoji::of(character) {
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

/// Reads a text as [`to_words`] would have it. The text of an emoji is much longer than the emoji, so
/// its words come from a table: a text of nothing else would take three times as long otherwise.
pub fn read(text: &str) -> Reading {
    let mut reading = Reading::new(text);
    if text.is_ascii() {
        reading.add(text, Parts::NONE, |_| {});
        return reading;
    }
    // The emoji before the run of other characters that begins at `start`.
    let mut before = None;
    let mut start = 0;
    for (at, character) in text.char_indices() {
        if let Some(emoji) = Emoji::of(character) {
            add_run(&mut reading, before, &text[start..at]);
            before = Some(emoji);
            start = at + character.len_utf8();
        }
    }
    add_run(&mut reading, before, &text[start..]);
    reading
}

/// Adds the words of an emoji and of the characters up to the next one. What follows the emoji
/// without a space belongs to its last word.
fn add_run(reading: &mut Reading, emoji: Option<&Emoji>, run: &str) {
    let Some(emoji) = emoji else {
        return reading.add(run, Parts::NONE, |_| {});
    };
    let words = emoji.words().map(|(entry, upper)| Word::of(entry, upper));
    reading.words.extend(words);
    reading.add_marks(emoji.text());
    let (glued, run) = run.split_at(run.find(is_space).unwrap_or(run.len()));
    if !glued.is_empty() {
        reading.words.pop();
        let last = emoji.text().rsplit(' ').next().unwrap_or_default();
        reading.add(&format!("{last}{glued}"), Parts::NONE, |_| {});
    }
    reading.add(run, Parts::NONE, |_| {});
}
