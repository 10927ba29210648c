//! A panic in one message's processing is its own.

use std::time::Duration;

use delivery::State;

use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_panic_in_any_step_fails_its_own_message_and_no_other() {
    let world = World::start().await;
    let mut bad = Vec::new();
    for step in ["lane", "enter", "freeze", "call", "follow_up"] {
        bad.push(world.send(step, &format!("panic in {step}")).await);
    }
    let mut good = Vec::new();
    for lane in ["one", "another", "one"] {
        good.push(world.send(lane, "Hello").await);
    }
    // The lane's order holds for it too: it waits for the one before it.
    let behind = world.send("call", "Hello").await;
    let batch = world.receive(9).await;
    let answer = world.handle(&batch, MINUTE).await;
    let kept: Vec<_> = bad.iter().chain([&behind]).collect();
    assert_eq!(answer, batch.failures(&kept));

    // The same once more, as messages may come: the process has lived on.
    let answer = world.handle(&batch, MINUTE).await;
    assert_eq!(answer, batch.failures(&bad.iter().collect::<Vec<_>>()));
    for id in good.iter().chain([&behind]) {
        assert_eq!(world.item(id).await.unwrap().state, State::Routed);
        assert_eq!(world.calls(id), 1);
    }
}

#[tokio::test]
async fn where_one_call_is_for_all_a_panic_before_or_after_it_is_still_its_messages_own() {
    let world = World::with(|_, stage| stage.one_call = true).await;
    let mut bad = Vec::new();
    for step in ["lane", "enter", "freeze", "follow_up"] {
        bad.push(world.send(step, &format!("panic in {step}")).await);
    }
    let good = [
        world.send("one", "Hello").await,
        world.send("two", "Hi").await,
    ];
    let (batch, answer) = world.run(6).await;
    assert_eq!(answer, batch.failures(&bad.iter().collect::<Vec<_>>()));
    for id in &good {
        assert_eq!(world.item(id).await.unwrap().state, State::Routed);
    }
}

#[tokio::test]
async fn what_panics_again_and_again_is_parked_once_its_attempts_are_spent() {
    let world = World::with(|settings, _| settings.policy.max_attempts = 2).await;
    let id = world.send("lane", "panic in call").await;
    for _ in 0..2 {
        let (batch, answer) = world.run(1).await;
        assert_eq!(answer, batch.failures(&[&id]));
    }
    let (batch, answer) = world.run(1).await;
    assert_eq!(answer, batch.failures(&[]));
    let item = world.item(&id).await.unwrap();
    assert_eq!(item.state, State::Parked);
    assert_eq!(item.attempts, 2);
    assert!(item.reason.unwrap().contains("2 attempts spent"));
}
