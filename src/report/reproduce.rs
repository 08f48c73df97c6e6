//! The result of `reproduce`.

use serde::Serialize;

use super::SCHEMA;
use super::csv::rows_csv;

/// What `rxplan reproduce` says.
#[derive(Debug, Clone, Serialize)]
pub struct ReproduceReport {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// Whether all files are the same.
    pub same: bool,
    /// One by one.
    pub files: Vec<ReproducedFile>,
}

/// A file made again.
#[derive(Debug, Clone, Serialize)]
pub struct ReproducedFile {
    /// Its name.
    pub file: String,
    /// Whether the file that was there has the same bytes.
    pub same: bool,
}

impl ReproduceReport {
    /// The report of these files; none is no proof of anything.
    #[must_use]
    pub fn new(files: Vec<ReproducedFile>) -> Self {
        let same = !files.is_empty() && files.iter().all(|file| file.same);
        Self { schema: SCHEMA, command: "reproduce", same, files }
    }

    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let verdict = |same: bool| if same { "the same bytes" } else { "differs, or is not there" };
        self.files.iter().map(|file| format!("{}: {}\n", file.file, verdict(file.same))).collect()
    }

    /// One row a file.
    #[must_use]
    pub fn csv(&self) -> String {
        rows_csv(&self.files)
    }
}
