//! What is wrong with a scenario, and where.

use std::fmt;
use std::path::PathBuf;

use crate::input::InputError;

/// A scenario that cannot be run; one sentence: where, what, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{}: cannot read the scenario: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not TOML.
    #[error("{place}: {}", printable(message))]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// A value is wrong.
    #[error("{place}: {}: {}", printable(key), printable(message))]
    Value {
        /// Where.
        place: Place,
        /// The dotted key.
        key: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// An override is wrong.
    #[error("--set {}: {}", printable(text), printable(message))]
    Override {
        /// What was written after `--set`.
        text: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// What a sweep is to vary is wrong.
    #[error("--vary {}: {}", printable(text), printable(message))]
    Vary {
        /// What was written after `--vary`.
        text: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// A file the scenario names is wrong.
    #[error(transparent)]
    Input(#[from] InputError),
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the file.
    File {
        /// Its name.
        name: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// In an override on the command line.
    Set(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => {
                write!(f, "{}:{line}:{column}", printable(name))
            }
            Self::Set(text) => write!(f, "--set {}", printable(text)),
        }
    }
}

/// A message in one line: control characters of what it quotes are spelt out.
pub(crate) fn printable(message: &str) -> String {
    message
        .chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}
