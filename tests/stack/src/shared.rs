//! What the tests of one process share: an emulator, with an account of its own for each test.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use tokio::sync::OnceCell;

use crate::account::Account;
use crate::emulator::Emulator;
use crate::error::{Error, Result};
use crate::package::Project;
use crate::python;

/// The emulator of this process, which ends with it.
pub async fn emulator() -> Result<&'static Emulator> {
    static EMULATOR: OnceCell<Emulator> = OnceCell::const_new();
    let start = async || {
        let local = Project::locate()?.local;
        let python = python::environment(&local, |line| eprintln!("{line}"))?;
        let dir = local.join("tests").join(std::process::id().to_string());
        Emulator::start(&python, &dir, 0).await
    };
    EMULATOR.get_or_try_init(start).await
}

/// An account on it that no other test has.
pub async fn account() -> Result<Account> {
    static NEXT: AtomicU64 = AtomicU64::new(100_000_000_001);
    Ok(Account {
        endpoint: emulator().await?.endpoint().to_owned(),
        id: NEXT.fetch_add(1, Ordering::Relaxed).to_string(),
    })
}

/// Creates a table with the ledger's key, and without its indexes and its stream.
pub async fn create_ledger(dynamo: &Client, name: &str) -> Result<()> {
    let mut create = dynamo
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .expect("name and type are set");
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .expect("name and kind are set");
        create = create.attribute_definitions(attribute).key_schema(key);
    }
    let created = create.send().await;
    created
        .map(drop)
        .map_err(Error::sdk("dynamodb:CreateTable"))
}
