//! Which skills answer a message: a pure function of its text and an operator's rules.
//!
//! [`decide`] scores the text, finds its language where that is asked for, and takes the first rule
//! whose conditions all hold. Thresholds, skills, priorities and names live in the rules alone
//! ([`Rules`], described in `docs/rules.md`); the built-in ones are the tutorial's three and one for
//! other languages. [`explain`] gives the same decision with what each word gave to it.
//!
//! - `rules`: the rules file, its validation, and which rule holds
//! - `language`: the language of a message
//! - `explain`: a decision with its reasons

mod explain;
mod language;
mod rules;

use std::fmt;
use std::str::FromStr;

pub use explain::{Adjustment, Considered, Explanation, Word, explain};
pub use language::{LANGUAGES, detect};
pub use rules::{Rules, RulesError};
use sentiment::support::{self, Parts};
use serde::{Deserialize, Serialize};

/// What a decision is made on: the customer's latest message and where it was written.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub text: &'a str,
    /// The platform as the webhook names it, such as `facebook`.
    pub platform: &'a str,
}

/// How a text is scored.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scorer {
    /// Plain VADER, equal to the reference.
    #[default]
    Vader,
    /// VADER under the layer for support messages.
    Support,
}

impl FromStr for Scorer {
    type Err = UnknownScorer;

    fn from_str(name: &str) -> Result<Self, UnknownScorer> {
        match name {
            "vader" => Ok(Self::Vader),
            "support" => Ok(Self::Support),
            _ => Err(UnknownScorer),
        }
    }
}

impl fmt::Display for Scorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vader => "vader",
            Self::Support => "support",
        })
    }
}

/// The scorer's name is neither of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the scorer must be `vader` or `support`")]
pub struct UnknownScorer;

/// How messages are read; the defaults are those of the tutorial.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Settings {
    pub scorer: Scorer,
    /// Whether the language is looked for; without it no rule on a language ever holds.
    pub detect_language: bool,
}

/// What a rule says of the messages that it takes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    Negative,
    #[default]
    Neutral,
    Positive,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negative => "negative",
            Self::Neutral => "neutral",
            Self::Positive => "positive",
        })
    }
}

/// Who answers a message, and which rule of which rules said so on what score.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// From -1 (most negative) to 1, four decimals.
    pub score: f64,
    pub label: Label,
    pub skills: Vec<String>,
    /// From 1 to 10.
    pub priority: u8,
    pub rule: String,
    pub rules_version: String,
    /// ISO 639-1, where it was looked for and the text was long enough to tell.
    pub language: Option<String>,
    pub scorer: Scorer,
}

impl Decision {
    /// The score with four decimals, as the task carries it: `-0.7184`, and never `-0.0000`.
    pub fn sentiment_polarity(&self) -> String {
        let text = format!("{:.4}", self.score);
        if text == "-0.0000" {
            "0.0000".to_owned()
        } else {
            text
        }
    }

    /// What a task's custom attributes say of the decision.
    pub fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![
            ("sentiment_polarity", self.sentiment_polarity()),
            ("rule", self.rule.clone()),
            ("rules_version", self.rules_version.clone()),
            ("scorer", self.scorer.to_string()),
        ];
        attributes.extend(self.language.clone().map(|language| ("language", language)));
        attributes
    }
}

/// Decides who answers a message.
pub fn decide(message: &Message<'_>, rules: &Rules, settings: &Settings) -> Decision {
    let scores = match settings.scorer {
        Scorer::Vader => sentiment::polarity(message.text),
        Scorer::Support => support::polarity(message.text, Parts::ALL),
    };
    decide_on(scores.compound, message, rules, *settings)
}

fn decide_on(score: f64, message: &Message<'_>, rules: &Rules, settings: Settings) -> Decision {
    let language = if settings.detect_language {
        detect(message.text)
    } else {
        None
    };
    let rule = rules.first(&rules::Facts::of(score, language, message));
    Decision {
        score,
        label: rule.label,
        skills: rule.skills_for(language),
        priority: rule.priority,
        rule: rule.name.clone(),
        rules_version: rules.version().to_owned(),
        language: language.map(str::to_owned),
        scorer: settings.scorer,
    }
}
