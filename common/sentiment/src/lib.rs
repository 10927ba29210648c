//! How positive or negative a short text is, after VADER.
//!
//! [`polarity`] equals Python's `vaderSentiment` 3.3.2 in all four scores; [`explain`] says what each
//! word gave and why. The rules are those of Hutto and Gilbert, "VADER: A Parsimonious Rule-based
//! Model for Sentiment Analysis of Social Media Text" (ICWSM 2014), as the reference runs them, its
//! slips included. [`support`] puts what support messages need over the same engine, in parts that
//! can be switched off one by one.
//!
//! Pure functions: no I/O, no state, no dependency. The lexicon and the emoji are read-only tables
//! made by `build.rs`, and the time taken is linear in the text's length.
//!
//! - `words`: splitting a text, and what each word is
//! - `valence`: one word's valence among its neighbours
//! - `total`: "but", sums, punctuation, rounding
//! - `emoji`: emoji as words
//! - `support`: the layer for support messages; its lists are `data/support/*.tsv`
//! - `table`, `hash`: the tables and how a word is found

mod emoji;
mod hash;
pub mod support;
mod table;
mod total;
mod valence;
mod words;

use std::borrow::Cow;

use support::{Part, Parts};
use table::Role;
pub use valence::Why;
use words::{Reading, Word};

/// The four scores of a text.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Scores {
    /// From -1 (most negative) to 1 (most positive), four decimals.
    pub compound: f64,
    /// Share of the text that is positive, three decimals.
    pub pos: f64,
    /// Share of the text that is neutral, three decimals.
    pub neu: f64,
    /// Share of the text that is negative, three decimals.
    pub neg: f64,
}

/// Scores a text as `vaderSentiment` 3.3.2 does.
pub fn polarity(text: &str) -> Scores {
    score(text, Parts::NONE)
}

/// What each word gave to a text's scores.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    pub scores: Scores,
    /// The text as it was scored: emoji as words, and what a support layer made of it.
    pub text: String,
    pub words: Vec<Contribution>,
    /// How many exclamation marks were counted; from the fifth on they add nothing.
    pub exclamations: usize,
    /// How many question marks were counted; a single one adds nothing.
    pub questions: usize,
}

/// One word (or phrase, which a support layer takes for one word) and what it gave.
#[derive(Clone, PartialEq, Debug)]
pub struct Contribution {
    pub word: String,
    /// Its own valence, from -4 to 4; 0 for words that carry none.
    pub base: f64,
    /// What the sum got of it.
    pub valence: f64,
    /// From the one to the other, in order.
    pub adjustments: Vec<Adjustment>,
}

/// One step between a word's own valence and what it gave.
#[derive(Clone, PartialEq, Debug)]
pub struct Adjustment {
    /// In plain words, such as `"very" before it`.
    pub reason: String,
    pub before: f64,
    pub after: f64,
}

/// Scores a text as [`polarity`] does and says why.
pub fn explain(text: &str) -> Explanation {
    explain_with(text, Parts::NONE)
}

/// A text made ready for scoring.
fn prepare(text: &str, parts: Parts) -> Cow<'_, str> {
    let text = support::normalise(text, parts);
    if parts.has(Part::Emoji) {
        // The layer has its own way with emoji.
        return text;
    }
    let words = match emoji::to_words(&text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(words) => Some(words),
    };
    words.map_or(text, Cow::Owned)
}

/// Whether some words are in capitals and others aren't.
fn mixed_case(words: &[Word]) -> bool {
    let upper = words.iter().filter(|word| word.upper).count();
    0 < upper && upper < words.len()
}

fn score(text: &str, parts: Parts) -> Scores {
    if parts == Parts::NONE {
        return score_reading(&emoji::read(text));
    }
    let text = prepare(text, parts);
    let mut reading = Reading::new(&text);
    reading.add(&text, parts, |_| {});
    support::apply_lists(&mut reading.words, &text, parts, |_| {});
    score_reading(&reading)
}

fn score_reading(reading: &Reading) -> Scores {
    let words = &reading.words;
    let mixed_case = mixed_case(words);
    let valences = (0..words.len()).map(|i| valence::valence(words, i, mixed_case, &mut ()));
    let marks = (reading.exclamations, reading.questions);
    match words.iter().position(|word| word.index == table::BUT) {
        None => total::score(valences, marks),
        Some(but) => {
            let mut valences: Vec<f64> = valences.collect();
            total::apply_but(&mut valences, but);
            total::score(valences.into_iter(), marks)
        }
    }
}

fn explain_with(text: &str, parts: Parts) -> Explanation {
    let text = prepare(text, parts);
    let mut single = Vec::new();
    let mut reading = Reading::new(&text);
    reading.add(&text, parts, |token| single.push(token));
    let Reading {
        mut words,
        exclamations,
        questions,
    } = reading;
    let mut single = single.into_iter();
    let mut tokens = Vec::new();
    support::apply_lists(&mut words, &text, parts, |count| {
        tokens.push(single.by_ref().take(count).collect::<Vec<_>>().join(" "));
    });
    let mixed_case = mixed_case(&words);

    let mut steps: Vec<Vec<(Why, f64, f64)>> = vec![Vec::new(); words.len()];
    let mut valences: Vec<f64> = (0..words.len())
        .map(|i| valence::valence(&words, i, mixed_case, &mut steps[i]))
        .collect();
    if let Some(but) = words.iter().position(|word| word.index == table::BUT) {
        let before = valences.clone();
        total::apply_but(&mut valences, but);
        for (i, steps) in steps.iter_mut().enumerate() {
            valence::Listener::step(steps, Why::But, before[i], valences[i]);
        }
    }

    let contributions = (0..words.len())
        .map(|i| Contribution {
            word: tokens[i].clone(),
            base: if words[i].role == Role::Lexicon {
                valence::base(words[i])
            } else {
                0.0
            },
            valence: valences[i],
            adjustments: steps[i]
                .iter()
                .map(|&(why, before, after)| Adjustment {
                    reason: reason(why, &tokens),
                    before,
                    after,
                })
                .collect(),
        })
        .collect();
    Explanation {
        scores: total::score(valences.iter().copied(), (exclamations, questions)),
        text: text.into_owned(),
        words: contributions,
        exclamations,
        questions,
    }
}

fn reason(why: Why, tokens: &[String]) -> String {
    match why {
        Why::OnlyNegates => "negates the next word".to_owned(),
        Why::No(at) | Why::Negation(at) => format!("\"{}\" before it negates it", tokens[at]),
        Why::Capitals => "in capitals".to_owned(),
        Why::Degree(at) => format!("\"{}\" before it", tokens[at]),
        Why::So => "\"so\" or \"this\" before it".to_owned(),
        Why::Idiom => "part of an idiom".to_owned(),
        Why::KindOf => "\"kind of\" says how much".to_owned(),
        Why::DegreePhrase => "\"kind of\", \"sort of\" or \"just enough\" before it".to_owned(),
        Why::Least => "\"least\" before it".to_owned(),
        Why::But => "\"but\" in the text".to_owned(),
    }
}
