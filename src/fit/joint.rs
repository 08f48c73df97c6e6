//! How queues go together: apart, in step, or in between.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::counts::{PAIRED_QUEUES, Scale};
use super::statistics::Statistics;
use crate::units::to_f64;

/// How queues burst together.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Joint {
    /// No more than by chance.
    Apart,
    /// These in step, the others apart.
    InStep(Vec<usize>),
    /// All to some degree: the mean correlation of their rates, at the scale where it is known
    /// best.
    Partly(f64),
}

/// Correlation of rates at and above which queues are in step.
const IN_STEP: f64 = 0.8;
/// Below which they are apart, even where that can be told from 0.
const APART: f64 = 0.05;
/// Standard errors that are taken for more than chance: once in 30,000.
const ERRORS: f64 = 4.0;
/// Bins of the scale, at least.
const BINS: u64 = 50;
/// Chance of taking queues that are alike for different ones.
const DIFFERENT: f64 = 0.01;

/// The scale at which correlation is known best: many bins, in which rates change more than chance
/// does.
pub(super) fn scale(statistics: &Statistics, resolution_ps: u64) -> Option<usize> {
    let counts = &statistics.counts;
    let queues = statistics.all_queues();
    let known = |level: &usize| {
        let scale = counts.of_queues(*level, &queues);
        signal(&scale) * to_f64(scale.bins).sqrt()
    };
    let levels = counts.scales(resolution_ps);
    let levels = levels.filter(|level| counts.of_queues(*level, &queues).bins >= BINS);
    levels.max_by(|a, b| known(a).total_cmp(&known(b))).filter(|level| known(level) > 0.0)
}

/// The share of the variance of counts that is the rate's.
fn signal(scale: &Scale) -> f64 {
    1.0 - 1.0 / scale.idc().max(1.0)
}

/// The mean correlation of the rates of two queues at a scale: covariances of counts over the part
/// of their variances that is not the chance of packets.
pub(super) fn correlation(statistics: &Statistics, level: usize) -> f64 {
    let counts = &statistics.counts;
    let queues = statistics.all_queues();
    let scales: Vec<Scale> =
        queues.iter().map(|queue| counts.of_queues(level, &[*queue])).collect();
    let variances: f64 = scales.iter().map(|scale| scale.variance).sum();
    let deviations: Vec<f64> =
        scales.iter().map(|scale| scale.rate_variance().max(0.0).sqrt()).collect();
    let squares: f64 = deviations.iter().map(|deviation| deviation * deviation).sum();
    // All pairs at once: the variance of the sum has each covariance twice.
    let pairs = deviations.iter().sum::<f64>().powi(2) - squares;
    if pairs > 0.0 { (counts.of_all(level).variance - variances) / pairs } else { 0.0 }
}

/// How the queues go together.
pub(super) fn joint(statistics: &Statistics, resolution_ps: u64) -> Joint {
    let queues = statistics.all_queues();
    let Some(level) = scale(statistics, resolution_ps).filter(|_| queues.len() > 1) else {
        return Joint::Apart;
    };
    let scale = statistics.counts.of_queues(level, &queues);
    let error = 1.0 / (to_f64(scale.bins).sqrt() * signal(&scale));
    if let Some(group) = group_in_step(statistics, level, error) {
        return Joint::InStep(group);
    }
    let mean = correlation(statistics, level);
    let count = to_f64(queues.len() as u64);
    let pairs = count * (count - 1.0) / 2.0;
    if mean < APART.max(ERRORS * error / pairs.sqrt()) {
        Joint::Apart
    } else if mean >= IN_STEP {
        Joint::InStep(queues)
    } else {
        Joint::Partly(mean)
    }
}

/// The largest group of queues in step, if all others are apart from it and from each other.
fn group_in_step(statistics: &Statistics, level: usize, error: f64) -> Option<Vec<usize>> {
    let queues = statistics.all_queues();
    if queues.len() > PAIRED_QUEUES || error > (IN_STEP - 0.5) / 2.0 {
        return None;
    }
    let counts = &statistics.counts;
    let deviation =
        |queue: usize| counts.of_queues(level, &[queue]).rate_variance().max(0.0).sqrt();
    let deviations: Vec<f64> = queues.iter().map(|queue| deviation(*queue)).collect();
    let between = |a: usize, b: usize| {
        let product = deviations[a] * deviations[b];
        let covariance = counts.covariance(level, a, b).unwrap_or(0.0);
        if product > 0.0 { covariance / product } else { 0.0 }
    };
    let with = |queue: usize| -> Vec<usize> {
        let near =
            |other: &usize| *other == queue || between(queue, *other) > f64::midpoint(IN_STEP, 0.5);
        queues.iter().copied().filter(near).collect()
    };
    let group = queues.iter().map(|queue| with(*queue)).max_by_key(Vec::len)?;
    let (mut inside, mut outside) = ((0.0, 0.0), (0.0, 0.0));
    for a in &queues {
        for b in &queues[..*a] {
            let both = group.contains(a) && group.contains(b);
            let sum = if both { &mut inside } else { &mut outside };
            *sum = (sum.0 + between(*a, *b), sum.1 + 1.0);
        }
    }
    let mean = |(sum, count): (f64, f64)| if count > 0.0 { sum / count } else { 0.0 };
    let others_apart = mean(outside) < APART.max(ERRORS * error / outside.1.max(1.0).sqrt());
    (group.len() > 1 && mean(inside) >= IN_STEP && others_apart).then_some(group)
}

/// Whether the queues carry the same rate as far as can be told: a chi-square test of their packet
/// counts.
pub(super) fn are_alike(statistics: &Statistics) -> bool {
    let packets: Vec<f64> = statistics.packets.iter().map(|packets| to_f64(*packets)).collect();
    let count = to_f64(packets.len() as u64);
    if packets.len() < 2 {
        return true;
    }
    let mean = packets.iter().sum::<f64>() / count;
    let squares: f64 = packets.iter().map(|packets| (packets - mean).powi(2)).sum();
    let distance = squares / (mean * whole_dispersion(statistics));
    ChiSquared::new(count - 1.0).is_ok_and(|chi| chi.cdf(distance) < 1.0 - DIFFERENT)
}

/// The index of dispersion of counts in the whole duration: that of the widest bins, which goes on
/// rising from there as it has risen to there.
fn whole_dispersion(statistics: &Statistics) -> f64 {
    let queues = statistics.all_queues();
    let scales: Vec<Scale> = statistics
        .counts
        .scales(0)
        .map(|level| statistics.counts.of_queues(level, &queues))
        .collect();
    let [.., before, _, last] = scales[..] else { return 1.0 };
    let slope = (last.idc().max(1.0) / before.idc().max(1.0)).log2() / 2.0;
    let doublings = (to_f64(statistics.duration.as_ps()) / to_f64(last.width_ps)).log2();
    last.idc().max(1.0) * (slope.clamp(0.0, 1.0) * doublings).exp2()
}
