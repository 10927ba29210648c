//! Whether what came out is what should. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::file::Expect;
use crate::target::{Counted, Progress, Stage};

/// All that was seen of a run.
#[derive(Default)]
pub struct Outcome {
    /// Deliveries that should have been made.
    pub deliveries: u64,
    /// Deliveries by the status that the webhook gave, refused ones only.
    pub refused: BTreeMap<String, u64>,
    /// Deliveries that got no answer, by why.
    pub unanswered: BTreeMap<String, u64>,
    /// Deliveries that were accepted, copies counted each.
    pub accepted: u64,
    /// What became of each interaction, as it was seen last.
    pub interactions: BTreeMap<String, Option<Progress>>,
    /// What the sandbox counted during the run; none without one.
    pub sandbox: Option<Counted>,
}

/// One line of the verdict.
pub struct Check {
    pub what: String,
    pub expected: String,
    pub seen: String,
    pub passed: bool,
}

fn exact<T: PartialEq + ToString>(what: impl Into<String>, expected: &T, seen: &T) -> Check {
    Check {
        what: what.into(),
        expected: expected.to_string(),
        seen: seen.to_string(),
        passed: expected == seen,
    }
}

fn at_most(what: impl Into<String>, bound: f64, seen: Option<f64>) -> Check {
    Check {
        what: what.into(),
        expected: format!("at most {bound}"),
        seen: seen.map_or_else(|| "none".to_owned(), |seen| seen.to_string()),
        passed: seen.is_some_and(|seen| seen <= bound),
    }
}

/// Whether an interaction has come to its end.
pub fn is_settled(progress: &Progress) -> bool {
    matches!(progress.state.as_str(), "synced" | "parked")
}

/// All checks: those that hold for every scenario first.
pub fn judge(outcome: &Outcome, expect: &Expect) -> Vec<Check> {
    let found: Vec<&Progress> = outcome.interactions.values().flatten().collect();
    let mut checks = vec![
        answered(outcome),
        lost(outcome),
        twice(&found, outcome.sandbox),
    ];
    let interactions = outcome.interactions.len() as u64;
    checks.extend(
        expect
            .accepted
            .map(|n| exact("accepted", &n, &interactions)),
    );
    if let Some(expected) = &expect.refused {
        checks.push(exact("refused", &shown(expected), &shown(&outcome.refused)));
    }
    let in_stage = |stage: &str| {
        found
            .iter()
            .filter(|p| stage_of(p, stage).is_some())
            .count() as u64
    };
    checks.extend(
        expect
            .routed
            .map(|n| exact("routed", &n, &in_stage("routed"))),
    );
    checks.extend(
        expect
            .synced
            .map(|n| exact("synced", &n, &in_stage("synced"))),
    );
    let parked = found.iter().filter(|p| p.state == "parked").count() as u64;
    checks.extend(expect.parked.map(|n| exact("parked", &n, &parked)));
    if let Some(expected) = &expect.rules {
        checks.push(exact(
            "tasks by rule",
            &shown(expected),
            &shown(&by_rule(&found)),
        ));
    }
    let breaches = found
        .iter()
        .filter(|p| stage_of(p, "routed").is_some_and(|stage| stage.breach))
        .count();
    #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 interactions")]
    let limit = |bound: u64, seen: u64, what| at_most(what, bound as f64, Some(seen as f64));
    checks.extend(
        expect
            .breaches_at_most
            .map(|n| limit(n, breaches as u64, "breaches")),
    );
    for (stage, bound) in &expect.p95_at_most {
        checks.push(at_most(
            format!("p95 of {stage} (ms)"),
            *bound,
            percentile(latencies(&found, stage), 95),
        ));
    }
    if let (Some(bound), Some(sandbox)) = (expect.early_calls, outcome.sandbox) {
        checks.push(exact("early calls", &bound, &sandbox.early_calls));
    }
    checks
}

fn answered(outcome: &Outcome) -> Check {
    let answered = outcome.accepted + outcome.refused.values().sum::<u64>();
    let mut check = exact("deliveries answered", &outcome.deliveries, &answered);
    if !outcome.unanswered.is_empty() {
        check.seen = format!("{answered} ({})", shown(&outcome.unanswered));
    }
    check
}

/// An interaction is lost where it was accepted and has not come to its end in time.
fn lost(outcome: &Outcome) -> Check {
    let is_lost = |progress: &Option<Progress>| !progress.as_ref().is_some_and(is_settled);
    let lost: Vec<_> = outcome
        .interactions
        .iter()
        .filter(|(_, progress)| is_lost(progress))
        .collect();
    let mut check = exact("lost or late", &0, &lost.len());
    for (id, progress) in lost.iter().take(5) {
        let state = progress.as_ref().map_or("never seen", |p| p.state.as_str());
        let reason = progress
            .as_ref()
            .and_then(|p| p.reason.as_deref())
            .map_or_else(String::new, |r| format!(": {r}"));
        let line = format!("\n    {id} is {state}{reason}");
        check.seen.push_str(&line);
    }
    check
}

/// Two interactions with one task, what the ledger knows to have been done twice, and what the
/// sandbox counted.
fn twice(found: &[&Progress], sandbox: Option<Counted>) -> Check {
    let tasks: Vec<_> = found
        .iter()
        .filter_map(|p| stage_of(p, "routed")?.task_id.as_ref())
        .collect();
    let shared = tasks.len() - tasks.iter().collect::<BTreeSet<_>>().len();
    let parts = found
        .iter()
        .flat_map(|p| [&p.routing, &p.ticketing])
        .flatten();
    let known: usize = parts.map(|done| done.duplicates.len()).sum();
    let counted = sandbox.map_or(0, |sandbox| {
        sandbox.duplicate_tasks + sandbox.duplicate_syncs
    });
    exact("done twice", &0, &(shared as u64 + known as u64 + counted))
}

fn stage_of<'a>(progress: &'a Progress, name: &str) -> Option<&'a Stage> {
    progress.stages.iter().find(|stage| stage.name == name)
}

fn by_rule(found: &[&Progress]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for stage in found.iter().filter_map(|p| stage_of(p, "routed")) {
        let rule = stage
            .decision
            .as_ref()
            .and_then(|decision| decision.attributes.get("rule"));
        *counts
            .entry(rule.cloned().unwrap_or_else(|| "unknown".to_owned()))
            .or_default() += 1;
    }
    counts
}

fn latencies(found: &[&Progress], stage: &str) -> Vec<f64> {
    found
        .iter()
        .filter_map(|p| stage_of(p, stage)?.latency_ms)
        .collect()
}

/// The nearest-rank percentile.
pub fn percentile(mut values: Vec<f64>, percent: usize) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.max(1) - 1).copied()
}

fn shown(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<_> = counts
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(what, n)| format!("{what}: {n}"))
        .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Latencies in a sentence, for the end of a run.
pub fn waited(outcome: &Outcome) -> String {
    let found: Vec<&Progress> = outcome.interactions.values().flatten().collect();
    let of = |stage: &str| {
        let all = latencies(&found, stage);
        let at = |percent| percentile(all.clone(), percent).unwrap_or(0.0);
        format!(
            "{stage} p50 {} ms, p95 {} ms, p99 {} ms",
            at(50),
            at(95),
            at(99)
        )
    };
    format!("{}; {}", of("routed"), of("synced"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settled(id: &str, task: &str, latency: f64) -> Value {
        json!({
            "interaction_id": id,
            "state": "synced",
            "reason": null,
            "stages": [
                {"stage": "routed", "latency_ms": latency, "breach": latency > 2500.0, "task_id": task,
                 "decision": {"attributes": {"rule": "negative"}}},
                {"stage": "synced", "latency_ms": latency + 100.0},
            ],
            "routing": {"duplicates": []},
            "ticketing": {"duplicates": []},
        })
    }

    fn outcome(found: &[Value]) -> Outcome {
        let interactions = found.iter().map(|value| {
            let progress: Progress = serde_json::from_value(value.clone()).unwrap();
            (progress.interaction_id.clone(), Some(progress))
        });
        let accepted = found.len() as u64;
        Outcome {
            deliveries: accepted,
            accepted,
            interactions: interactions.collect(),
            ..Outcome::default()
        }
    }

    fn failed(outcome: &Outcome, expect: Value) -> Vec<String> {
        let expect: Expect = serde_json::from_value(expect).unwrap();
        judge(outcome, &expect)
            .into_iter()
            .filter(|check| !check.passed)
            .map(|check| check.what)
            .collect()
    }

    #[test]
    fn a_run_in_which_all_is_well_passes() {
        let run = outcome(&[settled("a", "t1", 100.0), settled("b", "t2", 200.0)]);
        let expect = json!({
            "accepted": 2, "routed": 2, "synced": 2, "parked": 0, "refused": {}, "rules": {"negative": 2},
            "breaches_at_most": 0, "p95_at_most": {"routed": 200, "synced": 300},
        });
        assert_eq!(failed(&run, expect), Vec::<String>::new());
    }

    #[test]
    fn an_interaction_that_never_came_to_its_end_is_lost() {
        let mut run = outcome(&[settled("a", "t1", 100.0)]);
        run.interactions.insert("b".into(), None);
        assert_eq!(failed(&run, json!({})), ["lost or late"]);
        let mut waiting = settled("b", "t2", 1.0);
        waiting["state"] = json!("waiting");
        assert_eq!(failed(&outcome(&[waiting]), json!({})), ["lost or late"]);
    }

    #[test]
    fn what_was_done_twice_shows_whoever_knows_of_it() {
        let shared = outcome(&[settled("a", "t1", 1.0), settled("b", "t1", 1.0)]);
        assert_eq!(failed(&shared, json!({})), ["done twice"]);
        let mut known = settled("a", "t1", 1.0);
        known["ticketing"]["duplicates"] = json!(["ticket-2"]);
        assert_eq!(failed(&outcome(&[known]), json!({})), ["done twice"]);
        let mut counted = outcome(&[settled("a", "t1", 1.0)]);
        counted.sandbox = Some(Counted {
            duplicate_tasks: 1,
            ..Counted::default()
        });
        assert_eq!(failed(&counted, json!({})), ["done twice"]);
    }

    #[test]
    fn a_delivery_without_an_answer_fails_the_run() {
        let mut run = outcome(&[settled("a", "t1", 1.0)]);
        run.deliveries = 2;
        run.unanswered
            .insert("the webhook could not be reached".into(), 1);
        assert_eq!(failed(&run, json!({})), ["deliveries answered"]);
    }

    #[test]
    fn each_expectation_that_does_not_hold_is_named() {
        let run = outcome(&[settled("a", "t1", 3000.0)]);
        let expect = json!({
            "accepted": 2, "routed": 0, "synced": 0, "parked": 1, "refused": {"400": 1}, "rules": {"positive": 1},
            "breaches_at_most": 0, "p95_at_most": {"routed": 2500},
        });
        let names = [
            "accepted",
            "refused",
            "routed",
            "synced",
            "parked",
            "tasks by rule",
            "breaches",
            "p95 of routed (ms)",
        ];
        assert_eq!(failed(&run, expect), names);
    }

    #[test]
    fn a_bound_on_latencies_fails_where_there_are_none() {
        assert_eq!(
            failed(&outcome(&[]), json!({"p95_at_most": {"routed": 1}})),
            ["p95 of routed (ms)"]
        );
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(hundred, 95), Some(95.0));
        assert_eq!(percentile(vec![7.0], 95), Some(7.0));
        assert_eq!(percentile(Vec::new(), 95), None);
    }
}
