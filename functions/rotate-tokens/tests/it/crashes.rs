//! A rotation that dies after any of its steps.

use rotate_tokens::rotation::Rotation;
use rotate_tokens::step::Step;
use serde_json::json;
use tokens::{CXONE, State};

use crate::world::{KINDS, World, ask};

/// More than any rotation takes.
const STEPS: usize = 8;

/// Begins a rotation and drops it after so many steps, as a killed process would; says how it got
/// on. What it had only in its memory is gone, its lease is not.
async fn crash_after(world: &World, name: &str, steps: usize) -> Vec<Step> {
    let token = world.token(name);
    let ask = ask(false);
    let mut rotation = Rotation::begin(&world.function.tools, &token, ask)
        .await
        .unwrap();
    rotation.look(ask).await.unwrap();
    let mut done = Vec::new();
    for _ in 0..steps {
        done.push(rotation.step().await.unwrap());
        if done.last() == Some(&Step::Finish) {
            break;
        }
    }
    done
}

#[tokio::test]
async fn a_crash_after_any_step_leaves_a_token_that_works_or_calls_a_person() {
    for (kind, name) in KINDS {
        for steps in 0..STEPS {
            let world = World::start().await;
            world.add(kind, name, "first").await;
            let done = crash_after(&world, name, steps).await;
            let case = format!("{kind} after {done:?}");
            assert!(
                world.sandbox.calls(&format!("social.{name}")).len() <= 1,
                "{case}"
            );

            let busy = world.rotate(name).await;
            assert!(
                !busy.rotated && busy.state.is_none(),
                "{case}: the lease is still held"
            );
            world.let_lease_run_out(name).await;
            let line = world.rotate(name).await;

            let asked = done.contains(&Step::CallProvider) && !done.contains(&Step::Store);
            let single_use = ["x", "token_rotation"].contains(&kind);
            let intended = done.contains(&Step::WriteIntent) && !done.contains(&Step::Store);
            if single_use && intended {
                assert_eq!(line.state, Some(State::ReauthRequired.as_str()), "{case}");
                let calls = world.sandbox.calls(&format!("social.{name}")).len();
                assert_eq!(
                    calls,
                    usize::from(asked),
                    "{case}: the old token isn't sent again"
                );
            } else {
                assert_eq!(
                    line.state,
                    Some(State::Ok.as_str()),
                    "{case}: {:?}",
                    line.reason
                );
                assert!(world.current_works(name).await, "{case}");
                assert_ne!(world.current(name).await, "first", "{case}");
                let pending = world
                    .labelled(&crate::world::secret_of(name), "AWSPENDING")
                    .await;
                assert!(pending.is_none(), "{case}");
            }
            assert_eq!(world.reuses(name), 0, "{case}");
            world.end();
        }
    }
}

#[tokio::test]
async fn a_crash_of_cxones_rotation_after_any_step_leaves_a_token() {
    for steps in 0..STEPS {
        let world = World::start().await;
        let done = crash_after(&world, CXONE, steps).await;
        world.let_lease_run_out(CXONE).await;
        let line = world.rotate(CXONE).await;
        assert_eq!(line.state, Some("OK"), "after {done:?}: {:?}", line.reason);
        assert!(!world.current(CXONE).await.is_empty(), "after {done:?}");
        world.end();
    }
}

#[tokio::test]
async fn a_person_who_authorises_anew_ends_the_call_for_one() {
    for (kind, name) in [("x", "x"), ("token_rotation", "forum")] {
        let world = World::start().await;
        world.add(kind, name, "first").await;
        crash_after(&world, name, 2).await;
        world.let_lease_run_out(name).await;
        assert_eq!(world.rotate(name).await.state, Some("REAUTH_REQUIRED"));
        let forced = world
            .run(json!({"secret": name, "force": true}))
            .await
            .remove(0);
        assert_eq!(forced.state, Some("REAUTH_REQUIRED"), "nor by force");

        world.add(kind, name, "second").await;
        let line = world.rotate(name).await;
        assert_eq!(line.state, Some("OK"), "{:?}", line.reason);
        assert!(line.rotated && world.current_works(name).await);
        assert_eq!(world.reuses(name), 0);
    }
}

#[tokio::test]
async fn a_crash_while_a_pending_version_stands_doesnt_bring_an_older_token_back() {
    let world = World::start().await;
    world.add("facebook", "facebook", "first").await;
    // The answer is stored and not promoted; then a person authorises anew.
    crash_after(&world, "facebook", 3).await;
    let now = runtime::clock::now().to_string();
    world
        .add_with("facebook", "facebook", "by-hand", json!({"issued_at": now}))
        .await;
    world.let_lease_run_out("facebook").await;
    let line = world.rotate("facebook").await;
    assert_eq!(line.state, Some("OK"), "{:?}", line.reason);
    assert_eq!(world.current("facebook").await, "by-hand");
}
