//! Runs a scenario: sends what is due, looks where everything is, until all has settled.

use std::collections::VecDeque;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use runtime::clock;
use tokio::sync::mpsc;

use crate::Error;
use crate::file::Scenario;
use crate::plan::{self, Send};
use crate::target::{Counted, Delivered, LOOKUP, Target};
use crate::verdict::{Outcome, is_settled};

/// Requests to the simulator under way at once.
const AT_ONCE: usize = 8;
/// How often it is asked where things are, and about how many at most.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOK_AT: usize = 4 * LOOKUP;

/// Runs it with the sandbox's faults set, and takes them away again however it ends.
///
/// # Errors
/// Where the simulator or the sandbox can't be used.
pub async fn run(target: &Target, scenario: &Scenario) -> Result<Outcome, Error> {
    for (endpoint, faults) in &scenario.faults {
        target.set_faults(endpoint, faults).await?;
    }
    let outcome = tokio::select! {
        outcome = traffic(target, scenario) => outcome,
        _ = tokio::signal::ctrl_c() => Err(Error::Usage("stopped".to_owned())),
    };
    for endpoint in scenario.faults.keys() {
        target.clear_faults(endpoint).await?;
    }
    outcome
}

async fn traffic(target: &Target, scenario: &Scenario) -> Result<Outcome, Error> {
    let before = target.counted().await?;
    let sends = plan::plan(&scenario.traffic, fastrand::u64(..1 << 48));
    let mut outcome = Outcome {
        deliveries: plan::deliveries(&sends),
        ..Outcome::default()
    };
    let bar = bar(outcome.deliveries);
    let (answers, mut answered) = mpsc::unbounded_channel();
    let follow = async {
        let mut open = VecDeque::new();
        let mut ended = None;
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            loop {
                match answered.try_recv() {
                    Ok(delivered) => record(&mut outcome, &mut open, &bar, delivered),
                    Err(mpsc::error::TryRecvError::Empty) => break,
                    Err(mpsc::error::TryRecvError::Disconnected) => {
                        ended.get_or_insert_with(clock::instant);
                        break;
                    }
                }
            }
            look(target, &mut outcome, &mut open, &bar).await?;
            let is_over = ended.is_some_and(|ended| {
                ended.elapsed() > Duration::from_secs(scenario.within_seconds)
            });
            if ended.is_some() && (open.is_empty() || is_over) {
                return Ok(());
            }
        }
    };
    let ended = tokio::try_join!(send(target, sends, answers), follow);
    bar.finish_and_clear();
    ended?;
    if target.has_sandbox() {
        let after = target.counted().await?;
        outcome.sandbox = Some(Counted {
            duplicate_tasks: after.duplicate_tasks.saturating_sub(before.duplicate_tasks),
            duplicate_syncs: after.duplicate_syncs.saturating_sub(before.duplicate_syncs),
            early_calls: after.early_calls.saturating_sub(before.early_calls),
        });
    }
    Ok(outcome)
}

/// Sends each request when it is due; ends with the first that fails.
async fn send(
    target: &Target,
    sends: Vec<Send>,
    answers: mpsc::UnboundedSender<Vec<Delivered>>,
) -> Result<(), Error> {
    let started = tokio::time::Instant::now();
    let mut calls = stream::iter(sends)
        .map(|send| async move {
            tokio::time::sleep_until(started + send.at).await;
            target.send(&send.request).await
        })
        .buffer_unordered(AT_ONCE);
    while let Some(delivered) = calls.next().await {
        // Nobody receives any more once following has failed, and then its error counts.
        let _ = answers.send(delivered?);
    }
    Ok(())
}

fn record(
    outcome: &mut Outcome,
    open: &mut VecDeque<String>,
    bar: &ProgressBar,
    delivered: Vec<Delivered>,
) {
    for one in delivered {
        match (one.interaction_id, one.status) {
            (Some(id), _) => {
                outcome.accepted += 1;
                if !outcome.interactions.contains_key(&id) {
                    outcome.interactions.insert(id.clone(), None);
                    open.push_back(id);
                    continue;
                }
            }
            (None, Some(status)) => *outcome.refused.entry(status.to_string()).or_default() += 1,
            (None, None) => {
                let why = one.error.unwrap_or_else(|| "no answer".to_owned());
                *outcome.unanswered.entry(why).or_default() += 1;
            }
        }
        // A copy or a refusal has come to its end with the answer.
        bar.inc(1);
    }
}

/// Asks about those that were asked about longest ago.
async fn look(
    target: &Target,
    outcome: &mut Outcome,
    open: &mut VecDeque<String>,
    bar: &ProgressBar,
) -> Result<(), Error> {
    let asked: Vec<String> = open.drain(..open.len().min(LOOK_AT)).collect();
    let calls = asked.chunks(LOOKUP).map(|ids| target.look_up(ids));
    for progress in futures::future::try_join_all(calls)
        .await?
        .into_iter()
        .flatten()
    {
        let id = progress.interaction_id.clone();
        if is_settled(&progress) {
            bar.inc(1);
        } else {
            open.push_back(id.clone());
        }
        outcome.interactions.insert(id, Some(progress));
    }
    bar.set_message(format!("{} open", open.len()));
    Ok(())
}

/// Shows nothing where the output is no terminal.
fn bar(deliveries: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} settled, {msg}");
    ProgressBar::new(deliveries).with_style(style.expect("the template is a constant"))
}
