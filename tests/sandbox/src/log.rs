//! Every call that came in, and what its order in time says about the caller.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// One call. It holds ids and instants, never a token or a customer's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Position in the order of arrival.
    pub index: usize,
    /// Name of the endpoint, as for its faults.
    pub endpoint: String,
    /// Arrival, in milliseconds since the epoch.
    pub at_ms: u64,
    /// When it was answered.
    pub answered_ms: Option<u64>,
    /// The status that was sent; none while it is under way, or where no answer was sent.
    pub status: Option<u16>,
    /// The fault that it met.
    pub fault: Option<String>,
    pub idempotency_key: Option<String>,
    pub contact_id: Option<String>,
    pub thread_id: Option<String>,
    pub interaction_id: Option<String>,
    /// Length of the request: its line, its headers and its body, without TLS.
    pub bytes: usize,
    /// The how-manieth call with this key at this endpoint, from 1.
    pub attempt: u32,
    /// How much too early it came, where an earlier answer to the same key told it to wait longer.
    pub early_by_ms: Option<u64>,
    /// The task or ticket that it made or changed.
    pub result_id: Option<String>,
}

/// What one endpoint saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSummary {
    pub calls: usize,
    /// Number of calls by the status sent.
    pub statuses: BTreeMap<u16, usize>,
    /// Calls to which no answer was sent, or not yet.
    pub unanswered: usize,
    /// Number of calls by the fault met.
    pub faults: BTreeMap<String, usize>,
    /// Calls that came before the Retry-After told to the same key.
    pub early_calls: usize,
    /// The most calls in any 60 s.
    pub max_in_any_minute: usize,
}

/// What a call is counted under.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) endpoint: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) contact_id: Option<String>,
    pub(crate) thread_id: Option<String>,
    pub(crate) interaction_id: Option<String>,
    pub(crate) bytes: usize,
    /// Keys of a batch's threads.
    pub(crate) item_keys: Vec<String>,
}

impl Facts {
    /// What attempts and Retry-After are kept under: the idempotency keys; without one the contact, the thread,
    /// and where there is none of these the endpoint itself. At Zendesk it is the thread first, since only one of
    /// the calls that a thread needs has a key.
    pub(crate) fn keys(&self) -> Vec<&str> {
        if !self.item_keys.is_empty() {
            return self.item_keys.iter().map(String::as_str).collect();
        }
        let of_thread = self
            .thread_id
            .as_ref()
            .filter(|_| self.endpoint == "zendesk");
        let key = of_thread
            .or(self.idempotency_key.as_ref())
            .or(self.contact_id.as_ref())
            .or(self.thread_id.as_ref());
        vec![key.map_or("", String::as_str)]
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        let ids = [
            &self.idempotency_key,
            &self.contact_id,
            &self.thread_id,
            &self.interaction_id,
        ];
        ids.into_iter().filter_map(Option::as_deref).collect()
    }
}

#[derive(Default)]
struct Key {
    attempts: u32,
    not_before_ms: u64,
}

#[derive(Default)]
pub(crate) struct Log {
    calls: Vec<CallRecord>,
    /// Indices of the calls that are over, in the order in which they ended.
    finished: Vec<usize>,
    keys: HashMap<String, HashMap<String, Key>>,
}

impl Log {
    /// Records an arrival; the number that it returns is the call's.
    pub(crate) fn arrive(&mut self, now_ms: u64, facts: &Facts) -> usize {
        let known = self.keys.entry(facts.endpoint.clone()).or_default();
        let (mut attempt, mut not_before_ms) = (0, 0);
        for key in facts.keys() {
            let key = known.entry(key.to_owned()).or_default();
            key.attempts += 1;
            attempt = attempt.max(key.attempts);
            not_before_ms = not_before_ms.max(key.not_before_ms);
        }
        let index = self.calls.len();
        self.calls.push(CallRecord {
            index,
            endpoint: facts.endpoint.clone(),
            at_ms: now_ms,
            answered_ms: None,
            status: None,
            fault: None,
            idempotency_key: facts.idempotency_key.clone(),
            contact_id: facts.contact_id.clone(),
            thread_id: facts.thread_id.clone(),
            interaction_id: facts.interaction_id.clone(),
            bytes: facts.bytes,
            attempt,
            early_by_ms: not_before_ms.checked_sub(now_ms).filter(|early| *early > 0),
            result_id: None,
        });
        index
    }

    pub(crate) fn attempt(&self, index: usize) -> u32 {
        self.calls[index].attempt
    }

    pub(crate) fn met(&mut self, index: usize, fault: &str) {
        self.calls[index].fault = Some(fault.to_owned());
    }

    /// Records the end of a call. `not_before_ms` is the instant told by the answer's Retry-After.
    pub(crate) fn finish(
        &mut self,
        index: usize,
        facts: &Facts,
        now_ms: u64,
        status: Option<u16>,
        not_before_ms: Option<u64>,
        result_id: Option<String>,
    ) {
        let call = &mut self.calls[index];
        call.status = status;
        call.answered_ms = status.map(|_| now_ms);
        call.result_id = result_id;
        self.finished.push(index);
        if let (Some(not_before_ms), Some(known)) =
            (not_before_ms, self.keys.get_mut(&facts.endpoint))
        {
            for key in facts.keys() {
                let key = known.entry(key.to_owned()).or_default();
                key.not_before_ms = key.not_before_ms.max(not_before_ms);
            }
        }
    }

    pub(crate) fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    pub(crate) fn finished_len(&self) -> usize {
        self.finished.len()
    }

    /// The calls that ended, from the `since`-th on.
    pub(crate) fn finished(&self, since: usize) -> Vec<CallRecord> {
        let ended = self.finished.get(since..).unwrap_or_default();
        ended
            .iter()
            .map(|index| self.calls[*index].clone())
            .collect()
    }

    pub(crate) fn summary(&self) -> BTreeMap<String, EndpointSummary> {
        let mut endpoints: BTreeMap<String, EndpointSummary> = BTreeMap::new();
        for call in &self.calls {
            let endpoint = endpoints.entry(call.endpoint.clone()).or_default();
            endpoint.calls += 1;
            match call.status {
                Some(status) => *endpoint.statuses.entry(status).or_default() += 1,
                None => endpoint.unanswered += 1,
            }
            if let Some(fault) = &call.fault {
                *endpoint.faults.entry(fault.clone()).or_default() += 1;
            }
            endpoint.early_calls += usize::from(call.early_by_ms.is_some());
        }
        for (name, endpoint) in &mut endpoints {
            endpoint.max_in_any_minute = self.max_in_any(name, 60_000);
        }
        endpoints
    }

    /// The most calls of an endpoint in any `window_ms` milliseconds.
    pub(crate) fn max_in_any(&self, endpoint: &str, window_ms: u64) -> usize {
        let calls = self.calls.iter().filter(|call| call.endpoint == endpoint);
        max_in_any(&calls.map(|call| call.at_ms).collect::<Vec<_>>(), window_ms)
    }
}

/// The most of the instants, which are in order, in any half-open window of that length.
fn max_in_any(instants: &[u64], window_ms: u64) -> usize {
    let (mut first, mut most) = (0, 0);
    for (last, at) in instants.iter().enumerate() {
        while instants[first] + window_ms <= *at {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn facts(key: &str) -> Facts {
        Facts {
            endpoint: "cxone.tasks".into(),
            idempotency_key: Some(key.into()),
            ..Facts::default()
        }
    }

    #[test]
    fn a_call_before_the_retry_after_of_its_own_key_is_early_and_no_other_is() {
        let mut log = Log::default();
        let first = log.arrive(1_000, &facts("a"));
        log.finish(first, &facts("a"), 1_010, Some(429), Some(2_010), None);
        for (now, key) in [(1_500, "b"), (2_009, "a"), (2_010, "a")] {
            log.arrive(now, &facts(key));
        }
        let early: Vec<_> = log.calls().iter().map(|call| call.early_by_ms).collect();
        assert_eq!(early, [None, None, Some(1), None]);
        assert_eq!(log.calls()[3].attempt, 3);
    }

    proptest! {
        #[test]
        fn the_most_in_any_window_is_what_counting_each_window_gives(
            mut instants in prop::collection::vec(0_u64..1_000, 0..60), window in 1_u64..300
        ) {
            instants.sort_unstable();
            let counted = instants.iter().map(|from| {
                instants.iter().filter(|at| (*from..from + window).contains(at)).count()
            });
            prop_assert_eq!(max_in_any(&instants, window), counted.max().unwrap_or(0));
        }
    }
}
