//! Figures and a report from result files; nothing here simulates.
//!
//! A result file is known by its columns, wherever it came from; each kind allows some figures.
//!
//! | file | known by | figures |
//! |---|---|---|
//! | `frontier.csv` of `plan` | `reserve_entries`, `total_bytes` | memory against drop rate |
//! | `sensitivity.csv` | `in_phase`, `entries_bound` | drop rate and memory by queues in step |
//! | `fit.csv` of `fit` | `statistic`, `fit_low` | dispersion and drops beside the trace's |
//! | `summary.csv` of `simulate` | `drops_no_buffer`, first column `schema` | drops by reason |
//! | `queues.csv` of `simulate` | `outstanding_mean` | buffers in use by queue |
//! | `--timeline` | `in_use_max`, `reserve_in_use_max` | occupancy over time, its distribution |
//! | `--packets` | `outcome`, `delivered_ns` | sojourn times, drops over time, a burst |
//! | a sweep | keys before `drop_rate_estimate` | heat map of two keys, lines of one |
//!
//! Drawings are made in a tenth of a pixel, since the library draws in whole numbers.

mod burst;
mod context;
mod drops;
mod estimate;
mod exact;
mod fairness;
mod figure;
mod fit;
mod frontier;
mod html;
mod key;
mod measured;
mod occupancy;
mod packets;
mod panel;
#[cfg(feature = "png")]
mod png;
mod queues;
mod scale;
mod sensitivity;
mod sojourn;
mod sweep;
mod table;
mod theme;

pub use context::{Context, GoalPart, PlanFile, Rate, Shape};
pub use figure::Figure;
pub use html::html;
#[cfg(feature = "png")]
pub use png::png;

use std::path::{Path, PathBuf};

use self::table::Table;
use crate::input::InputError;

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The file cannot be opened.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The file is no CSV file.
    #[error("{}:{line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The file is none of those that figures can be made of.
    #[error(
        "{}: no figure can be made of the columns {found}; {KINDS}",
        path.display()
    )]
    Unknown {
        /// The file.
        path: PathBuf,
        /// Its columns.
        found: String,
    },
    /// A column is missing.
    #[error("{}: no column '{column}', which its figure needs", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A column has texts where numbers must be.
    #[error("{}: column '{column}' has '{found}', which is not a number", path.display())]
    NotNumbers {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The first such text.
        found: String,
    },
    /// A packet's outcome is none that there is.
    #[error(
        "{}: outcome '{found}' is not known; it must be delivered, outstanding or a drop reason",
        path.display()
    )]
    NoOutcome {
        /// The file.
        path: PathBuf,
        /// The outcome.
        found: String,
    },
    /// A sweep has too many keys.
    #[error(
        "{}: it varies {count} keys; one or two can be drawn, so sweep again with the others fixed",
        path.display()
    )]
    TooManyKeys {
        /// The file.
        path: PathBuf,
        /// How many keys have more than one value.
        count: usize,
    },
    /// Measurements are beside a sweep along one key, of numbers.
    #[error(
        "{}: {count} keys vary in it; measurements can be drawn beside a sweep of one key",
        path.display()
    )]
    NoComparison {
        /// The file.
        path: PathBuf,
        /// How many keys have more than one value.
        count: usize,
    },
    /// The file has a header but no rows, or none of the kind that is drawn.
    #[error("{}: {what}, so there is nothing to draw", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
}

/// What files can be drawn, for messages.
const KINDS: &str = "summary.csv, queues.csv, frontier.csv, sensitivity.csv, fit.csv, a sweep, and \
                     what --timeline and --packets write can be drawn";

/// What a result file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Frontier,
    Fit,
    Sensitivity,
    Summary,
    Queues,
    Timeline,
    Packets,
    Sweep,
}

impl Kind {
    fn of(table: &Table) -> Option<Self> {
        let first = table.names().first().map(String::as_str);
        let known: [(Self, &[&str]); 7] = [
            (Self::Packets, &["t_ns", "queue", "outcome", "delivered_ns"]),
            (Self::Timeline, &["t_ns", "in_use_max", "reserve_in_use_max"]),
            (Self::Fit, &["statistic", "scale_us", "trace", "fit", "fit_low", "fit_high"]),
            (Self::Sensitivity, &["in_phase", "entries_bound", "drop_rate_estimate"]),
            (Self::Queues, &["queue", "outstanding_mean", "outstanding_max"]),
            (Self::Frontier, &["rx", "reserve_entries", "total_bytes", "drop_rate_estimate"]),
            (Self::Sweep, &["drop_rate_estimate", "drop_rate_ci_low", "drop_rate_ci_high"]),
        ];
        if first == Some("schema") && table.has(&["drops_no_buffer", "packets_offered"]) {
            return Some(Self::Summary);
        }
        known.into_iter().find(|(_, names)| table.has(names)).map(|(kind, _)| kind)
    }
}

/// A result file, read, and what is known of it.
#[derive(Debug)]
pub struct ResultFile {
    kind: Kind,
    table: Table,
    context: Context,
}

impl ResultFile {
    /// Reads a result file and finds out what it is.
    ///
    /// # Errors
    /// [`PlotError`] when it cannot be read, or when no figure can be made of it.
    pub fn open(path: &Path, context: Context) -> Result<Self, PlotError> {
        let table = Table::open(path)?;
        let Some(kind) = Kind::of(&table) else {
            return Err(PlotError::Unknown {
                path: path.to_owned(),
                found: theme::cut(&table.names().join(", "), 80),
            });
        };
        Ok(Self { kind, table, context })
    }

    /// Where it was read.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.table.path()
    }

    /// What is known besides.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// The configurations of rings and reserve that it has results of, if it has any.
    fn grid(&self) -> Option<Vec<html::GridPoint>> {
        match self.kind {
            Kind::Frontier => frontier::grid(&self.table),
            Kind::Sweep => sweep::grid(&self.table),
            _ => None,
        }
    }

    /// The packets that a sweep of one key delivers beside those that were measured: a CSV file
    /// with a column of that key and one named `delivered_pps`; or its drop rates beside exact ones
    /// in a column named `drop_rate`. `None` where this is no sweep.
    ///
    /// # Errors
    /// [`PlotError`] when a column is missing, or when it varies more than one key.
    pub fn beside(&self, measured: &Path) -> Result<Option<Figure>, PlotError> {
        let is_sweep = self.kind == Kind::Sweep;
        is_sweep.then(|| measured::figure(&self.table, &self.context, measured)).transpose()
    }

    /// The figures that it allows.
    ///
    /// # Errors
    /// [`PlotError`] when a column is missing or is not what it should be.
    pub fn figures(&self) -> Result<Vec<Figure>, PlotError> {
        let (table, context) = (&self.table, &self.context);
        if table.rows() == 0 {
            let what = "it has no rows";
            return Err(PlotError::Empty { path: table.path().to_owned(), what });
        }
        match self.kind {
            Kind::Frontier => Ok(vec![frontier::figure(table, context)?]),
            Kind::Fit => Ok(vec![fit::figure(table, context)?]),
            Kind::Sensitivity => Ok(vec![sensitivity::figure(table, context)?]),
            Kind::Summary => Ok(vec![drops::figure(table)?]),
            Kind::Queues => Ok(vec![queues::figure(table, context)?]),
            Kind::Timeline => Ok(vec![occupancy::figure(table, context)?]),
            Kind::Packets => packets::figures(table, context),
            Kind::Sweep => sweep::figures(table, context),
        }
    }
}
