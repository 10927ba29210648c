//! What CloudFormation is told.
//!
//! Format: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>

use std::collections::BTreeMap;

use serde::Serialize;

use crate::registration::{Outcome, by_name};
use crate::request::Request;

/// An answer may have 4,096 bytes. What CloudFormation gave us it takes back in any length.
const LONGEST: usize = 4096;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    physical_resource_id: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: BTreeMap<&'static str, String>,
}

impl Answer {
    /// Data: `Warning` where there is something to check by hand.
    pub fn new(request: &Request, outcome: Outcome) -> Self {
        let (status, id, reason, data) = match outcome {
            Outcome::Done { id, warning } => {
                let data = warning.clone().map(|warning| ("Warning", warning));
                ("SUCCESS", Some(id), warning, data.into_iter().collect())
            }
            Outcome::Failed { reason } => ("FAILED", None, Some(reason), BTreeMap::new()),
        };
        let id = id
            .or_else(|| request.physical_resource_id.clone())
            .unwrap_or_else(|| by_name(request));
        Self {
            status,
            reason,
            physical_resource_id: id,
            stack_id: request.stack_id.clone(),
            request_id: request.request_id.clone(),
            logical_resource_id: request.logical_resource_id.clone(),
            data,
        }
    }

    /// The answer's body, cut to what CloudFormation takes.
    pub fn to_json(&self) -> String {
        let json = |answer: &Self| serde_json::to_string(answer).expect("an answer serialises");
        let mut answer = self.clone();
        let mut body = json(&answer);
        if body.len() > LONGEST {
            answer.data.clear();
            body = json(&answer);
        }
        // A character takes 6 bytes at most once it is escaped (12 where it has two halves, but
        // serde_json doesn't escape those).
        while body.len() > LONGEST {
            let Some(reason) = answer.reason.take() else {
                break;
            };
            let excess = (body.len() - LONGEST).div_ceil(6).max(1);
            let keep = reason.chars().count().saturating_sub(excess);
            answer.reason = (keep > 0).then(|| reason.chars().take(keep).collect());
            body = json(&answer);
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn request() -> Request {
        serde_json::from_value(json!({
            "RequestType": "Create",
            "RequestId": "r",
            "ResponseURL": "http://localhost/answer",
            "StackId": "s",
            "LogicalResourceId": "l",
        }))
        .unwrap()
    }

    #[test]
    fn a_success_has_cxones_id_and_a_failure_has_a_reason() {
        let done = Outcome::Done {
            id: "webhook-1".into(),
            warning: None,
        };
        let expected = json!({
            "Status": "SUCCESS", "PhysicalResourceId": "webhook-1",
            "StackId": "s", "RequestId": "r", "LogicalResourceId": "l",
        });
        let body: Value = serde_json::from_str(&Answer::new(&request(), done).to_json()).unwrap();
        assert_eq!(body, expected);
        let failed = Outcome::Failed {
            reason: "why".into(),
        };
        let body: Value = serde_json::from_str(&Answer::new(&request(), failed).to_json()).unwrap();
        assert_eq!(
            (&body["Status"], &body["Reason"]),
            (&json!("FAILED"), &json!("why"))
        );
        assert!(body["PhysicalResourceId"].is_string());
    }

    proptest! {
        #[test]
        fn no_answer_is_too_long(reason in "\\PC{0,5000}|[\\x00-\\x1f\"\\\\]{0,2000}", done: bool) {
            let outcome = if done {
                Outcome::Done { id: "webhook-1".into(), warning: Some(reason) }
            } else {
                Outcome::Failed { reason }
            };
            let body = Answer::new(&request(), outcome).to_json();
            prop_assert!(body.len() <= LONGEST);
            let body: Value = serde_json::from_str(&body).unwrap();
            prop_assert!(body["Status"].is_string());
        }
    }
}
