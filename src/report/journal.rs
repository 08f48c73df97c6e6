//! Finished points of a sweep, and the journal in which they outlive a kill at any moment.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::output::{OutputError, write_atomically};
use crate::sweep::{self, Header, Journal, Record};

/// The finished points of a sweep or shard.
#[derive(Debug)]
pub struct FinishedPoints {
    header: Header,
    records: BTreeMap<usize, Record>,
    journal: Option<JournalFile>,
}

/// An open journal, which no other process writes to.
#[derive(Debug)]
struct JournalFile {
    path: PathBuf,
    file: File,
}

/// What is in the way of a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read or written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// It is of another sweep.
    #[error(
        "{}: is {why}; take another folder, or remove the file", path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is different.
        why: String,
    },
    /// It has points, and nobody said what is to become of them.
    #[error(
        "{}: holds {records} finished points of an unfinished sweep; go on with --resume, or \
         remove the file", path.display()
    )]
    Unfinished {
        /// The file.
        path: PathBuf,
        /// Points it holds.
        records: usize,
    },
    /// Another process writes to it.
    #[error("{}: another process is writing this sweep; let it finish", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
}

/// What to do with records that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Go on after them.
    Resume,
    /// Replace them if they are the whole of a sweep of so many points; there is nothing to lose.
    Replace(usize),
}

impl FinishedPoints {
    /// No points yet, and no journal.
    #[must_use]
    pub const fn in_memory(header: Header) -> Self {
        Self { header, records: BTreeMap::new(), journal: None }
    }

    /// The points of the journal at `path`, which is made if it is not there. A last line that was
    /// never finished is cut off.
    ///
    /// # Errors
    /// [`JournalError`] when it is of another sweep, unfinished, in use, or not a file.
    pub fn open(path: &Path, header: Header, existing: Existing) -> Result<Self, JournalError> {
        let at = OutputError::at(path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(&at)?;
        // Where locks cannot be had there are none, and two processes are the user's to avoid.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(JournalError::Locked { path: path.to_owned() });
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(&at)?;
        let (valid_bytes, records) = read(&text, &header, existing)
            .map_err(|why| why.at(path))?
            .map_or((0, Vec::new()), |journal| (journal.valid_bytes as u64, journal.records));
        file.set_len(valid_bytes).map_err(&at)?;
        file.seek(SeekFrom::End(0)).map_err(&at)?;
        if valid_bytes == 0 {
            file.write_all(sweep::line(&header).as_bytes()).map_err(&at)?;
        }
        let records = records.into_iter().map(|record| (record.point, record)).collect();
        Ok(Self { header, records, journal: Some(JournalFile { path: path.to_owned(), file }) })
    }

    /// The points of a finished part; `None` when it is not there.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read or is another's.
    pub fn read(path: &Path, header: &Header) -> Result<Option<Vec<Record>>, JournalError> {
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.map_err(OutputError::at(path))?,
        };
        let journal = read(&text, header, Existing::Resume).map_err(|why| why.at(path))?;
        Ok(Some(journal.map_or_else(Vec::new, |journal| journal.records)))
    }

    /// How many points a journal has; `None` when it is not there.
    #[must_use]
    pub fn count(path: &Path) -> Option<usize> {
        let text = std::fs::read(path).ok()?;
        Some(sweep::read(&text).map_or(0, |journal| journal.records.len()))
    }

    /// Whether a point is finished.
    #[must_use]
    pub fn has(&self, point: usize) -> bool {
        self.records.contains_key(&point)
    }

    /// Whether points outlive a kill.
    #[must_use]
    pub const fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// How many are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Adds a finished point.
    ///
    /// # Errors
    /// [`OutputError`]; what was there before is there still.
    pub fn add(&mut self, record: Record) -> Result<(), OutputError> {
        if let Some(JournalFile { path, file }) = &mut self.journal {
            let line = sweep::line(&record);
            file.write_all(line.as_bytes()).map_err(OutputError::at(path))?;
        }
        self.records.insert(record.point, record);
        Ok(())
    }

    /// Writes header and points, in order and at once, to `path`. The journal, if there is one and
    /// it is another file, is removed.
    ///
    /// # Errors
    /// [`OutputError`]; then the journal is there still.
    pub fn write(&mut self, path: &Path) -> Result<(), OutputError> {
        let mut text = sweep::line(&self.header);
        text.extend(self.records.values().map(sweep::line));
        write_atomically(path, text.as_bytes())?;
        match self.journal.take().filter(|journal| journal.path != path) {
            Some(JournalFile { path, .. }) => match std::fs::remove_file(&path) {
                // Another process finished the same points.
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                removed => removed.map_err(OutputError::at(&path)),
            },
            None => Ok(()),
        }
    }

    /// The points in order.
    #[must_use]
    pub fn into_records(self) -> Vec<Record> {
        self.records.into_values().collect()
    }
}

/// What is to be kept of a journal's text: nothing where it is to be replaced.
fn read(text: &[u8], header: &Header, existing: Existing) -> Result<Option<Journal>, Refusal> {
    let Some(journal) = sweep::read(text) else {
        return match text.contains(&b'\n') {
            true => Err(Refusal::Foreign("no journal that this version reads".to_owned())),
            false => Ok(None),
        };
    };
    match existing {
        Existing::Replace(points) if (1..points).contains(&journal.records.len()) => {
            Err(Refusal::Unfinished(journal.records.len()))
        }
        Existing::Replace(_) => Ok(None),
        Existing::Resume => match journal.header.difference(header) {
            Some(why) => Err(Refusal::Foreign(why)),
            None => Ok(Some(journal)),
        },
    }
}

/// Why a journal's text is refused.
enum Refusal {
    Foreign(String),
    Unfinished(usize),
}

impl Refusal {
    fn at(self, path: &Path) -> JournalError {
        let path = path.to_owned();
        match self {
            Self::Foreign(why) => JournalError::Foreign { path, why },
            Self::Unfinished(records) => JournalError::Unfinished { path, records },
        }
    }
}
