//! Quantiles of times, exact to 0.1 %, in bounded memory.

use std::fmt;

use crate::units::{SimDuration, to_f64, wide_to_f64};

/// A histogram of spans with an exact mean and maximum and quantiles within 0.1 %.
///
/// Buckets are those of an HDR histogram with three significant digits; histograms of replications
/// add up to the same result in any order.
#[derive(Clone)]
pub struct Histogram {
    /// Spans in each bucket, up to the last one that was ever asked for.
    buckets: Vec<u64>,
    sums: Spans,
}

/// What is known of spans beside their buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    /// How many.
    pub count: u64,
    /// Their sum in picoseconds.
    pub sum_ps: u128,
    /// The shortest in picoseconds.
    pub min_ps: u64,
    /// The longest in picoseconds.
    pub max_ps: u64,
}

/// Each power of two has so many buckets, as a power of two: enough for three significant digits.
const HALF_BITS: u32 = 10;

impl Default for Spans {
    fn default() -> Self {
        Self { count: 0, sum_ps: 0, min_ps: u64::MAX, max_ps: 0 }
    }
}

impl Spans {
    /// Adds other spans.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum_ps += other.sum_ps;
        self.min_ps = self.min_ps.min(other.min_ps);
        self.max_ps = self.max_ps.max(other.max_ps);
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; 2 << HALF_BITS], sums: Spans::default() }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filled = || self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        f.debug_struct("Histogram")
            .field("buckets", &filled().collect::<Vec<_>>())
            .field("sums", &self.sums)
            .finish()
    }
}

impl Histogram {
    /// The bucket of a span in picoseconds: its leading 11 bits, below which all values are alike.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "eleven bits are left")]
    pub const fn bucket(ps: u64) -> usize {
        // Values of up to 11 bits have buckets of their own.
        let shift = u64::BITS - 1 - HALF_BITS - (ps | 1 << HALF_BITS).leading_zeros();
        (shift as usize) * (1 << HALF_BITS) + (ps >> shift) as usize
    }

    /// The least value of a bucket, and how many values it has.
    const fn values(bucket: usize) -> (u64, u64) {
        let shift = (bucket >> HALF_BITS).saturating_sub(1);
        let leading = bucket - (shift << HALF_BITS);
        ((leading as u64) << shift, 1 << shift)
    }

    /// The counts of all buckets up to that of `longest_ps`, for those who record many spans: they
    /// are to be added to [`sums`](Self::add_sums) too.
    pub fn buckets_up_to(&mut self, longest_ps: u64) -> &mut [u64] {
        let len = Self::bucket(longest_ps) + 1;
        if self.buckets.len() < len {
            self.buckets.resize(len, 0);
        }
        &mut self.buckets
    }

    /// Adds spans that are in their buckets already.
    pub fn add_sums(&mut self, sums: &Spans) {
        self.sums.add(sums);
    }

    /// Adds one span.
    #[inline]
    pub fn record(&mut self, span: SimDuration) {
        let ps = span.as_ps();
        self.buckets_up_to(ps)[Self::bucket(ps)] += 1;
        self.add_sums(&Spans { count: 1, sum_ps: u128::from(ps), min_ps: ps, max_ps: ps });
    }

    /// Adds all spans of another histogram.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (own, other) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += other;
        }
        self.add_sums(&other.sums);
    }

    /// Adds the spans that `whole` has and `part`, which is a part of it, has not. The shortest and
    /// the longest stay what they are: of a rest they are not known.
    pub fn add_rest(&mut self, whole: &Self, part: &Self) {
        if self.buckets.len() < whole.buckets.len() {
            self.buckets.resize(whole.buckets.len(), 0);
        }
        for (own, whole) in self.buckets.iter_mut().zip(&whole.buckets) {
            *own += whole;
        }
        for (own, part) in self.buckets.iter_mut().zip(&part.buckets) {
            *own -= part;
        }
        self.sums.count += whole.sums.count - part.sums.count;
        self.sums.sum_ps += whole.sums.sum_ps - part.sums.sum_ps;
    }

    /// The shortest and the longest span in picoseconds.
    #[must_use]
    pub const fn extremes_ps(&self) -> (u64, u64) {
        (self.sums.min_ps, self.sums.max_ps)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Spans recorded.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.sums.count
    }

    /// The mean in microseconds, exact but for the last rounding; 0 when empty.
    #[must_use]
    pub fn mean_us(&self) -> f64 {
        if self.count() == 0 {
            return 0.0;
        }
        let sum = i128::try_from(self.sums.sum_ps).expect("sums of 2^64 spans fit 127 bits");
        wide_to_f64(sum) / to_f64(self.count()) / 1e6
    }

    /// The largest span in microseconds, exact; 0 when empty.
    #[must_use]
    pub fn max_us(&self) -> f64 {
        to_f64(self.sums.max_ps) / 1e6
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
        let rank = (q.min(1.0) * to_f64(self.count())).ceil().max(1.0);
        let mut below = 0;
        let reached = self.buckets.iter().position(|count| {
            below += count;
            to_f64(below) >= rank
        });
        let (least, values) = Self::values(reached.unwrap_or(self.buckets.len() - 1));
        let middle = least + values / 2;
        to_f64(middle.clamp(self.sums.min_ps, self.sums.max_ps)) / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn quantiles_are_those_of_an_hdr_histogram(
            spans in prop::collection::vec((0_u32..64, any::<u64>()), 1..60),
            q in 0.0..1.0_f64,
        ) {
            let mut histogram = Histogram::default();
            let mut hdr = hdrhistogram::Histogram::<u64>::new(3).unwrap();
            let spans: Vec<u64> = spans.iter().map(|(shift, value)| value >> shift).collect();
            for ps in &spans {
                histogram.record(SimDuration::from_ps(*ps));
                hdr.record(*ps).unwrap();
            }
            let middle = hdr.median_equivalent(hdr.value_at_quantile(q));
            let (least, most) = (spans.iter().min().unwrap(), spans.iter().max().unwrap());
            let expected = to_f64(middle.clamp(*least, *most)) / 1e6;
            prop_assert_eq!(histogram.quantile_us(q).to_bits(), expected.to_bits());
        }
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
