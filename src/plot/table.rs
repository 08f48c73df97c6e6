//! Result files: CSV with columns by name, numbers where a column has nothing else.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::PlotError;
use crate::input::open;

/// A result file, held whole.
#[derive(Debug, Clone)]
pub(super) struct Table {
    path: PathBuf,
    names: Vec<String>,
    columns: Vec<Column>,
}

/// One column; an empty cell is not a number.
#[derive(Debug, Clone)]
enum Column {
    Numbers(Vec<f64>),
    Words(Words),
}

/// Texts, each kept once.
#[derive(Debug, Clone, Default)]
struct Words {
    places: BTreeMap<String, usize>,
    texts: Vec<String>,
    cells: Vec<usize>,
}

impl Words {
    fn push(&mut self, text: &str) {
        let place = self.places.get(text).copied().unwrap_or_else(|| {
            self.places.insert(text.to_owned(), self.texts.len());
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        });
        self.cells.push(place);
    }
}

impl Table {
    /// Reads a file, gzip or not.
    pub(super) fn open(path: &Path) -> Result<Self, PlotError> {
        Self::read(path, open(path)?)
    }

    fn read(path: &Path, reader: impl BufRead) -> Result<Self, PlotError> {
        let mut csv =
            csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(reader);
        let fault = |error: &csv::Error| PlotError::Line {
            path: path.to_owned(),
            line: error.position().map_or(1, csv::Position::line),
            reason: reason(error),
        };
        let names: Vec<String> =
            csv.headers().map_err(|error| fault(&error))?.iter().map(str::to_owned).collect();
        let mut columns = vec![Column::Numbers(Vec::new()); names.len()];
        for record in csv.records() {
            let record = record.map_err(|error| fault(&error))?;
            for (column, cell) in columns.iter_mut().zip(&record) {
                column.push(cell);
            }
        }
        Ok(Self { path: path.to_owned(), names, columns })
    }

    /// Where it was read.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Names of the columns, in order.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether all these columns are there.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.position(name).is_some())
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| match column {
            Column::Numbers(numbers) => numbers.len(),
            Column::Words(words) => words.cells.len(),
        })
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|own| own == name)
    }

    fn column(&self, name: &str) -> Result<&Column, PlotError> {
        let position = self.position(name).ok_or_else(|| PlotError::NoColumn {
            path: self.path.clone(),
            column: name.to_owned(),
        })?;
        Ok(&self.columns[position])
    }

    /// A column of numbers; an empty cell is not a number.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, PlotError> {
        match self.column(name)? {
            Column::Numbers(numbers) => Ok(numbers.clone()),
            Column::Words(words) => {
                let found = words.texts.iter().find(|text| number(text).is_none());
                Err(PlotError::NotNumbers {
                    path: self.path.clone(),
                    column: name.to_owned(),
                    found: found.cloned().unwrap_or_default(),
                })
            }
        }
    }

    /// The number in a row, if there is one.
    pub(super) fn number(&self, name: &str, row: usize) -> Option<f64> {
        match &self.columns[self.position(name)?] {
            Column::Numbers(numbers) => numbers.get(row).copied().filter(|value| !value.is_nan()),
            Column::Words(_) => None,
        }
    }

    /// The cell of a row as text.
    pub(super) fn text(&self, name: &str, row: usize) -> Result<String, PlotError> {
        Ok(match self.column(name)? {
            Column::Numbers(numbers) => cell_text(numbers[row]),
            Column::Words(words) => words.texts[words.cells[row]].clone(),
        })
    }

    /// The word in a row; empty where the column has numbers.
    pub(super) fn word(&self, name: &str, row: usize) -> Result<&str, PlotError> {
        Ok(match self.column(name)? {
            Column::Numbers(_) => "",
            Column::Words(words) => &words.texts[words.cells[row]],
        })
    }

    /// Whether a column has numbers in all its cells.
    pub(super) fn is_numeric(&self, name: &str) -> bool {
        self.numbers(name).is_ok_and(|numbers| numbers.iter().all(|value| !value.is_nan()))
    }
}

impl Column {
    fn push(&mut self, cell: &str) {
        if let Self::Numbers(numbers) = self {
            if let Some(value) = number(cell) {
                numbers.push(value);
                return;
            }
            let mut words = Words::default();
            for value in numbers {
                words.push(&cell_text(*value));
            }
            *self = Self::Words(words);
        }
        if let Self::Words(words) = self {
            words.push(cell);
        }
    }
}

/// A finite number, or not a number where the cell is empty.
fn number(cell: &str) -> Option<f64> {
    if cell.is_empty() {
        return Some(f64::NAN);
    }
    cell.parse().ok().filter(|value: &f64| value.is_finite())
}

fn cell_text(value: f64) -> String {
    if value.is_nan() { String::new() } else { value.to_string() }
}

fn reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the line has {len} fields where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "not text in UTF-8; is this a CSV file?".to_owned(),
        csv::ErrorKind::Io(error) => format!("cannot read on: {error}"),
        _ => format!("not CSV: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Table, PlotError> {
        Table::read(Path::new("r.csv"), text.as_bytes())
    }

    #[test]
    fn columns_are_numbers_unless_a_cell_is_not() {
        let table = table("a,b,c\n1,x,\n2.5,3,4\n").unwrap();
        assert_eq!(table.numbers("a").unwrap(), [1.0, 2.5]);
        assert_eq!(table.text("b", 1).unwrap(), "3");
        assert_eq!([table.number("c", 0), table.number("c", 1)], [None, Some(4.0)]);
        assert!(table.is_numeric("a") && !table.is_numeric("b") && !table.is_numeric("c"));
    }

    #[test]
    fn numbers_before_a_word_stay_as_they_were_written() {
        let table = table("a\n4096\n0.5\n\nx\n").unwrap();
        let texts: Vec<_> = (0..3).map(|row| table.text("a", row).unwrap()).collect();
        assert_eq!(texts, ["4096", "0.5", "x"]);
    }

    #[test]
    fn a_short_line_is_refused_with_its_number() {
        assert_eq!(
            table("a,b\n1,2\n3\n").unwrap_err().to_string(),
            "r.csv:3: the line has 1 fields where the header has 2"
        );
    }

    #[test]
    fn a_word_among_numbers_is_named() {
        let error = table("a\n1\nmany\n").unwrap().numbers("a").unwrap_err();
        assert_eq!(error.to_string(), "r.csv: column 'a' has 'many', which is not a number");
    }
}
