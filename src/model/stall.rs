//! Stalls: times in which a core does nothing.
//!
//! A stall covers `[start, start + duration)`; begun late, it still ends on time, and overlapping
//! stalls merge. Random stalls start as a stationary renewal process: `every` runs from start to
//! start. What a stall means for work in progress is the host's business; here is only *when*.

use std::sync::Arc;

use crate::model::distribution::Distribution;
use crate::random::{Generator, Streams, branch_off};
use crate::stats::Overlap;
use crate::units::{SimDuration, SimTime, round_to_u64, to_f64};

/// One `[[host.stall]]` table.
#[derive(Debug, Clone, PartialEq)]
pub struct StallSpec {
    /// Which cores stall together.
    pub scope: Scope,
    /// When and for how long.
    pub pattern: StallPattern,
}

/// Which cores a stall stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every core has stalls of its own.
    Core,
    /// A stall stops every core.
    Host,
}

/// When stalls come and how long they last.
#[derive(Debug, Clone, PartialEq)]
pub enum StallPattern {
    /// A renewal process.
    Random {
        /// Time from start to start, in picoseconds.
        every: Distribution,
        /// Length, in picoseconds.
        lasts: Distribution,
    },
    /// Recorded stalls, sorted by start.
    Recorded(Arc<[RecordedStall]>),
}

/// A stall of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedStall {
    /// When it starts.
    pub start: SimTime,
    /// How long it lasts.
    pub duration: SimDuration,
}

impl StallSpec {
    /// Share of the time that random stalls are expected to cover; 0 for recorded ones.
    #[must_use]
    pub fn expected_share(&self) -> f64 {
        match &self.pattern {
            // Independent starts overlap: the busy share of an M/G/infinity queue.
            StallPattern::Random { every: Distribution::Exponential { mean }, lasts } => {
                1.0 - (-lasts.mean() / mean).exp()
            }
            StallPattern::Random { every, lasts } => (lasts.mean() / every.mean()).min(1.0),
            StallPattern::Recorded(_) => 0.0,
        }
    }

    /// The length that a share `quantile` of the stalls does not exceed; `None` where there are
    /// none.
    #[must_use]
    pub fn lasts(&self, quantile: f64) -> Option<SimDuration> {
        match &self.pattern {
            StallPattern::Random { lasts, .. } => {
                Some(SimDuration::from_ps(lasts.quantile(quantile)))
            }
            StallPattern::Recorded(stalls) => {
                let mut lengths: Vec<SimDuration> =
                    stalls.iter().map(|stall| stall.duration).collect();
                lengths.sort();
                let place = round_to_u64(quantile * to_f64(lengths.len() as u64));
                let place = usize::try_from(place).ok()?.min(lengths.len().checked_sub(1)?);
                Some(lengths[place])
            }
        }
    }

    /// Whether its lengths are bounded: see [`Distribution::is_bounded`].
    #[must_use]
    pub const fn is_bounded(&self) -> bool {
        match &self.pattern {
            StallPattern::Random { lasts, .. } => lasts.is_bounded(),
            StallPattern::Recorded(_) => true,
        }
    }

    /// Whether its times are drawn.
    #[must_use]
    pub const fn is_random(&self) -> bool {
        matches!(self.pattern, StallPattern::Random { .. })
    }
}

/// The stalls of one core, asked about in order of time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stalls {
    processes: Vec<StallProcess>,
    /// Nothing after this instant is looked at.
    end: SimTime,
}

#[derive(Debug, Clone)]
struct StallProcess {
    scope: Scope,
    pattern: StallPattern,
    /// Stalls begun so far reach to here.
    covered: SimTime,
    next_start: SimTime,
    position: usize,
    generator: Generator,
}

impl Stalls {
    /// The stalls of core number `core`, as far as they begin before `end`.
    pub(crate) fn new(specs: &[StallSpec], core: usize, streams: Streams, end: SimTime) -> Self {
        let processes = specs
            .iter()
            .enumerate()
            .map(|(table, spec)| {
                let name = match spec.scope {
                    Scope::Core => format!("stall {table} core {core}"),
                    Scope::Host => format!("stall {table}"),
                };
                StallProcess::new(spec, streams.stream(&name))
            })
            .collect();
        Self { processes, end }
    }

    /// Goes on with streams of its own, but for stalls of the whole host, of which every core has a
    /// copy that is to stay the same.
    pub(crate) fn branch_off(&mut self, chance: &mut Generator) {
        for process in self.processes.iter_mut().filter(|process| process.scope == Scope::Core) {
            process.generator = branch_off(chance);
        }
    }

    /// Whether no stall ever comes.
    pub(crate) fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// The first instant at or after `time` at which the core is not stalled.
    ///
    /// `time` must not go backward from call to call.
    pub(crate) fn free_from(&mut self, time: SimTime) -> SimTime {
        let (mut free, end) = (time, self.end);
        loop {
            let covered = self
                .processes
                .iter_mut()
                .map(|process| process.covered_until(free.min(end)))
                .fold(free, SimTime::max);
            if covered == free || covered > end {
                return covered;
            }
            free = covered;
        }
    }

    /// The start of the first stall after the last instant asked about.
    pub(crate) fn next_start(&self) -> SimTime {
        self.processes.iter().map(|process| process.next_start).min().unwrap_or(SimTime::MAX)
    }

    /// Picoseconds of `[start, end)` in which the core is stalled; consumes the schedule.
    pub(crate) fn stalled_ps(mut self, start: SimTime, end: SimTime) -> u128 {
        let mut stalled = Overlap::new(start, end);
        let mut time = SimTime::ZERO;
        while time < end {
            let free = self.free_from(time);
            stalled.add(time, free);
            time = self.next_start().max(free);
        }
        stalled.sum_ps()
    }
}

impl StallProcess {
    fn new(spec: &StallSpec, mut generator: Generator) -> Self {
        let (covered, next_start) = match &spec.pattern {
            StallPattern::Random { every, lasts } => {
                // The last stall before time zero may reach beyond it.
                let gap = every.sample_in_progress(&mut generator);
                let left = lasts.sample(&mut generator).saturating_sub(gap.age);
                (SimTime::from_ps(left), SimTime::from_ps(gap.residual))
            }
            StallPattern::Recorded(stalls) => {
                (SimTime::ZERO, stalls.first().map_or(SimTime::MAX, |stall| stall.start))
            }
        };
        let (scope, pattern) = (spec.scope, spec.pattern.clone());
        Self { scope, pattern, covered, next_start, position: 0, generator }
    }

    /// The end of the stalls begun at or before `time`.
    fn covered_until(&mut self, time: SimTime) -> SimTime {
        while self.next_start <= time && self.next_start != SimTime::MAX {
            let start = self.next_start;
            let duration = match &self.pattern {
                StallPattern::Random { every, lasts } => {
                    let duration = lasts.sample(&mut self.generator);
                    let gap = SimDuration::from_ps(every.sample(&mut self.generator));
                    self.next_start = start + gap;
                    SimDuration::from_ps(duration)
                }
                StallPattern::Recorded(stalls) => {
                    let duration = stalls[self.position].duration;
                    self.position += 1;
                    self.next_start =
                        stalls.get(self.position).map_or(SimTime::MAX, |stall| stall.start);
                    duration
                }
            };
            self.covered = self.covered.max(start + duration);
        }
        self.covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(spans: &[(u64, u64)]) -> Stalls {
        let stalls: Vec<RecordedStall> = spans
            .iter()
            .map(|(start, duration)| RecordedStall {
                start: SimTime::from_ps(*start),
                duration: SimDuration::from_ps(*duration),
            })
            .collect();
        let pattern = StallPattern::Recorded(stalls.into());
        Stalls::new(
            &[StallSpec { scope: Scope::Host, pattern }],
            0,
            Streams::new(1, 0),
            SimTime::MAX,
        )
    }

    #[test]
    fn a_stall_covers_its_start_but_not_its_end() {
        let free = |time| recorded(&[(10, 5)]).free_from(SimTime::from_ps(time)).as_ps();
        assert_eq!([9, 10, 14, 15].map(free), [9, 15, 15, 15]);
    }

    #[test]
    fn overlapping_and_touching_stalls_merge() {
        let mut stalls = recorded(&[(10, 5), (12, 10), (22, 3), (40, 1)]);
        assert_eq!(stalls.free_from(SimTime::from_ps(11)).as_ps(), 25);
        assert_eq!(stalls.next_start().as_ps(), 40);
        let stalls = recorded(&[(10, 5), (12, 10), (22, 3), (40, 1)]);
        assert_eq!(stalls.stalled_ps(SimTime::from_ps(12), SimTime::from_ps(100)), 14);
    }

    #[test]
    fn the_stalled_share_of_a_renewal_process_is_its_mean_length_over_its_mean_gap() {
        let spec = StallSpec {
            scope: Scope::Core,
            pattern: StallPattern::Random {
                every: Distribution::Uniform { min: 900, max: 1100 },
                lasts: Distribution::Constant(100),
            },
        };
        let end = 10_000_000;
        let stalled = Stalls::new(&[spec], 3, Streams::new(1, 0), SimTime::MAX)
            .stalled_ps(SimTime::ZERO, SimTime::from_ps(end));
        // 10,000 gaps of standard deviation 58: the share's standard error is 6e-5
        let stalled = u64::try_from(stalled).unwrap();
        let share = to_f64(stalled) / to_f64(end);
        assert!((share - 0.1).abs() < 5.0 * 6e-5, "{share}");
    }
}
