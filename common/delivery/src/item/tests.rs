use proptest::prelude::*;
use upstream::Reason;

use super::*;
use crate::store::{Attributes, Key, record};

const POLICY: Policy = Policy {
    max_attempts: 3,
    backoff_base: Duration::from_secs(2),
    backoff_cap: Duration::from_secs(900),
};

fn facts() -> Facts {
    Facts {
        digest: "digest".to_owned(),
        platform: "facebook".to_owned(),
        contact_id: "contact".to_owned(),
        thread_id: "thread".to_owned(),
        sent_at: 1_000,
        routed: false,
        received_at: 2_000,
        queued_at: 2_100,
        first_receive_at: Some(2_200),
        redrives: 0,
        reopen: None,
    }
}

fn claim(seen: Option<&Item>, now: Millis) -> Item {
    let claim = Claim {
        facts: &facts(),
        decision: "{}".to_owned(),
        lease_until: now + 15_000,
        waited_for_slot: 0,
        now,
    };
    Item::claim(seen, &claim)
}

#[test]
fn only_routing_s_items_are_in_the_index_of_threads() {
    let routed = Facts {
        routed: true,
        ..facts()
    };
    assert_eq!(Item::new(&facts()).sent_at, Some(1_000));
    let item = serde_json::to_value(Item::new(&routed)).unwrap();
    assert_eq!(item.get("sent_at"), None);
}

fn reason(status: Option<u16>) -> Reason {
    Reason {
        call: "POST /tasks",
        status,
        detail: "failed".to_owned(),
    }
}

fn retryable(retry_after: Option<u64>, sure: bool) -> Failure {
    Failure::Retryable {
        retry_after: retry_after.map(Duration::from_secs),
        sure,
        reason: reason(Some(503)),
    }
}

fn done(id: &str) -> Done {
    Done {
        id: id.to_owned(),
        repeated: false,
    }
}

#[test]
fn a_new_interaction_is_called() {
    assert_eq!(next(None, &facts(), 3, 0), Next::Call);
}

#[test]
fn a_live_lease_hides_the_message_and_an_expired_one_is_taken_over_as_unsure() {
    let held = claim(None, 10_000);
    let hide = Next::Hide { until: 25_000 };
    assert_eq!(next(Some(&held), &facts(), 3, 24_999), hide);
    assert_eq!(next(Some(&held), &facts(), 3, 25_000), Next::Call);
    let taken = claim(Some(&held), 25_000);
    assert!(taken.unsure);
    assert_eq!((taken.fence, taken.attempts), (2, 2));
}

#[test]
fn a_wait_is_at_least_what_the_upstream_asked_for() {
    let waiting = claim(None, 10_000).failed(&retryable(Some(7), true), &POLICY, 0.0, 11_000);
    assert_eq!(waiting.not_before, Some(18_001));
    let hide = Next::Hide { until: 18_001 };
    assert_eq!(next(Some(&waiting), &facts(), 3, 18_000), hide);
    assert_eq!(next(Some(&waiting), &facts(), 3, 18_001), Next::Call);
}

#[test]
fn refused_credentials_and_slots_that_are_not_to_be_had_cost_no_attempt() {
    let refused = Failure::Credentials {
        reason: reason(Some(401)),
    };
    let mut item = claim(None, 0);
    for round in 1..50 {
        item = item.failed(&refused, &POLICY, 0.5, round * 10_000);
        assert_eq!((item.state, item.attempts), (State::Waiting, 0));
        item = claim(Some(&item), round * 10_000 + 3_000).release("missed", round * 10_000);
        assert_eq!((item.state, item.attempts), (State::Waiting, 0));
        let no_second = Failure::NoSlot {
            reason: reason(None),
        };
        let claimed = claim(Some(&item), round * 10_000 + 4_000);
        item = claimed.failed(&no_second, &POLICY, 0.5, round * 10_000 + 4_500);
        assert_eq!((item.state, item.attempts), (State::Waiting, 0));
        assert!(!item.unsure);
        item = claim(Some(&item), round * 10_000 + 5_000);
    }
    assert!(item.history.len() <= MOST_EVENTS);
}

#[test]
fn the_last_attempt_that_fails_parks_with_the_reason() {
    let mut item = claim(None, 0);
    for now in [1_000, 2_000] {
        item = item.failed(&retryable(None, false), &POLICY, 0.0, now);
        assert_eq!(item.state, State::Waiting);
        item = claim(Some(&item), now + 500);
    }
    item = item.failed(&retryable(None, false), &POLICY, 0.0, 3_000);
    assert_eq!(
        (item.state, item.attempts, item.status),
        (State::Parked, 3, Some(503))
    );
    assert_eq!(
        item.reason.as_deref(),
        Some("3 attempts spent; the last: POST /tasks answered 503: failed")
    );
}

#[test]
fn a_process_that_dies_in_its_last_attempt_leaves_the_item_to_be_parked() {
    let mut item = claim(None, 0);
    item.attempts = 3;
    assert_eq!(next(Some(&item), &facts(), 3, 15_000), Next::Spent);
}

#[test]
fn a_bad_request_is_parked_at_once() {
    let refused = Failure::Permanent {
        reason: reason(Some(422)),
    };
    let parked = claim(None, 0).failed(&refused, &POLICY, 0.5, 100);
    assert_eq!((parked.state, parked.attempts), (State::Parked, 1));
    assert_eq!(next(Some(&parked), &facts(), 3, 200), Next::Parked);
}

#[test]
fn what_a_person_sends_back_opens_the_parked_item_once() {
    let mut parked = claim(None, 0);
    parked.give_up(100, "reason", None);
    parked.body = Some("{}".to_owned());
    let back = Facts {
        reopen: Some(parked.fence),
        ..facts()
    };
    assert_eq!(next(Some(&parked), &back, 3, 200), Next::Call);
    let mut again = claim(Some(&parked), 200);
    assert_eq!(
        (again.attempts, again.body.clone(), again.parked_at),
        (1, None, None)
    );
    again.give_up(300, "reason", None);
    assert_eq!(
        next(Some(&again), &back, 3, 400),
        Next::Parked,
        "a copy of the copy"
    );
}

#[test]
fn the_same_identity_with_other_content_is_a_conflict_in_every_state() {
    let other = Facts {
        digest: "another".to_owned(),
        ..facts()
    };
    let calling = claim(None, 0);
    let routed = calling.done(State::Routed, &done("task"), 0, 1);
    let waiting = calling.failed(&retryable(None, true), &POLICY, 0.0, 1);
    for item in [calling, routed, waiting] {
        assert_eq!(next(Some(&item), &other, 3, 0), Next::Conflict);
    }
}

#[test]
fn a_possible_duplicate_is_one_whose_earlier_call_is_unknown_and_not_said_to_be_repeated() {
    let unsure = claim(None, 0).failed(&retryable(None, false), &POLICY, 0.0, 1);
    let unsure = claim(Some(&unsure), 10);
    assert!(
        unsure
            .done(State::Routed, &done("task"), 0, 20)
            .possible_duplicate
    );
    let repeated = Done {
        repeated: true,
        ..done("task")
    };
    assert!(
        !unsure
            .done(State::Routed, &repeated, 0, 20)
            .possible_duplicate
    );
    let sure = claim(None, 0).failed(&retryable(None, true), &POLICY, 0.0, 1);
    let sure = claim(Some(&sure), 10);
    assert!(
        !sure
            .done(State::Routed, &done("task"), 0, 20)
            .possible_duplicate
    );
}

#[test]
fn a_second_task_is_kept_as_a_duplicate_and_the_first_one_stays() {
    let routed = claim(None, 0).done(State::Routed, &done("first"), 0, 20);
    let twice = routed.done(State::Routed, &done("second"), 0, 30);
    assert_eq!(twice.result(), Some("first"));
    assert_eq!(twice.duplicates, ["second"]);
    assert_eq!(twice.done_at, Some(20));
    assert!(twice.done(State::Routed, &done("second"), 0, 40) == twice);
}

#[test]
fn waits_are_told_apart() {
    let waiting = claim(None, 2_300).failed(&retryable(None, true), &POLICY, 0.0, 3_000);
    let after_retry = claim(Some(&waiting), 5_000);
    assert_eq!(
        (after_retry.wait_retry_ms, after_retry.wait_dlq_ms),
        (100 + 2_000, 0)
    );
    let waiting = after_retry.failed(&retryable(None, true), &POLICY, 0.0, 6_000);
    let redriven = Facts {
        redrives: 1,
        ..facts()
    };
    let claim = Claim {
        facts: &redriven,
        decision: "{}".to_owned(),
        lease_until: 0,
        waited_for_slot: 700,
        now: 66_700,
    };
    let after_dlq = Item::claim(Some(&waiting), &claim);
    let waits = (
        after_dlq.wait_retry_ms,
        after_dlq.wait_dlq_ms,
        after_dlq.wait_limiter_ms,
    );
    assert_eq!(waits, (2_100, 60_000, 700));
}

#[test]
fn a_finished_item_costs_one_write_unit() {
    let mut facts = facts();
    facts.digest = "0123456789abcdef0123456789abcdef".to_owned();
    facts.contact_id = "social_3f2a9c1d7e04".to_owned();
    facts.thread_id = "thread_8b1e0f5a2c77".to_owned();
    let decision = serde_json::json!({
        "skills": ["social-escalation", "sentiment-negative"],
        "priority": 5,
        "sentiment_polarity": "-0.7184",
        "platform_token_version": "01234567",
        "attributes": {"rule": "negative", "rules_version": "01234567", "scorer": "vader"},
    });
    let claim = Claim {
        facts: &facts,
        decision: decision.to_string(),
        lease_until: 1_763_800_000_000,
        waited_for_slot: 0,
        now: 1_763_800_000_000,
    };
    let mut item = Item::claim(None, &claim).done(
        State::Routed,
        &done("task_0123456789abcdef"),
        1_763_800_000,
        1_763_800_000_500,
    );
    item.stamp.writer = "0123456789abcdef".to_owned();
    let bytes = serde_json::to_string(&item).unwrap().len();
    assert!(bytes < 1_000, "{bytes} bytes");
}

/// What items in a ledger look like since version 1: it is never changed, only added to.
#[test]
fn an_item_of_version_1_is_read_and_written_as_it_is() {
    let item = serde_json::json!({
        "version": 3, "writer": "d41f00c2a75b9e68", "state": "PARKED", "fence": 1, "attempts": 1,
        "reason": "POST /tasks answered 422", "status": 422, "unsure": true, "digest": "3c1f",
        "platform": "facebook", "contact_id": "contact", "thread_id": "thread",
        "decision": "{\"skills\":[]}", "sent_at": 1_763_800_000_000_i64,
        "received_at": 1_763_800_000_100_i64, "queued_at": 1_763_800_000_200_i64,
        "first_call_at": 1_763_800_000_300_i64, "called_at": 1_763_800_000_300_i64,
        "ingest_ms": 100, "wait_retry_ms": 2_000, "redrives": 2,
        "history": [{"at": 1_763_800_000_400_i64, "what": "parked", "reason": "POST /tasks"}],
        "parked_stage": "routing", "parked_at": 1_763_800_000_400_i64, "body": "{}",
    });
    let stored: Attributes = serde_dynamo::to_item(item).unwrap();
    let key = Key::interaction("int_1", "routing");
    let mut there = stored.clone();
    there.extend(key.attributes());
    let item: Item = record(&key, there).unwrap();
    assert_eq!((item.stamp.version, item.status), (3, Some(422)));
    let written: Attributes = serde_dynamo::to_item(item).unwrap();
    assert_eq!(written, stored);
}

/// The ledger as DynamoDB keeps it, with workers that hold what they claimed, die, and come late.
#[derive(Clone, Debug)]
enum Step {
    /// A message comes in: claim if that is allowed.
    Receive(usize),
    /// A worker's call reaches the upstream, which does the work.
    Work(usize),
    /// A worker hears that its call worked.
    Succeed(usize),
    /// A worker hears, or thinks, that its call failed.
    Fail(usize, bool),
    Die(usize),
    Pass(Millis),
    /// An operator sends the parked item back.
    SendBack(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..4_usize;
    prop_oneof![
        4 => worker.clone().prop_map(Step::Receive),
        3 => worker.clone().prop_map(Step::Work),
        3 => worker.clone().prop_map(Step::Succeed),
        2 => (worker.clone(), any::<bool>()).prop_map(|(worker, sure)| Step::Fail(worker, sure)),
        1 => worker.clone().prop_map(Step::Die),
        2 => (0..30_000_i64).prop_map(Step::Pass),
        1 => worker.prop_map(Step::SendBack),
    ]
}

#[derive(Default)]
struct World {
    stored: Option<Item>,
    now: Millis,
    /// What each worker holds, and the task that its call made.
    workers: [Option<(Item, Option<String>)>; 4],
    /// The upstream's tasks.
    tasks: Vec<String>,
    honours_keys: bool,
}

impl World {
    /// As DynamoDB's conditional write.
    fn swap(&mut self, seen: Option<&Item>, mut next: Item) -> bool {
        let version = |item: Option<&Item>| item.map_or(0, |item| item.stamp.version);
        if version(seen) != version(self.stored.as_ref()) {
            return false;
        }
        next.stamp.version = version(seen) + 1;
        self.stored = Some(next);
        true
    }

    fn receive(&mut self, worker: usize, reopen: Option<u64>) {
        let facts = Facts { reopen, ..facts() };
        let seen = self.stored.clone();
        if next(seen.as_ref(), &facts, 3, self.now) != Next::Call {
            return;
        }
        let claimed = claim(seen.as_ref(), self.now);
        if self.swap(seen.as_ref(), claimed) {
            self.workers[worker] = self.stored.clone().map(|item| (item, None));
        }
    }

    fn work(&mut self, worker: usize) {
        let Some((_, made)) = &mut self.workers[worker] else {
            return;
        };
        if made.is_some() {
            return;
        }
        let task = match self.tasks.first() {
            Some(first) if self.honours_keys => first.clone(),
            _ => format!("task {}", self.tasks.len()),
        };
        if !self.tasks.contains(&task) {
            self.tasks.push(task.clone());
        }
        *made = Some(task);
    }

    fn succeed(&mut self, worker: usize) {
        let Some((held, Some(task))) = self.workers[worker].take() else {
            return;
        };
        let mut seen = held;
        loop {
            let finished = seen.done(State::Routed, &done(&task), 0, self.now);
            if finished == seen || self.swap(Some(&seen), finished) {
                return;
            }
            seen = self.stored.clone().expect("nothing is ever deleted");
        }
    }

    fn fail(&mut self, worker: usize, sure: bool) {
        let Some((held, made)) = self.workers[worker].take() else {
            return;
        };
        let sure = sure && made.is_none();
        let failed = held.failed(&retryable(None, sure), &POLICY, 0.5, self.now);
        self.swap(Some(&held), failed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_order_of_claim_crash_takeover_and_late_write_keeps_one_task(
        steps in prop::collection::vec(step(), 1..60),
        honours_keys: bool,
    ) {
        let mut world = World { honours_keys, now: 3_000, ..World::default() };
        for step in steps {
            let before = world.stored.clone();
            match step {
                Step::Receive(worker) => world.receive(worker, None),
                Step::Work(worker) => world.work(worker),
                Step::Succeed(worker) => world.succeed(worker),
                Step::Fail(worker, sure) => world.fail(worker, sure),
                Step::Die(worker) => world.workers[worker] = None,
                Step::Pass(time) => world.now += time,
                Step::SendBack(worker) => {
                    let fence = world.stored.as_ref().map(|item| item.fence);
                    world.receive(worker, fence);
                }
            }
            let (Some(before), Some(after)) = (before, &world.stored) else { continue };
            prop_assert!(after.fence >= before.fence);
            prop_assert!(after.stamp.version >= before.stamp.version);
            if let Some(first) = before.result() {
                prop_assert_eq!(after.result(), Some(first), "the first task wins");
                prop_assert!(after.state == State::Routed, "what is done stays done");
            }
        }
        // Whoever is still at it hears the truth; then every task is in the ledger.
        for worker in 0..4 {
            world.succeed(worker);
        }
        if honours_keys {
            prop_assert!(world.tasks.len() <= 1);
            prop_assert!(world.stored.as_ref().is_none_or(|item| item.duplicates.is_empty()));
        }
        // At most one of the workers holds a lease that counts.
        if let Some(item) = &world.stored && item.state == State::Calling {
            prop_assert!(item.lease_until.is_some());
        }
    }

    #[test]
    fn a_wait_after_a_failure_is_bounded_below_by_what_was_asked_and_above_by_the_cap(
        attempts in 1..1_000_u32,
        asked in proptest::option::of(0..100_000_u64),
        random in 0.0..1.0,
    ) {
        let asked = asked.map(Duration::from_secs);
        let wait = POLICY.wait(attempts, asked, random);
        prop_assert!(wait >= asked.unwrap_or_default());
        prop_assert!(wait <= asked.unwrap_or_default() + POLICY.backoff_cap);
    }
}
