//! The decision what one call meets.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::fault::{Action, Faults, Limit, RetryAfter};

/// An endpoint's faults with what they remember.
pub(crate) struct Armed {
    pub(crate) faults: Faults,
    since_ms: u64,
    next: VecDeque<Action>,
    let_in: VecDeque<u64>,
}

/// What one call meets.
#[derive(Debug, PartialEq)]
pub(crate) struct Decision {
    pub(crate) action: Action,
    /// The fault's name, for the record.
    pub(crate) fault: Option<&'static str>,
    pub(crate) latency_ms: u64,
}

impl Decision {
    pub(crate) const SERVE: Self = Self {
        action: Action::Serve,
        fault: None,
        latency_ms: 0,
    };
}

impl Armed {
    pub(crate) fn new(faults: Faults, now_ms: u64) -> Self {
        let next = faults.next.iter().cloned().collect();
        Self {
            faults,
            since_ms: now_ms,
            next,
            let_in: VecDeque::new(),
        }
    }

    /// The one place where a fault is chosen. `ids` are the call's own; both draws are from 0 up to 1.
    pub(crate) fn decide(
        &mut self,
        now_ms: u64,
        ids: &[&str],
        draw: f64,
        latency_draw: f64,
    ) -> Decision {
        let (fault, action) = self.action(now_ms, ids, draw);
        let latency_ms = self.faults.latency.as_ref().map_or(0, |latency| {
            latency.min_ms + between(latency_draw, latency.max_ms - latency.min_ms + 1)
        });
        Decision {
            action,
            fault,
            latency_ms,
        }
    }

    fn action(&mut self, now_ms: u64, ids: &[&str], draw: f64) -> (Option<&'static str>, Action) {
        if let Some(outage) = &self.faults.outage
            && now_ms < self.since_ms + outage.for_ms
        {
            return (
                Some("outage"),
                Action::Answer {
                    status: outage.status,
                    retry_after: None,
                },
            );
        }
        if let Some(limit) = self.faults.limit.clone()
            && let Err(wait_ms) = self.let_in(&limit, now_ms)
        {
            let retry_after = Some(RetryAfter::Seconds(wait_ms.div_ceil(1000)));
            return (
                Some("limit"),
                Action::Answer {
                    status: 429,
                    retry_after,
                },
            );
        }
        if let Some(action) = self.next.pop_front() {
            return ((action != Action::Serve).then_some("next"), action);
        }
        if let Some(status) = self.poisoned(ids) {
            return (
                Some("poison"),
                Action::Answer {
                    status,
                    retry_after: None,
                },
            );
        }
        let mut bound = 0.0;
        for (name, share, action) in self.faults.shares() {
            bound += share;
            if draw < bound {
                return (Some(name), action);
            }
        }
        (None, Action::Serve)
    }

    /// Lets a call into the sliding window, or says in how many milliseconds there will be room.
    fn let_in(&mut self, limit: &Limit, now_ms: u64) -> Result<(), u64> {
        while self
            .let_in
            .front()
            .is_some_and(|first| first + limit.window_ms <= now_ms)
        {
            self.let_in.pop_front();
        }
        match self.let_in.front() {
            Some(first) if self.let_in.len() >= limit.calls => {
                Err(first + limit.window_ms - now_ms)
            }
            _ => {
                self.let_in.push_back(now_ms);
                Ok(())
            }
        }
    }

    pub(crate) fn poisoned(&self, ids: &[&str]) -> Option<u16> {
        let poison = self
            .faults
            .poison
            .iter()
            .find(|poison| ids.iter().any(|id| poison.ids.contains(*id)));
        poison.map(|poison| poison.status)
    }

    /// The status with which one thread of a batch fails, if it does.
    pub(crate) fn item(&self, ids: &[&str], draw: f64) -> Option<u16> {
        let unlucky = self
            .faults
            .item_error
            .as_ref()
            .filter(|fault| draw < fault.probability);
        self.poisoned(ids).or(unlucky.map(|fault| fault.status))
    }
}

/// A number from 0 up to 1 that depends on nothing but what it is given: the n-th call with a key meets the same
/// fault in every run with the same seed, in whatever order the calls come in.
pub(crate) fn draw(seed: u64, purpose: &str, endpoint: &str, key: &str, attempt: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (seed, purpose, endpoint, key, attempt).hash(&mut hasher);
    // The upper 32 bits of the hash, exactly representable.
    let high = u32::try_from(hasher.finish() >> 32).expect("32 bits fit");
    f64::from(high) / (f64::from(u32::MAX) + 1.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "milliseconds of latency are far below 2^52"
)]
fn between(draw: f64, below: u64) -> u64 {
    (draw * below as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn over_many_calls_each_fault_takes_its_share() {
        let faults = Faults::none()
            .server_error(0.2, 503)
            .rate_limited(0.1, RetryAfter::Seconds(1));
        let mut armed = Armed::new(faults, 0);
        let count = |armed: &mut Armed, name| {
            let met = (0..10_000).filter(|call: &u32| {
                let draw = draw(7, "fault", "cxone.tasks", &call.to_string(), 1);
                armed.decide(0, &[], draw, 0.0).fault == Some(name)
            });
            met.count()
        };
        assert!((1_850..2_150).contains(&count(&mut armed, "server_error")));
        assert!((880..1_120).contains(&count(&mut armed, "rate_limited")));
    }

    #[test]
    fn an_outage_ends_by_itself() {
        let mut armed = Armed::new(Faults::none().outage(100), 1_000);
        assert_eq!(armed.decide(1_099, &[], 0.5, 0.0).fault, Some("outage"));
        assert_eq!(armed.decide(1_100, &[], 0.5, 0.0), Decision::SERVE);
    }

    proptest! {
        #[test]
        fn the_limit_is_never_passed_and_its_retry_after_is_right(
            calls in 1_usize..6, gaps in prop::collection::vec(0_u64..4_000, 1..80)
        ) {
            let limit = Limit { calls, window_ms: 10_000 };
            let mut armed = Armed::new(Faults::none(), 0);
            let (mut now, mut let_in) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                match armed.let_in(&limit, now) {
                    Ok(()) => let_in.push(now),
                    Err(wait) => {
                        let mut later = Armed::new(Faults::none(), 0);
                        later.let_in = armed.let_in.clone();
                        prop_assert!(later.let_in(&limit, now + wait - 1).is_err());
                        prop_assert!(later.let_in(&limit, now + wait).is_ok());
                    }
                }
            }
            for window in let_in.windows(calls + 1) {
                prop_assert!(window[calls] - window[0] >= 10_000);
            }
        }

        #[test]
        fn latency_stays_within_its_bounds(min in 0_u64..500, extra in 0_u64..500, draw in 0.0..1.0_f64) {
            let mut armed = Armed::new(Faults::none().latency(min, min + extra), 0);
            let latency = armed.decide(0, &[], 0.5, draw).latency_ms;
            prop_assert!((min..=min + extra).contains(&latency));
        }
    }
}
