//! The emulator's virtual environment, made once inside the build folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::error::{Error, Result};

const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// The Python of a virtual environment that holds the pinned packages; makes it where it is
/// missing or was made for other pins.
///
/// Processes that ask at the same time wait for one another. `say` hears what takes long.
pub fn environment(local: &Path, say: impl Fn(&str)) -> Result<PathBuf> {
    fs::create_dir_all(local).map_err(Error::file(local))?;
    let lock_path = local.join("venv.lock");
    let lock = File::create(&lock_path).map_err(Error::file(&lock_path))?;
    lock.lock().map_err(Error::file(&lock_path))?;

    let dir = local.join("venv");
    let python = dir.join("bin/python");
    let installed = dir.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|pins| pins == REQUIREMENTS) && runs(&python) {
        return Ok(python);
    }

    let base = base_python().ok_or(Error::NoPython)?;
    say("setting up the emulated AWS (once, about half a minute) …");
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(Error::file(&dir))?;
    }
    let made = Command::new(base).args(["-m", "venv"]).arg(&dir).output();
    let venv_error = |reason: String| Error::Venv {
        dir: dir.clone(),
        reason,
    };
    let made = made.map_err(|error| venv_error(error.to_string()))?;
    if !made.status.success() {
        return Err(venv_error(last_line(&made)));
    }
    let pins = dir.join("pins.txt");
    fs::write(&pins, REQUIREMENTS).map_err(Error::file(&pins))?;
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--requirement",
    ];
    let got = Command::new(&python).args(install).arg(&pins).output();
    let got = got.map_err(|error| Error::Packages(error.to_string()))?;
    if !got.status.success() {
        return Err(Error::Packages(last_line(&got)));
    }
    // Under this name only now: an installation that was cut short is done again.
    fs::rename(&pins, &installed).map_err(Error::file(&installed))?;
    Ok(python)
}

fn base_python() -> Option<&'static str> {
    [
        "python3",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
        "python3.10",
        "python",
    ]
    .into_iter()
    .find(|name| runs(Path::new(name)))
}

/// Whether this is a Python of at least 3.10.
fn runs(python: &Path) -> bool {
    let check = "import sys; sys.exit(sys.version_info < (3, 10))";
    Command::new(python)
        .args(["-c", check])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// What a failed tool said last.
fn last_line(output: &Output) -> String {
    let text = [output.stderr.as_slice(), output.stdout.as_slice()].map(String::from_utf8_lossy);
    let last = text
        .iter()
        .flat_map(|text| text.lines())
        .rfind(|line| !line.trim().is_empty());
    last.unwrap_or("it said nothing").trim().to_owned()
}
