//! Traffic without phases: Poisson and constant.

use super::{Arrival, Sizes};
use crate::id::QueueId;
use crate::model::distribution::{exponential, unit};
use crate::random::Generator;
use crate::units::{PacketRate, SimDuration, SimTime, round_to_u64};

/// Poisson arrivals at one queue.
#[derive(Debug)]
pub(super) struct PoissonSource {
    queue: QueueId,
    mean_gap_ps: f64,
    now: SimTime,
    /// The packet after it, where that is drawn already.
    ahead: Option<SimTime>,
    generator: Generator,
    sizes: Sizes,
}

impl PoissonSource {
    pub(super) fn new(
        queue: QueueId,
        rate: PacketRate,
        generator: Generator,
        sizes: Sizes,
    ) -> Self {
        let (mean_gap_ps, now) = (rate.mean_gap_ps(), SimTime::ZERO);
        Self { queue, mean_gap_ps, now, ahead: None, generator, sizes }
    }

    pub(super) fn next(&mut self, end: SimTime) -> (Option<Arrival>, u64) {
        let gap = |generator: &mut Generator| poisson_gap(self.mean_gap_ps, generator);
        self.now = self.ahead.take().unwrap_or_else(|| self.now + gap(&mut self.generator));
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
        let (now, ahead) =
            poisson_run(self.mean_gap_ps, self.now, limit, &mut self.generator, times);
        (self.now, self.ahead) = (now, Some(ahead));
    }
}

/// An exponential gap, rounded to the nearest picosecond.
#[inline]
pub(super) fn poisson_gap(mean_gap_ps: f64, generator: &mut Generator) -> SimDuration {
    SimDuration::from_ps(round_to_u64(mean_gap_ps * exponential(generator)))
}

/// Appends the times of packets that come before `limit` at exponential gaps; returns the last one
/// (`now` if there is none) and the next.
pub(super) fn poisson_run(
    mean_gap_ps: f64,
    now: SimTime,
    limit: SimTime,
    generator: &mut Generator,
    times: &mut Vec<u64>,
) -> (SimTime, SimTime) {
    // A generator of its own stays in registers.
    let (mut own, mut now) = (generator.clone(), now);
    loop {
        let next = now + poisson_gap(mean_gap_ps, &mut own);
        if next >= limit {
            *generator = own;
            return (now, next);
        }
        times.push(next.as_ps());
        now = next;
    }
}

/// Packet k at `floor(phase + k / rate)`, the phase uniform over one gap.
#[derive(Debug)]
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
