//! Everything that one sandbox holds, and the way of one call through it: arrive, be served, finish.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::call::{Answer, Call, ENDPOINTS, Operation, is_platform};
use crate::clock::http_date;
use crate::cxone::Cxone;
use crate::decide::{Armed, Decision, draw};
use crate::fault::{Action, Faults, RetryAfter};
use crate::log::{EndpointSummary, Facts, Log};
use crate::settings::Settings;
use crate::social::{Social, SocialSummary, meta_error};
use crate::ticketing::Ticketing;
use crate::zendesk::{self, Zendesk};

/// What the sandbox has seen so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub endpoints: BTreeMap<String, EndpointSummary>,
    pub tasks: usize,
    /// Tickets at the ticketing system and at Zendesk.
    pub tickets: usize,
    pub webhooks: usize,
    /// Tasks beyond the first of an interaction.
    pub duplicate_tasks: usize,
    /// Syncs beyond the first of an interaction, at the ticketing system.
    pub duplicate_syncs: usize,
    /// Calls before the Retry-After told to their key, over all endpoints.
    pub early_calls: usize,
    pub social: BTreeMap<String, SocialSummary>,
}

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) cxone: Cxone,
    pub(crate) ticketing: Ticketing,
    pub(crate) zendesk: Zendesk,
    pub(crate) social: Social,
    pub(crate) log: Log,
    faults: BTreeMap<String, Armed>,
    attempts_in_flight: HashSet<(String, String)>,
    /// Counts the resets, so that a call from before one isn't finished in the new world.
    era: usize,
}

/// A call that arrived and what is to become of it.
pub(crate) struct Arrived {
    index: usize,
    era: usize,
    facts: Facts,
    pub(crate) decision: Decision,
    /// The key that this call holds while it is under way.
    holds_key: Option<(String, String)>,
    is_in_flight_already: bool,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            cxone: Cxone::default(),
            ticketing: Ticketing::default(),
            zendesk: Zendesk::default(),
            social: Social::default(),
            log: Log::default(),
            faults: BTreeMap::new(),
            attempts_in_flight: HashSet::new(),
            era: 0,
        }
    }

    /// Forgets everything, faults and registered tokens too.
    pub(crate) fn reset(&mut self, settings: Settings) {
        let era = self.era + 1;
        *self = Self {
            era,
            ..Self::new(settings)
        };
    }

    pub(crate) fn set_faults(
        &mut self,
        endpoint: &str,
        faults: Faults,
        now_ms: u64,
    ) -> Result<(), String> {
        let is_social = endpoint.strip_prefix("social.").is_some_and(is_platform);
        if !is_social && !ENDPOINTS.contains(&endpoint) {
            let known = ENDPOINTS.join(", ");
            return Err(format!(
                "there is no endpoint {endpoint:?}; there are {known} and social.<platform>"
            ));
        }
        faults.validate()?;
        self.faults
            .insert(endpoint.to_owned(), Armed::new(faults, now_ms));
        Ok(())
    }

    pub(crate) fn clear_faults(&mut self, endpoint: Option<&str>) {
        match endpoint {
            Some(endpoint) => drop(self.faults.remove(endpoint)),
            None => self.faults.clear(),
        }
    }

    pub(crate) fn faults(&self) -> BTreeMap<&str, &Faults> {
        self.faults
            .iter()
            .map(|(endpoint, armed)| (endpoint.as_str(), &armed.faults))
            .collect()
    }

    /// Records the call and decides what it meets.
    pub(crate) fn arrive(&mut self, now_ms: u64, call: &Call) -> Arrived {
        let mut facts = call.facts();
        if let Some(id) = call.operation.ticket_id() {
            facts.thread_id = self.zendesk.thread_of(id);
        }
        let index = self.log.arrive(now_ms, &facts);
        let attempt = self.log.attempt(index);
        let ids = facts.ids();
        let key = facts.keys().join(" ");
        let seed = self.settings.seed;
        let decision = self
            .faults
            .get_mut(&facts.endpoint)
            .map_or(Decision::SERVE, |armed| {
                let chance = |purpose| draw(seed, purpose, &facts.endpoint, &key, attempt);
                armed.decide(now_ms, &ids, chance("fault"), chance("latency"))
            });
        if let Some(fault) = decision.fault {
            self.log.met(index, fault);
        }
        let serves = matches!(
            decision.action,
            Action::Serve | Action::AnswerLost | Action::Malformed
        );
        let held = facts
            .idempotency_key
            .clone()
            .filter(|_| serves && self.honours_key(&call.operation));
        let held = held.map(|key| (facts.endpoint.clone(), key));
        let is_new = held
            .clone()
            .is_none_or(|held| self.attempts_in_flight.insert(held));
        Arrived {
            index,
            era: self.era,
            facts,
            decision,
            holds_key: held.filter(|_| is_new),
            is_in_flight_already: !is_new,
        }
    }

    fn honours_key(&self, operation: &Operation) -> bool {
        match operation {
            Operation::CreateTask => self.settings.honour_idempotency_key,
            Operation::Sync => self.settings.ticketing_honours_idempotency_key,
            Operation::CreateTicket => true,
            _ => false,
        }
    }

    /// Does what the call asks for, or what its fault says in place of it.
    pub(crate) fn serve(&mut self, now_ms: u64, call: &Call, arrived: &Arrived) -> Answer {
        if arrived.era != self.era {
            return Answer::error(
                503,
                "reset",
                "the sandbox was reset while this call was under way",
            );
        }
        if let Action::Answer { status, .. } = arrived.decision.action {
            return fault_answer(&arrived.facts.endpoint, status);
        }
        if arrived.is_in_flight_already {
            let message = "a call with this idempotency key is still under way";
            return Answer::error(409, "idempotency.in.flight", message);
        }
        let settings = &self.settings;
        match call.operation {
            Operation::MintToken
            | Operation::ListWebhooks
            | Operation::CreateWebhook
            | Operation::UpdateWebhook(_)
            | Operation::DeleteWebhook(_)
            | Operation::CreateTask => {
                self.cxone
                    .answer(settings, self.social.issued(), now_ms, call)
            }
            Operation::Sync | Operation::SyncBatch => {
                let armed = self.faults.get("ticketing.batch");
                let seen = u32::try_from(arrived.index).unwrap_or(u32::MAX);
                let item_fault = |ids: &[&str]| {
                    let key = ids.first().copied().unwrap_or_default();
                    armed?.item(
                        ids,
                        draw(settings.seed, "item", "ticketing.batch", key, seen),
                    )
                };
                self.ticketing.answer(settings, item_fault, now_ms, call)
            }
            Operation::CreateTicket
            | Operation::FindTickets
            | Operation::ShowTicket(_)
            | Operation::UpdateTicket(_)
            | Operation::DeleteTicket(_)
            | Operation::ListComments(_) => self.zendesk.answer(settings, now_ms, call),
            Operation::RotateToken(_)
            | Operation::ExchangeFacebookToken
            | Operation::RefreshInstagramToken
            | Operation::RefreshXToken => self.social.answer(settings, now_ms, call),
            Operation::Unknown => Answer::error(404, "not.found", "nothing is played at this path"),
        }
    }

    /// Records the end of a call. Where `answer` is none, nothing was sent; `result_id` is what was done all the same.
    pub(crate) fn finish(
        &mut self,
        now_ms: u64,
        arrived: &Arrived,
        answer: Option<&mut Answer>,
        result_id: Option<String>,
    ) {
        if arrived.era != self.era {
            return;
        }
        if let Some(held) = &arrived.holds_key {
            self.attempts_in_flight.remove(held);
        }
        let status = answer.as_ref().map(|answer| answer.status);
        let mut not_before_ms = None;
        if let (
            Some(answer),
            Action::Answer {
                retry_after: Some(retry_after),
                ..
            },
        ) = (answer, &arrived.decision.action)
        {
            let (header, instant) = told(retry_after, now_ms);
            answer.headers.push(("retry-after", header));
            not_before_ms = instant;
        }
        self.log.finish(
            arrived.index,
            &arrived.facts,
            now_ms,
            status,
            not_before_ms,
            result_id,
        );
    }

    pub(crate) fn summary(&self) -> Summary {
        let endpoints = self.log.summary();
        let mut syncs: HashMap<&str, usize> = HashMap::new();
        for id in self
            .ticketing
            .tickets()
            .iter()
            .flat_map(|ticket| &ticket.interaction_ids)
        {
            *syncs.entry(id).or_default() += 1;
        }
        Summary {
            tasks: self.cxone.tasks().len(),
            tickets: self.ticketing.tickets().len() + self.zendesk.tickets().len(),
            webhooks: self.cxone.webhook_list().len(),
            duplicate_tasks: self
                .cxone
                .duplicates()
                .iter()
                .map(|duplicate| duplicate.task_ids.len() - 1)
                .sum(),
            duplicate_syncs: syncs.values().map(|count| count - 1).sum(),
            early_calls: endpoints
                .values()
                .map(|endpoint| endpoint.early_calls)
                .sum(),
            social: self.social.summary(),
            endpoints,
        }
    }
}

/// The header, and the first instant at which it allows a call; none where it can't be read.
fn told(retry_after: &RetryAfter, now_ms: u64) -> (String, Option<u64>) {
    match retry_after {
        RetryAfter::Seconds(seconds) => (seconds.to_string(), Some(now_ms + seconds * 1000)),
        RetryAfter::DateInSeconds(seconds) => {
            let at_ms = (now_ms + seconds * 1000).div_ceil(1000) * 1000;
            (http_date(at_ms), Some(at_ms))
        }
        RetryAfter::Raw(text) => (text.clone(), None),
    }
}

/// A fault's answer in the words of the system that it befalls.
fn fault_answer(endpoint: &str, status: u16) -> Answer {
    match (endpoint, status) {
        ("zendesk", _) => zendesk::error(status),
        ("social.facebook" | "social.instagram", 429) => {
            meta_error(status, 4, None, "Application request limit reached")
        }
        ("social.facebook" | "social.instagram", 400..=499) => {
            meta_error(status, 190, None, "Invalid OAuth access token")
        }
        ("social.facebook" | "social.instagram", _) => {
            meta_error(status, 2, None, "Service temporarily unavailable")
        }
        _ => Answer::error(status, "fault", "a fault was set for this endpoint"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_in_retry_after_is_rounded_up_to_the_next_second() {
        let (header, instant) = told(&RetryAfter::DateInSeconds(1), 784_111_775_001);
        assert_eq!(header, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(instant, Some(784_111_777_000));
    }

    #[test]
    fn a_mistyped_endpoint_is_refused() {
        let mut world = World::new(Settings::default());
        let error = world
            .set_faults("cxone.task", Faults::none(), 0)
            .unwrap_err();
        assert!(error.contains("cxone.tasks"), "{error}");
        assert!(world.set_faults("social.tiktok", Faults::none(), 0).is_ok());
    }
}
