//! Writing files so that nothing is ever half there.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot write: {}; is the folder there, and writable?", path.display(), source.kind())]
pub struct OutputError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

impl OutputError {
    pub(super) fn at(path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |source| Self { path: path.to_owned(), source }
    }
}

/// Writes a file under a temporary name in the same folder, then renames it into place.
///
/// # Errors
/// [`OutputError`]; what stood there before stands there still.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), OutputError> {
    let write = || {
        let mut output = Output::create(path)?;
        output.write_all(content)?;
        output.finish()
    };
    write().map_err(OutputError::at(path))
}

/// Finds out whether a file could be written, before the work that fills it.
///
/// # Errors
/// [`OutputError`] when no file can be made there.
pub fn check_writable(path: &Path) -> Result<(), OutputError> {
    Output::create(path).map(drop).map_err(OutputError::at(path))
}

/// A file under way: a temporary one that will be renamed, or a device or pipe written to directly.
#[derive(Debug)]
enum Output {
    Temporary { file: tempfile::NamedTempFile, target: PathBuf },
    Direct(std::fs::File),
}

impl Output {
    fn create(path: &Path) -> std::io::Result<Self> {
        // Through links, so that the link stays one.
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match std::fs::metadata(&target) {
            Ok(found) if found.is_dir() => Err(std::io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => {
                std::fs::OpenOptions::new().write(true).open(&target).map(Self::Direct)
            }
            _ => Ok(Self::Temporary { file: temporary_beside(&target)?, target }),
        }
    }

    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Direct(_) => Ok(()),
            Self::Temporary { file, target } => {
                file.as_file().sync_all()?;
                file.persist(target)?;
                Ok(())
            }
        }
    }
}

impl std::io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Temporary { file, .. } => file.write(bytes),
            Self::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Temporary { file, .. } => file.flush(),
            Self::Direct(file) => file.flush(),
        }
    }
}

/// A line of a CSV file.
pub trait Row {
    /// The names of its columns, and an end of line.
    const HEADER: &'static str;

    /// The line with its end.
    fn line(&self) -> String;
}

/// CSV that is written as it comes, and renamed into place at the end.
#[derive(Debug)]
pub struct RowFile<R> {
    path: PathBuf,
    writer: std::io::BufWriter<Output>,
    /// The first failure; later rows are not written.
    failure: Option<std::io::Error>,
    row: std::marker::PhantomData<fn(&R)>,
}

impl<R: Row> RowFile<R> {
    /// Begins the file that will be `path`, with a comment if that is not empty.
    ///
    /// # Errors
    /// [`OutputError`] when no file can be made in its folder.
    pub fn create(path: &Path, comment: &str) -> Result<Self, OutputError> {
        let begin = || {
            let mut writer = std::io::BufWriter::new(Output::create(path)?);
            for line in comment.lines() {
                writeln!(writer, "# {line}")?;
            }
            writer.write_all(R::HEADER.as_bytes())?;
            let path = path.to_owned();
            Ok(Self { path, writer, failure: None, row: std::marker::PhantomData })
        };
        begin().map_err(OutputError::at(path))
    }

    /// Adds a line; a failure is kept for [`finish`](Self::finish).
    pub fn add(&mut self, row: &R) {
        if self.failure.is_none() {
            self.failure = self.writer.write_all(row.line().as_bytes()).err();
        }
    }

    /// Puts the file into place.
    ///
    /// # Errors
    /// [`OutputError`] when a line could not be written; then there is no file.
    pub fn finish(self) -> Result<(), OutputError> {
        let Self { path, writer, failure, .. } = self;
        let end = || {
            if let Some(failure) = failure {
                return Err(failure);
            }
            writer.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish()
        };
        end().map_err(OutputError::at(&path))
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
