//! The language of a message.

/// Letters that a text needs before its language can be told.
const ENOUGH_LETTERS: usize = 30;

/// The languages that can be told apart, by their ISO 639-1 codes.
pub const LANGUAGES: [&str; 16] = [
    "ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "nl", "pt", "ru", "sv", "tr", "vi", "zh",
];

/// The language of a text by its ISO 639-1 code, where enough is left to tell once mentions, hashtags
/// and links are gone.
pub fn detect(text: &str) -> Option<&'static str> {
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| !is_address(word))
        .collect();
    let text = words.join(" ");
    // A character of Chinese, Japanese or Korean says as much as some three letters do.
    let letters: usize = text
        .chars()
        .filter(|c| c.is_alphabetic())
        .map(|c| if c >= '\u{2e80}' { 3 } else { 1 })
        .sum();
    (letters >= ENOUGH_LETTERS).then(|| code(whichlang::detect_language(&text)))
}

fn is_address(word: &str) -> bool {
    word.starts_with(['@', '#']) || word.contains("://") || word.starts_with("www.")
}

fn code(language: whichlang::Lang) -> &'static str {
    use whichlang::Lang;
    match language {
        Lang::Ara => "ar",
        Lang::Cmn => "zh",
        Lang::Deu => "de",
        Lang::Eng => "en",
        Lang::Fra => "fr",
        Lang::Hin => "hi",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Nld => "nl",
        Lang::Por => "pt",
        Lang::Rus => "ru",
        Lang::Spa => "es",
        Lang::Swe => "sv",
        Lang::Tur => "tr",
        Lang::Vie => "vi",
    }
}
