//! What the ledger says about a token.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

/// Attributes of a DynamoDB item.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// The attributes that a record may have.
pub(crate) const ATTRIBUTES: [&str; 9] = [
    "state",
    "reason",
    "token_expires",
    "rotated_at",
    "intent",
    "refused",
    "registered",
    "not_before",
    "mints",
];

/// A token's state, as an operator sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Works, and has enough of its life left.
    #[default]
    Ok,
    /// Due, and not rotated yet; the next run tries again.
    Expiring,
    /// A rotation has begun and not ended.
    Rotating,
    /// Only a person can mend it: the provider refuses, or the answer of a refresh that works
    /// only once was lost.
    ReauthRequired,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Expiring => "EXPIRING",
            Self::Rotating => "ROTATING",
            Self::ReauthRequired => "REAUTH_REQUIRED",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [
            Self::Ok,
            Self::Expiring,
            Self::Rotating,
            Self::ReauthRequired,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Written before the provider is called: from here on the old token may have been used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The version whose token is being exchanged.
    pub from: String,
    /// The id that the new version gets.
    pub version: String,
    pub at: Timestamp,
}

/// What `token#<name>` says, apart from its lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub state: State,
    /// What a person needs to know where the state isn't `OK`.
    pub reason: Option<String>,
    /// When the current token runs out.
    pub expires: Option<Timestamp>,
    pub rotated_at: Option<Timestamp>,
    pub intent: Option<Intent>,
    /// The version whose token the provider refused; it isn't sent again by itself.
    pub refused: Option<String>,
    /// The pending version of the signing secret that senders have been told.
    pub registered: Option<String>,
    /// The next step of a rotation that waits must not come before this.
    pub not_before: Option<Timestamp>,
    /// When tokens were minted on demand, within the last day.
    pub mints: Vec<Timestamp>,
}

impl Record {
    /// Reads an item; what isn't there or isn't readable counts as absent.
    pub(crate) fn read(item: &Attributes) -> Self {
        let intent = item.get("intent").and_then(|v| v.as_m().ok());
        Self {
            state: text(item, "state")
                .and_then(|s| State::read(&s))
                .unwrap_or_default(),
            reason: text(item, "reason"),
            expires: instant(item, "token_expires"),
            rotated_at: instant(item, "rotated_at"),
            intent: intent.and_then(|intent| {
                Some(Intent {
                    from: text(intent, "from")?,
                    version: text(intent, "version")?,
                    at: instant(intent, "at")?,
                })
            }),
            refused: text(item, "refused"),
            registered: text(item, "registered"),
            not_before: instant(item, "not_before"),
            mints: item
                .get("mints")
                .and_then(|v| v.as_l().ok())
                .map(|list| list.iter().filter_map(as_instant).collect())
                .unwrap_or_default(),
        }
    }

    pub(crate) fn write(&self) -> Attributes {
        let mut item = Attributes::new();
        item.insert("state".into(), AttributeValue::S(self.state.to_string()));
        for (name, value) in [
            ("reason", &self.reason),
            ("refused", &self.refused),
            ("registered", &self.registered),
        ] {
            if let Some(value) = value {
                item.insert(name.into(), AttributeValue::S(value.clone()));
            }
        }
        // Not `expires_at`: that is the table's time-to-live attribute.
        for (name, value) in [
            ("token_expires", self.expires),
            ("rotated_at", self.rotated_at),
            ("not_before", self.not_before),
        ] {
            if let Some(value) = value {
                item.insert(name.into(), number(value));
            }
        }
        if let Some(intent) = &self.intent {
            let intent = Attributes::from([
                ("from".into(), AttributeValue::S(intent.from.clone())),
                ("version".into(), AttributeValue::S(intent.version.clone())),
                ("at".into(), number(intent.at)),
            ]);
            item.insert("intent".into(), AttributeValue::M(intent));
        }
        if !self.mints.is_empty() {
            let mints = self.mints.iter().map(|at| number(*at)).collect();
            item.insert("mints".into(), AttributeValue::L(mints));
        }
        item
    }
}

/// Milliseconds since the epoch.
pub(crate) fn number(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_millisecond().to_string())
}

pub(crate) fn instant(item: &Attributes, name: &str) -> Option<Timestamp> {
    as_instant(item.get(name)?)
}

fn as_instant(value: &AttributeValue) -> Option<Timestamp> {
    Timestamp::from_millisecond(value.as_n().ok()?.parse().ok()?).ok()
}

fn text(item: &Attributes, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        for state in [
            State::Ok,
            State::Expiring,
            State::Rotating,
            State::ReauthRequired,
        ] {
            let record = Record {
                state,
                reason: Some("why".into()),
                expires: Some(at(5)),
                rotated_at: Some(at(4)),
                intent: Some(Intent {
                    from: "a".into(),
                    version: "b".into(),
                    at: at(3),
                }),
                refused: Some("c".into()),
                registered: Some("d".into()),
                not_before: Some(at(2)),
                mints: vec![at(1), at(2)],
            };
            let item = record.write();
            assert_eq!(Record::read(&item), record);
            assert_eq!(item.len(), ATTRIBUTES.len());
            assert!(ATTRIBUTES.iter().all(|name| item.contains_key(*name)));
        }
        let empty = Record::default();
        assert_eq!(Record::read(&empty.write()), empty);
    }

    #[test]
    fn no_attribute_is_the_tables_time_to_live() {
        let record = Record {
            expires: Some(Timestamp::UNIX_EPOCH),
            ..Record::default()
        };
        assert!(!record.write().contains_key("expires_at"));
    }
}
