//! The emulated AWS: one Python process and the functions that it runs as its children.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use runtime::{clock, settings};

use crate::error::{Error, Result};

const COMES_UP_WITHIN: Duration = Duration::from_secs(30);

/// A running emulator. Dropping it ends it, with every function process that it started.
pub struct Emulator {
    child: Child,
    endpoint: String,
    log: PathBuf,
}

impl Emulator {
    /// Starts one on `port` (0: a free one), with its scratch files and its log in `dir`. Where
    /// `METER` names a file, it notes there what the functions ask for.
    pub async fn start(python: &Path, dir: &Path, port: u16) -> Result<Self> {
        let port = free_port(port)?;
        let scratch = dir.join("tmp");
        if scratch.exists() {
            fs::remove_dir_all(&scratch).map_err(Error::file(&scratch))?;
        }
        fs::create_dir_all(&scratch).map_err(Error::file(&scratch))?;
        let log = dir.join("emulator.log");
        let output = File::create(&log).map_err(Error::file(&log))?;
        let errors = output.try_clone().map_err(Error::file(&log))?;

        let meter = settings::optional("METER").map_err(|error| Error::Usage(error.to_string()))?;

        let endpoint = format!("http://127.0.0.1:{port}");
        let child = Command::new(python)
            .args(["-c", include_str!("emulator.py")])
            // Functions inherit the emulator's environment, so it gets no more than it needs.
            .env_clear()
            .envs([
                ("PATH", "/usr/bin:/bin"),
                ("PYTHONUNBUFFERED", "1"),
                ("BIND_HOST", "127.0.0.1"),
                ("AUTH", "true"),
                ("MINISTACK_HOST", "127.0.0.1"),
                ("PERSIST_STATE", "0"),
                ("SFTP_ENABLED", "0"),
                ("IOT_MTLS_ENABLED", "0"),
                // Functions must not look for an instance's credentials.
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("GATEWAY_PORT", &port.to_string()),
                ("AWS_ENDPOINT_URL", &endpoint),
            ])
            .env("HOME", &scratch)
            .env("TMPDIR", &scratch)
            .envs(meter.map(|file| ("METER", file)))
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(Error::file(python))?;
        let mut emulator = Self {
            child,
            endpoint,
            log,
        };
        emulator.wait_until_ready().await?;
        Ok(emulator)
    }

    /// Its address, such as `http://127.0.0.1:4566`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// All that it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where it logs to.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let ready = format!("{}/_ministack/ready", self.endpoint);
        let http = reqwest::Client::new();
        let started = clock::instant();
        loop {
            if http
                .get(&ready)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.failed(&format!("it ended at once ({status})")));
            }
            if started.elapsed() > COMES_UP_WITHIN {
                return Err(self.failed(&format!(
                    "it did not answer within {} s",
                    COMES_UP_WITHIN.as_secs()
                )));
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    fn failed(&self, what: &str) -> Error {
        let log = self.log();
        let said = log.lines().rfind(|line| !line.trim().is_empty());
        let reason = said.map_or_else(
            || what.to_owned(),
            |said| format!("{what} and said last: {}", said.trim()),
        );
        Error::Emulator {
            reason,
            log: self.log.clone(),
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Closing the pipe tells it to end; see emulator.py.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn free_port(wanted: u16) -> Result<u16> {
    let listener =
        TcpListener::bind(("127.0.0.1", wanted)).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => Error::PortTaken(wanted),
            _ => Error::Usage(format!("port {wanted} can't be used: {error}")),
        })?;
    let address = listener
        .local_addr()
        .map_err(|error| Error::Usage(error.to_string()))?;
    Ok(address.port())
}
