//! Where runs branch, as pilot runs tell.

use crate::units::{round_to_u64, to_f64};

/// Where runs branch, from the level farthest from drops on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Thresholds {
    pub(super) levels: Vec<Level>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Level {
    /// The level is entered at this distance, or below.
    pub(super) enter: u32,
    /// It is left above this one.
    pub(super) leave: u32,
    /// Runs for each run that enters.
    pub(super) factor: u32,
}

/// Each level is reached by one in so many packets of the level before.
const STEP: u32 = 3;
/// A threshold needs so many packets seen at or beyond it,
const SUPPORT: u64 = 400;
/// of so many excursions of the main run and its branches, lest it be where a single one has come.
const EXCURSIONS: usize = 5;
/// Levels beyond those that enough excursions have come to, at most.
const AHEAD: usize = 4;
/// Runs for each run that enters a level, at most.
const FACTOR_MAX: f64 = 64.0;
/// Distances kept in order of time, at most.
const SERIES: usize = 1 << 16;

impl Thresholds {
    pub(super) const fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// The distance of the last threshold.
    pub(super) fn nearest(&self) -> u32 {
        self.levels.last().map_or(u32::MAX, |level| level.enter)
    }

    /// Keeps the levels that enough excursions have come to. Where those beyond were seen, though
    /// by too few, the next ones are as far apart as the last two.
    fn keep(&mut self, excursions: &[u32]) {
        let reached = |level: &Level| {
            excursions.iter().filter(|nearest| **nearest <= level.enter).count() >= EXCURSIONS
        };
        let kept = self.levels.iter().take_while(|level| reached(level)).count();
        let are_more = kept < self.levels.len();
        self.levels.truncate(kept);
        let Some(&Level { mut enter, leave, .. }) = self.levels.last().filter(|_| are_more) else {
            return;
        };
        let apart = leave - enter;
        for _ in 0..AHEAD {
            let Some(next) = enter.checked_sub(apart) else { return };
            self.levels.push(Level { enter: next, leave: enter, factor: STEP });
            enter = next;
        }
    }
}

/// How near packets came to a drop.
#[derive(Debug)]
pub(super) struct Distances {
    /// By distance: packets as far as they count, and packets seen.
    packets: Vec<(f64, u64)>,
    /// Packets of the main run.
    main: u64,
    /// The nearest of each `stride` packets of the main run and what branched off there.
    series: Vec<u32>,
    stride: u64,
    /// The nearest of those that have begun.
    nearest: u32,
}

impl Default for Distances {
    fn default() -> Self {
        Self { packets: Vec::new(), main: 0, series: Vec::new(), stride: 1, nearest: u32::MAX }
    }
}

impl Distances {
    /// Counts a packet that found this distance, of the main run or of a branch.
    pub(super) fn add(&mut self, distance: u32, weight: f64, is_main: bool) {
        let index = distance as usize;
        if index >= self.packets.len() {
            self.packets.resize(index + 1, (0.0, 0));
        }
        self.packets[index].0 += weight;
        self.packets[index].1 += 1;
        self.nearest = self.nearest.min(distance);
        if is_main {
            self.main += 1;
            if self.main.is_multiple_of(self.stride) {
                self.series.push(std::mem::replace(&mut self.nearest, u32::MAX));
            }
            if self.series.len() == SERIES {
                self.series = self.series.chunks(2).map(|pair| pair[0].min(pair[1])).collect();
                self.stride *= 2;
            }
        }
    }

    /// The nearest distance of each of the main run's stays in the first level.
    fn excursions(&self, thresholds: &Thresholds) -> Vec<u32> {
        let Some(first) = thresholds.levels.first() else { return Vec::new() };
        let mut excursions: Vec<u32> = Vec::new();
        let mut is_in = false;
        for &distance in &self.series {
            match excursions.last_mut().filter(|_| is_in) {
                Some(nearest) => *nearest = distance.min(*nearest),
                None if distance <= first.enter => excursions.push(distance),
                None => {}
            }
            is_in = distance <= if is_in { first.leave } else { first.enter };
        }
        excursions
    }

    /// The levels to branch at, and how often the main run entered the first of them.
    pub(super) fn thresholds(&self) -> (Thresholds, usize) {
        let mut thresholds = self.levels();
        let excursions = self.excursions(&thresholds);
        thresholds.keep(&excursions);
        (thresholds, excursions.len())
    }

    /// Levels each of which one packet in [`STEP`] of the one before reaches, as far as was seen.
    fn levels(&self) -> Thresholds {
        // Share of packets, and packets seen, at each distance or nearer.
        let nearer: Vec<(f64, u64)> = self
            .packets
            .iter()
            .scan((0.0, 0), |(share, seen), (weight, count)| {
                *share += weight / to_f64(self.main);
                *seen += count;
                Some((*share, *seen))
            })
            .collect();
        let below = |share: f64| nearer.iter().rposition(|(other, _)| *other <= share);
        let mut levels: Vec<Level> = Vec::new();
        let Some(mut leave) = below(0.5) else { return Thresholds::default() };
        let (mut share, mut runs) = (nearer[leave].0, 1.0);
        let first = share;
        let next =
            |share: f64| below(share / f64::from(STEP)).filter(|enter| nearer[*enter].1 >= SUPPORT);
        while let Some(enter) = next(share) {
            share = nearer[enter].0;
            let factor = (first / share / runs).round().clamp(2.0, FACTOR_MAX);
            runs *= factor;
            let small = |distance: usize| u32::try_from(distance).expect("it came from one");
            levels.push(Level {
                enter: small(enter),
                leave: small(leave),
                factor: u32::try_from(round_to_u64(factor)).expect("it is small"),
            });
            leave = enter;
        }
        Thresholds { levels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_reached_by_one_packet_in_three_of_the_level_before() {
        let mut seen = Distances::default();
        // Distance 9 - k is seen by 3^-k of a million packets, as is what lies beyond it together.
        for distance in 0..10 {
            for _ in 0..1_000_000 / 3_u32.pow(9 - distance) {
                seen.add(distance, 1.0, true);
            }
        }
        let levels = seen.levels().levels;
        assert!(levels.iter().all(|level| level.factor == 3 && level.enter + 1 == level.leave));
        // Four hundred packets are needed at a threshold or beyond: at 2 are 457, at 1 and 0 203.
        assert_eq!(levels.last().unwrap().enter, 2);
        // All of them were one stay, from which nothing can be learnt.
        assert_eq!(seen.thresholds(), (Thresholds::default(), 1));
        assert_eq!(Distances::default().thresholds(), (Thresholds::default(), 0));
    }

    /// The main run comes to each distance again and again, once in a while to 2.
    #[test]
    fn levels_that_a_few_excursions_have_reached_are_guessed_from_those_before() {
        let mut seen = Distances::default();
        for excursion in 0..30 {
            (0..3000).for_each(|_| seen.add(20, 1.0, true));
            // Branches come nearer than the main run.
            (0..400).for_each(|_| seen.add(if excursion < 4 { 8 } else { 11 }, 0.5, false));
            (0..700).for_each(|_| seen.add(14, 1.0, true));
        }
        let (thresholds, excursions) = seen.thresholds();
        assert_eq!(excursions, 30);
        let enter: Vec<u32> = thresholds.levels.iter().map(|level| level.enter).collect();
        // 10 was seen by four; the next ones are as far apart as 19, the median, and 13.
        assert_eq!(enter, [13, 7, 1]);
    }
}
