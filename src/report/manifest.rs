//! The manifest beside results: what made them.

use serde::Serialize;

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
