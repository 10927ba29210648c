//! What the parts of one invocation share: its messages' fates, its interactions and their calls.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use interaction::Envelope;

use crate::gate::Admission;
use crate::item::{Facts, Item};
use crate::message::Message;
use crate::millis::{self, Millis};
use crate::outbox::Outbox;
use crate::report::Report;
use crate::store::StoreError;

/// For how long messages are hidden when the ledger can't be reached, at most.
pub const LEDGER_DOWN: Duration = Duration::from_secs(30);

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was not begun: it is shown again at once.
    Untouched,
    /// It stays in the queue, hidden until then.
    Hide(Millis),
    Acknowledge,
}

/// The fates of a batch's messages.
#[derive(Clone)]
pub struct Fates(Arc<Mutex<Vec<Fate>>>);

impl Fates {
    pub fn new(messages: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![Fate::Untouched; messages])))
    }

    pub fn set(&self, messages: &[usize], fate: Fate) {
        let mut fates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for message in messages {
            fates[*message] = fate;
        }
    }

    /// Sets the fates of those that have none yet.
    pub fn set_untouched(&self, messages: &[usize], fate: Fate) {
        let mut fates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for message in messages {
            if fates[*message] == Fate::Untouched {
                fates[*message] = fate;
            }
        }
    }

    pub fn all(&self) -> Vec<Fate> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// One interaction of the batch, with all of its copies in it.
pub struct Job {
    pub id: String,
    pub envelope: Arc<Envelope>,
    pub facts: Facts,
    /// The first copy.
    pub message: Message,
    /// Where its copies stand in the batch.
    pub copies: Vec<usize>,
}

/// Whom a panic in some work would concern: an interaction, and where its copies stand.
pub struct Concerned {
    pub id: String,
    pub copies: Vec<usize>,
}

impl Job {
    pub fn concerned(&self) -> Concerned {
        Concerned {
            id: self.id.clone(),
            copies: self.copies.clone(),
        }
    }
}

/// An interaction that may be called, with what the ledger says of it.
pub struct Ready {
    /// As [`Stage::lane`](crate::Stage::lane) says.
    pub lane: Option<String>,
    pub job: Job,
    pub item: Option<Item>,
}

/// One call to the upstream.
pub struct Planned {
    pub units: Vec<Ready>,
    pub admission: Admission,
}

/// What the parts of an invocation share.
#[derive(Clone)]
pub struct Invocation {
    pub fates: Fates,
    pub outbox: Outbox,
    pub report: Report,
    /// The last instant at which a call may start.
    pub latest: Millis,
    /// Over how long messages that wait for the gate are spread.
    pub spread: Millis,
}

impl Invocation {
    /// Acknowledges a message that has no item of its own, once it is parked beside.
    pub fn parked_aside(
        &self,
        id: &str,
        copies: &[usize],
        reason: &str,
        parked: Result<(), StoreError>,
    ) {
        let fate = match parked {
            Ok(()) => {
                self.report.parked_aside(id, reason);
                Fate::Acknowledge
            }
            Err(error) => {
                tracing::error!(interaction = id, %error, "could not be parked; it stays in its queue");
                Fate::Hide(millis::after(millis::now(), LEDGER_DOWN))
            }
        };
        self.fates.set(copies, fate);
    }
}
