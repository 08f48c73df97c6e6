//! Keys that vary in a sweep: their values, in order, and axes of them.

use serde_json::{Map, Value};

use super::PlotError;
use super::scale::Scale;
use super::table::Table;
use super::theme::cut;
use crate::units::{BitRate, Bytes, Rate, SimDuration, to_f64};

/// A key that varies, with the distinct values it takes, sorted if they are numbers.
pub(super) struct Key {
    /// Its column.
    pub(super) name: String,
    /// Its values as text.
    pub(super) values: Vec<String>,
    /// The same as numbers, if they all are, or quantities of one kind.
    pub(super) numbers: Option<Vec<f64>>,
    /// Whether they have units.
    has_units: bool,
    /// For each row, the place of its value.
    pub(super) places: Vec<usize>,
}

/// Characters that fit below an axis.
const LINE: usize = 84;
/// Names no longer than that are not cut.
const WHOLE: usize = 12;

/// What all values of a key may be: plain numbers, or quantities of one kind.
const KINDS: [fn(&str) -> Option<f64>; 5] = [
    |text| text.parse().ok(),
    |text| SimDuration::parse(text).ok().map(|time| to_f64(time.as_ps())),
    |text| match Rate::parse(text) {
        Ok(Rate::Packets(rate)) => Some(rate.per_second()),
        _ => None,
    },
    |text| BitRate::parse(text).ok().map(BitRate::per_second),
    |text| Bytes::parse(text).ok().map(|size| to_f64(size.get())),
];

impl Key {
    pub(super) fn read(table: &Table, name: &str) -> Result<Self, PlotError> {
        let mut rows = Vec::new();
        for row in 0..table.rows() {
            rows.push(table.text(name, row)?);
        }
        let mut values: Vec<String> = Vec::new();
        for text in &rows {
            if !values.contains(text) {
                values.push(text.clone());
            }
        }
        let numbers = KINDS.iter().find_map(|kind| values.iter().map(|text| kind(text)).collect());
        let has_units = numbers.is_some() && !table.is_numeric(name);
        let numbers = numbers.map(|numbers: Vec<f64>| {
            let mut order: Vec<(f64, String)> = numbers.into_iter().zip(values.drain(..)).collect();
            order.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (numbers, texts) = order.into_iter().unzip();
            values = texts;
            numbers
        });
        let place = |text: &String| values.iter().position(|value| value == text);
        let places = rows.iter().map(|text| place(text).unwrap_or_default()).collect();
        Ok(Self { name: name.to_owned(), values, numbers, has_units, places })
    }

    /// Names of its values in a legend: of tables, the policy, and what else differs between those
    /// of the same policy.
    pub(super) fn legend(&self) -> Vec<String> {
        let table = |text: &String| serde_json::from_str::<Map<String, Value>>(text).ok();
        let Some(tables) = self.values.iter().map(table).collect::<Option<Vec<_>>>() else {
            return self.values.clone();
        };
        let name = |own: &Map<String, Value>| {
            let alike = || tables.iter().filter(|other| other.get("policy") == own.get("policy"));
            let differs = |key: &&String| alike().any(|other| other.get(*key) != own.get(*key));
            let policy = own.get("policy").and_then(Value::as_str).map(str::to_owned);
            let others = own.keys().filter(differs).map(|key| format!("{key} {}", own[key]));
            let parts: Vec<String> = policy.into_iter().chain(others).collect();
            let all = || own.iter().map(|(key, value)| format!("{key} {value}")).collect();
            (if parts.is_empty() { all() } else { parts }).join(", ")
        };
        tables.iter().map(name).collect()
    }

    /// An axis with a place for each value, evenly apart.
    pub(super) fn even(&self) -> Scale {
        Scale::names(&axis_title(&self.name), &self.thinned())
    }

    /// Its name without its section: `nic_rx` is `rx`.
    pub(super) fn short(&self) -> String {
        short(&self.name)
    }

    /// An axis of the numbers, logarithmic where they grow by factors.
    pub(super) fn along(&self) -> Scale {
        let title = axis_title(&self.name);
        let Some(numbers) = &self.numbers else { return self.even() };
        let (low, high) = (numbers[0], numbers[numbers.len() - 1]);
        let margin = (high - low) * 0.04;
        let even = Scale::linear(&title, low - margin, high + margin);
        let scale = match numbers.len() {
            ..=14 if low > 0.0 && high / low >= 8.0 => Scale::doublings(&title, numbers),
            ..=6 => even.with_ticks(numbers),
            _ => even,
        };
        if self.has_units { scale.with_names(numbers, &self.thinned()) } else { scale }
    }

    /// A text per value if they fit, else some, and none for the others.
    fn thinned(&self) -> Vec<String> {
        let names = self.legend();
        // Names of a few characters are thinned until they fit, others are cut.
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let fit = (LINE / (longest.min(WHOLE) + 1)).clamp(1, 12);
        let every = names.len().div_ceil(fit);
        let room = LINE / names.len().div_ceil(every).max(1);
        let shown = |(place, name): (usize, &String)| match place % every {
            0 => cut(name, room.max(6)),
            _ => String::new(),
        };
        names.iter().enumerate().map(shown).collect()
    }

    /// The value of a row, as text.
    pub(super) fn at_text(&self, row: usize) -> &String {
        &self.values[self.places[row]]
    }

    /// Where a row lies on [`along`](Self::along).
    pub(super) fn at(&self, row: usize) -> f64 {
        let place = self.places[row];
        self.numbers.as_ref().map_or(place as f64, |numbers| numbers[place])
    }
}

/// A column's name with its meaning and unit where that is known.
pub(super) fn axis_title(name: &str) -> String {
    match name {
        "nic_rx" => "ring depth, nic.rx (entries per queue)".to_owned(),
        "reserve_entries" => "reserve, reserve.entries (buffers)".to_owned(),
        "nic_queues" => "queues, nic.queues".to_owned(),
        "nic_rx_buf_len" => "buffer size, nic.rx_buf_len".to_owned(),
        name if name.ends_with("_usecs") => format!("{} (µs)", key(name)),
        name if name.ends_with("in_phase") => format!("{} (queues in step)", key(name)),
        name => key(name),
    }
}

/// Sections of a scenario that are no lists.
const SECTIONS: [&str; 6] = ["nic", "reserve", "host", "placement", "plan", "run"];

/// The key that a column is named after: `nic_rx_buf_len` is `nic.rx_buf_len`.
fn key(name: &str) -> String {
    let lists = ["traffic", "host_stall"];
    for list in lists {
        let rest = name.strip_prefix(list).and_then(|rest| rest.strip_prefix('_'));
        if let Some((number, key)) = rest.and_then(|rest| rest.split_once('_'))
            && number.parse::<u32>().is_ok()
        {
            return format!("{}.{number}.{key}", list.replace('_', "."));
        }
    }
    let of_section = SECTIONS.iter().find_map(|section| {
        let key = name.strip_prefix(section)?.strip_prefix('_')?;
        Some(format!("{section}.{key}"))
    });
    of_section.unwrap_or_else(|| name.to_owned())
}

/// A key without its section: `nic_rx` is `rx`.
pub(super) fn short(name: &str) -> String {
    if name == "reserve_entries" {
        return "reserve".to_owned();
    }
    let key = key(name);
    let of_section = SECTIONS.iter().find_map(|own| key.strip_prefix(own)?.strip_prefix('.'));
    of_section.map_or_else(|| key.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn key(values: &[&str]) -> Key {
        let quoted = values.iter().map(|value| format!("\"{}\"\n", value.replace('"', "\"\"")));
        let text = format!("k\n{}", quoted.collect::<String>());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        Key::read(&Table::open(Path::new(&path)).unwrap(), "k").unwrap()
    }

    #[test]
    fn quantities_of_one_kind_are_numbers_in_order() {
        let times = key(&["2 us", "50 ns", "1 ms", "50 ns"]);
        assert_eq!(times.values, ["50 ns", "2 us", "1 ms"]);
        assert_eq!(times.numbers, Some(vec![5e4, 2e6, 1e9]));
        assert_eq!(times.places, [1, 0, 2, 0]);
        let rates = key(&["1 Mpps", "20 kpps"]);
        assert_eq!(rates.values, ["20 kpps", "1 Mpps"]);
        let mixed = key(&["1 Mpps", "20 us"]);
        assert_eq!(
            (mixed.values.as_slice(), mixed.numbers),
            (["1 Mpps", "20 us"].map(str::to_owned).as_slice(), None)
        );
    }

    #[test]
    fn a_legend_of_tables_says_what_differs() {
        let tables = key(&[
            r#"{"entries":1024,"policy":"shared-ring"}"#,
            r#"{"cap":128,"entries":1024,"policy":"static-cap"}"#,
            r#"{"cap":64,"entries":1024,"policy":"static-cap"}"#,
            r#"{"entries":0}"#,
        ]);
        let names = ["shared-ring", "static-cap, cap 128", "static-cap, cap 64", "entries 0"];
        assert_eq!(tables.legend(), names);
        assert_eq!(key(&[r#"{"rx":1}"#, r#"{"rx":2}"#]).legend(), ["rx 1", "rx 2"]);
        assert_eq!(key(&["a", "{b"]).legend(), ["a", "{b"]);
    }

    #[test]
    fn columns_are_named_as_their_keys() {
        let names = ["nic_rx_buf_len", "traffic_0_rate", "host_stall_1_every", "rx", "run_seed"];
        let keys = ["nic.rx_buf_len", "traffic.0.rate", "host.stall.1.every", "rx", "run.seed"];
        assert_eq!(names.map(super::key), keys);
    }
}
