//! What can be wrong with a line of a CSV file.

use thiserror::Error;

/// What is wrong with a line of a CSV file.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum LineFault {
    /// The file cannot be read or decompressed further.
    #[error("cannot read on: {reason}")]
    Read {
        /// What the operating system or the decompressor said.
        reason: String,
    },
    /// The line does not end.
    #[error("the line is longer than {LINE_BYTES_MAX} bytes; is this a CSV file?")]
    TooLong,
    /// A quoted field does not end on its line.
    #[error("a quoted field does not end on its line; quotes must come in pairs")]
    OpenQuote,
    /// The file is empty.
    #[error("no header line; it must name {needed}")]
    NoHeader {
        /// The columns that are needed.
        needed: String,
    },
    /// The header does not name a column that is needed.
    #[error("no column '{column}'; the header line must name {needed}")]
    NoColumn {
        /// The column.
        column: String,
        /// All columns that are needed.
        needed: String,
    },
    /// The header names a needed column more than once.
    #[error("column '{column}' is named twice; its name must be unique")]
    ColumnTwice {
        /// The column.
        column: String,
    },
    /// There is no line of values.
    #[error("no {what}; a header line naming {needed} and a line for each must be there")]
    Empty {
        /// What the lines would have been.
        what: &'static str,
        /// The columns that are needed.
        needed: &'static str,
    },
    /// The line ends before a column that is needed.
    #[error("the line ends after column {count}; '{column}' is column {position}")]
    Short {
        /// How many columns the line has.
        count: usize,
        /// The first column that is missing.
        column: String,
        /// Where that column is, counted from 1.
        position: usize,
    },
    /// Not a non-negative whole number.
    #[error("{column} '{value}' is not a whole number")]
    NotWhole {
        /// The column.
        column: String,
        /// What the file has there.
        value: String,
    },
    /// Not a decimal number of nanoseconds.
    #[error("{column} '{value}' is not a number of nanoseconds such as 5200 or 5200.125")]
    NotTime {
        /// The column.
        column: String,
        /// What the file has there.
        value: String,
    },
    /// Not a finite number.
    #[error("{column} '{value}' is not a number")]
    NotNumber {
        /// The column.
        column: String,
        /// What the file has there.
        value: String,
    },
    /// Finer than a picosecond.
    #[error("{column} {value} has more than 3 decimals; a picosecond is the finest")]
    TooFine {
        /// The column.
        column: String,
        /// What the file has there.
        value: String,
    },
    /// Above what the column can hold.
    #[error("{column} {value} is too large; at most {max}")]
    TooLarge {
        /// The column.
        column: String,
        /// What the file has there.
        value: String,
        /// The limit.
        max: String,
    },
    /// Below what the column can hold.
    #[error("{column} {value} is too small; at least {min}")]
    TooSmall {
        /// The column.
        column: String,
        /// What the file has there.
        value: String,
        /// The limit.
        min: u32,
    },
    /// A time lies before the one of the line before.
    #[error(
        "{column} {value} comes before {previous} of the line before; lines must be in time order"
    )]
    Unordered {
        /// The column.
        column: String,
        /// The time here.
        value: String,
        /// The time of the line before.
        previous: String,
    },
    /// A span of time begins before an earlier one ends.
    #[error(
        "{column} {value} comes before {end}, where the span before it ends; spans must not \
         overlap unless they begin together"
    )]
    Overlap {
        /// The column.
        column: String,
        /// The beginning.
        value: String,
        /// The end of the span before.
        end: String,
    },
    /// A point of a distribution lies below the one of the line before.
    #[error("{column} {value} is below {previous} of the line before; it must not fall")]
    Falling {
        /// The column.
        column: String,
        /// The number here.
        value: String,
        /// The number of the line before.
        previous: String,
    },
    /// A cumulative share is not a share.
    #[error("{column} {value} is not a share; it must be from 0 to 1")]
    NotShare {
        /// The column.
        column: String,
        /// The number here.
        value: String,
    },
    /// A distribution is cut short.
    #[error("the last {column} is {value}; it must be 1 (0.99 and above is taken as 1)")]
    CutShort {
        /// The column.
        column: String,
        /// The last share.
        value: String,
    },
}

/// Longest line (bytes); keeps a binary file from filling the memory.
pub(super) const LINE_BYTES_MAX: u64 = 1 << 20;
