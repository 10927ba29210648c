//! DynamoDB makes a write and its answer is lost. The SDK tries again, and the condition fails on
//! its own first try.

use delivery::{Limit, State};
use sandbox::{Action, Faults, RetryAfter};

use crate::world::World;

fn answers(status: u16) -> Faults {
    Faults::none().next([Action::Answer {
        status,
        retry_after: None,
    }])
}

#[tokio::test]
async fn a_claim_or_a_completion_whose_answer_is_lost_counts_one_attempt_and_one_task() {
    for state in ["CALLING", "ROUTED"] {
        let world = World::start().await;
        let id = world.send("lane", "Hello").await;
        world.proxy.lose_answer(&[&id, &format!("\"{state}\"")]);
        let (batch, answer) = world.run(1).await;
        assert!(world.proxy.is_done(), "{state} was never written");
        assert_eq!(answer, batch.failures(&[]), "{state}");
        let item = world.item(&id).await.unwrap();
        assert_eq!(
            (item.state, item.attempts, item.fence),
            (State::Routed, 1, 1)
        );
        assert!(item.duplicates.is_empty() && !item.possible_duplicate);
        assert_eq!(world.routed(), [id]);
    }
}

#[tokio::test]
async fn a_wait_whose_answer_is_lost_is_written_once_and_the_next_call_is_the_second() {
    let world = World::start().await;
    let id = world.send("lane", "Hello").await;
    world.sandbox.fault("cxone.tasks", answers(503));
    world.proxy.lose_answer(&[&id, "\"WAITING\""]);
    let (batch, answer) = world.run(1).await;
    assert!(world.proxy.is_done());
    assert_eq!(answer, batch.failures(&[&id]));
    let item = world.item(&id).await.unwrap();
    assert_eq!((item.state, item.attempts), (State::Waiting, 1));
    assert_eq!(item.history.len(), 1);

    let (batch, answer) = world.run(1).await;
    assert_eq!(answer, batch.failures(&[]));
    assert_eq!(world.item(&id).await.unwrap().attempts, 2);
    assert_eq!(world.routed(), [id]);
}

#[tokio::test]
async fn a_parked_item_whose_answer_is_lost_is_parked_once_with_its_body() {
    let world = World::start().await;
    let id = world.send("lane", "Hello").await;
    world.sandbox.fault("cxone.tasks", answers(422));
    world.proxy.lose_answer(&[&id, "\"PARKED\""]);
    let (batch, answer) = world.run(1).await;
    assert!(world.proxy.is_done());
    assert_eq!(answer, batch.failures(&[]));
    let item = world.item(&id).await.unwrap();
    assert_eq!((item.state, item.attempts), (State::Parked, 1));
    assert_eq!((item.status, item.history.len()), (Some(422), 1));
    assert!(item.body.unwrap().contains("Hello"));
    assert_eq!(world.calls(&id), 1);
}

#[tokio::test]
async fn slots_whose_answer_is_lost_are_taken_once() {
    let limit = Limit {
        calls: 50,
        window: 60_000,
        requests: 1,
    };
    let world = World::with(|settings, _| settings.limit = Some(limit)).await;
    let limited = world.send("limited", "Hello").await;
    let asks_for_a_pause = Action::Answer {
        status: 429,
        retry_after: Some(RetryAfter::Seconds(5)),
    };
    let faults = Faults::none().next([asks_for_a_pause]);
    world.sandbox.fault("cxone.tasks", faults);
    let (batch, answer) = world.run(1).await;
    assert_eq!(answer, batch.failures(&[&limited]));
    world.delete(&batch, |_| true).await;
    for lane in ["a", "b", "c"] {
        world.send(lane, "Hello").await;
    }
    world
        .proxy
        .lose_answer(&["UpdateItem", "upstream#", "slots"]);
    let (batch, answer) = world.run(3).await;
    assert!(world.proxy.is_done());
    assert_eq!(answer, batch.failures(&[]));
    assert_eq!(world.routed().len(), 3);

    // All three were given the end of the pause; who misses it on a slow machine takes a later one.
    let gate = world.gate().await;
    let gate = gate["limiter"].as_m().unwrap();
    let pause_end: i64 = gate["not_before"].as_n().unwrap().parse().unwrap();
    let mut at = 0;
    let steps = gate["slots"].as_s().unwrap().split(',');
    let slots = steps.map(|step| {
        at += step.parse::<i64>().unwrap();
        at
    });
    assert_eq!(slots.filter(|slot| *slot == pause_end).count(), 3);
}

#[tokio::test]
async fn a_probe_whose_answer_is_lost_still_goes_and_goes_alone() {
    let world = World::with(|settings, _| settings.thresholds.failures = 1).await;
    let opens = world.send("opens", "Hello").await;
    world.sandbox.fault("cxone.tasks", answers(503));
    let (batch, answer) = world.run(1).await;
    assert_eq!(answer, batch.failures(&[&opens]));
    assert!(
        world.gate().await["breaker"]
            .as_m()
            .unwrap()
            .contains_key("open")
    );

    let mut ids = vec![opens];
    for lane in ["a", "b", "c"] {
        ids.push(world.send(lane, "Hello").await);
    }
    world
        .proxy
        .lose_answer(&["UpdateItem", "upstream#", "\"probe\":"]);
    // Whoever comes before the probe is due waits for it.
    while !world.proxy.is_done() {
        let batch = world.receive_some().await;
        let before = world.sandbox.calls("cxone.tasks").len();
        world.handle(&batch, crate::world::MANY).await;
        let called = world.sandbox.calls("cxone.tasks").len() - before;
        assert_eq!(called, usize::from(world.proxy.is_done()));
    }
    while world.routed().len() < ids.len() {
        let batch = world.receive_some().await;
        world.handle(&batch, crate::world::MANY).await;
    }
    for id in &ids[1..] {
        assert_eq!(world.calls(id), 1);
        assert_eq!(world.item(id).await.unwrap().attempts, 1);
    }
    ids.sort_unstable();
    assert_eq!(world.routed(), ids);
}
