//! Regions of application memory and who may write to them, in CSV files.
//!
//! Numbers are whole, decimal or hexadecimal with `0x`. A record keeps its line, so that whoever
//! puts the records together can say which of them does not fit.

use std::path::Path;

use super::table::{Row, Table};
use super::{InputError, LineFault};

/// A region.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RegionRecord {
    /// Its line in the file, from 1.
    pub line: u64,
    /// Its memory id.
    pub memory_id: u16,
    /// Its generation.
    pub generation: u16,
    /// Address of its first byte.
    pub base: u64,
    /// Its length (bytes).
    pub len: u64,
}

/// A flow that may write to a region.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AllowRecord {
    /// Its PSP index.
    pub spi: u32,
    /// The region's memory id.
    pub memory_id: u16,
}

/// Reads regions: columns `memory_id`, `generation`, `base` and `len`.
///
/// # Errors
/// [`InputError`] if the file cannot be read, has no regions, or a line breaks a rule.
pub fn read_regions(path: &Path) -> Result<Vec<RegionRecord>, InputError> {
    regions(Table::open(path)?)
}

/// Reads who may write where: columns `spi` and `memory_id`. There may be none.
///
/// # Errors
/// [`InputError`] if the file cannot be read, has no header line, or a line breaks a rule.
pub fn read_allowed(path: &Path) -> Result<Vec<AllowRecord>, InputError> {
    allowed(Table::open(path)?)
}

/// The regions of a table.
pub(super) fn regions(mut table: Table) -> Result<Vec<RegionRecord>, InputError> {
    let needed = "memory_id, generation, base and len";
    let columns = table.columns(["memory_id", "generation", "base", "len"])?;
    let mut regions = Vec::new();
    while let Some(row) = table.next(&columns)? {
        regions.push(RegionRecord {
            line: row.line(),
            memory_id: narrow(&row, 0)?,
            generation: narrow(&row, 1)?,
            base: row.unsigned(2, u64::MAX)?,
            len: row.unsigned(3, u64::MAX)?,
        });
    }
    if regions.is_empty() {
        return Err(table.error(LineFault::Empty { what: "regions", needed }));
    }
    Ok(regions)
}

/// The pairs of a table.
pub(super) fn allowed(mut table: Table) -> Result<Vec<AllowRecord>, InputError> {
    let columns = table.columns(["spi", "memory_id"])?;
    let mut allowed = Vec::new();
    while let Some(row) = table.next(&columns)? {
        let spi = row.unsigned(0, u64::from(u32::MAX))?;
        let spi = u32::try_from(spi).expect("at most 32 bits");
        allowed.push(AllowRecord { spi, memory_id: narrow(&row, 1)? });
    }
    Ok(allowed)
}

/// The number of 16 bits in a column.
fn narrow<const N: usize>(row: &Row<'_, N>, place: usize) -> Result<u16, InputError> {
    let number = row.unsigned(place, u64::from(u16::MAX))?;
    Ok(u16::try_from(number).expect("at most 16 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        let reader = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
        Table::new(Path::new("r.csv"), reader).unwrap()
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal_up_to_the_last() {
        let text =
            "len,base,generation,memory_id\n0x10,0xFFFFffffFFFFffff,65535,0xff\n# no\n1,2,3,4\n";
        let read = regions(table(text)).unwrap();
        let first =
            RegionRecord { line: 2, memory_id: 255, generation: 65_535, base: u64::MAX, len: 16 };
        let second = RegionRecord { line: 4, memory_id: 4, generation: 3, base: 2, len: 1 };
        assert_eq!(read, [first, second]);
        let read = allowed(table("spi,memory_id\n0x7fffffff,7\n")).unwrap();
        assert_eq!(read, [AllowRecord { spi: 0x7fff_ffff, memory_id: 7 }]);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused_in_a_sentence() {
        let refused = |line: &str| {
            let text = format!("memory_id,generation,base,len\n{line}\n");
            regions(table(&text)).unwrap_err().to_string()
        };
        assert_eq!(refused("65536,0,0,1"), "r.csv:2: memory_id 65536 is too large; at most 65535");
        assert_eq!(refused("0x,0,0,1"), "r.csv:2: memory_id '0x' is not a whole number");
        assert_eq!(refused("0,0,-1,1"), "r.csv:2: base '-1' is not a whole number");
        assert_eq!(
            refused("0,0,0x10000000000000000,1"),
            "r.csv:2: base 0x10000000000000000 is too large; at most 18446744073709551615"
        );
        assert_eq!(
            regions(table("memory_id,generation,base,len\n")).unwrap_err().to_string(),
            "r.csv:1: no regions; a header line naming memory_id, generation, base and len and a \
             line for each must be there"
        );
    }
}
