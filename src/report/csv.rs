//! CSV: one row of a flattened result, one row per queue, per packet, per bin of time.

use serde_json::{Map, Value, json};

use super::simulate::{Reserve, SimulateReport};
use crate::id::QueueId;
use crate::model::log::{Fate, PacketOutcome, Timeline};

/// The result as one header line and one row, dots of the JSON names made underscores; without
/// `queues` and `engine`. Without a reserve its columns are there and empty.
#[must_use]
pub fn summary_csv(report: &SimulateReport) -> String {
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
    let mut columns = Vec::new();
    flatten("", fields, &mut columns);
    let (names, cells): (Vec<String>, Vec<String>) = columns.into_iter().unzip();
    write_rows(&[names, cells])
}

/// One row per queue, columns named as in JSON.
#[must_use]
pub fn queues_csv(report: &SimulateReport) -> String {
    rows_csv(&report.queues)
}

/// The header of the file that [`packet_row`] writes lines for.
#[must_use]
pub(super) const fn packet_header() -> &'static str {
    "t_ns,queue,len,outcome,from_reserve,delivered_ns\n"
}

/// One line for one packet.
#[must_use]
pub(super) fn packet_row(packet: &PacketOutcome) -> String {
    let (outcome, delivered) = match packet.fate {
        Fate::Outstanding => ("outstanding", String::new()),
        Fate::Delivered(time) => ("delivered", time.to_ns_text()),
        Fate::Dropped(reason) => (reason.name(), String::new()),
    };
    let arrival = packet.arrival.to_ns_text();
    let (queue, len, from_reserve) = (packet.queue, packet.len, packet.from_reserve);
    format!("{arrival},{queue},{len},{outcome},{from_reserve},{delivered}\n")
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
    write_rows(&rows)
}

fn flatten(prefix: &str, fields: &Map<String, Value>, columns: &mut Vec<(String, String)>) {
    for (key, value) in fields {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}_{key}") };
        match value {
            Value::Object(inner) => flatten(&name, inner, columns),
            Value::Null => columns.push((name, String::new())),
            Value::String(text) => columns.push((name, text.clone())),
            other => columns.push((name, other.to_string())),
        }
    }
}

fn write_rows(rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("writing to memory, rows of one length");
    }
    let bytes = writer.into_inner().expect("writing to memory");
    String::from_utf8(bytes).expect("made from text")
}

/// Rows of any serializable type with the flattened names of its JSON.
pub(super) fn rows_csv<T: serde::Serialize>(items: &[T]) -> String {
    let mut rows = Vec::new();
    for item in items {
        let value = serde_json::to_value(item).expect("a row has string keys only");
        let mut columns = Vec::new();
        flatten("", value.as_object().expect("a row is an object"), &mut columns);
        let (names, cells): (Vec<String>, Vec<String>) = columns.into_iter().unzip();
        if rows.is_empty() {
            rows.push(names);
        }
        rows.push(cells);
    }
    write_rows(&rows)
}
