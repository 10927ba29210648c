//! A decision is frozen before the first call, and every later one sends what it says.

use std::time::Duration;

use delivery::State;
use futures::future::{join, select_all};
use runtime::clock;
use sandbox::{Action, Faults};

use crate::stage::Turns;
use crate::world::{MANY, World};

#[tokio::test]
async fn whoever_looked_before_another_called_does_not_call_by_a_decision_of_its_own() {
    let turns = Turns::of_two();
    let world = World::with(|_, stage| stage.turns = Some(turns.clone())).await;
    let id = world.send("lane", "Hello").await;
    let lost = Faults::none().next([Action::AnswerLost]);
    world.sandbox.fault("cxone.tasks", lost);

    // SQS may deliver a message to two functions. Neither finds an item, and both decide.
    let batch = world.receive(1).await;
    let both = [(); 2].map(|()| Box::pin(world.handle(&batch, MANY)));
    let one_goes = async {
        turns.both_there().await;
        turns.give();
    };
    let ((.., mut other), ()) = join(select_all(both), one_goes).await;
    let item = world.item(&id).await.unwrap();
    assert_eq!((item.state, item.unsure), (State::Waiting, true));
    let frozen = item.decision;
    let wait = item.not_before.unwrap() - clock::now().as_millisecond();
    tokio::time::sleep(Duration::from_millis(u64::try_from(wait).unwrap_or(0))).await;
    turns.give();
    let answer = other.pop().unwrap().await;

    assert_eq!(answer, batch.failures(&[&id]));
    let item = world.item(&id).await.unwrap();
    assert_eq!((item.state, &item.decision), (State::Waiting, &frozen));
    assert_eq!(world.calls(&id), 1);
}
