//! The log: JSON lines with flat fields.

use std::panic::PanicHookInfo;
use std::sync::OnceLock;

use runtime::settings::{self, SettingError};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The crates whose lines follow `LOG_LEVEL`. All others stay at `warn`: at `debug` the AWS SDK
/// and hyper print whole requests, and with them credentials and customers' words.
const OWN_CRATES: [&str; 23] = [
    "count_sla",
    "cxone",
    "delivery",
    "ingest",
    "interaction",
    "operator",
    "platforms",
    "redrive",
    "register_webhook",
    "rotate_tokens",
    "route",
    "rules",
    "runtime",
    "sandbox",
    "secrets",
    "signature",
    "simulator",
    "sla",
    "stack",
    "ticket_sync",
    "ticketing",
    "tokens",
    "upstream",
];

/// The metrics' namespace; set by [`init`]. Before it, metrics go nowhere, as log lines do.
static NAMESPACE: OnceLock<String> = OnceLock::new();

pub(crate) fn namespace() -> Option<&'static str> {
    NAMESPACE.get().map(String::as_str)
}

/// Sets up log and metrics for this process; a second call changes nothing.
///
/// Settings, both optional: `LOG_LEVEL` (`error`, `warn`, `info`, `debug`, `trace`; default
/// `info`) and `METRICS_NAMESPACE` (default [`names::NAMESPACE`](crate::names::NAMESPACE)).
///
/// # Errors
/// When a setting is malformed.
pub fn init() -> Result<(), SettingError> {
    let level = match settings::optional("LOG_LEVEL")? {
        None => LevelFilter::INFO,
        Some(level) => level.parse().map_err(|_| {
            settings::malformed("LOG_LEVEL", &"it must be error, warn, info, debug or trace")
        })?,
    };
    let namespace = settings::optional("METRICS_NAMESPACE")?;
    NAMESPACE.get_or_init(|| namespace.unwrap_or_else(|| crate::names::NAMESPACE.to_owned()));
    // The one error is that the process has its subscriber already.
    let _ = tracing_subscriber::registry()
        .with(layer(level, std::io::stdout))
        .try_init();
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Logs where it panicked, and its message where that is fixed text: another may hold what was
/// being read, and so a customer's words.
fn log_panic(panic: &PanicHookInfo) {
    let at = panic.location().map(ToString::to_string);
    let message = panic.payload().downcast_ref::<&'static str>().copied();
    tracing::error!(at, message = message.unwrap_or("panicked"));
}

fn layer<S, W>(level: LevelFilter, writer: W) -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(OWN_CRATES.map(|name| (name, level)));
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(writer)
        .with_filter(filter)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is written at `level` while `act` runs.
    fn written(level: LevelFilter, act: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let subscriber = tracing_subscriber::registry().with(layer(level, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, act);
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_flat_json_and_small() {
        let line = written(LevelFilter::INFO, || {
            tracing::info!(
                target: "route",
                interaction = "int_0123456789abcdef0123456789abcdef",
                stage = "routing",
                attempt = 1,
                outcome = "routed",
                latency_ms = 830,
            );
        });
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["outcome"], "routed");
        assert_eq!(value["latency_ms"], 830);
        assert_eq!(value["level"], "INFO");
        assert!(value["timestamp"].as_str().unwrap().ends_with('Z'));
        assert!(line.len() < 200, "{} bytes: {line}", line.len());
    }

    #[test]
    fn a_panic_is_a_line_that_says_where_and_never_what_was_read() {
        let lines = written(LevelFilter::INFO, || {
            std::panic::set_hook(Box::new(log_panic));
            let text = "Where is my order?";
            let _ = std::panic::catch_unwind(|| panic!("the text {text:?} is too long"));
            let _ = std::panic::catch_unwind(|| panic!("a batch was empty"));
            drop(std::panic::take_hook());
        });
        assert!(!lines.contains("order"), "{lines}");
        let lines: Vec<serde_json::Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
        assert_eq!(messages, ["panicked", "a batch was empty"]);
        for line in lines {
            assert_eq!(line["level"], "ERROR");
            assert!(line["at"].as_str().unwrap().contains("logs.rs:"), "{line}");
        }
    }

    #[test]
    fn other_crates_stay_at_warn_however_low_the_level_is() {
        let lines = written(LevelFilter::TRACE, || {
            tracing::debug!(target: "aws_smithy_runtime::client", "a whole request");
            tracing::trace!(target: "lambda_runtime", "a whole event");
            tracing::debug!(target: "route::batch", "ours");
        });
        assert!(lines.contains("ours"));
        assert!(!lines.contains("whole"), "{lines}");
    }

    #[test]
    fn a_level_above_warn_quiets_other_crates_too() {
        let lines = written(LevelFilter::ERROR, || {
            tracing::warn!(target: "hyper", "theirs");
            tracing::warn!(target: "route", "ours");
        });
        assert_eq!(lines, "");
    }
}
