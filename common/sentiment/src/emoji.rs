//! Emoji as words.

use std::borrow::Cow;

use crate::support::Parts;
use crate::table::emoji_text;

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
        let description = if character.is_ascii() || parts.keeps_emoji(character) {
            None
        } else {
            emoji_text(character)
        };
        if let Some(description) = description {
            words.push_str(&text[copied..at]);
            if !after_space {
                words.push(' ');
            }
            words.push_str(description);
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
