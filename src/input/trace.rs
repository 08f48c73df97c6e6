//! Recorded traces in CSV files: packets, returns of buffers, stalls, and distributions.
//!
//! The header line names the columns, in any order; further columns are ignored, even empty ones.
//! Lines that are blank or start with `#` are passed over. Times are decimal numbers of nanoseconds
//! with up to 3 decimals, exact to the picosecond, and must not go back from line to line.

use std::io::BufRead;
use std::path::Path;

use super::table::{Columns, Table};
use super::{InputError, LineFault};

pub use super::cdf::{CdfPoint, CdfUnit, read_cdf};

/// A packet that arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PacketRecord {
    /// When it arrived (ps).
    pub t_ps: u64,
    /// The queue at which it arrived.
    pub queue: u32,
    /// Length of the frame without FCS (bytes), at least 1.
    pub len: u32,
}

/// Buffers that the host returned to a ring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReturnRecord {
    /// When they were returned (ps).
    pub t_ps: u64,
    /// The queue whose ring got them.
    pub queue: u32,
    /// How many; may be 0.
    pub count: u32,
}

/// A time in which the consumer did nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StallRecord {
    /// When it began (ps).
    pub start_ps: u64,
    /// How long it lasted (ps); may be 0. The end, `start_ps + duration_ps`, fits a `u64`.
    pub duration_ps: u64,
}

/// Reads packets: columns `t_ns`, `queue` and `len`, in time order.
///
/// # Errors
/// [`InputError`] if the file cannot be read, has no packets, or a line breaks a rule.
pub fn read_packets(path: &Path) -> Result<Vec<PacketRecord>, InputError> {
    packets(Table::open(path)?)
}

/// A trace of packets that is being read.
#[expect(missing_debug_implementations, reason = "holds a reader")]
pub struct PacketReader {
    table: Table,
    columns: Columns<3>,
    last_ps: u64,
    is_empty: bool,
}

impl PacketReader {
    /// Opens a trace and finds its columns `t_ns`, `queue` and `len`.
    ///
    /// # Errors
    /// [`InputError`] if the file cannot be read or lacks a column.
    pub fn open(path: &Path) -> Result<Self, InputError> {
        Self::of(Table::open(path)?)
    }

    /// Finds the columns in `reader`; errors name `path`.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub fn new(path: &Path, reader: Box<dyn BufRead + Send>) -> Result<Self, InputError> {
        Self::of(Table::new(path, reader)?)
    }

    fn of(table: Table) -> Result<Self, InputError> {
        if table.header().is_empty() {
            return Err(table.error(NO_PACKETS));
        }
        let columns = table.columns(["t_ns", "queue", "len"])?;
        Ok(Self { table, columns, last_ps: 0, is_empty: true })
    }

    /// The next packet, `None` at the end of the file.
    ///
    /// # Errors
    /// [`InputError`] if the file cannot be read on, has no packets, or the line breaks a rule.
    #[expect(clippy::should_implement_trait, reason = "reading may fail")]
    pub fn next(&mut self) -> Result<Option<PacketRecord>, InputError> {
        let Some(row) = self.table.next(&self.columns)? else {
            return if self.is_empty { Err(self.table.error(NO_PACKETS)) } else { Ok(None) };
        };
        let packet = PacketRecord {
            t_ps: row.time_from(0, self.last_ps)?,
            queue: row.whole(1)?,
            len: row.whole(2)?,
        };
        if packet.len == 0 {
            let (column, value) = (row.name(2), row.text(2));
            return Err(row.error(LineFault::TooSmall { column, value, min: 1 }));
        }
        (self.last_ps, self.is_empty) = (packet.t_ps, false);
        Ok(Some(packet))
    }
}

const NO_PACKETS: LineFault = LineFault::Empty { what: "packets", needed: "t_ns, queue and len" };

/// Reads returns of buffers: columns `t_ns`, `queue` and `count`, in time order. There may be none.
///
/// # Errors
/// [`InputError`] if the file cannot be read, has no header line, or a line breaks a rule.
pub fn read_returns(path: &Path) -> Result<Vec<ReturnRecord>, InputError> {
    returns(Table::open(path)?)
}

/// Reads stalls: columns `start_ns` and `duration_ns`, else `sched_ns` and `sched_dur_ns`, in order
/// of the start. They may overlap, and there may be none.
///
/// # Errors
/// [`InputError`] if the file cannot be read, has no header line, or a line breaks a rule.
pub fn read_stalls(path: &Path) -> Result<Vec<StallRecord>, InputError> {
    stalls(Table::open(path)?)
}

/// The packets of a table.
pub(super) fn packets(table: Table) -> Result<Vec<PacketRecord>, InputError> {
    let mut reader = PacketReader::of(table)?;
    let mut packets = Vec::new();
    while let Some(packet) = reader.next()? {
        packets.push(packet);
    }
    Ok(packets)
}

/// The returns of a table.
pub(super) fn returns(mut table: Table) -> Result<Vec<ReturnRecord>, InputError> {
    let columns = table.columns(["t_ns", "queue", "count"])?;
    let mut returns = Vec::new();
    let mut last_ps = 0;
    while let Some(row) = table.next(&columns)? {
        last_ps = row.time_from(0, last_ps)?;
        returns.push(ReturnRecord { t_ps: last_ps, queue: row.whole(1)?, count: row.whole(2)? });
    }
    Ok(returns)
}

/// The stalls of a table.
pub(super) fn stalls(mut table: Table) -> Result<Vec<StallRecord>, InputError> {
    let names = stall_columns(&table)?;
    let columns = table.columns(names)?;
    let mut stalls = Vec::new();
    let mut last_ps = 0;
    while let Some(row) = table.next(&columns)? {
        let start_ps = row.time_from(0, last_ps)?;
        let duration_ps = row.time(1)?;
        if start_ps.checked_add(duration_ps).is_none() {
            let max = super::decimal::nanoseconds(u64::MAX - start_ps);
            let (column, value) = (row.name(1), row.text(1));
            return Err(row.error(LineFault::TooLarge { column, value, max }));
        }
        last_ps = start_ps;
        stalls.push(StallRecord { start_ps, duration_ps });
    }
    Ok(stalls)
}

/// The pair of names under which a table has its stalls.
fn stall_columns(table: &Table) -> Result<[&'static str; 2], InputError> {
    for names in STALL_COLUMNS {
        if names.iter().all(|name| table.has(name)) {
            return Ok(names);
        }
    }
    let [[start, duration], [other_start, other_duration]] = STALL_COLUMNS;
    let needed = format!("{start} and {duration}, or {other_start} and {other_duration}");
    let missing = if table.has(start) { duration } else { start };
    Err(table.error(if table.header().is_empty() {
        LineFault::NoHeader { needed }
    } else {
        LineFault::NoColumn { column: missing.to_owned(), needed }
    }))
}

/// Names of the start and the duration of stalls; the first pair found is taken.
const STALL_COLUMNS: [[&str; 2]; 2] = [["start_ns", "duration_ns"], ["sched_ns", "sched_dur_ns"]];

#[cfg(test)]
mod tests;
