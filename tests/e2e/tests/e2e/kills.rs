//! Functions die in the midst of it.

use std::time::Duration;

use e2e::stack::Stack;
use sandbox::Faults;

use crate::many;

const KILLS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make check runs it"]
async fn with_functions_killed_at_random_none_of_300_is_lost_and_none_made_twice() {
    let stack = Stack::with(&[("CallTimeoutSeconds", "2")]).await;
    // Long calls, so that a kill meets some.
    stack
        .sandbox
        .fault("cxone.tasks", Faults::none().latency(200, 1_500));
    let bodies = many::webhooks(300);
    let sending = async {
        let mut ids = Vec::new();
        for some in bodies.chunks(30) {
            ids.extend(many::accept_all(&stack, some).await);
            tokio::time::sleep(Duration::from_millis(900)).await;
        }
        ids
    };
    // Each time all processes of a function die, in whatever they are at.
    let killing = async {
        let (mut times, mut processes) = (0, 0);
        while times < KILLS {
            let function =
                ["RouteFunction", "RouteFunction", "TicketSyncFunction"][fastrand::usize(..3)];
            let killed = stack.kill(function);
            times += usize::from(killed > 0);
            processes += killed;
            tokio::time::sleep(Duration::from_millis(fastrand::u64(100..700))).await;
        }
        processes
    };
    let (ids, killed) = tokio::join!(sending, killing);
    // What they held comes back 15 s after they would have timed out.
    many::all_have_tasks(&stack, &ids, Duration::from_secs(400)).await;
    stack.drained(Duration::from_secs(200)).await;
    many::each_is_routed_once(&stack, &ids).await;
    let synced = many::ledger(&stack, "ticketing").await;
    assert!(ids.iter().all(|id| synced[id]["state"] == "SYNCED"));
    let taken_over = many::ledger(&stack, "routing")
        .await
        .values()
        .filter(|item| item["attempts"] != 1)
        .count();
    assert!(taken_over > 0, "no kill met a call");
    eprintln!("{killed} processes killed, {taken_over} calls taken over");
}
