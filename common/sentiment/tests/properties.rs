//! What holds for every text.

use proptest::prelude::*;
use sentiment::support::{self, Parts};
use sentiment::{Scores, explain, polarity};

/// Any characters, and words, marks and emoji that the rules look for.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,6}",
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            " ",
            "\u{1c}",
            "but ",
            "not ",
            "never so ",
            "no ",
            "good",
            "BAD ",
            "least ",
            "kind of ",
            "the shit ",
            "n't",
            "😹",
            "👎🏽",
            "on hold ",
            "still waiting ",
            "thanks for nothing",
            "&amp;",
            "@acme ",
            "#SoBad ",
            "sooooo ",
            "3hrs ",
            "!!!",
            "?",
            "https://a.b ",
            "late...again",
            "\u{200d}",
            "\u{fe0f}",
            "’",
            "İ",
            "K",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn in_range(scores: Scores) -> bool {
    let Scores {
        compound,
        pos,
        neu,
        neg,
    } = scores;
    let shares = pos + neu + neg;
    (-1.0..=1.0).contains(&compound)
        && [pos, neu, neg]
            .iter()
            .all(|share| (0.0..=1.0).contains(share))
        && (shares == 0.0 || (shares - 1.0).abs() < 0.002)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn scores_are_in_range_and_the_same_every_time(text in texts()) {
        for parts in [Parts::NONE, Parts::ALL] {
            let scores = support::polarity(&text, parts);
            prop_assert!(in_range(scores), "{:?}", scores);
            prop_assert_eq!(support::polarity(&text, parts), scores);
        }
    }

    #[test]
    fn an_explanation_has_the_scores_and_its_steps_lead_from_base_to_valence(text in texts()) {
        prop_assert_eq!(explain(&text).scores, polarity(&text));
        let explanation = support::explain(&text, Parts::ALL);
        prop_assert_eq!(explanation.scores, support::polarity(&text, Parts::ALL));
        for word in explanation.words {
            let mut valence = word.base;
            for step in word.adjustments {
                prop_assert_eq!(step.before.to_bits(), valence.to_bits());
                valence = step.after;
            }
            prop_assert!((valence - word.valence).abs() < f64::EPSILON, "{} is {}", valence, word.valence);
        }
    }

    #[test]
    fn no_part_on_is_plain_vader(text in texts()) {
        prop_assert_eq!(support::polarity(&text, Parts::NONE), polarity(&text));
    }
}

/// Nothing is timed here, which is the benchmark's part; a quadratic step would take minutes.
#[test]
fn a_megabyte_of_anything_is_scored() {
    for unit in [
        "a",
        "!",
        "?",
        "'",
        "n't",
        "l ",
        "but :( ",
        "but :( :) bad ",
        "😹",
        "⛈",
        "&amp;",
        "&",
        "@a ",
        "@",
        "#Aa",
        "#",
        "still still been ",
        "no no ",
        "no ",
        "not ",
        "aaab ",
        "a-",
        "aa-",
        "1h",
        "...",
        "a.b",
        "\u{200d}",
        "K",
        "ß ",
        "İ",
        "\u{1c}",
        "never so this good ",
        "?? ",
        "wait # # ",
        "so least good ",
    ] {
        let text = unit.repeat(1_000_000 / unit.len());
        for parts in [Parts::NONE, Parts::ALL] {
            let compound = support::polarity(&text, parts).compound;
            assert!((-1.0..=1.0).contains(&compound), "{unit:?}: {compound}");
        }
    }
    let explained = support::explain(&"still waiting but :( ".repeat(50_000), Parts::ALL);
    assert!(explained.scores.compound < 0.0);
}
