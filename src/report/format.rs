//! Numbers for people.

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
        Method::Replications | Method::BatchMeans => format!(
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
