//! The manifest beside results: what made them.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::simulate::EngineReport;

/// What is needed to make the same results again, and how long it took.
#[derive(Debug, Clone, Serialize)]
pub struct Manifest {
    /// Version of this program.
    pub version: &'static str,
    /// The command.
    pub command: &'static str,
    /// The scenario file, `<stdin>` or `<built-in>`.
    pub scenario: String,
    /// SHA-256 of the scenario's text and overrides; of `fit`, of the trace.
    pub scenario_sha256: String,
    /// Overrides, as given to `--set`.
    pub overrides: Vec<String>,
    /// Further arguments that the result depends on, as given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// The seed; none where a sweep varies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How fast it was: the only part that differs from run to run.
    pub engine: EngineReport,
}

impl Manifest {
    /// The manifest as TOML.
    #[must_use]
    pub fn toml(&self) -> String {
        toml::to_string(self).expect("a manifest is a table of plain values")
    }
}

/// What a manifest says about how to make its results again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Recipe {
    /// Version of the program that made them.
    pub version: String,
    /// The command.
    pub command: String,
    /// The scenario file, `<stdin>` or `<built-in>`.
    pub scenario: String,
    /// SHA-256 of the scenario's text and overrides.
    pub scenario_sha256: String,
    /// Overrides, as given to `--set`.
    pub overrides: Vec<String>,
    /// Further arguments.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// The seed, unless it was varied.
    pub seed: Option<u64>,
}

impl Recipe {
    /// Reads the text of a manifest.
    ///
    /// # Errors
    /// What is wrong, in a sentence without a place.
    pub fn read(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            format!("line {line}: is no manifest of a result: {}", error.message())
        })
    }
}

/// SHA-256 of a file's bytes, in hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub fn file_sha256(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut reader = BufReader::new(File::open(path)?);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        let count = bytes.len();
        hash.update(bytes);
        reader.consume(count);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
