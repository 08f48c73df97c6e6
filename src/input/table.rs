//! Lines of a CSV file, with their columns found by name.
//!
//! Lines are split here, not by the `csv` crate, because that crate gives a record the number of
//! the comment or blank line before it. Lines with quotes go through it, so quoting is as usual,
//! but a quoted field must end on its line.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

use super::decimal::{TimeFault, is_digits, nanoseconds, natural, picoseconds};
use super::fault::LINE_BYTES_MAX;
use super::{InputError, LineFault, open, reason};

/// A CSV file that is being read.
pub(super) struct Table {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    /// Number of the line in `text`, from 1; 0 before the first.
    line: u64,
    text: Vec<u8>,
    /// The fields of `text`, filled if it has quotes.
    quoted: ByteRecord,
    header: Vec<String>,
}

impl Table {
    /// Opens the file and reads its header line.
    pub(super) fn open(path: &Path) -> Result<Self, InputError> {
        Self::new(path, open(path)?)
    }

    /// Reads the header line; a file without one has no columns.
    pub(super) fn new(path: &Path, reader: Box<dyn BufRead + Send>) -> Result<Self, InputError> {
        let mut table = Self {
            path: path.to_path_buf(),
            reader,
            line: 0,
            text: Vec::new(),
            quoted: ByteRecord::new(),
            header: Vec::new(),
        };
        if table.advance()? {
            table.header = table.header_names();
        }
        Ok(table)
    }

    /// The names in the header line; none if the file is empty.
    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// Whether the header names the column.
    pub(super) fn has(&self, name: &str) -> bool {
        self.header.iter().any(|column| column == name)
    }

    /// Finds the columns of these names.
    pub(super) fn columns<const N: usize>(
        &self,
        names: [&str; N],
    ) -> Result<Columns<N>, InputError> {
        let shown_names = names.map(shown);
        if self.header.is_empty() {
            return Err(self.error(LineFault::NoHeader { needed: listed(&shown_names) }));
        }
        let mut indices = [0; N];
        for (place, index) in indices.iter_mut().enumerate() {
            let is_wanted = |&column: &usize| self.header[column] == names[place];
            let mut found = (0..self.header.len()).filter(is_wanted);
            *index = found.next().ok_or_else(|| {
                let (column, needed) = (shown_names[place].clone(), listed(&shown_names));
                self.error(LineFault::NoColumn { column, needed })
            })?;
            if found.next().is_some() {
                let column = shown_names[place].clone();
                return Err(self.error(LineFault::ColumnTwice { column }));
            }
        }
        Ok(Columns { names: shown_names, indices })
    }

    /// The next line with values, or `None` at the end of the file.
    pub(super) fn next<'a, const N: usize>(
        &'a mut self,
        columns: &'a Columns<N>,
    ) -> Result<Option<Row<'a, N>>, InputError> {
        if !self.advance()? {
            return Ok(None);
        }
        let mut values: [&[u8]; N] = [&[]; N];
        let (found, count) = if self.quoted.is_empty() {
            pick(self.text.split(|&byte| byte == b','), columns, &mut values)
        } else {
            pick(self.quoted.iter(), columns, &mut values)
        };
        if found < N {
            // Columns past the end of the line are all missing; name the first of the file's order.
            let missing = (0..N).filter(|&place| columns.indices[place] >= count);
            let place = missing.min_by_key(|&place| columns.indices[place]);
            let place = place.expect("a value is missing, so a column lies past the end");
            return Err(self.error(LineFault::Short {
                count,
                column: columns.names[place].clone(),
                position: columns.indices[place] + 1,
            }));
        }
        Ok(Some(Row { path: &self.path, line: self.line, columns, values }))
    }

    /// The error of this fault at the line read last.
    pub(super) fn error(&self, fault: LineFault) -> InputError {
        InputError::Line { path: self.path.clone(), line: self.line.max(1), fault }
    }

    /// Reads lines into `text` until one is neither blank nor a comment; false at the end.
    fn advance(&mut self) -> Result<bool, InputError> {
        loop {
            if !self.read_line()? {
                return Ok(false);
            }
            if !self.text.starts_with(b"#") && !self.text.trim_ascii().is_empty() {
                break;
            }
        }
        self.quoted.clear();
        if self.text.contains(&b'"') {
            self.split_quoted()?;
        }
        Ok(true)
    }

    /// Reads one line into `text`, without its end; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, InputError> {
        self.text.clear();
        let read = self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.text);
        match read {
            Ok(0) => return Ok(false),
            Ok(_) => self.line += 1,
            Err(error) => {
                self.line += 1;
                return Err(self.error(LineFault::Read { reason: reason(&error) }));
            }
        }
        if self.text.ends_with(b"\n") {
            self.text.pop();
            if self.text.ends_with(b"\r") {
                self.text.pop();
            }
        } else if self.text.len() as u64 == LINE_BYTES_MAX {
            return Err(self.error(LineFault::TooLong));
        }
        if self.line == 1 && self.text.starts_with(BYTE_ORDER_MARK) {
            self.text.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(true)
    }

    /// Splits `text` into `quoted`.
    fn split_quoted(&mut self) -> Result<(), InputError> {
        let quotes = self.text.iter().filter(|&&byte| byte == b'"').count();
        if !quotes.is_multiple_of(2) {
            return Err(self.error(LineFault::OpenQuote));
        }
        let mut builder = ReaderBuilder::new();
        let mut reader = builder.has_headers(false).from_reader(self.text.as_slice());
        match reader.read_byte_record(&mut self.quoted) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.error(LineFault::Read { reason: error.to_string() })),
        }
    }

    fn header_names(&self) -> Vec<String> {
        let name = |field: &[u8]| String::from_utf8_lossy(field.trim_ascii()).into_owned();
        if self.quoted.is_empty() {
            self.text.split(|&byte| byte == b',').map(name).collect()
        } else {
            self.quoted.iter().map(name).collect()
        }
    }
}

/// Columns that a reader asked for, and where the file has them.
pub(super) struct Columns<const N: usize> {
    /// Their names, fit for a message.
    names: [String; N],
    indices: [usize; N],
}

/// One line's values, in the order in which the columns were asked for.
pub(super) struct Row<'a, const N: usize> {
    path: &'a Path,
    line: u64,
    columns: &'a Columns<N>,
    values: [&'a [u8]; N],
}

impl<const N: usize> Row<'_, N> {
    /// The time (ps) in a column of nanoseconds.
    pub(super) fn time(&self, place: usize) -> Result<u64, InputError> {
        picoseconds(self.values[place]).map_err(|fault| {
            let (column, value) = (self.name(place), self.text(place));
            self.error(match fault {
                TimeFault::NotDecimal => LineFault::NotTime { column, value },
                TimeFault::TooFine => LineFault::TooFine { column, value },
                TimeFault::TooLarge => {
                    LineFault::TooLarge { column, value, max: nanoseconds(u64::MAX) }
                }
            })
        })
    }

    /// The time (ps) in a column of nanoseconds, which must not come before `previous_ps`.
    pub(super) fn time_from(&self, place: usize, previous_ps: u64) -> Result<u64, InputError> {
        let time_ps = self.time(place)?;
        if time_ps < previous_ps {
            return Err(self.error(LineFault::Unordered {
                column: self.name(place),
                value: nanoseconds(time_ps),
                previous: nanoseconds(previous_ps),
            }));
        }
        Ok(time_ps)
    }

    /// The whole number in a column.
    pub(super) fn whole(&self, place: usize) -> Result<u32, InputError> {
        let value = self.values[place];
        if !is_digits(value) {
            let (column, value) = (self.name(place), self.text(place));
            return Err(self.error(LineFault::NotWhole { column, value }));
        }
        natural(value).and_then(|number| u32::try_from(number).ok()).ok_or_else(|| {
            let (column, value) = (self.name(place), self.text(place));
            self.error(LineFault::TooLarge { column, value, max: u32::MAX.to_string() })
        })
    }

    /// The whole number up to `max` in a column, decimal or hexadecimal with `0x`.
    pub(super) fn unsigned(&self, place: usize, max: u64) -> Result<u64, InputError> {
        let value = self.values[place];
        let parsed = match value.strip_prefix(b"0x") {
            Some(digits) if is_hexadecimal(digits) => {
                std::str::from_utf8(digits).ok().and_then(|it| u64::from_str_radix(it, 16).ok())
            }
            None if is_digits(value) => natural(value),
            _ => {
                let (column, value) = (self.name(place), self.text(place));
                return Err(self.error(LineFault::NotWhole { column, value }));
            }
        };
        parsed.filter(|number| *number <= max).ok_or_else(|| {
            let (column, value) = (self.name(place), self.text(place));
            self.error(LineFault::TooLarge { column, value, max: max.to_string() })
        })
    }

    /// The line's number in the file, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The finite number in a column.
    pub(super) fn number(&self, place: usize) -> Result<f64, InputError> {
        let parsed = std::str::from_utf8(self.values[place]).ok().and_then(|it| it.parse().ok());
        parsed.filter(|number: &f64| number.is_finite()).ok_or_else(|| {
            let (column, value) = (self.name(place), self.text(place));
            self.error(LineFault::NotNumber { column, value })
        })
    }

    /// The name of a column.
    pub(super) fn name(&self, place: usize) -> String {
        self.columns.names[place].clone()
    }

    /// What the file says in a column, fit for a message.
    pub(super) fn text(&self, place: usize) -> String {
        shown(&String::from_utf8_lossy(self.values[place]))
    }

    /// The error of this fault at this line.
    pub(super) fn error(&self, fault: LineFault) -> InputError {
        InputError::Line { path: self.path.to_path_buf(), line: self.line, fault }
    }
}

/// Puts the wanted ones of `fields` into `values`; returns how many were found, and how many fields
/// were looked at (all of them if some are missing).
fn pick<'a, const N: usize>(
    fields: impl Iterator<Item = &'a [u8]>,
    columns: &Columns<N>,
    values: &mut [&'a [u8]; N],
) -> (usize, usize) {
    let (mut found, mut count) = (0, 0);
    for (position, field) in fields.enumerate() {
        count = position + 1;
        for (value, &index) in values.iter_mut().zip(&columns.indices) {
            if index == position {
                *value = field.trim_ascii();
                found += 1;
            }
        }
        if found == N {
            break;
        }
    }
    (found, count)
}

/// Whether `text` is one hexadecimal digit or more.
fn is_hexadecimal(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_hexdigit)
}

/// A text of the file, fit for a message: printable and not too long.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push_str("...");
    }
    shown.escape_debug().to_string()
}

/// The names as a list in words: `t_ns, queue and len`.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// What some editors put before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How much of a value a message shows.
const SHOWN_CHARS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &[u8]) -> Result<Table, InputError> {
        Table::new(Path::new("t.csv"), Box::new(std::io::Cursor::new(text.to_vec())))
    }

    fn pairs(text: &[u8]) -> Result<Vec<(u64, u32)>, InputError> {
        let mut table = table(text)?;
        let columns = table.columns(["t_ns", "queue"])?;
        let mut pairs = Vec::new();
        while let Some(row) = table.next(&columns)? {
            pairs.push((row.time(0)?, row.whole(1)?));
        }
        Ok(pairs)
    }

    fn refusal(text: &[u8]) -> String {
        pairs(text).unwrap_err().to_string()
    }

    #[test]
    fn columns_are_found_by_name_in_any_order_among_others() {
        let text = b"flow,queue,seq,t_ns,lag\n,3,x,5,\n,4,,6.5\n";
        assert_eq!(pairs(text).unwrap(), [(5_000, 3), (6_500, 4)]);
    }

    #[test]
    fn byte_order_mark_carriage_returns_blanks_and_comments_are_passed_over() {
        let text =
            b"\xef\xbb\xbf# made by hand\r\n\r\nt_ns , queue\r\n1,\t2 \r\n#3,4\r\n5,6\r\n\r\n \n";
        assert_eq!(pairs(text).unwrap(), [(1_000, 2), (5_000, 6)]);
    }

    #[test]
    fn the_last_line_needs_no_end() {
        assert_eq!(pairs(b"t_ns,queue\n1,2").unwrap(), [(1_000, 2)]);
    }

    #[test]
    fn quoted_fields_may_hold_commas() {
        let text = b"\"note\",\"t_ns\",queue\n\"a, \"\"b\"\"\",1,\"2\"\nplain,3,4\n";
        assert_eq!(pairs(text).unwrap(), [(1_000, 2), (3_000, 4)]);
    }

    #[test]
    fn a_quote_left_open_is_refused_at_its_line() {
        let text = b"t_ns,queue,note\n1,2,\"a\nb\"\n";
        assert_eq!(
            refusal(text),
            "t.csv:2: a quoted field does not end on its line; quotes must come in pairs"
        );
    }

    #[test]
    fn comments_and_blank_lines_count_in_the_line_number() {
        let text = b"# one\n\nt_ns,queue\n# four\n\n1,x\n";
        assert_eq!(refusal(text), "t.csv:6: queue 'x' is not a whole number");
    }

    #[test]
    fn a_missing_column_is_named_with_all_that_are_needed() {
        assert_eq!(
            refusal(b"time,queue\n1,2\n"),
            "t.csv:1: no column 't_ns'; the header line must name t_ns and queue"
        );
    }

    #[test]
    fn an_empty_file_has_no_header_line() {
        let expected = "t.csv:1: no header line; it must name t_ns and queue";
        assert_eq!(refusal(b""), expected);
        assert_eq!(refusal(b"# nothing"), expected);
    }

    #[test]
    fn a_column_named_twice_is_refused() {
        assert_eq!(
            refusal(b"t_ns,queue,t_ns\n1,2,3\n"),
            "t.csv:1: column 't_ns' is named twice; its name must be unique"
        );
    }

    #[test]
    fn a_line_shorter_than_a_needed_column_is_refused() {
        let text = b"seq,t_ns,queue\n1,2,3\n4,5\n";
        assert_eq!(refusal(text), "t.csv:3: the line ends after column 2; 'queue' is column 3");
    }

    #[test]
    fn the_first_missing_column_in_the_file_is_named() {
        let text = b"seq,queue,t_ns\n1\n";
        assert_eq!(refusal(text), "t.csv:2: the line ends after column 1; 'queue' is column 2");
    }

    #[test]
    fn an_empty_value_in_a_needed_column_is_refused() {
        let text = b"t_ns,queue\n1,\n";
        assert_eq!(refusal(text), "t.csv:2: queue '' is not a whole number");
    }

    #[test]
    fn a_number_beyond_its_range_names_the_limit() {
        let text = b"t_ns,queue\n1,4294967296\n";
        assert_eq!(refusal(text), "t.csv:2: queue 4294967296 is too large; at most 4294967295");
        let text = b"t_ns,queue\n1,99999999999999999999999\n";
        assert!(refusal(text).ends_with("is too large; at most 4294967295"));
    }

    #[test]
    fn values_in_messages_are_cut_and_printable() {
        let mut text = b"t_ns,queue\n1,\x1b[31m\xff".to_vec();
        text.extend([b'y'; 200]);
        let message = refusal(&text);
        assert!(message.contains("\\u{1b}[31m\u{fffd}yyy"), "{message}");
        assert!(message.contains("yyy...' is not"), "{message}");
        assert!(message.len() < 120);
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let reader = std::io::BufReader::new(std::io::repeat(b'a'));
        let error = Table::new(Path::new("zero"), Box::new(reader)).err().unwrap();
        assert_eq!(
            error.to_string(),
            "zero:1: the line is longer than 1048576 bytes; is this a CSV file?"
        );
    }
}
