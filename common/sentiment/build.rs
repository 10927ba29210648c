//! Turns the files in `data/` into read-only tables, so that nothing is parsed or allocated when a
//! function starts. The output is `tables.rs` in `OUT_DIR`, included by `src/table.rs`.
//!
//! Keys lie end to end in one string and are found through an open-addressing hash table of 16-bit
//! indices: no pointers, so no relocations for the loader to apply either.

use std::collections::BTreeMap;
use std::fmt::{Arguments, Write as _};
use std::fs;
use std::path::Path;

#[path = "src/hash.rs"]
mod hash;

/// Degree words of the reference's `BOOSTER_DICT` that are single words, +0.293.
const BOOSTERS: &str = "absolutely amazingly awfully completely considerable considerably decidedly deeply effing \
    enormous enormously entirely especially exceptional exceptionally extreme extremely fabulously flipping flippin \
    frackin fracking fricking frickin frigging friggin fully fuckin fucking fuggin fugging greatly hella highly \
    hugely incredible incredibly intensely major majorly more most particularly purely quite really remarkably so \
    substantially thoroughly total totally tremendous tremendously uber unbelievably unusually utter utterly very";

/// Degree words of the reference's `BOOSTER_DICT` that are single words, -0.293.
const DAMPENERS: &str = "almost barely hardly kinda kindof kind-of less little marginal marginally occasional \
    occasionally partly scarce scarcely slight slightly somewhat sorta sortof sort-of";

/// The reference's `NEGATE`.
const NEGATIONS: &str = "aint arent cannot cant couldnt darent didnt doesnt ain't aren't can't couldn't daren't \
    didn't doesn't dont hadnt hasnt havent isnt mightnt mustnt neither don't hadn't hasn't haven't isn't mightn't \
    mustn't neednt needn't never none nope nor not nothing nowhere oughtnt shant shouldnt uhuh wasnt werent oughtn't \
    shan't shouldn't uh-uh wasn't weren't without wont wouldnt won't wouldn't rarely seldom despite";

/// Words that a rule names; each becomes a constant with its index.
const NAMED: &str = "no or nor kind of but least at very so this never without doubt the shit bomb bad ass bus stop \
    yeah right kiss death to die for beating heart just enough sort";

/// The support layer's lists, in the order of `support::Part`.
const LISTS: [&str; 6] = [
    "emoji",
    "courtesy",
    "trouble",
    "displeasure",
    "praise",
    "irony",
];

/// What a word does in the rules; the numbers are those of `table::Role`.
const PLAIN: u8 = 0;
const LEXICON: u8 = 1;
const BOOSTER: u8 = 2;
const DAMPENER: u8 = 3;
const NEGATION: u8 = 4;

#[derive(Clone, Copy)]
struct Meaning {
    tenths: i8,
    role: u8,
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/hash.rs");
    println!("cargo::rerun-if-changed=data");
    let mut out = String::new();
    let words = reference_words();
    emit_words(&mut out, &words);
    emit_emoji(&mut out, &words);
    emit_support(&mut out, &words);
    #[expect(
        clippy::disallowed_methods,
        reason = "a build script is told its directory by cargo, in the environment"
    )]
    let directory = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&directory).join("tables.rs"), out).expect("OUT_DIR is writable");
}

fn put(out: &mut String, line: Arguments<'_>) {
    out.write_fmt(line)
        .expect("a string takes whatever is written to it");
    out.push('\n');
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lexicon and the words that the rules know, with their index (from 1; 0 is "unknown word").
fn reference_words() -> BTreeMap<String, (u16, Meaning)> {
    let mut meanings = BTreeMap::new();
    for line in read("data/vader_lexicon.txt")
        .lines()
        .filter(|line| !line.is_empty())
    {
        let mut columns = line.trim().split('\t');
        let (Some(key), Some(valence)) = (columns.next(), columns.next()) else {
            panic!("lexicon: {line}")
        };
        // The reference looks up lowercased words without white space, so it never finds other keys
        // (":D", ":-Þ", "fed up"). Only ASCII is left.
        if key.is_ascii()
            && !key.contains(char::is_whitespace)
            && !key.contains(|c: char| c.is_ascii_uppercase())
        {
            meanings.insert(
                key.to_owned(),
                Meaning {
                    tenths: tenths(valence),
                    role: LEXICON,
                },
            );
        }
    }
    for (list, role) in [
        (BOOSTERS, BOOSTER),
        (DAMPENERS, DAMPENER),
        (NEGATIONS, NEGATION),
    ] {
        for word in list.split_whitespace() {
            let before = meanings.insert(word.to_owned(), Meaning { tenths: 0, role });
            assert!(before.is_none(), "{word} has two roles");
        }
    }
    for word in NAMED.split_whitespace() {
        meanings.entry(word.to_owned()).or_insert(Meaning {
            tenths: 0,
            role: PLAIN,
        });
    }
    (1..)
        .zip(meanings)
        .map(|(index, (key, meaning))| (key, (index, meaning)))
        .collect()
}

/// "-1.5" as -15. Every valence in the data has one decimal.
fn tenths(valence: &str) -> i8 {
    let (whole, decimal) = valence.split_once('.').unwrap_or((valence, "0"));
    assert!(decimal.len() == 1, "{valence}: one decimal");
    let tenths: i8 = format!("{whole}{decimal}")
        .parse()
        .unwrap_or_else(|error| panic!("{valence}: {error}"));
    assert!((-40..=40).contains(&tenths), "{valence}: from -4.0 to 4.0");
    tenths
}

/// Slots of an open-addressing table at most half full: 0 is empty, else an index into the entries.
fn slots<'a>(keys: impl Iterator<Item = (&'a str, u16)>, count: usize) -> Vec<u16> {
    let mut slots = vec![0_u16; (count * 2).next_power_of_two()];
    for (key, index) in keys {
        let mut slot = hash::finish(key.bytes().fold(hash::START, hash::step)) & (slots.len() - 1);
        while slots[slot] != 0 {
            slot = (slot + 1) & (slots.len() - 1);
        }
        slots[slot] = index;
    }
    slots
}

/// Writes keys end to end, and for each where it lies and what it means.
fn emit_entries(out: &mut String, name: &str, entries: &[(&str, String)]) {
    let keys: String = entries.iter().map(|(key, _)| *key).collect();
    put(
        out,
        format_args!("pub static {name}_KEYS: &str = {keys:?};"),
    );
    let mut at = 0;
    let mut rows = String::new();
    for (key, meaning) in entries {
        put(
            &mut rows,
            format_args!("    Entry {{ at: {at}, len: {}, {meaning} }},", key.len()),
        );
        at += key.len();
    }
    put(
        out,
        format_args!(
            "pub static {name}: [Entry; {}] = [\n{rows}];",
            entries.len()
        ),
    );
    let slots = slots(
        (1..).zip(entries).map(|(index, (key, _))| (*key, index)),
        entries.len(),
    );
    put(
        out,
        format_args!(
            "pub static {name}_SLOTS: [u16; {}] = {slots:?};",
            slots.len()
        ),
    );
}

fn emit_words(out: &mut String, words: &BTreeMap<String, (u16, Meaning)>) {
    let entries: Vec<_> = words
        .iter()
        .map(|(key, (index, meaning))| {
            (
                key.as_str(),
                entry_body(*index, meaning.tenths, meaning.role, 0, 0),
            )
        })
        .collect();
    emit_entries(out, "WORDS", &entries);
    for word in NAMED.split_whitespace() {
        put(
            out,
            format_args!(
                "pub const {}: u16 = {};",
                word.to_uppercase(),
                words[word].0
            ),
        );
    }
}

fn entry_body(index: u16, tenths: i8, role: u8, part: u8, phrases: u16) -> String {
    let role = ["Plain", "Lexicon", "Booster", "Dampener", "Negation"][usize::from(role)];
    format!(
        "index: {index}, tenths: {tenths}, role: Role::{role}, part: {part}, phrases: {phrases}"
    )
}

/// Emoji of one code point: the reference looks at single characters, so it never finds the others.
fn emit_emoji(out: &mut String, lexicon: &BTreeMap<String, (u16, Meaning)>) {
    let mut texts = BTreeMap::new();
    for line in read("data/emoji_utf8_lexicon.txt")
        .lines()
        .filter(|line| !line.is_empty())
    {
        let mut columns = line.trim().split('\t');
        let (Some(emoji), Some(text)) = (columns.next(), columns.next()) else {
            panic!("emoji: {line}")
        };
        let mut characters = emoji.chars();
        if let (Some(character), None) = (characters.next(), characters.next()) {
            texts.insert(character, text.to_owned());
        }
    }
    let all: String = texts.values().map(String::as_str).collect();
    put(out, format_args!("pub static EMOJI_TEXTS: &str = {all:?};"));
    let characters: Vec<_> = texts.keys().collect();
    put(
        out,
        format_args!(
            "pub static EMOJI: [char; {}] = {characters:?};",
            characters.len()
        ),
    );
    let (mut at, mut ranges, mut words, mut word_ranges) = (0, vec![0], Vec::new(), vec![0]);
    for text in texts.values() {
        at += text.len();
        ranges.push(at);
        words.extend(
            text.split_whitespace()
                .map(|token| emoji_word(token, lexicon)),
        );
        word_ranges.push(words.len());
    }
    put(
        out,
        format_args!(
            "pub static EMOJI_ENDS: [u16; {}] = {ranges:?};",
            ranges.len()
        ),
    );
    put(
        out,
        format_args!(
            "pub static EMOJI_WORDS: [(u16, bool); {}] = {words:?};",
            words.len()
        ),
    );
    put(
        out,
        format_args!(
            "pub static EMOJI_WORD_ENDS: [u16; {}] = {word_ranges:?};",
            word_ranges.len()
        ),
    );
}

/// A word of an emoji's text: its index in the lexicon or 0, and whether it is in capitals.
fn emoji_word(token: &str, lexicon: &BTreeMap<String, (u16, Meaning)>) -> (u16, bool) {
    let bare = token.trim_matches(|c: char| c.is_ascii_punctuation());
    let word = if bare.chars().count() > 2 {
        bare
    } else {
        token
    };
    assert!(
        !word.contains("n't"),
        "{word}: counts as a negation, and the table can't say so"
    );
    let upper = word.contains(char::is_uppercase) && !word.contains(char::is_lowercase);
    (
        lexicon
            .get(&word.to_lowercase())
            .map_or(0, |(index, _)| *index),
        upper,
    )
}

/// One line of a support list: words, valence, and the part (its list) that switches it.
struct Listed {
    words: Vec<String>,
    tenths: i8,
    part: u8,
}

fn support_lists() -> Vec<Listed> {
    let mut listed = Vec::new();
    for (part, list) in (0..).zip(LISTS) {
        let path = format!("data/support/{list}.tsv");
        for line in read(&path)
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let columns: Vec<_> = line.split('\t').collect();
            let &[phrase, valence, reason] = columns.as_slice() else {
                panic!("{path}: three columns (phrase, valence, reason), not: {line}")
            };
            assert!(!reason.is_empty(), "{path}: {phrase} has no reason");
            assert!(
                !phrase.contains(|c: char| c.is_ascii_uppercase()),
                "{path}: {phrase} is not lowercase"
            );
            let words = phrase.split(' ').map(str::to_owned).collect();
            listed.push(Listed {
                words,
                tenths: tenths(valence),
                part,
            });
        }
    }
    listed
}

/// The overlay of the support layer: every word that its lists name, and its phrases.
fn emit_support(out: &mut String, base: &BTreeMap<String, (u16, Meaning)>) {
    let lists = support_lists();
    let mut next = u16::try_from(base.len()).expect("under 65,536 words");
    let mut index_of = BTreeMap::new();
    for word in lists
        .iter()
        .flat_map(|listed| &listed.words)
        .map(String::as_str)
        .chain(["#"])
    {
        index_of.entry(word).or_insert_with(|| {
            base.get(word).map_or_else(
                || {
                    next += 1;
                    next
                },
                |&(index, _)| index,
            )
        });
    }

    let mut singles = BTreeMap::new();
    let mut phrases = BTreeMap::new();
    for listed in &lists {
        let repeated = if let [word] = listed.words.as_slice() {
            let role = base
                .get(word.as_str())
                .map_or(PLAIN, |(_, meaning)| meaning.role);
            assert!(
                role == PLAIN || role == LEXICON,
                "{word} is a degree word or a negation"
            );
            singles.insert(word.as_str(), listed).is_some()
        } else {
            // Longest first within one first word.
            let key = (
                index_of[listed.words[0].as_str()],
                usize::MAX - listed.words.len(),
                &listed.words,
            );
            phrases.insert(key, listed).is_some()
        };
        assert!(!repeated, "{:?} is listed twice", listed.words);
    }

    let mut group_of = BTreeMap::new();
    let mut rows = String::new();
    let mut phrase_words = Vec::new();
    for (position, (&(first, _, words), listed)) in (1_u16..).zip(&phrases) {
        next += 1;
        group_of.entry(first).or_insert(position);
        let (at, len) = (phrase_words.len(), words.len());
        phrase_words.extend(words.iter().map(|word| index_of[word.as_str()]));
        let Listed { tenths, part, .. } = listed;
        put(
            &mut rows,
            format_args!(
                "    Phrase {{ at: {at}, len: {len}, index: {next}, tenths: {tenths}, part: {part} }},"
            ),
        );
    }
    put(
        out,
        format_args!(
            "pub static PHRASE_WORDS: [u16; {}] = {phrase_words:?};",
            phrase_words.len()
        ),
    );
    put(
        out,
        format_args!(
            "pub static PHRASES: [Phrase; {}] = [\n{rows}];",
            phrases.len()
        ),
    );

    let entries: Vec<_> = index_of
        .iter()
        .map(|(word, index)| {
            let group = group_of.get(index).copied().unwrap_or(0);
            let body = match singles.get(word) {
                Some(listed) => {
                    let role = if listed.tenths == 0 { PLAIN } else { LEXICON };
                    entry_body(*index, listed.tenths, role, listed.part, group)
                }
                None => entry_body(*index, 0, PLAIN, u8::MAX, group),
            };
            (*word, body)
        })
        .collect();
    emit_entries(out, "SUPPORT", &entries);
}
