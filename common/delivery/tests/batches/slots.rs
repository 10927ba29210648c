//! Calls that need several slots of the limit.

use delivery::{Limit, State};

use crate::world::World;

#[tokio::test]
async fn a_second_request_without_a_slot_costs_no_attempt_and_tells_the_breaker_nothing() {
    // A slot every 2.5 s, and a call waits for its second one for 2 s.
    let limit = Limit {
        calls: 1,
        window: 1_000,
        requests: 1,
    };
    let world = World::with(|settings, _| {
        settings.limit = Some(limit);
        settings.thresholds.failures = 1;
    })
    .await;
    let opens = world.send("opens", "Hello").await;
    let fails = sandbox::Action::Answer {
        status: 503,
        retry_after: None,
    };
    let faults = sandbox::Faults::none().next([fails]);
    world.sandbox.fault("cxone.tasks", faults);
    let (batch, answer) = world.run(1).await;
    assert_eq!(answer, batch.failures(&[&opens]));
    world.delete(&batch, |_| true).await;
    let opened = world.gate().await["breaker"].as_m().unwrap().clone();

    let probes = world.send("probes", "two requests").await;
    // The first receive may come before the probe is due.
    while world.item(&probes).await.is_none() {
        let batch = world.receive(1).await;
        world.handle(&batch, crate::world::MANY).await;
    }
    let item = world.item(&probes).await.unwrap();
    assert_eq!((item.state, item.attempts), (State::Waiting, 0));
    assert!(item.reason.unwrap().starts_with("the rate limit"));
    assert_eq!(world.calls(&probes), 0);
    let gate = world.gate().await;
    let breaker = gate["breaker"].as_m().unwrap();
    assert_eq!(breaker["failed"], opened["failed"]);
    let (now, before) = (&breaker["open"], &opened["open"]);
    for unchanged in ["since", "interval", "probe_at"] {
        let of = |open: &aws_sdk_dynamodb::types::AttributeValue| {
            open.as_m().unwrap()[unchanged].clone()
        };
        assert_eq!(of(now), of(before), "{unchanged}");
    }
}
