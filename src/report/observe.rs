//! The result of `observe`.

use comfy_table::CellAlignment;
use serde::Serialize;

use super::SCHEMA;
use super::csv::rows_csv;
use super::format::{format_us, list, plain_table, table_text, wrapped};
use crate::input::ethtool::CounterSource;
use crate::observe::Totals;
use crate::units::{SimDuration, to_f64};

/// What `rxplan observe` says.
#[derive(Debug, Clone, Serialize)]
pub struct ObserveReport {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// The interface.
    pub interface: String,
    /// Who counted: `netlink`, `ethtool`, or `interface` where nobody counts for each queue.
    pub source: &'static str,
    /// The file with the samples.
    pub trace: String,
    /// From the first reading to the last.
    pub duration_s: f64,
    /// The time between readings that was asked for.
    pub interval_us: f64,
    /// Times between readings that were reached.
    pub span_us: Spread,
    /// Times that readings took.
    pub reading_us: Spread,
    /// Packets of all queues.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets per second of all queues.
    pub pps: f64,
    /// Each queue.
    pub queues: Vec<ObservedQueue>,
    /// What such samples cannot show.
    pub cannot_show: Vec<String>,
    /// Doubts.
    pub warnings: Vec<String>,
}

/// Times, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// The median, within 0.1 %.
    pub median: f64,
    /// The 99 % quantile, within 0.1 %.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// What a queue received.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ObservedQueue {
    /// The queue.
    pub queue: u32,
    /// Packets.
    pub packets: u64,
    /// Their share of all packets; 0 of none.
    pub share: f64,
    /// Packets per second.
    pub pps: f64,
    /// Packets per second in its busiest span.
    pub busiest_pps: f64,
    /// Bits per second.
    pub bps: f64,
    /// Mean bytes of a packet; 0 of none.
    pub mean_len: f64,
}

/// The circumstances of an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The interface.
    pub interface: String,
    /// Who counted.
    pub source: CounterSource,
    /// The file with the samples.
    pub trace: String,
    /// The time between readings that was asked for.
    pub interval: SimDuration,
    /// What ended it before its time.
    pub ended_by: Option<String>,
}

impl ObserveReport {
    /// The report of what was observed.
    #[must_use]
    pub fn new(observed: Observed, totals: &Totals) -> Self {
        let Observed { interface, source, trace, interval, ended_by } = observed;
        let packets = totals.packets();
        let bytes = totals.queues.values().map(|queue| queue.bytes).sum();
        let ratio = |a: u64, b: u64| if b == 0 { 0.0 } else { to_f64(a) / to_f64(b) };
        let queues = totals.queues.iter().map(|(queue, own)| ObservedQueue {
            queue: *queue,
            packets: own.packets,
            share: ratio(own.packets, packets),
            pps: totals.per_second(own.packets),
            busiest_pps: own.busiest_pps,
            bps: totals.per_second(own.bytes) * 8.0,
            mean_len: ratio(own.bytes, own.packets),
        });
        let spread = |times: &crate::stats::Histogram| Spread {
            count: times.count(),
            median: times.quantile_us(0.5),
            p99: times.quantile_us(0.99),
            max: times.max_us(),
        };
        let (span_us, reading_us) = (spread(&totals.spans), spread(&totals.readings));
        let mut warnings: Vec<String> = ended_by.into_iter().collect();
        if totals.restarts > 0 {
            warnings.push(format!(
                "{} samples of single queues are missing: the queue appeared, or its counters \
                 began again",
                totals.restarts
            ));
        }
        if totals.wraps > 0 {
            warnings.push(format!(
                "counters fell {} times, and are taken for counters of 32 bits that passed their \
                 end",
                totals.wraps
            ));
        }
        Self {
            schema: SCHEMA,
            command: "observe",
            interface,
            source: match source {
                CounterSource::Netlink => "netlink",
                CounterSource::Program => "ethtool",
                CounterSource::Interface => "interface",
            },
            trace,
            duration_s: totals.duration.as_secs_f64(),
            interval_us: to_f64(interval.as_ps()) / 1e6,
            span_us,
            reading_us,
            packets,
            bytes,
            pps: totals.per_second(packets),
            queues: queues.collect(),
            cannot_show: cannot_show(source, span_us),
            warnings,
        }
    }

    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let source = match self.source {
            "netlink" => "the kernel's statistics of queues",
            "ethtool" => "ethtool -S",
            _ => "the interface as a whole, as queue 0: its queues have no counters",
        };
        let mut table = plain_table();
        table.set_header([
            "queue",
            "packets",
            "share",
            "mean pps",
            "busiest",
            "Mbit/s",
            "bytes each",
        ]);
        for own in &self.queues {
            table.add_row([
                own.queue.to_string(),
                own.packets.to_string(),
                format!("{:.1} %", own.share * 100.0),
                format!("{:.0}", own.pps),
                format!("{:.0}", own.busiest_pps),
                format!("{:.2}", own.bps / 1e6),
                format!("{:.0}", own.mean_len),
            ]);
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let Spread { count, median, p99, max } = self.span_us;
        let [median, p99, max] = [median, p99, max].map(format_us);
        let mut text = wrapped(&format!(
            "{}: {} packets in {}, from {source}\nresolution: {count} spans of {median} (median), \
             99 % below {p99}, the longest {max}; asked for {}",
            self.interface,
            self.packets,
            format_us(self.duration_s * 1e6),
            format_us(self.interval_us),
        ));
        text.push('\n');
        text.push_str(&table_text(&table));
        text.push_str("\nBusiest: packets per second in the busiest span.\n");
        list(&mut text, "What this cannot show", &self.cannot_show);
        let trace = &self.trace;
        text.push_str(&format!("\nSamples: {trace}. Go on with `rxplan fit {trace}`.\n"));
        text
    }

    /// One row for each queue.
    #[must_use]
    pub fn csv(&self) -> String {
        rows_csv(&self.queues)
    }
}

/// Bytes on the wire of a full frame: 1500 and headers, FCS, preamble and gap.
const FULL_FRAME_BYTES: f64 = 1538.0;

fn cannot_show(source: CounterSource, span_us: Spread) -> Vec<String> {
    let frames = |gbits: f64| span_us.median * 1e3 * gbits / (8.0 * FULL_FRAME_BYTES);
    let mut lines = vec![
        format!(
            "bursts shorter than {}: full frames that fill a ring of {:.0} at 10 Gbit/s, or of \
             {:.0} at 100 Gbit/s, can come and go between two readings",
            format_us(span_us.median),
            frames(10.0).floor(),
            frames(100.0).floor(),
        ),
        "packets that were dropped before they were counted: what these counters have is what was \
         received"
            .to_owned(),
        "lengths of single packets: a sample has their sum".to_owned(),
    ];
    if source == CounterSource::Interface {
        lines.push("which queue a packet came to, and whether queues burst in step".to_owned());
    }
    lines
}
