//! Decisions by the built-in rules and by an operator's.

use proptest::prelude::*;
use rules::{Decision, Label, Message, Rules, Scorer, Settings, decide, detect, explain};

const LANGUAGE: Settings = Settings {
    scorer: Scorer::Vader,
    detect_language: true,
};
const SPANISH: &str = "@acme mi vuelo fue cancelado y nadie me ayuda con la maleta perdida";

fn message(text: &str) -> Message<'_> {
    Message {
        text,
        platform: "facebook",
    }
}

fn by_default(text: &str) -> Decision {
    decide(&message(text), &Rules::default(), &Settings::default())
}

fn rules(json: &str) -> Rules {
    Rules::parse(json).unwrap_or_else(|error| panic!("{error}"))
}

fn problem(json: &str) -> String {
    Rules::parse(json)
        .map(|_| ())
        .expect_err("the file is invalid")
        .to_string()
}

#[test]
fn the_built_in_rules_are_the_tutorials() {
    let negative = by_default("I hate this, it is terrible");
    assert_eq!(negative.skills, ["social-escalation", "sentiment-negative"]);
    assert_eq!(
        (negative.label, negative.priority, negative.rule.as_str()),
        (Label::Negative, 5, "negative")
    );
    let positive = by_default("I love this, it is great");
    assert_eq!(positive.skills, ["social-support", "sentiment-positive"]);
    let neutral = by_default("This is a test message with neutral sentiment.");
    assert_eq!(neutral.skills, ["social-support", "sentiment-neutral"]);
    assert_eq!(neutral.sentiment_polarity(), "0.0000");
}

#[test]
fn a_score_on_the_threshold_is_neutral() {
    // A rule that holds at the score itself must not hold with the score as its strict bound.
    for text in ["no", "bad", "good", "fine"] {
        let score = by_default(text).score;
        for bound in ["below", "above"] {
            let json = format!(
                r#"{{"rules": [{{"name": "a", "when": {{"score": {{"{bound}": {score}}}}}, "skills": ["s"]}},
                    {{"name": "rest", "skills": ["s"]}}]}}"#
            );
            assert_eq!(
                decide(&message(text), &rules(&json), &Settings::default()).rule,
                "rest",
                "{text} {bound}"
            );
        }
    }
}

#[test]
fn blank_rules_and_an_empty_object_are_the_built_in_ones() {
    for blank in ["", "  \n", "{}"] {
        assert_eq!(Rules::parse(blank), Ok(Rules::default()));
    }
    assert_eq!(Rules::default().version(), "built-in-1");
}

#[test]
fn the_language_rule_takes_other_languages_only_where_it_is_switched_on() {
    let on = decide(&message(SPANISH), &Rules::default(), &LANGUAGE);
    assert_eq!(
        (on.rule.as_str(), on.language.as_deref()),
        ("other-language", Some("es"))
    );
    assert_eq!(on.skills, ["social-support", "language-es"]);
    let off = by_default(SPANISH);
    assert_eq!((off.rule.as_str(), off.language), ("neutral", None));
}

#[test]
fn a_language_is_told_only_from_enough_text() {
    assert_eq!(detect("hola"), None);
    assert_eq!(
        detect("@acme https://example.com/una/pagina/muy/larga #vuelos hola"),
        None
    );
    assert_eq!(detect(SPANISH), Some("es"));
    assert_eq!(
        detect("my flight was cancelled and nobody helps me"),
        Some("en")
    );
    assert_eq!(
        detect("Mein Paket ist seit zwei Wochen nicht angekommen"),
        Some("de")
    );
    assert_eq!(detect("荷物がまだ届きません。いつ届きますか。"), Some("ja"));
}

#[test]
fn the_first_rule_whose_conditions_all_hold_decides() {
    let rules = rules(
        r#"{"version": "v7", "rules": [
            {"name": "legal", "label": "negative", "priority": 9, "skills": ["legal"],
             "when": {"keywords": ["small claims", "sue"], "platform": ["Facebook"]}},
            {"name": "short", "skills": ["triage"], "when": {"length": {"at_most": 3}}},
            {"name": "mild", "skills": ["mild"], "when": {"score": {"above": -0.5, "below": 0}}},
            {"name": "rest", "skills": ["rest"]}]}"#,
    );
    let decided =
        |text, platform| decide(&Message { text, platform }, &rules, &Settings::default());
    let legal = decided("I'll see you in SMALL-CLAIMS court", "facebook");
    assert_eq!(
        (
            legal.rule.as_str(),
            legal.priority,
            legal.rules_version.as_str()
        ),
        ("legal", 9, "v7")
    );
    assert_eq!(
        decided("I'll see you in small claims court", "x").rule,
        "rest",
        "another platform"
    );
    assert_eq!(
        decided("what an issue", "facebook").rule,
        "rest",
        "sue is no word of it"
    );
    assert_eq!(decided("hm?", "x").rule, "short");
    assert_eq!(decided("it is not so good", "x").rule, "mild");
}

#[test]
fn a_file_without_a_version_gets_a_digest_that_layout_does_not_change() {
    let one = rules(r#"{"rules":[{"name":"all","skills":["a"]}]}"#);
    let same = rules("{ \"rules\": [ { \"skills\": [\"a\"], \"name\": \"all\" } ] }");
    let other = rules(r#"{"rules":[{"name":"all","skills":["b"]}]}"#);
    assert_eq!(one.version(), same.version());
    assert_ne!(one.version(), other.version());
    assert_eq!(one.version().len(), 8);
}

#[test]
fn an_invalid_file_is_refused_with_the_path_of_the_error() {
    let last = r#"{"name": "rest", "skills": ["s"]}"#;
    let with = |rule: &str| problem(&format!(r#"{{"rules": [{rule}, {last}]}}"#));
    for (error, path) in [
        (problem(r#"{"rules": []}"#), "rules:"),
        (problem("[1]"), "rules file"),
        (
            problem(r#"{"rules": [{"name": "a", "skills": ["s"]}], "extra": 1}"#),
            "extra",
        ),
        (
            problem(&format!(r#"{{"rules": [{last}]}} more"#)),
            "the end:",
        ),
        (
            problem(&" ".repeat(9000).replacen(' ', "{", 1)),
            "the file:",
        ),
        (with(r#"{"name": "a", "skills": ["s"]}"#), "rules[0].when:"),
        (with(r#"{"name": "a", "skils": ["s"]}"#), "rules[0].skils"),
        (
            with(r#"{"name": "rest", "skills": ["s"], "when": {"length": {"at_least": 1}}}"#),
            "rules[1].name:",
        ),
        (
            with(r#"{"name": " ", "skills": ["s"], "when": {"length": {"at_least": 1}}}"#),
            "rules[0].name:",
        ),
        (
            with(r#"{"name": "a", "skills": [], "when": {"length": {"at_least": 1}}}"#),
            "rules[0].skills:",
        ),
        (
            with(r#"{"name": "a", "skills": ["s", ""], "when": {"length": {"at_least": 1}}}"#),
            "rules[0].skills[1]:",
        ),
        (
            with(r#"{"name": "a", "skills": ["l-{language}"], "when": {"score": {"below": 0}}}"#),
            "rules[0].skills[0]:",
        ),
        (
            with(
                r#"{"name": "a", "skills": ["s"], "priority": 11, "when": {"score": {"below": 0}}}"#,
            ),
            "rules[0].priority:",
        ),
        (
            with(r#"{"name": "a", "skills": ["s"], "when": {"score": {}}}"#),
            "rules[0].when.score:",
        ),
        (
            with(r#"{"name": "a", "skills": ["s"], "when": {"score": {"below": "x"}}}"#),
            "rules[0].when.score.below:",
        ),
        (
            with(r#"{"name": "a", "skills": ["s"], "when": {"score": {"below": -2}}}"#),
            "rules[0].when.score.below:",
        ),
        (
            with(r#"{"name": "a", "skills": ["s"], "when": {"score": {"below": 0, "above": 0}}}"#),
            "rules[0].when.score:",
        ),
        (
            with(r#"{"name": "a", "skills": ["s"], "when": {"language": {"in": ["xx"]}}}"#),
            "rules[0].when.language.in[0]:",
        ),
        (
            with(r#"{"name": "a", "skills": ["s"], "when": {"keywords": ["!!"]}}"#),
            "rules[0].when.keywords[0]:",
        ),
        (
            with(
                r#"{"name": "a", "skills": ["s"], "when": {"length": {"at_least": 9, "at_most": 8}}}"#,
            ),
            "rules[0].when.length:",
        ),
        (
            problem(r#"{"rules": [{"name": "a", "skills": ["s"], "when": {"platform": ["x"]}}]}"#),
            "rules[0].when:",
        ),
    ] {
        assert!(error.contains(path), "{path} is not named by: {error}");
    }
}

#[test]
fn a_score_is_written_with_four_decimals_and_never_as_minus_nought() {
    let mut decision = by_default("bad");
    for (score, text) in [
        (-0.7184, "-0.7184"),
        (-0.0, "0.0000"),
        (-0.000_01, "0.0000"),
        (1.0, "1.0000"),
    ] {
        decision.score = score;
        assert_eq!(decision.sentiment_polarity(), text);
    }
}

#[test]
fn attributes_carry_score_rule_version_scorer_and_language() {
    let decision = decide(&message(SPANISH), &Rules::default(), &LANGUAGE);
    let attributes = decision.attributes();
    for (key, value) in [
        ("rule", "other-language"),
        ("rules_version", "built-in-1"),
        ("scorer", "vader"),
        ("language", "es"),
    ] {
        assert!(attributes.contains(&(key, value.to_owned())), "{key}");
    }
}

#[test]
fn the_scorer_is_chosen_by_its_name() {
    assert_eq!("vader".parse(), Ok(Scorer::Vader));
    assert_eq!("support".parse(), Ok(Scorer::Support));
    assert!("Vader".parse::<Scorer>().is_err());
    let settings = Settings {
        scorer: Scorer::Support,
        detect_language: false,
    };
    let support = decide(
        &message("@united my flight was cancelled, please help"),
        &Rules::default(),
        &settings,
    );
    assert_eq!(
        (support.label, support.scorer),
        (Label::Negative, Scorer::Support)
    );
    assert_eq!(
        by_default("@united my flight was cancelled, please help").label,
        Label::Positive
    );
}

#[test]
fn an_explanation_says_which_rules_were_passed_over() {
    let explanation = explain(
        &message("Not so good!"),
        &Rules::default(),
        &Settings::default(),
    );
    let names: Vec<_> = explanation
        .rules
        .iter()
        .map(|rule| (rule.rule.as_str(), rule.passed_over.is_none()))
        .collect();
    assert_eq!(names, [("other-language", false), ("negative", true)]);
    assert_eq!(
        explanation.rules[0].passed_over.as_deref(),
        Some("the language is not known")
    );
}

proptest! {
    #[test]
    fn an_explanation_decides_as_the_decision_does(text in ".{0,80}", support: bool, detect_language: bool) {
        let scorer = if support { Scorer::Support } else { Scorer::Vader };
        let settings = Settings { scorer, detect_language };
        let rules = Rules::default();
        let decision = decide(&message(&text), &rules, &settings);
        prop_assert_eq!(&explain(&message(&text), &rules, &settings).decision, &decision);
        let json = serde_json::to_string(&decision).unwrap();
        prop_assert_eq!(serde_json::from_str::<Decision>(&json).unwrap(), decision);
    }

    #[test]
    fn no_rules_file_makes_the_parser_panic(json in "[\\[\\]{}\":,a-z0-9 .-]{0,120}") {
        let _ = Rules::parse(&json);
    }
}

#[test]
fn the_documented_example_is_valid_and_documents_the_built_in_rules() {
    let document = include_str!("../../../docs/rules.md");
    let example = document
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let rules = rules(example);
    assert_eq!(rules.version(), "2026-11-22");
    for text in ["I hate it", "I love it", "It is a table", SPANISH] {
        let (documented, built_in) = [rules.clone(), Rules::default()]
            .map(|rules| decide(&message(text), &rules, &LANGUAGE))
            .into();
        let same: fn(&Decision) -> _ = |decision| {
            (
                decision.rule.clone(),
                decision.skills.clone(),
                decision.priority,
            )
        };
        assert_eq!(same(&documented), same(&built_in), "{text}");
    }
}
