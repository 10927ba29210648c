//! What becomes of the interactions, one line a stage, from what the functions log.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use runtime::clock;
use serde::Deserialize;
use stack::deployment::Deployment;
use stack::error::{Error, Result};

const POLL: Duration = Duration::from_millis(500);

const FUNCTIONS: [&str; 5] = [
    "IngestFunction",
    "RouteFunction",
    "TicketSyncFunction",
    "RedriveFunction",
    "RotateTokensFunction",
];

/// The fields of a log line that are shown.
#[derive(Deserialize)]
struct Event {
    timestamp: Timestamp,
    level: String,
    interaction: Option<String>,
    stage: Option<String>,
    outcome: Option<String>,
    attempt: Option<u32>,
    latency_ms: Option<f64>,
    reason: Option<String>,
    message: Option<String>,
    #[serde(default)]
    breach: bool,
}

/// Follows until the emulator is gone.
pub async fn follow(deployment: &Deployment) -> Result<()> {
    let dynamo = Client::new(&deployment.sdk);
    let begun = clock::now().as_millisecond();
    let mut tails: Vec<Tail> = FUNCTIONS
        .iter()
        .map(|function| Tail::new(function, begun))
        .collect();
    loop {
        let mut lines = Vec::new();
        for tail in &mut tails {
            lines.extend(tail.next(deployment).await?);
        }
        let mut events: Vec<Event> = lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        events.sort_by_key(|event| event.timestamp);
        for event in &events {
            let detail = detail(&dynamo, deployment, event).await?;
            for line in lines_of(event, &detail) {
                println!("{line}");
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What of one function's log was not yet read. Lines of one millisecond can come in two readings.
struct Tail {
    function: &'static str,
    from_ms: i64,
    seen_of_from: usize,
}

impl Tail {
    fn new(function: &'static str, from_ms: i64) -> Self {
        Self {
            function,
            from_ms,
            seen_of_from: 0,
        }
    }

    async fn next(&mut self, deployment: &Deployment) -> Result<Vec<String>> {
        let lines = deployment
            .function_logs(self.function, self.from_ms)
            .await?;
        let new = lines
            .iter()
            .skip(self.seen_of_from)
            .map(|line| line.text.clone())
            .collect();
        if let Some(last) = lines.last() {
            self.from_ms = last.at_ms;
            self.seen_of_from = lines.iter().filter(|line| line.at_ms == last.at_ms).count();
        }
        Ok(new)
    }
}

/// What the ledger knows beyond the log line: skills and task of a routed interaction, or its ticket.
async fn detail(dynamo: &Client, deployment: &Deployment, event: &Event) -> Result<String> {
    let (Some(interaction), Some("routed" | "synced")) =
        (&event.interaction, event.outcome.as_deref())
    else {
        return Ok(String::new());
    };
    let stage = if event.outcome.as_deref() == Some("routed") {
        "routing"
    } else {
        "ticketing"
    };
    let item = dynamo
        .get_item()
        .table_name(deployment.physical("LedgerTable"))
        .key(
            "pk",
            AttributeValue::S(format!("interaction#{interaction}")),
        )
        .key("sk", AttributeValue::S(stage.to_owned()))
        .send()
        .await
        .map_err(Error::sdk("GetItem"))?
        .item
        .unwrap_or_default();
    Ok(described(&item))
}

fn described(item: &HashMap<String, AttributeValue>) -> String {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    if let Some(ticket) = text("ticket") {
        return format!("ticket {ticket}");
    }
    let decision = text("decision").and_then(|json| serde_json::from_str::<Decision>(json).ok());
    let skills = decision
        .map(|decision| decision.skills.join(", "))
        .unwrap_or_default();
    format!(
        "{skills}  task {}",
        text("task_id").map_or("-", String::as_str)
    )
}

#[derive(Deserialize)]
struct Decision {
    skills: Vec<String>,
}

fn lines_of(event: &Event, detail: &str) -> Vec<String> {
    let time = event
        .timestamp
        .to_zoned(TimeZone::UTC)
        .strftime("%H:%M:%S%.3f");
    let interaction = event.interaction.as_deref().unwrap_or("-");
    let latency = event
        .latency_ms
        .map(|latency| format!("{latency:.0} ms"))
        .unwrap_or_default();
    let line = |what: &str, rest: &[&str]| {
        let rest: Vec<&str> = rest
            .iter()
            .copied()
            .filter(|part| !part.is_empty())
            .collect();
        format!("{time}  {interaction:<36}  {what:<9} {}", rest.join("  "))
            .trim_end()
            .to_owned()
    };
    let late = if event.breach { "over the SLA" } else { "" };
    let reason = event
        .reason
        .as_deref()
        .or(event.message.as_deref())
        .unwrap_or_default();
    match event.outcome.as_deref() {
        Some("accepted") => vec![line("received", &[]), line("queued", &[&latency, late])],
        Some(outcome @ ("routed" | "synced")) => vec![line(outcome, &[detail, &latency, late])],
        Some(outcome) => {
            let stage = event.stage.as_deref().unwrap_or_default();
            let attempt = event
                .attempt
                .map(|attempt| format!("attempt {attempt}"))
                .unwrap_or_default();
            vec![line(outcome, &[stage, &attempt, reason])]
        }
        None if event.level == "ERROR" || event.level == "WARN" => vec![line("note", &[reason])],
        None => vec![],
    }
}
