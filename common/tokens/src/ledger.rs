//! The item `token#<name>`: one lease, so that one holder at a time rotates a token, and a fence,
//! so that a holder that lost its lease can't write any more.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};

use crate::record::{ATTRIBUTES, Attributes, Record, instant, number};

/// Clocks of two hosts may differ by this much: a lease is left to its holder for as much longer.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(1);

/// The right to rotate the token `name` until `until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub name: String,
    pub owner: String,
    pub until: Timestamp,
    fence: String,
}

pub enum Acquired {
    /// The lease, and what the ledger says.
    Mine(Lease, Box<Record>),
    /// Somebody else holds it, until then at the longest.
    Held { until: Timestamp },
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// DynamoDB refused or didn't answer.
    #[error("{call} of {name} in the ledger: {reason}")]
    Unavailable {
        call: &'static str,
        name: String,
        reason: String,
    },
    /// The lease ran out and somebody else took it.
    #[error("the lease of token#{name} was lost")]
    LeaseLost { name: String },
}

/// The tokens' items in the ledger's table.
#[derive(Clone)]
pub struct TokenLedger {
    pub(crate) client: Client,
    pub(crate) table: String,
}

impl TokenLedger {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }

    /// Takes the lease if it is free, has run out, or is this owner's already (an applied write
    /// whose answer was lost is tried again by the SDK). Needs `dynamodb:UpdateItem`.
    pub async fn acquire(
        &self,
        name: &str,
        owner: &str,
        now: Timestamp,
        life: Duration,
    ) -> Result<Acquired, LedgerError> {
        let until = end(now, life);
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(name)))
            .update_expression("SET lease_owner = :me, lease_until = :until ADD fence :one")
            .condition_expression(
                "attribute_not_exists(lease_until) OR lease_until < :now OR lease_owner = :me",
            )
            .expression_attribute_values(":me", AttributeValue::S(owner.into()))
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":now", number(now - CLOCK_SKEW))
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let item = answer.attributes.unwrap_or_default();
                let fence = item.get("fence").and_then(|v| v.as_n().ok());
                let lease = Lease {
                    name: name.into(),
                    owner: owner.into(),
                    until,
                    fence: fence.cloned().unwrap_or_default(),
                };
                Ok(Acquired::Mine(lease, Box::new(Record::read(&item))))
            }
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                let held = match e.into_err() {
                    UpdateItemError::ConditionalCheckFailedException(held) => held.item,
                    _ => None,
                };
                let until = held.and_then(|item| instant(&item, "lease_until"));
                Ok(Acquired::Held {
                    until: until.unwrap_or(now),
                })
            }
            Err(error) => Err(unavailable("UpdateItem", name, &error)),
        }
    }

    /// Writes what is known now and holds the lease for another `life`. Needs `dynamodb:UpdateItem`.
    pub async fn save(
        &self,
        lease: &mut Lease,
        record: &Record,
        now: Timestamp,
        life: Duration,
    ) -> Result<(), LedgerError> {
        lease.until = end(now, life);
        self.put(lease, record, Some(lease.until)).await
    }

    /// Writes what is known now and gives the lease back. Needs `dynamodb:UpdateItem`.
    pub async fn release(&self, lease: &Lease, record: &Record) -> Result<(), LedgerError> {
        self.put(lease, record, None).await
    }

    /// What the ledger says, without a lease. Needs `dynamodb:GetItem`.
    pub async fn read(&self, name: &str) -> Result<Record, LedgerError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(name)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable("GetItem", name, &error))?;
        Ok(answer.item.as_ref().map(Record::read).unwrap_or_default())
    }

    async fn put(
        &self,
        lease: &Lease,
        record: &Record,
        until: Option<Timestamp>,
    ) -> Result<(), LedgerError> {
        let mut known = record.write();
        if let Some(until) = until {
            known.insert("lease_owner".into(), AttributeValue::S(lease.owner.clone()));
            known.insert("lease_until".into(), number(until));
        }
        let names = ATTRIBUTES.into_iter().chain(["lease_owner", "lease_until"]);
        let (set, remove): (Vec<_>, Vec<_>) = names.partition(|name| known.contains_key(*name));
        let list = |names: &[&str], form: fn(&str) -> String| {
            let listed: Vec<String> = names.iter().map(|name| form(name)).collect();
            listed.join(", ")
        };
        let set = list(&set, |name| format!("#{name} = :{name}"));
        let remove = list(&remove, |name| format!("#{name}"));
        // The state is always set.
        let expression = if remove.is_empty() {
            format!("SET {set}")
        } else {
            format!("SET {set} REMOVE {remove}")
        };
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(&lease.name)))
            .update_expression(expression)
            .condition_expression("fence = :fence")
            .expression_attribute_values(":fence", AttributeValue::N(lease.fence.clone()));
        for name in ATTRIBUTES.into_iter().chain(["lease_owner", "lease_until"]) {
            update = update.expression_attribute_names(format!("#{name}"), name);
        }
        for (name, value) in known {
            update = update.expression_attribute_values(format!(":{name}"), value);
        }
        let answer = update.send().await;
        match answer {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                Err(LedgerError::LeaseLost {
                    name: lease.name.clone(),
                })
            }
            Err(error) => Err(unavailable("UpdateItem", &lease.name, &error)),
        }
    }
}

fn end(now: Timestamp, life: Duration) -> Timestamp {
    now + SignedDuration::try_from(life).expect("a lease lasts minutes at most")
}

fn key(name: &str) -> Attributes {
    Attributes::from([
        ("pk".into(), AttributeValue::S(format!("token#{name}"))),
        ("sk".into(), AttributeValue::S("state".into())),
    ])
}

pub(crate) fn unavailable<E, R>(
    call: &'static str,
    name: &str,
    error: &SdkError<E, R>,
) -> LedgerError
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
{
    LedgerError::Unavailable {
        call,
        name: name.into(),
        reason: secrets::reason(error),
    }
}
