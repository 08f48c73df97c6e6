//! Empirical distributions: points of a cumulative distribution function in a CSV file.

use std::path::Path;

use super::table::{Row, Table};
use super::{InputError, LineFault};

/// A point of a cumulative distribution function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CdfPoint {
    /// The value, in the unit of the file's [`CdfUnit`]; finite and not negative.
    pub x: f64,
    /// The share of the values that are at most `x`, from 0 to 1.
    pub cumulative: f64,
}

/// The unit of the values of a distribution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CdfUnit {
    /// Times, converted to picoseconds from the unit that the file names.
    Picoseconds,
    /// Sizes in bytes.
    Bytes,
    /// Numbers without a unit.
    Count,
}

/// Reads a distribution: a CSV file with a column of values and a column `cumulative`, `cum` or
/// `cdf`.
///
/// The values are the first column that is not the cumulative one. What its name ends in, after the
/// last `_`, is the unit: `ps`, `ns`, `us`, `ms`, `s`: times, given as picoseconds; `bytes`, `b`,
/// `len`, `size`: bytes; anything else: counts. Neither column may fall. A last share of 0.99 and
/// above is set to 1, which puts the rest of the mass at the last value; in what is returned the
/// last share is always 1.
///
/// # Errors
/// [`InputError`] if the file cannot be read, has no points, or a line breaks one of these rules.
pub fn read_cdf(path: &Path) -> Result<(CdfUnit, Vec<CdfPoint>), InputError> {
    points(Table::open(path)?)
}

/// The distribution in a table.
pub(super) fn points(mut table: Table) -> Result<(CdfUnit, Vec<CdfPoint>), InputError> {
    let empty = LineFault::Empty { what: "points", needed: NEEDED };
    if table.header().is_empty() {
        return Err(table.error(empty));
    }
    let Some(cumulative) = CUMULATIVE.into_iter().find(|name| table.has(name)) else {
        let (column, needed) = (CUMULATIVE[0].to_owned(), NEEDED.to_owned());
        return Err(table.error(LineFault::NoColumn { column, needed }));
    };
    let value = table.header().iter().find(|name| *name != cumulative).cloned();
    let value = value.unwrap_or_else(|| "value".to_owned());
    let columns = table.columns([value.as_str(), cumulative])?;
    let (unit, scale) = unit_of(&value);

    let mut points: Vec<CdfPoint> = Vec::new();
    while let Some(row) = table.next(&columns)? {
        let point = point(&row, scale)?;
        if let Some(last) = points.last() {
            check_rising(&row, scale, *last, point)?;
        }
        points.push(point);
    }
    let Some(last) = points.last_mut() else {
        return Err(table.error(empty));
    };
    if last.cumulative < CUT_SHORT {
        let (column, value) = (cumulative.to_owned(), last.cumulative.to_string());
        return Err(table.error(LineFault::CutShort { column, value }));
    }
    last.cumulative = 1.0;
    Ok((unit, points))
}

/// The point of one line, its value times `scale`.
fn point(row: &Row<'_, 2>, scale: f64) -> Result<CdfPoint, InputError> {
    let x = row.number(0)? * scale;
    if x < 0.0 {
        let (column, value) = (row.name(0), row.text(0));
        return Err(row.error(LineFault::TooSmall { column, value, min: 0 }));
    }
    if x.is_infinite() {
        let (column, value, max) = (row.name(0), row.text(0), (f64::MAX / scale).to_string());
        return Err(row.error(LineFault::TooLarge { column, value, max }));
    }
    let cumulative = row.number(1)?;
    if !(0.0..=1.0 + ROUNDING).contains(&cumulative) {
        let (column, value) = (row.name(1), row.text(1));
        return Err(row.error(LineFault::NotShare { column, value }));
    }
    Ok(CdfPoint { x, cumulative: cumulative.min(1.0) })
}

/// Refuses a point whose value or share is below the one before.
fn check_rising(
    row: &Row<'_, 2>,
    scale: f64,
    last: CdfPoint,
    point: CdfPoint,
) -> Result<(), InputError> {
    let place_and_previous = if point.x < last.x {
        (0, last.x / scale)
    } else if point.cumulative < last.cumulative {
        (1, last.cumulative)
    } else {
        return Ok(());
    };
    let (place, previous) = place_and_previous;
    let (column, value, previous) = (row.name(place), row.text(place), previous.to_string());
    Err(row.error(LineFault::Falling { column, value, previous }))
}

/// The unit that a column's name ends in, and what its values are multiplied by.
fn unit_of(name: &str) -> (CdfUnit, f64) {
    match name.rsplit('_').next().unwrap_or(name) {
        "ps" => (CdfUnit::Picoseconds, 1.0),
        "ns" => (CdfUnit::Picoseconds, 1e3),
        "us" => (CdfUnit::Picoseconds, 1e6),
        "ms" => (CdfUnit::Picoseconds, 1e9),
        "s" => (CdfUnit::Picoseconds, 1e12),
        "bytes" | "b" | "len" | "size" => (CdfUnit::Bytes, 1.0),
        _ => (CdfUnit::Count, 1.0),
    }
}

/// Names of the column of shares, the first one found is taken.
const CUMULATIVE: [&str; 3] = ["cumulative", "cum", "cdf"];

/// What the header line must name.
const NEEDED: &str = "a value and cumulative (or cum or cdf)";

/// Below this last share a distribution is cut short.
const CUT_SHORT: f64 = 0.99;

/// How far above 1 a share may be by rounding.
const ROUNDING: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(CdfUnit, Vec<CdfPoint>), InputError> {
        let reader = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
        points(Table::new(Path::new("d.csv"), reader)?)
    }

    fn refusal(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    fn pairs(points: &[CdfPoint]) -> Vec<(f64, f64)> {
        points.iter().map(|point| (point.x, point.cumulative)).collect()
    }

    #[test]
    fn times_are_converted_to_picoseconds_by_the_suffix() {
        for (name, scale) in
            [("t_ps", 1.0), ("t_ns", 1e3), ("latency_us", 1e6), ("t_ms", 1e9), ("t_s", 1e12)]
        {
            let (unit, points) = read(&format!("{name},cum\n2,0.5\n2.5,1\n")).unwrap();
            assert_eq!(unit, CdfUnit::Picoseconds, "{name}");
            assert_eq!(pairs(&points), [(2.0 * scale, 0.5), (2.5 * scale, 1.0)], "{name}");
        }
    }

    #[test]
    fn sizes_are_bytes_and_other_names_are_counts() {
        for name in ["flow_bytes", "flow_b", "bytes", "b", "len", "size", "frame_len"] {
            assert_eq!(read(&format!("{name},cdf\n64,1\n")).unwrap().0, CdfUnit::Bytes, "{name}");
        }
        for name in ["count", "packets", "status", "jobs"] {
            assert_eq!(read(&format!("{name},cdf\n64,1\n")).unwrap().0, CdfUnit::Count, "{name}");
        }
    }

    #[test]
    fn other_columns_and_comments_are_ignored() {
        let text = "# measured\nlatency_us,samples,cumulative\n11,,0.25\n33,,1.000000\n";
        assert_eq!(pairs(&read(text).unwrap().1), [(11e6, 0.25), (33e6, 1.0)]);
    }

    #[test]
    fn the_values_are_the_first_column_that_is_not_the_cumulative_one() {
        assert_eq!(
            pairs(&read("cdf,len\n0.5,64\n1,1514\n").unwrap().1),
            [(64.0, 0.5), (1514.0, 1.0)]
        );
    }

    #[test]
    fn equal_values_and_equal_shares_are_allowed() {
        assert_eq!(read("n,cum\n1,0\n1,0.5\n2,0.5\n3,1\n").unwrap().1.len(), 4);
    }

    #[test]
    fn a_last_share_of_at_least_0_99_is_taken_as_one() {
        for last in ["0.99", "0.9998", "0.999999", "1", "1.0000005"] {
            let (_, points) = read(&format!("n,cum\n1,0.5\n2,{last}\n")).unwrap();
            assert_eq!(pairs(&points), [(1.0, 0.5), (2.0, 1.0)], "{last}");
        }
    }

    #[test]
    fn a_distribution_cut_short_is_refused() {
        assert_eq!(
            refusal("n,cum\n1,0.5\n2,0.98\n"),
            "d.csv:3: the last cum is 0.98; it must be 1 (0.99 and above is taken as 1)"
        );
    }

    #[test]
    fn a_share_outside_zero_to_one_is_refused() {
        assert_eq!(
            refusal("n,cum\n1,50\n2,100\n"),
            "d.csv:2: cum 50 is not a share; it must be from 0 to 1"
        );
        assert!(refusal("n,cum\n1,-0.1\n2,1\n").contains("cum -0.1 is not a share"));
    }

    #[test]
    fn falling_columns_are_refused() {
        assert_eq!(
            refusal("t_us,cum\n5,0.5\n4,1\n"),
            "d.csv:3: t_us 4 is below 5 of the line before; it must not fall"
        );
        assert_eq!(
            refusal("n,cum\n1,0.5\n2,0.4\n"),
            "d.csv:3: cum 0.4 is below 0.5 of the line before; it must not fall"
        );
    }

    #[test]
    fn values_must_be_finite_numbers_of_at_least_zero() {
        assert_eq!(refusal("n,cum\nx,1\n"), "d.csv:2: n 'x' is not a number");
        assert_eq!(refusal("n,cum\ninf,1\n"), "d.csv:2: n 'inf' is not a number");
        assert_eq!(refusal("n,cum\n1,nan\n"), "d.csv:2: cum 'nan' is not a number");
        assert_eq!(refusal("n,cum\n-1,1\n"), "d.csv:2: n -1 is too small; at least 0");
        assert!(refusal("t_s,cum\n1e300,1\n").starts_with("d.csv:2: t_s 1e300 is too large"));
    }

    #[test]
    fn names_in_messages_are_printable() {
        assert_eq!(refusal("\x1b[2J\t,cdf\nx,1\n"), "d.csv:2: \\u{1b}[2J 'x' is not a number");
    }

    #[test]
    fn a_file_without_points_is_refused() {
        for text in ["", "n,cum\n"] {
            assert_eq!(
                refusal(text),
                "d.csv:1: no points; a header line naming a value and cumulative (or cum or cdf) \
                 and a line for each must be there"
            );
        }
        assert_eq!(
            refusal("n,share\n1,1\n"),
            "d.csv:1: no column 'cumulative'; the header line must name a value and cumulative (or \
             cum or cdf)"
        );
        assert!(refusal("cdf\n1\n").contains("no column 'value'"));
    }
}
