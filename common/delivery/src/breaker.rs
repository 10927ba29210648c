//! The breaker: while an upstream is down, one probe at a time and nothing else.
//!
//! It opens when calls of so many different interactions have failed in a row, so that one payload
//! that the upstream can't stomach never opens it; and that payload goes last among the probes, so
//! that it doesn't keep the breaker open either.

use serde::{Deserialize, Serialize};

use crate::millis::Millis;

/// The longest time between probes.
const LONGEST_INTERVAL: Millis = 60_000;

/// How many interactions that failed are remembered at most.
const MOST_REMEMBERED: usize = 10;

#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    /// How many interactions must fail in a row, 1 to [`MOST_REMEMBERED`].
    pub failures: usize,
    /// From opening to the first probe; it doubles with each that fails.
    pub first_interval: Millis,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Breaker {
    /// Interactions that failed since the last success, each once, the latest last.
    failed: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<Open>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    since: Millis,
    interval: Millis,
    /// When the next probe may start.
    probe_at: Millis,
    /// The probe that is under way and when its lease ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe: Option<Probe>,
    /// When `redrive` may send back the next message as a probe.
    #[serde(default)]
    send_back_at: Millis,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Probe {
    interaction: String,
    /// Its slot, by which a call knows that this is its probe.
    at: Millis,
    until: Millis,
}

/// What an interaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Call,
    /// Call as the one probe, once [`Breaker::probe`] is stored.
    Probe,
    /// Look again then.
    Hold(Millis),
}

impl Breaker {
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// How long the breaker has to wait between probes now; nothing when it is closed.
    pub fn interval(&self) -> Millis {
        self.open.as_ref().map_or(0, |open| open.interval)
    }

    pub fn verdict(&self, interaction: &str, now: Millis) -> Verdict {
        let Some(open) = &self.open else {
            return Verdict::Call;
        };
        // Whoever has failed before lets the others go first.
        let wait = if self.has_failed(interaction) {
            open.interval
        } else {
            0
        };
        let due = open.probe_at + wait;
        match &open.probe {
            // It will have ended long before its lease does, unless its process died.
            Some(probe) if now < probe.until => {
                Verdict::Hold(due.max(probe.until.min(now + open.interval)))
            }
            _ if now < due => Verdict::Hold(due),
            _ => Verdict::Probe,
        }
    }

    /// Starts the probe that [`verdict`](Self::verdict) allowed, at `at`, under a lease until `until`.
    pub fn probe(&mut self, interaction: &str, at: Millis, until: Millis) {
        if let Some(open) = &mut self.open {
            open.probe = Some(Probe {
                interaction: interaction.to_owned(),
                at,
                until,
            });
        }
    }

    /// Whether `redrive` may send a message back now, to be the probe. Where it may, nothing else
    /// is sent back until the next probe would be due.
    pub fn send_back(&mut self, now: Millis) -> bool {
        let Some(open) = &mut self.open else {
            return true;
        };
        let free = open.probe.as_ref().is_none_or(|probe| probe.until <= now);
        let due = free && open.probe_at <= now && open.send_back_at <= now;
        if due {
            open.send_back_at = now + open.interval;
        }
        due
    }

    /// The upstream answered. Closes the breaker where it was a probe; a call from before it opened
    /// says nothing about now.
    pub fn succeeded(&mut self, was_probe: bool) {
        if was_probe || self.open.is_none() {
            *self = Self::default();
        }
    }

    /// The upstream did not answer, or refused the client. `probe`: the slot of the call, where it
    /// was a probe.
    pub fn failed(
        &mut self,
        interaction: &str,
        probe: Option<Millis>,
        thresholds: Thresholds,
        now: Millis,
    ) {
        let again = self.has_failed(interaction);
        if !again {
            self.failed.push(interaction.to_owned());
            let surplus = self.failed.len().saturating_sub(MOST_REMEMBERED);
            self.failed.drain(..surplus);
        }
        match (&mut self.open, probe) {
            (None, _) if self.failed.len() >= thresholds.failures => {
                self.open = Some(Open {
                    since: now,
                    interval: thresholds.first_interval,
                    probe_at: now + thresholds.first_interval,
                    probe: None,
                    send_back_at: 0,
                });
            }
            (Some(open), Some(at)) => {
                let mine = |probe: &mut Probe| probe.at == at && probe.interaction == interaction;
                // One that outlived its lease must not end another's.
                if open.probe.take_if(mine).is_some() {
                    if !again {
                        open.interval = (open.interval * 2).min(LONGEST_INTERVAL);
                    }
                    open.probe_at = now + open.interval;
                }
            }
            _ => {}
        }
    }

    fn has_failed(&self, interaction: &str) -> bool {
        self.failed.iter().any(|failed| failed == interaction)
    }
}
