//! An invocation ends in time, whatever hangs.

use std::time::Duration;

use delivery::{Limit, State};
use runtime::clock;

use crate::world::{MANY, World};

#[tokio::test]
async fn what_has_no_time_left_for_its_call_is_not_called_and_shown_again() {
    let limit = Limit {
        calls: 50,
        window: 1_000,
        requests: 1,
    };
    for limit in [None, Some(limit)] {
        let world = World::with(|settings, _| settings.limit = limit).await;
        let ids = [world.send("a", "Hello").await, world.send("b", "Hi").await];
        let batch = world.receive(2).await;
        // A call takes a second at most; it starts 9 s before the deadline or not at all.
        let answer = world.handle(&batch, Duration::from_millis(8_900)).await;
        assert_eq!(answer, batch.failures(&[&ids[0], &ids[1]]));
        assert!(world.sandbox.calls("cxone.tasks").is_empty());
        for id in &ids {
            assert!(world.item(id).await.is_none(), "nothing was begun");
        }

        let (batch, answer) = world.run(2).await;
        assert_eq!(answer, batch.failures(&[]));
        assert_eq!(world.routed(), ids);
    }
}

#[tokio::test]
async fn a_call_that_its_lease_or_the_deadline_would_cut_off_is_not_made() {
    // A lease is 6 s long here, of which a call may take 2; with 11 s to go it must start in 2.
    for (hesitates, time_left) in [(5_000, MANY), (3_000, Duration::from_secs(11))] {
        let hesitates = Duration::from_millis(hesitates);
        let world = World::with(|_, stage| stage.hesitates = hesitates).await;
        let id = world.send("lane", "Hello").await;
        let batch = world.receive(1).await;
        let answer = world.handle(&batch, time_left).await;
        assert_eq!(answer, batch.failures(&[&id]));
        assert_eq!(world.calls(&id), 0, "after {hesitates:?}");
        let item = world.item(&id).await.unwrap();
        assert_eq!(
            (item.state, item.attempts, item.unsure),
            (State::Waiting, 0, false)
        );

        let (batch, answer) = world.run(1).await;
        assert_eq!(answer, batch.failures(&[]));
        assert_eq!(world.routed(), [id]);
    }
}

#[tokio::test]
async fn what_hangs_is_dropped_before_the_deadline_and_called_again_with_the_same_key() {
    let world = World::start().await;
    let quick = world.send("a", "Hello").await;
    let hanging = world.send("b", "Hi").await;
    // Of the same lane, so it has to wait for the one that hangs.
    let behind = world.send("b", "Hi again").await;
    let batch = world.receive(3).await;
    // The task is made, and the ledger never gets to know.
    world.proxy.hold_up(&["\"ROUTED\"", &hanging]);
    let time_left = Duration::from_secs(16);
    let began = clock::instant();
    let answer = world.handle(&batch, time_left).await;
    assert!(began.elapsed() < time_left, "the function has timed out");
    assert!(world.proxy.is_done());
    assert_eq!(answer, batch.failures(&[&hanging, &behind]));
    assert_eq!(world.item(&quick).await.unwrap().state, State::Routed);
    assert_eq!(world.item(&hanging).await.unwrap().state, State::Calling);
    assert!(world.item(&behind).await.is_none(), "it was not begun");

    let (batch, answer) = world.run(2).await;
    assert_eq!(answer, batch.failures(&[]));
    assert_eq!(world.routed(), [&*quick, &hanging, &behind]);
    for (id, calls) in [(&quick, 1), (&hanging, 2), (&behind, 1)] {
        let item = world.item(id).await.unwrap();
        assert_eq!(item.state, State::Routed);
        assert_eq!(world.calls(id), calls);
        assert_eq!(item.attempts as usize, calls, "the ledger counts calls");
        assert!(item.duplicates.is_empty());
    }
}
