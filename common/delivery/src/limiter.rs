//! The rate limit: at most N calls in any window, over all functions together, as the upstream
//! counts them.
//!
//! A sliding log of the last N slots. A token bucket with burst and refill of N lets up to 2N - 1
//! through in a window, and slots that hidden messages keep come late, next to newer ones.

use serde::{Deserialize, Serialize};

use crate::millis::Millis;

/// What a slot keeps from the N-th before it beyond the window: two clocks that differ by 250 ms,
/// a start up to [`LATEST_START`] late, and a second of difference on the way to the upstream.
pub const SLACK: Millis = 1_500;

/// A call starts at most this long after its slot, or gives it up.
pub const LATEST_START: Millis = 250;

/// More would not fit, with the breaker beside it, in an item that costs one write unit.
pub const MOST_CALLS: usize = 100;

/// At most `calls` (1 to [`MOST_CALLS`]) in any `window`.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub calls: usize,
    pub window: Millis,
}

/// The slots that still count, in order, and the time before which the upstream wants no call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Slots {
    #[serde(rename = "slots", with = "text")]
    taken: Vec<Millis>,
    not_before: Millis,
}

impl Slots {
    /// Takes the next slot where it starts by `latest`.
    ///
    /// # Errors
    /// Where it doesn't: when it would have started. Nothing is taken then.
    pub fn take(&mut self, limit: Limit, now: Millis, latest: Millis) -> Result<Millis, Millis> {
        let mut slot = now.max(self.not_before);
        // Not before the last one either, though another function's clock may be ahead: the log
        // stays in order by that.
        if let Some(last) = self.taken.last() {
            slot = slot.max(*last);
        }
        if let Some(nth_last) = self.taken.len().checked_sub(limit.calls) {
            slot = slot.max(self.taken[nth_last] + limit.window + SLACK);
        }
        if slot > latest {
            return Err(slot);
        }
        self.taken.push(slot);
        // What no later slot can fall into the window of, or is more than N ago, says nothing.
        self.taken.retain(|old| old + limit.window + SLACK > slot);
        let surplus = self.taken.len().saturating_sub(limit.calls);
        self.taken.drain(..surplus);
        Ok(slot)
    }

    /// The upstream asked for no call before `until`.
    pub fn hold(&mut self, until: Millis) {
        self.not_before = self.not_before.max(until);
    }
}

/// The first slot, then what each is after the one before it: `1763800000000,0,0,1200`. A tenth of
/// what a list of numbers takes.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::Millis;

    pub fn serialize<S: Serializer>(slots: &[Millis], serializer: S) -> Result<S::Ok, S::Error> {
        let mut last = 0;
        let steps: Vec<String> = slots
            .iter()
            .map(|slot| (slot - std::mem::replace(&mut last, *slot)).to_string())
            .collect();
        serializer.serialize_str(&steps.join(","))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Millis>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut slot: Millis = 0;
        text.split(',')
            .filter(|step| !step.is_empty())
            .map(|step| {
                slot = step.parse().ok().and_then(|step| slot.checked_add(step))?;
                Some(slot)
            })
            .collect::<Option<_>>()
            .ok_or_else(|| de::Error::custom("slots must be numbers between commas"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Millis = 60_000;

    #[test]
    fn a_backlog_is_drained_at_98_percent_of_the_limit() {
        let limit = Limit {
            calls: 50,
            window: MINUTE,
        };
        let mut slots = Slots::default();
        let ten_minutes = 10 * MINUTE;
        let mut taken = 0;
        while slots.take(limit, 0, ten_minutes - 1).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, 500);
        // The eleventh burst starts 10 x 61.5 s after the first: 50 calls in 61.5 s are 97.6 %.
        assert_eq!(
            slots.take(limit, 0, Millis::MAX),
            Err(0).or(Ok(10 * 61_500))
        );
    }

    #[test]
    fn a_slot_that_is_too_late_is_not_taken() {
        let limit = Limit {
            calls: 1,
            window: MINUTE,
        };
        let mut slots = Slots::default();
        assert_eq!(slots.take(limit, 0, 0), Ok(0));
        let before = slots.clone();
        assert_eq!(slots.take(limit, 1_000, 30_000), Err(61_500));
        assert_eq!(slots, before);
    }

    #[test]
    fn a_429_holds_every_slot() {
        let limit = Limit {
            calls: 50,
            window: MINUTE,
        };
        let mut slots = Slots::default();
        slots.hold(5_000);
        slots.hold(3_000);
        assert_eq!(slots.take(limit, 0, 10_000), Ok(5_000));
    }

    #[test]
    fn a_full_log_is_small() {
        let limit = Limit {
            calls: MOST_CALLS,
            window: MINUTE,
        };
        let mut slots = Slots::default();
        let start = 1_763_800_000_000;
        for call in 0..1_000 {
            let now = start + call * 613;
            slots.take(limit, now, Millis::MAX).unwrap();
        }
        let stored = serde_json::to_string(&slots).unwrap();
        assert!(stored.len() < 500, "{} bytes", stored.len());
        assert_eq!(serde_json::from_str::<Slots>(&stored).unwrap(), slots);
    }

    /// A worker asks after `pause`, on a clock that is `skew` ahead, starts its call `late` after
    /// its slot, and the request takes `way` to the upstream.
    #[derive(Clone, Copy, Debug)]
    struct Ask {
        pause: Millis,
        skew: Millis,
        late: Millis,
        way: Millis,
    }

    fn ask() -> impl Strategy<Value = Ask> {
        let pause = prop_oneof![Just(0), 0..50_i64, 0..3_000_i64, 0..90_000_i64];
        (pause, -125..=125_i64, 0..=LATEST_START, 0..=900_i64).prop_map(
            |(pause, skew, late, way)| Ask {
                pause,
                skew,
                late,
                way,
            },
        )
    }

    proptest! {
        #[test]
        fn the_upstream_never_sees_one_too_many_in_any_window(
            asks in prop::collection::vec(ask(), 1..300),
            calls in 1..20_usize,
            window in 1_000..70_000_i64,
        ) {
            let limit = Limit { calls, window };
            let mut slots = Slots::default();
            let mut true_time = 1_763_800_000_000;
            let mut seen = Vec::new();
            for ask in asks {
                true_time += ask.pause;
                let slot = slots.take(limit, true_time + ask.skew, Millis::MAX).unwrap();
                seen.push(slot - ask.skew + ask.late + ask.way);
            }
            seen.sort_unstable();
            for burst in seen.windows(calls + 1) {
                prop_assert!(burst[calls] - burst[0] > window, "{burst:?}");
            }
        }

        #[test]
        fn a_stored_log_is_read_back(times in prop::collection::vec(0..10_i64.pow(13), 0..50)) {
            let mut taken = times;
            taken.sort_unstable();
            let slots = Slots { taken, not_before: 7 };
            let stored = serde_json::to_string(&slots).unwrap();
            prop_assert_eq!(serde_json::from_str::<Slots>(&stored).unwrap(), slots);
        }

        #[test]
        fn a_damaged_log_is_an_error_and_no_panic(text in "[0-9,.-]{0,40}") {
            let _ = serde_json::from_value::<Slots>(serde_json::json!({ "slots": text }));
        }
    }
}
