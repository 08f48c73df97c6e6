//! The result of `fit`.

use comfy_table::CellAlignment;
use serde::Serialize;

use super::SCHEMA;
use super::csv::rows_csv;
use super::format::{format_rate, format_us, plain_table, table_text};
use crate::fit::{
    Comparison, DROPS_FACTOR, Fit, IDC_FACTOR, Point, REPLICATIONS, SIGNIFICANCE, SPREAD_FACTOR,
    Verdict,
};
use crate::units::{SimDuration, to_f64};

/// What `rxplan fit` says.
#[derive(Debug, Clone, Serialize)]
pub struct FitReport {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// The trace.
    pub trace: String,
    /// The seed.
    pub seed: u64,
    /// Packets of the trace.
    pub packets: u64,
    /// From its first packet to its last.
    pub duration_s: f64,
    /// Queues that it names.
    pub queues: usize,
    /// The first part of the trace, which is compared with the source.
    pub compared: Compared,
    /// `good`, `bad` or `cannot-tell`.
    pub verdict: &'static str,
    /// Why, by the rule for all fits.
    pub why: String,
    /// Chance that the true source looks as unlike the trace as this one does.
    pub p_value: f64,
    /// Replications of the source beside which the trace stands.
    pub replications: u32,
    /// What the source is.
    pub model: &'static str,
    /// How queues go together.
    pub together: String,
    /// Its numbers.
    pub parameters: Vec<ParameterRow>,
    /// The source beside the trace.
    pub comparisons: Vec<ComparisonRow>,
    /// Sources that were tried.
    pub tried: Vec<TriedRow>,
    /// The source as `[[traffic]]` tables of a scenario.
    pub traffic: String,
    /// Doubts.
    pub warnings: Vec<String>,
}

/// What of a trace is compared, and with which host.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// Packets.
    pub packets: u64,
    /// From the first to the last.
    pub duration_s: f64,
    /// Time that the host takes for a packet.
    pub service_us: f64,
    /// What takes less time than this is not in the trace.
    pub resolution_us: f64,
}

/// A number of the source.
#[derive(Debug, Clone, Serialize)]
pub struct ParameterRow {
    /// Table of `[[traffic]]`, from 0.
    pub table: usize,
    /// What it is.
    pub name: String,
    /// Its unit; empty for pure numbers.
    pub unit: &'static str,
    /// The value.
    pub value: f64,
    /// Lower end of its interval of 95 % confidence, where there is one.
    pub ci_low: Option<f64>,
    /// Upper end.
    pub ci_high: Option<f64>,
}

/// One point of the comparison.
#[derive(Debug, Clone, Serialize)]
pub struct ComparisonRow {
    /// `queue_idc`, `all_idc` (of all queues together) or `drop_rate`.
    pub statistic: &'static str,
    /// Width of the bins, for an index of dispersion.
    pub scale_us: Option<f64>,
    /// Entries of each ring, for a drop rate.
    pub rx: Option<u32>,
    /// Entries of the reserve behind them.
    pub reserve_entries: Option<u32>,
    /// What the trace has.
    pub trace: f64,
    /// The mean of the source's replications.
    pub fit: f64,
    /// The least of them.
    pub fit_low: f64,
    /// The greatest.
    pub fit_high: f64,
    /// Whether the trace lies outside by a factor that matters.
    pub differs: bool,
}

/// A source that was tried.
#[derive(Debug, Clone, Serialize)]
pub struct TriedRow {
    /// What it is.
    pub model: &'static str,
    /// The root mean square of its differences from the trace, 1 being a factor that matters.
    pub distance: f64,
}

impl ComparisonRow {
    fn new(comparison: &Comparison) -> Self {
        let Comparison { point, trace, fit, low, high, differs } = *comparison;
        let us = |scale: SimDuration| to_f64(scale.as_ps()) / 1e6;
        let (statistic, scale_us, shape) = match point {
            Point::QueueIdc { scale } => ("queue_idc", Some(us(scale)), None),
            Point::AllIdc { scale } => ("all_idc", Some(us(scale)), None),
            Point::Drops(shape) => ("drop_rate", None, Some(shape)),
        };
        Self {
            statistic,
            scale_us,
            rx: shape.map(|shape| shape.rx),
            reserve_entries: shape.map(|shape| shape.reserve),
            trace,
            fit,
            fit_low: low,
            fit_high: high,
            differs,
        }
    }

    /// What is compared, and values of it, for people.
    fn texts(&self, queues: usize) -> [String; 4] {
        let what = match (self.statistic, self.scale_us, self.rx, self.reserve_entries) {
            ("queue_idc", Some(us), ..) => format!("dispersion of a queue in {}", format_us(us)),
            ("all_idc", Some(us), ..) => format!("dispersion of all queues in {}", format_us(us)),
            (_, _, Some(rx), Some(reserve)) if reserve > 0 => {
                format!("dropped by {queues} x {rx} + {reserve}")
            }
            (_, _, rx, _) => format!("dropped by {queues} x {}", rx.unwrap_or(0)),
        };
        let value = |value: f64| {
            if self.rx.is_some() { format_rate(value) } else { format!("{value:.2}") }
        };
        let range = format!("{} to {}", value(self.fit_low), value(self.fit_high));
        [what, value(self.trace), value(self.fit), range]
    }
}

impl FitReport {
    /// The report of a fit.
    #[must_use]
    pub fn new(trace: String, seed: u64, fit: &Fit, warnings: Vec<String>) -> Self {
        let rows: Vec<ComparisonRow> = fit.comparisons.iter().map(ComparisonRow::new).collect();
        let us = |span: SimDuration| to_f64(span.as_ps()) / 1e6;
        let parameters = fit.parameters.iter().map(|own| ParameterRow {
            table: own.table,
            name: own.name.clone(),
            unit: own.unit,
            value: own.value,
            ci_low: own.interval.map(|(low, _)| low),
            ci_high: own.interval.map(|(_, high)| high),
        });
        let tried =
            fit.tried.iter().map(|own| TriedRow { model: own.model, distance: own.distance });
        Self {
            schema: SCHEMA,
            command: "fit",
            trace,
            seed,
            packets: fit.packets,
            duration_s: fit.duration.as_secs_f64(),
            queues: fit.queues,
            compared: Compared {
                packets: fit.compared_packets,
                duration_s: fit.compared.as_secs_f64(),
                service_us: us(fit.service),
                resolution_us: us(fit.resolution),
            },
            verdict: match fit.verdict {
                Verdict::Good => "good",
                Verdict::Bad => "bad",
                Verdict::CannotTell => "cannot-tell",
            },
            why: why(fit, &rows),
            p_value: fit.p_value,
            replications: REPLICATIONS,
            model: fit.model,
            together: fit.together.clone(),
            parameters: parameters.collect(),
            comparisons: rows,
            tried: tried.collect(),
            traffic: fit.traffic.clone(),
            warnings,
        }
    }

    /// The report for people; the tables come last.
    #[must_use]
    pub fn table(&self) -> String {
        let seconds = |seconds: f64| format_us(seconds * 1e6);
        let part = if self.compared.packets < self.packets {
            let Compared { packets, duration_s, .. } = self.compared;
            format!("compared: its first {packets} packets, {}\n", seconds(duration_s))
        } else {
            String::new()
        };
        let tried: Vec<String> =
            self.tried.iter().map(|own| format!("{} {:.2}", own.model, own.distance)).collect();
        let mut numbers = plain_table();
        numbers.set_header(["table", "number", "value", "95 % interval", ""]);
        for own in &self.parameters {
            let interval = match (own.ci_low, own.ci_high) {
                (Some(low), Some(high)) => format!("{} to {}", short(low), short(high)),
                _ => String::new(),
            };
            let unit = own.unit.to_owned();
            let table = own.table.to_string();
            numbers.add_row([table, own.name.clone(), short(own.value), interval, unit]);
        }
        let mut beside = plain_table();
        beside.set_header(["", "trace", "fit", "of its replications", ""]);
        for row in &self.comparisons {
            let mark = if row.differs { "differs" } else { "" };
            beside.add_row(row.texts(self.queues).into_iter().chain([mark.to_owned()]));
        }
        for (table, columns) in [(&mut numbers, [0, 2]), (&mut beside, [1, 2])] {
            for index in columns {
                let column = table.column_mut(index).expect("the header has more columns");
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        format!(
            "{}: {} packets in {}, {}\n{part}fit: {}, {}; tried: {}\n{}\n\n{}\n{}\n{}",
            self.trace,
            self.packets,
            seconds(self.duration_s),
            self.together,
            self.model,
            self.verdict.replace('-', " "),
            tried.join(", "),
            self.why,
            table_text(&numbers),
            table_text(&beside),
            self.traffic,
        )
    }

    /// One row for each point of the comparison.
    #[must_use]
    pub fn csv(&self) -> String {
        rows_csv(&self.comparisons)
    }

    /// One row for each number of the source.
    #[must_use]
    pub fn parameters_csv(&self) -> String {
        rows_csv(&self.parameters)
    }
}

/// Four digits of a number.
fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = (3.0 - value.abs().log10().floor()).clamp(0.0, 9.0);
    let decimals = crate::units::round_to_u64(decimals);
    format!("{value:.*}", usize::try_from(decimals).unwrap_or(0))
}

/// The rule, and what it says of this fit.
fn why(fit: &Fit, rows: &[ComparisonRow]) -> String {
    let level = SIGNIFICANCE * 100.0;
    let p = format!("p = {:.3}, all points together", fit.p_value);
    match fit.verdict {
        Verdict::Bad => {
            let worst: Vec<String> = rows
                .iter()
                .filter(|row| row.differs)
                .map(|row| {
                    let [what, trace, fit, _] = row.texts(fit.queues);
                    format!("{what}: {trace} in the trace, {fit} in the fit")
                })
                .collect();
            format!(
                "Bad: the trace is unlike all {REPLICATIONS} replications of the source ({p}; bad \
                 is at most {level} %), and by more than a factor of {IDC_FACTOR} in dispersion \
                 or {DROPS_FACTOR} in drops at {} of {} points: {}.",
                worst.len(),
                rows.len(),
                worst.first().map_or("", String::as_str)
            )
        }
        Verdict::CannotTell => format!(
            "Cannot tell: the trace is too short ({p}). Replications of the source as long as the \
             trace differ among themselves by more than a factor of {SPREAD_FACTOR} in half of the \
             dispersions, or of the rings that drop."
        ),
        Verdict::Good if fit.p_value > SIGNIFICANCE => {
            format!("Good: the trace could be a replication of the source ({p}).")
        }
        Verdict::Good => format!(
            "Good: the trace can be told from the source ({p}), but nowhere by a factor of \
             {IDC_FACTOR} in dispersion or {DROPS_FACTOR} in drops."
        ),
    }
}
