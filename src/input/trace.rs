//! Recorded traces in CSV files: packets, returns of buffers, stalls, and distributions.
//!
//! The header line names the columns, in any order; further columns are ignored, even empty ones.
//! Lines that are blank or start with `#` are passed over. Times are decimal numbers of nanoseconds
//! with up to 3 decimals, exact to the picosecond, and must not go back from line to line.

use std::path::Path;

use super::table::Table;
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
pub(super) fn packets(mut table: Table) -> Result<Vec<PacketRecord>, InputError> {
    let empty = LineFault::Empty { what: "packets", needed: "t_ns, queue and len" };
    if table.header().is_empty() {
        return Err(table.error(empty));
    }
    let columns = table.columns(["t_ns", "queue", "len"])?;
    let mut packets = Vec::new();
    let mut last_ps = 0;
    while let Some(row) = table.next(&columns)? {
        let packet = PacketRecord {
            t_ps: row.time_from(0, last_ps)?,
            queue: row.whole(1)?,
            len: row.whole(2)?,
        };
        if packet.len == 0 {
            let (column, value) = (row.name(2), row.text(2));
            return Err(row.error(LineFault::TooSmall { column, value, min: 1 }));
        }
        last_ps = packet.t_ps;
        packets.push(packet);
    }
    if packets.is_empty() {
        return Err(table.error(empty));
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
