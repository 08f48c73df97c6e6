//! Axes: where a value lies, and which values are named beside it.

use std::f64::consts::LOG10_2;

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::theme::{number, power_of_ten};
use crate::units::{format_bytes, to_f64};

/// An axis: its title with the unit, its range, its ticks.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    /// What is measured, and in which unit.
    pub(super) title: String,
    /// Places of the ends.
    pub(super) range: (f64, f64),
    /// Places and names of the ticks, rising.
    pub(super) ticks: Vec<(f64, String)>,
    measure: Measure,
}

/// How values become places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Linear,
    Logarithmic,
}

/// Most ticks on an axis.
const TICKS_MAX: f64 = 6.0;

/// A value beside an axis that goes up to `high`: thousands where all digits would be too long.
fn tick(value: f64, high: f64) -> String {
    if high < 1e5 || value == 0.0 { number(value) } else { format!("{} k", number(value / 1e3)) }
}

impl Scale {
    /// From `low` to `high` in even steps of 1, 2 or 5 times a power of ten.
    pub(super) fn linear(title: &str, low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let raw = (high - low) / TICKS_MAX;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|part| part * power);
        let step = step.into_iter().find(|step| *step >= raw * 0.999).unwrap_or(raw);
        let mut ticks = Vec::new();
        let mut count = (low / step).ceil();
        while count * step <= high + step * 1e-9 {
            ticks.push((count * step, tick((count * step * 1e9).round() / 1e9, high)));
            count += 1.0;
        }
        Self { title: title.to_owned(), range: (low, high), ticks, measure: Measure::Linear }
    }

    /// With ticks at these values.
    pub(super) fn with_ticks(mut self, values: &[f64]) -> Self {
        self.ticks = values.iter().map(|value| (self.place(*value), number(*value))).collect();
        self
    }

    /// With ticks of these names at these values, which rise; those without a name have none, nor
    /// those too near to the one before.
    pub(super) fn with_names(mut self, values: &[f64], names: &[String]) -> Self {
        let named = values.iter().zip(names).filter(|(_, name)| !name.is_empty());
        const NEAREST: f64 = 0.09;
        let nearest = (self.range.1 - self.range.0) * NEAREST;
        let mut ticks: Vec<(f64, String)> = Vec::new();
        for (value, name) in named {
            let place = self.place(*value);
            if ticks.last().is_none_or(|(last, _)| place - last >= nearest) {
                ticks.push((place, name.clone()));
            }
        }
        self.ticks = ticks;
        self
    }

    /// Without the ticks between whole numbers.
    pub(super) fn whole_only(mut self) -> Self {
        self.ticks.retain(|(place, _)| place.fract() == 0.0);
        self
    }

    /// From 0 to a little above `high`.
    pub(super) fn from_zero(title: &str, high: f64) -> Self {
        Self::linear(title, 0.0, if high > 0.0 { high * 1.06 } else { 1.0 })
    }

    /// Powers of ten around `low` to `high`, named by `name`.
    fn decades(title: &str, low: f64, high: f64, name: impl Fn(i32) -> String) -> Self {
        let low = low.log10().floor();
        let high = high.log10().ceil().max(low + 1.0);
        let every = ((high - low) / TICKS_MAX).ceil();
        let mut ticks = Vec::new();
        let mut exponent = high;
        while exponent >= low {
            #[expect(clippy::cast_possible_truncation, reason = "logarithms of floats are small")]
            ticks.insert(0, (exponent, name(exponent as i32)));
            exponent -= every;
        }
        let range = (low, high);
        Self { title: title.to_owned(), range, ticks, measure: Measure::Logarithmic }
    }

    /// Shares from `low`, which is above 0, to at most 1, in powers of ten.
    pub(super) fn shares(title: &str, low: f64, high: f64) -> Self {
        Self::decades(title, low, high.min(1.0), power_of_ten)
    }

    /// Times from `low`, which is above 0, to `high` in powers of ten, written out.
    pub(super) fn times(title: &str, low: f64, high: f64) -> Self {
        Self::decades(title, low, high, |exponent| number(10_f64.powi(exponent)))
    }

    /// Sizes around `low` to `high` bytes, in powers of two or four.
    pub(super) fn bytes(title: &str, low: f64, high: f64) -> Self {
        // A part of a doubling on each side, so that no point sits on the frame.
        let (low, high) = (low.max(1.0).log2() - 0.4, high.max(1.0).log2() + 0.4);
        let every = ((high - low) / TICKS_MAX).ceil();
        let mut ticks = Vec::new();
        let mut exponent = (low / every).ceil() * every;
        while exponent <= high {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 64")]
            let bytes = 1_u64 << exponent as u32;
            ticks.push((exponent * LOG10_2, format_bytes(bytes)));
            exponent += every;
        }
        let range = (low * LOG10_2, high * LOG10_2);
        Self { title: title.to_owned(), range, ticks, measure: Measure::Logarithmic }
    }

    /// Exactly these values above 0, evenly apart if each is a multiple of the one before.
    pub(super) fn doublings(title: &str, values: &[f64]) -> Self {
        let place = |value: f64| value.log10();
        let ticks: Vec<_> = values.iter().map(|value| (place(*value), number(*value))).collect();
        let (first, last) = (values.first().copied(), values.last().copied());
        let (low, high) = (place(first.unwrap_or(1.0)), place(last.unwrap_or(1.0)));
        let margin = ((high - low) * 0.06).max(0.05);
        let range = (low - margin, high + margin);
        Self { title: title.to_owned(), range, ticks, measure: Measure::Logarithmic }
    }

    /// Names side by side; value `i` is name `i`.
    pub(super) fn names(title: &str, names: &[String]) -> Self {
        let ticks = names.iter().enumerate();
        let ticks: Vec<_> = ticks.map(|(index, name)| (index as f64, name.clone())).collect();
        let range = (-0.5, to_f64(names.len() as u64) - 0.5);
        Self { title: title.to_owned(), range, ticks, measure: Measure::Linear }
    }

    /// Places side by side, without names.
    pub(super) fn places(count: usize) -> Self {
        Self::names("", &vec![String::new(); count])
    }

    /// Where a value lies, at the nearest end if it lies outside.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.measure {
            Measure::Linear => value,
            Measure::Logarithmic if value > 0.0 => value.log10(),
            Measure::Logarithmic => self.range.0,
        };
        place.clamp(self.range.0, self.range.1)
    }

    /// Whether a value lies within the range.
    pub(super) fn holds(&self, value: f64) -> bool {
        let place = match self.measure {
            Measure::Linear => value,
            Measure::Logarithmic => value.log10(),
        };
        place >= self.range.0 && place <= self.range.1
    }

    /// The value at a place.
    fn value(&self, place: f64) -> f64 {
        match self.measure {
            Measure::Linear => place,
            Measure::Logarithmic => 10_f64.powf(place),
        }
    }

    /// The ends of the range, as values.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.value(self.range.0), self.value(self.range.1))
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "within the pixels of the figure")]
    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (self.place(*value) - self.range.0) / (self.range.1 - self.range.0);
        (f64::from(first) + share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.ticks.iter().map(|(place, _)| self.value(*place)).collect()
    }

    fn range(&self) -> Range<f64> {
        let (low, high) = self.ends();
        low..high
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        let place = self.place(*value);
        let near = |tick: &&(f64, String)| (tick.0 - place).abs() < 1e-9;
        self.ticks.iter().find(near).map_or_else(String::new, |(_, name)| name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn even_steps_are_round_numbers() {
        assert_eq!(names(&Scale::linear("", 0.0, 1.0)), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(names(&Scale::linear("", 0.0, 4096.0)), ["0", "1000", "2000", "3000", "4000"]);
    }

    #[test]
    fn shares_are_powers_of_ten() {
        assert_eq!(names(&Scale::shares("", 3e-5, 0.02)), ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"]);
    }

    #[test]
    fn sizes_are_binary() {
        let scale = Scale::bytes("", f64::from(1 << 24), f64::from(1 << 30));
        assert_eq!(names(&scale), ["16 MiB", "64 MiB", "256 MiB", "1 GiB"]);
        assert!((scale.place(f64::from(1 << 26)) - scale.ticks[1].0).abs() < 1e-12);
    }

    #[test]
    fn values_outside_lie_at_the_ends() {
        let scale = Scale::shares("", 1e-4, 0.5);
        assert!((scale.place(0.0) - -4.0).abs() < 1e-12);
        assert!(!scale.holds(1e-6) && scale.holds(1e-3));
    }
}
