//! Follow-ups on their way to the next queue: sent as soon as their interaction is done, together
//! with whatever else is done by then.

use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::invocation::{Fate, Fates};
use crate::queue::{Outgoing, Queue};

/// What is done within this time goes into one batch.
const GATHER: Duration = Duration::from_millis(20);

/// How long the last batch may take at the end of an invocation.
const LAST_BATCH: Duration = Duration::from_millis(1_500);

type Letter = (Outgoing, Vec<usize>);

#[derive(Clone)]
pub struct Outbox(UnboundedSender<Letter>);

/// The sending side's task.
pub struct Sender {
    task: JoinHandle<()>,
    sent: UnboundedReceiver<Vec<usize>>,
}

impl Outbox {
    /// Starts sending. Where there is no next queue, nothing is ever put in.
    pub fn start(queue: Option<Queue>) -> (Self, Sender) {
        let (letters, mut incoming) = unbounded_channel::<Letter>();
        let (acknowledge, sent) = unbounded_channel();
        let task = tokio::spawn(async move {
            let Some(queue) = queue else { return };
            let mut batch = Vec::new();
            while incoming.recv_many(&mut batch, 10).await > 0 {
                tokio::time::sleep(GATHER).await;
                while batch.len() < 10
                    && let Ok(letter) = incoming.try_recv()
                {
                    batch.push(letter);
                }
                let (messages, copies): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
                for (sent, copies) in queue.send(&messages).await.into_iter().zip(copies) {
                    if sent {
                        let _ = acknowledge.send(copies);
                    }
                }
            }
        });
        (Self(letters), Sender { task, sent })
    }

    /// Sends a message, on whose arrival these copies of the batch can be acknowledged.
    pub fn send(&self, message: Outgoing, copies: Vec<usize>) {
        let _ = self.0.send((message, copies));
    }
}

impl Sender {
    /// Waits for what is still on its way, and acknowledges what has arrived.
    pub async fn finish(mut self, fates: &Fates) {
        if tokio::time::timeout(LAST_BATCH, &mut self.task)
            .await
            .is_err()
        {
            self.task.abort();
        }
        while let Ok(copies) = self.sent.try_recv() {
            fates.set(&copies, Fate::Acknowledge);
        }
    }
}
