//! One local stack at a time: its lock, its start in the background, its end.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use runtime::clock;
use stack::error::{Error, Result};
use stack::package::Project;

use crate::summary;

const POLL: Duration = Duration::from_millis(50);
const STOPS_WITHIN: Duration = Duration::from_secs(20);

/// Held while a stack runs; the kernel gives it back however the process ends.
pub struct Lock(#[expect(dead_code, reason = "the lock is its file being open")] File);

impl Lock {
    pub fn take(project: &Project) -> Result<Self> {
        let path = project.local.join("stack.lock");
        fs::create_dir_all(&project.local).map_err(Error::file(&project.local))?;
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::file(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::RunsAlready(holder(project).unwrap_or_default()));
            }
            Err(TryLockError::Error(error)) => return Err(Error::file(&path)(error)),
        }
        file.set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()))
            .map_err(Error::file(&path))?;
        Ok(Self(file))
    }
}

/// The process that wrote the lock file last.
fn holder(project: &Project) -> Option<u32> {
    fs::read_to_string(project.local.join("stack.lock"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// The process of the stack that runs now.
fn running(project: &Project) -> Option<u32> {
    let file = File::open(project.local.join("stack.lock")).ok()?;
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
        .then(|| holder(project))
        .flatten()
}

/// Starts a stack in the background, shows what it says, and returns once it is ready.
pub async fn start_detached(project: &Project) -> Result<()> {
    if let Some(pid) = running(project) {
        return Err(Error::RunsAlready(pid));
    }
    fs::create_dir_all(&project.local).map_err(Error::file(&project.local))?;
    let ready = project.local.join(summary::FILE);
    if ready.exists() {
        fs::remove_file(&ready).map_err(Error::file(&ready))?;
    }
    let path = project.local.join("stack.log");
    let log = File::create(&path).map_err(Error::file(&path))?;
    let errors = log.try_clone().map_err(Error::file(&path))?;
    let program = std::env::current_exe().map_err(Error::file(&path))?;
    let mut child = Command::new(&program)
        .arg("serve")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(Error::file(&program))?;

    let mut shown = 0;
    loop {
        let ended = child.try_wait().map_err(Error::file(&program))?;
        let is_ready = ready.exists();
        let said = fs::read_to_string(&path).unwrap_or_default();
        let new = &said[shown..];
        if ended.is_some() {
            let (progress, error) = new
                .trim_end()
                .rsplit_once('\n')
                .unwrap_or(("", new.trim_end()));
            print!("{progress}");
            return Err(Error::Usage(error.trim_start_matches("stack: ").to_owned()));
        }
        print!("{new}");
        std::io::stdout().flush().map_err(Error::file(&path))?;
        shown = said.len();
        if is_ready {
            println!(
                "It runs in the background, and logs to {}. `make stop` ends it.",
                path.display()
            );
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Ends the running stack and waits until it is gone.
pub async fn stop(project: &Project) -> Result<()> {
    let Some(pid) = running(project) else {
        println!("no local stack is running");
        return Ok(());
    };
    let told = Command::new("kill").arg(pid.to_string()).status();
    told.map_err(Error::file("kill".as_ref()))?;
    let started = clock::instant();
    while running(project) == Some(pid) {
        if started.elapsed() > STOPS_WITHIN {
            return Err(Error::Usage(format!(
                "process {pid} did not end within {} s",
                STOPS_WITHIN.as_secs()
            )));
        }
        tokio::time::sleep(POLL).await;
    }
    println!("stopped");
    Ok(())
}
