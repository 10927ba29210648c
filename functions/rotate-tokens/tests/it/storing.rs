//! A fresh token that Secrets Manager doesn't take.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join;
use rotate_tokens::rotation::{Ask, Rotation, Token};
use rotate_tokens::step::Step;
use runtime::clock;
use tokens::State;

use crate::world::{World, ask, secret_of};

const REFUSED: &str = "PutSecretValue of the secret test/social/x failed: InvalidRequestException: \
                       You can't perform this operation on the secret because it was marked for \
                       deletion.";

/// What this thread logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let lines = tracing_subscriber::fmt().with_writer(move || log.clone());
        tracing::subscriber::set_default(lines.with_ansi(false).finish())
    }

    /// How often the log says it.
    fn says(&self, text: &str) -> usize {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        log.matches(text).count()
    }
}

/// X has answered, and only this process has what it said. Its secret can't be written any more,
/// since it is marked for deletion.
async fn answered<'a>(world: &'a World, token: &'a Token, ask: Ask) -> Rotation<'a> {
    let mut rotation = Rotation::begin(&world.function.tools, token, ask)
        .await
        .unwrap();
    rotation.look(ask).await.unwrap();
    while rotation.step().await.unwrap() != Step::CallProvider {}
    let delete = world.secrets.delete_secret().secret_id(secret_of("x"));
    delete.send().await.unwrap();
    rotation
}

#[tokio::test]
async fn a_fresh_token_is_kept_until_it_can_be_stored_and_the_reason_is_said_once() {
    let world = World::start().await;
    world.add("x", "x", "first").await;
    let token = world.token("x");
    let mut rotation = answered(&world, &token, ask(false)).await;
    let log = Log::default();
    let _guard = log.listen();

    let mended = async {
        while log.says(REFUSED) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Long enough for further tries.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        let restore = world.secrets.restore_secret().secret_id(secret_of("x"));
        restore.send().await.unwrap();
    };
    let (step, ()) = join(rotation.step(), mended).await;

    assert_eq!(step.unwrap(), Step::Store);
    while rotation.step().await.unwrap() != Step::Finish {}
    let record = rotation.end(None).await.unwrap();
    assert_eq!(record.state, State::Ok);
    assert!(world.current_works("x").await);
    assert_eq!(log.says(REFUSED), 1);
}

#[tokio::test]
async fn a_fresh_token_that_cant_be_stored_before_the_deadline_calls_a_person_and_says_why() {
    let world = World::start().await;
    world.add("x", "x", "first").await;
    let token = world.token("x");
    let ask = Ask {
        deadline: clock::instant() + Duration::from_secs(2),
        ..ask(false)
    };
    let mut rotation = answered(&world, &token, ask).await;

    let stop = rotation.step().await.unwrap_err();
    let record = rotation.end(Some(&stop)).await.unwrap();

    assert_eq!(record.state, State::ReauthRequired);
    let reason = format!(
        "a fresh token could not be stored and is lost: mend what follows, then authorise anew: \
         {REFUSED}"
    );
    assert_eq!(record.reason.as_ref(), Some(&reason));

    // Neither a run that can't read the secret knows better, nor one that misses the answer.
    let line = world.rotate("x").await;
    assert!(line.reason.unwrap().contains("GetSecretValue"));
    assert_eq!(
        world.ledger.read("x").await.unwrap().reason.as_ref(),
        Some(&reason)
    );
    let restore = world.secrets.restore_secret().secret_id(secret_of("x"));
    restore.send().await.unwrap();
    let line = world.rotate("x").await;
    assert_eq!(line.state, Some(State::ReauthRequired.as_str()));
    let record = world.ledger.read("x").await.unwrap();
    assert_eq!(record.reason.as_ref(), Some(&reason));
}

#[tokio::test]
async fn nobody_else_begins_while_a_fresh_token_cant_be_stored() {
    let world = World::start().await;
    world.add("x", "x", "first").await;
    let token = world.token("x");
    let mut rotation = answered(&world, &token, ask(false)).await;
    world.let_lease_run_out("x").await;

    let renewed = async {
        while world.lease_until("x").await == "0" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        step = rotation.step() => panic!("{step:?} before the lease was renewed"),
        () = renewed => {}
    }

    let line = world.rotate("x").await;
    assert_eq!(line.state, None, "{:?}", line.reason);
    assert_ne!(
        world.ledger.read("x").await.unwrap().state,
        State::ReauthRequired
    );
}
