//! What becomes of a dead letter: a pure decision.

use std::time::Duration;

use crate::item::Next;
use crate::millis::{self, Millis};
use crate::queue::LONGEST_DELAY;

/// A standard queue forgets a message 14 days after it was first sent, and moving it to a
/// dead-letter queue doesn't start anew:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.
/// From half of that on, a message is sent afresh instead of being hidden any longer.
const OLD: Millis = 7 * 24 * 3600 * 1000;

/// How dead letters are treated.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub max_attempts: u32,
    pub max_redrives: u32,
    /// The first delay, 1 s to 15 min; it doubles with each redrive.
    pub delay: Duration,
}

/// What becomes of a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is done or kept elsewhere.
    Delete,
    /// It is done: delete it once the next stage has its message.
    FollowUp,
    Park(String),
    ParkConflict,
    Hide {
        until: Millis,
    },
    SendBack {
        redrives: u32,
        delay_seconds: u32,
    },
}

impl Policy {
    /// 60 x 2^n seconds by default, 900 at most.
    fn delay_seconds(&self, redrives: u32) -> u32 {
        let seconds = u32::try_from(self.delay.as_secs()).unwrap_or(LONGEST_DELAY);
        seconds
            .saturating_mul(2_u32.saturating_pow(redrives.min(31)))
            .min(LONGEST_DELAY)
    }

    /// The next round after so many: its number and its delay in seconds, or why there is none.
    pub(super) fn next_round(&self, redrives: u32) -> Result<(u32, u32), String> {
        if redrives >= self.max_redrives {
            return Err(format!("{redrives} redrives spent"));
        }
        Ok((redrives + 1, self.delay_seconds(redrives)))
    }

    /// How long to hide while the breaker is open: anything up to 15 minutes by default.
    fn while_open(&self, random: f64) -> Duration {
        let longest = (self.delay * 15).min(Duration::from_secs(LONGEST_DELAY.into()));
        longest.mul_f64(random)
    }

    /// Decides on a letter by what the ledger says of its interaction. `probe` is asked only where
    /// the breaker is open and the letter could be its probe.
    pub(super) fn decide(
        &self,
        letter: &Letter,
        open: bool,
        probe: impl FnOnce() -> bool,
        random: f64,
    ) -> Verdict {
        let verdict = match &letter.next {
            Next::Finished => Verdict::FollowUp,
            Next::Parked => Verdict::Delete,
            Next::Conflict => Verdict::ParkConflict,
            Next::Spent => Verdict::Park(format!("{} attempts spent", self.max_attempts)),
            Next::Hide { until } => Verdict::Hide { until: *until },
            Next::Call => match self.next_round(letter.redrives) {
                Err(spent) => Verdict::Park(spent),
                // Not counted: it goes back for the breaker's sake and not for its own.
                Ok(_) if open && probe() => Verdict::SendBack {
                    redrives: letter.redrives,
                    delay_seconds: 0,
                },
                Ok(_) if open => Verdict::Hide {
                    until: millis::after(letter.now, self.while_open(random)),
                },
                Ok((redrives, delay_seconds)) => Verdict::SendBack {
                    redrives,
                    delay_seconds,
                },
            },
        };
        match verdict {
            Verdict::Hide { .. } if letter.now - letter.sent_at > OLD => Verdict::SendBack {
                redrives: letter.redrives,
                delay_seconds: LONGEST_DELAY,
            },
            verdict => verdict,
        }
    }
}

/// What a decision is made on.
pub(super) struct Letter {
    pub next: Next,
    pub redrives: u32,
    /// When this copy was first sent.
    pub sent_at: Millis,
    pub now: Millis,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Policy = Policy {
        max_attempts: 10,
        max_redrives: 5,
        delay: Duration::from_mins(1),
    };

    fn letter(next: Next, redrives: u32) -> Letter {
        Letter {
            next,
            redrives,
            sent_at: 0,
            now: 1_000,
        }
    }

    fn closed(letter: &Letter) -> Verdict {
        POLICY.decide(
            letter,
            false,
            || panic!("a closed breaker needs no probe"),
            0.5,
        )
    }

    #[test]
    fn what_is_done_goes_on_to_the_next_stage_and_what_is_parked_is_deleted() {
        assert_eq!(closed(&letter(Next::Finished, 5)), Verdict::FollowUp);
        assert_eq!(closed(&letter(Next::Parked, 0)), Verdict::Delete);
    }

    #[test]
    fn what_has_spent_its_attempts_or_redrives_is_parked() {
        assert!(matches!(closed(&letter(Next::Spent, 0)), Verdict::Park(_)));
        assert!(matches!(closed(&letter(Next::Call, 5)), Verdict::Park(_)));
        let open = POLICY.decide(&letter(Next::Call, 5), true, || true, 0.5);
        assert!(matches!(open, Verdict::Park(_)));
    }

    #[test]
    fn each_redrive_is_counted_and_waits_twice_as_long_up_to_15_minutes() {
        let delays: Vec<Verdict> = (0..5).map(|n| closed(&letter(Next::Call, n))).collect();
        let expected = [(1, 60), (2, 120), (3, 240), (4, 480), (5, 900)];
        let expected = expected.map(|(redrives, delay_seconds)| Verdict::SendBack {
            redrives,
            delay_seconds,
        });
        assert_eq!(delays, expected);
    }

    #[test]
    fn while_the_breaker_is_open_one_goes_back_as_its_probe_and_the_rest_hides() {
        let letter = letter(Next::Call, 2);
        let probe = POLICY.decide(&letter, true, || true, 0.5);
        assert_eq!(
            probe,
            Verdict::SendBack {
                redrives: 2,
                delay_seconds: 0
            }
        );
        let other = POLICY.decide(&letter, true, || false, 0.5);
        assert_eq!(
            other,
            Verdict::Hide {
                until: 1_000 + 450_000 + 1
            }
        );
    }

    #[test]
    fn what_somebody_is_calling_stays_until_the_lease_is_over() {
        let until = 9_000;
        assert_eq!(
            closed(&letter(Next::Hide { until }, 0)),
            Verdict::Hide { until }
        );
    }

    #[test]
    fn a_message_older_than_a_week_is_sent_afresh_instead_of_hidden() {
        let mut old = letter(Next::Hide { until: Millis::MAX }, 3);
        old.now = OLD + 1;
        let afresh = Verdict::SendBack {
            redrives: 3,
            delay_seconds: 900,
        };
        assert_eq!(closed(&old), afresh);
        old.next = Next::Call;
        assert_eq!(POLICY.decide(&old, true, || false, 0.5), afresh);
    }

    proptest! {
        #[test]
        fn no_delay_is_over_what_sqs_takes(redrives: u32, delay in 1..10_000_u64, random in 0.0..1.0) {
            let policy = Policy { delay: Duration::from_secs(delay), ..POLICY };
            prop_assert!(policy.delay_seconds(redrives) <= 900);
            prop_assert!(policy.while_open(random) <= Duration::from_mins(15));
        }
    }
}
