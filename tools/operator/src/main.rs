//! What an operator asks of a running stack. A subcommand a file.
//!
//! - [`target`]: which stack, and its clients.
//! - [`interaction`]: where one interaction is, with its history.
//! - [`parked`]: what is parked and why, and sending it back.
//! - [`pause`]: holding routing, and letting it go on.
//! - [`forget`]: erasing a contact.
//! - [`platform`]: adding a social platform, and rotating a token by hand.
//! - [`rules`]: checking and putting the routing rules.
//! - [`environment`]: the functions' settings, for running one alone.
//! - [`doctor`]: whether credentials, registration, tokens and queues are well.
//! - [`sla`]: what customers waited.

#![warn(
    clippy::print_stdout,
    reason = "a closed pipe makes it panic: `runtime::output::say`"
)]

mod doctor;
mod environment;
mod forget;
mod interaction;
mod parked;
mod pause;
mod platform;
mod rules;
mod sla;
mod target;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::target::Target;

/// Looks into a running stack and steers it. Without --stack it speaks to the local one.
#[derive(Parser)]
#[command(name = "operator", max_term_width = 100)]
struct Args {
    /// Name of the CloudFormation stack on AWS; the local stack where it is left out.
    #[arg(long, global = true)]
    stack: Option<String>,
    /// Profile of the AWS configuration files.
    #[arg(long, global = true, requires = "stack")]
    profile: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows where an interaction is, stage by stage, with its attempts.
    Interaction { id: String },
    /// Lists what is parked, with reasons.
    Parked(parked::ListArgs),
    /// Sends parked interactions back: all, those of a reason, or one.
    SendBack(parked::SendBackArgs),
    /// Holds routing; what comes in waits in its queue.
    Pause,
    /// Lets routing go on.
    Resume,
    /// Erases a contact from the ledger and from parked items.
    Forget { contact_id: String },
    /// Adds a social platform or replaces its secret's JSON.
    PlatformAdd(platform::AddArgs),
    /// Shows the state of every token.
    Tokens,
    /// Rotates a token now: a platform, `cxone` or `signing-secret`.
    Rotate { name: String },
    /// Shows the rules that decide.
    Rules,
    /// Checks a rules file, and puts it unless --check.
    RulesPut(rules::PutArgs),
    /// Prints the functions' settings, for running one of them alone.
    Environment(environment::Args),
    /// Says in a sentence each whether the parts are well.
    Doctor,
    /// Prints what customers waited, and draws it.
    Sla(sla::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match run(args).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("operator: {error}");
            ExitCode::FAILURE
        }
    }
}

/// An error is a sentence for the person at the terminal.
type Outcome<T> = Result<T, String>;

async fn run(args: Args) -> Outcome<ExitCode> {
    let target = Target::open(args.stack, args.profile).await?;
    match args.command {
        Command::Interaction { id } => interaction::show(&target, &id).await?,
        Command::Parked(args) => parked::list(&target, &args).await?,
        Command::SendBack(args) => parked::send_back(&target, &args).await?,
        Command::Pause => pause::set(&target, false).await?,
        Command::Resume => pause::set(&target, true).await?,
        Command::Forget { contact_id } => forget::run(&target, &contact_id).await?,
        Command::PlatformAdd(args) => platform::add(&target, &args).await?,
        Command::Tokens => platform::tokens(&target).await?,
        Command::Rotate { name } => platform::rotate(&target, &name).await?,
        Command::Rules => rules::show(&target).await?,
        Command::RulesPut(args) => rules::put(&target, &args).await?,
        Command::Environment(args) => environment::print(&target, &args).await?,
        Command::Doctor => return doctor::run(&target).await,
        Command::Sla(args) => sla::run(&target, &args).await?,
    }
    Ok(ExitCode::SUCCESS)
}
