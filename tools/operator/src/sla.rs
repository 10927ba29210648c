//! What customers waited, as a table and a picture.

use std::path::PathBuf;

use clap::ValueEnum;
use runtime::output::say;
use sla::report::{Grain, Report};
use sla::{Hour, Platform};

use crate::Outcome;
use crate::target::{Target, said};

#[derive(clap::Args)]
pub struct Args {
    /// How many hours back, the current one included.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(i64).range(1..=9600), conflicts_with = "from")]
    hours: i64,
    /// First hour in UTC, such as 2026-11-22T09.
    #[arg(long, requires = "to")]
    from: Option<Hour>,
    /// Last hour, included.
    #[arg(long, requires = "from")]
    to: Option<Hour>,
    /// Only this platform; those without rows of their own are `other`.
    #[arg(long)]
    platform: Option<String>,
    /// How finely the table divides the time.
    #[arg(long, value_enum, default_value_t = By::Span)]
    by: By,
    /// Where the picture goes.
    #[arg(long, default_value = "target/sla.svg")]
    svg: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Span,
    Day,
    Hour,
}

/// Prints the table and writes the picture.
pub async fn run(target: &Target, args: &Args) -> Outcome<()> {
    let (first, last) = span(args)?;
    let threshold = threshold(target).await?;
    let mut series = sla::store::all(&target.dynamodb, target.table()?, first, last)
        .await
        .map_err(|error| error.to_string())?;
    if let Some(platform) = &args.platform {
        let platform = Platform::of(platform);
        series.retain(|key, _| key.platform == platform);
    }
    let report = Report {
        first,
        last,
        threshold,
        series,
    };
    let grain = match args.by {
        By::Span => Grain::Span,
        By::Day => Grain::Day,
        By::Hour => Grain::Hour,
    };
    say(report.table(grain).trim_end());
    let path = &args.svg;
    let write = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    write
        .and_then(|()| std::fs::write(path, report.svg()))
        .map_err(|error| {
            format!(
                "the picture can't be written to {}: {error}",
                path.display()
            )
        })?;
    say(format_args!(
        "\nThe distribution and the breaches are drawn in {}",
        path.display()
    ));
    Ok(())
}

fn span(args: &Args) -> Outcome<(Hour, Hour)> {
    match (args.from, args.to) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        (Some(first), Some(last)) => Err(format!("--from {first} lies after --to {last}")),
        _ => {
            let last = Hour::of(runtime::clock::now());
            Ok((last.plus(1 - args.hours), last))
        }
    }
}

/// The threshold that the stack counts breaches by.
async fn threshold(target: &Target) -> Outcome<u64> {
    const SETTING: &str = "SLA_THRESHOLD_MILLISECONDS";
    let function = target.resource("CountSlaFunction")?;
    let answer = target
        .lambda
        .get_function_configuration()
        .function_name(function)
        .send()
        .await
        .map_err(|error| {
            said(
                "reading the threshold from CountSlaFunction's settings",
                &error,
            )
        })?;
    answer
        .environment()
        .and_then(|environment| environment.variables())
        .and_then(|variables| variables.get(SETTING))
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| format!("CountSlaFunction has no valid setting {SETTING}"))
}
