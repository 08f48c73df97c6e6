//! Drop rates and sizes on figures: read, put on an axis, written for people.

use super::PlotError;
use super::scale::Scale;
use super::table::Table;
use super::theme::{number, power_of_ten};
use crate::units::format_bytes;

/// An estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) estimate: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Interval {
    /// Where it is drawn: at the bound if nothing was seen.
    pub(super) const fn shown(&self) -> f64 {
        if self.estimate > 0.0 { self.estimate } else { self.high }
    }
}

/// The drop rates of a result file, a row each.
pub(super) fn rates(table: &Table) -> Result<Vec<Interval>, PlotError> {
    let columns = ["drop_rate_estimate", "drop_rate_ci_low", "drop_rate_ci_high"];
    let [estimates, lows, highs] = columns.map(|name| table.numbers(name));
    let (estimates, lows, highs) = (estimates?, lows?, highs?);
    let ends = lows.into_iter().zip(highs);
    Ok(estimates
        .into_iter()
        .zip(ends)
        .map(|(estimate, (low, high))| Interval { estimate, low, high })
        .collect())
}

/// An axis of drop rates that holds all of them, and the goal.
pub(super) fn rate_scale<'a>(
    rates: impl Iterator<Item = &'a Interval> + Clone,
    goal: Option<f64>,
) -> Scale {
    let least = rates.clone().map(Interval::shown).chain(goal).filter(|rate| *rate > 0.0);
    let least = least.fold(1.0, f64::min).max(1e-12);
    let most = rates.map(|rate| rate.high).chain(goal).fold(least, f64::max);
    Scale::shares("share of packets dropped", least * 0.7, most)
}

/// A drop rate with its interval, for people.
pub(super) fn rate_text(rate: &Interval) -> String {
    match rate {
        Interval { estimate, high, .. } if *estimate <= 0.0 && *high > 0.0 => {
            format!("no drop seen (below {})", share_text(*high))
        }
        Interval { estimate, high, .. } if *estimate <= 0.0 && *high <= 0.0 => "no drop".to_owned(),
        Interval { estimate, low, high } => {
            format!("{} ({} to {})", share_text(*estimate), share_text(*low), share_text(*high))
        }
    }
}

/// A share: in percent from a tenth of one, else as a power of ten.
pub(super) fn share_text(share: f64) -> String {
    if share <= 0.0 {
        return "0".to_owned();
    }
    if share >= 0.001 {
        let percent = share * 100.0;
        let digits = 2.0 - percent.log10().floor();
        let unit = 10_f64.powf(digits);
        return format!("{} %", number((percent * unit).round() / unit));
    }
    let exponent = share.log10().floor();
    let mantissa = share / 10_f64.powf(exponent);
    #[expect(clippy::cast_possible_truncation, reason = "logarithms of floats are small")]
    let power = power_of_ten(exponent as i32);
    if (mantissa - 1.0).abs() < 0.005 { power } else { format!("{mantissa:.1}×{power}") }
}

/// A size for people.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes in bytes")]
pub(super) fn bytes_text(bytes: f64) -> String {
    format_bytes(bytes.round() as u64)
}

/// A count that a file has as a number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
pub(super) const fn whole(value: f64) -> u64 {
    value as u64
}
