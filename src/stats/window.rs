//! Averages and maxima of step functions over a window of time.

use crate::units::{SimTime, wide_to_f64};

/// A whole-numbered level of which only the maximum is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peak {
    value: i64,
    max: i64,
}

impl Peak {
    /// A level of `value` whose highest so far is `max`.
    #[must_use]
    pub const fn new(value: i64, max: i64) -> Self {
        Self { value, max }
    }

    /// The level now.
    #[must_use]
    pub const fn value(&self) -> i64 {
        self.value
    }

    /// The highest level seen since the window opened.
    #[must_use]
    pub const fn max(&self) -> i64 {
        self.max
    }

    /// Changes the level by `change`.
    #[inline]
    pub fn change(&mut self, change: i64) {
        self.value += change;
        self.max = self.max.max(self.value);
    }

    /// Opens the window: forgets everything but the level itself.
    pub const fn open(&mut self) {
        self.max = self.value;
    }
}

/// A whole-numbered level that changes at instants, with its time average and maximum.
///
/// The integral is kept as `sum(change x time until the end)`, so that a change costs one
/// multiplication and no look at the time of the change before.
#[derive(Debug, Clone, Default)]
pub struct Level {
    peak: Peak,
    /// Minus the sum of `change x time of change` since the window opened.
    integral: i128,
}

impl Level {
    /// A level that is over: 0 now, with its maximum and its integral in level-picoseconds.
    #[must_use]
    pub const fn closed(max: i64, integral: i128) -> Self {
        Self { peak: Peak::new(0, max), integral }
    }

    /// The level now.
    #[must_use]
    pub const fn value(&self) -> i64 {
        self.peak.value()
    }

    /// The highest level seen since the window opened.
    #[must_use]
    pub const fn max(&self) -> i64 {
        self.peak.max()
    }

    /// Changes the level by `change` at time `at`.
    #[inline]
    pub fn change(&mut self, change: i64, at: SimTime) {
        self.peak.change(change);
        self.integral -= level_time(change, at);
    }

    /// Opens the window at `start`: forgets everything but the level itself.
    pub fn open(&mut self, start: SimTime) {
        self.peak.open();
        self.integral = -level_time(self.value(), start);
    }

    /// The integral of the level from the window's start to `end`, in level-picoseconds.
    #[must_use]
    pub fn integral(&self, end: SimTime) -> i128 {
        self.integral + level_time(self.value(), end)
    }

    /// The time average from `start` (where the window opened) to `end`; 0 for an empty window.
    #[must_use]
    pub fn mean(&self, start: SimTime, end: SimTime) -> f64 {
        if end <= start {
            return 0.0;
        }
        wide_to_f64(self.integral(end)) / wide_to_f64(i128::from((end - start).as_ps()))
    }
}

/// `level x time`: 63 and 64 bits, so the product always fits 127 and needs no overflow check
/// (which is slow on 128 bits).
#[inline]
fn level_time(level: i64, time: SimTime) -> i128 {
    i128::from(level).wrapping_mul(i128::from(time.as_ps()))
}

/// Sums the parts of given spans that lie inside a window.
#[derive(Debug, Clone, Copy)]
pub struct Overlap {
    start: SimTime,
    end: SimTime,
    sum_ps: u128,
}

impl Overlap {
    /// Nothing summed yet over the window from `start` to `end`.
    #[must_use]
    pub const fn new(start: SimTime, end: SimTime) -> Self {
        Self { start, end, sum_ps: 0 }
    }

    /// Adds the span from `from` to `to`.
    pub fn add(&mut self, from: SimTime, to: SimTime) {
        let inside = to.min(self.end).saturating_since(from.max(self.start));
        self.sum_ps += u128::from(inside.as_ps());
    }

    /// Adds spans of `ps` picoseconds together that lie inside.
    pub fn add_inside(&mut self, ps: u64) {
        self.sum_ps += u128::from(ps);
    }

    /// Adds what `whole` has more than `part`.
    pub fn add_rest(&mut self, whole: &Self, part: &Self) {
        self.sum_ps += whole.sum_ps - part.sum_ps;
    }

    /// The sum in picoseconds.
    #[must_use]
    pub const fn sum_ps(&self) -> u128 {
        self.sum_ps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_weighs_each_level_by_its_time() {
        let at = SimTime::from_ps;
        let mut level = Level::default();
        level.change(4, at(10));
        level.open(at(20));
        level.change(2, at(30));
        level.change(-6, at(50));
        // 4 for 10 ps, 6 for 20 ps, 0 for 10 ps
        assert!((level.mean(at(20), at(60)) - 4.0).abs() < 1e-12);
        assert_eq!(level.max(), 6);
        assert_eq!(level.value(), 0);
    }

    #[test]
    fn spans_are_clipped_to_the_window() {
        let at = SimTime::from_ps;
        let mut overlap = Overlap::new(at(10), at(20));
        overlap.add(at(0), at(12));
        overlap.add(at(15), at(30));
        overlap.add(at(21), at(22));
        assert_eq!(overlap.sum_ps(), 7);
    }
}
