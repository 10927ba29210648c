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
const LISTS: [&str; 7] = [
    "emoji",
    "courtesy",
    "trouble",
    "displeasure",
    "thanks",
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

/// Writes the slots of an open-addressing table at most half full: 0 is empty, else one more than the
/// position of the entry with this hash.
fn emit_slots(out: &mut String, name: &str, hashes: &[usize]) {
    let mut slots = vec![0_u16; (hashes.len() * 2).next_power_of_two()];
    for (position, hash) in (1..).zip(hashes) {
        let mut slot = hash & (slots.len() - 1);
        while slots[slot] != 0 {
            slot = (slot + 1) & (slots.len() - 1);
        }
        slots[slot] = position;
    }
    let slots: Vec<_> = slots.iter().map(u16::to_string).collect();
    emit_array(out, &format!("{name}_SLOTS"), "u16", &slots);
}

fn emit_array(out: &mut String, name: &str, of: &str, rows: &[String]) {
    let (len, rows) = (rows.len(), rows.join(",\n    "));
    put(
        out,
        format_args!("pub static {name}: [{of}; {len}] = [\n    {rows}\n];"),
    );
}

/// Writes keys end to end, and for each where it lies and what it means.
fn emit_entries(out: &mut String, name: &str, entries: &[(&str, String)]) {
    let keys: String = entries.iter().map(|(key, _)| *key).collect();
    put(
        out,
        format_args!("pub static {name}_KEYS: &str = {keys:?};"),
    );
    let mut at = 0;
    let mut rows = Vec::new();
    for (key, meaning) in entries {
        rows.push(format!(
            "Entry {{ at: {at}, len: {}, {meaning} }}",
            key.len()
        ));
        at += key.len();
    }
    emit_array(out, name, "Entry", &rows);
    let hashes: Vec<_> = entries
        .iter()
        .map(|(key, _)| hash::word(key.as_bytes()))
        .collect();
    emit_slots(out, name, &hashes);
}

fn emit_words(out: &mut String, words: &BTreeMap<String, (u16, Meaning)>) {
    let entries: Vec<_> = words
        .iter()
        .map(|(key, (index, meaning))| {
            (
                key.as_str(),
                entry_body(*index, meaning.tenths, meaning.role, 0),
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

fn entry_body(index: u16, tenths: i8, role: u8, part: u8) -> String {
    let role = ["Plain", "Lexicon", "Booster", "Dampener", "Negation"][usize::from(role)];
    format!("index: {index}, tenths: {tenths}, role: Role::{role}, part: {part}")
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
    let (mut rows, mut all, mut words) = (Vec::new(), String::new(), Vec::new());
    for (character, text) in &texts {
        let (text_at, words_at) = (all.len(), words.len());
        all.push_str(text);
        words.extend(
            text.split_whitespace()
                .map(|token| emoji_word(token, lexicon)),
        );
        rows.push(format!(
            "Emoji {{ character: {character:?}, text: ({text_at}, {}), words: ({words_at}, {}) }}",
            all.len(),
            words.len()
        ));
    }
    put(out, format_args!("pub static EMOJI_TEXTS: &str = {all:?};"));
    emit_array(out, "EMOJI_WORDS", "(u16, bool)", &words);
    emit_array(out, "EMOJI", "Emoji", &rows);
    let hashes: Vec<_> = texts
        .keys()
        .map(|character| hash::pair(u64::from(*character), 0))
        .collect();
    emit_slots(out, "EMOJI", &hashes);
}

/// A word of an emoji's text: its index in the lexicon or 0, and whether it is in capitals.
fn emoji_word(token: &str, lexicon: &BTreeMap<String, (u16, Meaning)>) -> String {
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
    let index = lexicon
        .get(&word.to_lowercase())
        .map_or(0, |(index, _)| *index);
    format!("({index}, {upper})")
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

    let mut meanings = BTreeMap::new();
    let mut phrases = BTreeMap::new();
    for listed in &lists {
        let mut words = listed.words.iter().map(|word| index_of[word.as_str()]);
        let first = words.next().expect("a split has a first part");
        let index = words.fold(first, |before, last| {
            *phrases.entry((before, last)).or_insert_with(|| {
                next += 1;
                next
            })
        });
        let repeated = meanings.insert(index, listed).is_some();
        assert!(!repeated, "{:?} is listed twice", listed.words);
    }

    let mut rows = Vec::new();
    for (&(before, last), index) in &phrases {
        let (tenths, part) = meanings
            .get(index)
            .map_or((0, u8::MAX), |listed| (listed.tenths, listed.part));
        rows.push(format!(
            "Phrase {{ before: {before}, last: {last}, index: {index}, tenths: {tenths}, part: {part} }}"
        ));
    }
    emit_array(out, "PHRASES", "Phrase", &rows);
    let hashes: Vec<_> = phrases
        .keys()
        .map(|&(before, last)| hash::pair(before.into(), last.into()))
        .collect();
    emit_slots(out, "PHRASES", &hashes);

    let entries: Vec<_> = index_of
        .iter()
        .map(|(word, index)| {
            let body = match meanings.get(index) {
                Some(listed) => {
                    let before = base.get(*word).map_or(PLAIN, |(_, meaning)| meaning.role);
                    assert!(
                        before == PLAIN || before == LEXICON,
                        "{word} is a degree word or a negation"
                    );
                    let role = if listed.tenths == 0 { PLAIN } else { LEXICON };
                    entry_body(*index, listed.tenths, role, listed.part)
                }
                None => entry_body(*index, 0, PLAIN, u8::MAX),
            };
            (*word, body)
        })
        .collect();
    emit_entries(out, "SUPPORT", &entries);
}
