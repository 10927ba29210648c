//! Which social platforms there are: the items `tokens` / `<platform>` of the ledger's table.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::ledger::{LedgerError, TokenLedger, unavailable};

const REGISTRY: &str = "tokens";

impl TokenLedger {
    /// The registered platforms, in the order of their names. Needs `dynamodb:Query`.
    pub async fn platforms(&self) -> Result<Vec<String>, LedgerError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :registry")
            .expression_attribute_values(":registry", AttributeValue::S(REGISTRY.into()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut platforms = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| unavailable("Query", REGISTRY, &error))?;
            platforms.extend(item.get("sk").and_then(|v| v.as_s().ok()).cloned());
        }
        Ok(platforms)
    }

    /// Registers a platform; one that is registered already stays so. Needs `dynamodb:PutItem`.
    pub async fn add_platform(&self, name: &str) -> Result<(), LedgerError> {
        self.client
            .put_item()
            .table_name(&self.table)
            .item("pk", AttributeValue::S(REGISTRY.into()))
            .item("sk", AttributeValue::S(name.into()))
            .send()
            .await
            .map(drop)
            .map_err(|error| unavailable("PutItem", REGISTRY, &error))
    }
}
