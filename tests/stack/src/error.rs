//! Why the local stack can't run, each reason one sentence that says what to do.

use std::path::{Path, PathBuf};

use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "Python 3.10 or newer is needed and was not found: install it (on Debian and Ubuntu: apt-get install python3 python3-venv)"
    )]
    NoPython,
    #[error(
        "the virtual environment {dir} can't be made: {reason} (on Debian and Ubuntu it needs the package python3-venv)"
    )]
    Venv { dir: PathBuf, reason: String },
    #[error("the emulator's packages can't be installed: {0}")]
    Packages(String),
    #[error(
        "port {0} is taken: stop what listens there (`make stop`, if it is an earlier stack), or take another one with PORT=…"
    )]
    PortTaken(u16),
    #[error("a local stack runs already (process {0}): end it with `make stop`")]
    RunsAlready(u32),
    #[error("the emulator did not come up: {reason}; its log is {}", log.display())]
    Emulator { reason: String, log: PathBuf },
    #[error(
        "the function {0} is not built: run `cargo build --workspace --bins` first (`make run` and `make test` do)"
    )]
    NotBuilt(String),
    #[error("template.yaml: {0}")]
    Template(String),
    #[error("the stack {stack} can't be deployed: {reason}")]
    Deploy { stack: String, reason: String },
    #[error("{call} failed on the emulator: {reason}")]
    Aws { call: &'static str, reason: String },
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0}")]
    Usage(String),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    pub fn sdk<E, R>(call: &'static str) -> impl FnOnce(SdkError<E, R>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: std::fmt::Debug,
    {
        move |error| Self::Aws {
            call,
            reason: said(&error),
        }
    }

    pub(crate) fn aws(call: &'static str, reason: &impl ToString) -> Self {
        Self::Aws {
            call,
            reason: reason.to_string(),
        }
    }
}

/// What AWS said, in its own words where it said any.
fn said<E, R>(error: &SdkError<E, R>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    error
        .message()
        .map_or_else(|| DisplayErrorContext(error).to_string(), str::to_owned)
}
