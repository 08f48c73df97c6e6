//! Gaps between the packets of one queue, and its bursts: packets no further apart than a limit.
//!
//! Which limit is right is known only in the end, so bursts are measured for many at once.

use hdrhistogram::Histogram;

use crate::units::to_f64;

/// Gaps and bursts of a queue, or of several together.
#[derive(Debug, Clone)]
pub(super) struct Bursts {
    /// Gaps between packets (ps), to 1 %.
    gaps: Histogram<u64>,
    gap_sum: f64,
    gap_squares: f64,
    last_ps: Option<u64>,
    limits: Vec<Limit>,
}

/// Bursts for one limit.
#[derive(Debug, Clone)]
struct Limit {
    /// When the burst under way began, and with which gap.
    begin_ps: u64,
    first_gap: u64,
    found: Found,
}

/// The bursts of one limit.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// From the first to the last packet of a burst (ps).
    pub(super) spans: Lengths,
    /// From the last packet of a burst to the first of the next (ps).
    pub(super) gaps: Lengths,
    /// Gaps between packets of one burst.
    pub(super) inner_gaps: u64,
}

/// Lengths of time (ps): their distribution to 6 %, their sum exactly.
#[derive(Debug, Clone)]
pub(super) struct Lengths {
    histogram: Histogram<u64>,
    pub(super) sum: f64,
}

/// Limits are powers of four from 65.5 ns to 17.6 s.
const LIMITS: u32 = 15;
const FIRST_LIMIT_LOG: u32 = 16;

const fn limit_ps(number: u32) -> u64 {
    1 << (FIRST_LIMIT_LOG + 2 * number)
}

/// How many limits a gap is above.
fn limits_below(gap: u64) -> usize {
    let log = gap.saturating_sub(1).checked_ilog2().unwrap_or(0);
    let count = if log < FIRST_LIMIT_LOG { 0 } else { (log - FIRST_LIMIT_LOG) / 2 + 1 };
    count.min(LIMITS) as usize
}

impl Lengths {
    fn new() -> Self {
        Self { histogram: histogram(1), sum: 0.0 }
    }

    fn add(&mut self, length: u64) {
        self.histogram.record(length).expect(GROWS);
        self.sum += to_f64(length);
    }

    fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect(GROWS);
        self.sum += other.sum;
    }

    pub(super) fn count(&self) -> u64 {
        self.histogram.len()
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum / to_f64(self.count().max(1))
    }

    /// Whether all are the same, as far as can be told.
    pub(super) fn are_equal(&self) -> bool {
        self.histogram.equivalent(self.histogram.min(), self.histogram.max())
    }

    /// The value below which this share lies.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        match share {
            share if share <= 0.0 => to_f64(self.histogram.min()),
            share if share >= 1.0 => to_f64(self.histogram.max()),
            share => {
                let value = self.histogram.value_at_quantile(share);
                to_f64(self.histogram.median_equivalent(value))
            }
        }
    }

    /// The largest distance of the distribution, moved by `shift`, from an exponential one of the
    /// same mean.
    pub(super) fn distance_from_exponential(&self, shift: f64) -> f64 {
        let mean = self.mean() + shift;
        let (mut below, mut farthest) = (0, 0.0_f64);
        for bin in self.histogram.iter_recorded() {
            below += bin.count_since_last_iteration();
            let top = to_f64(self.histogram.highest_equivalent(bin.value_iterated_to()));
            let share = to_f64(below) / to_f64(self.count());
            farthest = farthest.max((share - (1.0 - (-(top + shift).max(0.0) / mean).exp())).abs());
        }
        farthest
    }
}

/// Why recording cannot fail.
const GROWS: &str = "a histogram that grows takes all values";

fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new(digits).expect("a number of digits that there is")
}

impl Default for Bursts {
    fn default() -> Self {
        let found = Found { spans: Lengths::new(), gaps: Lengths::new(), inner_gaps: 0 };
        let limit = Limit { begin_ps: 0, first_gap: 0, found };
        Self {
            gaps: histogram(2),
            gap_sum: 0.0,
            gap_squares: 0.0,
            last_ps: None,
            limits: vec![limit; LIMITS as usize],
        }
    }
}

impl Bursts {
    /// Takes the queue's next packet.
    pub(super) fn add(&mut self, at_ps: u64) {
        let Some(last_ps) = self.last_ps.replace(at_ps) else {
            self.limits.iter_mut().for_each(|limit| limit.begin_ps = at_ps);
            return;
        };
        let gap = at_ps - last_ps;
        self.gaps.record(gap).expect(GROWS);
        self.gap_sum += to_f64(gap);
        self.gap_squares += to_f64(gap) * to_f64(gap);
        let number = self.gaps.len();
        for limit in &mut self.limits[..limits_below(gap)] {
            limit.found.spans.add(last_ps - limit.begin_ps);
            limit.found.gaps.add(gap);
            limit.found.inner_gaps += number - 1 - limit.first_gap;
            (limit.begin_ps, limit.first_gap) = (at_ps, number);
        }
    }

    /// Adds what another queue has, as far as its bursts are complete.
    pub(super) fn merge(&mut self, other: &Self) {
        self.gaps.add(&other.gaps).expect(GROWS);
        self.gap_sum += other.gap_sum;
        self.gap_squares += other.gap_squares;
        for (limit, other) in self.limits.iter_mut().zip(&other.limits) {
            limit.found.spans.merge(&other.found.spans);
            limit.found.gaps.merge(&other.found.gaps);
            limit.found.inner_gaps += other.found.inner_gaps;
        }
    }

    /// Gaps seen.
    pub(super) fn count(&self) -> u64 {
        self.gaps.len()
    }

    /// Squared coefficient of variation of the gaps.
    pub(super) fn gap_variation(&self) -> f64 {
        let count = to_f64(self.count());
        if self.gap_sum > 0.0 {
            self.gap_squares * count / (self.gap_sum * self.gap_sum) - 1.0
        } else {
            0.0
        }
    }

    /// Gaps (ps) and how many there are of each.
    pub(super) fn gaps(&self) -> Vec<(f64, f64)> {
        let bins = self.gaps.iter_recorded();
        bins.map(|bin| {
            let middle = self.gaps.median_equivalent(bin.value_iterated_to());
            (to_f64(middle), to_f64(bin.count_since_last_iteration()))
        })
        .collect()
    }

    /// The bursts of the least limit that is no less than `gap_ps`; with it the squared variation
    /// of gaps below the limit.
    pub(super) fn found(&self, gap_ps: f64) -> (&Found, f64) {
        let number = (0..LIMITS).find(|number| to_f64(limit_ps(*number)) >= gap_ps);
        let number = number.unwrap_or(LIMITS - 1);
        let limit = to_f64(limit_ps(number));
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for (gap, packets) in self.gaps().into_iter().filter(|(gap, _)| *gap <= limit) {
            (count, sum) = (count + packets, sum + packets * gap);
            squares += packets * gap * gap;
        }
        let variation = if sum > 0.0 { squares * count / (sum * sum) - 1.0 } else { 0.0 };
        (&self.limits[number as usize].found, variation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_at_a_limit_is_within_a_burst_and_one_above_it_is_not() {
        assert_eq!(limits_below(0), 0);
        for number in 0..LIMITS {
            assert_eq!(limits_below(limit_ps(number)), number as usize);
            assert_eq!(limits_below(limit_ps(number) + 1), number as usize + 1);
        }
        assert_eq!(limits_below(u64::MAX), LIMITS as usize);
    }

    #[test]
    fn bursts_have_their_spans_gaps_and_packets() {
        const US: u64 = 1_000_000;
        let mut bursts = Bursts::default();
        // Bursts of 3 and 2 packets 1 us apart, then one that has not ended.
        for us in [10, 11, 12, 112, 113, 363, 364] {
            bursts.add(us * US);
        }
        let (found, variation) = bursts.found(10e6);
        assert_eq!((found.spans.count(), found.inner_gaps), (2, 3));
        assert!((found.spans.mean() - 1.5e6).abs() < 1.0);
        assert!((found.gaps.mean() - 175e6).abs() < 1.0);
        assert!(variation.abs() < 1e-9);
        assert!(!found.gaps.are_equal());
        assert!((found.gaps.quantile(1.0) / 250e6 - 1.0).abs() < 0.07);
    }
}
