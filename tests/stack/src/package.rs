//! The functions' binaries, zipped as Lambda takes them.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use runtime::settings;
use zip::write::SimpleFileOptions;

use crate::error::{Error, Result};
use crate::template::{self, Function};

/// Where things are: the repository, what cargo built, and the folder of the local stack.
pub struct Project {
    pub template: String,
    pub functions: Vec<Function>,
    /// The folder with the functions' binaries, such as `target/debug`.
    pub binaries: PathBuf,
    /// `target/local`.
    pub local: PathBuf,
}

impl Project {
    /// The project that the running program was built from. Binaries are looked for beside it, or
    /// where `BINARIES` says.
    pub fn locate() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().map_err(Error::file(&root))?;
        let path = root.join("template.yaml");
        let template = fs::read_to_string(&path).map_err(Error::file(&path))?;
        let program =
            std::env::current_exe().map_err(Error::file(Path::new("the running program")))?;
        // Test programs are a folder deeper, in `deps`.
        let beside = program
            .ancestors()
            .skip(1)
            .find(|dir| !dir.ends_with("deps"))
            .unwrap_or(&root)
            .to_owned();
        let binaries = settings::optional("BINARIES")
            .map_err(|error| Error::Usage(error.to_string()))?
            .map_or(beside, PathBuf::from);
        Ok(Self {
            functions: template::functions(&template)?,
            template,
            binaries,
            local: root.join("target/local"),
        })
    }

    /// Each binary's name and its zip.
    pub fn zips(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let zipped =
            |function: &Function| Ok((function.binary.clone(), self.zip(&function.binary)?));
        std::thread::scope(|threads| {
            let threads = self
                .functions
                .iter()
                .map(|function| threads.spawn(move || zipped(function)));
            let threads: Vec<_> = threads.collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("zipping doesn't panic"))
                .collect()
        })
    }

    fn zip(&self, binary: &str) -> Result<Vec<u8>> {
        let mut path = self.binaries.join(binary);
        if path.is_dir() {
            // So cargo-lambda leaves it.
            path.push("bootstrap");
        }
        let code = fs::read(&path).map_err(|_| Error::NotBuilt(binary.to_owned()))?;
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::with_capacity(code.len() / 2)));
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .compression_level(Some(1))
            .unix_permissions(0o755);
        let zipped = zip
            .start_file("bootstrap", options)
            .map_err(std::io::Error::from);
        let zipped = zipped
            .and_then(|()| zip.write_all(&code))
            .and_then(|()| Ok(zip.finish()?));
        Ok(zipped.map_err(Error::file(&path))?.into_inner())
    }
}
