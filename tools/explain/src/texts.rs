//! A text with its words, language, rule and skills, for a terminal.

use rules::{Explanation, Word};

/// Prints what a decision was made of.
pub fn print(explanation: &Explanation) -> String {
    let decision = &explanation.decision;
    let mut lines = vec![
        explanation.text.clone(),
        String::new(),
        format!(
            "  score     {}  (positive {:.3}, neutral {:.3}, negative {:.3}; scorer {})",
            decision.sentiment_polarity(),
            explanation.pos,
            explanation.neu,
            explanation.neg,
            decision.scorer,
        ),
        format!(
            "  rule      {} ({}, rules {})",
            decision.rule, decision.label, decision.rules_version
        ),
        format!("  skills    {}", decision.skills.join(", ")),
        format!("  priority  {}", decision.priority),
    ];
    lines.extend(
        decision
            .language
            .as_ref()
            .map(|language| format!("  language  {language}")),
    );
    for considered in &explanation.rules {
        lines.extend(
            considered
                .passed_over
                .as_ref()
                .map(|why| format!("  not       {}: {why}", considered.rule)),
        );
    }
    lines.push(String::new());
    let mut counted = explanation
        .words
        .iter()
        .filter(|word| word.base != 0.0 || word.valence != 0.0)
        .peekable();
    if counted.peek().is_none() {
        lines.push("  no word counts".to_owned());
    }
    lines.extend(counted.flat_map(word));
    if explanation.exclamations > 0 || explanation.questions > 1 {
        lines.push(format!(
            "  exclamation marks {}, question marks {}",
            explanation.exclamations, explanation.questions
        ));
    }
    lines.join("\n") + "\n"
}

fn word(word: &Word) -> impl Iterator<Item = String> {
    let first = format!("  {:+.2}  {}", word.valence, word.word);
    let own =
        (!word.adjustments.is_empty()).then(|| format!("           {:+.2}  on its own", word.base));
    let steps = word
        .adjustments
        .iter()
        .map(|step| format!("           {:+.2}  {}", step.after, step.reason));
    [first].into_iter().chain(own).chain(steps)
}
