//! CSV: one row of a flattened result, one row per queue, per packet, per bin of time.

use serde_json::{Map, Value, json};

use super::output::Row;
use super::simulate::{Reserve, SimulateReport};
use crate::id::QueueId;
use crate::input::samples::SampleRecord;
use crate::model::log::{Fate, PacketOutcome, Timeline};
use crate::units::SimTime;

/// The result as one header line and one row, dots of the JSON names made underscores; without
/// `queues` and `engine`. Without a reserve its columns are there and empty.
#[must_use]
pub fn summary_csv(report: &SimulateReport) -> String {
    rows_csv(&[result_fields(report)])
}

/// The result without `queues` and `engine`, in plain values by dotted name; what is absent is
/// null.
pub(super) fn result_fields(report: &SimulateReport) -> Map<String, Value> {
    let mut value = serde_json::to_value(report).expect("reports have string keys only");
    let fields = value.as_object_mut().expect("a report is an object");
    fields.shift_remove("queues");
    fields.shift_remove("engine");
    if report.placement.is_none() {
        fields.shift_remove("placement");
    }
    if fields["reserve"].is_null() {
        let template = serde_json::to_value(Reserve::default()).expect("plain numbers");
        let empty = template.as_object().expect("an object").keys();
        fields["reserve"] = Value::Object(empty.map(|key| (key.clone(), Value::Null)).collect());
    }
    fields["warnings"] = json!(report.warnings.join("; "));
    let mut flat = Map::new();
    flatten("", std::mem::take(fields), &mut flat);
    flat
}

/// One row per queue, columns named as in JSON.
#[must_use]
pub fn queues_csv(report: &SimulateReport) -> String {
    rows_csv(&report.queues)
}

impl Row for PacketOutcome {
    const HEADER: &'static str = "t_ns,queue,len,outcome,from_reserve,delivered_ns\n";

    fn line(&self) -> String {
        let (outcome, delivered) = match self.fate {
            Fate::Outstanding => ("outstanding", String::new()),
            Fate::Delivered(time) => ("delivered", time.to_ns_text()),
            Fate::Dropped(reason) => (reason.name(), String::new()),
        };
        let arrival = self.arrival.to_ns_text();
        let Self { queue, len, from_reserve, .. } = self;
        format!("{arrival},{queue},{len},{outcome},{from_reserve},{delivered}\n")
    }
}

impl Row for SampleRecord {
    const HEADER: &'static str = "t_ns,duration_ns,queue,packets,bytes\n";

    fn line(&self) -> String {
        let begin = SimTime::from_ps(self.begin_ps).to_ns_text();
        let duration = SimTime::from_ps(self.duration_ps).to_ns_text();
        let Self { queue, packets, bytes, .. } = self;
        format!("{begin},{duration},{queue},{packets},{bytes}\n")
    }
}

/// One line per bin of time: the most buffers in use within it, of all queues, of the reserve, and
/// of each queue.
#[must_use]
pub fn timeline_csv(timeline: &Timeline) -> String {
    let queues = timeline.bins().first().map_or(0, |bin| bin.queues.len());
    let names = (0..).map(QueueId::new).take(queues).map(|id| format!("q{id}_in_use_max"));
    let header = ["t_ns", "in_use_max", "reserve_in_use_max"].map(str::to_owned);
    let mut rows = vec![header.into_iter().chain(names).collect::<Vec<_>>()];
    for (index, bin) in timeline.bins().iter().enumerate() {
        let totals =
            [timeline.begin_of(index).to_ns_text(), bin.total.to_string(), bin.reserve.to_string()];
        rows.push(totals.into_iter().chain(bin.queues.iter().map(u32::to_string)).collect());
    }
    write_rows(rows)
}

fn flatten(prefix: &str, fields: Map<String, Value>, flat: &mut Map<String, Value>) {
    for (key, value) in fields {
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) => flatten(&name, inner, flat),
            plain => {
                flat.insert(name, plain);
            }
        }
    }
}

/// The name of a column: that of JSON with dots made underscores.
pub(super) fn column_name(name: &str) -> String {
    name.replace('.', "_")
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn write_rows(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("writing to memory, rows of one length");
    }
    let bytes = writer.into_inner().expect("writing to memory");
    String::from_utf8(bytes).expect("made from text")
}

/// Rows of any serializable type with the flattened names of its JSON.
pub(super) fn rows_csv<T: serde::Serialize>(items: &[T]) -> String {
    let flat = |item: &T| {
        let value = serde_json::to_value(item).expect("a row has string keys only");
        let Value::Object(fields) = value else { panic!("a row is an object") };
        let mut flat = Map::new();
        flatten("", fields, &mut flat);
        flat
    };
    flat_rows_csv(|| items.iter().map(flat))
}

/// Flat rows, made twice: first for their names. A row may lack columns that others have; each
/// stands where the first row that has it has it.
pub(super) fn flat_rows_csv<R: Iterator<Item = Map<String, Value>>>(
    rows: impl Fn() -> R,
) -> String {
    let mut names: Vec<String> = Vec::new();
    for row in rows() {
        let mut next = 0;
        for name in row.keys() {
            let known = names.iter().position(|other| other == name);
            if known.is_none() {
                names.insert(next, name.clone());
            }
            next = known.unwrap_or(next) + 1;
        }
    }
    if names.is_empty() {
        return String::new();
    }
    let header = names.iter().map(|name| column_name(name)).collect();
    let cells = rows()
        .map(|row| names.iter().map(|name| row.get(name).map_or_else(String::new, cell)).collect());
    write_rows(std::iter::once(header).chain(cells))
}
