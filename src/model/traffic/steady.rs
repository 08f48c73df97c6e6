//! Traffic without phases: Poisson and constant.

use super::{Arrival, Sizes};
use crate::id::QueueId;
use crate::model::distribution::{exponential, unit};
use crate::random::{Generator, branch_off};
use crate::units::{PacketRate, SimDuration, SimTime, round_to_u64};

/// Poisson arrivals at one queue.
#[derive(Debug, Clone)]
pub(super) struct PoissonSource {
    queue: QueueId,
    mean_gap_ps: f64,
    now: SimTime,
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
        Self { queue, mean_gap_ps: rate.mean_gap_ps(), now: SimTime::ZERO, generator, sizes }
    }

    pub(super) fn next(&mut self, end: SimTime) -> (Option<Arrival>, u64) {
        self.now += poisson_gap(self.mean_gap_ps, &mut self.generator);
        if self.now >= end {
            return (None, 0);
        }
        (Some(Arrival { time: self.now, queue: self.queue, len: self.sizes.draw() }), 0)
    }

    /// Sends the packets before `limit` that follow the last one: as [`next`](Self::next) would,
    /// but in one go.
    pub(super) fn send_run(&mut self, limit: SimTime, send: &mut impl FnMut(Arrival)) {
        let mut generator = self.generator.clone();
        loop {
            let before = generator.clone();
            let time = self.now + poisson_gap(self.mean_gap_ps, &mut generator);
            if time >= limit {
                // Drawn again by `next`.
                self.generator = before;
                return;
            }
            self.now = time;
            send(Arrival { time, queue: self.queue, len: self.sizes.draw() });
        }
    }

    /// Goes on with streams of its own.
    pub(super) fn branch_off(&mut self, chance: &mut Generator) {
        self.generator = branch_off(chance);
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
