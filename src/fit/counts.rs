//! Counts of packets over scales of time, each twice the one before, in one pass.
//!
//! A bin of one scale is two bins of the scale below: when it is full its counts are added to the
//! sums of its scale and to the open bin of the next. Memory grows with the logarithm of time.
//! Empty bins are never touched; they count because the number of bins is known in the end.

use crate::units::to_f64;

/// Sums of counts over bins of many widths.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    base_ps: u64,
    /// Scale `j` has bins of `base_ps x 2^j`.
    levels: Vec<Level>,
    /// Time covered, once known.
    end_ps: u64,
}

/// One scale.
#[derive(Debug, Clone, Default)]
struct Level {
    /// The number of the open bin.
    bin: u64,
    /// Packets of each queue in it.
    open: Vec<u64>,
    /// Queues that have any.
    touched: Vec<usize>,
    queues: Vec<Sums>,
    /// Of all queues together.
    all: Sums,
    /// Products of the counts of queues a < b, at `b (b - 1) / 2 + a`.
    pairs: Vec<f64>,
}

/// Power sums of counts.
#[derive(Debug, Clone, Copy, Default)]
struct Sums([f64; 3]);

impl Sums {
    fn add(&mut self, count: u64) {
        let count = to_f64(count);
        self.0[0] += count;
        self.0[1] += count * count;
        self.0[2] += count * count * count;
    }
}

/// What counts in bins of one width come to, summed over some queues.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Scale {
    pub(super) width_ps: u64,
    /// Complete bins.
    pub(super) bins: u64,
    /// Mean count.
    pub(super) mean: f64,
    /// Variance of the count.
    pub(super) variance: f64,
    /// Third central moment of the count.
    third: f64,
}

impl Scale {
    /// Mean, variance and third central moment in so many bins of a width.
    pub(super) const fn new(width_ps: u64, bins: u64, moments: [f64; 3]) -> Self {
        let [mean, variance, third] = moments;
        Self { width_ps, bins, mean, variance, third }
    }

    /// Index of dispersion: variance over mean, 1 for Poisson packets.
    pub(super) fn idc(&self) -> f64 {
        if self.mean > 0.0 { self.variance / self.mean } else { 1.0 }
    }

    /// The second factorial cumulant: the variance of the integrated rate, without the chance of
    /// packets within it.
    pub(super) fn rate_variance(&self) -> f64 {
        self.variance - self.mean
    }

    /// The third factorial cumulant.
    pub(super) fn rate_third(&self) -> f64 {
        self.third - 3.0 * self.variance + 2.0 * self.mean
    }
}

/// Queues of which pairs are counted, at most.
pub(super) const PAIRED_QUEUES: usize = 128;

/// Bins of a scale that is worth looking at, at least.
pub(super) const BINS_MIN: u64 = 32;

impl Counts {
    pub(super) fn new(base_ps: u64) -> Self {
        Self { base_ps, levels: vec![Level::default()], end_ps: 0 }
    }

    /// Counts a packet of a queue, `at_ps` after the beginning and not before the last one.
    pub(super) fn add(&mut self, at_ps: u64, queue: usize) {
        let bin = at_ps / self.base_ps;
        let mut level = 0;
        while self.levels[level].bin != bin >> level {
            self.close(level, bin >> level);
            level += 1;
            if level == self.levels.len() {
                break;
            }
        }
        self.levels[0].count(queue, 1);
    }

    /// Ends the open bin of a scale; `next` is the one that is opened.
    fn close(&mut self, level: usize, next: u64) {
        if level + 1 == self.levels.len() && !self.levels[level].touched.is_empty() {
            let bin = self.levels[level].bin >> 1;
            self.levels.push(Level { bin, ..Level::default() });
        }
        let (below, above) = self.levels.split_at_mut(level + 1);
        below[level].close(next, above.first_mut());
    }

    /// Ends the counting `end_ps` after the beginning: bins that are complete then count.
    pub(super) fn finish(&mut self, end_ps: u64) {
        self.end_ps = end_ps;
        let mut level = 0;
        while level < self.levels.len() && self.levels[level].bin < self.bins(level) {
            self.close(level, u64::MAX);
            level += 1;
        }
    }

    /// Complete bins of a scale.
    fn bins(&self, level: usize) -> u64 {
        (self.end_ps / self.base_ps) >> level
    }

    fn width_ps(&self, level: usize) -> u64 {
        self.base_ps << level
    }

    /// The numbers of scales that have enough bins, of at least this width.
    pub(super) fn scales(&self, least_ps: u64) -> impl Iterator<Item = usize> {
        (0..self.levels.len())
            .filter(move |level| self.bins(*level) >= BINS_MIN && self.width_ps(*level) >= least_ps)
    }

    /// What counts of single queues come to at a scale, summed over `queues`.
    pub(super) fn of_queues(&self, level: usize, queues: &[usize]) -> Scale {
        let mut sum = Scale { width_ps: self.width_ps(level), ..Scale::default() };
        sum.bins = self.bins(level);
        for queue in queues {
            let one = self.scale(level, self.sums(level, *queue));
            sum.mean += one.mean;
            sum.variance += one.variance;
            sum.third += one.third;
        }
        sum
    }

    /// What counts of all queues together come to at a scale.
    pub(super) fn of_all(&self, level: usize) -> Scale {
        self.scale(level, self.levels.get(level).map_or_else(Sums::default, |level| level.all))
    }

    /// The covariance of the counts of two queues at a scale; `None` where there are too many.
    pub(super) fn covariance(&self, level: usize, a: usize, b: usize) -> Option<f64> {
        let (a, b) = (a.min(b), a.max(b));
        if b >= PAIRED_QUEUES {
            return None;
        }
        let product = self.levels.get(level)?.pairs.get(pair(a, b)).copied().unwrap_or(0.0);
        let bins = to_f64(self.bins(level));
        let [[sum_a, ..], [sum_b, ..]] = [a, b].map(|queue| self.sums(level, queue).0);
        Some((product - sum_a * sum_b / bins) / (bins - 1.0))
    }

    fn sums(&self, level: usize, queue: usize) -> Sums {
        let level = self.levels.get(level);
        level.and_then(|level| level.queues.get(queue)).copied().unwrap_or_default()
    }

    fn scale(&self, level: usize, Sums([sum, squares, cubes]): Sums) -> Scale {
        let bins = to_f64(self.bins(level));
        let mean = sum / bins;
        let squares = squares - bins * mean * mean;
        let cubes = cubes - 3.0 * mean * (squares + bins * mean * mean) + 2.0 * bins * mean.powi(3);
        let variance = squares / (bins - 1.0);
        let third = cubes * bins / ((bins - 1.0) * (bins - 2.0));
        Scale::new(self.width_ps(level), self.bins(level), [mean, variance, third])
    }
}

impl Level {
    fn count(&mut self, queue: usize, packets: u64) {
        if self.open.len() <= queue {
            self.open.resize(queue + 1, 0);
            self.queues.resize(queue + 1, Sums::default());
        }
        if self.open[queue] == 0 {
            self.touched.push(queue);
        }
        self.open[queue] += packets;
    }

    /// Adds the open bin to the sums, and to the open bin of the scale `above`.
    fn close(&mut self, next: u64, mut above: Option<&mut Self>) {
        let mut all = 0;
        for (place, &queue) in self.touched.iter().enumerate() {
            let packets = self.open[queue];
            all += packets;
            self.queues[queue].add(packets);
            if let Some(above) = &mut above {
                above.count(queue, packets);
            }
            for &other in self.touched[..place].iter().filter(|other| **other < PAIRED_QUEUES) {
                if queue < PAIRED_QUEUES {
                    let index = pair(queue.min(other), queue.max(other));
                    if self.pairs.len() <= index {
                        self.pairs.resize(index + 1, 0.0);
                    }
                    self.pairs[index] += to_f64(packets) * to_f64(self.open[other]);
                }
            }
        }
        self.all.add(all);
        for queue in self.touched.drain(..) {
            self.open[queue] = 0;
        }
        self.bin = next;
    }
}

/// The place of a pair of queues a < b.
fn pair(a: usize, b: usize) -> usize {
    b * b.saturating_sub(1) / 2 + a
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of each bin, made at once.
    fn bins(packets: &[(u64, usize)], width: u64, end: u64, queue: usize) -> Vec<f64> {
        let count = |bin| {
            let inside = |(at, own): &&(u64, usize)| at / width == bin && *own == queue;
            to_f64(packets.iter().filter(inside).count() as u64)
        };
        (0..end / width).map(count).collect()
    }

    #[test]
    fn one_pass_gives_the_moments_of_all_bins_at_every_scale() {
        let times = [0_u64, 1, 1, 9, 17, 17, 18, 40, 63, 64, 70, 71, 155, 156, 280, 499, 610];
        let packets: Vec<(u64, usize)> =
            times.iter().enumerate().map(|(k, at)| (*at, k % 3)).collect();
        let mut counts = Counts::new(2);
        packets.iter().for_each(|(at, queue)| counts.add(*at, *queue));
        counts.finish(715);
        let levels: Vec<usize> = counts.scales(4).collect();
        assert_eq!(levels, [1, 2, 3]);
        for level in levels {
            let width = 2 << level;
            let of = |queue| bins(&packets, width, 715, queue);
            let n = to_f64(715 / width);
            let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
            for queue in 0..3 {
                let own = of(queue);
                let m = mean(&own);
                let power = |k| own.iter().map(|x| (x - m).powi(k)).sum::<f64>();
                let scale = counts.of_queues(level, &[queue]);
                assert_eq!((scale.bins, scale.width_ps), (715 / width, width));
                assert!((scale.mean - m).abs() < 1e-12);
                assert!((scale.variance - power(2) / (n - 1.0)).abs() < 1e-12);
                let third = power(3) * n / ((n - 1.0) * (n - 2.0));
                assert!((scale.third - third).abs() < 1e-10);
                for other in 0..queue {
                    let others = of(other);
                    let mo = mean(&others);
                    let covariance =
                        own.iter().zip(&others).map(|(x, y)| (x - m) * (y - mo)).sum::<f64>()
                            / (n - 1.0);
                    let counted = counts.covariance(level, queue, other).unwrap();
                    assert!((counted - covariance).abs() < 1e-12);
                }
            }
            let all: Vec<f64> =
                (0..of(0).len()).map(|bin| (0..3).map(|queue| of(queue)[bin]).sum()).collect();
            let m = mean(&all);
            let variance = all.iter().map(|x| (x - m).powi(2)).sum::<f64>() / (n - 1.0);
            assert!((counts.of_all(level).variance - variance).abs() < 1e-12);
        }
    }
}
