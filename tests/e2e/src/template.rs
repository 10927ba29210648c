//! `template.yaml` as JSON, CloudFormation's short tags as objects: `!Ref X` is `{"!Ref": "X"}`.

use std::fs;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// # Panics
/// When it isn't there or no YAML.
pub fn read() -> Value {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml"))
        .expect("the template is there");
    let mut documents = Yaml::load_from_str(&text).expect("the template is YAML");
    value(&documents.remove(0))
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(b) => json!(b),
            Scalar::Integer(n) => json!(n),
            Scalar::FloatingPoint(n) => json!(n.into_inner()),
            Scalar::String(s) => json!(s),
        },
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(entries) => entries
            .iter()
            .map(|(key, item)| {
                let key = match value(key) {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                (key, value(item))
            })
            .collect::<Map<_, _>>()
            .into(),
        Yaml::Tagged(tag, inner) => json!({ format!("!{}", tag.suffix): value(inner) }),
        Yaml::Representation(text, _, tag) => match tag {
            Some(tag) => json!({ format!("!{}", tag.suffix): text }),
            None => json!(text),
        },
        Yaml::Alias(_) | Yaml::BadValue => panic!("the template has an alias or a bad value"),
    }
}
