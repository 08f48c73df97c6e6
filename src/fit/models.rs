//! The sources that are tried, each made from statistics alone.

use super::bursts::{Bursts, Lengths};
use super::counts::Scale;
use super::mixture::{Interrupted, Mixture};
use super::moments::components;
use super::source::{Components, Periods, Source, Step};
use super::statistics::Statistics;
use crate::units::to_f64;

/// A way to make a source of statistics, simple ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    /// Poisson packets.
    Poisson,
    /// Equal gaps.
    Constant,
    /// Exponential on-off periods with Poisson packets: the likeliest by the gaps.
    Gaps,
    /// On-off with bursts as they were found, their packets even or at random.
    Bursts,
    /// Two rates, by counts.
    TwoRates,
    /// Four states with two time constants, by counts.
    FourStates,
}

impl Model {
    pub(super) const ALL: [Self; 6] =
        [Self::Poisson, Self::Constant, Self::Gaps, Self::Bursts, Self::TwoRates, Self::FourStates];

    /// What it is, for people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Poisson => "poisson",
            Self::Constant => "constant",
            Self::Gaps => "on-off by gaps",
            Self::Bursts => "on-off by bursts",
            Self::TwoRates => "on-off by counts",
            Self::FourStates => "mmpp by counts",
        }
    }

    /// The source for some queues that are alike; `None` if the model cannot be of them. Nothing
    /// is known of what takes less than `resolution_ps`.
    pub(super) fn source(
        self,
        statistics: &Statistics,
        queues: &[usize],
        resolution_ps: u64,
    ) -> Option<Source> {
        let rate = statistics.rate(queues);
        match self {
            Self::Poisson => Some(Source::Poisson { rate }),
            Self::Constant => {
                let variation = statistics.bursts_of(queues).gap_variation();
                (variation < CONSTANT_VARIATION).then_some(Source::Constant { rate })
            }
            Self::Gaps => by_gaps(&statistics.bursts_of(queues)),
            Self::Bursts => by_bursts(&statistics.bursts_of(queues), resolution_ps),
            Self::TwoRates => by_counts(statistics, queues, resolution_ps, 1),
            Self::FourStates => by_counts(statistics, queues, resolution_ps, 2),
        }
    }
}

/// Squared coefficient of variation below which gaps are equal.
const CONSTANT_VARIATION: f64 = 0.01;
/// Below which the gaps within bursts are even: halfway to exponential ones, cut off.
const EVEN_VARIATION: f64 = 0.3;
/// Bursts that a distribution of them takes, at least.
const BURSTS_MIN: u64 = 10;
/// Distance of the distribution from an exponential one that does not matter.
const EXPONENTIAL_DISTANCE: f64 = 0.05;

fn by_gaps(bursts: &Bursts) -> Option<Source> {
    let Interrupted { rate, on, off } = Mixture::of(&bursts.gaps())?.interrupted()?;
    Some(Source::OnOff {
        rate: rate * 1e12,
        rate_off: 0.0,
        on: Periods::Exponential(on),
        off: Periods::Exponential(off),
        is_even: false,
        step: Step::InPhase(0),
    })
}

fn by_bursts(bursts: &Bursts, resolution_ps: u64) -> Option<Source> {
    let border = Mixture::of(&bursts.gaps())?.border();
    let (found, variation) = bursts.found(border.max(2.0 * to_f64(resolution_ps)));
    let count = found.spans.count();
    if count < BURSTS_MIN || found.inner_gaps == 0 {
        return None;
    }
    let is_even = variation < EVEN_VARIATION;
    let inner = found.spans.sum / to_f64(found.inner_gaps);
    // A period is longer than from its first packet to its last. Of even packets it has one at
    // each gap from its beginning on, and half a gap to spare; of random ones, a gap on each side.
    let longer = if is_even { 1.5 * inner } else { 2.0 * inner };
    let on_sum = found.spans.sum + longer * to_f64(count);
    let packets = to_f64(found.inner_gaps + count);
    let rate = if is_even { 1.0 / inner } else { packets / on_sum };
    let shorter = longer.min(found.gaps.quantile(0.0) * 0.9);
    Some(Source::OnOff {
        rate: rate * 1e12,
        rate_off: 0.0,
        on: periods(&found.spans, longer),
        off: periods(&found.gaps, -shorter),
        is_even,
        step: Step::InPhase(0),
    })
}

/// Shares of an empirical distribution that are written down, closer in its tail.
const SHARES: [f64; 25] = [
    0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8,
    0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0,
];

/// Periods that are so much longer (or, below zero, shorter) than what was found.
fn periods(found: &Lengths, shift: f64) -> Periods {
    let mean = found.mean() + shift;
    if found.are_equal() {
        return Periods::Constant(mean);
    }
    if found.distance_from_exponential(shift) < EXPONENTIAL_DISTANCE {
        return Periods::Exponential(mean);
    }
    let point = |share: &f64| ((found.quantile(*share) + shift).max(1.0), *share);
    let points: Vec<(f64, f64)> = SHARES.iter().map(point).collect();
    // The mean is known exactly; that of the lines between the points is not quite the same.
    let scale = mean / Periods::Empirical(points.clone()).mean();
    Periods::Empirical(points.into_iter().map(|(x, share)| (x * scale, share)).collect())
}

fn by_counts(
    statistics: &Statistics,
    queues: &[usize],
    resolution_ps: u64,
    parts: usize,
) -> Option<Source> {
    let counts = &statistics.counts;
    let scales: Vec<Scale> =
        counts.scales(resolution_ps).map(|level| counts.of_queues(level, queues)).collect();
    let found = components(&scales, to_f64(queues.len() as u64), parts)?;
    let Components { base, share_on, parts } = &found;
    let [(rate, time)] = parts[..] else { return Some(Source::Mmpp(found, Step::InPhase(0))) };
    Some(Source::OnOff {
        rate: base + rate,
        rate_off: *base,
        on: Periods::Exponential(time / (1.0 - share_on)),
        off: Periods::Exponential(time / share_on),
        is_even: false,
        step: Step::InPhase(0),
    })
}
