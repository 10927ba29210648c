//! The ledger's items of one stage: reading, claiming, finishing and parking.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::item::{Claim, Facts, Item, Next, State, next};
use crate::millis::{self, Millis};
use crate::stage::Done;
use crate::store::{self, Attributes, Key, Record, Stamp, Store, StoreError, Swapped};

/// How often a change is made again on an item that somebody else changed meanwhile.
const TRIES: usize = 10;

/// A longer body doesn't fit into an item (400 KB, and the other attributes), so it is cut.
const MOST_BODY_BYTES: usize = 300_000;

/// The last second of the year 9999: what expires then is kept.
const NEVER: i64 = 253_402_300_799;

impl Record for Item {
    fn stamp(&mut self) -> &mut Stamp {
        &mut self.stamp
    }
}

/// What one strongly consistent read brought.
pub struct View {
    items: HashMap<Key, Attributes>,
    stage: &'static str,
}

impl View {
    pub fn item(&self, id: &str) -> Result<Option<Item>, StoreError> {
        let key = Key::interaction(id, self.stage);
        let item = self.items.get(&key).cloned();
        item.map(|item| store::record(&key, item)).transpose()
    }

    pub fn take(&mut self, key: &Key) -> Option<Attributes> {
        self.items.remove(key)
    }
}

#[derive(Clone)]
pub struct Ledger {
    store: Store,
    stage: &'static str,
}

impl Ledger {
    pub fn new(store: Store, stage: &'static str) -> Self {
        Self { store, stage }
    }

    fn key(&self, id: &str) -> Key {
        Key::interaction(id, self.stage)
    }

    /// Reads interactions and one more item in one call.
    pub async fn read(&self, ids: &[&str], and: &Key) -> Result<View, StoreError> {
        let mut keys: Vec<Key> = ids.iter().map(|id| self.key(id)).collect();
        keys.push(and.clone());
        Ok(View {
            items: self.store.read(&keys).await?,
            stage: self.stage,
        })
    }

    /// Claims an interaction for a call, as it was `seen`: the claim's decision was made on that.
    ///
    /// # Errors
    /// The inner one: what to do instead, where another function was first, with the item.
    /// [`Next::Call`] is to look again, for that one may have frozen another decision.
    pub async fn claim(
        &self,
        id: &str,
        seen: Option<Item>,
        max_attempts: u32,
        claim: &Claim<'_>,
    ) -> Result<Result<Item, (Next, Option<Item>)>, StoreError> {
        let to_do = |item: Option<&Item>| next(item, claim.facts, max_attempts, claim.now);
        match to_do(seen.as_ref()) {
            Next::Call => {}
            other => return Ok(Err((other, seen))),
        }
        let claimed = Item::claim(seen.as_ref(), claim);
        match self
            .store
            .swap(&self.key(id), seen.as_ref(), claimed)
            .await?
        {
            Swapped::Yes(item) => {
                self.forget_parts(id, seen.as_ref()).await;
                Ok(Ok(item))
            }
            Swapped::No(there) => Ok(Err((to_do(there.as_ref()), there))),
        }
    }

    /// Writes what came of a claim, where it is still held.
    ///
    /// # Errors
    /// The inner one: what is there instead, where it was taken over.
    pub async fn end(
        &self,
        id: &str,
        held: &Item,
        next: Item,
    ) -> Result<Result<Item, Option<Item>>, StoreError> {
        Ok(
            match self.store.swap(&self.key(id), Some(held), next).await? {
                Swapped::Yes(item) => Ok(item),
                Swapped::No(there) => Err(there),
            },
        )
    }

    /// Records that it was done, whoever holds the item by now. The item's result is the first
    /// one's.
    pub async fn finish(
        &self,
        id: &str,
        held: &Item,
        done: &Done,
        state: State,
        expires_at: i64,
        now: Millis,
    ) -> Result<Item, StoreError> {
        let mut seen = held.clone();
        for _ in 0..TRIES {
            let finished = seen.done(state, done, expires_at, now);
            if finished == seen {
                return Ok(seen);
            }
            match self
                .store
                .swap(&self.key(id), Some(&seen), finished)
                .await?
            {
                Swapped::Yes(item) => {
                    self.forget_parts(id, Some(&seen)).await;
                    return Ok(item);
                }
                Swapped::No(Some(there)) => seen = there,
                // Erased meanwhile, at a person's request: nothing to record it on.
                Swapped::No(None) => return Ok(seen.done(state, done, expires_at, now)),
            }
        }
        Err(self.contended(id))
    }

    /// Parks an interaction that nobody is calling: `seen` as it was read, or what a call left.
    /// Gives what is there instead, where somebody else was first. A long body's items stay then:
    /// another copy of the message may have parked, or be about to, on the very same ones.
    pub async fn park(
        &self,
        id: &str,
        seen: Option<&Item>,
        mut parked: Item,
        body: &str,
    ) -> Result<Result<Item, Option<Item>>, StoreError> {
        let key = self.key(id);
        self.fill(&key, &mut parked, body).await?;
        Ok(match self.store.swap(&key, seen, parked).await? {
            Swapped::Yes(item) => Ok(item),
            Swapped::No(there) => Err(there),
        })
    }

    /// Parks what has the identity of another interaction, beside that one's item.
    pub async fn park_conflict(
        &self,
        id: &str,
        facts: &Facts,
        body: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut item = Item::new(facts);
        item.give_up(
            now,
            "conflict: the same identity came with other content",
            None,
        );
        let key = Key::interaction(id, &format!("{}#{}", self.stage, facts.digest));
        self.put_parked(&key, item, body).await
    }

    /// Parks a message that can't be read, under its SQS id.
    pub async fn park_broken(
        &self,
        message_id: &str,
        queued_at: Millis,
        reason: &str,
        body: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        let facts = Facts {
            digest: String::new(),
            platform: String::new(),
            contact_id: String::new(),
            thread_id: String::new(),
            sent_at: queued_at,
            routed: false,
            received_at: queued_at,
            queued_at,
            first_receive_at: None,
            redrives: 0,
            reopen: None,
        };
        let mut item = Item::new(&facts);
        item.give_up(now, &format!("the message can't be read: {reason}"), None);
        self.put_parked(&self.key(message_id), item, body).await
    }

    /// Parks what has no other item; where it is there already, once is enough.
    async fn put_parked(&self, key: &Key, mut item: Item, body: &str) -> Result<(), StoreError> {
        self.fill(key, &mut item, body).await?;
        self.store.swap(key, None, item).await?;
        Ok(())
    }

    /// Puts the index's key and the body on a parked item. A long body goes first, into items of
    /// its own.
    async fn fill(&self, key: &Key, item: &mut Item, body: &str) -> Result<(), StoreError> {
        item.parked_stage = Some(self.stage.to_owned());
        if body.len() <= MOST_BODY_BYTES {
            item.body = Some(body.to_owned());
            return Ok(());
        }
        let parts = cut(body, MOST_BODY_BYTES);
        item.body_parts = Some(parts.len());
        for (number, part) in parts.into_iter().enumerate() {
            // The contact is there so that what a customer wants forgotten is found, and the time so
            // that a part that was to expire, since its item had been sent back, does so no more.
            let attributes = HashMap::from([
                ("body".to_owned(), AttributeValue::S(part.to_owned())),
                (
                    "expires_at".to_owned(),
                    AttributeValue::N(NEVER.to_string()),
                ),
                (
                    "contact_id".to_owned(),
                    AttributeValue::S(item.contact_id.clone()),
                ),
            ]);
            self.store.put(&part_key(key, number), attributes).await?;
        }
        Ok(())
    }

    /// Lets a long body's items expire once the item that they belonged to isn't parked any more.
    async fn forget_parts(&self, id: &str, before: Option<&Item>) {
        let parts = before.and_then(|item| item.body_parts).unwrap_or(0);
        for number in 0..parts {
            let expires_at = AttributeValue::N((millis::now() / 1000).to_string());
            let attributes = HashMap::from([("expires_at".to_owned(), expires_at)]);
            let key = part_key(&self.key(id), number);
            if let Err(error) = self.store.put(&key, attributes).await {
                tracing::warn!(interaction = id, %error, "a part of a parked body stays behind");
            }
        }
    }

    fn contended(&self, id: &str) -> StoreError {
        StoreError::Unavailable {
            call: "UpdateItem",
            code: format!(
                "interaction#{id} {} changed under {TRIES} tries",
                self.stage
            ),
        }
    }
}

/// The item of a long body's part.
pub fn part_key(key: &Key, number: usize) -> Key {
    Key::new(&key.pk, format!("{}#body#{number}", key.sk))
}

/// Cuts a text into parts of so many bytes at most, between characters.
fn cut(text: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (part, left) = rest.split_at(rest.floor_char_boundary(most));
        parts.push(part);
        rest = left;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cut_body_is_whole_again_when_joined(text in ".{0,200}", most in 4..50_usize) {
            let parts = cut(&text, most);
            prop_assert!(parts.iter().all(|part| part.len() <= most));
            prop_assert_eq!(parts.concat(), text);
        }
    }
}
