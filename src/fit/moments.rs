//! Rates that change, found from counts alone: the index of dispersion over scales of time, and the
//! third moment.
//!
//! A source that is on for a share `p` of the time with rate `a`, exponential periods, and time
//! constant `T` (`1 / T = 1 / on + 1 / off`) has counts in bins of width `t` with, for `x = t / T`,
//!
//! ```text
//! second factorial cumulant = 2 a^2 p (1 - p) T^2 (x - 1 + exp(-x))
//! third  factorial cumulant = 6 a^3 p (1 - p) (1 - 2p) T^3 (x - 2 + (x + 2) exp(-x))
//! ```
//!
//! by integrating the correlations of a process of two states (the rate at two instants: `exp(-d /
//! T)`; at three: of the outer two). Cumulants of independent sources add up. Methods of this kind
//! are as old as such sources: Heffes and Lucantoni, IEEE JSAC 4(6), 1986.

use super::counts::Scale;
use super::source::Components;
use crate::units::to_f64;

/// Time constants tried for each doubling of time.
const PER_DOUBLING: f64 = 2.0;
/// Bins from which on a variance is trusted fully; fewer weigh less.
const BINS_TRUSTED: f64 = 50.0;
/// Share of time in which parts are on: not all and not nothing.
const SHARE_MIN: f64 = 0.002;

/// The sources, `parts` of them, whose counts are nearest to those of `scales` (of `queues` queues
/// together); `None` if the counts are no more variable than Poisson packets.
pub(super) fn components(scales: &[Scale], queues: f64, parts: usize) -> Option<Components> {
    let first = scales.first()?;
    let mean_rate = first.mean / queues / to_f64(first.width_ps);
    let best = variances(scales, parts)?;
    // Spread over the queues, and from the index of dispersion to variances of rates.
    let found: Vec<(f64, f64)> =
        best.into_iter().map(|(height, time)| (height * mean_rate / (2.0 * time), time)).collect();
    let deviations: f64 = found.iter().map(|(variance, _)| variance.sqrt()).sum();
    // Parts are on so rarely that what is always there is no less than nothing.
    let odds = (mean_rate / deviations).powi(2);
    let share_max = odds / (1.0 + odds);
    let skewness = skewness(scales, queues, &found);
    let wanted = (1.0 - skewness / (4.0 + skewness * skewness).sqrt()) / 2.0;
    let share_on = wanted.clamp(SHARE_MIN.min(share_max), share_max.min(1.0 - SHARE_MIN));
    let spread = (share_on * (1.0 - share_on)).sqrt();
    let rates = found.iter().map(|(variance, time)| (variance.sqrt() / spread, *time));
    let rates: Vec<(f64, f64)> = rates.collect();
    let base = mean_rate - share_on * rates.iter().map(|(rate, _)| rate).sum::<f64>();
    let per_second = |rate: f64| rate * 1e12;
    Some(Components {
        // What rounding leaves of nothing is nothing.
        base: if base > 1e-6 * mean_rate { per_second(base) } else { 0.0 },
        share_on,
        parts: rates.into_iter().map(|(rate, time)| (per_second(rate), time)).collect(),
    })
}

/// How far the index of dispersion rises, and by which time constant (ps): for each part.
fn variances(scales: &[Scale], parts: usize) -> Option<Vec<(f64, f64)>> {
    let (first, last) = (scales.first()?, scales.last()?);
    let shortest = to_f64(first.width_ps) / 4.0;
    let steps = (to_f64(last.width_ps) * 2.0 / shortest).log2() * PER_DOUBLING;
    let times: Vec<f64> = std::iter::successors(Some(0.0), |step| Some(step + 1.0))
        .take_while(|step| *step <= steps)
        .map(|step| shortest * (step / PER_DOUBLING).exp2())
        .collect();
    let curves: Vec<Vec<f64>> = times
        .iter()
        .map(|time| scales.iter().map(|scale| rise(to_f64(scale.width_ps) / time)).collect())
        .collect();
    let points = Points::of(scales);
    let mut best: Option<(f64, Vec<(f64, f64)>)> = None;
    let mut consider = |error: f64, found: Vec<(f64, f64)>| {
        if best.as_ref().is_none_or(|(least, _)| error < *least) {
            best = Some((error, found));
        }
    };
    for (k, one) in curves.iter().enumerate() {
        if parts == 1 {
            let height = points.project(one, one).0 / points.project(one, one).1;
            if height > 0.0 {
                consider(points.error(&[(height, one)]), vec![(height, times[k])]);
            }
            continue;
        }
        for (other_time, other) in times[..k].iter().zip(&curves) {
            let ((y1, a11), (y2, a22)) = (points.project(one, one), points.project(other, other));
            let (_, a12) = points.project(one, other);
            let determinant = a11 * a22 - a12 * a12;
            let heights =
                ((y1 * a22 - y2 * a12) / determinant, (y2 * a11 - y1 * a12) / determinant);
            if heights.0 > 0.0 && heights.1 > 0.0 {
                let error = points.error(&[(heights.0, one), (heights.1, other)]);
                consider(error, vec![(heights.0, times[k]), (heights.1, *other_time)]);
            }
        }
    }
    best.map(|(_, found)| found)
}

/// How much of its rise the index of dispersion has made in a bin of `x` time constants.
fn rise(x: f64) -> f64 {
    // The difference is lost to rounding where it is small.
    if x < 1e-4 { x / 2.0 } else { 1.0 + (-x).exp_m1() / x }
}

/// What curves are fitted to: the index of dispersion above that of Poisson packets, with weights.
struct Points {
    heights: Vec<f64>,
    weights: Vec<f64>,
}

impl Points {
    /// Errors are relative, and less is known of scales with few bins.
    fn of(scales: &[Scale]) -> Self {
        let weight = |scale: &Scale| {
            let bins = to_f64(scale.bins);
            bins / (bins + BINS_TRUSTED) / scale.idc().max(1.0).powi(2)
        };
        Self {
            heights: scales.iter().map(|scale| scale.idc() - 1.0).collect(),
            weights: scales.iter().map(weight).collect(),
        }
    }

    /// The weighted products of `a` with the points and with `b`.
    fn project(&self, a: &[f64], b: &[f64]) -> (f64, f64) {
        let (mut with_points, mut with_b) = (0.0, 0.0);
        for (((a, b), height), weight) in a.iter().zip(b).zip(&self.heights).zip(&self.weights) {
            with_points += weight * a * height;
            with_b += weight * a * b;
        }
        (with_points, with_b)
    }

    fn error(&self, curves: &[(f64, &Vec<f64>)]) -> f64 {
        let points = self.heights.iter().zip(&self.weights).enumerate();
        points
            .map(|(k, (height, weight))| {
                let sum: f64 = curves.iter().map(|(size, curve)| size * curve[k]).sum();
                weight * (sum - height).powi(2)
            })
            .sum()
    }
}

/// The skewness of each part's rate, the same for all: the one that the third factorial cumulants
/// ask for on average over scales.
fn skewness(scales: &[Scale], queues: f64, parts: &[(f64, f64)]) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for scale in scales {
        let expected: f64 = parts
            .iter()
            .map(|(variance, time)| {
                let x = to_f64(scale.width_ps) / time;
                let shape =
                    if x < 0.05 { x.powi(3) / 6.0 } else { x - 2.0 + (x + 2.0) * (-x).exp() };
                6.0 * variance.powf(1.5) * time.powi(3) * shape
            })
            .sum();
        // The third moment of few bins, and of bins with few packets, says little.
        let bins = to_f64(scale.bins);
        let signal = 1.0 - 1.0 / scale.idc().max(1.0);
        let weight = bins / (bins + 20.0 * BINS_TRUSTED) * signal.powi(3);
        if expected > 0.0 {
            sum += weight * scale.rate_third() / queues / expected;
            weights += weight;
        }
    }
    if weights > 0.0 { sum / weights } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What counts of known sources come to at scales from 1 us on, exactly.
    fn scales(truth: &Components) -> Vec<Scale> {
        let share = truth.share_on;
        let mean_rate = truth.base + share * truth.parts.iter().map(|(rate, _)| rate).sum::<f64>();
        (0..16)
            .map(|level| {
                let width_ps = 1_000_000 << level;
                let mean = mean_rate / 1e12 * to_f64(width_ps);
                let (mut second, mut third) = (0.0, 0.0);
                for (rate, time) in &truth.parts {
                    let (a, x) = (rate / 1e12, to_f64(width_ps) / time);
                    let spread = share * (1.0 - share);
                    second += 2.0 * (a * time).powi(2) * spread * (x - 1.0 + (-x).exp());
                    third += 6.0
                        * (a * time).powi(3)
                        * spread
                        * (1.0 - 2.0 * share)
                        * (x - 2.0 + (x + 2.0) * (-x).exp());
                }
                // From factorial cumulants to moments.
                let variance = second + mean;
                Scale::new(width_ps, 1 << 20, [mean, variance, third + 3.0 * variance - 2.0 * mean])
            })
            .collect()
    }

    fn assert_near(found: f64, truth: f64, tolerance: f64) {
        assert!((found / truth - 1.0).abs() < tolerance, "{found} for {truth}");
    }

    #[test]
    fn exact_moments_of_two_rates_give_them_back() {
        // The time constant is one of those tried: a quarter of 1 us, doubled nine times.
        let parts = vec![(2e6, 128e6)];
        let truth = Components { base: 3e5, share_on: 0.2, parts };
        let found = components(&scales(&truth), 1.0, 1).unwrap();
        assert_near(found.base, truth.base, 1e-3);
        assert_near(found.share_on, truth.share_on, 1e-3);
        assert_near(found.parts[0].0, 2e6, 1e-3);
        assert_near(found.parts[0].1, 128e6, 1e-9);
    }

    #[test]
    fn exact_moments_of_four_states_give_them_back() {
        let parts = vec![(1e6, 2048e6), (4e6, 16e6)];
        let truth = Components { base: 5e4, share_on: 0.1, parts };
        let found = components(&scales(&truth), 1.0, 2).unwrap();
        assert_near(found.share_on, 0.1, 1e-3);
        for ((rate, time), (true_rate, true_time)) in found.parts.iter().zip(&truth.parts) {
            assert_near(*rate, *true_rate, 1e-3);
            assert_near(*time, *true_time, 1e-9);
        }
    }

    #[test]
    fn poisson_counts_have_no_parts() {
        let poisson = Components { base: 1e6, share_on: 0.5, parts: Vec::new() };
        let mut scales = scales(&poisson);
        scales.iter_mut().for_each(|scale| scale.variance *= 0.999);
        assert_eq!(components(&scales, 1.0, 1), None);
        assert_eq!(components(&scales, 1.0, 2), None);
    }
}
