//! Reads JSON into this crate's types, with the path of the field at fault and none of the input.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::payload::PayloadError;

/// How deep arrays and objects may nest. The webhook's body needs three levels and the envelope
/// four; `serde_json` skips unknown fields of any depth.
pub const MAX_DEPTH: usize = 32;

/// The largest whole number that every JSON implementation reads exactly (RFC 7493, 2.2).
pub const MAX_WHOLE_NUMBER: u64 = (1 << 53) - 1;

/// Every name that may stand in an error's path. A key from outside never does.
const FIELDS: [&str; 25] = [
    "avatar_url",
    "contact_id",
    "display_name",
    "event_timestamp",
    "from_id",
    "interaction",
    "interaction_id",
    "media_attachments",
    "media_type",
    "messages",
    "platform",
    "received_at",
    "routed",
    "rule",
    "sentiment_polarity",
    "size_bytes",
    "skills",
    "social_profile",
    "task_id",
    "text",
    "thread_id",
    "timestamp",
    "url",
    "user_id",
    "v",
];

/// Reads one JSON object and nothing after it.
pub fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, PayloadError> {
    let text = std::str::from_utf8(json).map_err(|e| {
        let reason = format!("is not UTF-8 (at byte {})", e.valid_up_to());
        PayloadError::at(".", reason)
    })?;
    if too_deep(json) {
        let reason = format!("must not nest deeper than {MAX_DEPTH} levels");
        return Err(PayloadError::at(".", reason));
    }
    // Paths cost more than the reading itself, so only what fails is read again with them.
    match serde_json::from_str::<Object<T>>(text) {
        Ok(Object(value)) => Ok(value),
        Err(error) => Err(locate::<T>(text).unwrap_or_else(|| explain(".".to_owned(), &error))),
    }
}

/// `None` where only what stands behind the object is wrong.
fn locate<T: DeserializeOwned>(text: &str) -> Option<PayloadError> {
    let deserializer = &mut serde_json::Deserializer::from_str(text);
    let error = serde_path_to_error::deserialize::<_, Object<T>>(deserializer).err()?;
    Some(explain(own_names(error.path()), error.inner()))
}

fn too_deep(json: &[u8]) -> bool {
    let opens = |b: u8| b == b'{' || b == b'[';
    if json.iter().filter(|b| opens(**b)).count() <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in json {
        if in_string {
            (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
        } else if byte == b'"' {
            in_string = true;
        } else if opens(byte) {
            depth += 1;
            if depth > MAX_DEPTH {
                return true;
            }
        } else if byte == b'}' || byte == b']' {
            depth = depth.saturating_sub(1);
        }
    }
    false
}

/// Says where and why. Of serde's message only what this crate or serde itself wrote is kept: the
/// names of fields, and what was expected, which stands behind the value.
fn explain(path: String, error: &serde_json::Error) -> PayloadError {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&position).unwrap_or(&message);
    let named = |prefix: &str| {
        let rest = message.strip_prefix(prefix)?;
        FIELDS
            .into_iter()
            .find(|field| rest == format!("`{field}`"))
    };
    if let Some(field) = named("missing field ") {
        return PayloadError::at(join(&path, field), "is missing");
    }
    if let Some(field) = named("duplicate field ") {
        return PayloadError::at(join(&path, field), "is given more than once");
    }
    let expected = || Some(message.rsplit_once(", expected ")?.1);
    let reason = match error.classify() {
        Category::Eof => "the JSON ends too early".to_owned(),
        Category::Syntax | Category::Io if message.contains("hex escape") => {
            "holds half of a surrogate pair, which is no character".to_owned()
        }
        Category::Syntax | Category::Io => {
            let (line, column) = (error.line(), error.column());
            format!("is not JSON (line {line}, column {column})")
        }
        Category::Data if message.starts_with("must ") => message.to_owned(),
        Category::Data => match expected() {
            Some("a sequence") => "must be an array".to_owned(),
            Some("u64" | "u32") => "must be a whole number".to_owned(),
            Some(expected) => format!("must be {expected}"),
            None => "is not valid".to_owned(),
        },
    };
    PayloadError::at(path, reason)
}

/// Such as `messages[0].timestamp`; cut before the first name that isn't one of ours.
fn own_names(path: &Path) -> String {
    let mut names = ".".to_owned();
    for segment in path {
        match segment {
            Segment::Seq { index } => names = format!("{names}[{index}]"),
            Segment::Map { key } if FIELDS.contains(&key.as_str()) => names = join(&names, key),
            _ => break,
        }
    }
    names
}

fn join(path: &str, field: &str) -> String {
    if path == "." {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

/// Takes a JSON object only. What serde derives for a struct takes an array of its fields too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer
            .deserialize_map(ObjectVisitor(PhantomData))
            .map(Self)
    }
}

/// For `#[serde(deserialize_with)]`: a struct, from an object only.
pub fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Object::deserialize(deserializer).map(|Object(value)| value)
}

/// For `#[serde(deserialize_with)]`: structs, each from an object only.
pub fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

/// As [`objects`], and null is none of them.
pub fn objects_or_null<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let objects = Option::<Vec<Object<T>>>::deserialize(deserializer)?;
    let objects = objects.unwrap_or_default();
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

/// As [`object`], and null is none.
pub fn object_or_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let object = Option::<Object<T>>::deserialize(deserializer)?;
    Ok(object.map(|Object(value)| value))
}

/// For `#[serde(deserialize_with)]`: 0 to [`MAX_WHOLE_NUMBER`].
pub fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if number > MAX_WHOLE_NUMBER {
        return Err(de::Error::custom(format_args!(
            "must be at most {MAX_WHOLE_NUMBER}"
        )));
    }
    Ok(number)
}
