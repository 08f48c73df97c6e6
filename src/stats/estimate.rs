//! Estimates of a ratio with a confidence interval.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::units::to_f64;

/// How an interval was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Student's t for the ratio estimator over independent replications.
    Replications,
    /// The same over consecutive batches of one long run.
    BatchMeans,
    /// Student's t over parts of runs that branch where they come near to what is rare.
    Splitting,
    /// Nothing was seen: an upper bound counted in independent bursts.
    ZeroDrops,
    /// Nothing is random: the estimate is the value.
    Exact,
}

/// A ratio with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The ratio of the sums.
    pub estimate: f64,
    /// Lower end of the interval, at least 0.
    pub ci_low: f64,
    /// Upper end of the interval, at most 1.
    pub ci_high: f64,
    /// The confidence level, between 0 and 1.
    pub confidence: f64,
    /// How the interval was made.
    pub method: Method,
}

impl Estimate {
    /// Whether the interval has parts on both sides of `goal`, so that it is open which side it is.
    #[must_use]
    pub fn leaves_open(&self, goal: f64) -> bool {
        self.ci_low <= goal && goal < self.ci_high
    }
}

/// Part and whole of one replication or batch: the ratio's numerator and denominator; in JSON a
/// pair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Counts {
    /// Things of the kind in question.
    pub part: u64,
    /// All things.
    pub whole: u64,
}

impl From<(u64, u64)> for Counts {
    fn from((part, whole): (u64, u64)) -> Self {
        Self { part, whole }
    }
}

impl From<Counts> for (u64, u64) {
    fn from(counts: Counts) -> Self {
        (counts.part, counts.whole)
    }
}

impl Counts {
    fn sum(samples: &[Self]) -> Self {
        samples.iter().fold(Self::default(), |sum, sample| Self {
            part: sum.part + sample.part,
            whole: sum.whole + sample.whole,
        })
    }

    fn ratio(self) -> f64 {
        if self.whole == 0 { 0.0 } else { to_f64(self.part) / to_f64(self.whole) }
    }
}

/// Part and whole of a batch in which things count for more or less than one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Weighted {
    /// Things of the kind in question.
    pub part: f64,
    /// All things.
    pub whole: f64,
}

impl From<Counts> for Weighted {
    fn from(Counts { part, whole }: Counts) -> Self {
        Self { part: to_f64(part), whole: to_f64(whole) }
    }
}

impl Weighted {
    fn sum(samples: &[Self]) -> Self {
        samples.iter().fold(Self::default(), |sum, sample| Self {
            part: sum.part + sample.part,
            whole: sum.whole + sample.whole,
        })
    }

    fn ratio(self) -> f64 {
        if self.whole > 0.0 { self.part / self.whole } else { 0.0 }
    }

    /// How far the part is from its share of the whole.
    fn excess(self, ratio: f64) -> f64 {
        self.part - ratio * self.whole
    }
}

/// The ratio over independent replications, with Student's t interval.
#[must_use]
pub fn replications(samples: &[Counts], confidence: f64) -> Estimate {
    let samples: Vec<Weighted> = samples.iter().copied().map(Weighted::from).collect();
    ratio_estimate(&samples, confidence, Method::Replications)
}

/// The ratio over consecutive batches of one run, with Student's t interval over batches so long
/// that neighbours are not seen to depend on each other.
#[must_use]
pub fn batch_means(batches: &[Counts], confidence: f64) -> Estimate {
    let batches: Vec<Weighted> = batches.iter().copied().map(Weighted::from).collect();
    ratio_estimate(&independent_batches(&[batches]), confidence, Method::BatchMeans)
}

/// The same over consecutive batches of several runs.
#[must_use]
pub fn pooled_batches(runs: &[Vec<Weighted>], confidence: f64) -> Estimate {
    ratio_estimate(&independent_batches(runs), confidence, Method::BatchMeans)
}

/// The same over consecutive batches of several runs that were split; nothing was seen if no batch
/// has a part.
#[must_use]
pub fn splitting(runs: &[Vec<Weighted>], confidence: f64) -> Estimate {
    ratio_estimate(&independent_batches(runs), confidence, Method::Splitting)
}

/// The batches of some runs, neighbours put together until they are not seen to depend on each
/// other: until the correlation of what batches have in excess with what the next one has is below
/// the upper 10 % point of its distribution without dependence, `1.28 / sqrt(pairs)`. A single
/// run keeps five.
fn independent_batches(runs: &[Vec<Weighted>]) -> Vec<Weighted> {
    let mut runs = runs.to_vec();
    loop {
        let all: Vec<Weighted> = runs.iter().flatten().copied().collect();
        let ratio = Weighted::sum(&all).ratio();
        let squares: f64 = all.iter().map(|batch| batch.excess(ratio).powi(2)).sum();
        let pairs = || runs.iter().flat_map(|run| run.windows(2));
        let products: f64 = pairs().map(|pair| pair[0].excess(ratio) * pair[1].excess(ratio)).sum();
        let pairs = to_f64(pairs().count() as u64);
        let correlation = products / pairs / (squares / to_f64(all.len() as u64));
        let batches = runs.first().map_or(0, Vec::len);
        let group = if batches.is_multiple_of(2) { 2 } else { batches };
        let may_merge = batches > 1 && (runs.len() > 1 || batches / group >= BATCHES_MIN);
        // Without any excess the correlation is no number, and nothing depends on anything.
        let depend = correlation > CORRELATED / pairs.sqrt();
        if !(may_merge && depend) {
            return all;
        }
        for run in &mut runs {
            *run = run.chunks(group).map(Weighted::sum).collect();
        }
    }
}

/// The upper 10 % point of the standard normal distribution.
const CORRELATED: f64 = 1.2816;
/// Batches of a single run, at least.
const BATCHES_MIN: usize = 5;

/// The estimate where nothing was seen in `bursts` independent bursts.
///
/// With probability `confidence`, an event whose chance per burst is above
/// `-ln(1 - confidence) / bursts` would have been seen.
#[must_use]
pub fn zero_seen(bursts: u64, confidence: f64) -> Estimate {
    let bound = if bursts == 0 { 1.0 } else { -(1.0 - confidence).ln() / to_f64(bursts) };
    Estimate {
        estimate: 0.0,
        ci_low: 0.0,
        ci_high: bound.min(1.0),
        confidence,
        method: Method::ZeroDrops,
    }
}

/// The estimate where nothing is random.
#[must_use]
pub fn exact(counts: Counts, confidence: f64) -> Estimate {
    let ratio = counts.ratio();
    Estimate { estimate: ratio, ci_low: ratio, ci_high: ratio, confidence, method: Method::Exact }
}

/// Ratio estimator `p = sum part / sum whole`; its variance over n samples is
/// `sum (part_i - p whole_i)^2 / (n (n - 1) mean(whole)^2)` (Law, Simulation Modeling and Analysis,
/// 9.5.3: the classical ratio estimator).
fn ratio_estimate(samples: &[Weighted], confidence: f64, method: Method) -> Estimate {
    let total = Weighted::sum(samples);
    let ratio = total.ratio();
    let n = to_f64(samples.len() as u64);
    let half_width = if samples.len() < 2 || total.whole <= 0.0 {
        1.0
    } else {
        let squares: f64 = samples.iter().map(|sample| sample.excess(ratio).powi(2)).sum();
        let mean_whole = total.whole / n;
        student_t(n - 1.0, confidence) * (squares / (n * (n - 1.0))).sqrt() / mean_whole
    };
    Estimate {
        estimate: ratio,
        ci_low: (ratio - half_width).max(0.0),
        ci_high: (ratio + half_width).min(1.0),
        confidence,
        method,
    }
}

/// The difference of the ratios of two configurations whose samples belong together pair by pair,
/// as those of one replication do, with Student's t interval clipped to [-1, 1].
///
/// The variance is that of the ratio estimator, of the differences of the pairs' deviations: what
/// both have in common, such as the same traffic, cancels (common random numbers; Law, Simulation
/// Modeling and Analysis, 11.2).
///
/// # Panics
/// When there are not as many samples of one as of the other.
#[must_use]
pub fn paired_difference(samples: &[Counts], baseline: &[Counts], confidence: f64) -> Estimate {
    assert_eq!(samples.len(), baseline.len(), "samples come in pairs");
    let n = to_f64(samples.len() as u64);
    let (total, total_baseline) = (Counts::sum(samples), Counts::sum(baseline));
    let estimate = total.ratio() - total_baseline.ratio();
    let deviation = |sample: &Counts, total: Counts| {
        let mean_whole = to_f64(total.whole) / n;
        (to_f64(sample.part) - total.ratio() * to_f64(sample.whole)) / mean_whole
    };
    let half_width = if samples.len() < 2 || total.whole == 0 || total_baseline.whole == 0 {
        1.0
    } else {
        let pairs = samples.iter().zip(baseline);
        let squares: f64 = pairs
            .map(|(one, other)| (deviation(one, total) - deviation(other, total_baseline)).powi(2))
            .sum();
        student_t(n - 1.0, confidence) * (squares / (n * (n - 1.0))).sqrt()
    };
    Estimate {
        estimate,
        ci_low: (estimate - half_width).max(-1.0),
        ci_high: (estimate + half_width).min(1.0),
        confidence,
        method: Method::Replications,
    }
}

/// The quantile of Student's t that a two-sided interval of this confidence reaches to.
fn student_t(degrees: f64, confidence: f64) -> f64 {
    let student = StudentsT::new(0.0, 1.0, degrees).expect("at least 1 degree of freedom");
    student.inverse_cdf(f64::midpoint(1.0, confidence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_replications_use_the_cauchy_quantile() {
        let samples = [Counts { part: 1, whole: 10 }, Counts { part: 3, whole: 10 }];
        let estimate = replications(&samples, 0.95);
        assert!((estimate.estimate - 0.2).abs() < 1e-12);
        // t(0.975, 1 degree) = 12.7062, standard error 0.1: clipped to [0, 1]
        assert!(estimate.ci_low.abs() < 1e-12 && (estimate.ci_high - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_interval_is_students_t_over_replications() {
        let samples = [10, 12, 9, 11].map(|part| Counts { part, whole: 1000 });
        let estimate = replications(&samples, 0.95);
        // standard deviation 1.29099, t(0.975, 3) = 3.18245: half width 3.18245 * 1.29099 / 2 /
        // 1000
        assert!((estimate.ci_high - estimate.estimate - 2.054_26e-3).abs() < 1e-7);
    }

    #[test]
    fn what_pairs_have_in_common_cancels() {
        let counts = |part: [u64; 4]| part.map(|part| Counts { part, whole: 1000 });
        // Each pair differs by exactly 5 of 1000.
        let same = paired_difference(&counts([15, 95, 25, 45]), &counts([10, 90, 20, 40]), 0.95);
        assert!((same.estimate - 0.005).abs() < 1e-12);
        assert!((same.ci_high - same.ci_low).abs() < 1e-12);
        // Differences 4, 6, 5, 5 of 1000: standard deviation 0.816497, t(0.975, 3) = 3.182446, half
        // width 3.182446 * 0.816497 / 2 / 1000
        let near = paired_difference(&counts([14, 96, 25, 45]), &counts([10, 90, 20, 40]), 0.95);
        assert!((near.ci_high - near.estimate - 1.299_228e-3).abs() < 1e-8);
    }

    #[test]
    fn batches_that_depend_on_each_other_are_put_together() {
        let run = |wave: fn(u32) -> bool| -> Vec<Weighted> {
            let part = |number| if wave(number) { 110.0 } else { 90.0 };
            (0..20).map(|number| Weighted { part: part(number), whole: 1000.0 }).collect()
        };
        // Neighbours that differ as often as not: nothing of 18 pairs is in common.
        let independent = run(|number| number / 2 % 2 == 0);
        assert_eq!(independent_batches(std::slice::from_ref(&independent)).len(), 20);
        assert_eq!(independent_batches(&[independent.clone(), independent]).len(), 40);
        // One long wave; of a single run five batches are left, and nothing is lost.
        let slow = run(|number| number < 10);
        let few = independent_batches(std::slice::from_ref(&slow));
        assert_eq!(few.len(), 5);
        assert!((Weighted::sum(&few).whole - 20_000.0).abs() < 1e-9);
        assert_eq!(independent_batches(&[slow.clone(), slow]).len(), 2);
    }

    #[test]
    fn nothing_seen_is_bounded_by_the_bursts() {
        assert!((zero_seen(1000, 0.95).ci_high - 2.995_732e-3).abs() < 1e-8);
        assert!((zero_seen(0, 0.95).ci_high - 1.0).abs() < 1e-12);
    }
}
