//! DynamoDB items as JSON, so that a test reads `item["state"]`.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};

pub(crate) fn json(item: HashMap<String, AttributeValue>) -> Value {
    Value::Object(
        item.into_iter()
            .map(|(name, value)| (name, plain(value)))
            .collect::<Map<_, _>>(),
    )
}

fn plain(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::N(number) => {
            serde_json::from_str(&number).expect("DynamoDB's numbers are JSON's")
        }
        AttributeValue::Bool(value) => Value::Bool(value),
        AttributeValue::L(list) => Value::Array(list.into_iter().map(plain).collect()),
        AttributeValue::M(map) => json(map),
        AttributeValue::Ss(texts) => Value::from(texts),
        AttributeValue::Null(_) => Value::Null,
        other => panic!("the ledger holds an attribute that it has no use for: {other:?}"),
    }
}
