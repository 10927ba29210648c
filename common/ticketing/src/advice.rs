//! What to fix when the ticketing system refuses: which parameter, which right, which field.
//!
//! A refusal's body may repeat what the customer wrote, so nothing of it is passed on but names of
//! fields that the request itself has.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;

use crate::exchange::Request;

pub(crate) const CREDENTIAL: &str = "the credential was refused, freshly read: put a valid one \
    into the secret TicketingCredential (parameter TicketingCredentialValue); nothing is parked, \
    all is synced once it is mended";

pub(crate) const NO_CREDENTIAL: &str = "the ticketing system wants a credential and none is set: \
    set the parameter TicketingCredentialValue; nothing is parked, all is synced once it is set";

/// A sentence on what to fix, or `None` where the status alone says it.
pub(crate) fn advice(status: StatusCode, body: &[u8], request: &Request) -> Option<String> {
    let text = match status.as_u16() {
        300..=399 => "a redirect, which is not followed: check the parameter TicketingUrl".into(),
        403 => "the credential lacks the right to make this call: give its user the right to \
            create and update tickets"
            .into(),
        404 | 405 => format!(
            "there is no such endpoint: check the parameter TicketingUrl, its path included, and \
             TicketingDialect; {} was asked for",
            request.path_without_ids()
        ),
        413 => "the request is too large for the ticketing system: raise its limit, or lower the \
            parameter MaxBodyBytes"
            .into(),
        415 => "the ticketing system takes no JSON here: check TicketingUrl and \
            TicketingDialect"
            .into(),
        400 | 422 => match fields_at_fault(body, request) {
            fields if fields.is_empty() => {
                "the request is not valid there, and the answer names none of its fields: compare \
                 the system's required fields with those of the dialect"
                    .into()
            }
            fields => format!("not valid there: {}", fields.join(", ")),
        },
        _ => return None,
    };
    Some(text)
}

/// The request's own fields that a refusal names, in the order of the alphabet.
fn fields_at_fault(body: &[u8], request: &Request) -> Vec<String> {
    let mut known = BTreeSet::new();
    collect_keys(request.body.as_ref(), &mut known);
    // Zendesk refuses for what a ticket has, and the request leaves as it is.
    known.extend(["assignee", "group", "requester", "status"]);
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    let mut texts = Vec::new();
    collect_texts(&answer, &mut texts);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = texts.iter().flat_map(|text| text.split(|c| !is_name(c)));
    let named: BTreeSet<&str> = words.filter_map(|word| known.get(word).copied()).collect();
    named.into_iter().map(str::to_owned).collect()
}

fn collect_keys<'a>(value: Option<&'a Value>, keys: &mut BTreeSet<&'a str>) {
    match value {
        Some(Value::Object(object)) => {
            for (key, value) in object {
                keys.insert(key);
                collect_keys(Some(value), keys);
            }
        }
        Some(Value::Array(items)) => items.iter().for_each(|item| collect_keys(Some(item), keys)),
        _ => {}
    }
}

/// The texts in which refusals name fields: keys of `details` and `errors`, `loc` (`FastAPI`),
/// `pointer` and `field` (RFC 9457), and what an error says before its colon.
fn collect_texts<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    let object = match value {
        Value::Object(object) => object,
        Value::Array(items) => {
            for item in items {
                collect_texts(item, texts);
            }
            return;
        }
        _ => return,
    };
    for (key, value) in object {
        match (key.as_str(), value) {
            // Where FastAPI repeats what was sent.
            ("input" | "ctx", _) => {}
            ("loc", Value::Array(path)) => texts.extend(path.iter().filter_map(Value::as_str)),
            ("details" | "errors", Value::Object(fields)) => {
                texts.extend(fields.keys().map(String::as_str));
            }
            ("field" | "path" | "pointer" | "param" | "name", Value::String(path)) => {
                texts.push(path);
            }
            ("error" | "message" | "detail" | "description" | "title", Value::String(text)) => {
                texts.extend(text.split_once(':').map(|(field, _)| field));
            }
            _ => collect_texts(value, texts),
        }
    }
}

impl Request {
    /// The path as the name has it.
    fn path_without_ids(&self) -> &'static str {
        self.name
            .split_once(' ')
            .map_or(self.name, |(_, path)| path)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::Method;
    use serde_json::json;

    use super::*;

    fn request() -> Request {
        let mut request = Request::new("POST /api/v1/sync", Method::POST, "/api/v1/sync");
        request.body = Some(json!({"thread_id": "t", "contact_id": "c", "messages": ["hello"]}));
        request
    }

    fn on_422(body: &Value) -> String {
        let body = body.to_string();
        advice(
            StatusCode::UNPROCESSABLE_ENTITY,
            body.as_bytes(),
            &request(),
        )
        .unwrap()
    }

    #[test]
    fn the_field_at_fault_is_named_whatever_the_shape_of_the_refusal() {
        let shapes = [
            json!({"detail": [{"loc": ["body", "contact_id"], "msg": "x", "type": "missing"}]}),
            json!({"error": "invalid", "message": "contact_id: is missing"}),
            json!({"errors": [{"pointer": "#/contact_id", "detail": "no"}]}),
            json!({"errors": {"contact_id": ["is missing"]}}),
            json!({"error": "RecordInvalid", "details": {"contact_id": [{"error": "Blank"}]}}),
            json!({"status": 422, "error": "contact_id: is missing"}),
        ];
        for shape in shapes {
            assert_eq!(on_422(&shape), "not valid there: contact_id", "{shape}");
        }
    }

    #[test]
    fn what_the_customer_wrote_is_not_taken_for_a_field() {
        let echo = json!({"detail": [{
            "loc": ["body", "thread_id"],
            "input": {"contact_id": "c", "messages": ["hello"]},
        }]});
        assert_eq!(on_422(&echo), "not valid there: thread_id");
    }

    #[test]
    fn a_404_names_the_parameters_to_check() {
        let text = advice(StatusCode::NOT_FOUND, b"", &request()).unwrap();
        assert!(
            text.contains("TicketingUrl") && text.contains("TicketingDialect"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn nothing_of_a_refusal_is_repeated(secret in "[a-z]{14}", status in 300..600_u16) {
            let body = json!({
                "error": format!("{secret}: {secret}"),
                "details": {&secret: secret},
                "loc": [secret],
                "message": secret,
            });
            let status = StatusCode::from_u16(status).unwrap();
            let advice = advice(status, body.to_string().as_bytes(), &request());
            prop_assert!(!advice.unwrap_or_default().contains(&secret));
        }

        #[test]
        fn any_body_is_read_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            advice(StatusCode::BAD_REQUEST, &body, &request());
        }
    }
}
