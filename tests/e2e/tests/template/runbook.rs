//! Every alarm of the template has its section in `docs/runbook.md`, and every metric it looks at
//! is one that the functions write.

use std::collections::{BTreeMap, BTreeSet};

use e2e::template;
use telemetry::names;

use crate::{read, resources};

/// The runbook's sections: title and text.
fn sections(runbook: &str) -> BTreeMap<&str, &str> {
    runbook
        .split("\n## ")
        .skip(1)
        .map(|section| section.split_once('\n').unwrap())
        .collect()
}

/// The alarms that a section says it is about.
fn alarms_of(section: &str) -> BTreeSet<&str> {
    section
        .lines()
        .filter_map(|line| line.strip_prefix("Alarms: "))
        .flat_map(|line| line.split(", "))
        .map(|name| name.trim_matches('`'))
        .collect()
}

#[test]
fn every_alarm_names_its_runbook_section_which_says_what_it_means_and_what_to_do() {
    let (template, runbook) = (template::read(), read("docs/runbook.md"));
    let sections = sections(&runbook);
    let alarms = resources(&template, "AWS::CloudWatch::Alarm");
    assert!(!alarms.is_empty());
    for (id, alarm) in alarms {
        let description = alarm["AlarmDescription"].as_str().unwrap();
        let (meaning, title) = description.rsplit_once(" Runbook: ").expect(id);
        assert!(
            meaning.ends_with('.'),
            "{id} says what it means in a sentence"
        );
        let title = title.trim_end_matches('.');
        let section = sections
            .get(title)
            .unwrap_or_else(|| panic!("{id}: the runbook has no section {title}"));
        assert!(
            alarms_of(section).contains(id),
            "{id} is not among the alarms of {title}"
        );
        for part in ["**Means.**", "**Look.**", "**Do.**", "```sh\n"] {
            assert!(section.contains(part), "{title} lacks {part}");
        }
    }
}

#[test]
fn the_runbook_speaks_of_no_alarm_that_is_not_there() {
    let (template, runbook) = (template::read(), read("docs/runbook.md"));
    let alarms: BTreeSet<_> = resources(&template, "AWS::CloudWatch::Alarm")
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let named: BTreeSet<_> = sections(&runbook)
        .into_values()
        .flat_map(alarms_of)
        .collect();
    assert_eq!(named, alarms);
}

#[test]
fn every_alarm_tells_the_topic_and_is_quiet_while_nothing_happens() {
    let template = template::read();
    for (id, alarm) in resources(&template, "AWS::CloudWatch::Alarm") {
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(alarm[actions][0]["!Ref"], "AlarmTopic", "{id}");
        }
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{id}");
    }
}

#[test]
fn alarms_and_dashboard_look_only_at_metrics_that_are_written() {
    let by_stage = [
        names::RETRIES,
        names::PARKED,
        names::POSSIBLE_DUPLICATES,
        names::LIMITER_WAIT,
        names::BREAKER_OPEN,
        names::CREDENTIALS_REFUSED,
        names::REDRIVEN,
    ];
    let by_operation = [names::LATENCY, names::BREACH];
    let plain = [
        names::UNCOUNTED,
        names::RULES_INVALID,
        names::TOKENS_OK,
        names::TOKENS_EXPIRING,
        names::TOKENS_REAUTH_REQUIRED,
    ];
    let mut written = BTreeSet::new();
    for stage in [names::ROUTING, names::TICKETING] {
        written.extend(by_stage.map(|name| (name, Some((names::STAGE, stage)))));
    }
    for operation in sla::Operation::ALL {
        written
            .extend(by_operation.map(|name| (name, Some((names::OPERATION, operation.as_str())))));
    }
    written.extend(plain.map(|name| (name, None)));

    let template = template::read();
    for (id, alarm) in resources(&template, "AWS::CloudWatch::Alarm") {
        if alarm["Namespace"]["!Ref"] == "AWS::StackName" {
            let dimension = alarm["Dimensions"].get(0);
            let dimension =
                dimension.map(|d| (d["Name"].as_str().unwrap(), d["Value"].as_str().unwrap()));
            let metric = (alarm["MetricName"].as_str().unwrap(), dimension);
            assert!(
                written.contains(&metric),
                "{id} looks at {metric:?}, which nothing writes"
            );
        }
    }
    let (_, dashboard) = resources(&template, "AWS::CloudWatch::Dashboard")[0];
    let body = dashboard["DashboardBody"]["!Sub"].as_str().unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    for widget in body["widgets"].as_array().unwrap() {
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            let parts: Vec<_> = metric
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|part| part.as_str())
                .collect();
            let metric = match parts[..] {
                ["${AWS::StackName}", name] => (name, None),
                ["${AWS::StackName}", name, dimension, value] => (name, Some((dimension, value))),
                _ => continue,
            };
            assert!(
                written.contains(&metric),
                "the dashboard shows {metric:?}, which nothing writes"
            );
        }
    }
}
