//! Writing files so that nothing is ever half there.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::csv::{packet_header, packet_row};
use crate::model::log::PacketOutcome;

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot write: {source}; is the folder there, and writable?", path.display())]
pub struct OutputError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// Writes a file under a temporary name in the same folder, then renames it into place.
///
/// # Errors
/// [`OutputError`]; what stood there before stands there still.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), OutputError> {
    let write = || {
        let mut file = temporary_beside(path)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|source| OutputError { path: path.to_owned(), source })
}

/// The packets of a run as CSV, written as they come and renamed into place at the end.
#[derive(Debug)]
pub struct PacketFile {
    path: PathBuf,
    writer: std::io::BufWriter<tempfile::NamedTempFile>,
    /// The first failure; later packets are not written.
    failure: Option<std::io::Error>,
}

impl PacketFile {
    /// Begins the file that will be `path`.
    ///
    /// # Errors
    /// [`OutputError`] when no file can be made in its folder.
    pub fn create(path: &Path) -> Result<Self, OutputError> {
        let begin = || {
            let mut writer = std::io::BufWriter::new(temporary_beside(path)?);
            writer.write_all(packet_header().as_bytes())?;
            Ok(Self { path: path.to_owned(), writer, failure: None })
        };
        begin().map_err(|source| OutputError { path: path.to_owned(), source })
    }

    /// Adds a line; a failure is kept for [`finish`](Self::finish).
    pub fn add(&mut self, packet: &PacketOutcome) {
        if self.failure.is_none() {
            self.failure = self.writer.write_all(packet_row(packet).as_bytes()).err();
        }
    }

    /// Puts the file into place.
    ///
    /// # Errors
    /// [`OutputError`] when a line could not be written; then there is no file.
    pub fn finish(self) -> Result<(), OutputError> {
        let Self { path, writer, failure } = self;
        let end = || {
            if let Some(failure) = failure {
                return Err(failure);
            }
            let file = writer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        end().map_err(|source| OutputError { path: path.clone(), source })
    }
}

/// A temporary file in the folder of `path`, as readable as other files.
fn temporary_beside(path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".rxplan-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder.unwrap_or_else(|| Path::new(".")))
}
