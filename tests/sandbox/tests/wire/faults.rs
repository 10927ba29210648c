use std::time::Duration;

use sandbox::{Action, Faults, RetryAfter};

use crate::{Setting, json_of, status_of, sync_body, task_body};

async fn sync(setting: &Setting, key: &str) -> u16 {
    status_of(setting.sync(key, &sync_body(key, key, "hello"))).await
}

#[tokio::test]
async fn a_429_carries_its_retry_after_in_seconds_as_a_date_or_as_any_text() {
    let setting = Setting::start().await;
    let limited = |retry_after| Action::Answer {
        status: 429,
        retry_after: Some(retry_after),
    };
    let actions = [
        RetryAfter::Seconds(3),
        RetryAfter::DateInSeconds(2),
        RetryAfter::Raw("soon".into()),
    ];
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().next(actions.map(limited)));
    let mut told = Vec::new();
    for _ in 0..3 {
        let answer = setting
            .sync("k", &sync_body("t", "i", "hello"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 429);
        told.push(answer.headers()["retry-after"].to_str().unwrap().to_owned());
    }
    assert_eq!((told[0].as_str(), told[2].as_str()), ("3", "soon"));
    assert!(
        told[1].ends_with(" GMT") && told[1].len() == 29,
        "{}",
        told[1]
    );
    assert_eq!(sync(&setting, "other").await, 200);
}

#[tokio::test]
async fn a_call_before_its_own_retry_after_is_counted_as_early() {
    let setting = Setting::start().await;
    let limited = Action::Answer {
        status: 429,
        retry_after: Some(RetryAfter::Seconds(30)),
    };
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().next([limited]));
    sync(&setting, "a").await;
    sync(&setting, "b").await;
    assert_eq!(setting.sandbox.summary().early_calls, 0);
    sync(&setting, "a").await;
    let calls = setting.sandbox.calls("ticketing.sync");
    assert!(
        calls[2]
            .early_by_ms
            .is_some_and(|early| (25_000..=30_000).contains(&early))
    );
    assert_eq!(calls[2].attempt, 2);
    assert_eq!(
        setting.sandbox.summary().endpoints["ticketing.sync"].early_calls,
        1
    );
}

#[tokio::test]
async fn the_same_seed_brings_the_same_faults_to_the_same_keys() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let setting = Setting::start().await;
        let faults = Faults::none()
            .server_error(0.3, 502)
            .rate_limited(0.3, RetryAfter::Seconds(0));
        setting.sandbox.fault("ticketing.sync", faults);
        let mut statuses = Vec::new();
        for i in 0..40 {
            statuses.push(sync(&setting, &format!("k-{i}")).await);
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    for status in [200, 429, 502] {
        assert!(runs[0].contains(&status), "{status} never came");
    }
}

#[tokio::test]
async fn calls_without_a_key_meet_faults_each_by_itself() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().server_error(0.5, 503));
    let mut statuses = Vec::new();
    for i in 0..40 {
        let mut body = sync_body("t", "i", "hello");
        body["contact_id"] = format!("contact-{i}").into();
        statuses.push(status_of(setting.post("/api/v1/sync").json(&body)).await);
    }
    assert!(
        statuses.contains(&200) && statuses.contains(&503),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn poison_meets_its_ids_every_time_and_no_other() {
    let setting = Setting::start().await;
    let token = setting.token().await;
    setting.sandbox.fault(
        "cxone.tasks",
        Faults::none()
            .poison(500, ["contact-of-bad"])
            .poison(404, ["key-404"]),
    );
    for _ in 0..3 {
        assert_eq!(
            status_of(setting.task(&token, "k-1", &task_body("bad"))).await,
            500
        );
    }
    assert_eq!(
        status_of(setting.task(&token, "key-404", &task_body("fine"))).await,
        404
    );
    assert_eq!(
        status_of(setting.task(&token, "k-2", &task_body("fine"))).await,
        201
    );
    assert_eq!(
        setting.sandbox.summary().endpoints["cxone.tasks"].faults["poison"],
        4
    );
}

#[tokio::test]
async fn in_an_outage_nothing_is_served_until_it_ends() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().outage(60_000));
    assert_eq!(sync(&setting, "k").await, 503);
    assert!(setting.sandbox.tickets().is_empty());
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().outage(0));
    assert_eq!(sync(&setting, "k").await, 200);
}

#[tokio::test]
async fn the_honest_limit_lets_so_many_in_and_tells_when_there_is_room() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().limit_per_minute(2));
    assert_eq!(sync(&setting, "a").await, 200);
    assert_eq!(sync(&setting, "b").await, 200);
    let refused = setting
        .sync("c", &sync_body("c", "c", "hello"))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 429);
    let seconds: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((58..=60).contains(&seconds), "{seconds}");
    assert_eq!(
        setting.sandbox.summary().endpoints["ticketing.sync"].max_in_any_minute,
        3
    );
}

#[tokio::test]
async fn a_reset_connection_does_nothing_and_a_lost_answer_does_everything() {
    let setting = Setting::start().await;
    setting.sandbox.fault(
        "ticketing.sync",
        Faults::none().next([Action::Reset, Action::AnswerLost]),
    );
    for tickets in [0, 1] {
        let error = setting
            .sync("k", &sync_body("t", "i", "hello"))
            .send()
            .await
            .unwrap_err();
        assert!(!error.is_timeout() && error.status().is_none(), "{error}");
        assert_eq!(setting.sandbox.tickets().len(), tickets);
    }
    assert_eq!(sync(&setting, "other").await, 200);
    let calls = setting.sandbox.calls("ticketing.sync");
    assert_eq!(
        (calls[0].status, calls[0].result_id.as_deref()),
        (None, None)
    );
    assert_eq!(
        (calls[1].status, calls[1].result_id.as_deref()),
        (None, Some("ticket-000001"))
    );
}

#[tokio::test]
async fn a_reset_is_an_rst_on_the_wire() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let setting = Setting::start().await;
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().reset(1.0));
    let address = setting.sandbox.url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"POST /api/v1/sync HTTP/1.1\r\nhost: sandbox\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    let error = stream.read(&mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_call_that_hangs_gets_no_answer_and_does_nothing() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().hang(1.0));
    let request = setting
        .sync("k", &sync_body("t", "i", "hello"))
        .timeout(Duration::from_millis(200));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert!(setting.sandbox.tickets().is_empty());
    assert_eq!(
        setting.sandbox.summary().endpoints["ticketing.sync"].unanswered,
        1
    );
}

#[tokio::test]
async fn a_malformed_answer_is_not_json_though_the_work_is_done() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().malformed(1.0));
    let answer = setting
        .sync("k", &sync_body("t", "i", "hello"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.json::<serde_json::Value>().await.is_err());
    assert_eq!(setting.sandbox.tickets().len(), 1);
}

#[tokio::test]
async fn the_work_is_done_also_for_a_client_that_gave_up_waiting() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .fault("ticketing.sync", Faults::none().latency(200, 200));
    let request = setting
        .sync("k", &sync_body("t", "i", "hello"))
        .timeout(Duration::from_millis(50));
    assert!(request.send().await.unwrap_err().is_timeout());
    let events = setting.sandbox.events(0, Duration::from_secs(5)).await;
    assert_eq!(events.len(), 1);
    assert_eq!(setting.sandbox.tickets().len(), 1);
}

#[tokio::test]
async fn a_meta_platform_fails_with_a_meta_error() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .fault("social.facebook", Faults::none().server_error(1.0, 500));
    let failed = setting
        .get("/v23.0/oauth/access_token")
        .send()
        .await
        .unwrap();
    assert_eq!(json_of(failed, 500).await["error"]["code"], 2);
}
