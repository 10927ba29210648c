//! Holding routing: its trigger is switched off, and what comes in waits in the queue, which keeps
//! it for 14 days.

use runtime::output::say;

use crate::Outcome;
use crate::target::{Target, said};

pub async fn set(target: &Target, enabled: bool) -> Outcome<()> {
    let trigger = target.resource("RouteTrigger")?;
    let answer = target
        .lambda
        .update_event_source_mapping()
        .uuid(trigger)
        .enabled(enabled)
        .send()
        .await
        .map_err(|e| said("switching the trigger of route", &e))?;
    say(format_args!(
        "routing {} (trigger {trigger}: {})",
        if enabled {
            "goes on"
        } else {
            "is held; what comes in waits in its queue"
        },
        answer.state().unwrap_or("state unknown"),
    ));
    Ok(())
}
