//! The manifest beside results: what made them.

use serde::{Deserialize, Serialize};

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
    /// SHA-256 of the scenario's text and overrides.
    pub scenario_sha256: String,
    /// Overrides, as given to `--set`.
    pub overrides: Vec<String>,
    /// The seed.
    pub seed: u64,
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

/// A manifest read back: what made the results beside it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordedManifest {
    /// The command.
    pub command: String,
    /// The scenario file, `<stdin>` or `<built-in>`.
    pub scenario: String,
    /// SHA-256 of the scenario's text and overrides.
    pub scenario_sha256: String,
    /// Overrides, as given to `--set`.
    pub overrides: Vec<String>,
    /// The seed.
    pub seed: u64,
}

impl RecordedManifest {
    /// Reads a manifest; parts that it does not know are passed over.
    ///
    /// # Errors
    /// What is wrong with the text, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }
}
