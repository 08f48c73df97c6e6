//! The results of `sweep`: one row a point, and the differences between points.

use comfy_table::CellAlignment;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::SCHEMA;
use super::csv::{column_name, flat_rows_csv, result_fields, rows_csv};
use super::format::{format_difference, format_estimate, plain_table, table_text};
use super::simulate::SimulateReport;
use crate::scenario::Scenario;
use crate::simulation::Simulation;
use crate::stats::Estimate;
use crate::sweep::{Record, Sweep};
use crate::units::format_bytes;

/// What `rxplan sweep` says.
#[derive(Debug)]
pub struct SweepReport<'a> {
    sweep: &'a Sweep,
    /// Finished points in order.
    records: &'a [Record],
    /// How much more than its baseline each drops, where both are there.
    differences: Vec<Option<Estimate>>,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    /// The varied keys.
    keys: Vec<&'a str>,
    /// Points of the whole sweep.
    points: usize,
    rows: Vec<&'a RawValue>,
    differences: Vec<Map<String, Value>>,
}

/// The record of a finished point. Its row is flat: the varied keys, the result as `simulate` has
/// it, `seed`. A varied key stands for the column of the result with the same name.
#[must_use]
pub fn sweep_record(
    sweep: &Sweep,
    point: usize,
    scenario: &Scenario,
    simulation: &Simulation,
) -> Record {
    let mut row = varied(sweep, point);
    let names: Vec<String> = row.keys().map(|key| column_name(key)).collect();
    let mut fields = result_fields(&SimulateReport::new(scenario, simulation));
    fields["command"] = json!("sweep");
    let seed = fields.shift_remove("seed").expect("every result has one");
    row.extend(fields.into_iter().filter(|(name, _)| !names.contains(&column_name(name))));
    row.insert("seed".to_owned(), seed);
    let text = serde_json::to_string(&row).expect("a row has string keys only");
    Record {
        point,
        drop_rate: simulation.drop_rate,
        counts: simulation.counts.clone(),
        row: RawValue::from_string(text).expect("just written"),
    }
}

/// The varied keys of a point with their values; lists and tables as text.
fn varied(sweep: &Sweep, point: usize) -> Map<String, Value> {
    let plain = |value: &Value| match value {
        Value::Array(_) | Value::Object(_) => json!(value.to_string()),
        plain => plain.clone(),
    };
    let values = sweep.axes().iter().zip(sweep.values(point));
    values.map(|(axis, value)| (axis.key.clone(), plain(value))).collect()
}

impl<'a> SweepReport<'a> {
    /// The report of the points of a sweep that are finished, in order.
    #[must_use]
    pub fn new(sweep: &'a Sweep, records: &'a [Record]) -> Self {
        let of = |point: usize| {
            let index = records.binary_search_by_key(&point, |record| record.point).ok()?;
            Some(&records[index])
        };
        let difference = |record: &Record| record.difference(of(sweep.baseline(record.point)?)?);
        let differences = records.iter().map(difference).collect();
        Self { sweep, records, differences }
    }

    /// All as one JSON document.
    #[must_use]
    pub fn json(&self) -> String {
        let keys: Vec<&str> = self.sweep.axes().iter().map(|axis| axis.key.as_str()).collect();
        let document = Document {
            schema: SCHEMA,
            command: "sweep",
            keys,
            points: self.sweep.points(),
            rows: self.records.iter().map(|record| &*record.row).collect(),
            differences: self.differences().collect(),
        };
        serde_json::to_string_pretty(&document).expect("plain data") + "\n"
    }

    /// One JSON object a line and point.
    #[must_use]
    pub fn json_lines(&self) -> String {
        self.records.iter().map(|record| record.row.get().to_owned() + "\n").collect()
    }

    /// One CSV row a point.
    #[must_use]
    pub fn csv(&self) -> String {
        flat_rows_csv(|| self.rows())
    }

    /// One CSV row a point: the varied keys, and how much more it drops than its baseline.
    #[must_use]
    pub fn differences_csv(&self) -> String {
        rows_csv(&self.differences().collect::<Vec<_>>())
    }

    /// The doubts about finished points, the first few with their points.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        const SHOWN: usize = 3;
        let mut doubtful = self.records.iter().zip(self.rows()).filter_map(|(record, row)| {
            let text = row["warnings"].as_str().filter(|text| !text.is_empty())?;
            Some(format!("{}: {text}", self.sweep.label(record.point)))
        });
        let mut warnings: Vec<String> = doubtful.by_ref().take(SHOWN).collect();
        match doubtful.count() {
            0 => {}
            more => warnings.push(format!("{more} more points have doubts; see column warnings")),
        }
        warnings
    }

    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = plain_table();
        let keys = self.sweep.axes().iter().map(|axis| axis.key.clone());
        let results = ["drop rate", "against the baseline", "p99 us", "memory"].map(str::to_owned);
        table.set_header(keys.chain(results));
        for ((record, row), difference) in
            self.records.iter().zip(self.rows()).zip(&self.differences)
        {
            let values = varied(self.sweep, record.point).into_iter();
            let mut cells: Vec<String> = values
                .map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                .collect();
            cells.push(format_estimate(&record.drop_rate));
            cells.push(difference.as_ref().map_or_else(String::new, format_difference));
            cells.push(
                row["sojourn_us.p99"].as_f64().map_or_else(String::new, |us| format!("{us:.2}")),
            );
            let bytes = row["memory.total_bytes"].as_u64();
            cells.push(bytes.map_or_else(String::new, format_bytes));
            table.add_row(cells);
        }
        let columns = self.sweep.axes().len();
        for index in (0..columns).chain([columns + 2, columns + 3]) {
            let column = table.column_mut(index).expect("the header has all columns");
            column.set_cell_alignment(CellAlignment::Right);
        }
        let (finished, points) = (self.records.len(), self.sweep.points());
        let heading = match self.sweep.grid_points() {
            grid if grid == points as u64 => format!("{finished} of {points} points"),
            grid => format!("{finished} of {points} points, a sample of {grid}"),
        };
        format!("{heading}\n\n{}", table_text(&table))
    }

    fn rows(&self) -> impl Iterator<Item = Map<String, Value>> {
        let parse = |record: &Record| serde_json::from_str(record.row.get());
        self.records.iter().map(move |record| parse(record).expect("a row is an object"))
    }

    fn differences(&self) -> impl Iterator<Item = Map<String, Value>> {
        let empty = ["estimate", "ci_low", "ci_high", "confidence", "method"]
            .map(|name| (name.to_owned(), Value::Null));
        let records = self.records.iter().zip(&self.differences);
        records.map(move |(record, difference)| {
            let mut row = varied(self.sweep, record.point);
            let value = match difference {
                Some(difference) => json!(difference),
                None => Value::Object(empty.iter().cloned().collect()),
            };
            row.insert("drop_rate_diff".to_owned(), value);
            row
        })
    }
}
