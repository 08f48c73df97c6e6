//! How the rate of modulated traffic changes: periods and their lengths.
//!
//! Every process starts stationary: the state at time zero has its long-run probability, and the
//! period under way is length-biased.

use super::OnOffSpec;
use super::mmpp::MmppSpec;
use crate::model::distribution::{
    Distribution, InProgress, branch, exponential, normal, normal_cdf, unit,
};
use crate::random::Generator;
use crate::units::{PacketRate, SimDuration, round_to_u64, to_f64};

/// A period that begins.
#[derive(Debug, Clone)]
pub(super) struct Phase {
    pub(super) rate: PacketRate,
    pub(super) length: SimDuration,
    /// Whether it counts as a burst, independent of the bursts before.
    pub(super) is_burst: bool,
}

/// A process of periods.
#[derive(Debug, Clone)]
pub(super) enum Phases {
    OnOff(OnOff),
    Correlated(Correlated),
    Mmpp(Mmpp),
}

impl Phases {
    /// Rate and progress of the period under way at time zero; to be called once, first.
    pub(super) fn first(&mut self) -> (PacketRate, InProgress) {
        match self {
            Self::OnOff(process) => process.first(),
            Self::Correlated(process) => process.first(),
            Self::Mmpp(process) => process.first(),
        }
    }

    /// What is left of the period under way, drawn anew where that does not depend on how long it
    /// has lasted.
    pub(super) fn memoryless_residual(&mut self) -> Option<SimDuration> {
        match self {
            Self::OnOff(process) => process.memoryless_residual(),
            Self::Correlated(_) => None,
            Self::Mmpp(process) => Some(process.sojourn()),
        }
    }

    /// Goes on with a stream of its own, which queues in phase have copies of.
    pub(super) fn set_generator(&mut self, generator: Generator) {
        match self {
            Self::OnOff(process) => process.generator = generator,
            Self::Correlated(_) => unreachable!("correlated periods are not branched"),
            Self::Mmpp(process) => process.generator = generator,
        }
    }

    /// The period that follows.
    pub(super) fn next(&mut self) -> Phase {
        match self {
            Self::OnOff(process) => process.next(),
            Self::Correlated(process) => process.next(),
            Self::Mmpp(process) => process.next(),
        }
    }
}

/// ON and OFF in turn, lengths from any distributions.
#[derive(Debug, Clone)]
pub(super) struct OnOff {
    spec: OnOffSpec,
    is_on: bool,
    generator: Generator,
}

impl OnOff {
    /// Queues in phase get copies of one generator.
    pub(super) fn new(spec: &OnOffSpec, generator: Generator) -> Self {
        Self { spec: spec.clone(), is_on: false, generator }
    }

    fn first(&mut self) -> (PacketRate, InProgress) {
        self.is_on = unit(&mut self.generator) * (self.spec.on.mean() + self.spec.off.mean())
            < self.spec.on.mean();
        let (rate, lengths) = self.spec.state(self.is_on);
        (rate, lengths.sample_in_progress(&mut self.generator))
    }

    fn next(&mut self) -> Phase {
        self.is_on = !self.is_on;
        let (rate, lengths) = self.spec.state(self.is_on);
        let length = SimDuration::from_ps(lengths.sample(&mut self.generator));
        Phase { rate, length, is_burst: self.is_on }
    }

    fn memoryless_residual(&mut self) -> Option<SimDuration> {
        let (_, lengths) = self.spec.state(self.is_on);
        lengths.memoryless_residual(&mut self.generator).map(SimDuration::from_ps)
    }
}

impl OnOffSpec {
    /// Rate and lengths of the ON periods, or of the OFF periods.
    const fn state(&self, is_on: bool) -> (PacketRate, &Distribution) {
        if is_on { (self.rate, &self.on) } else { (self.rate_off, &self.off) }
    }
}

/// ON and OFF in turn, correlated with other queues; OFF periods are exponential.
///
/// An OFF period ends with the first of two triggers: a common one, the same for all queues, and
/// one of the queue's own. A share `correlation` of all triggers is common. The length of an ON
/// period comes from its distribution by a Gaussian copula: it is the quantile `N(sqrt(c) z +
/// sqrt(1 - c) e)`, with standard normal z of the trigger and e of the queue, N the normal
/// distribution function. As triggers have no memory, what one queue sees is the same on-off
/// process at any correlation; at 0 queues are independent, and towards 1 they fall into step.
/// The state at time zero comes from the same copula.
#[derive(Debug, Clone)]
pub(super) struct Correlated {
    spec: OnOffSpec,
    is_on: bool,
    /// The end of the last period, in whole picoseconds.
    now: f64,
    common: Trigger,
    /// What the last trigger says of the length of its ON period.
    z: f64,
    streams: CorrelatedStreams,
}

/// The generators of one queue among correlated ones.
#[derive(Debug, Clone)]
pub(super) struct CorrelatedStreams {
    /// The beginning, the same at all queues.
    pub(super) start: Generator,
    /// Common triggers, the same at all queues.
    pub(super) triggers: Generator,
    pub(super) own: Generator,
}

/// The next common trigger.
#[derive(Debug, Clone)]
struct Trigger {
    /// When it comes, in whole picoseconds.
    time: f64,
    z: f64,
}

impl Correlated {
    pub(super) fn new(spec: &OnOffSpec, streams: CorrelatedStreams) -> Self {
        let common = Trigger { time: 0.0, z: 0.0 };
        Self { spec: spec.clone(), is_on: false, now: 0.0, common, z: 0.0, streams }
    }

    fn first(&mut self) -> (PacketRate, InProgress) {
        let (on, off) = (self.spec.on.mean(), self.spec.off.mean());
        self.z = normal(&mut self.streams.start);
        self.is_on = self.copula() < on / (on + off);
        if !self.is_on {
            return (self.spec.rate_off, InProgress { age: 0, residual: self.until_trigger() });
        }
        let in_step = unit(&mut self.streams.own) < self.spec.correlation;
        let CorrelatedStreams { start, own, .. } = &mut self.streams;
        let under_way = self.spec.on.sample_in_progress(if in_step { start } else { own });
        self.now = to_f64(under_way.residual);
        (self.spec.rate, under_way)
    }

    fn next(&mut self) -> Phase {
        self.is_on = !self.is_on;
        let length = if self.is_on {
            let share = self.copula();
            let length = self.spec.on.quantile(share);
            self.now += to_f64(length);
            length
        } else {
            self.until_trigger()
        };
        let (rate, _) = self.spec.state(self.is_on);
        Phase { rate, length: SimDuration::from_ps(length), is_burst: self.is_on }
    }

    /// A number uniform in (0, 1) that depends on the common z and on the queue's own chance.
    fn copula(&mut self) -> f64 {
        let c = self.spec.correlation;
        let z = c.sqrt() * self.z + (1.0 - c).sqrt() * normal(&mut self.streams.own);
        normal_cdf(z).clamp(COPULA_MIN, 1.0 - COPULA_MIN)
    }

    /// Goes on to the end of the OFF period that begins now; returns its length.
    fn until_trigger(&mut self) -> u64 {
        let begin = self.now;
        let (mean, c) = (self.spec.off.mean(), self.spec.correlation);
        while self.common.time <= begin {
            let gap = mean / c * exponential(&mut self.streams.triggers);
            self.common.time = (self.common.time + gap).round();
            self.common.z = normal(&mut self.streams.triggers);
        }
        let own = (begin + mean / (1.0 - c) * exponential(&mut self.streams.own)).round();
        (self.now, self.z) = if self.common.time <= own {
            (self.common.time, self.common.z)
        } else {
            (own, normal(&mut self.streams.own))
        };
        round_to_u64(self.now - begin)
    }
}

/// Keeps quantiles of unbounded distributions finite.
const COPULA_MIN: f64 = 1e-15;

/// A Markov chain in continuous time, with a rate for each state.
#[derive(Debug, Clone)]
pub(super) struct Mmpp {
    spec: MmppSpec,
    state: usize,
    generator: Generator,
}

impl Mmpp {
    /// Queues in phase get copies of one generator.
    pub(super) fn new(spec: &MmppSpec, generator: Generator) -> Self {
        Self { spec: spec.clone(), state: 0, generator }
    }

    fn first(&mut self) -> (PacketRate, InProgress) {
        self.state = branch(&mut self.generator, self.spec.stationary());
        // What is left of an exponential time is exponential, however much has passed.
        let residual = self.sojourn().as_ps();
        (self.spec.rate(self.state), InProgress { age: 0, residual })
    }

    fn next(&mut self) -> Phase {
        self.state = branch(&mut self.generator, self.spec.next_states(self.state));
        let (rate, is_burst) = (self.spec.rate(self.state), self.spec.is_peak(self.state));
        Phase { rate, length: self.sojourn(), is_burst }
    }

    fn sojourn(&mut self) -> SimDuration {
        let mean = self.spec.mean_sojourn_ps(self.state);
        SimDuration::from_ps(round_to_u64(mean * exponential(&mut self.generator)))
    }
}

#[cfg(test)]
mod tests;
