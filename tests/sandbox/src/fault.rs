//! What can be made to go wrong at an endpoint.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The faults of one endpoint. They are looked at in this order: outage, limit, next, poison, then one draw
/// against the probabilities, which are shares of all calls and together at most 1. Latency comes on top of any.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Nothing is served for a while, from when it is set.
    pub outage: Option<Outage>,
    /// An honest limit over a sliding window: 429, and the Retry-After says when the next call will be let in.
    pub limit: Option<Limit>,
    /// What happens to the next calls, one each.
    pub next: Vec<Action>,
    /// Calls that always get the same answer, by id.
    pub poison: Vec<Poison>,
    /// Probability of no answer at all, ever; nothing is done.
    pub hang: f64,
    /// Probability of a connection reset before anything is done.
    pub reset: f64,
    /// Probability that the work is done and the connection reset in place of the answer.
    pub answer_lost: f64,
    /// Probability that the work is done and the answer is not JSON.
    pub malformed: f64,
    /// Probability of 429 with a Retry-After.
    pub rate_limited: Option<RateLimited>,
    /// Probability of another status, such as 503.
    pub server_error: Option<ServerError>,
    /// Probability that one thread of a batch fails (`ticketing.batch` only).
    pub item_error: Option<ServerError>,
    /// The answer's delay. The work is done at its end, also where the client has gone by then.
    pub latency: Option<Latency>,
}

/// An outage of `for_ms` milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    pub for_ms: u64,
    #[serde(default = "unavailable")]
    pub status: u16,
}

fn unavailable() -> u16 {
    503
}

/// At most `calls` let in in any `window_ms` milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    pub calls: usize,
    #[serde(default = "minute")]
    pub window_ms: u64,
}

fn minute() -> u64 {
    60_000
}

/// Calls (for a batch: threads) whose idempotency key, interaction, contact or thread id is one of `ids`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poison {
    pub status: u16,
    pub ids: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimited {
    pub probability: f64,
    pub retry_after: RetryAfter,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerError {
    pub probability: f64,
    #[serde(default = "unavailable")]
    pub status: u16,
}

/// Evenly from `min_ms` to `max_ms` milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    pub min_ms: u64,
    pub max_ms: u64,
}

/// A Retry-After header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// So many seconds, written as a number.
    Seconds(u64),
    /// So many seconds ahead, rounded up, written as an HTTP date.
    DateInSeconds(u64),
    /// Any text, for what a client must survive.
    Raw(String),
}

/// What happens to one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Serve,
    Hang,
    Reset,
    AnswerLost,
    Malformed,
    Answer {
        status: u16,
        #[serde(default)]
        retry_after: Option<RetryAfter>,
    },
}

impl Faults {
    pub fn none() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn outage(mut self, for_ms: u64) -> Self {
        self.outage = Some(Outage {
            for_ms,
            status: unavailable(),
        });
        self
    }

    /// At most `calls` in any 60 s.
    #[must_use]
    pub fn limit_per_minute(mut self, calls: usize) -> Self {
        self.limit = Some(Limit {
            calls,
            window_ms: minute(),
        });
        self
    }

    #[must_use]
    pub fn next(mut self, actions: impl IntoIterator<Item = Action>) -> Self {
        self.next.extend(actions);
        self
    }

    #[must_use]
    pub fn poison<Id: Into<String>>(
        mut self,
        status: u16,
        ids: impl IntoIterator<Item = Id>,
    ) -> Self {
        self.poison.push(Poison {
            status,
            ids: ids.into_iter().map(Into::into).collect(),
        });
        self
    }

    #[must_use]
    pub fn hang(mut self, probability: f64) -> Self {
        self.hang = probability;
        self
    }

    #[must_use]
    pub fn reset(mut self, probability: f64) -> Self {
        self.reset = probability;
        self
    }

    #[must_use]
    pub fn answer_lost(mut self, probability: f64) -> Self {
        self.answer_lost = probability;
        self
    }

    #[must_use]
    pub fn malformed(mut self, probability: f64) -> Self {
        self.malformed = probability;
        self
    }

    #[must_use]
    pub fn rate_limited(mut self, probability: f64, retry_after: RetryAfter) -> Self {
        self.rate_limited = Some(RateLimited {
            probability,
            retry_after,
        });
        self
    }

    #[must_use]
    pub fn server_error(mut self, probability: f64, status: u16) -> Self {
        self.server_error = Some(ServerError {
            probability,
            status,
        });
        self
    }

    #[must_use]
    pub fn item_error(mut self, probability: f64, status: u16) -> Self {
        self.item_error = Some(ServerError {
            probability,
            status,
        });
        self
    }

    #[must_use]
    pub fn latency(mut self, min_ms: u64, max_ms: u64) -> Self {
        self.latency = Some(Latency { min_ms, max_ms });
        self
    }

    /// The shares of the draw, in the order in which they are laid end to end.
    pub(crate) fn shares(&self) -> [(&'static str, f64, Action); 6] {
        let limited = self.rate_limited.as_ref();
        let failed = self.server_error.as_ref();
        let answer = |status, retry_after| Action::Answer {
            status,
            retry_after,
        };
        [
            ("hang", self.hang, Action::Hang),
            ("reset", self.reset, Action::Reset),
            ("answer_lost", self.answer_lost, Action::AnswerLost),
            ("malformed", self.malformed, Action::Malformed),
            (
                "rate_limited",
                limited.map_or(0.0, |fault| fault.probability),
                answer(429, limited.map(|fault| fault.retry_after.clone())),
            ),
            (
                "server_error",
                failed.map_or(0.0, |fault| fault.probability),
                answer(failed.map_or(unavailable(), |fault| fault.status), None),
            ),
        ]
    }

    /// Says what is wrong with these faults, if anything.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let shares = self.shares();
        let item = self
            .item_error
            .as_ref()
            .map_or(0.0, |fault| fault.probability);
        if let Some((name, ..)) = shares
            .iter()
            .find(|(_, share, _)| !(0.0..=1.0).contains(share))
        {
            return Err(format!("{name}: the probability must be from 0 to 1"));
        }
        if !(0.0..=1.0).contains(&item) {
            return Err("item_error: the probability must be from 0 to 1".to_owned());
        }
        // A sum such as 0.1 + 0.2 + 0.7 may come out a rounding error above 1.
        if shares.iter().map(|(_, share, _)| share).sum::<f64>() > 1.0 + 1e-9 {
            return Err(
                "the probabilities are shares of all calls and add up to more than 1".to_owned(),
            );
        }
        let scripted = self.next.iter().filter_map(|action| match action {
            Action::Answer { status, .. } => Some(*status),
            _ => None,
        });
        let mut statuses = scripted
            .chain(self.outage.iter().map(|fault| fault.status))
            .chain(self.poison.iter().map(|fault| fault.status))
            .chain(self.server_error.iter().map(|fault| fault.status))
            .chain(self.item_error.iter().map(|fault| fault.status));
        if statuses.any(|status| !(200..=599).contains(&status)) {
            return Err("a status must be from 200 to 599".to_owned());
        }
        if self
            .latency
            .as_ref()
            .is_some_and(|latency| latency.min_ms > latency.max_ms)
        {
            return Err("latency: min_ms is greater than max_ms".to_owned());
        }
        if self
            .limit
            .as_ref()
            .is_some_and(|limit| limit.calls == 0 || limit.window_ms == 0)
        {
            return Err("limit: calls and window_ms must be at least 1".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_more_than_all_calls_are_refused() {
        assert!(Faults::none().reset(0.6).hang(0.5).validate().is_err());
        assert!(Faults::none().reset(-0.1).validate().is_err());
        assert!(Faults::none().reset(0.3).hang(0.7).validate().is_ok());
    }
}
