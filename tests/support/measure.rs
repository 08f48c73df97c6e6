//! Simulated cases and their comparison with exact values.

use std::ops::Range;

use rxplan::model::outcome::Outcome;
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::model::traffic::Window;
use rxplan::random::Streams;
use rxplan::units::{SimTime, to_f64};

use super::systems::{UNIT, span};

/// Independent replications of every case.
pub(crate) const REPLICATIONS: u32 = 50;

/// How many standard errors an estimate may be off.
///
/// The error is estimated from 50 replications, so a correct simulator fails one comparison with
/// the probability that Student's t with 49 degrees of freedom is beyond 4: 2.1e-4. Over the whole
/// table, of some 150 comparisons, that is a false alarm in less than 4 of 100 choices of seeds (a
/// test computes it). The seeds are fixed, so that each comparison comes out the same every time.
pub(crate) const STANDARD_ERRORS: f64 = 4.0;

/// Time a replication runs before it is measured, in units: many relaxation times of all systems.
const WARMUP: f64 = 2_000.0;

/// What is compared.
#[derive(Debug, Clone)]
pub(crate) enum Quantity {
    /// Dropped packets over offered ones, of these queues.
    Loss(Range<usize>),
    /// Offered packets of a queue.
    Offered,
    /// Time average of the reserve buffers in use.
    ReserveInUse,
    /// Share of the time in which no reserve buffer is free.
    Exhausted,
    /// Busy time of the server or core.
    Utilization,
    /// Share of core time covered by stalls.
    Stalled,
    /// Mean time from arrival to delivery, in units.
    Sojourn,
    /// A quantile of that time, in units.
    SojournQuantile(f64),
}

/// A system with exact values of what it is measured for.
#[derive(Debug)]
pub(crate) struct Case {
    name: String,
    system: SystemSpec,
    pub(crate) expected: Vec<(Quantity, f64)>,
}

impl Case {
    /// `system` with so many millions of packets, all replications together.
    pub(crate) fn new(name: impl Into<String>, mut system: SystemSpec, millions: f64) -> Self {
        let per_second: f64 = system
            .traffic
            .iter()
            .map(|traffic| traffic.rate_per_queue() * traffic.queues.len() as f64)
            .sum();
        let length = millions * 1e18 / UNIT / per_second / f64::from(REPLICATIONS);
        system.window = window(WARMUP, WARMUP + length);
        Self { name: name.into(), system, expected: Vec::new() }
    }

    /// `system` from time zero on, for so many units.
    pub(crate) fn from_zero(name: impl Into<String>, mut system: SystemSpec, length: f64) -> Self {
        system.window = window(0.0, length);
        Self { name: name.into(), system, expected: Vec::new() }
    }

    /// The loss of all queues is to be `exact`.
    pub(crate) fn loss(self, exact: f64) -> Self {
        let all = 0..self.system.buffers.rx.len();
        self.with(Quantity::Loss(all), exact)
    }

    /// `quantity` is to be `exact`.
    pub(crate) fn with(mut self, quantity: Quantity, exact: f64) -> Self {
        self.expected.push((quantity, exact));
        self
    }

    /// Disagreements, and measurements too coarse to find any, in words.
    fn faults(&self) -> Vec<String> {
        let outcomes: Vec<Outcome> = (0..REPLICATIONS)
            .map(|replication| run(&self.system, Streams::new(seed(&self.name), replication)))
            .collect();
        let compare = |(quantity, exact): &(Quantity, f64)| {
            let samples: Vec<_> = outcomes.iter().map(|outcome| quantity.sample(outcome)).collect();
            let Ratio { value, error } = Ratio::of(&samples);
            let off = (value - exact).abs();
            let told =
                format!("{} {quantity:?}: {value:.6e} +- {error:.1e}, not {exact:.6e}", self.name);
            let deviation = off / error;
            if off > STANDARD_ERRORS * error + quantity.resolution() * exact {
                Some(format!("{told}: off by {deviation:.1} standard errors"))
            } else if error > quantity.coarsest(*exact) * exact {
                Some(format!("{told}: too coarse to tell"))
            } else {
                None
            }
        };
        self.expected.iter().filter_map(compare).collect()
    }
}

impl Quantity {
    /// Numerator and denominator as one replication has measured them.
    fn sample(&self, outcome: &Outcome) -> (f64, f64) {
        let units = |us: f64| us * 1e6 / UNIT;
        match self {
            Self::Loss(queues) => {
                let packets = || outcome.queues[queues.clone()].iter().map(|queue| queue.packets);
                let dropped: u64 = packets().map(|packets| packets.dropped).sum();
                let offered: u64 = packets().map(|packets| packets.offered).sum();
                (to_f64(dropped), to_f64(offered))
            }
            Self::Offered => {
                let offered: u64 = outcome.queues.iter().map(|queue| queue.packets.offered).sum();
                (to_f64(offered), outcome.queues.len() as f64)
            }
            Self::ReserveInUse => (outcome.reserve_in_use.mean, 1.0),
            Self::Exhausted => (outcome.exhausted_fraction, 1.0),
            Self::Utilization => (outcome.utilization, 1.0),
            Self::Stalled => (outcome.stalled_fraction, 1.0),
            Self::Sojourn => {
                let count = to_f64(outcome.sojourn.count());
                (units(outcome.sojourn.mean_us()) * count, count)
            }
            Self::SojournQuantile(q) => (units(outcome.sojourn.quantile_us(*q)), 1.0),
        }
    }

    /// Relative precision at which the simulator itself states the quantity.
    fn resolution(&self) -> f64 {
        match self {
            Self::SojournQuantile(_) => 1e-3,
            _ => 0.0,
        }
    }

    /// The greatest relative standard error with which a comparison still means something.
    fn coarsest(&self, exact: f64) -> f64 {
        match self {
            Self::Loss(_) if exact < 1e-3 => 0.05,
            Self::Loss(_) | Self::Offered | Self::Stalled => 0.02,
            _ => 0.005,
        }
    }
}

/// An estimated ratio with its standard error.
#[derive(Debug, Clone, Copy)]
struct Ratio {
    value: f64,
    error: f64,
}

impl Ratio {
    /// The classical ratio estimator over independent `(part, whole)` pairs.
    fn of(samples: &[(f64, f64)]) -> Self {
        let n = samples.len() as f64;
        let part: f64 = samples.iter().map(|sample| sample.0).sum();
        let whole: f64 = samples.iter().map(|sample| sample.1).sum();
        let value = part / whole;
        let squares: f64 = samples.iter().map(|(part, whole)| (part - value * whole).powi(2)).sum();
        Self { value, error: (squares * n / (n - 1.0)).sqrt() / whole }
    }
}

/// Fails unless every case agrees with its exact values.
#[track_caller]
pub(crate) fn assert_agreement(cases: &[Case]) {
    let faults: Vec<String> = cases.iter().flat_map(Case::faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The measured part of a run, in units.
pub(crate) fn window(start: f64, end: f64) -> Window {
    let at = |time| SimTime::ZERO + span(time);
    Window { start: at(start), end: Some(at(end)) }
}

/// One replication.
pub(crate) fn run(system: &SystemSpec, streams: Streams) -> Outcome {
    system.run(streams, &Progress::default(), Observers::default()).expect("nobody stops it")
}

/// FNV-1a of a case's name: its random numbers depend on no other case.
fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
