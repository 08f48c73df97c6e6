//! The result of `presets`: what is known about each NIC, and from where.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::SCHEMA;
use super::csv::rows_csv;
use super::format::{plain_table, table_text};
use crate::preset::{Counter, Preset, Source, Sourced};
use crate::units::format_bytes;

/// What `rxplan presets` says.
#[derive(Debug, Clone, Serialize)]
pub struct PresetsReport {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// The presets, by vendor.
    pub presets: Vec<PresetRow>,
}

/// What is known about one NIC.
#[derive(Debug, Clone, Serialize)]
pub struct PresetRow {
    /// What scenarios call it.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Names of its driver, as `ethtool -i` says them.
    pub drivers: &'static [&'static str],
    /// Its values.
    pub values: Vec<Fact>,
    /// Its drop counters.
    pub counters: Vec<CounterRow>,
    /// Where they come from.
    #[serde(serialize_with = "as_text")]
    pub counters_source: Source,
    /// What the model leaves out, and what else to know.
    pub notes: &'static [&'static str],
    #[serde(skip)]
    preset: &'static Preset,
}

/// One value.
#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    /// What it is of.
    pub key: &'static str,
    /// A number, or a rule in words.
    pub value: Value,
    /// Where it comes from.
    #[serde(serialize_with = "as_text")]
    pub source: Source,
}

/// One drop counter.
#[derive(Debug, Clone, Serialize)]
pub struct CounterRow {
    /// Its name in `ethtool -S`; `*` stands for a number.
    pub name: &'static str,
    /// What it counts.
    pub meaning: &'static str,
    /// Whether `*` is a queue.
    pub per_queue: bool,
    /// What else to know.
    pub note: &'static str,
}

fn as_text<S: Serializer>(source: &Source, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(source)
}

impl PresetRow {
    fn new(preset: &'static Preset) -> Self {
        let counter = |counter: &Counter| CounterRow {
            name: counter.pattern,
            meaning: counter.meaning.name(),
            per_queue: counter.per_queue,
            note: counter.note,
        };
        Self {
            name: preset.name,
            about: preset.about,
            drivers: preset.drivers,
            values: facts(preset),
            counters: preset.counters.value.iter().map(counter).collect(),
            counters_source: preset.counters.source,
            notes: preset.notes,
            preset,
        }
    }

    fn table(&self) -> String {
        let drivers = match self.drivers {
            [] => String::new(),
            names => format!("ethtool -i: driver {}\n", names.join(", ")),
        };
        let mut values = plain_table();
        values.set_content_arrangement(ContentArrangement::Dynamic).set_width(TABLE_WIDTH);
        values.set_header(["value", "", "source"]);
        for fact in &self.values {
            values.add_row([fact.key, &fact.text(), &fact.source.to_string()]);
        }
        let widths = [ColumnConstraint::ContentWidth, VALUE_WIDTH, ColumnConstraint::ContentWidth];
        values.set_constraints(widths);
        let mut text = format!("{}: {}\n{drivers}\n{}", self.name, self.about, table_text(&values));
        if !self.counters.is_empty() {
            let mut counters = plain_table();
            counters.set_header(["drop counter (ethtool -S)", "means", ""]);
            for counter in self.preset.counters.value {
                counters.add_row([counter.pattern, counter.meaning.text(), counter.note]);
            }
            text += &format!("\n{}\nCounters: {}\n", table_text(&counters), self.counters_source);
        }
        for note in self.notes {
            text += &format!("- {note}\n");
        }
        text
    }
}

impl Fact {
    fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            Value::Number(number) if self.key.contains("bytes") => {
                number.as_u64().map_or_else(|| number.to_string(), format_bytes)
            }
            other => other.to_string(),
        }
    }
}

/// Characters of a line in the table of one preset: values are wrapped, the rest fits.
const TABLE_WIDTH: u16 = 160;
const VALUE_WIDTH: ColumnConstraint = ColumnConstraint::UpperBoundary(Width::Fixed(48));

/// MTUs that memory is shown for.
const MTUS: [(u32, &str); 2] = [(1500, "queue_bytes_mtu_1500"), (9000, "queue_bytes_mtu_9000")];

/// Names of what is known of `rx` and the rings beside it.
const RINGS: [[&str; 4]; 3] = [
    ["rx_default", "rx_min", "rx_max", "rx_rounding"],
    ["rx_mini_default", "rx_mini_min", "rx_mini_max", "rx_mini_rounding"],
    ["rx_jumbo_default", "rx_jumbo_min", "rx_jumbo_max", "rx_jumbo_rounding"],
];

fn facts(preset: &Preset) -> Vec<Fact> {
    fn number(key: &'static str, from: Sourced<impl Into<u64>>) -> Fact {
        Fact { key, value: json!(from.value.into()), source: from.source }
    }
    fn rule(key: &'static str, from: Sourced<impl ToString>) -> Fact {
        Fact { key, value: json!(from.value.to_string()), source: from.source }
    }
    let (rx, buffers) = (preset.rx, preset.buffers);
    let side_rings = RINGS[1..].iter().zip([preset.mini, preset.jumbo]);
    let side_rings = side_rings.filter_map(|(keys, ring)| Some((keys, ring?)));
    let mut facts = Vec::new();
    for ([default, min, max, rounding], ring) in [(&RINGS[0], rx)].into_iter().chain(side_rings) {
        facts.extend([
            number(default, ring.default),
            number(min, ring.min),
            number(max, ring.max),
            rule(rounding, ring.rounding),
        ]);
    }
    facts.extend([
        rule("queues", preset.queues),
        Fact { key: "buffers", value: json!(preset.buffers_text), source: buffers.source },
    ]);
    facts.extend(MTUS.map(|(mtu, key)| Fact {
        key,
        value: json!(preset.queue(rx.default.value, mtu).bytes),
        source: Source::Text("follows from buffers, at the default rx"),
    }));
    facts.extend([
        number("descriptor_bytes", preset.descriptor),
        number("completion_bytes", preset.completion),
        number("header_buffer_bytes", preset.header_buffer),
        rule("refill", preset.refill),
    ]);
    if preset.reserve > 0 {
        let source = buffers.source;
        facts.push(number("reserve_entries", Sourced { value: preset.reserve, source }));
    }
    facts
}

impl PresetsReport {
    /// A report of these presets.
    #[must_use]
    pub fn new(presets: &[&'static Preset]) -> Self {
        let presets = presets.iter().map(|preset| PresetRow::new(preset)).collect();
        Self { schema: SCHEMA, command: "presets", presets }
    }

    /// The report for people: all about one, or a line for each.
    #[must_use]
    pub fn table(&self) -> String {
        if let [only] = &self.presets[..] {
            return only.table();
        }
        let mut table = plain_table();
        table.set_header(["preset", "rx", "min", "max", "MTU 1500", "MTU 9000", "", "what it is"]);
        for row in &self.presets {
            let (preset, rx) = (row.preset, row.preset.rx);
            let bytes = MTUS.map(|(mtu, _)| preset.queue(rx.default.value, mtu).bytes);
            let [standard, jumbo] = bytes.map(format_bytes);
            table.add_row([
                row.name.to_owned(),
                rx.default.value.to_string(),
                rx.min.value.to_string(),
                rx.max.value.to_string(),
                standard,
                jumbo,
                rx.rounding.value.to_string(),
                row.about.to_owned(),
            ]);
        }
        for column in table.column_iter_mut().skip(1).take(5) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!(
            "{}\nMemory is that of one queue's buffers at the default rx. `rxplan presets NAME` \
             shows everything with its source.\n",
            table_text(&table)
        )
    }

    /// The report as CSV: a row for every value and every counter.
    #[must_use]
    pub fn csv(&self) -> String {
        #[derive(Serialize)]
        struct Row {
            preset: &'static str,
            key: &'static str,
            value: String,
            source: String,
        }
        let rows = self.presets.iter().flat_map(|preset| {
            let name = preset.name;
            let values = preset.values.iter().map(move |fact| {
                let value = match &fact.value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                Row { preset: name, key: fact.key, value, source: fact.source.to_string() }
            });
            let counters = preset.counters.iter().map(move |counter| Row {
                preset: name,
                key: "counter",
                value: format!("{} = {}", counter.name, counter.meaning),
                source: preset.counters_source.to_string(),
            });
            values.chain(counters)
        });
        rows_csv(&rows.collect::<Vec<_>>())
    }
}
