//! The rate limit: at most N calls in any window, over all functions together, as the upstream
//! counts them.
//!
//! A sliding log of the last N slots. A token bucket with burst and refill of N lets up to 2N - 1
//! through in a window, and slots that hidden messages keep come late, next to newer ones.
//!
//! Where a call may need several requests, the N are shared out to two such logs: one for the calls'
//! first requests, which a backlog takes far ahead, one for those that follow. So a call that has
//! begun never waits behind those that have not, and the two together never let N + 1 through.

use serde::{Deserialize, Serialize};

use crate::millis::Millis;

/// What a slot keeps from the N-th before it beyond the window: two clocks that differ by 250 ms,
/// a start up to [`LATEST_START`] late, and a second of difference on the way to the upstream.
pub const SLACK: Millis = 1_500;

/// A call starts at most this long after its slot, or gives it up.
pub const LATEST_START: Millis = 250;

/// More would not fit, with the breaker beside it, in an item that costs one write unit. (Two logs
/// in place of one take some 100 bytes more: beside an open breaker that may be a second one.)
pub const MOST_CALLS: usize = 100;

/// At most `calls` (1 to [`MOST_CALLS`]) in any `window`.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub calls: usize,
    pub window: Millis,
    /// How many requests a call may need (1 to `calls`), each of which counts as one of `calls`.
    pub requests: usize,
}

impl Limit {
    /// How many calls may begin in any window.
    pub fn first(&self) -> usize {
        self.calls / self.requests
    }
}

/// The slots that still count, in order, and the time before which the upstream wants no call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Slots {
    #[serde(rename = "slots", with = "text")]
    taken: Vec<Millis>,
    /// Those of requests after a call's first, where a call may need several.
    #[serde(with = "text", skip_serializing_if = "Vec::is_empty")]
    further: Vec<Millis>,
    not_before: Millis,
}

impl Slots {
    /// Takes the next slot for a call where it starts by `latest`.
    ///
    /// # Errors
    /// Where it doesn't: when it would have started. Nothing is taken then.
    pub fn take(&mut self, limit: Limit, now: Millis, latest: Millis) -> Result<Millis, Millis> {
        let earliest = now.max(self.not_before);
        next(
            &mut self.taken,
            limit.first(),
            limit.window,
            earliest,
            latest,
        )
    }

    /// Takes a slot for one more request of a call.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_further(
        &mut self,
        limit: Limit,
        now: Millis,
        latest: Millis,
    ) -> Result<Millis, Millis> {
        // A call that needs one request only, but for the second try after a 401, leaves nothing
        // aside for it.
        if limit.requests == 1 {
            return self.take(limit, now, latest);
        }
        let earliest = now.max(self.not_before);
        let most = limit.calls - limit.first();
        next(&mut self.further, most, limit.window, earliest, latest)
    }

    /// The upstream asked for no call before `until`.
    pub fn hold(&mut self, until: Millis) {
        self.not_before = self.not_before.max(until);
    }
}

/// Takes the next slot of a log that has at most `most` in any window.
fn next(
    log: &mut Vec<Millis>,
    most: usize,
    window: Millis,
    earliest: Millis,
    latest: Millis,
) -> Result<Millis, Millis> {
    let mut slot = earliest;
    // Not before the last one either, though another function's clock may be ahead: the log stays
    // in order by that.
    if let Some(last) = log.last() {
        slot = slot.max(*last);
    }
    if let Some(nth_last) = log.len().checked_sub(most) {
        slot = slot.max(log[nth_last] + window + SLACK);
    }
    if slot > latest {
        return Err(slot);
    }
    log.push(slot);
    // What no later slot can fall into the window of, or is more than N ago, says nothing.
    log.retain(|old| old + window + SLACK > slot);
    let surplus = log.len().saturating_sub(most);
    log.drain(..surplus);
    Ok(slot)
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
            requests: 1,
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
            requests: 1,
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
            requests: 1,
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
            requests: 1,
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

    #[test]
    fn a_call_that_has_begun_does_not_wait_behind_a_backlog() {
        let limit = Limit {
            calls: 51,
            window: MINUTE,
            requests: 2,
        };
        let mut slots = Slots::default();
        // As far ahead as the calls may wait, all is taken; and so it goes on.
        for now in (0..10).map(|window| window * (MINUTE + SLACK)) {
            while slots.take(limit, now, now + 2 * MINUTE).is_ok() {}
            for call in 0..limit.first() {
                let begun = now + i64::try_from(call).unwrap() * 20;
                assert_eq!(slots.take_further(limit, begun, begun), Ok(begun));
            }
        }
    }

    #[test]
    fn a_429_holds_further_requests_too() {
        let limit = Limit {
            calls: 50,
            window: MINUTE,
            requests: 2,
        };
        let mut slots = Slots::default();
        slots.hold(5_000);
        assert_eq!(slots.take_further(limit, 0, 2_000), Err(5_000));
    }

    /// A worker asks after `pause`, on a clock that is `skew` ahead, starts its call `late` after
    /// its slot, and the request takes `way` to the upstream. `further`: a request after the call's
    /// first.
    #[derive(Clone, Copy, Debug)]
    struct Ask {
        pause: Millis,
        skew: Millis,
        late: Millis,
        way: Millis,
        further: bool,
    }

    fn ask() -> impl Strategy<Value = Ask> {
        let pause = prop_oneof![Just(0), 0..50_i64, 0..3_000_i64, 0..90_000_i64];
        let late = 0..=LATEST_START;
        (pause, -125..=125_i64, late, 0..=900_i64, any::<bool>()).prop_map(
            |(pause, skew, late, way, further)| Ask {
                pause,
                skew,
                late,
                way,
                further,
            },
        )
    }

    proptest! {
        #[test]
        fn the_upstream_never_sees_one_too_many_in_any_window(
            asks in prop::collection::vec(ask(), 1..300),
            (calls, requests) in (1..20_usize).prop_flat_map(|calls| (Just(calls), 1..=calls)),
            window in 1_000..70_000_i64,
        ) {
            let limit = Limit { calls, window, requests };
            let mut slots = Slots::default();
            let mut true_time = 1_763_800_000_000;
            let mut seen = Vec::new();
            for ask in asks {
                true_time += ask.pause;
                let now = true_time + ask.skew;
                let slot = if ask.further {
                    slots.take_further(limit, now, Millis::MAX)
                } else {
                    slots.take(limit, now, Millis::MAX)
                };
                let slot = slot.unwrap();
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
            let further = taken.iter().map(|slot| slot + 300).collect();
            let slots = Slots { taken, further, not_before: 7 };
            let stored = serde_json::to_string(&slots).unwrap();
            prop_assert_eq!(serde_json::from_str::<Slots>(&stored).unwrap(), slots);
        }

        #[test]
        fn a_damaged_log_is_an_error_and_no_panic(text in "[0-9,.-]{0,40}") {
            let _ = serde_json::from_value::<Slots>(serde_json::json!({ "slots": text }));
        }
    }
}
