//! Reading what an operator hands over. Every error says which file and line, and none repeats a
//! customer's words.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use interaction::{Envelope, Payload};
use rules::{Label, Message};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A text and where it was written.
pub struct Text {
    pub text: String,
    pub platform: String,
}

impl Text {
    pub fn message(&self) -> Message<'_> {
        Message {
            text: &self.text,
            platform: &self.platform,
        }
    }
}

/// A text whose label is known.
pub struct Labelled {
    pub text: Text,
    pub label: Label,
}

/// A past interaction.
pub struct Past {
    /// Its id, or else its line in the file.
    pub name: String,
    pub text: Text,
}

#[derive(Deserialize)]
struct TextLine {
    text: String,
    platform: Option<String>,
}

#[derive(Deserialize)]
struct LabelledLine {
    text: String,
    label: String,
    platform: Option<String>,
}

#[derive(Deserialize)]
struct PastLine {
    interaction_id: Option<String>,
    text: String,
    platform: Option<String>,
}

/// The whole of a file, or of standard input for `-`.
pub fn read(path: &Path) -> Result<String, String> {
    let read = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    let text = read.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => format!("{}: is not UTF-8 text", path.display()),
        _ => format!("{}: can't be read: {error}", path.display()),
    })?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// The lines that hold something, with their numbers from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

fn json<T: DeserializeOwned>(path: &Path, number: usize, line: &str) -> Result<T, String> {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(line)).map_err(
        |error| {
            let problem = match error.inner().classify() {
                serde_json::error::Category::Data => {
                    format!("{} is missing or of the wrong type", field(&error))
                }
                _ => format!("is not JSON (column {})", error.inner().column()),
            };
            format!("{}: line {number}: {problem}", path.display())
        },
    )
}

/// The field that an error is about. A missing one is only named in the message, which for that kind
/// of error holds nothing else.
fn field(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let message = error.inner().to_string();
    match message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split_once('`'))
    {
        Some((field, _)) => format!("`{field}`"),
        None => format!("`{}`", error.path()),
    }
}

fn not_empty<T>(path: &Path, list: Vec<T>) -> Result<Vec<T>, String> {
    if list.is_empty() {
        Err(format!("{}: holds no text", path.display()))
    } else {
        Ok(list)
    }
}

/// Texts, one a line, or JSON lines.
pub fn texts(path: &Path, platform: &str) -> Result<Vec<Text>, String> {
    let file = read(path)?;
    let is_json = is_json(&file);
    let texts = lines(&file).map(|(number, line)| {
        if !is_json {
            return Ok(Text {
                text: line.to_owned(),
                platform: platform.to_owned(),
            });
        }
        let line: TextLine = json(path, number, line)?;
        Ok(Text {
            text: line.text,
            platform: line.platform.unwrap_or_else(|| platform.to_owned()),
        })
    });
    not_empty(path, texts.collect::<Result<_, String>>()?)
}

/// Labelled texts: CSV with a heading, or JSON lines.
pub fn labelled(path: &Path, platform: &str) -> Result<Vec<Labelled>, String> {
    let file = read(path)?;
    let rows: Vec<(u64, LabelledLine)> = if is_json(&file) {
        lines(&file)
            .map(|(number, line)| Ok((number as u64, json(path, number, line)?)))
            .collect::<Result<_, String>>()?
    } else {
        csv_rows(path, &file)?
    };
    let labelled = rows.into_iter().map(|(number, row)| {
        let label = label(&row.label).ok_or_else(|| {
            format!(
                "{}: line {number}: `label` must be negative, neutral or positive",
                path.display()
            )
        })?;
        let text = Text {
            text: row.text,
            platform: row.platform.unwrap_or_else(|| platform.to_owned()),
        };
        Ok(Labelled { text, label })
    });
    not_empty(path, labelled.collect::<Result<_, String>>()?)
}

fn csv_rows(path: &Path, file: &str) -> Result<Vec<(u64, LabelledLine)>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::Headers)
        .from_reader(file.as_bytes());
    let headings = reader
        .headers()
        .map_err(|_| format!("{}: is not CSV", path.display()))?
        .clone();
    for column in ["text", "label"] {
        if !headings.iter().any(|heading| heading == column) {
            return Err(format!(
                "{}: the first line must name the columns `text` and `label`",
                path.display()
            ));
        }
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let broken = |number: u64| {
            format!(
                "{}: line {number}: has another number of columns than the first line",
                path.display()
            )
        };
        let record =
            record.map_err(|error| broken(error.position().map_or(0, csv::Position::line)))?;
        let number = record.position().map_or(0, csv::Position::line);
        rows.push((
            number,
            record
                .deserialize(Some(&headings))
                .map_err(|_| broken(number))?,
        ));
    }
    Ok(rows)
}

fn label(label: &str) -> Option<Label> {
    match label.trim().to_ascii_lowercase().as_str() {
        "negative" | "neg" => Some(Label::Negative),
        "neutral" | "neu" => Some(Label::Neutral),
        "positive" | "pos" => Some(Label::Positive),
        _ => None,
    }
}

/// Past interactions, JSON lines: queue bodies, webhook payloads, or `text` with perhaps `platform`
/// and `interaction_id`.
pub fn past(path: &Path, platform: &str) -> Result<Vec<Past>, String> {
    let file = read(path)?;
    let past = lines(&file).map(|(number, line)| {
        let value: serde_json::Value = json(path, number, line)?;
        let wrong = |error: interaction::PayloadError| {
            format!("{}: line {number}: {error}", path.display())
        };
        if value.get("interaction").is_some() {
            let envelope = Envelope::parse(line).map_err(wrong)?;
            let accepted = envelope.interaction;
            return Ok(of_payload(
                accepted.interaction_id.to_string(),
                &accepted.payload,
            ));
        }
        if value.get("messages").is_some() {
            let payload = Payload::parse(line.as_bytes()).map_err(wrong)?;
            return Ok(of_payload(format!("line {number}"), &payload));
        }
        let line: PastLine = json(path, number, line)?;
        let text = Text {
            text: line.text,
            platform: line.platform.unwrap_or_else(|| platform.to_owned()),
        };
        Ok(Past {
            name: line
                .interaction_id
                .unwrap_or_else(|| format!("line {number}")),
            text,
        })
    });
    not_empty(path, past.collect::<Result<_, String>>()?)
}

fn of_payload(name: String, payload: &Payload) -> Past {
    let text = payload.latest_message().text.clone();
    Past {
        name,
        text: Text {
            text,
            platform: payload.social_profile.platform.clone(),
        },
    }
}
