//! Shows why a text is routed as it is, and how well the rules do on an operator's own messages.
//!
//! - `input`: reading texts, labelled texts, past interactions and rules
//! - `texts`: one text, or each of a file, with its words and the rule that held
//! - `labelled`: how well the rules do on texts whose label is known
//! - `replay`: which past interactions changed rules would move
//!
//! The texts are customers' words: they are printed only because they were handed over, and are
//! neither kept nor sent anywhere.

mod input;
mod labelled;
mod replay;
mod texts;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rules::{Rules, Scorer, Settings};

/// Shows why a text is routed as it is: its words with their weights, its language, rule and skills.
#[derive(Parser)]
#[command(name = "explain")]
struct Arguments {
    /// The text to explain
    #[arg(required_unless_present_any = ["file", "labelled", "replay"])]
    text: Option<String>,

    /// A file of texts: one a line, or JSON lines with `text` and perhaps `platform` (- is standard input)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "labelled", "replay"])]
    file: Option<PathBuf>,

    /// Texts with a known `label` (negative, neutral or positive), CSV or JSON lines: how well do the rules do?
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "replay"])]
    labelled: Option<PathBuf>,

    /// Past interactions, JSON lines (webhook payloads, queue bodies, or `text` and `platform`): which would --rules move?
    #[arg(long, value_name = "FILE", requires = "rules", conflicts_with = "text")]
    replay: Option<PathBuf>,

    /// The rules file; the built-in rules without it
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// With --replay, the rules to compare with; the built-in ones without it
    #[arg(long, value_name = "FILE", requires = "replay")]
    old_rules: Option<PathBuf>,

    /// How texts are scored: `vader` or `support`
    #[arg(long, default_value = "vader")]
    scorer: Scorer,

    /// Look for the language, as the language rule needs
    #[arg(long)]
    language: bool,

    /// The platform that texts come from where a file doesn't say
    #[arg(long, default_value = "facebook")]
    platform: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        // Whoever reads the output may close it early (`explain … | head`).
        Ok(output) => match std::io::stdout().write_all(output.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => fail(&format!("the output can't be written: {error}")),
        },
        Err(problem) => fail(&problem),
    }
}

fn fail(problem: &str) -> ExitCode {
    eprintln!("explain: {problem}");
    ExitCode::FAILURE
}

fn run(arguments: &Arguments) -> Result<String, String> {
    let settings = Settings {
        scorer: arguments.scorer,
        detect_language: arguments.language,
    };
    let rules = read_rules(arguments.rules.as_ref())?;
    let platform = &arguments.platform;
    if let Some(path) = &arguments.labelled {
        let texts = input::labelled(path, platform)?;
        let report = labelled::report(&texts, &rules, settings);
        return if arguments.json {
            json(&report)
        } else {
            Ok(labelled::print(&report))
        };
    }
    if let Some(path) = &arguments.replay {
        let old_rules = read_rules(arguments.old_rules.as_ref())?;
        let past = input::past(path, platform)?;
        let report = replay::report(&past, &old_rules, &rules, settings);
        return if arguments.json {
            json(&report)
        } else {
            Ok(replay::print(&report))
        };
    }
    let texts = match (&arguments.text, &arguments.file) {
        (Some(text), _) => vec![input::Text {
            text: text.clone(),
            platform: platform.clone(),
        }],
        (None, Some(path)) => input::texts(path, platform)?,
        (None, None) => {
            return Err("give a text, or one of --file, --labelled and --replay".to_owned());
        }
    };
    let explanations = texts
        .iter()
        .map(|text| rules::explain(&text.message(), &rules, &settings));
    if arguments.json {
        return explanations.map(|explanation| json(&explanation)).collect();
    }
    Ok(explanations
        .map(|explanation| texts::print(&explanation))
        .collect::<Vec<_>>()
        .join("\n"))
}

fn read_rules(path: Option<&PathBuf>) -> Result<Rules, String> {
    let Some(path) = path else {
        return Ok(Rules::default());
    };
    Rules::parse(&input::read(path)?).map_err(|error| format!("{}: {error}", path.display()))
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, String> {
    serde_json::to_string(value)
        .map(|json| json + "\n")
        .map_err(|error| format!("no JSON can be made: {error}"))
}
