//! How the rate of modulated traffic changes: periods and their lengths.
//!
//! Every process starts stationary: the state at time zero has its long-run probability, and the
//! period under way is length-biased.

use super::OnOffSpec;
use super::mmpp::MmppSpec;
use crate::model::distribution::{Distribution, InProgress, branch, exponential, unit};
use crate::random::Generator;
use crate::units::{PacketRate, SimDuration, round_to_u64};

/// A period that begins.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) rate: PacketRate,
    pub(super) length: SimDuration,
    /// Whether it counts as a burst, independent of the bursts before.
    pub(super) is_burst: bool,
}

/// A process of periods.
#[derive(Debug)]
pub(super) enum Phases {
    OnOff(OnOff),
    Mmpp(Mmpp),
}

impl Phases {
    /// Rate and progress of the period under way at time zero; to be called once, first.
    pub(super) fn first(&mut self) -> (PacketRate, InProgress) {
        match self {
            Self::OnOff(process) => process.first(),
            Self::Mmpp(process) => process.first(),
        }
    }

    /// The period that follows.
    pub(super) fn next(&mut self) -> Phase {
        match self {
            Self::OnOff(process) => process.next(),
            Self::Mmpp(process) => process.next(),
        }
    }
}

/// ON and OFF in turn, lengths from any distributions.
#[derive(Debug)]
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
}

impl OnOffSpec {
    /// Rate and lengths of the ON periods, or of the OFF periods.
    const fn state(&self, is_on: bool) -> (PacketRate, &Distribution) {
        if is_on { (self.rate, &self.on) } else { (self.rate_off, &self.off) }
    }
}

/// A Markov chain in continuous time, with a rate for each state.
#[derive(Debug)]
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
