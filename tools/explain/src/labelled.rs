//! How well the rules do on texts whose label is known.

use std::collections::BTreeMap;

use rules::{Label, Rules, Settings, explain};
use serde::Serialize;

use crate::input::Labelled;

const LABELS: [Label; 3] = [Label::Negative, Label::Neutral, Label::Positive];
const MOST_WORDS: usize = 20;

/// The figures; shares are from 0 to 1, and none where there is nothing to share.
#[derive(Serialize)]
pub struct Report {
    texts: u32,
    /// How many texts of the label (outer) got the label (inner): negative, neutral, positive.
    confusion: [[u32; 3]; 3],
    accuracy: Option<f64>,
    /// The mean F1 of the labels that some text has.
    macro_f1: Option<f64>,
    /// F1 of each label.
    f1: [f64; 3],
    negatives_escalated: Option<f64>,
    negatives_sent_to_positive: Option<f64>,
    /// Wrong texts in which no word counted, so that only new words could help.
    wrong_without_a_word: u32,
    /// The words that most often pull a wrong text away from its label.
    misleading: Vec<Misleading>,
}

#[derive(Serialize)]
struct Misleading {
    word: String,
    /// Wrong texts that it pulls the wrong way.
    wrong_texts: u32,
    /// Texts that were decided rightly in which it counts the same way.
    right_texts: u32,
    /// Its mean valence in the wrong ones.
    mean_valence: f64,
}

#[derive(Default)]
struct Pull {
    wrong: u32,
    right: u32,
    sum: f64,
}

/// Decides every text and counts.
pub fn report(texts: &[Labelled], rules: &Rules, settings: Settings) -> Report {
    let mut confusion = [[0; 3]; 3];
    let mut wrong_without_a_word = 0;
    // By word and the direction in which it pulls.
    let mut pulls: BTreeMap<(String, bool), Pull> = BTreeMap::new();
    for labelled in texts {
        let explanation = explain(&labelled.text.message(), rules, &settings);
        let (is, got) = (
            position(labelled.label),
            position(explanation.decision.label),
        );
        confusion[is][got] += 1;
        let mut counted: BTreeMap<(String, bool), f64> = BTreeMap::new();
        for word in explanation.words.iter().filter(|word| word.valence != 0.0) {
            *counted
                .entry((word.word.to_lowercase(), word.valence > 0.0))
                .or_default() += word.valence;
        }
        if is != got && counted.is_empty() {
            wrong_without_a_word += 1;
        }
        for (word, valence) in counted {
            let upwards = word.1;
            let pull = pulls.entry(word).or_default();
            if is == got {
                pull.right += 1;
            } else if misleads(is, got, upwards) {
                pull.wrong += 1;
                pull.sum += valence;
            }
        }
    }
    let total: u32 = confusion.iter().flatten().sum();
    let right: u32 = (0..3).map(|i| confusion[i][i]).sum();
    let negatives: u32 = confusion[0].iter().sum();
    let f1 = [0, 1, 2].map(|i| f1(&confusion, i));
    Report {
        texts: total,
        confusion,
        accuracy: share(right, total),
        macro_f1: macro_f1(&confusion, f1),
        f1,
        negatives_escalated: share(confusion[0][0], negatives),
        negatives_sent_to_positive: share(confusion[0][2], negatives),
        wrong_without_a_word,
        misleading: most_misleading(pulls),
    }
}

/// Whether a word that pulls upwards (or downwards) took a text from the label it is to the one it got.
fn misleads(is: usize, got: usize, upwards: bool) -> bool {
    match is {
        0 => upwards,
        2 => !upwards,
        _ => (got == 2) == upwards,
    }
}

fn most_misleading(pulls: BTreeMap<(String, bool), Pull>) -> Vec<Misleading> {
    let mut words: Vec<_> = pulls
        .into_iter()
        .filter(|(_, pull)| pull.wrong > 0)
        .map(|((word, _), pull)| Misleading {
            word,
            wrong_texts: pull.wrong,
            right_texts: pull.right,
            mean_valence: pull.sum / f64::from(pull.wrong),
        })
        .collect();
    words.sort_by(|a, b| {
        let pull = |word: &Misleading| word.mean_valence.abs() * f64::from(word.wrong_texts);
        pull(b).total_cmp(&pull(a))
    });
    words.truncate(MOST_WORDS);
    words
}

fn position(label: Label) -> usize {
    match label {
        Label::Negative => 0,
        Label::Neutral => 1,
        Label::Positive => 2,
    }
}

fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

/// The mean F1 of the labels that some text has: a file of complaints and others has only two.
fn macro_f1(confusion: &[[u32; 3]; 3], f1: [f64; 3]) -> Option<f64> {
    let has_texts = |label: &usize| confusion[*label].iter().any(|texts| *texts > 0);
    let (labels, sum) = (0..3)
        .filter(has_texts)
        .fold((0.0, 0.0), |(labels, sum), label| {
            (labels + 1.0, sum + f1[label])
        });
    (labels > 0.0).then(|| sum / labels)
}

/// F1 of one label, 0 where nothing was rightly given it.
fn f1(confusion: &[[u32; 3]; 3], label: usize) -> f64 {
    let right = confusion[label][label];
    let is: u32 = confusion[label].iter().sum();
    let got: u32 = confusion.iter().map(|row| row[label]).sum();
    if right == 0 {
        0.0
    } else {
        2.0 * f64::from(right) / f64::from(is + got)
    }
}

/// Prints the figures for a terminal.
pub fn print(report: &Report) -> String {
    let percent = |share: Option<f64>| {
        share.map_or("none".to_owned(), |share| format!("{:.1} %", share * 100.0))
    };
    let mut lines = vec![
        format!("{} texts", report.texts),
        String::new(),
        "  label       negative   neutral  positive  F1     (columns: what the rules say)"
            .to_owned(),
    ];
    for (i, label) in LABELS.iter().enumerate() {
        let [negative, neutral, positive] = report.confusion[i];
        lines.push(format!(
            "  {:<10}{negative:>10}{neutral:>10}{positive:>10}  {:.3}",
            label.to_string(),
            report.f1[i]
        ));
    }
    lines.extend([
        String::new(),
        format!(
            "  macro F1                                 {}",
            report
                .macro_f1
                .map_or("none".to_owned(), |f1| format!("{f1:.3}"))
        ),
        format!(
            "  accuracy                                 {}",
            percent(report.accuracy)
        ),
        format!(
            "  negatives escalated                      {}",
            percent(report.negatives_escalated)
        ),
        format!(
            "  negatives sent to the positive skill     {}",
            percent(report.negatives_sent_to_positive)
        ),
        format!(
            "  wrong, and no word counted               {}",
            report.wrong_without_a_word
        ),
    ]);
    if !report.misleading.is_empty() {
        lines.extend([
            String::new(),
            "  most misleading        wrong  right  mean valence".to_owned(),
        ]);
    }
    for word in &report.misleading {
        lines.push(format!(
            "  {:<22}{:>6}{:>7}  {:+.2}",
            word.word, word.wrong_texts, word.right_texts, word.mean_valence
        ));
    }
    lines.join("\n") + "\n"
}
