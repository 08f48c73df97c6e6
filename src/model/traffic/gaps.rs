//! Exponential gaps between packets, drawn in blocks.

use crate::model::distribution::exponential;
use crate::random::{Generator, branch_off};
use crate::units::{SimDuration, SimTime, round_to_u64};

/// Gaps drawn together.
const BLOCK: usize = 32;

/// Independent exponential gaps of one stream, rounded to the nearest picosecond.
///
/// They are those that single draws from the generator give.
#[derive(Debug, Clone)]
pub(super) struct Gaps {
    mean_ps: f64,
    generator: Generator,
    /// Standard exponentials.
    units: [f64; BLOCK],
    /// The same as gaps in picoseconds.
    gaps: [u64; BLOCK],
    /// The next to give out.
    next: usize,
}

impl Gaps {
    /// Gaps of this mean, infinite until one is [set](Self::set_mean) where it is zero.
    pub(super) const fn new(mean_ps: f64, generator: Generator) -> Self {
        Self { mean_ps, generator, units: [0.0; BLOCK], gaps: [0; BLOCK], next: BLOCK }
    }

    /// Changes the mean of the gaps that follow.
    pub(super) fn set_mean(&mut self, mean_ps: f64) {
        if mean_ps.to_bits() != self.mean_ps.to_bits() {
            self.mean_ps = mean_ps;
            self.scale();
        }
    }

    /// The next gap.
    #[inline]
    pub(super) fn draw(&mut self) -> SimDuration {
        if self.next == BLOCK {
            self.fill();
        }
        self.next += 1;
        SimDuration::from_ps(self.gaps[self.next - 1])
    }

    /// Appends the times of packets that come before `limit`, the first one a gap after `now`.
    /// Returns the last one, `now` if there is none, and the next.
    pub(super) fn run(
        &mut self,
        now: SimTime,
        limit: SimTime,
        times: &mut Vec<u64>,
    ) -> (SimTime, SimTime) {
        let (mut now, limit) = (now.as_ps(), limit.as_ps());
        loop {
            if self.next == BLOCK {
                self.fill();
            }
            let (begin, mut time) = (times.len(), now);
            let gaps = &self.gaps[self.next..];
            times.extend(gaps.iter().map(|gap| {
                time = time.saturating_add(*gap);
                time
            }));
            let block = &times[begin..];
            let before = if time < limit {
                block.len()
            } else {
                block.iter().position(|time| *time >= limit).unwrap_or(0)
            };
            now = if before > 0 { block[before - 1] } else { now };
            let next = block.get(before).copied();
            times.truncate(begin + before);
            if let Some(next) = next {
                self.next += before + 1;
                return (SimTime::from_ps(now), SimTime::from_ps(next));
            }
            self.next = BLOCK;
        }
    }

    /// Goes on with a stream of its own.
    pub(super) fn branch_off(&mut self, chance: &mut Generator) {
        self.generator = branch_off(chance);
        self.next = BLOCK;
    }

    fn fill(&mut self) {
        // A generator of its own stays in registers.
        let mut generator = self.generator.clone();
        for unit in &mut self.units {
            *unit = exponential(&mut generator);
        }
        self.generator = generator;
        self.scale();
        self.next = 0;
    }

    /// Makes gaps of the standard exponentials.
    fn scale(&mut self) {
        let (mean, mut long) = (self.mean_ps, 0);
        for (gap, unit) in self.gaps.iter_mut().zip(&self.units) {
            let value = mean * unit;
            long += u64::from(value >= LONG);
            *gap = round_short(value);
        }
        if long > 0 {
            for (gap, unit) in self.gaps.iter_mut().zip(&self.units) {
                *gap = round_to_u64(mean * unit);
            }
        }
    }
}

/// 2^52: floats from here to twice as much are whole numbers, their last bits.
const WHOLE: f64 = 4_503_599_627_370_496.0;
/// Gaps below this are rounded without conversion.
const LONG: f64 = WHOLE / 4.0;

/// [`round_to_u64`] of a number from 0 to [`LONG`], in operations that processors have for vectors;
/// something or other above.
#[inline]
fn round_short(value: f64) -> u64 {
    let shifted = value + 0.5;
    let nearest = shifted + WHOLE;
    let is_above = nearest - WHOLE > shifted;
    nearest.to_bits().wrapping_sub(WHOLE.to_bits()).wrapping_sub(u64::from(is_above))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn short_gaps_are_rounded_like_others(value in 0.0..LONG, whole in 0_u64..1 << 49) {
            prop_assert_eq!(round_short(value), round_to_u64(value));
            let half = crate::units::to_f64(whole) + 0.5;
            prop_assert_eq!(round_short(half), round_to_u64(half));
            prop_assert_eq!(round_short(half.next_down()), round_to_u64(half.next_down()));
        }

        #[test]
        fn blocks_and_runs_are_single_draws(
            mean_ps in prop_oneof![Just(0.1), Just(3e5), Just(1e14), Just(1e17)],
            limits in prop::collection::vec(0.0_f64..80.0, 1..6),
        ) {
            let stream = || Streams::new(1, 0).stream("gaps");
            let mut gaps = Gaps::new(mean_ps, stream());
            let mut single = stream();
            let (mut now, mut times) = (0_u64, Vec::new());
            for limit in limits {
                let limit = now.saturating_add(round_to_u64(limit * mean_ps)).min(1 << 62);
                let at = SimTime::from_ps;
                let (last, next) = gaps.run(at(now), at(limit), &mut times);
                for time in times.drain(..) {
                    let gap = round_to_u64(mean_ps * exponential(&mut single));
                    now = now.saturating_add(gap);
                    prop_assert!(time < limit);
                    prop_assert_eq!(time, now);
                }
                prop_assert_eq!(last.as_ps(), now);
                now = now.saturating_add(round_to_u64(mean_ps * exponential(&mut single)));
                prop_assert_eq!(next.as_ps(), now);
                prop_assert!(now >= limit);
                let gap = round_to_u64(mean_ps * exponential(&mut single));
                prop_assert_eq!(gaps.draw().as_ps(), gap);
                now = now.saturating_add(gap);
            }
        }
    }
}
