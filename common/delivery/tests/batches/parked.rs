//! What is parked stays, whatever became of it before.

use delivery::State;
use delivery::store::Attributes;
use sandbox::{Action, Faults};

use crate::world::World;

#[tokio::test]
async fn a_long_body_that_is_parked_a_second_time_is_kept_as_long_as_the_first_time() {
    let world = World::start().await;
    // Over what one item holds, so that it is kept in two.
    let id = world.send("lane", &"Where is it? ".repeat(25_000)).await;
    let refused = Action::Answer {
        status: 422,
        retry_after: None,
    };
    for round in 0..2 {
        let faults = Faults::none().next([refused.clone()]);
        world.sandbox.fault("cxone.tasks", faults);
        let (batch, answer) = world.run(1).await;
        assert_eq!(answer, batch.failures(&[]));
        let item = world.item(&id).await.unwrap();
        assert_eq!((item.state, item.body_parts), (State::Parked, Some(2)));
        for part in world.parts(&id, 2).await {
            assert!(part.contains_key("body"));
            assert!(!expires(&part), "in round {round}");
        }
        world.send_back(&id).await;
    }
    let (batch, answer) = world.run(1).await;
    assert_eq!(answer, batch.failures(&[]));
    assert_eq!(world.item(&id).await.unwrap().state, State::Routed);
    for part in world.parts(&id, 2).await {
        assert!(expires(&part), "nobody needs it any more");
    }
}

/// Whether DynamoDB deletes it by now, as soon as it gets round to it.
fn expires(item: &Attributes) -> bool {
    let at = item.get("expires_at").and_then(|at| at.as_n().ok());
    let now = runtime::clock::now().as_second();
    at.is_some_and(|at| at.parse::<i64>().unwrap() <= now)
}
