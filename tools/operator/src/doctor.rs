//! Whether the parts are well, a sentence each.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use ::rules::Rules;
use aws_sdk_sqs::types::QueueAttributeName;
use cxone::{Client, ClientCredentials, Webhooks};
use runtime::output::say;
use tokens::{State, TokenLedger};

use crate::Outcome;
use crate::target::{Target, said};

/// A part's findings: all well, or what to mend.
enum Finding {
    Well(String),
    Ill(String),
}

use Finding::{Ill, Well};

/// Prints a line for each part; the exit code says whether all are well.
pub async fn run(target: &Target) -> Outcome<ExitCode> {
    let parts = [
        ("CXone", cxone(target).await),
        ("tokens", tokens(target).await),
        ("queues", queues(target).await),
        ("parked", parked(target).await),
        ("rules", rules(target).await),
        ("routing", trigger(target).await),
    ];
    let mut well = true;
    for (part, findings) in parts {
        let findings = findings.unwrap_or_else(|error| vec![Ill(error)]);
        for finding in findings {
            let (mark, sentence) = match finding {
                Well(sentence) => ("ok  ", sentence),
                Ill(sentence) => {
                    well = false;
                    ("FAIL", sentence)
                }
            };
            say(format_args!("{mark}  {part:<8} {sentence}"));
        }
    }
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn environment(target: &Target, function: &str) -> Outcome<HashMap<String, String>> {
    let answer = target
        .lambda
        .get_function_configuration()
        .function_name(target.resource(function)?)
        .send()
        .await
        .map_err(|e| said("reading a function's settings", &e))?;
    Ok(answer
        .environment
        .and_then(|e| e.variables)
        .unwrap_or_default())
}

/// Credentials, the scope for webhooks, and the registration. Whether the client has task:write
/// shows at the first task only: CXone has no call that tells and changes nothing.
async fn cxone(target: &Target) -> Outcome<Vec<Finding>> {
    let settings = environment(target, "RotateTokensFunction").await?;
    let setting = |name: &str| settings.get(name).cloned().unwrap_or_default();
    let secret = target
        .secrets
        .get_secret_value()
        .secret_id(target.resource("CxoneClientCredentials")?)
        .send()
        .await
        .map_err(|e| said("reading the client's credentials", &e))?;
    let credentials: ClientCredentials = secrets::parse(
        "CxoneClientCredentials",
        secret.secret_string().unwrap_or_default(),
    )
    .map_err(|e| e.to_string())?;
    let http = runtime::http::client(Duration::from_secs(10)).map_err(|e| e.to_string())?;
    let client = Client::new(
        http,
        &setting("CXONE_BASE_URL"),
        setting("CXONE_TOKEN_PATH"),
    );
    let token = match client.mint(&credentials).await {
        Ok(token) => token,
        Err(failure) => return Ok(vec![Ill(failure.to_string())]),
    };
    let mut findings = vec![Well("gives a token for the client's credentials".into())];
    let url = setting("WEBHOOK_URL");
    findings.push(
        match Webhooks::new(client, setting("CXONE_WEBHOOKS_PATH"))
            .list(&token)
            .await
        {
            Ok(list) if list.iter().any(|hook| hook.url == url) => {
                Well(format!("delivers to {url}"))
            }
            Ok(list) => Ill(format!(
                "has {} webhooks and none delivers to {url}: register it, or deploy with RegisterWebhook=true",
                list.len()
            )),
            Err(failure) => Ill(format!("the registration can't be checked: {failure}")),
        },
    );
    Ok(findings)
}

async fn tokens(target: &Target) -> Outcome<Vec<Finding>> {
    let ledger = TokenLedger::new(target.dynamodb.clone(), target.table()?);
    let mut findings = Vec::new();
    for name in crate::platform::names(&ledger).await? {
        let record = ledger.read(&name).await.map_err(|e| e.to_string())?;
        let reason = record.reason.map_or(String::new(), |r| format!(": {r}"));
        let sentence = format!("{name} is {}{reason}", record.state);
        findings.push(match record.state {
            State::Ok | State::Rotating => Well(sentence),
            State::Expiring | State::ReauthRequired => Ill(sentence),
        });
    }
    Ok(findings)
}

async fn queues(target: &Target) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    for queue in [
        "RoutingQueue",
        "RoutingDeadLetterQueue",
        "TicketingQueue",
        "TicketingDeadLetterQueue",
    ] {
        let answer = target
            .sqs
            .get_queue_attributes()
            .queue_url(target.resource(queue)?)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .map_err(|e| said("reading a queue's depth", &e))?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = |name| {
            attributes
                .get(&name)
                .and_then(|n: &String| n.parse::<u64>().ok())
                .unwrap_or(0)
        };
        let waiting = count(QueueAttributeName::ApproximateNumberOfMessages);
        let in_flight = count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
        let sentence = format!("{queue} holds {waiting} waiting and {in_flight} in flight");
        findings.push(if queue.contains("DeadLetter") && waiting + in_flight > 0 {
            Ill(format!(
                "{sentence}: the slow lane is in use, so an upstream has been failing"
            ))
        } else {
            Well(sentence)
        });
    }
    Ok(findings)
}

async fn parked(target: &Target) -> Outcome<Vec<Finding>> {
    let mut count = 0;
    for (stage, _) in crate::parked::STAGES {
        count += crate::parked::all(target, stage).await?.len();
    }
    Ok(vec![if count == 0 {
        Well("nothing is parked".into())
    } else {
        Ill(format!(
            "{count} interactions are parked: `make parked` lists them with their reasons"
        ))
    }])
}

async fn rules(target: &Target) -> Outcome<Vec<Finding>> {
    let answer = target
        .ssm
        .get_parameter()
        .name(target.resource("RulesParameter")?)
        .send()
        .await
        .map_err(|e| said("reading the rules", &e))?;
    let text = answer
        .parameter()
        .and_then(|p| p.value())
        .unwrap_or_default();
    Ok(vec![match Rules::parse(text) {
        Ok(rules) => Well(format!("version {} is in force", rules.version())),
        Err(error) => Ill(format!(
            "are not valid, so the last good ones decide: {error}"
        )),
    }])
}

async fn trigger(target: &Target) -> Outcome<Vec<Finding>> {
    let answer = target
        .lambda
        .get_event_source_mapping()
        .uuid(target.resource("RouteTrigger")?)
        .send()
        .await
        .map_err(|e| said("reading the trigger of route", &e))?;
    Ok(vec![match answer.state() {
        Some("Enabled") => Well("takes what comes in".into()),
        state => Ill(format!(
            "is {}: `make resume` lets it go on",
            state.unwrap_or("in an unknown state").to_lowercase()
        )),
    }])
}
