//! When to send what: a scenario's traffic as requests to the simulator. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::file::Traffic;

/// Interactions of one kind that are due within so many milliseconds go in one request.
const TICK_MS: u64 = 500;
/// The most interactions, and the most too large ones, that the simulator sends for one request.
const MOST: u32 = 500;
const MOST_TOO_LARGE: u32 = 15;

/// A request and when it is due, from the scenario's start.
#[derive(Debug, PartialEq)]
pub struct Send {
    pub at: Duration,
    pub request: Request,
}

/// The body of `POST /simulator/send`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mood: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    pub count: u32,
    #[serde(rename = "break", skip_serializing_if = "Option::is_none")]
    pub breakage: Option<String>,
}

/// The requests in the order in which they are due. `run` tells the threads of one run from those
/// of another.
pub fn plan(traffic: &[Traffic], run: u64) -> Vec<Send> {
    let mut sends = Vec::new();
    for (entry, traffic) in traffic.iter().enumerate() {
        let mut kinds: BTreeMap<(u64, usize, usize, u32), u32> = BTreeMap::new();
        for n in 0..traffic.count {
            let turn = |of: &[String]| n as usize % of.len().max(1);
            let words = if traffic.texts.is_empty() {
                &traffic.moods
            } else {
                &traffic.texts
            };
            let thread = traffic.threads.map_or(0, |threads| n % threads);
            let kind = (
                due(traffic, n),
                turn(words),
                turn(&traffic.platforms),
                thread,
            );
            *kinds.entry(kind).or_default() += 1;
        }
        let most = if traffic.breakage.as_deref() == Some("too-large") {
            MOST_TOO_LARGE
        } else {
            MOST
        };
        for ((at, text, platform, thread), mut left) in kinds {
            while left > 0 {
                let count = left.min(most);
                left -= count;
                let request = Request {
                    platform: traffic.platforms.get(platform).cloned(),
                    text: traffic.texts.get(text).cloned(),
                    mood: if traffic.texts.is_empty() {
                        traffic.moods.get(text).cloned()
                    } else {
                        None
                    },
                    thread_id: traffic.threads.map(|_| thread_id(run, entry, thread)),
                    count,
                    breakage: traffic.breakage.clone(),
                };
                sends.push(Send {
                    at: Duration::from_millis(at),
                    request,
                });
            }
        }
    }
    sends.sort_by_key(|send| send.at);
    sends
}

/// When the n-th is due, in whole ticks.
fn due(traffic: &Traffic, n: u32) -> u64 {
    let seconds = traffic.after_seconds + traffic.rate.map_or(0.0, |rate| f64::from(n) / rate);
    let millis = u64::try_from(Duration::from_secs_f64(seconds).as_millis()).unwrap_or(u64::MAX);
    millis / TICK_MS * TICK_MS
}

fn thread_id(run: u64, entry: usize, thread: u32) -> String {
    format!("thread_{run:012x}_{entry}_{thread}")
}

/// Deliveries that the requests make: a copy is one more.
pub fn deliveries(sends: &[Send]) -> u64 {
    let of = |send: &Send| {
        let copies = if send.request.breakage.as_deref() == Some("duplicate") {
            2
        } else {
            1
        };
        u64::from(send.request.count) * copies
    };
    sends.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn traffic(count: u32) -> Traffic {
        let json = serde_json::json!({ "count": count });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn all_at_once_is_one_request_of_a_kind() {
        let sends = plan(&[traffic(30)], 1);
        assert_eq!(sends.len(), 1);
        assert_eq!((sends[0].at, sends[0].request.count), (Duration::ZERO, 30));
    }

    #[test]
    fn a_rate_spreads_them_over_time() {
        let traffic = Traffic {
            rate: Some(4.0),
            after_seconds: 10.0,
            ..traffic(8)
        };
        let due: Vec<_> = plan(&[traffic], 1)
            .iter()
            .map(|s| (s.at.as_millis(), s.request.count))
            .collect();
        assert_eq!(due, [(10_000, 2), (10_500, 2), (11_000, 2), (11_500, 2)]);
    }

    #[test]
    fn moods_and_platforms_come_in_turn() {
        let traffic = Traffic {
            moods: vec!["angry".into(), "happy".into()],
            platforms: vec!["x".into()],
            ..traffic(5)
        };
        let sends = plan(&[traffic], 1);
        let of = |mood: &str| {
            sends
                .iter()
                .filter(|s| s.request.mood.as_deref() == Some(mood))
                .map(|s| s.request.count)
                .sum::<u32>()
        };
        assert_eq!((of("angry"), of("happy")), (3, 2));
        assert!(
            sends
                .iter()
                .all(|send| send.request.platform.as_deref() == Some("x"))
        );
    }

    #[test]
    fn two_runs_have_no_thread_in_common() {
        let traffic = Traffic {
            threads: Some(2),
            ..traffic(4)
        };
        let threads = |run| {
            plan(std::slice::from_ref(&traffic), run)
                .into_iter()
                .filter_map(|s| s.request.thread_id)
                .collect::<Vec<_>>()
        };
        assert_eq!(threads(1).len(), 2);
        assert!(threads(1).iter().all(|thread| !threads(2).contains(thread)));
    }

    proptest! {
        #[test]
        fn every_interaction_is_sent_once_and_no_request_is_too_big(
            count in 1..3_000_u32,
            rate in prop::option::of(0.5..900.0),
            moods in 0..4_usize,
            threads in prop::option::of(1..5_u32),
            large: bool,
        ) {
            let traffic = Traffic {
                rate,
                moods: (0..moods).map(|n| n.to_string()).collect(),
                threads,
                breakage: large.then(|| "too-large".into()),
                ..traffic(count)
            };
            let sends = plan(&[traffic], 1);
            prop_assert_eq!(sends.iter().map(|s| s.request.count).sum::<u32>(), count);
            let most = if large { MOST_TOO_LARGE } else { MOST };
            prop_assert!(sends.iter().all(|s| s.request.count <= most));
            prop_assert!(sends.is_sorted_by_key(|s| s.at));
        }
    }
}
