//! A decision with its reasons.

use sentiment::support::{self, Parts};
use serde::Serialize;

use crate::rules::Facts;
use crate::{Decision, Message, Rules, Scorer, Settings, decide_on};

/// A decision, what each word gave to its score, and which rules were considered.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Explanation {
    pub decision: Decision,
    /// The text as it was scored.
    pub text: String,
    /// Shares of the text, three decimals.
    pub pos: f64,
    pub neu: f64,
    pub neg: f64,
    pub words: Vec<Word>,
    /// Exclamation marks counted (from the fifth on they add nothing).
    pub exclamations: usize,
    /// Question marks counted (a single one adds nothing).
    pub questions: usize,
    /// The rules in order, up to the one that held.
    pub rules: Vec<Considered>,
}

/// What a word gave to the score.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Word {
    pub word: String,
    /// Its own valence, from -4 to 4.
    pub base: f64,
    /// What the sum got of it.
    pub valence: f64,
    pub adjustments: Vec<Adjustment>,
}

/// A step between a word's own valence and what it gave.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Adjustment {
    pub reason: String,
    pub before: f64,
    pub after: f64,
}

/// A rule that was considered, and why it was passed over.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Considered {
    pub rule: String,
    /// None for the one that held.
    pub passed_over: Option<String>,
}

/// Decides as [`crate::decide`] does, and says why.
pub fn explain(message: &Message<'_>, rules: &Rules, settings: &Settings) -> Explanation {
    let explained = match settings.scorer {
        Scorer::Vader => sentiment::explain(message.text),
        Scorer::Support => support::explain(message.text, Parts::ALL),
    };
    let decision = decide_on(explained.scores.compound, message, rules, *settings);
    let language = if settings.detect_language {
        crate::detect(message.text)
    } else {
        None
    };
    let facts = Facts::of(decision.score, language, message);
    let mut considered = Vec::new();
    for rule in rules.iter() {
        let passed_over = rule.failing(&facts);
        let held = passed_over.is_none();
        considered.push(Considered {
            rule: rule.name.clone(),
            passed_over,
        });
        if held {
            break;
        }
    }
    Explanation {
        decision,
        text: explained.text,
        pos: explained.scores.pos,
        neu: explained.scores.neu,
        neg: explained.scores.neg,
        words: explained.words.into_iter().map(Word::from).collect(),
        exclamations: explained.exclamations,
        questions: explained.questions,
        rules: considered,
    }
}

impl From<sentiment::Contribution> for Word {
    fn from(from: sentiment::Contribution) -> Self {
        let adjustments = from
            .adjustments
            .into_iter()
            .map(
                |sentiment::Adjustment {
                     reason,
                     before,
                     after,
                 }| Adjustment {
                    reason,
                    before,
                    after,
                },
            )
            .collect();
        Self {
            word: from.word,
            base: from.base,
            valence: from.valence,
            adjustments,
        }
    }
}
