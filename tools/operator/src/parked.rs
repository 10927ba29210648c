//! What is parked and why, and sending it back.

use delivery::parked::{self, Parked, SentBack};
use jiff::Timestamp;
use runtime::output::say;

use crate::Outcome;
use crate::target::Target;

/// The stages, with the queues that their messages go back to.
pub const STAGES: &[(&str, &str)] = &[("routing", "RoutingQueue"), ("ticketing", "TicketingQueue")];

#[derive(clap::Args)]
pub struct ListArgs {
    /// Only what this stage has parked.
    #[arg(long, value_parser = ["routing", "ticketing"])]
    stage: Option<String>,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub struct SendBackArgs {
    /// All of them.
    #[arg(long)]
    all: bool,
    /// Those whose reason contains this text.
    #[arg(long)]
    reason: Option<String>,
    /// The interaction of this id.
    #[arg(long)]
    id: Option<String>,
}

impl SendBackArgs {
    fn chooses(&self, parked: &Parked) -> bool {
        if let Some(reason) = &self.reason {
            return parked.reason.contains(reason);
        }
        match &self.id {
            Some(id) => interaction_of(parked) == id,
            None => self.all,
        }
    }
}

/// Prints a line for each parked item, the oldest first.
pub async fn list(target: &Target, args: &ListArgs) -> Outcome<()> {
    let mut count = 0;
    for (stage, _) in STAGES {
        if args.stage.as_deref().is_some_and(|only| only != *stage) {
            continue;
        }
        for parked in all(target, stage).await? {
            count += 1;
            say(format_args!(
                "{}  {stage:<9}  {}  {} attempts  {}",
                Timestamp::from_millisecond(parked.parked_at)
                    .map_or_else(|_| "at an unknown time".into(), |at| format!("{at:.0}")),
                interaction_of(&parked),
                parked.attempts,
                parked.reason,
            ));
        }
    }
    if count == 0 {
        say("nothing is parked");
    }
    Ok(())
}

/// Sends the chosen ones back to their queues.
pub async fn send_back(target: &Target, args: &SendBackArgs) -> Outcome<()> {
    let (mut sent, mut refused) = (0, 0);
    for (stage, queue) in STAGES {
        let queue_url = target.resource(queue)?;
        for parked in all(target, stage).await? {
            if !args.chooses(&parked) {
                continue;
            }
            let answer = parked::send_back(
                &target.dynamodb,
                target.table()?,
                &target.sqs,
                queue_url,
                &parked,
            )
            .await
            .map_err(|e| e.to_string())?;
            match answer {
                SentBack::Yes => sent += 1,
                SentBack::NotParked => {}
                SentBack::Refused => {
                    refused += 1;
                    eprintln!("{} was not taken by {queue}", interaction_of(&parked));
                }
            }
        }
    }
    say(format_args!(
        "{sent} sent back; each is parked until its message is received"
    ));
    match refused {
        0 => Ok(()),
        n => Err(format!(
            "{n} were not taken by their queue and stay parked: try again"
        )),
    }
}

/// What the stage has parked, the oldest first.
pub async fn all(target: &Target, stage: &str) -> Outcome<Vec<Parked>> {
    parked::list(&target.dynamodb, target.table()?, stage)
        .await
        .map_err(|e| e.to_string())
}

fn interaction_of(parked: &Parked) -> &str {
    parked.pk.strip_prefix("interaction#").unwrap_or(&parked.pk)
}
