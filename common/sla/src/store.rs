//! Reads hours from the table.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::query::QueryError;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::try_join_all;

use crate::histogram::Histogram;
use crate::item::{self, InvalidItem};
use crate::key::{Hour, SeriesKey};

/// The histograms of one series, by hour; hours without operations are absent.
pub type Hours = BTreeMap<Hour, Histogram>;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("dynamodb:Query of {partition} failed: {source}")]
    Query {
        partition: String,
        source: Box<SdkError<QueryError>>,
    },
    #[error(transparent)]
    Invalid(#[from] InvalidItem),
}

/// Reads a series' hours from `first` to `last`, both included. A day is one page of about three
/// read units: the reads are eventually consistent, since the counts are up to a minute old anyway.
pub async fn hours(
    client: &Client,
    table: &str,
    series: SeriesKey,
    first: Hour,
    last: Hour,
) -> Result<Hours, ReadError> {
    let partition = item::partition_key(series);
    let mut pages = client
        .query()
        .table_name(table)
        .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
        .expression_attribute_values(":pk", AttributeValue::S(partition.clone()))
        .expression_attribute_values(":first", AttributeValue::S(first.to_string()))
        .expression_attribute_values(":last", AttributeValue::S(last.to_string()))
        .into_paginator()
        .send();
    let mut hours = Hours::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|source| ReadError::Query {
            partition: partition.clone(),
            source: Box::new(source),
        })?;
        for item in page.items() {
            let (hour, histogram) = item::read(item)?;
            hours.insert(hour, histogram);
        }
    }
    Ok(hours)
}

/// Reads all series that have operations between `first` and `last`, both included.
pub async fn all(
    client: &Client,
    table: &str,
    first: Hour,
    last: Hour,
) -> Result<BTreeMap<SeriesKey, Hours>, ReadError> {
    let reads = SeriesKey::all().map(async |series| {
        let hours = hours(client, table, series, first, last).await?;
        Ok::<_, ReadError>((series, hours))
    });
    let all = try_join_all(reads).await?;
    Ok(all
        .into_iter()
        .filter(|(_, hours)| !hours.is_empty())
        .collect())
}
