//! Samples of counters: how many packets and bytes each queue received in a span of time.
//!
//! What `rxplan observe` writes: a CSV file with the columns `t_ns` (the beginning of the span),
//! `duration_ns`, `queue`, `packets` and `bytes`, in order of time. Spans that begin together
//! may have a line for each queue; others must not overlap.

use std::io::BufRead;
use std::path::Path;

use super::decimal::nanoseconds;
use super::table::{Columns, Table};
use super::{InputError, LineFault};

/// What a queue received in a span of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SampleRecord {
    /// When the span began (ps).
    pub begin_ps: u64,
    /// How long it was (ps), at least 1. The end fits a `u64`.
    pub duration_ps: u64,
    /// The queue.
    pub queue: u32,
    /// Packets received; may be 0.
    pub packets: u32,
    /// Their bytes without FCS, at least one a packet and fewer than 4 GiB each.
    pub bytes: u64,
}

/// Names of the columns.
pub const SAMPLE_COLUMNS: [&str; 5] = ["t_ns", "duration_ns", "queue", "packets", "bytes"];

/// A file of samples that is being read.
#[expect(missing_debug_implementations, reason = "holds a reader")]
pub struct SampleReader {
    table: Table,
    columns: Columns<5>,
    begin_ps: u64,
    /// The end of the spans that began last.
    end_ps: u64,
}

impl SampleReader {
    /// Finds the columns in `reader`; errors name `path`.
    ///
    /// # Errors
    /// [`InputError`] if nothing can be read or a column is missing.
    pub fn new(path: &Path, reader: Box<dyn BufRead + Send>) -> Result<Self, InputError> {
        let table = Table::new(path, reader)?;
        let columns = table.columns(SAMPLE_COLUMNS)?;
        Ok(Self { table, columns, begin_ps: 0, end_ps: 0 })
    }

    /// The next sample, `None` at the end of the file.
    ///
    /// # Errors
    /// [`InputError`] if the file cannot be read on, or the line breaks a rule.
    #[expect(clippy::should_implement_trait, reason = "reading may fail")]
    pub fn next(&mut self) -> Result<Option<SampleRecord>, InputError> {
        let Some(row) = self.table.next(&self.columns)? else { return Ok(None) };
        let sample = SampleRecord {
            begin_ps: row.time_from(0, self.begin_ps)?,
            duration_ps: row.time(1)?,
            queue: row.whole(2)?,
            packets: row.whole(3)?,
            bytes: row.unsigned(4, u64::MAX)?,
        };
        let wrong = |place: usize, min| {
            let (column, value) = (row.name(place), row.text(place));
            row.error(LineFault::TooSmall { column, value, min })
        };
        if sample.duration_ps == 0 {
            return Err(wrong(1, 1));
        }
        if sample.bytes < u64::from(sample.packets) {
            return Err(wrong(4, sample.packets));
        }
        if sample.bytes / u64::from(sample.packets.max(1)) >= u64::from(u32::MAX) {
            let (column, value) = (row.name(4), row.text(4));
            let max = (u64::from(sample.packets) * u64::from(u32::MAX)).to_string();
            return Err(row.error(LineFault::TooLarge { column, value, max }));
        }
        let Some(end_ps) = sample.begin_ps.checked_add(sample.duration_ps) else {
            let (column, value) = (row.name(1), row.text(1));
            let max = nanoseconds(u64::MAX - sample.begin_ps);
            return Err(row.error(LineFault::TooLarge { column, value, max }));
        };
        if sample.begin_ps != self.begin_ps && sample.begin_ps < self.end_ps {
            return Err(row.error(LineFault::Overlap {
                column: row.name(0),
                value: nanoseconds(sample.begin_ps),
                end: nanoseconds(self.end_ps),
            }));
        }
        (self.begin_ps, self.end_ps) = (sample.begin_ps, self.end_ps.max(end_ps));
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn read(text: &str) -> Result<Vec<SampleRecord>, InputError> {
        let reader = Box::new(Cursor::new(text.as_bytes().to_vec()));
        let mut reader = SampleReader::new(Path::new("s.csv"), reader)?;
        let mut samples = Vec::new();
        while let Some(sample) = reader.next()? {
            samples.push(sample);
        }
        Ok(samples)
    }

    #[test]
    fn samples_of_queues_that_begin_together_and_gaps_between_spans_are_read() {
        let text = "# eth0\nt_ns,duration_ns,queue,packets,bytes\n0,1000,0,2,128\n0,1000,3,0,0\n\
                    1500.5,900,0,1,1514\n";
        let sample = |begin_ps, duration_ps, queue, packets, bytes| SampleRecord {
            begin_ps,
            duration_ps,
            queue,
            packets,
            bytes,
        };
        let expected = [
            sample(0, 1_000_000, 0, 2, 128),
            sample(0, 1_000_000, 3, 0, 0),
            sample(1_500_500, 900_000, 0, 1, 1514),
        ];
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn lines_that_cannot_be_are_refused_with_what_would_be_right() {
        for (lines, expected) in [
            ("0,0,0,1,64", "duration_ns 0 is too small"),
            ("0,10,0,9,8", "bytes 8 is too small; at least 9"),
            ("0,10,0,1,4294967295", "bytes 4294967295 is too large"),
            ("0,18446744073709551.616,0,1,64", "duration_ns 18446744073709551.616 is too large"),
            ("5,18446744073709551,0,1,64", "too large; at most 18446744073709546.615"),
            ("0,10,0,1,64\n9,10,0,1,64", "t_ns 9 comes before 10, where the span before it ends"),
        ] {
            let text = format!("t_ns,duration_ns,queue,packets,bytes\n{lines}\n");
            let message = read(&text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
