//! What `template.yaml` must hold to, read as data. What AWS's own linters check is theirs; these
//! are this project's rules, which no linter knows.

#![expect(
    clippy::unwrap_used,
    reason = "a template of another shape must fail the test"
)]

mod least_privilege;
mod runbook;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use e2e::template;
use serde_json::Value;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).expect(path)
}

/// All resources of a type, by logical id.
fn resources<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    template["Resources"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(id, resource)| (id.as_str(), &resource["Properties"]))
        .collect()
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A statement's actions with its resource; those behind an `!If` too.
fn statements(role: &Value) -> Vec<&Value> {
    let policies = role["Policies"].as_array().unwrap();
    policies
        .iter()
        .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap())
        .map(|statement| match statement.get("!If") {
            Some(parts) => &parts[1],
            None => statement,
        })
        .collect()
}

/// A message's 14 days begin when it is first sent, and go on in the dead-letter queue, which
/// therefore must not keep it for less; 14 days is the most that SQS keeps, and 1 MiB the most that
/// it takes: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
#[test]
fn every_work_queue_has_a_dead_letter_queue_and_keeps_fourteen_days() {
    let template = template::read();
    let queues = resources(&template, "AWS::SQS::Queue");
    assert_eq!(queues.len(), 4);
    for (id, queue) in queues {
        assert_eq!(queue["MessageRetentionPeriod"], 1_209_600, "{id}");
        assert_eq!(queue["MaximumMessageSize"], 1_048_576, "{id}");
        assert_eq!(queue["SqsManagedSseEnabled"], true, "{id}");
        if id.ends_with("DeadLetterQueue") {
            continue;
        }
        let expected = format!("{}DeadLetterQueue.Arn", id.trim_end_matches("Queue"));
        let policy = &queue["RedrivePolicy"];
        assert_eq!(policy["deadLetterTargetArn"]["!GetAtt"], expected.as_str());
        assert_eq!(policy["maxReceiveCount"], 10, "{id}");
    }
}

#[test]
fn every_queue_trigger_reports_single_failures_and_a_batch_comes_back_soon_after_a_death() {
    let template = template::read();
    let mut triggers = 0;
    for (id, trigger) in resources(&template, "AWS::Lambda::EventSourceMapping") {
        let source = trigger["EventSourceArn"]["!GetAtt"].as_str().unwrap();
        let Some(queue) = source.strip_suffix(".Arn").filter(|q| q.ends_with("Queue")) else {
            continue;
        };
        triggers += 1;
        assert_eq!(
            strings(&trigger["FunctionResponseTypes"]),
            ["ReportBatchItemFailures"],
            "{id}"
        );
        // The emulator stops every poller over a concurrency that isn't a literal.
        let concurrency = trigger["ScalingConfig"]["MaximumConcurrency"]
            .as_u64()
            .expect(id);
        assert!(concurrency >= 2, "{id}: AWS takes 2 or more");
        // AWS takes batches over 10 only with a window, and the emulator never.
        assert!(trigger["BatchSize"].as_u64().unwrap() <= 10, "{id}");
        let function = trigger["FunctionName"]["!Ref"].as_str().unwrap();
        let timeout = template["Resources"][function]["Properties"]["Timeout"]
            .as_u64()
            .unwrap();
        let window = trigger["MaximumBatchingWindowInSeconds"]
            .as_u64()
            .unwrap_or(0);
        let visibility = template["Resources"][queue]["Properties"]["VisibilityTimeout"]
            .as_u64()
            .unwrap();
        assert_eq!(visibility, timeout + window + 15, "{id}");
    }
    assert_eq!(triggers, 4);
}

#[test]
fn what_a_batch_holds_at_once_fits_the_limit() {
    let template = template::read();
    for (trigger, function) in [
        ("RouteTrigger", "RouteFunction"),
        ("TicketSyncTrigger", "TicketSyncFunction"),
    ] {
        let trigger = &template["Resources"][trigger]["Properties"];
        let at_once = trigger["BatchSize"].as_u64().unwrap()
            * trigger["ScalingConfig"]["MaximumConcurrency"]
                .as_u64()
                .unwrap();
        let variables = &template["Resources"][function]["Properties"]["Environment"]["Variables"];
        assert_eq!(variables["BATCH_CONCURRENCY_LIMIT"], at_once.to_string());
        let limit = template["Parameters"]["CxoneCallsPerWindow"]["Default"]
            .as_u64()
            .unwrap();
        assert!(
            at_once <= limit,
            "{function}: {at_once} at once, {limit} calls a window"
        );
    }
}

/// Lambda stops what goes round about 16 times through functions and queues unless each function in
/// the circle allows it: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>.
#[test]
fn functions_that_send_messages_in_a_circle_may_go_round_more_than_sixteen_times() {
    let template = template::read();
    for function in ["RouteFunction", "TicketSyncFunction", "RedriveFunction"] {
        assert_eq!(
            template["Resources"][function]["Properties"]["RecursiveLoop"], "Allow",
            "{function}"
        );
    }
}

#[test]
fn every_function_has_a_binary_a_role_a_log_group_and_a_time_out_of_its_own() {
    let template = template::read();
    let functions = resources(&template, "AWS::Serverless::Function");
    assert_eq!(functions.len(), 8);
    for (id, function) in functions {
        let name = id.trim_end_matches("Function");
        assert_eq!(
            function["Role"]["!GetAtt"],
            format!("{name}Role.Arn"),
            "{id}"
        );
        assert_eq!(
            function["LoggingConfig"]["LogGroup"]["!Ref"],
            format!("{name}Logs"),
            "{id}"
        );
        assert!(function["Timeout"].is_u64(), "{id}");
        let logs = &template["Resources"][format!("{name}Logs")]["Properties"];
        assert_eq!(logs["RetentionInDays"]["!Ref"], "LogRetentionDays", "{id}");
        let metadata = &template["Resources"][id]["Metadata"];
        assert_eq!(metadata["BuildMethod"], "rust-cargolambda", "{id}");
        let binary = metadata["BuildProperties"]["Binary"].as_str().unwrap();
        let manifest = read(&format!("functions/{binary}/Cargo.toml"));
        assert!(manifest.contains(&format!("name = \"{binary}\"")), "{id}");
    }
}

#[test]
fn no_policy_has_a_wildcard_action_or_resource() {
    let template = template::read();
    for (id, role) in resources(&template, "AWS::IAM::Role") {
        assert!(
            role["ManagedPolicyArns"].is_null(),
            "{id} takes a managed policy"
        );
        for statement in statements(role) {
            for action in strings(&statement["Action"]) {
                assert!(!action.contains('*'), "{id}: {action}");
            }
            // X-Ray's actions take no resource, and X-Ray holds no secret.
            let is_tracing = strings(&statement["Action"])
                .iter()
                .all(|a| a.starts_with("xray:"));
            assert!(
                is_tracing || !strings(&statement["Resource"]).contains(&"*"),
                "{id}: {statement}"
            );
            assert!(!statement["Resource"].is_null(), "{id}: {statement}");
        }
    }
}

#[test]
fn the_poller_of_every_queue_may_receive_delete_and_look() {
    let template = template::read();
    for (id, trigger) in resources(&template, "AWS::Lambda::EventSourceMapping") {
        let source = trigger["EventSourceArn"]["!GetAtt"].as_str().unwrap();
        if !source.ends_with("Queue.Arn") {
            continue;
        }
        let role = trigger["FunctionName"]["!Ref"]
            .as_str()
            .unwrap()
            .replace("Function", "Role");
        let allowed: BTreeSet<&str> = statements(&template["Resources"][&role]["Properties"])
            .into_iter()
            .filter(|s| s["Resource"].to_string().contains(source))
            .flat_map(|s| strings(&s["Action"]))
            .collect();
        for action in [
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
        ] {
            assert!(allowed.contains(action), "{id} lacks {action}");
        }
    }
}

#[test]
fn what_customers_and_cxone_depend_on_outlives_the_stack() {
    let template = template::read();
    let queues = resources(&template, "AWS::SQS::Queue");
    let queues = queues.into_iter().map(|(id, _)| id);
    // Not the logs: they hold nothing of customers, and their days are counted anyway.
    for id in queues.chain(["LedgerTable", "SigningSecret"]) {
        let resource = &template["Resources"][id];
        assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{id}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{id}");
    }
    let table = &template["Resources"]["LedgerTable"]["Properties"];
    assert_eq!(
        table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        true
    );
}

#[test]
fn table_queues_and_topic_are_encrypted_and_refuse_plain_http() {
    let template = template::read();
    assert_eq!(template["Parameters"]["RequireTls"]["Default"], "true");
    let resources = &template["Resources"];
    let ledger = &resources["LedgerTable"]["Properties"];
    assert_eq!(ledger["SSESpecification"]["SSEEnabled"], true);
    let topic = &resources["AlarmTopic"]["Properties"];
    assert_eq!(topic["KmsMasterKeyId"]["!GetAtt"], "AlarmKey.Arn");

    let denies = |statement: &Value| {
        statement["Effect"] == "Deny"
            && statement["Principal"] == "*"
            && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
    };
    let queues = crate::resources(&template, "AWS::SQS::Queue");
    let policies = crate::resources(&template, "AWS::SQS::QueuePolicy");
    assert_eq!(policies.len(), queues.len(), "one policy a queue");
    for (queue, _) in queues {
        let id = format!("{queue}RefusesPlainHttp");
        assert_eq!(resources[&id]["Condition"], "RequiresTls", "{id}");
        let policy = &resources[&id]["Properties"];
        let of = policy["Queues"].as_array().expect(&id);
        assert!(of.len() == 1 && of[0]["!Ref"] == queue, "{policy}");
        // SQS takes one resource a statement: <https://github.com/remind101/stacker_blueprints/pull/71>.
        let statement = &policy["PolicyDocument"]["Statement"][0];
        assert!(denies(statement), "{statement}");
        assert_eq!(statement["Action"], "sqs:*", "{id}");
        assert_eq!(
            statement["Resource"]["!GetAtt"],
            format!("{queue}.Arn"),
            "{id}"
        );
    }
    let policy = &resources["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"];
    assert_eq!(policy[1]["!If"][0], "RequiresTls");
    assert!(denies(&policy[1]["!If"][1]), "{policy}");
}

/// API Gateway takes no access log without it:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-apigatewayv2-stage-accesslogsettings.html>.
#[test]
fn the_access_log_names_the_request() {
    let template = template::read();
    let settings = &template["Resources"]["WebhookStage"]["Properties"]["AccessLogSettings"];
    let format: Value = serde_json::from_str(settings["Format"].as_str().unwrap()).unwrap();
    assert_eq!(format["request"], "$context.requestId");
}

/// No function has reserved concurrency, which a new account has none of to give; something else
/// bounds each.
#[test]
fn how_often_a_function_runs_at_once_is_bounded() {
    let template = template::read();
    let stage = &template["Resources"]["WebhookStage"]["Properties"]["DefaultRouteSettings"];
    for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
        assert!(stage[limit]["!Ref"].is_string(), "{limit}");
    }
    // One invocation a shard at a time, and a token's lease or CloudFormation for the others.
    let mut bounded = BTreeSet::from([
        "IngestFunction",
        "SimulatorFunction",
        "RotateTokensFunction",
        "RegisterWebhookFunction",
    ]);
    for (id, trigger) in resources(&template, "AWS::Lambda::EventSourceMapping") {
        let source = trigger["EventSourceArn"]["!GetAtt"].as_str().unwrap();
        let is_bounded = if source.ends_with(".StreamArn") {
            trigger["ParallelizationFactor"].is_null()
        } else {
            trigger["ScalingConfig"]["MaximumConcurrency"].is_u64()
        };
        assert!(is_bounded, "{id}");
        bounded.insert(trigger["FunctionName"]["!Ref"].as_str().unwrap());
    }
    let functions = resources(&template, "AWS::Serverless::Function");
    let functions: BTreeSet<_> = functions.into_iter().map(|(id, _)| id).collect();
    assert_eq!(bounded, functions);
}

#[test]
fn both_environments_tag_all_that_they_deploy() {
    let samconfig = read("samconfig.toml");
    for (section, environment) in [("default", "dev"), ("prod", "prod")] {
        let (_, deploy) = samconfig
            .split_once(&format!("[{section}.deploy.parameters]"))
            .unwrap();
        let deploy = deploy.split("\n[").next().unwrap();
        let tags = deploy.lines().find(|line| line.starts_with("tags = "));
        let expected =
            format!("tags = [\"project=cxone-social-routing\", \"environment={environment}\"]");
        assert_eq!(tags, Some(expected.as_str()));
    }
}

#[test]
fn a_finished_item_outlives_every_copy_of_its_message() {
    let days = &template::read()["Parameters"]["LedgerDays"];
    assert!(days["MinValue"].as_u64().unwrap() > 14);
    assert!(days["Default"].as_u64().unwrap() > 14);
}

#[test]
fn no_parameter_that_holds_a_secret_is_shown() {
    let template = template::read();
    for id in [
        "CxoneClientId",
        "CxoneClientSecret",
        "ExistingSigningSecret",
        "TicketingCredentialValue",
    ] {
        assert_eq!(template["Parameters"][id]["NoEcho"], true, "{id}");
    }
    for (id, function) in resources(&template, "AWS::Serverless::Function") {
        let variables = function["Environment"]["Variables"].to_string();
        for secret in [
            "CxoneClientId",
            "CxoneClientSecret\"",
            "ExistingSigningSecret",
            "TicketingCredentialValue",
        ] {
            assert!(
                !variables.contains(&format!("\"!Ref\":\"{secret}")),
                "{id} gets {secret}"
            );
        }
    }
}

/// `sam deploy --guided` proposes no default for what isn't echoed, and asks until something is
/// typed.
#[test]
fn no_parameter_that_is_asked_for_hidden_has_to_be_left_empty() {
    for (name, parameter) in template::read()["Parameters"].as_object().unwrap() {
        if parameter["NoEcho"] == true {
            assert_ne!(parameter["Default"], "", "{name}");
        }
    }
}

#[test]
fn the_readme_has_every_parameter_with_its_default() {
    let readme = read("README.md");
    let template = template::read();
    for (name, parameter) in template["Parameters"].as_object().unwrap() {
        let line = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")))
            .unwrap_or_else(|| panic!("README.md's table lacks {name}"));
        let default = match &parameter["Default"] {
            Value::Null => "required".to_owned(),
            Value::String(text) if text.is_empty() => "empty".to_owned(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        assert!(
            line.starts_with(&format!("| `{name}` | {default} |")),
            "{line}"
        );
        assert!(
            !parameter["Description"].is_null(),
            "{name} has no description"
        );
    }
}

/// A standard parameter holds half of what rules may have:
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-default-tier.html>.
#[test]
fn the_rules_parameter_takes_the_longest_rules() {
    let template = template::read();
    let [(_, rules)] = &resources(&template, "AWS::SSM::Parameter")[..] else {
        panic!("the rules are the one parameter")
    };
    assert_eq!(rules["Tier"], "Intelligent-Tiering");
}
