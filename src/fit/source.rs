//! Fitted sources and their tables of a scenario.
//!
//! Numbers are written with four digits, which is more than any fit knows, and what is simulated
//! is what is written.

use std::fmt::Write as _;

use super::statistics::Sizes;
use crate::id::QueueId;
use crate::units::{round_to_u64, to_f64};

/// Traffic of some queues.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    pub(super) queues: Vec<QueueId>,
    pub(super) source: Source,
}

/// A source with its parameters: rates in packets per second and queue, times in picoseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    Poisson { rate: f64 },
    Constant { rate: f64 },
    OnOff { rate: f64, rate_off: f64, on: Periods, off: Periods, is_even: bool, step: Step },
    Mmpp(Components, Step),
}

/// Lengths of periods.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Periods {
    Constant(f64),
    Exponential(f64),
    /// Points of the distribution: length and share that is no longer.
    Empirical(Vec<(f64, f64)>),
}

/// How queues go together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// So many queues, the first ones, share one process; 0: none.
    InPhase(usize),
    /// All queues burst together to this degree, between 0 and 1.
    Correlation(f64),
}

/// On-off sources, each on for the same share of time, on top of a rate that is always there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Components {
    pub(super) base: f64,
    pub(super) share_on: f64,
    /// The rate while on, and the time constant (ps) with which on and off are forgotten.
    pub(super) parts: Vec<(f64, f64)>,
}

/// A fitted number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) value: f64,
}

impl Periods {
    pub(super) fn mean(&self) -> f64 {
        match self {
            Self::Constant(length) | Self::Exponential(length) => *length,
            Self::Empirical(points) => {
                let first = points.first().map_or(0.0, |(x, share)| x * share);
                let between = |pair: &[(f64, f64)]| {
                    f64::midpoint(pair[0].0, pair[1].0) * (pair[1].1 - pair[0].1)
                };
                first + points.windows(2).map(between).sum::<f64>()
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Constant(length) => format!("\"{}\"", time_text(*length)),
            Self::Exponential(mean) => {
                format!("{{ dist = \"exponential\", mean = \"{}\" }}", time_text(*mean))
            }
            Self::Empirical(points) => {
                let point = |(x, share): &(f64, f64)| format!("[\"{}\", {share}]", time_text(*x));
                let points: Vec<String> = points.iter().map(point).collect();
                format!("{{ dist = \"empirical\", points = [{}] }}", points.join(", "))
            }
        }
    }
}

impl Source {
    /// Its kind in a scenario.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Poisson { .. } => "poisson",
            Self::Constant { .. } => "constant",
            Self::OnOff { .. } => "on-off",
            Self::Mmpp(..) => "mmpp",
        }
    }

    /// The same with other steps.
    pub(super) fn with_step(&self, other: Step) -> Self {
        let mut source = self.clone();
        if let Self::OnOff { step, .. } | Self::Mmpp(_, step) = &mut source {
            *step = other;
        }
        source
    }

    /// The same with exponential OFF periods, which correlation needs.
    pub(super) fn with_exponential_off(mut self) -> Self {
        if let Self::OnOff { off, .. } = &mut self {
            *off = Periods::Exponential(off.mean());
        }
        self
    }

    /// Its parameters.
    pub(super) fn numbers(&self) -> Vec<Number> {
        let number = |name: &str, unit, value| Number { name: name.to_owned(), unit, value };
        let rate = |rate: &f64| number("rate", "pps", *rate);
        let step = |step: &Step| match step {
            Step::InPhase(0) => None,
            Step::InPhase(queues) => Some(number("in_phase", "queues", to_f64(*queues as u64))),
            Step::Correlation(correlation) => Some(number("correlation", "", *correlation)),
        };
        match self {
            Self::Poisson { rate: own } | Self::Constant { rate: own } => vec![rate(own)],
            Self::OnOff { rate: own, rate_off, on, off, step: own_step, .. } => {
                let mut numbers = vec![rate(own)];
                if *rate_off > 0.0 {
                    numbers.push(number("rate_off", "pps", *rate_off));
                }
                numbers.push(number("on", "us", on.mean() / 1e6));
                numbers.push(number("off", "us", off.mean() / 1e6));
                numbers.extend(step(own_step));
                numbers
            }
            Self::Mmpp(Components { base, share_on, parts }, own_step) => {
                let mut numbers =
                    vec![number("base rate", "pps", *base), number("share on", "", *share_on)];
                for (place, (rate, time)) in (1..).zip(parts) {
                    numbers.push(number(&format!("rate {place}"), "pps", *rate));
                    numbers.push(number(&format!("time constant {place}"), "us", *time / 1e6));
                }
                numbers.extend(step(own_step));
                numbers
            }
        }
    }

    fn lines(&self) -> String {
        let kind = self.kind();
        let step = |step: &Step| match step {
            Step::InPhase(0) => String::new(),
            Step::InPhase(queues) => format!("in_phase = {queues}\n"),
            Step::Correlation(correlation) => format!("correlation = {correlation:.3}\n"),
        };
        match self {
            Self::Poisson { rate } | Self::Constant { rate } => {
                format!("kind = \"{kind}\"\n#QUEUES\nrate = \"{}\"\n", rate_text(*rate))
            }
            Self::OnOff { rate, rate_off, on, off, is_even, step: own } => {
                let mut text =
                    format!("kind = \"{kind}\"\n#QUEUES\nrate = \"{}\"\n", rate_text(*rate));
                if *rate_off > 0.0 {
                    let _ = writeln!(text, "rate_off = \"{}\"", rate_text(*rate_off));
                }
                let _ = writeln!(text, "on = {}\noff = {}", on.text(), off.text());
                if *is_even {
                    text.push_str("spacing = \"constant\"\n");
                }
                text + &step(own)
            }
            Self::Mmpp(components, own) => {
                format!("kind = \"{kind}\"\n#QUEUES\n{}{}", components.lines(), step(own))
            }
        }
    }
}

impl Components {
    /// States are numbered in binary: bit k says whether part k is on.
    fn lines(&self) -> String {
        let states = 1_usize << self.parts.len();
        let is_on = |state: usize, part: usize| state >> part & 1 == 1;
        let rate = |state: usize| {
            let parts = self.parts.iter().enumerate().filter(|(part, _)| is_on(state, *part));
            self.base + parts.map(|(_, (rate, _))| rate).sum::<f64>()
        };
        let rates: Vec<String> =
            (0..states).map(|state| format!("\"{}\"", rate_text(rate(state)))).collect();
        let time = |from: usize, to: usize| {
            let part = (0..self.parts.len()).find(|part| from ^ to == 1 << part)?;
            let (_, time) = self.parts[part];
            let mean = if is_on(from, part) { 1.0 - self.share_on } else { self.share_on };
            Some(time / mean)
        };
        let cell = |from, to| {
            let text = time(from, to).map_or_else(|| "never".to_owned(), time_text);
            format!("\"{text}\"")
        };
        let mut text = format!("rates = [{}]\ntransition = [\n", rates.join(", "));
        for from in 0..states {
            let row: Vec<String> = (0..states).map(|to| cell(from, to)).collect();
            let _ = writeln!(text, "  [{}],", row.join(", "));
        }
        text + "]\n"
    }
}

/// The tables as a part of a scenario; `all` queues are there.
pub(super) fn tables_text(tables: &[Table], all: usize, sizes: &Sizes) -> String {
    let mut text = String::new();
    for Table { queues, source } in tables {
        let is_all = queues.len() == all && (0..).zip(queues).all(|(k, queue)| queue.get() == k);
        let queues = if is_all {
            "queues = \"all\"".to_owned()
        } else {
            let ids: Vec<String> = queues.iter().map(QueueId::to_string).collect();
            format!("queues = [{}]", ids.join(", "))
        };
        let lines = source.lines().replace("#QUEUES", &queues);
        let _ = write!(text, "\n[[traffic]]\n{lines}{}", size_line(sizes));
    }
    text
}

/// Lengths that are listed one by one.
const SIZES_LISTED: usize = 12;

/// Frame lengths: one, a few with their shares, or the twelfths of the distribution.
fn size_line(sizes: &Sizes) -> String {
    let frames = sizes.frames();
    if frames.len() <= 1 {
        return format!("size = \"{} B\"\n", sizes.longest());
    }
    let total = to_f64(frames.values().sum());
    let mut below = 0.0;
    let cumulative: Vec<(u32, f64)> = frames
        .iter()
        .map(|(len, count)| {
            below += to_f64(*count);
            (*len, below / total)
        })
        .collect();
    let mut points: Vec<(u32, f64)> = Vec::new();
    if cumulative.len() <= SIZES_LISTED {
        for (len, share) in cumulative {
            // A point above the one before makes a step of the line.
            let before = points.last().map(|(_, share)| (len, *share));
            points.extend(before.into_iter().chain([(len, share)]));
        }
    } else {
        for step in 0..=SIZES_LISTED {
            let share = to_f64(step as u64) / to_f64(SIZES_LISTED as u64);
            let found = cumulative.iter().find(|(_, own)| *own >= share - 1e-9);
            points.extend(found.map(|(len, _)| (*len, share)));
        }
        // Of equal lengths the first and the last make the step.
        let inner = |k: usize| {
            k > 0
                && k + 1 < points.len()
                && points[k - 1].0 == points[k].0
                && points[k + 1].0 == points[k].0
        };
        points = (0..points.len()).filter(|k| !inner(*k)).map(|k| points[k]).collect();
    }
    if let Some((_, last)) = points.last_mut() {
        *last = 1.0;
    }
    let point = |(len, share): &(u32, f64)| format!("[\"{len} B\", {}]", rounded(*share, 4));
    let points: Vec<String> = points.iter().map(point).collect();
    format!("size = {{ dist = \"empirical\", points = [{}] }}\n", points.join(", "))
}

/// A time of at least a picosecond with four digits.
pub(super) fn time_text(ps: f64) -> String {
    const UNITS: [(&str, f64); 5] =
        [("s", 1e12), ("ms", 1e9), ("us", 1e6), ("ns", 1e3), ("ps", 1.0)];
    let ps = digits(ps.max(1.0));
    let (name, unit) = UNITS.into_iter().find(|(_, unit)| ps >= *unit).unwrap_or(("ps", 1.0));
    if name == "ps" {
        return format!("{} ps", round_to_u64(ps));
    }
    format!("{} {name}", rounded(ps / unit, 3))
}

/// A rate of at least a packet per second with four digits.
pub(super) fn rate_text(per_second: f64) -> String {
    const UNITS: [(&str, f64); 4] = [("Gpps", 1e9), ("Mpps", 1e6), ("kpps", 1e3), ("pps", 1.0)];
    if per_second <= 0.0 {
        return "0 pps".to_owned();
    }
    let rate = digits(per_second);
    let (name, unit) = UNITS.into_iter().find(|(_, unit)| rate >= *unit).unwrap_or(("pps", 1.0));
    format!("{} {name}", rounded(rate / unit, 6))
}

/// A number rounded to four digits.
fn digits(value: f64) -> f64 {
    let scale = 10_f64.powf(value.log10().floor() - 3.0);
    (value / scale).round() * scale
}

/// A number with at most so many decimals, without zeros at its end.
fn rounded(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_four_digits_and_the_unit_in_which_they_are_short() {
        for (ps, text) in [
            (0.2, "1 ps"),
            (999.4, "999 ps"),
            (1_234.56, "1.235 ns"),
            (101_300_000.0, "101.3 us"),
            (999_990_000.0, "1 ms"),
            (2.5e13, "25 s"),
        ] {
            assert_eq!(time_text(ps), text);
        }
        for (rate, text) in [
            (0.0, "0 pps"),
            (0.012_345_6, "0.01235 pps"),
            (3_012_345.0, "3.012 Mpps"),
            (999_960.0, "1 Mpps"),
            (12.0, "12 pps"),
        ] {
            assert_eq!(rate_text(rate), text);
        }
    }

    #[test]
    fn an_empirical_distribution_has_the_mean_of_its_lines() {
        let points = vec![(10.0, 0.2), (20.0, 0.6), (60.0, 1.0)];
        // 10 x 0.2 + 15 x 0.4 + 40 x 0.4
        assert!((Periods::Empirical(points).mean() - 24.0).abs() < 1e-12);
    }
}
