//! The rules file: what it may say, its validation, and which rule holds.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::language::LANGUAGES;
use crate::{Label, Message};

const MOST_BYTES: usize = 8 * 1024;
const MOST_RULES: usize = 50;
const MOST_IN_A_LIST: usize = 50;
const LONGEST_NAME: usize = 64;
const LONGEST_SKILL: usize = 100;
const LANGUAGE_PLACEHOLDER: &str = "{language}";

/// An operator's rules, in order; the last one takes whatever the others leave.
#[derive(Clone, PartialEq, Debug)]
pub struct Rules {
    version: String,
    rules: Vec<Rule>,
}

/// What is wrong with a rules file, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("rules file, {path}: {problem}")]
pub struct RulesError {
    /// Such as `rules[2].when.score.below`.
    pub path: String,
    pub problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "$schema")]
    _schema: Option<String>,
    #[serde(default)]
    version: Option<String>,
    rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub name: String,
    #[serde(default)]
    pub label: Label,
    #[serde(default, rename = "when")]
    pub conditions: Conditions,
    skills: Vec<String>,
    #[serde(default = "usual_priority")]
    pub priority: u8,
}

fn usual_priority() -> u8 {
    5
}

/// Conditions, all of which must hold; one that isn't given does.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Conditions {
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<Score>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<Language>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keywords: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<Length>,
}

/// Bounds that a score must be strictly within.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Score {
    #[serde(skip_serializing_if = "Option::is_none")]
    below: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    above: Option<f64>,
}

/// One of these languages, or a known language that is none of them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Language {
    In(Vec<String>),
    Not(Vec<String>),
}

/// Bounds on the number of characters, both included.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Length {
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<usize>,
}

/// What conditions are held against.
pub(crate) struct Facts<'a> {
    score: f64,
    language: Option<&'static str>,
    platform: &'a str,
    text: &'a str,
    /// The text as its words, lowercased, with a space around each.
    words: String,
}

impl<'a> Facts<'a> {
    pub fn of(score: f64, language: Option<&'static str>, message: &Message<'a>) -> Self {
        Self {
            score,
            language,
            platform: message.platform,
            text: message.text,
            words: words(message.text),
        }
    }
}

/// Words are runs of letters, digits and apostrophes, so that a keyword is found whatever
/// punctuation stands around it, and never within a longer word.
fn words(text: &str) -> String {
    let text = text.replace('\u{2019}', "'").to_lowercase();
    let mut words = String::with_capacity(text.len() + 2);
    words.push(' ');
    for word in text
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
    {
        words.push_str(word);
        words.push(' ');
    }
    words
}

impl Default for Rules {
    fn default() -> Self {
        Self::parse(include_str!("default.json")).expect("a test parses the built-in rules")
    }
}

impl Rules {
    /// Reads and validates a rules file. A blank one and `{}` are the built-in default: the parameter
    /// that holds it can't be empty.
    pub fn parse(json: &str) -> Result<Self, RulesError> {
        if matches!(json.trim(), "" | "{}") {
            return Ok(Self::default());
        }
        if json.len() > MOST_BYTES {
            return Err(error(
                "the file",
                format!(
                    "is {} bytes long, at most {MOST_BYTES} are allowed",
                    json.len()
                ),
            ));
        }
        let mut json = serde_json::Deserializer::from_str(json);
        let file: File = serde_path_to_error::deserialize(&mut json)
            .map_err(|err| error(err.path().to_string(), err.inner().to_string()))?;
        json.end()
            .map_err(|err| error("the end", err.to_string()))?;
        if let Some(version) = &file.version {
            name_is_valid("version", version)?;
        }
        validate(&file.rules)?;
        let version = file.version.unwrap_or_else(|| digest(&file.rules));
        Ok(Self {
            version,
            rules: file.rules,
        })
    }

    /// The file's own `version`, or else a digest of its rules.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The first rule whose conditions hold.
    pub(crate) fn first(&self, facts: &Facts<'_>) -> &Rule {
        self.rules
            .iter()
            .find(|rule| rule.failing(facts).is_none())
            .expect("the last rule has no conditions")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }
}

/// Eight hexadecimal digits that change when the rules do, but not with their layout.
fn digest(rules: &[Rule]) -> String {
    let canonical = serde_json::to_vec(rules).expect("rules have only string keys");
    let [a, b, c, d, ..] = Sha256::digest(canonical).0;
    format!("{a:02x}{b:02x}{c:02x}{d:02x}")
}

impl Rule {
    /// The first condition that doesn't hold, in plain words.
    pub fn failing(&self, facts: &Facts<'_>) -> Option<String> {
        let Conditions {
            score,
            language,
            platform,
            keywords,
            length,
        } = &self.conditions;
        if let Some(Score { below, above }) = score {
            if let Some(below) = below.filter(|below| facts.score >= *below) {
                return Some(format!("the score is not below {below}"));
            }
            if let Some(above) = above.filter(|above| facts.score <= *above) {
                return Some(format!("the score is not above {above}"));
            }
        }
        match (language, facts.language) {
            (Some(_), None) => return Some("the language is not known".to_owned()),
            (Some(Language::In(codes)), Some(code)) if !codes.iter().any(|other| other == code) => {
                return Some(format!("the language is {code}"));
            }
            (Some(Language::Not(codes)), Some(code)) if codes.iter().any(|other| other == code) => {
                return Some(format!("the language is {code}"));
            }
            _ => {}
        }
        if let Some(platforms) = platform
            && !platforms
                .iter()
                .any(|platform| platform.eq_ignore_ascii_case(facts.platform))
        {
            return Some("the platform is another".to_owned());
        }
        if let Some(keywords) = keywords
            && !keywords
                .iter()
                .any(|keyword| facts.words.contains(&words(keyword)))
        {
            return Some("none of the keywords is in the text".to_owned());
        }
        if let Some(Length { at_least, at_most }) = length {
            let length = facts.text.chars().count();
            if let Some(least) = at_least.filter(|least| length < *least) {
                return Some(format!("the text is shorter than {least} characters"));
            }
            if let Some(most) = at_most.filter(|most| length > *most) {
                return Some(format!("the text is longer than {most} characters"));
            }
        }
        None
    }

    /// The skills, with the language in the place kept for it.
    pub fn skills_for(&self, language: Option<&str>) -> Vec<String> {
        let language = language.unwrap_or_default();
        self.skills
            .iter()
            .map(|skill| skill.replace(LANGUAGE_PLACEHOLDER, language))
            .collect()
    }
}

fn error(path: impl Into<String>, problem: impl Into<String>) -> RulesError {
    RulesError {
        path: path.into(),
        problem: problem.into(),
    }
}

fn validate(rules: &[Rule]) -> Result<(), RulesError> {
    if rules.is_empty() || rules.len() > MOST_RULES {
        return Err(error("rules", format!("must hold 1 to {MOST_RULES} rules")));
    }
    let mut names = HashSet::new();
    for (i, rule) in rules.iter().enumerate() {
        let path = |field: &str| format!("rules[{i}].{field}");
        name_is_valid(&path("name"), &rule.name)?;
        if !names.insert(&rule.name) {
            return Err(error(path("name"), "is the name of an earlier rule too"));
        }
        if !(1..=10).contains(&rule.priority) {
            return Err(error(path("priority"), "must be from 1 to 10"));
        }
        skills_are_valid(&path("skills"), rule)?;
        conditions_are_valid(&path("when"), &rule.conditions)?;
        let last = i + 1 == rules.len();
        match (last, rule.conditions == Conditions::default()) {
            (true, false) => {
                return Err(error(
                    path("when"),
                    "the last rule takes all that is left, so it has no conditions",
                ));
            }
            (false, true) => {
                return Err(error(
                    path("when"),
                    "has no condition, so no later rule could ever hold",
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn name_is_valid(path: &str, name: &str) -> Result<(), RulesError> {
    let valid = |c: char| c.is_ascii_alphanumeric() || "-_.: ".contains(c);
    if name.trim().is_empty() || name.len() > LONGEST_NAME || !name.chars().all(valid) {
        return Err(error(
            path,
            format!("must be 1 to {LONGEST_NAME} letters, digits, spaces or any of -_.:"),
        ));
    }
    Ok(())
}

/// A list of 1 to 50 entries, none of them blank or longer than `longest` bytes.
fn list_is_valid(path: &str, list: &[String], longest: usize) -> Result<(), RulesError> {
    if list.is_empty() || list.len() > MOST_IN_A_LIST {
        return Err(error(
            path,
            format!("must hold 1 to {MOST_IN_A_LIST} entries"),
        ));
    }
    match list
        .iter()
        .position(|entry| entry.trim().is_empty() || entry.len() > longest)
    {
        Some(i) => Err(error(
            format!("{path}[{i}]"),
            format!("must be 1 to {longest} bytes and not blank"),
        )),
        None => Ok(()),
    }
}

fn skills_are_valid(path: &str, rule: &Rule) -> Result<(), RulesError> {
    list_is_valid(path, &rule.skills, LONGEST_SKILL)?;
    let named = rule
        .skills
        .iter()
        .position(|skill| skill.contains(LANGUAGE_PLACEHOLDER));
    match (named, &rule.conditions.language) {
        (Some(i), None) => Err(error(
            format!("{path}[{i}]"),
            "has {language}, but the rule has no condition on the language, so it may not be known",
        )),
        _ => Ok(()),
    }
}

fn conditions_are_valid(path: &str, conditions: &Conditions) -> Result<(), RulesError> {
    let Conditions {
        score,
        language,
        platform,
        keywords,
        length,
    } = conditions;
    if let Some(Score { below, above }) = score {
        let path = format!("{path}.score");
        for (field, bound) in [("below", below), ("above", above)] {
            if bound.is_some_and(|bound| !(-1.0..=1.0).contains(&bound)) {
                return Err(error(format!("{path}.{field}"), "must be from -1 to 1"));
            }
        }
        match (below, above) {
            (None, None) => return Err(error(path, "needs `below`, `above` or both")),
            (Some(below), Some(above)) if above >= below => {
                return Err(error(
                    path,
                    "`above` must be less than `below`, or no score fits",
                ));
            }
            _ => {}
        }
    }
    if let Some(language) = language {
        let (field, codes) = match language {
            Language::In(codes) => ("in", codes),
            Language::Not(codes) => ("not", codes),
        };
        let path = format!("{path}.language.{field}");
        list_is_valid(&path, codes, 2)?;
        if let Some(i) = codes
            .iter()
            .position(|code| !LANGUAGES.contains(&code.as_str()))
        {
            return Err(error(
                format!("{path}[{i}]"),
                format!("must be one of {}", LANGUAGES.join(", ")),
            ));
        }
    }
    if let Some(platform) = platform {
        list_is_valid(&format!("{path}.platform"), platform, LONGEST_NAME)?;
    }
    if let Some(keywords) = keywords {
        let path = format!("{path}.keywords");
        list_is_valid(&path, keywords, LONGEST_NAME)?;
        if let Some(i) = keywords.iter().position(|keyword| words(keyword) == " ") {
            return Err(error(format!("{path}[{i}]"), "has no letter or digit"));
        }
    }
    if let Some(Length { at_least, at_most }) = length {
        let path = format!("{path}.length");
        match (at_least, at_most) {
            (None, None) => return Err(error(path, "needs `at_least`, `at_most` or both")),
            (Some(least), Some(most)) if least > most => {
                return Err(error(
                    path,
                    "`at_least` must not be more than `at_most`, or no text fits",
                ));
            }
            _ => {}
        }
    }
    Ok(())
}
