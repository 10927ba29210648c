//! CXone is away for a minute.

use std::time::Duration;

use e2e::stack::Stack;
use sandbox::Faults;

use crate::many;

const OUTAGE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make check runs it"]
async fn a_minutes_outage_while_200_come_in_loses_none_and_is_drained_at_the_limiters_pace() {
    let stack = Stack::with(&[
        ("CxoneCallsPerWindow", "50"),
        ("BackoffBaseMilliseconds", "2000"),
    ])
    .await;
    let away = Faults::none().outage(u64::try_from(OUTAGE.as_millis()).unwrap());
    stack.sandbox.fault("cxone.tasks", away);
    let ids = many::accept_all(&stack, &many::webhooks(200)).await;
    many::all_have_tasks(&stack, &ids, Duration::from_secs(420)).await;
    stack.drained(Duration::from_secs(60)).await;
    many::each_is_routed_once(&stack, &ids).await;
    assert_eq!(many::parked(&stack, "routing").await, []);

    let calls = stack.sandbox.calls("cxone.tasks");
    let in_vain: Vec<u64> = calls
        .iter()
        .filter(|call| call.fault.as_deref() == Some("outage"))
        .map(|call| call.at_ms)
        .collect();
    // It opens within a second or two: on the third failure, with whatever is under way by then.
    let probes = in_vain
        .iter()
        .filter(|at| **at > in_vain[0] + 4_000)
        .count();
    assert!((1..=6).contains(&probes), "{probes} probes, at {in_vain:?}");
    assert!(
        in_vain.len() <= 50 + probes,
        "{} calls in vain",
        in_vain.len()
    );
    let most = stack
        .sandbox
        .max_in_any("cxone.tasks", Duration::from_secs(60));
    assert!(most <= 50, "{most} calls within 60 s");
    eprintln!(
        "{} calls in vain, {probes} of them probes; at most {most} within 60 s",
        in_vain.len()
    );
}
