//! Which past interactions changed rules would move.

use std::collections::BTreeMap;

use rules::{Decision, Rules, Settings, decide};
use serde::Serialize;

use crate::input::Past;

/// The interactions that would move, and how many of all.
#[derive(Serialize)]
pub struct Report {
    interactions: usize,
    old_rules: String,
    new_rules: String,
    moved: Vec<Moved>,
}

#[derive(Serialize)]
struct Moved {
    interaction: String,
    old: Decision,
    new: Decision,
}

/// Decides every interaction by both rules. It moves if its skills or its priority change.
pub fn report(past: &[Past], old_rules: &Rules, new_rules: &Rules, settings: Settings) -> Report {
    let moved = past.iter().filter_map(|past| {
        let old = decide(&past.text.message(), old_rules, &settings);
        let new = decide(&past.text.message(), new_rules, &settings);
        let moves = old.skills != new.skills || old.priority != new.priority;
        moves.then(|| Moved {
            interaction: past.name.clone(),
            old,
            new,
        })
    });
    Report {
        interactions: past.len(),
        old_rules: old_rules.version().to_owned(),
        new_rules: new_rules.version().to_owned(),
        moved: moved.collect(),
    }
}

/// Prints the report for a terminal.
pub fn print(report: &Report) -> String {
    let mut lines = vec![
        format!(
            "{} of {} interactions would move (rules {} to {})",
            report.moved.len(),
            report.interactions,
            report.old_rules,
            report.new_rules,
        ),
        String::new(),
    ];
    let mut ways: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for moved in &report.moved {
        *ways.entry((&moved.old.rule, &moved.new.rule)).or_default() += 1;
    }
    lines.extend(
        ways.iter()
            .map(|((old, new), count)| format!("  {count:>6}  {old} to {new}")),
    );
    if !report.moved.is_empty() {
        lines.push(String::new());
    }
    for Moved {
        interaction,
        old,
        new,
    } in &report.moved
    {
        lines.push(format!(
            "  {interaction}  score {}",
            new.sentiment_polarity()
        ));
        for (when, decision) in [("from", old), ("to", new)] {
            let Decision {
                skills, priority, ..
            } = decision;
            lines.push(format!(
                "      {when:<5} {}, priority {priority}",
                skills.join(", ")
            ));
        }
    }
    lines.join("\n").trim_end().to_owned() + "\n"
}
