//! Quantiles of times, exact to 0.1 %, in bounded memory.

use crate::units::{SimDuration, to_f64, wide_to_f64};

/// A histogram of spans with an exact mean and maximum and quantiles within 0.1 %.
///
/// Buckets are those of an HDR histogram with three significant digits; histograms of replications
/// add up to the same result in any order.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: hdrhistogram::Histogram<u64>,
    sum_ps: u128,
    min_ps: u64,
    max_ps: u64,
}

/// Significant digits of a quantile.
const DIGITS: u8 = 3;

impl Default for Histogram {
    fn default() -> Self {
        let buckets = hdrhistogram::Histogram::new(DIGITS).expect("three digits are allowed");
        Self { buckets, sum_ps: 0, min_ps: u64::MAX, max_ps: 0 }
    }
}

impl Histogram {
    /// Adds one span.
    pub fn record(&mut self, span: SimDuration) {
        let ps = span.as_ps();
        self.buckets.record(ps).expect("the histogram grows to any 64-bit value");
        self.sum_ps += u128::from(ps);
        self.min_ps = self.min_ps.min(ps);
        self.max_ps = self.max_ps.max(ps);
    }

    /// Adds all spans of another histogram.
    pub fn merge(&mut self, other: &Self) {
        self.buckets.add(&other.buckets).expect("the histogram grows to any 64-bit value");
        self.sum_ps += other.sum_ps;
        self.min_ps = self.min_ps.min(other.min_ps);
        self.max_ps = self.max_ps.max(other.max_ps);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Spans recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.len()
    }

    /// The mean in microseconds, exact but for the last rounding; 0 when empty.
    #[must_use]
    pub fn mean_us(&self) -> f64 {
        if self.count() == 0 {
            return 0.0;
        }
        let sum = i128::try_from(self.sum_ps).expect("sums of 2^64 spans fit 127 bits");
        wide_to_f64(sum) / to_f64(self.count()) / 1e6
    }

    /// The largest span in microseconds, exact; 0 when empty.
    #[must_use]
    pub fn max_us(&self) -> f64 {
        to_f64(self.max_ps) / 1e6
    }

    /// The `q` quantile (0 to 1) in microseconds, within 0.1 %; 0 when empty.
    ///
    /// The middle of the bucket that holds the value of rank `ceil(q n)`, never outside what was
    /// recorded: one value recorded many times comes back exactly.
    #[must_use]
    pub fn quantile_us(&self, q: f64) -> f64 {
        if self.count() == 0 {
            return 0.0;
        }
        let top = self.buckets.value_at_quantile(q);
        let middle = self.buckets.median_equivalent(top);
        to_f64(middle.clamp(self.min_ps, self.max_ps)) / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_thousandth() {
        let mut histogram = Histogram::default();
        for us in 1..=100_000 {
            histogram.record(SimDuration::from_us(us));
        }
        for (q, exact) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.999, 99_900.0)] {
            assert!((histogram.quantile_us(q) / exact - 1.0).abs() < 1e-3);
        }
        assert!((histogram.mean_us() - 50_000.5).abs() < 1e-6);
    }

    #[test]
    fn a_constant_comes_back_exactly() {
        let mut histogram = Histogram::default();
        for _ in 0..10 {
            histogram.record(SimDuration::from_ps(1_234_567));
        }
        assert!((histogram.quantile_us(0.5) - 1.234_567).abs() < 1e-12);
    }
}
