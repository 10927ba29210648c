use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use ingest::FairQueueGroup;
use ingest::queue::group_id;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Context, LambdaEvent};
use proptest::prelude::*;
use serde_json::json;
use signature::Scheme;

use crate::gateway::{Endpoint, tutorial};

fn body() -> String {
    tutorial().to_string()
}

#[tokio::test]
async fn a_message_carries_identity_time_trace_and_group() {
    let endpoint = Endpoint::new(Scheme::SecretHeader).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = endpoint
        .signed(body())
        .header("webhook-id", "evt:1")
        .header("traceparent", trace);
    assert_eq!(endpoint.send(request).await.status(), 202);
    let sent = &endpoint.aws.sent()[0];
    assert!(
        sent["QueueUrl"]
            .as_str()
            .unwrap()
            .ends_with("/RoutingQueue")
    );
    assert_eq!(sent["MessageGroupId"], "facebook");
    let attribute = |name: &str| {
        let attribute = &sent["MessageAttributes"][name];
        assert_eq!(attribute["DataType"], "String");
        attribute["StringValue"].as_str().unwrap().to_owned()
    };
    assert_eq!(attribute("interaction_id"), "evt:1");
    assert_eq!(attribute("traceparent"), trace);
    let received: Timestamp = attribute("received_at").parse().unwrap();
    assert_eq!(endpoint.queued().interaction.received_at, received);
    assert_eq!(sent["MessageAttributes"].as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn the_fair_queue_group_can_be_switched_off() {
    let group = |c: &mut ingest::Config| c.fair_queue_group = FairQueueGroup::None;
    let endpoint = Endpoint::with(Scheme::SecretHeader, group).await;
    assert_eq!(endpoint.send(endpoint.signed(body())).await.status(), 202);
    assert!(endpoint.aws.sent()[0].get("MessageGroupId").is_none());
}

#[tokio::test]
async fn lambdas_own_trace_is_carried_where_the_sender_has_none() {
    let endpoint = Endpoint::new(Scheme::SecretHeader).await;
    let event = endpoint
        .signed(body())
        .header("traceparent", "not a trace")
        .0;
    let event: ApiGatewayV2httpRequest = serde_json::from_value(event).unwrap();
    let mut context = Context::default();
    let xray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    context.xray_trace_id = Some(xray.to_owned());
    let Ok(answer) = endpoint
        .ingest
        .handle(LambdaEvent::new(event, context))
        .await;
    assert_eq!(answer.status_code, 202);
    let trace = &endpoint.aws.sent()[0]["MessageAttributes"]["traceparent"]["StringValue"];
    assert_eq!(
        trace,
        "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"
    );
}

#[tokio::test]
async fn the_wait_begins_when_the_gateway_got_the_request() {
    let now = runtime::clock::now();
    let ahead = now + SignedDuration::from_secs(60);
    let long_ago = now - SignedDuration::from_secs(60);
    let just_now = now - SignedDuration::from_secs(2);
    for (gateway, taken) in [(just_now, true), (ahead, false), (long_ago, false)] {
        let endpoint = Endpoint::new(Scheme::SecretHeader).await;
        let mut request = endpoint.signed(body());
        request.0["requestContext"]["timeEpoch"] = json!(gateway.as_millisecond());
        assert_eq!(endpoint.send(request).await.status(), 202);
        let received = endpoint.queued().interaction.received_at;
        assert_eq!(received.as_millisecond() == gateway.as_millisecond(), taken);
        assert!(taken || received >= now);
    }
}

#[tokio::test]
async fn the_senders_id_is_the_identity_only_where_it_is_covered() {
    for (scheme, id, own) in [
        (Scheme::SecretHeader, "evt-1", true),
        (Scheme::Hmac, "evt-1", false),
        (Scheme::SecretHeader, "no id/at all", false),
        (Scheme::SecretHeader, &"x".repeat(129), false),
        (Scheme::SecretHeader, "", false),
        (Scheme::SecretHeader, "é", false),
    ] {
        let endpoint = Endpoint::new(scheme).await;
        let answer = endpoint
            .send(endpoint.signed(body()).header("webhook-id", id))
            .await;
        assert_eq!(answer.status(), 202);
        let given = answer.body()["interaction_id"].as_str().unwrap().to_owned();
        assert_eq!(given == id, own, "{scheme:?} {id}");
        assert!(own || given.starts_with("int_"), "{given}");
    }
    let endpoint = Endpoint::new(Scheme::StandardWebhooks).await;
    endpoint.send(endpoint.signed(body())).await;
    assert_eq!(
        endpoint.queued().interaction.interaction_id.as_str(),
        "msg_1"
    );
}

#[tokio::test]
async fn two_deliveries_of_one_event_have_one_identity() {
    let endpoint = Endpoint::new(Scheme::Hmac).await;
    let first = endpoint.send(endpoint.signed(body())).await.body();
    assert_eq!(endpoint.send(endpoint.signed(body())).await.body(), first);
    let other = body().replace("neutral", "another");
    assert_ne!(endpoint.send(endpoint.signed(other)).await.body(), first);
}

#[tokio::test]
async fn text_is_queued_as_it_came() {
    let text = "  caf\u{65}\u{301} \u{FFFE}\u{FFFF}\u{0}\u{7f}\u{1F468}\u{200D}\u{1F469}\r\n\"\\</script>  ";
    let endpoint = Endpoint::new(Scheme::Hmac).await;
    let mut payload = tutorial();
    payload["messages"][0]["text"] = json!(text);
    assert_eq!(
        endpoint
            .send(endpoint.signed(payload.to_string()))
            .await
            .status(),
        202
    );
    let sent = endpoint.aws.sent()[0]["MessageBody"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!sent.contains(['\u{FFFE}', '\u{FFFF}', '\u{0}']));
    assert_eq!(endpoint.queued().interaction.payload.messages[0].text, text);
}

proptest! {
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
    #[test]
    fn any_platform_has_a_group_id_that_sqs_takes(a in ".{0,200}", b in ".{0,200}") {
        for text in [&a, &b] {
            let id = group_id(text);
            prop_assert!((1..=128).contains(&id.len()));
            prop_assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b.is_ascii_punctuation()));
        }
        prop_assert_eq!(group_id(&a) == group_id(&b), a == b);
    }
}
