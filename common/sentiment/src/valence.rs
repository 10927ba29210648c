//! The valence of one word among its neighbours: the reference's rules, in its order of operations,
//! since the order decides the last digits.

use crate::table::{self as word_is, Role};
use crate::words::Word;

/// Added to a word by a degree word before it.
const BOOST: f64 = 0.293;
/// Added to a word in capitals among words that aren't.
const CAPITALS: f64 = 0.733;
/// What a negation makes of a valence.
const NEGATED: f64 = -0.74;

/// Why a valence changed; a number is the position of the word that changed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// A "no" that negates the next word has no valence of its own.
    OnlyNegates,
    /// A "no" before it.
    No(usize),
    /// In capitals, and others aren't.
    Capitals,
    /// A degree word before it.
    Degree(usize),
    /// A negation before it.
    Negation(usize),
    /// "never so", "never this", or a "so" or "this" directly before it.
    So,
    /// One of the reference's idioms, which sets the valence.
    Idiom,
    /// It is the "kind" of "kind of".
    KindOf,
    /// "kind of", "sort of" or "just enough" before it.
    DegreePhrase,
    /// "least" before it.
    Least,
    /// It stands before or after a "but".
    But,
}

/// Hears of every step; `()` hears nothing and costs nothing.
pub trait Listener {
    fn step(&mut self, why: Why, before: f64, after: f64);
}

impl Listener for () {
    fn step(&mut self, _: Why, _: f64, _: f64) {}
}

impl Listener for Vec<(Why, f64, f64)> {
    fn step(&mut self, why: Why, before: f64, after: f64) {
        if before.to_bits() != after.to_bits() {
            self.push((why, before, after));
        }
    }
}

/// A word's own valence.
pub fn base(word: Word) -> f64 {
    f64::from(word.tenths) / 10.0
}

/// The valence of `words[i]`, which `mixed_case` texts raise where it is in capitals.
pub fn valence(words: &[Word], i: usize, mixed_case: bool, listener: &mut impl Listener) -> f64 {
    let word = words[i];
    if word.role != Role::Lexicon {
        return 0.0;
    }
    let before = |distance: usize| i.checked_sub(distance).map_or(0, |at| words[at].index);
    let base = base(word);
    let mut valence = base;
    let mut step = |why, before: f64, after: f64| {
        listener.step(why, before, after);
        after
    };

    if word.index == word_is::KIND
        && words
            .get(i + 1)
            .is_some_and(|next| next.index == word_is::OF)
    {
        return step(Why::KindOf, valence, 0.0);
    }
    if word.index == word_is::NO
        && words
            .get(i + 1)
            .is_some_and(|next| next.role == Role::Lexicon)
    {
        valence = step(Why::OnlyNegates, valence, 0.0);
    }
    let no = if before(1) == word_is::NO {
        Some(1)
    } else if before(2) == word_is::NO {
        Some(2)
    } else if before(3) == word_is::NO && matches!(before(1), word_is::OR | word_is::NOR) {
        Some(3)
    } else {
        None
    };
    if let Some(distance) = no.filter(|_| !word.steady) {
        valence = step(Why::No(i - distance), valence, base * NEGATED);
    }
    if word.upper && mixed_case {
        let raised = if valence > 0.0 {
            valence + CAPITALS
        } else {
            valence - CAPITALS
        };
        valence = step(Why::Capitals, valence, raised);
    }

    for distance in 1..=3.min(i) {
        let neighbour = words[i - distance];
        if neighbour.role == Role::Lexicon {
            continue;
        }
        let degree = degree(neighbour, valence, mixed_case) * [1.0, 0.95, 0.9][distance - 1];
        valence = step(Why::Degree(i - distance), valence, valence + degree);
        let (why, factor) = negation(words, i, distance);
        if !(word.steady && factor < 0.0) {
            valence = step(why, valence, valence * factor);
        }
        if distance == 3 {
            if let Some(idiom) = idiom(words, i) {
                valence = step(Why::Idiom, valence, idiom);
            }
            for degree in degree_phrases(words, i) {
                valence = step(Why::DegreePhrase, valence, valence + degree);
            }
        }
    }

    if before(1) == word_is::LEAST && !matches!(before(2), word_is::AT | word_is::VERY) {
        valence = step(Why::Least, valence, valence * NEGATED);
    }
    valence
}

/// What a degree word adds to the valence after it.
fn degree(word: Word, valence: f64, mixed_case: bool) -> f64 {
    let degree = match word.role {
        Role::Booster => BOOST,
        Role::Dampener => -BOOST,
        Role::Plain | Role::Lexicon | Role::Negation => return 0.0,
    };
    let degree = if valence < 0.0 { -degree } else { degree };
    match (word.upper && mixed_case, valence > 0.0) {
        (false, _) => degree,
        (true, true) => degree + CAPITALS,
        (true, false) => degree - CAPITALS,
    }
}

/// The factor by which the word at `distance` before `words[i]` negates it, and why.
fn negation(words: &[Word], i: usize, distance: usize) -> (Why, f64) {
    let at = |distance: usize| words[i - distance].index;
    let so_or_this = |index: u16| matches!(index, word_is::SO | word_is::THIS);
    let (so, doubt) = match distance {
        2 => (
            at(2) == word_is::NEVER && so_or_this(at(1)),
            at(2) == word_is::WITHOUT && at(1) == word_is::DOUBT,
        ),
        // The reference means (never and so) or so: its precedence lets a "so" or "this" alone do.
        3 => (
            at(3) == word_is::NEVER && so_or_this(at(2)) || so_or_this(at(1)),
            at(3) == word_is::WITHOUT && (at(2) == word_is::DOUBT || at(1) == word_is::DOUBT),
        ),
        _ => (false, false),
    };
    if so {
        (Why::So, 1.25)
    } else if !doubt && words[i - distance].negates {
        (Why::Negation(i - distance), NEGATED)
    } else {
        (Why::Negation(i - distance), 1.0)
    }
}

/// The valence that an idiom around `words[i]` sets. Needs three words before it.
fn idiom(words: &[Word], i: usize) -> Option<f64> {
    let index = |at: usize| words.get(at).map_or(0, |word| word.index);
    let two = |first: usize| match (index(first), index(first + 1)) {
        (word_is::THE, word_is::SHIT | word_is::BOMB) => Some(3.0),
        (word_is::BAD, word_is::ASS) => Some(1.5),
        (word_is::BUS, word_is::STOP) => Some(0.0),
        (word_is::YEAH, word_is::RIGHT) => Some(-2.0),
        (word_is::BEATING, word_is::HEART) => Some(3.5),
        _ => None,
    };
    let three = |first: usize| match (index(first), index(first + 1), index(first + 2)) {
        (word_is::KISS, word_is::OF, word_is::DEATH) => Some(-1.5),
        (word_is::TO, word_is::DIE, word_is::FOR) => Some(3.0),
        _ => None,
    };
    let around = two(i - 1)
        .or_else(|| three(i - 2))
        .or_else(|| two(i - 2))
        .or_else(|| three(i - 3))
        .or_else(|| two(i - 3));
    three(i).or_else(|| two(i)).or(around)
}

/// What the degree phrases before `words[i]` add; the reference doesn't turn their sign. Needs three
/// words before it.
fn degree_phrases(words: &[Word], i: usize) -> impl Iterator<Item = f64> {
    [i - 3, i - 2].into_iter().filter_map(|first| {
        match (words[first].index, words[first + 1].index) {
            (word_is::KIND | word_is::SORT, word_is::OF) | (word_is::JUST, word_is::ENOUGH) => {
                Some(-BOOST)
            }
            _ => None,
        }
    })
}
