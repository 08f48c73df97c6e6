//! The lines of each kind of capture.

use super::super::{Origin, Reading, Scalar, Section, Subject};

/// A capture whose lines are being read.
pub(super) struct Lines {
    section: Section,
    /// In which half of a list of ring or channel sizes the lines are.
    half: Half,
    /// Where in a capture with several parts the lines are.
    part: String,
    table: Vec<u64>,
    table_from: Option<Origin>,
}

/// `ethtool -g` and `-l` list every size twice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    /// No header line yet, or none at all (ethtool 6.15): a label's first value is its maximum.
    Unsaid,
    Maximum,
    Current,
}

/// Labels that stand in both halves.
const TWICE: [&str; 8] =
    ["rx", "rx-mini", "rx-jumbo", "tx", "other", "combined", "tx-push-buf-len", "hds-thresh"];

/// Labels of `ethtool -g` and `-l`, longer ones before those they contain.
const LABELS: [&str; 15] = [
    "Pre-set maximums:",
    "Current hardware settings:",
    "RX Mini:",
    "RX Jumbo:",
    "RX Buf Len:",
    "RX Push:",
    "TX Push:",
    "TX push buff len:",
    "CQE Size:",
    "TCP data split:",
    "HDS thresh:",
    "Combined:",
    "Other:",
    "RX:",
    "TX:",
];

/// Cuts what was pasted as one line before each label.
pub(super) fn unfold(line: &str) -> Vec<&str> {
    let mut starts = vec![0];
    let mut end = 0;
    for (at, _) in line.char_indices() {
        let is_word_start = at == 0 || line[..at].ends_with(char::is_whitespace);
        if at >= end
            && is_word_start
            && let Some(label) = LABELS.iter().find(|label| line[at..].starts_with(**label))
        {
            starts.push(at);
            end = at + label.len();
        }
    }
    starts.push(line.len());
    let pieces = starts.windows(2).map(|ends| line[ends[0]..ends[1]].trim());
    pieces.filter(|piece| !piece.is_empty()).collect()
}

/// Number and name of the interface in a line of `ip link`, such as `2: eth0: <UP> mtu 1500 ...`.
pub(super) fn link_name(line: &str) -> Option<(u64, &str)> {
    let (index, rest) = line.split_once(": ")?;
    let (name, flags) = rest.split_once(": ")?;
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    flags.starts_with('<').then_some((index.parse().ok()?, name))
}

impl Lines {
    pub(super) fn new(section: Section) -> Self {
        Self {
            section,
            half: Half::Unsaid,
            part: String::new(),
            table: Vec::new(),
            table_from: None,
        }
    }

    /// What a capture that ends here should have had.
    pub(super) fn missing(&self) -> Option<&'static str> {
        let (last, what) = match self.section.subject {
            Subject::Rings => ("tx", "the current sizes are complete"),
            Subject::Channels => ("combined", "the current numbers are complete"),
            Subject::Coalescing => ("rx-frames", "rx-frames"),
            _ => return None,
        };
        (!self.section.fields.has(last)).then_some(what)
    }

    /// The capture, at its end.
    pub(super) fn finish(mut self) -> Section {
        if let Some(from) = self.table_from {
            self.section.fields.push("table", Reading::Known(Scalar::List(self.table)), from);
        }
        self.section
    }

    /// Whether a line that could begin a capture of `subject` is one more row of this one.
    pub(super) fn goes_on_with(&self, subject: Subject) -> bool {
        subject == Subject::Softnet && self.section.subject == subject
    }

    /// Reads a line; false when it does not belong here.
    pub(super) fn read(&mut self, line: &str, from: &Origin) -> bool {
        match self.section.subject {
            Subject::Rings | Subject::Channels => self.sizes(line, from),
            Subject::Coalescing => self.coalescing(line, from),
            Subject::Features => self.feature(line, from),
            Subject::Driver => self.driver(line, from),
            Subject::Statistics => self.counter(line, from),
            Subject::Indirection => self.indirection(line, from),
            Subject::Pause => self.labelled(line, from),
            Subject::Settings => self.setting(line, from),
            Subject::Link => self.link(line, from),
            Subject::Memory => self.memory(line, from),
            Subject::Softnet => self.softnet(line, from),
            Subject::Deferral | Subject::QueueStatistics | Subject::PagePools => false,
        }
    }

    fn push(&mut self, name: impl Into<String>, value: Reading<Scalar>, from: &Origin) {
        self.section.fields.push(name, value, from.clone());
    }

    fn sizes(&mut self, line: &str, from: &Origin) -> bool {
        match line.trim() {
            "Pre-set maximums:" => self.half = Half::Maximum,
            "Current hardware settings:" => self.half = Half::Current,
            line => {
                let Some((name, value)) = label_and_value(line) else { return false };
                let maximum = format!("{name}-max");
                let is_maximum = TWICE.contains(&name.as_str())
                    && match self.half {
                        Half::Unsaid => !self.section.fields.has(&maximum),
                        Half::Maximum => true,
                        Half::Current => false,
                    };
                self.push(if is_maximum { maximum } else { name }, Scalar::read(value), from);
            }
        }
        true
    }

    /// `label: value`; the first line and that of the CQE mode have two, apart by blanks.
    fn coalescing(&mut self, line: &str, from: &Origin) -> bool {
        for prefix in ["Adaptive", "CQE mode"] {
            let Some(rest) = line.trim().strip_prefix(prefix) else { continue };
            let name = prefix.to_lowercase().replace(' ', "-");
            let words: Vec<&str> = rest.split_whitespace().collect();
            for pair in words.chunks(2) {
                let [direction, value] = pair else { return false };
                let direction = direction.trim_end_matches(':').to_lowercase();
                self.push(format!("{name}-{direction}"), Scalar::read(value), from);
            }
            return !words.is_empty();
        }
        self.labelled(line, from)
    }

    fn labelled(&mut self, line: &str, from: &Origin) -> bool {
        let Some((name, value)) = label_and_value(line) else { return false };
        self.push(name, Scalar::read(value), from);
        true
    }

    /// `name: on [fixed]`.
    fn feature(&mut self, line: &str, from: &Origin) -> bool {
        let Some((name, value)) = line.split_once(':') else { return false };
        let value = value.trim();
        let value = value.split_once(" [").map_or(value, |(value, _)| value);
        let is_switch = matches!(value, "on" | "off");
        if is_switch {
            self.push(name.trim(), Scalar::read(value), from);
        }
        is_switch
    }

    /// `key: value`, the value often empty and always text.
    fn driver(&mut self, line: &str, from: &Origin) -> bool {
        let Some((name, value)) = line.split_once(':') else { return false };
        let is_key = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if is_key {
            self.push(name, Reading::Known(Scalar::Text(value.trim().to_owned())), from);
        }
        is_key
    }

    /// `name: number`, where the name may hold colons: `[0]: rx_discards: 12`.
    fn counter(&mut self, line: &str, from: &Origin) -> bool {
        let Some((name, value)) = line.rsplit_once(':') else { return false };
        let Ok(value) = value.trim().parse() else { return false };
        self.push(name.trim(), Reading::Known(Scalar::Count(value)), from);
        true
    }

    fn indirection(&mut self, line: &str, from: &Origin) -> bool {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("with ") {
            let rings = rest.split(' ').next().unwrap_or_default();
            self.push("rings", Scalar::read(rings), from);
            return true;
        }
        if let Some(part) = line.strip_prefix("RSS ") {
            part.trim_end_matches(':').clone_into(&mut self.part);
            return true;
        }
        if !self.part.is_empty() {
            // The key, or which functions are on: nothing here depends on them.
            return true;
        }
        if line == "Operation not supported" {
            self.push("table", Reading::NotApplicable, from);
            return true;
        }
        let row = line.split_once(':').and_then(|(first, queues)| {
            first.parse::<u64>().ok()?;
            queues.split_whitespace().map(|queue| queue.parse().ok()).collect::<Option<Vec<u64>>>()
        });
        let Some(row) = row else { return false };
        self.table.extend(row);
        self.table_from.get_or_insert_with(|| from.clone());
        true
    }

    /// Of a link's settings only the speed matters; all others are indented too.
    fn setting(&mut self, line: &str, from: &Origin) -> bool {
        if let Some(speed) = line.trim().strip_prefix("Speed:") {
            let megabits = speed.trim().strip_suffix("Mb/s").and_then(|text| text.parse().ok());
            let bits = megabits.and_then(|megabits: u64| megabits.checked_mul(1_000_000));
            let value =
                bits.map_or(Reading::NotApplicable, |bits| Reading::Known(Scalar::Count(bits)));
            self.push("speed", value, from);
        }
        line.starts_with(char::is_whitespace)
    }

    /// `ip link` as text: the MTU in the first line, columns of counters under their names.
    fn link(&mut self, line: &str, from: &Origin) -> bool {
        let words: Vec<&str> = line.split_whitespace().collect();
        if link_name(line).is_some() {
            if let Some([_, mtu]) = words.windows(2).find(|pair| pair[0] == "mtu") {
                self.push("mtu", Scalar::read(mtu), from);
            }
            return true;
        }
        let numbers: Option<Vec<u64>> = words.iter().map(|word| word.parse().ok()).collect();
        match numbers {
            Some(numbers) if self.part.starts_with("RX") => {
                let names = std::mem::take(&mut self.part);
                let names = names.split_once(':').map_or("", |(_, names)| names);
                for (name, number) in names.split_whitespace().zip(numbers) {
                    let value = Reading::Known(Scalar::Count(number));
                    self.push(kernel_name(name), value, from);
                }
            }
            _ => line.trim().clone_into(&mut self.part),
        }
        line.starts_with(char::is_whitespace)
    }

    /// A processor's packets, drops at its backlog, and polls cut short (Linux 7.3
    /// net/core/net-procfs.c). The 13th column is the processor; older kernels have fewer columns
    /// and a row for each.
    fn softnet(&mut self, line: &str, from: &Origin) -> bool {
        const COLUMNS: [&str; 3] = ["processed", "dropped", "time_squeeze"];
        let Some(numbers) = softnet_row(line) else { return false };
        let row = (self.section.fields.iter().count() / COLUMNS.len()) as u64;
        let processor = numbers.get(12).copied().unwrap_or(row);
        for (name, number) in COLUMNS.iter().zip(numbers) {
            let value = Reading::Known(Scalar::Count(number));
            self.push(format!("cpu{processor} {name}"), value, from);
        }
        true
    }

    fn memory(&mut self, line: &str, from: &Origin) -> bool {
        let Some((name, value)) = line.split_once(':') else { return false };
        if name == "MemTotal" {
            let kib = value.trim().strip_suffix(" kB").and_then(|text| text.trim().parse().ok());
            let Some(bytes) = kib.and_then(|kib: u64| kib.checked_mul(1024)) else { return false };
            self.push("mem-total", Reading::Known(Scalar::Count(bytes)), from);
        }
        value.split_whitespace().next().is_some_and(|number| number.parse::<u64>().is_ok())
    }
}

/// The kernel's name of a column of `ip -s -s link`.
fn kernel_name(column: &str) -> String {
    match column {
        "bytes" | "packets" | "errors" | "dropped" => format!("rx_{column}"),
        "overrun" => "rx_over_errors".to_owned(),
        "mcast" => "multicast".to_owned(),
        _ => format!("rx_{column}_errors"),
    }
}

/// A line `Label: value`, its label as ethtool's JSON spells it; `None` when the value is missing.
fn label_and_value(line: &str) -> Option<(String, &str)> {
    let (label, value) = line.split_once(':')?;
    let value = value.trim();
    let name = label.trim().to_lowercase().replace(' ', "-").replace("-buff-len", "-buf-len");
    let is_label = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name = name.replace("rx-frame-", "rx-frames-");
    (is_label && !name.is_empty() && !value.is_empty()).then_some((name, value))
}

/// The numbers of a row of /proc/net/softnet_stat.
pub(super) fn softnet_row(line: &str) -> Option<Vec<u64>> {
    const FEWEST: usize = 9;
    let numbers: Option<Vec<u64>> = line
        .split_whitespace()
        .map(|word| u64::from_str_radix(word, 16).ok().filter(|_| word.len() == 8))
        .collect();
    numbers.filter(|numbers| numbers.len() >= FEWEST)
}
