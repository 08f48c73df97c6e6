//! Traffic whose rate changes from period to period: on-off and Markov-modulated.
//!
//! [`Phases`] says how long periods last and which rate each has; here lie
//! the packets within them. With constant spacing packet k of a period comes `floor(k / rate)`
//! after its beginning, k = 1, 2 ...; a packet at the very end of its period still belongs to it,
//! so that a period carries `floor(length x rate)` packets.

use std::collections::VecDeque;

use super::gaps::Gaps;
use super::phases::{Phase, Phases};
use super::{Arrival, Sizes, Spacing};
use crate::id::QueueId;
use crate::random::Generator;
use crate::units::{PacketRate, SimDuration, SimTime};

/// Arrivals at one queue in periods of different rates.
#[derive(Debug, Clone)]
pub(super) struct ModulatedSource {
    queue: QueueId,
    spacing: Spacing,
    period: Period,
    /// The last packet, or the beginning of the period.
    now: SimTime,
    /// The packet after it, where that is drawn already.
    ahead: Option<SimTime>,
    /// Number of the period's next packet, for constant spacing.
    count: u64,
    /// Between packets, for Poisson spacing.
    gaps: Gaps,
    phases: Phases,
    /// Periods that have been drawn before their time.
    planned: VecDeque<Phase>,
    /// Periods drawn after the first.
    drawn: u64,
    sizes: Sizes,
}

/// The period under way.
#[derive(Debug, Clone)]
struct Period {
    rate: PacketRate,
    /// When it began; the first one began `age` before time zero.
    begin: SimTime,
    age: SimDuration,
    end: SimTime,
}

impl ModulatedSource {
    /// `phases` gives the periods, `arrivals` drives the packets within them.
    pub(super) fn new(
        queue: QueueId,
        spacing: Spacing,
        mut phases: Phases,
        arrivals: Generator,
        sizes: Sizes,
    ) -> Self {
        let (rate, under_way) = phases.first();
        let period = Period {
            rate,
            begin: SimTime::ZERO,
            age: SimDuration::from_ps(under_way.age),
            end: SimTime::from_ps(under_way.residual),
        };
        let mut source = Self {
            queue,
            spacing,
            period,
            now: SimTime::ZERO,
            ahead: None,
            count: 0,
            gaps: Gaps::new(0.0, arrivals),
            phases,
            planned: VecDeque::new(),
            drawn: 0,
            sizes,
        };
        source.enter_period();
        source
    }

    /// The next packet before `end`, and the bursts begun in the window on the way to it.
    pub(super) fn next(&mut self, start: SimTime, end: SimTime) -> (Option<Arrival>, u64) {
        let mut bursts = 0;
        loop {
            if let Some(time) = self.next_in_period() {
                if time >= end {
                    return (None, bursts);
                }
                self.now = time;
                return (Some(Arrival { time, queue: self.queue, len: self.sizes.draw() }), bursts);
            }
            if self.period.end >= end {
                return (None, bursts);
            }
            let is_burst = self.begin_period();
            bursts += u64::from(is_burst && self.period.begin >= start);
        }
    }

    /// Appends the times of packets before `limit` that follow the last one in its period, where
    /// their gaps are exponential and their lengths all the same.
    pub(super) fn run(&mut self, limit: SimTime, times: &mut Vec<u64>) {
        if self.spacing != Spacing::Poisson
            || self.period.rate.is_zero()
            || !self.sizes.are_constant()
            || self.ahead.is_some()
        {
            return;
        }
        let last = SimTime::from_ps(self.period.end.as_ps().saturating_add(1));
        let (now, ahead) = self.gaps.run(self.now, limit.min(last), times);
        (self.now, self.ahead) = (now, Some(ahead));
    }

    fn next_in_period(&mut self) -> Option<SimTime> {
        let rate = self.period.rate;
        if rate.is_zero() {
            return None;
        }
        let time = match self.spacing {
            // Exponential gaps have no memory: starting afresh in each period is exact.
            Spacing::Poisson => self.ahead.take().unwrap_or_else(|| self.now + self.gaps.draw()),
            Spacing::Constant => {
                let offset = rate.time_of_floor(self.count)?;
                self.count += 1;
                let offset = offset.as_ps().saturating_sub(self.period.age.as_ps());
                self.period.begin + SimDuration::from_ps(offset)
            }
        };
        (time <= self.period.end).then_some(time)
    }

    /// Goes on to the next period; whether that is a burst.
    fn begin_period(&mut self) -> bool {
        let begin = self.period.end;
        let Phase { rate, length, is_burst } =
            self.planned.pop_front().unwrap_or_else(|| self.draw_period());
        self.period = Period { rate, begin, age: SimDuration::ZERO, end: begin + length };
        self.now = begin;
        self.enter_period();
        is_burst
    }

    fn draw_period(&mut self) -> Phase {
        self.drawn += 1;
        self.phases.next()
    }

    /// Periods drawn after the first.
    pub(super) const fn drawn(&self) -> u64 {
        self.drawn
    }

    /// Draws periods until there have been `drawn` after the first.
    pub(super) fn draw_ahead(&mut self, drawn: u64) {
        while self.drawn < drawn {
            let phase = self.draw_period();
            self.planned.push_back(phase);
        }
    }

    /// The last packet told of, where it lies in the last period drawn.
    pub(super) fn told_of_last_period(&self) -> Option<SimTime> {
        self.planned.is_empty().then_some(self.now)
    }

    /// What may be left of the last period drawn: see [`Phases::memoryless_residual`].
    pub(super) fn memoryless_residual(&mut self) -> Option<SimDuration> {
        self.phases.memoryless_residual()
    }

    /// Lets the last period drawn end at `end`.
    pub(super) fn end_last_period(&mut self, end: SimTime) {
        let Some(last) = self.planned.pop_back() else {
            self.period.end = end;
            return;
        };
        let begin = self.planned.iter().fold(self.period.end, |begin, phase| begin + phase.length);
        self.planned.push_back(Phase { length: end.saturating_since(begin), ..last });
    }

    /// Goes on with streams of its own; that of its phases is `phases`.
    pub(super) fn branch_off(&mut self, phases: Generator, chance: &mut Generator) {
        self.phases.set_generator(phases);
        self.gaps.branch_off(chance);
        self.sizes.branch_off(chance);
    }

    /// Prepares for the packets of the period under way.
    fn enter_period(&mut self) {
        let rate = self.period.rate;
        match self.spacing {
            Spacing::Poisson if rate.is_zero() => {}
            Spacing::Poisson => self.gaps.set_mean(rate.mean_gap_ps()),
            // The first packet at or after time zero.
            Spacing::Constant => self.count = rate.count_reaching(self.period.age).max(1),
        }
    }
}
