//! The scorer equals the reference's recorded scores on every text of `tests/data`.

#![expect(
    clippy::float_cmp,
    reason = "equal to the last digit is what this test is about"
)]

use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    text: String,
    compound: f64,
    pos: Option<f64>,
    neu: Option<f64>,
    neg: Option<f64>,
}

fn compare(file: &str, expected: usize) {
    let lines: Vec<Golden> = file
        .lines()
        .map(|line| serde_json::from_str(line).expect("the recorded line is JSON"))
        .collect();
    assert_eq!(lines.len(), expected);
    let mut wrong = Vec::new();
    for golden in &lines {
        let ours = sentiment::polarity(&golden.text);
        let same = ours.compound == golden.compound
            && golden.pos.is_none_or(|pos| pos == ours.pos)
            && golden.neu.is_none_or(|neu| neu == ours.neu)
            && golden.neg.is_none_or(|neg| neg == ours.neg);
        if !same {
            wrong.push(format!(
                "{:?}: {} is {}",
                golden.text, ours.compound, golden.compound
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_hard_case_scores_as_the_reference() {
    compare(include_str!("data/hard.jsonl"), 2196);
}

#[test]
fn every_fuzzed_text_scores_as_the_reference() {
    compare(include_str!("data/fuzz6000.jsonl"), 6000);
}
