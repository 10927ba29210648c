//! Every grant of the template is proved by a scenario or has its reason, and the documentation
//! says which.

use std::collections::BTreeSet;

use e2e::least_privilege::{PROVED, UNPROVED, is_unproved, tables};
use e2e::template;
use serde_json::Value;

use crate::{read, resources, statements, strings};

/// A function, an action and a resource, in the tables' terms.
type Grant = (String, String, String);

fn granted(template: &Value) -> BTreeSet<Grant> {
    let mut grants = BTreeSet::new();
    for (id, _) in resources(template, "AWS::Serverless::Function") {
        let function = id.trim_end_matches("Function");
        let role = &template["Resources"][format!("{function}Role")]["Properties"];
        for statement in statements(role) {
            for action in strings(&statement["Action"]) {
                for resource in names(&statement["Resource"]) {
                    grants.insert((function.to_owned(), action.to_owned(), resource));
                }
            }
        }
    }
    grants
}

/// A statement's resources by their logical ids, with what follows them in the ARN.
fn names(resource: &Value) -> Vec<String> {
    if let Value::Array(many) = resource {
        return many.iter().flat_map(names).collect();
    }
    let text = |tag: &str| resource[tag].as_str();
    let name = match (text("!GetAtt"), text("!Ref"), text("!Sub")) {
        (Some(attribute), ..) => match attribute.split_once('.').unwrap() {
            (table, "StreamArn") => format!("{table}/stream"),
            (id, "Arn" | "Id") => id.to_owned(),
            (_, other) => panic!("{other} is no ARN"),
        },
        (_, Some(id), _) => id.to_owned(),
        (.., Some(pattern)) => {
            let pattern = pattern.rsplit_once(':').map_or(pattern, |(_, name)| name);
            let pattern = pattern
                .replace(".Arn}", "}")
                .replace("/stream/*", "/stream");
            let pattern = pattern.replace("StackName}/", "");
            let pattern = pattern.trim_start_matches("parameter/");
            pattern.replace(['$', '{', '}'], "")
        }
        _ => strings(resource)[0].to_owned(),
    };
    vec![name]
}

#[test]
fn every_grant_is_proved_by_a_scenario_or_has_its_reason_and_none_has_both() {
    let granted = granted(&template::read());
    let mut proved = BTreeSet::new();
    for (function, proofs) in PROVED {
        for (action, resource, _) in proofs {
            let grant = (
                function.to_owned(),
                (*action).to_owned(),
                (*resource).to_owned(),
            );
            assert!(granted.contains(&grant), "the template grants no {grant:?}");
            proved.insert(grant);
        }
    }
    for grant in &granted {
        let (function, action, _) = grant;
        assert_ne!(
            proved.contains(grant),
            is_unproved(function, action),
            "{grant:?} is in none of the tables, or in both"
        );
    }
}

#[test]
fn what_is_not_proved_is_in_the_template_and_aws_says_why() {
    let granted = granted(&template::read());
    for entry in &UNPROVED {
        for function in entry.functions {
            for action in entry.actions {
                let mut grants = granted.iter();
                assert!(
                    grants.any(|(f, a, _)| (f.as_str(), a.as_str()) == (*function, *action)),
                    "the template grants {function} no {action}"
                );
            }
        }
        assert!(entry.source.starts_with("https://docs.aws.amazon.com/"));
        assert!(entry.reason.ends_with('.'), "{}", entry.reason);
    }
}

#[test]
fn the_documentation_has_both_tables() {
    let written = read("docs/least-privilege.md");
    for table in tables() {
        assert!(
            written.contains(&table),
            "docs/least-privilege.md must have this table:\n\n{table}"
        );
    }
}
