//! Traffic without phases: Poisson and constant.

use super::gaps::Gaps;
use super::{Arrival, Sizes};
use crate::id::QueueId;
use crate::model::distribution::{exponential, unit};
use crate::random::Generator;
use crate::units::{PacketRate, SimDuration, SimTime, round_to_u64};

/// Poisson arrivals at one queue.
#[derive(Debug, Clone)]
pub(super) struct PoissonSource {
    queue: QueueId,
    gaps: Gaps,
    now: SimTime,
    /// The packet after it, where that is drawn already.
    ahead: Option<SimTime>,
    sizes: Sizes,
}

impl PoissonSource {
    pub(super) fn new(
        queue: QueueId,
        rate: PacketRate,
        generator: Generator,
        sizes: Sizes,
    ) -> Self {
        let gaps = Gaps::new(rate.mean_gap_ps(), generator);
        Self { queue, gaps, now: SimTime::ZERO, ahead: None, sizes }
    }

    pub(super) fn next(&mut self, end: SimTime) -> (Option<Arrival>, u64) {
        self.now = self.ahead.take().unwrap_or_else(|| self.now + self.gaps.draw());
        if self.now >= end {
            return (None, 0);
        }
        (Some(Arrival { time: self.now, queue: self.queue, len: self.sizes.draw() }), 0)
    }

    /// Appends the times of packets before `limit` that follow the last one, where their lengths
    /// are all the same.
    pub(super) fn run(&mut self, limit: SimTime, times: &mut Vec<u64>) {
        if !self.sizes.are_constant() || self.ahead.is_some() {
            return;
        }
        let (now, ahead) = self.gaps.run(self.now, limit, times);
        (self.now, self.ahead) = (now, Some(ahead));
    }

    /// Goes on with streams of its own.
    pub(super) fn branch_off(&mut self, chance: &mut Generator) {
        self.gaps.branch_off(chance);
        self.sizes.branch_off(chance);
    }
}

/// An exponential gap, rounded to the nearest picosecond.
#[inline]
pub(super) fn poisson_gap(mean_gap_ps: f64, generator: &mut Generator) -> SimDuration {
    SimDuration::from_ps(round_to_u64(mean_gap_ps * exponential(generator)))
}

/// Packet k at `floor(phase + k / rate)`, the phase uniform over one gap.
#[derive(Debug, Clone)]
pub(super) struct ConstantSource {
    queue: QueueId,
    rate: PacketRate,
    phase: SimDuration,
    count: u64,
    sizes: Sizes,
}

impl ConstantSource {
    pub(super) fn new(
        queue: QueueId,
        rate: PacketRate,
        mut generator: Generator,
        sizes: Sizes,
    ) -> Self {
        let phase = round_to_u64((unit(&mut generator) * rate.mean_gap_ps()).floor());
        Self { queue, rate, phase: SimDuration::from_ps(phase), count: 0, sizes }
    }

    /// Goes on with streams of its own.
    pub(super) fn branch_off(&mut self, chance: &mut Generator) {
        self.sizes.branch_off(chance);
    }

    pub(super) fn next(&mut self, end: SimTime) -> (Option<Arrival>, u64) {
        let Some(offset) = self.rate.time_of_floor(self.count) else { return (None, 0) };
        let time = SimTime::ZERO + self.phase + offset;
        if time >= end {
            return (None, 0);
        }
        let first = u64::from(self.count == 0);
        self.count += 1;
        (Some(Arrival { time, queue: self.queue, len: self.sizes.draw() }), first)
    }
}
