//! What a rotation does next: a pure function of what is known.
//!
//! A rotation may stop anywhere, and the next one goes on from what it left:
//!
//! | it stopped after | what stands | the next run |
//! |---|---|---|
//! | the intent | intent, no `AWSPENDING` | may the old token be sent again? then it is; else a person is called |
//! | the provider's answer | the same | the same |
//! | storing it | `AWSPENDING` | checks and promotes it |
//! | promoting it | one version with both labels | takes `AWSPENDING` away |
//!
//! The current token works until the new one is promoted, wherever it stops.

use jiff::Timestamp;
use tokens::Intent;

/// What is known of a token. Values are not: they stay with whoever carries the steps out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The version labelled `AWSCURRENT`.
    pub current: String,
    pub current_issued_at: Option<Timestamp>,
    /// The version labelled `AWSPENDING`.
    pub pending: Option<Pending>,
    pub intent: Option<Intent>,
    pub memory: Memory,
    /// The current token must not be sent twice.
    pub single_use: bool,
    pub due: bool,
}

/// What only this run knows; a crash forgets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    #[default]
    Nothing,
    /// It wrote the intent, and has not called the provider yet.
    Intent,
    /// The provider has answered, and the answer isn't stored yet.
    Answer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub version: String,
    /// When its token was issued; `None` where it holds none that can be used.
    pub issued_at: Option<Timestamp>,
}

/// One step. Each is safe to run twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is to be done, or nothing more.
    Finish,
    /// An intent stands without an answer, and the token may have been used up: call a person.
    CallPerson,
    /// Write down that the current token is about to be exchanged.
    WriteIntent,
    /// Exchange it.
    CallProvider,
    /// Store the answer as `AWSPENDING`.
    Store,
    /// Make the pending version `AWSCURRENT`.
    Promote,
    /// Take the label `AWSPENDING` away: its version is current, or no good.
    DropPending,
    /// The intent's exchange is done, or a person has put another token: forget it.
    ForgetIntent,
}

/// The next step.
pub fn next(facts: &Facts) -> Step {
    if facts.memory == Memory::Answer {
        return Step::Store;
    }
    if let Some(pending) = &facts.pending {
        let is_newer = pending.issued_at >= facts.current_issued_at;
        return if pending.version == facts.current || pending.issued_at.is_none() || !is_newer {
            Step::DropPending
        } else {
            Step::Promote
        };
    }
    match &facts.intent {
        Some(intent) if intent.from != facts.current => Step::ForgetIntent,
        Some(_) if facts.memory == Memory::Intent => Step::CallProvider,
        Some(_) if facts.single_use => Step::CallPerson,
        Some(_) => Step::WriteIntent,
        None if facts.due => Step::WriteIntent,
        None => Step::Finish,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Secrets Manager, the ledger and the provider, as far as the steps touch them.
    struct World {
        facts: Facts,
        /// Versions by number; the provider issued the token of each.
        versions: u32,
        calls: Vec<String>,
    }

    fn at(second: u32) -> Timestamp {
        Timestamp::from_second(second.into()).unwrap()
    }

    impl World {
        fn new(single_use: bool) -> Self {
            let facts = Facts {
                current: "v0".into(),
                current_issued_at: Some(at(0)),
                single_use,
                due: true,
                ..Facts::default()
            };
            Self {
                facts,
                versions: 0,
                calls: Vec::new(),
            }
        }

        fn perform(&mut self, step: Step) {
            let facts = &mut self.facts;
            match step {
                Step::Finish | Step::CallPerson => {}
                Step::WriteIntent => {
                    self.versions += 1;
                    facts.intent = Some(Intent {
                        from: facts.current.clone(),
                        version: format!("v{}", self.versions),
                        at: at(self.versions),
                    });
                    facts.memory = Memory::Intent;
                }
                Step::CallProvider => {
                    self.calls.push(facts.current.clone());
                    facts.memory = Memory::Answer;
                }
                Step::Store => {
                    facts.memory = Memory::Nothing;
                    facts.pending = facts.intent.as_ref().map(|intent| Pending {
                        version: intent.version.clone(),
                        issued_at: Some(intent.at),
                    });
                }
                Step::Promote => {
                    let pending = facts.pending.clone().unwrap();
                    facts.current = pending.version;
                    facts.current_issued_at = pending.issued_at;
                    facts.due = false;
                }
                Step::DropPending => facts.pending = None,
                Step::ForgetIntent => facts.intent = None,
            }
        }

        /// The process dies: what was only in its memory is gone.
        fn crash(&mut self) {
            self.facts.memory = Memory::Nothing;
        }

        fn run(&mut self, steps: usize) -> Step {
            for _ in 0..steps {
                let step = next(&self.facts);
                if matches!(step, Step::Finish | Step::CallPerson) {
                    return step;
                }
                self.perform(step);
            }
            next(&self.facts)
        }
    }

    #[test]
    fn an_undisturbed_rotation_takes_seven_steps_and_one_call() {
        let mut world = World::new(true);
        let mut steps = Vec::new();
        while steps.last() != Some(&Step::Finish) {
            steps.push(next(&world.facts));
            world.perform(*steps.last().unwrap());
        }
        assert_eq!(
            steps,
            [
                Step::WriteIntent,
                Step::CallProvider,
                Step::Store,
                Step::Promote,
                Step::DropPending,
                Step::ForgetIntent,
                Step::Finish,
            ]
        );
        assert_eq!(world.calls, ["v0"]);
    }

    #[test]
    fn a_pending_version_older_than_the_current_one_is_dropped() {
        let mut world = World::new(false);
        world.facts.current_issued_at = Some(at(9));
        world.facts.pending = Some(Pending {
            version: "old".into(),
            issued_at: Some(at(8)),
        });
        assert_eq!(next(&world.facts), Step::DropPending);
    }

    proptest! {
        #[test]
        fn any_crashes_end_with_a_rotation_or_a_person_and_a_single_use_token_is_sent_once(
            single_use: bool,
            runs in prop::collection::vec(0..8_usize, 0..12),
        ) {
            let mut world = World::new(single_use);
            for steps in runs {
                world.run(steps);
                world.crash();
            }
            let end = world.run(20);
            if single_use {
                let mut calls = world.calls.clone();
                calls.dedup();
                prop_assert_eq!(&calls, &world.calls, "no token is sent twice");
            }
            match end {
                Step::Finish => {
                    prop_assert!(!world.facts.due && world.facts.pending.is_none());
                    prop_assert!(world.facts.intent.is_none());
                }
                Step::CallPerson => prop_assert!(single_use && world.facts.current == "v0"),
                other => prop_assert!(false, "it went on with {other:?}"),
            }
        }
    }
}
