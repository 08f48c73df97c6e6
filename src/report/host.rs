//! The result of `host`: what an interface says, and what it means.

use std::fmt::Write as _;

use comfy_table::CellAlignment;
use serde::Serialize;

use super::SCHEMA;
use super::csv::rows_csv;
use super::format::{format_rate, list, plain_table, table_text, wrapped};
use crate::host::{Drops, Fact, Findings, Lasting};
use crate::input::ethtool::{Inventory, Reading, Section};
use crate::model::memory::Memory;
use crate::preset::{CounterMeaning, Preset};
use crate::units::{format_bit_rate, format_bytes, to_f64};

/// What `rxplan host` says.
#[derive(Debug, Clone, Serialize)]
pub struct HostReport {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// The interface; empty where no capture names it.
    pub interface: String,
    /// The driver.
    pub driver: Option<Stated<String>>,
    /// The preset of the driver.
    pub preset: Option<&'static str>,
    /// Presets of the same driver that could be meant as well.
    pub preset_alternatives: Vec<&'static str>,
    /// Receive queues.
    pub queues: Option<Stated<u32>>,
    /// The most receive queues that can be set.
    pub queues_max: Option<u32>,
    /// Entries of each ring.
    pub rx: Option<Stated<u32>>,
    /// Queues that the RSS indirection table names.
    pub rss_queues: Option<u32>,
    /// The most entries that the driver takes.
    pub rx_max: Option<Stated<u32>>,
    /// The MTU in bytes.
    pub mtu: Stated<u32>,
    /// Bits per second.
    pub line_rate: Option<Stated<u64>>,
    /// What the rings pin.
    pub footprint: Option<FootprintRow>,
    /// How long a ring lasts at line rate.
    pub ring_lasts: Vec<LastingRow>,
    /// Counters of drops.
    pub drops: Vec<DropRow>,
    /// Polls cut short with work left, of all processors.
    pub time_squeeze: Option<u64>,
    /// Bytes in the interface's page pools.
    pub page_pool_bytes: Option<u64>,
    /// Interrupt coalescing.
    pub coalescing: Option<CoalescingRow>,
    /// What else to know of the driver.
    pub driver_notes: Vec<String>,
    /// What cannot be seen.
    pub unseen: Vec<String>,
    /// Answers to what people confuse.
    pub answers: Vec<String>,
    /// What could not be read.
    pub notes: Vec<String>,
    /// Every value that was read.
    pub values: Vec<ValueRow>,
}

/// A value and its origin.
#[derive(Debug, Clone, Serialize)]
pub struct Stated<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub from: String,
}

/// What the rings pin.
#[derive(Debug, Clone, Serialize)]
pub struct FootprintRow {
    /// Bytes of one queue's buffers.
    pub queue_bytes: u64,
    /// Bytes of one queue's buffers divided by its entries, rounded up.
    pub entry_bytes: u64,
    /// Bytes of everything, as a share of the host's memory.
    pub ram_share: Option<f64>,
    /// Bytes of everything with the deepest rings that the driver takes.
    pub total_bytes_at_rx_max: Option<u64>,
    /// How buffers are laid out, and how that is known.
    pub buffers: String,
    /// The memory items.
    #[serde(flatten)]
    pub memory: Memory,
}

/// How long a ring lasts when one queue takes the whole line.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LastingRow {
    /// Bits per second.
    pub bits_per_second: u64,
    /// Microseconds with frames of full MTU.
    pub mtu_frames_us: f64,
    /// Microseconds with frames of 64 bytes.
    pub small_frames_us: f64,
}

/// Interrupt coalescing; `null` where it is not known.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CoalescingRow {
    /// Whether the kernel or the driver choose the delay.
    pub adaptive: bool,
    /// Microseconds to the interrupt.
    pub rx_usecs: Option<u32>,
    /// Packets to the interrupt; 0: no limit.
    pub rx_frames: Option<u32>,
    /// Whether the timer restarts with every packet.
    pub cqe_mode: bool,
}

/// Drops that one counter counts, or its namesakes for each queue.
#[derive(Debug, Clone, Serialize)]
pub struct DropRow {
    /// Its name, with `*` for the number of a queue.
    pub counter: String,
    /// `no_buffer`, `fifo` and others; `unknown` where no preset says.
    pub cause: &'static str,
    /// The same in words.
    pub meaning: &'static str,
    /// Of all queues.
    pub count: u64,
    /// Of each queue that dropped, the worst first.
    pub queues: Vec<QueueDrops>,
    /// What else to know.
    pub note: &'static str,
    /// Where it was read.
    pub from: String,
}

/// Drops of a queue.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct QueueDrops {
    /// The queue.
    pub queue: u32,
    /// Its drops.
    pub count: u64,
}

/// A value as it was read.
#[derive(Debug, Clone, Serialize)]
pub struct ValueRow {
    /// What the capture is about.
    pub subject: &'static str,
    /// Its name.
    pub name: String,
    /// The value; `n/a` where it is not applicable.
    pub value: String,
    /// Where it was read.
    pub from: String,
}

/// The cause of drops whose counter no preset has.
const UNKNOWN: &str = "unknown";
/// Queues of a counter that are listed for people.
const QUEUES_SHOWN: usize = 4;

impl HostReport {
    /// The report of an interface.
    #[must_use]
    pub fn new(inventory: &Inventory, findings: &Findings) -> Self {
        let ram = findings.ram.as_ref().map(|ram| ram.value);
        let footprint = findings.footprint.as_ref().map(|footprint| {
            let entries = footprint.nic.rx.first().copied().unwrap_or(0).max(1);
            let total = footprint.memory.total_bytes;
            FootprintRow {
                queue_bytes: footprint.queue.bytes,
                entry_bytes: footprint.queue.bytes.div_ceil(u64::from(entries)),
                ram_share: ram.filter(|ram| *ram > 0).map(|ram| to_f64(total) / to_f64(ram)),
                total_bytes_at_rx_max: footprint.at_most.map(|memory| memory.total_bytes),
                buffers: footprint.how.clone(),
                memory: footprint.memory,
            }
        });
        Self {
            schema: SCHEMA,
            command: "host",
            interface: findings.interface.clone(),
            driver: findings.driver.as_ref().map(value),
            preset: findings.preset.map(|preset| preset.name),
            preset_alternatives: findings.alternatives.clone(),
            queues: findings.queues.as_ref().map(value),
            queues_max: findings.queues_max,
            rx: findings.rx.as_ref().map(value),
            rss_queues: findings.rss_queues,
            rx_max: findings.rx_max.as_ref().map(value),
            mtu: value(&findings.mtu),
            line_rate: findings.line_rate.as_ref().map(value),
            footprint,
            ring_lasts: findings.lasts.iter().map(lasting_row).collect(),
            drops: findings.drops.iter().map(drop_row).collect(),
            time_squeeze: findings.time_squeeze,
            page_pool_bytes: findings.page_pools,
            coalescing: findings.coalescing.map(|coalescing| CoalescingRow {
                adaptive: coalescing.adaptive,
                rx_usecs: coalescing.usecs,
                rx_frames: coalescing.frames,
                cqe_mode: coalescing.cqe_mode,
            }),
            driver_notes: findings.preset.map_or_else(Vec::new, driver_notes),
            unseen: findings.unseen.clone(),
            answers: findings.answers.clone(),
            notes: findings.notes.clone(),
            values: inventory.sections.iter().flat_map(value_rows).collect(),
        }
    }

    /// The report for people. Names from captures cannot steer a terminal.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = self.head();
        text.push_str(&self.memory_text());
        text.push_str(&self.lasting_text());
        text.push_str(&self.coalescing_text());
        text.push_str(&self.drops_text());
        list(&mut text, "What to know of the driver", &self.driver_notes);
        list(&mut text, "What cannot be seen", &self.unseen);
        list(&mut text, "Good to know", &self.answers);
        let safe =
            |c: char| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c };
        text.chars().map(safe).collect()
    }

    /// One row a value, with its origin.
    #[must_use]
    pub fn csv(&self) -> String {
        rows_csv(&self.values)
    }

    fn head(&self) -> String {
        let name = if self.interface.is_empty() { "interface" } else { &self.interface };
        let driver = self.driver.as_ref().map_or("driver unknown", |driver| &driver.value);
        let preset =
            self.preset.map_or_else(|| "no preset".to_owned(), |name| format!("preset {name}"));
        let rate = self
            .line_rate
            .as_ref()
            .map_or_else(|| "speed unknown".to_owned(), |rate| format_bit_rate(rate.value));
        let mut table = plain_table();
        for (what, value) in [("queues", &self.queues), ("rx", &self.rx), ("rx max", &self.rx_max)]
        {
            let [value, from] = value.as_ref().map_or_else(
                || ["unknown".to_owned(), String::new()],
                |value| [value.value.to_string(), value.from.clone()],
            );
            table.add_row([what.to_owned(), value, from]);
        }
        if let (Some(rss), Some(queues)) = (self.rss_queues, &self.queues)
            && rss != queues.value
        {
            let value = format!("{rss} of {}", queues.value);
            table.add_row(["queues of RSS".to_owned(), value, "indirection table".to_owned()]);
        }
        table.add_row(["MTU".to_owned(), self.mtu.value.to_string(), self.mtu.from.clone()]);
        format!("{name}: {driver} ({preset}), {rate}\n\n{}", table_text(&table))
    }

    fn memory_text(&self) -> String {
        let (Some(footprint), Some(rx), Some(queues)) = (&self.footprint, &self.rx, &self.queues)
        else {
            return "\nReceive memory: not known without ring sizes and queues.\n".to_owned();
        };
        let memory = &footprint.memory;
        let share = footprint.ram_share.map_or_else(
            || "the host's memory is not known".to_owned(),
            |share| format!("{} of the host's memory", format_rate(share)),
        );
        let mut text = format!(
            "\nReceive memory now: {} {} x {} entries x {} = {}; with descriptors and completions \
             {}, {share}.\n",
            queues.value,
            if queues.value == 1 { "queue" } else { "queues" },
            rx.value,
            format_bytes(footprint.entry_bytes),
            format_bytes(memory.buffers_bytes),
            format_bytes(memory.total_bytes),
        );
        let _ = writeln!(text, "Buffers: {}.", footprint.buffers);
        if let (Some(most), Some(max)) = (footprint.total_bytes_at_rx_max, &self.rx_max)
            && max.value > rx.value
        {
            let _ = writeln!(text, "With rx {} it would be {}.", max.value, format_bytes(most));
        }
        if let Some(pools) = self.page_pool_bytes {
            let _ = writeln!(text, "Page pools hold {} now, says the kernel.", format_bytes(pools));
        }
        wrapped(&text)
    }

    fn lasting_text(&self) -> String {
        if self.ring_lasts.is_empty() {
            return String::new();
        }
        let mut table = plain_table();
        let mtu = format!("frames of MTU {}", self.mtu.value);
        table.set_header(["line rate", &mtu, "frames of 64 B"]);
        for row in &self.ring_lasts {
            table.add_row([
                format_bit_rate(row.bits_per_second),
                format!("{:.1} us", row.mtu_frames_us),
                format!("{:.1} us", row.small_frames_us),
            ]);
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let all = self
            .queues
            .as_ref()
            .filter(|queues| queues.value > 1)
            .map_or_else(String::new, |queues| {
                format!("; {} times that with all queues evenly loaded", queues.value)
            });
        wrapped(&format!(
            "\nA full ring lasts this long when one queue takes the whole line and the host does \
             nothing{all}:\n",
        )) + &table_text(&table)
    }

    /// How much of the ring the delay of interrupts takes.
    fn coalescing_text(&self) -> String {
        let Some(coalescing) = &self.coalescing else { return String::new() };
        if coalescing.adaptive {
            return wrapped(
                "\nInterrupts: adaptive; the delay, and with it the part of the ring that it \
                 fills, changes with the load. The kernel's own moderation goes up to 256 us.\n",
            );
        }
        let usecs = match coalescing.rx_usecs {
            None => return String::new(),
            Some(0) => return "\nInterrupts: with every packet.\n".to_owned(),
            Some(usecs) => usecs,
        };
        let frames = match coalescing.rx_frames {
            Some(0) | None => String::new(),
            Some(1) => " or with 1 packet".to_owned(),
            Some(frames) => format!(" or with {frames} packets"),
        };
        let share = self.ring_lasts.first().filter(|row| row.mtu_frames_us > 0.0);
        let share = share.map_or_else(String::new, |row| {
            format!(
                "; {usecs} us are {:.0} % of what the ring lasts with full frames at {}",
                f64::from(usecs) * 100.0 / row.mtu_frames_us,
                format_bit_rate(row.bits_per_second)
            )
        });
        wrapped(&format!("\nInterrupts: {usecs} us after the first packet{frames}{share}.\n"))
    }

    /// Drops by what would have prevented them.
    fn drops_text(&self) -> String {
        const UNCLEAR: [&str; 2] = [CounterMeaning::Other.name(), UNKNOWN];
        let starved = CounterMeaning::NoBuffer.name();
        let seen = || self.drops.iter().filter(|row| row.count > 0);
        let mut text = String::from("\n");
        if seen().next().is_none() {
            let counters = if self.drops.is_empty() { "no counter tells" } else { "none counted" };
            let _ = writeln!(text, "Drops: {counters}.");
        } else {
            drops_table(
                &mut text,
                "Drops for want of a descriptor, which a deeper ring or a faster host prevents",
                seen().filter(|row| row.cause == starved),
            );
            drops_table(
                &mut text,
                "Drops that no deeper ring prevents",
                seen().filter(|row| row.cause != starved && !UNCLEAR.contains(&row.cause)),
            );
            drops_table(
                &mut text,
                "Drops of several causes, or of unknown ones",
                seen().filter(|row| UNCLEAR.contains(&row.cause)),
            );
            text.push_str("Counters overlap: a drop may stand in several of them.\n");
        }
        let clear = self.drops.iter().filter(|row| row.count == 0);
        let clear: Vec<&str> = clear.map(|row| row.counter.as_str()).collect();
        if !clear.is_empty() {
            let _ = writeln!(text, "Zero: {}.", clear.join(", "));
        }
        if let Some(squeezes) = self.time_squeeze {
            let _ = writeln!(
                text,
                "Polls cut short with work left (time_squeeze, all processors): {squeezes}."
            );
        }
        text
    }
}

/// Counters of drops with what they mean, and notes below.
fn drops_table<'a>(text: &mut String, heading: &str, rows: impl Iterator<Item = &'a DropRow>) {
    let rows: Vec<&DropRow> = rows.collect();
    if rows.is_empty() {
        let _ = writeln!(text, "{heading}: none counted.");
        return;
    }
    let mut table = plain_table();
    for row in &rows {
        let queues = worst(row);
        table.add_row([row.count.to_string(), row.counter.clone(), row.meaning.to_owned(), queues]);
    }
    let column = table.column_mut(0).expect("the rows have four columns");
    column.set_cell_alignment(CellAlignment::Right);
    let _ = write!(text, "{heading}:\n{}", table_text(&table));
    for row in rows.iter().filter(|row| !row.note.is_empty()) {
        text.push_str(&wrapped(&format!("({}: {})\n", row.counter, row.note)));
    }
}

fn value<T: Clone>(fact: &Fact<T>) -> Stated<T> {
    Stated { value: fact.value.clone(), from: fact.from.clone() }
}

/// What a preset says besides numbers.
fn driver_notes(preset: &Preset) -> Vec<String> {
    let refill = format!("slots are posted again: {}", preset.refill.value);
    std::iter::once(refill).chain(preset.notes.iter().map(|note| (*note).to_owned())).collect()
}

const fn lasting_row(lasting: &Lasting) -> LastingRow {
    let Lasting { bits_per_second, mtu_frames_us, small_frames_us } = *lasting;
    LastingRow { bits_per_second, mtu_frames_us, small_frames_us }
}

fn drop_row(drops: &Drops) -> DropRow {
    let queues =
        drops.queues.iter().map(|(queue, count)| QueueDrops { queue: *queue, count: *count });
    DropRow {
        counter: drops.name.clone(),
        cause: drops.meaning.map_or(UNKNOWN, |meaning| meaning.name()),
        meaning: drops.meaning.map_or("not known here", |meaning| meaning.text()),
        count: drops.total,
        queues: queues.collect(),
        note: drops.note,
        from: drops.from.to_string(),
    }
}

fn value_rows(section: &Section) -> impl Iterator<Item = ValueRow> {
    section.fields.iter().map(|(name, field)| ValueRow {
        subject: section.subject.name(),
        name: name.to_owned(),
        value: match &field.value {
            Reading::Known(scalar) => scalar.to_string(),
            Reading::NotApplicable => "n/a".to_owned(),
        },
        from: field.from.to_string(),
    })
}

/// The worst queues of a counter, and how many more dropped.
fn worst(row: &DropRow) -> String {
    let shown = row.queues.iter().take(QUEUES_SHOWN);
    let mut words: Vec<String> =
        shown.map(|row| format!("queue {}: {}", row.queue, row.count)).collect();
    let more = row.queues.len().saturating_sub(QUEUES_SHOWN);
    if more > 0 {
        words.push(format!("{more} more"));
    }
    words.join(", ")
}
