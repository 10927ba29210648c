//! The scorer equals the reference itself on generated texts, all four scores. `make parity` writes
//! the texts with `parity/generate.py` and names the file in `PARITY_TEXTS`; the test is left out of
//! ordinary runs, since it needs Python.

use std::fs::File;
use std::io::{BufRead, BufReader};

use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    text: String,
    compound: f64,
    pos: f64,
    neu: f64,
    neg: f64,
}

#[test]
#[ignore = "needs the reference's scores: run `make parity`"]
fn every_generated_text_scores_as_the_reference() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no settings; make hands it the file"
    )]
    let path =
        std::env::var("PARITY_TEXTS").expect("PARITY_TEXTS names the file of texts and scores");
    let file = BufReader::new(File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}")));
    let (mut compared, mut wrong) = (0, Vec::new());
    for line in file.lines() {
        let reference: Reference = serde_json::from_str(&line.unwrap()).unwrap();
        let ours = sentiment::polarity(&reference.text);
        compared += 1;
        let same = (ours.compound, ours.pos, ours.neu, ours.neg)
            == (
                reference.compound,
                reference.pos,
                reference.neu,
                reference.neg,
            );
        if !same && wrong.len() < 20 {
            wrong.push(format!(
                "{:?}: {ours:?}, reference {}",
                reference.text, reference.compound
            ));
        }
    }
    println!("{compared} texts compared");
    assert!(
        compared >= 100_000,
        "only {compared} texts in {path}, at least 100,000 are needed"
    );
    assert!(
        wrong.is_empty(),
        "the first {} differences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
