//! Numbers for people.

use std::fmt::Write as _;

use comfy_table::{Table, presets};

use crate::stats::{Estimate, Method};

/// A rate between 0 and 1, with three significant digits.
#[must_use]
pub fn format_rate(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        rate if rate >= 0.001 => format!("{:.3} %", rate * 100.0),
        rate => format!("{rate:.2e}"),
    }
}

/// An estimate with its interval: `1.46 % (1.43 % to 1.49 %)`, or a bound where nothing was seen.
#[must_use]
pub(super) fn format_estimate(estimate: &Estimate) -> String {
    let level = estimate.confidence * 100.0;
    match estimate.method {
        Method::Exact => format!("{} (exact)", format_rate(estimate.estimate)),
        Method::ZeroDrops => {
            format!("none seen (below {} at {level} %)", format_rate(estimate.ci_high))
        }
        Method::Replications | Method::BatchMeans | Method::Splitting => format!(
            "{} ({} to {} at {level} %)",
            format_rate(estimate.estimate),
            format_rate(estimate.ci_low),
            format_rate(estimate.ci_high)
        ),
    }
}

/// A difference of rates with its interval: `-1.460 % (-1.490 % to -1.430 %)`.
#[must_use]
pub(super) fn format_difference(difference: &Estimate) -> String {
    let signed = |rate: f64| match rate < 0.0 {
        true => format!("-{}", format_rate(-rate)),
        false => format_rate(rate),
    };
    let Estimate { estimate, ci_low, ci_high, .. } = *difference;
    match difference.method {
        Method::Exact => signed(estimate),
        _ => format!("{} ({} to {})", signed(estimate), signed(ci_low), signed(ci_high)),
    }
}

/// A time in microseconds in its own unit: 1.024 ms.
pub(super) fn format_us(us: f64) -> String {
    let (value, unit) = match us {
        us if us >= 1e6 => (us / 1e6, "s"),
        us if us >= 1e3 => (us / 1e3, "ms"),
        us => (us, "us"),
    };
    let text = format!("{value:.3}");
    format!("{} {unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A table without frames.
pub(super) fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// A table as text, lines without trailing blanks.
pub(super) fn table_text(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Columns of text for people.
const WIDTH: usize = 100;

/// A heading and its points.
pub(super) fn list(text: &mut String, heading: &str, points: &[String]) {
    if points.is_empty() {
        return;
    }
    let _ = write!(text, "\n{heading}:\n");
    for point in points {
        for (number, line) in fold(point, WIDTH - 2).into_iter().enumerate() {
            let mark = if number == 0 { "- " } else { "  " };
            let _ = writeln!(text, "{mark}{line}");
        }
    }
}

/// Text with its lines folded.
pub(super) fn wrapped(text: &str) -> String {
    let lines = text.lines().map(|line| fold(line, WIDTH).join("\n") + "\n");
    lines.collect()
}

/// The words of a line in lines of at most `width` characters.
fn fold(line: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split_whitespace() {
        let last = lines.last_mut().expect("there is one");
        let long = last.chars().count() + word.chars().count() + 1;
        if last.is_empty() {
            last.push_str(word);
        } else if long <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
