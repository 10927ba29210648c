//! What stands between all functions and one upstream: its rate limit and its breaker, in the one
//! ledger item `upstream#<name>`. Pure: [`crate::admission`] reads and writes it.

use serde::{Deserialize, Serialize};

use crate::breaker::{Breaker, Verdict};
use crate::limiter::{Limit, Slots};
use crate::millis::Millis;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gate {
    pub limiter: Slots,
    pub breaker: Breaker,
}

/// Under which terms calls are let through.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// None: there is no limit, and nothing about it is ever stored.
    pub limit: Option<Limit>,
    /// The last instant at which a call of this invocation may start.
    pub latest: Millis,
    /// For how long after its start a probe keeps others from probing.
    pub lease: Millis,
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// At this instant, which may lie ahead.
    Go { at: Millis, probe: bool },
    /// Not now: look again then.
    Hold { until: Millis },
}

impl Gate {
    /// Decides for each call, named by the interaction that it is for. Where that changes the gate,
    /// it must be stored before anybody goes.
    pub fn admit(&mut self, calls: &[&str], terms: &Terms, now: Millis) -> Vec<Admission> {
        calls
            .iter()
            .map(|call| self.admit_one(call, terms, now))
            .collect()
    }

    fn admit_one(&mut self, call: &str, terms: &Terms, now: Millis) -> Admission {
        let probe = match self.breaker.verdict(call, now) {
            Verdict::Call => false,
            Verdict::Probe => true,
            Verdict::Hold(until) => return Admission::Hold { until },
        };
        let at = match terms.limit {
            None if now > terms.latest => return Admission::Hold { until: now },
            None => now,
            Some(limit) => match self.limiter.take(limit, now, terms.latest) {
                Ok(at) => at,
                Err(until) => return Admission::Hold { until },
            },
        };
        if probe {
            self.breaker.probe(call, at, at + terms.lease);
        }
        Admission::Go { at, probe }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::breaker::Thresholds;

    const THRESHOLDS: Thresholds = Thresholds {
        failures: 3,
        first_interval: 5_000,
    };
    const TERMS: Terms = Terms {
        limit: None,
        latest: Millis::MAX,
        lease: 15_000,
    };

    fn opened(at: Millis) -> Gate {
        let mut gate = Gate::default();
        for interaction in ["a", "b", "c"] {
            gate.breaker.failed(interaction, None, THRESHOLDS, at);
        }
        gate
    }

    fn go(at: Millis, probe: bool) -> Admission {
        Admission::Go { at, probe }
    }

    #[test]
    fn a_closed_gate_without_a_limit_is_never_changed() {
        let mut gate = Gate::default();
        assert_eq!(
            gate.admit(&["a", "b"], &TERMS, 7),
            [go(7, false), go(7, false)]
        );
        assert_eq!(gate, Gate::default());
    }

    #[test]
    fn three_interactions_in_a_row_open_it_and_one_alone_never_does() {
        let mut alone = Gate::default();
        for second in 0..100 {
            alone
                .breaker
                .failed("poison", None, THRESHOLDS, second * 1_000);
        }
        assert!(!alone.breaker.is_open());
        assert!(opened(0).breaker.is_open());
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let mut gate = Gate::default();
        for interaction in ["a", "b", "c", "d", "e"] {
            gate.breaker.failed(interaction, None, THRESHOLDS, 0);
            gate.breaker.succeeded(false);
        }
        assert!(!gate.breaker.is_open());
    }

    #[test]
    fn while_open_one_probe_goes_and_the_rest_waits_for_its_lease() {
        let mut gate = opened(0);
        assert_eq!(
            gate.admit(&["x"], &TERMS, 4_999),
            [Admission::Hold { until: 5_000 }]
        );
        let admissions = gate.admit(&["x", "y", "z"], &TERMS, 5_000);
        let hold = Admission::Hold { until: 10_000 };
        assert_eq!(admissions, [go(5_000, true), hold, hold]);
        assert_eq!(
            gate.admit(&["z"], &TERMS, 19_999),
            [Admission::Hold { until: 20_000 }]
        );
        // The prober died: its lease runs out and the next one probes.
        assert_eq!(gate.admit(&["y"], &TERMS, 20_000), [go(20_000, true)]);
    }

    #[test]
    fn probes_that_fail_grow_apart_to_a_minute_and_one_that_succeeds_closes_it() {
        let mut gate = opened(0);
        let mut now = 0;
        let mut gaps = Vec::new();
        for prober in 0..7 {
            let prober = format!("prober {prober}");
            let [Admission::Hold { until }] = gate.admit(&[&prober], &TERMS, now)[..] else {
                panic!("it let a call through without a pause");
            };
            gaps.push(until - now);
            now = until;
            assert_eq!(gate.admit(&[&prober], &TERMS, now), [go(now, true)]);
            gate.breaker.failed(&prober, Some(now), THRESHOLDS, now);
        }
        assert_eq!(
            gaps,
            [5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]
        );
        gate.breaker.succeeded(true);
        assert_eq!(gate, Gate::default());
    }

    #[test]
    fn a_late_success_from_before_it_opened_does_not_close_it() {
        let mut gate = opened(0);
        gate.breaker.succeeded(false);
        assert!(gate.breaker.is_open());
    }

    #[test]
    fn a_payload_that_always_fails_lets_the_others_probe_first() {
        let mut gate = opened(0);
        // "c" is the payload; it is back first, and yet has to let the others go.
        assert_eq!(
            gate.admit(&["c"], &TERMS, 5_000),
            [Admission::Hold { until: 10_000 }]
        );
        assert_eq!(
            gate.admit(&["c", "fine"], &TERMS, 6_000)[1],
            go(6_000, true)
        );
        // Where it is alone, it probes in the end, and doesn't make the interval grow.
        let mut alone = opened(0);
        assert_eq!(alone.admit(&["c"], &TERMS, 10_000), [go(10_000, true)]);
        alone.breaker.failed("c", Some(10_000), THRESHOLDS, 10_000);
        assert_eq!(alone.breaker.interval(), 5_000);
    }

    #[test]
    fn redrive_sends_one_message_back_for_each_probe() {
        let mut gate = opened(0);
        assert!(!gate.breaker.send_back(4_999));
        assert!(gate.breaker.send_back(5_000));
        assert!(!gate.breaker.send_back(5_001));
        assert!(
            gate.breaker.send_back(10_000),
            "the first copy was lost on its way"
        );
        assert!(
            Gate::default().breaker.send_back(0),
            "closed, anything goes back"
        );
    }

    #[test]
    fn the_item_is_within_one_write_unit_with_the_longest_ids() {
        let mut gate = Gate::default();
        let limit = Limit {
            calls: 100,
            window: 60_000,
            requests: 1,
        };
        for call in 0..200 {
            gate.limiter
                .take(limit, 1_763_800_000_000 + call * 615, Millis::MAX)
                .unwrap();
        }
        for letter in ["a", "b", "c"] {
            gate.breaker
                .failed(&letter.repeat(128), None, THRESHOLDS, 1_763_800_000_000);
        }
        assert!(serde_json::to_string(&gate).unwrap().len() < 1_000);
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// An interaction asks.
        Ask(u8),
        /// The oldest call under way ends, well or badly.
        End(bool),
        /// A process dies with its call.
        Crash,
        Pass(Millis),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..8_u8).prop_map(Step::Ask),
            2 => any::<bool>().prop_map(Step::End),
            1 => Just(Step::Crash),
            2 => (0..30_000_i64).prop_map(Step::Pass),
        ]
    }

    proptest! {
        #[test]
        fn there_are_never_two_probes_and_never_another_call_beside_one(
            steps in prop::collection::vec(step(), 1..200),
        ) {
            let mut gate = Gate::default();
            let mut now = 0;
            // Calls under way: who, as a probe or not, since when.
            let mut calls: Vec<(String, bool, Millis)> = Vec::new();
            for step in steps {
                match step {
                    Step::Ask(who) => {
                        let who = who.to_string();
                        let open = gate.breaker.is_open();
                        if let Admission::Go { probe, at } = gate.admit(&[&who], &TERMS, now)[0] {
                            prop_assert_eq!(probe, open);
                            if probe {
                                let live = |c: &&(String, bool, Millis)| c.1 && c.2 + TERMS.lease > now;
                                prop_assert_eq!(calls.iter().filter(live).count(), 0);
                            }
                            calls.push((who, probe, at));
                        }
                    }
                    Step::End(well) if !calls.is_empty() => {
                        let (who, probe, at) = calls.remove(0);
                        if well {
                            gate.breaker.succeeded(probe);
                            prop_assert!(!probe || !gate.breaker.is_open());
                        } else {
                            let slot = probe.then_some(at);
                            gate.breaker.failed(&who, slot, THRESHOLDS, now);
                        }
                    }
                    Step::Crash if !calls.is_empty() => {
                        calls.remove(0);
                    }
                    Step::Pass(time) => now += time,
                    Step::End(_) | Step::Crash => {}
                }
            }
            // However it went, it is not stuck: left alone, somebody may call soon.
            let later = now + TERMS.lease + 2 * 60_000;
            let fresh = gate.admit(&["fresh"], &TERMS, later);
            let goes = matches!(fresh[..], [Admission::Go { .. }]);
            prop_assert!(goes, "{fresh:?}");
        }
    }
}
