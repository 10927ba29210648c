//! Whatever the order in which a thread's interactions arrive, and whatever becomes of their calls,
//! the ticketing system ends up with every message once.

#![expect(clippy::unwrap_used, reason = "these helpers are called by tests only")]

use std::collections::HashSet;

use interaction::{Envelope, InteractionId, Message, Payload, Profile, Routed};
use jiff::Timestamp;
use proptest::prelude::*;
use ticketing::{Arrival, Ending, Fate, Plan, Thread, Update};

const THREAD: &str = "thread_8b1e0f5a2c77";

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_763_805_000 + second).unwrap()
}

fn message(number: i64) -> Message {
    Message {
        text: format!("message {number}"),
        from_id: "fb_user_98765".into(),
        timestamp: second(number * 10),
    }
}

/// Interaction `number` of the thread, with the messages `messages` of it.
fn interaction(number: i64, messages: impl IntoIterator<Item = i64>) -> Envelope {
    let payload = Payload {
        contact_id: format!("social_{number}"),
        thread_id: THREAD.into(),
        social_profile: Profile {
            platform: "facebook".into(),
            user_id: "fb_user_98765".into(),
            display_name: "Test Customer".into(),
            avatar_url: None,
        },
        messages: messages.into_iter().map(message).collect(),
        media_attachments: Vec::new(),
        event_timestamp: second(number * 10),
    };
    let id = InteractionId::new(format!("int_{number}")).unwrap();
    let mut envelope = Envelope::new(payload, id, second(number * 10));
    envelope.routed = Some(Routed {
        task_id: format!("task_{number}"),
        skills: vec![format!("skill-{number}")],
        sentiment_polarity: "0.0000".into(),
        rule: "neutral".into(),
    });
    envelope
}

fn tell(thread: &mut Thread, envelope: &Envelope) -> Update {
    let own = Arrival::of(envelope).unwrap();
    let claimed = thread.gate(&own, &[], own.at()).unwrap();
    let plan = thread.plan(&own, &claimed, own.at());
    thread.begin(&own);
    thread.end(&own, &plan, Ending::Told { ticket: None });
    Update::new(&own, &plan)
}

fn texts(update: &Update) -> Vec<&str> {
    update.messages.iter().map(|m| m.text.as_str()).collect()
}

#[test]
fn a_growing_history_is_told_once() {
    let mut thread = Thread::default();
    assert_eq!(
        texts(&tell(&mut thread, &interaction(1, [1]))),
        ["message 1"]
    );
    assert_eq!(
        texts(&tell(&mut thread, &interaction(2, [1, 2]))),
        ["message 2"]
    );
    assert_eq!(
        texts(&tell(&mut thread, &interaction(3, [1, 2]))),
        Vec::<&str>::new()
    );
}

#[test]
fn the_messages_of_an_interaction_are_told_by_time() {
    let update = tell(&mut Thread::default(), &interaction(3, [3, 1, 2, 1]));
    assert_eq!(texts(&update), ["message 1", "message 2", "message 3"]);
}

#[test]
fn a_late_older_interaction_does_not_set_the_thread_back() {
    let mut thread = Thread::default();
    tell(&mut thread, &interaction(5, [5]));
    let late = tell(&mut thread, &interaction(2, [2]));
    assert_eq!(texts(&late), ["message 2"]);
    assert_eq!(late.skills, ["skill-5"]);
    assert_eq!(late.task_id, "task_2");
    assert_eq!(tell(&mut thread, &interaction(3, [3])).skills, ["skill-5"]);
}

#[test]
fn an_interaction_that_was_told_is_not_told_again() {
    let mut thread = Thread::default();
    let envelope = interaction(1, [1]);
    tell(&mut thread, &envelope);
    let own = Arrival::of(&envelope).unwrap();
    assert!(thread.plan(&own, &HashSet::new(), own.at()).told);
}

#[test]
fn a_later_interaction_waits_for_one_that_is_tried_again_and_not_for_one_that_is_parked() {
    let (first, later) = (interaction(1, [1]), interaction(2, [1, 2]));
    let (first, later) = (Arrival::of(&first).unwrap(), Arrival::of(&later).unwrap());
    let mut thread = Thread::default();
    let plan = thread.plan(&first, &HashSet::new(), first.at());
    thread.begin(&first);
    thread.end(&first, &plan, Ending::Again);

    let due = second(100);
    let claims = Some(plan.clone());
    let waiting = [(first.id().clone(), Fate::Due { due, claims })];
    assert_eq!(thread.clone().gate(&later, &waiting, second(50)), Err(due));

    let overdue = thread.clone().gate(&later, &waiting, second(161));
    assert_eq!(
        overdue,
        Ok(plan.marks.iter().collect()),
        "its message stays its own"
    );

    let taken = thread.clone().gate(
        &later,
        &[(first.id().clone(), Fate::Told(plan))],
        second(50),
    );
    assert_eq!(taken, Ok(HashSet::new()));

    let void = [(first.id().clone(), Fate::Void)];
    assert_eq!(thread.gate(&later, &void, second(50)), Ok(HashSet::new()));
    let plan = thread.plan(&later, &HashSet::new(), second(50));
    assert_eq!(
        texts(&Update::new(&later, &plan)),
        ["message 1", "message 2"]
    );
}

#[test]
fn a_thread_of_ten_thousand_messages_stays_within_its_bound() {
    let mut thread = Thread::default();
    for number in 0..1000 {
        tell(
            &mut thread,
            &interaction(number, (number * 10)..(number * 10 + 10)),
        );
    }
    let stored = serde_json::to_string(&thread).unwrap();
    assert!(stored.len() < 45_000, "{} bytes", stored.len());
    let repeated = interaction(1000, 9_000..10_001);
    assert_eq!(texts(&tell(&mut thread, &repeated)), ["message 10000"]);
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug)]
enum Event {
    Told,
    AnswerLost,
    NothingKnown,
    RateLimited,
    Refused,
    CrashBefore,
    CrashAfter,
    NoteLost,
}

/// An interaction's ledger item.
#[derive(Clone)]
struct Item {
    due: Timestamp,
    plan: Option<Plan>,
    unsure: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Waiting,
    Parked,
    Done,
}

/// A ticketing system that honours the key, and a ledger around one thread.
struct World {
    interactions: Vec<Envelope>,
    items: Vec<Item>,
    thread: Thread,
    keys: HashSet<InteractionId>,
    messages: Vec<Message>,
    skills: Vec<String>,
}

impl World {
    fn new(interactions: Vec<Envelope>) -> Self {
        let item = Item {
            due: second(0),
            plan: None,
            unsure: false,
            state: State::Waiting,
        };
        Self {
            items: vec![item; interactions.len()],
            interactions,
            thread: Thread::default(),
            keys: HashSet::new(),
            messages: Vec::new(),
            skills: Vec::new(),
        }
    }

    fn fate(&self, id: &InteractionId) -> Fate {
        let is_it = |envelope: &Envelope| envelope.interaction.interaction_id == *id;
        let item = &self.items[self.interactions.iter().position(is_it).unwrap()];
        let claims = item.plan.clone().filter(|_| item.unsure);
        match (item.state, claims) {
            (State::Waiting, claims) => Fate::Due {
                due: item.due,
                claims,
            },
            (State::Parked, Some(claims)) => Fate::Parked { claims },
            (State::Parked, None) => Fate::Void,
            (State::Done, _) => Fate::Told(item.plan.clone().unwrap()),
        }
    }

    fn server(&mut self, update: Update) {
        if self.keys.insert(update.interaction_id) {
            self.messages.extend(update.messages);
            self.skills = update.skills;
        }
    }

    /// One receive of interaction `index`.
    fn receive(&mut self, index: usize, event: Event, now: Timestamp) {
        if self.items[index].state != State::Waiting || self.items[index].due > now {
            return;
        }
        let envelope = self.interactions[index].clone();
        let own = Arrival::of(&envelope).unwrap();
        let mut thread = self.thread.clone();
        let others: Vec<_> = thread.pending().cloned().collect();
        let fates: Vec<_> = others
            .into_iter()
            .map(|id| (id.clone(), self.fate(&id)))
            .collect();
        let Ok(claimed) = thread.gate(&own, &fates, now) else {
            return;
        };
        let item = &mut self.items[index];
        let frozen = item.plan.clone().filter(|_| item.unsure);
        let plan = frozen.unwrap_or_else(|| thread.plan(&own, &claimed, now));
        thread.begin(&own);
        self.thread = thread.clone();
        item.plan = Some(plan.clone());
        let due = now + jiff::SignedDuration::from_secs(15);
        let was_unsure = item.unsure;
        if plan.told {
            item.state = State::Done;
            return;
        }
        let update = Update::new(&own, &plan);
        let told = Ending::Told { ticket: None };
        let (taken, state, unsure, ending) = match event {
            Event::Told => (true, State::Done, false, Some(told)),
            Event::AnswerLost => (true, State::Waiting, true, Some(Ending::Again)),
            Event::NothingKnown => (false, State::Waiting, true, Some(Ending::Again)),
            Event::RateLimited => (false, State::Waiting, was_unsure, Some(Ending::Again)),
            Event::Refused => {
                let ending = Ending::GivenUp { sure: !was_unsure };
                (false, State::Parked, was_unsure, Some(ending))
            }
            Event::CrashBefore => (false, State::Waiting, true, None),
            Event::CrashAfter => (true, State::Waiting, true, None),
            Event::NoteLost => (true, State::Done, true, None),
        };
        *item = Item {
            due,
            plan: Some(plan.clone()),
            unsure,
            state,
        };
        if taken {
            self.server(update);
        }
        if let Some(ending) = ending {
            thread.end(&own, &plan, ending);
            self.thread = thread;
        }
    }

    /// Sends back what is parked, and receives all until nothing is left.
    fn drain(&mut self, mut now: Timestamp) {
        for item in self
            .items
            .iter_mut()
            .filter(|item| item.state == State::Parked)
        {
            item.state = State::Waiting;
        }
        for _ in 0..self.items.len() * 10 {
            now += jiff::SignedDuration::from_secs(90);
            for index in 0..self.items.len() {
                self.receive(index, Event::Told, now);
            }
        }
        assert!(
            self.items.iter().all(|item| item.state == State::Done),
            "nothing is stuck"
        );
    }
}

fn event() -> impl Strategy<Value = Event> {
    use Event::*;
    let events = [
        Told,
        Told,
        Told,
        AnswerLost,
        NothingKnown,
        RateLimited,
        Refused,
        CrashBefore,
        CrashAfter,
        NoteLost,
    ];
    prop::sample::select(events.to_vec())
}

/// What each interaction repeats of its thread's history.
fn histories() -> impl Strategy<Value = Vec<Vec<i64>>> {
    prop::collection::vec(prop::collection::vec(0..6_i64, 0..4), 1..6)
}

/// Interactions that each bring a message of their own after some of the history.
fn interactions(histories: Vec<Vec<i64>>) -> Vec<Envelope> {
    let with_history = |(history, number): (Vec<i64>, i64)| {
        let earlier = history.into_iter().filter(|m| *m < number);
        interaction(number, earlier.chain([number]).collect::<Vec<_>>())
    };
    histories.into_iter().zip(0..).map(with_history).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_message_arrives_once_whatever_happens(
        histories in histories(),
        receives in prop::collection::vec((0..6_usize, event(), 0..40_i64), 0..60),
    ) {
        let mut world = World::new(interactions(histories));
        let mut now = second(1000);
        for (index, event, seconds) in receives {
            now += jiff::SignedDuration::from_secs(seconds);
            world.receive(index % world.items.len(), event, now);
        }
        world.drain(now);
        let mut numbers: Vec<_> = world.messages.iter().map(|m| m.timestamp).collect();
        numbers.sort();
        let wanted: Vec<_> = (0..).take(world.items.len()).map(|i| message(i).timestamp).collect();
        prop_assert_eq!(numbers, wanted);
    }

    #[test]
    fn what_arrives_in_order_is_told_in_order_whatever_fails(
        histories in histories(),
        failures in prop::collection::vec((event(), 1..10_i64), 0..30),
    ) {
        let mut world = World::new(interactions(histories));
        let mut now = second(1000);
        let mut failures = failures.into_iter();
        // Every interaction is received over and over, the earliest first, as its queue would.
        for _ in 0..400 {
            for index in 0..world.items.len() {
                let (event, seconds) = failures.next().unwrap_or((Event::Told, 1));
                let event = if matches!(event, Event::Refused) { Event::RateLimited } else { event };
                now += jiff::SignedDuration::from_secs(seconds);
                world.receive(index, event, now);
            }
        }
        prop_assert!(world.items.iter().all(|item| item.state == State::Done));
        prop_assert!(world.messages.is_sorted_by_key(|m| m.timestamp));
        let newest = world.items.len() - 1;
        prop_assert_eq!(&world.skills, &[format!("skill-{newest}")]);
    }
}
