//! Fifty calls a minute, over all functions together.

use std::collections::HashSet;
use std::time::Duration;

use e2e::stack::Stack;

use crate::many;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: make check runs it"]
async fn cxone_never_sees_51_calls_in_60_s_and_gets_95_percent_of_50_under_backlog() {
    let stack = Stack::with(&[("CxoneCallsPerWindow", "50")]).await;
    let ids = many::accept_all(&stack, &many::webhooks(160)).await;
    many::all_have_tasks(&stack, &ids, Duration::from_secs(300)).await;
    stack.drained(MINUTE).await;
    many::each_is_routed_once(&stack, &ids).await;

    let most = stack.sandbox.max_in_any("cxone.tasks", MINUTE);
    assert!(most <= 50, "{most} calls within 60 s");
    let at: Vec<u64> = stack
        .sandbox
        .calls("cxone.tasks")
        .iter()
        .map(|call| call.at_ms)
        .collect();
    // Two minutes' worth of calls lie between the middle of the first fifty and the middle of the
    // third.
    let took = at[125] - at[25];
    let share = 100.0 * 2.0 * 60_000.0 / f64::from(u32::try_from(took).unwrap());
    assert!(share >= 95.0, "{share:.1} % of the limit were used");
    eprintln!("at most {most} within 60 s, {share:.1} % of the limit used");

    let items = many::ledger(&stack, "routing").await;
    let waited = items
        .values()
        .filter(|item| item["wait_limiter_ms"].as_i64() > Some(0))
        .count();
    assert!(waited > 0, "waiting for the limit is shown apart");
    assert!(
        items.values().all(|item| item["attempts"] == 1),
        "a wait is no attempt"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticketing_has_a_limit_of_its_own_which_its_system_sees_kept() {
    let window = Duration::from_secs(10);
    let parameters = [
        ("TicketingCallsPerWindow", "50"),
        ("LimitWindowSeconds", "10"),
    ];
    let stack = Stack::with(&parameters).await;
    let ids = many::accept_all(&stack, &many::webhooks(110)).await;
    many::all_have_tasks(&stack, &ids, MINUTE).await;
    stack.drained(2 * MINUTE).await;

    let most = stack.sandbox.max_in_any("ticketing.sync", window);
    assert!(most <= 50, "{most} calls within 10 s");
    assert_eq!(stack.sandbox.calls("ticketing.sync").len(), 110);
    let items = many::ledger(&stack, "ticketing").await;
    for id in &ids {
        assert_eq!(items[id]["state"], "SYNCED");
        assert_eq!(items[id]["attempts"], 1, "a wait is no attempt");
    }
    let waited = |item: &serde_json::Value| item["wait_limiter_ms"].as_i64() > Some(0);
    assert!(items.values().any(waited));
    let routed = many::ledger(&stack, "routing").await;
    assert!(!routed.values().any(waited), "routing has no limit here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_new_threads_gets_its_tickets_at_zendesk_in_two_requests_each() {
    let window = Duration::from_secs(5);
    let parameters = [
        ("TicketingDialect", "zendesk"),
        ("TicketingCallsPerWindow", "50"),
        ("LimitWindowSeconds", "5"),
    ];
    let stack = Stack::with(&parameters).await;
    let ids = many::accept_all(&stack, &many::webhooks(110)).await;
    many::all_have_tasks(&stack, &ids, MINUTE).await;
    stack.drained(MINUTE).await;

    let tickets = stack.sandbox.zendesk_tickets();
    let threads: HashSet<_> = tickets.iter().map(|ticket| &ticket.thread_id).collect();
    assert_eq!((tickets.len(), threads.len()), (110, 110));
    let requests = stack.sandbox.calls("zendesk").len();
    assert!(requests < 250, "{requests} requests for 110 new tickets");
    let most = stack.sandbox.max_in_any("zendesk", window);
    assert!(most <= 50, "{most} requests within 5 s");
    let items = many::ledger(&stack, "ticketing").await;
    for id in &ids {
        assert_eq!(items[id]["state"], "SYNCED");
        assert_eq!(items[id]["attempts"], 1, "a wait is no attempt");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_holds_every_function_until_its_retry_after() {
    let parameters = [("CxoneCallsPerWindow", "50"), ("LimitWindowSeconds", "5")];
    let stack = Stack::with(&parameters).await;
    let limited = sandbox::Action::Answer {
        status: 429,
        retry_after: Some(sandbox::RetryAfter::Seconds(6)),
    };
    stack
        .sandbox
        .fault("cxone.tasks", sandbox::Faults::none().next([limited]));
    let first = many::accept_all(&stack, &many::webhooks(1)).await;
    stack
        .until("the 429", MINUTE, async || {
            let gate = stack.item("upstream#cxone", "state").await?;
            (gate["limiter"]["not_before"].as_i64()? > 0).then_some(())
        })
        .await;
    let others = many::accept_all(&stack, &many::webhooks(20)).await;
    let all: Vec<String> = first.into_iter().chain(others).collect();
    many::all_have_tasks(&stack, &all, MINUTE).await;
    let calls = stack.sandbox.calls("cxone.tasks");
    let told = calls[0].answered_ms.unwrap();
    assert!(
        calls[1..].iter().all(|call| call.at_ms >= told + 6_000),
        "{calls:#?}"
    );
}
