//! Rare drops by multilevel splitting: runs that come near to a drop go on in several branches.
//!
//! This is RESTART with prolonged retrials (Villen-Altamirano, tutorial of 2011; Oper. Res.
//! Perspectives 6, 2019). How near a run is to a drop is the *distance*: the packets that the
//! queue nearest to one could still be given were nothing to come back. Thresholds on it bound
//! levels:
//!
//! ```text
//!  distance                 main run ---------.                       .------
//!     |     enter level 1 ......................\..../\............../........ leave level 2
//!     |                                          \__/  \     .------'
//!     |     enter level 2 .............................. \__/..................
//!     v                        branches 1 .. R-1 begin here, each with streams of its own
//! ```
//!
//! A run that enters level k is joined by `R_k - 1` branches; a branch ends when it leaves the
//! level it began at, the others go on. At level k there are so `R_1 ... R_k` runs where there
//! would be one, and a drop that any of them sees counts as `1 / (R_1 ... R_k)`: the expected
//! count is the same as without splitting, wherever thresholds lie, and the main run is the very
//! run it would be alone. A level is left at the threshold before it, so that a run that hovers
//! about a threshold does not branch again and again.
//!
//! Where the thresholds lie decides how well it works, and pilot runs tell: so that each level is
//! reached by a third of the packets of the one before.

use std::sync::atomic::Ordering;

use crate::id::QueueId;
use crate::model::host::HostSpec;
use crate::model::ledger::BATCHES;
use crate::model::outcome::Outcome;
use crate::model::stall::StallSpec;
use crate::model::system::{Observers, Progress, System, SystemSpec};
use crate::random::{Generator, Streams, branch_off};
use crate::units::{SimDuration, SimTime, round_to_u64, to_f64};

/// Where runs branch, from the level farthest from drops on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Thresholds {
    levels: Vec<Level>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Level {
    /// The level is entered at this distance, or below.
    enter: u32,
    /// It is left above this one.
    leave: u32,
    /// Runs for each run that enters.
    factor: u32,
}

/// Why rare drops cannot be had by splitting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplittingFault {
    /// Some part of the system does not branch.
    #[error("splitting does not apply to {0}")]
    NotFor(&'static str),
    /// Pilot runs did not come near enough to a drop.
    #[error("pilot runs found no way to a drop: it may be impossible, or come in one great step")]
    NoWay,
    /// Branches multiply.
    #[error("branches multiply faster than they end: drops are too frequent, or come in one step")]
    TooMany,
}

/// Each level is reached by one in so many packets of the level before.
const STEP: f64 = 3.0;
/// A threshold needs so many packets seen at or beyond it.
const SUPPORT: u64 = 400;
/// Drops that the last pilot run must see.
const PILOT_DROPS: u64 = 100;
/// Packets of one pilot run, all branches together, at first.
const PILOT_PACKETS: u64 = 400_000;
/// How many times as many where they get no nearer to a drop, and at most.
const PILOT_LONGER: u64 = 4;
const PILOT_PACKETS_MAX: u64 = PILOT_PACKETS * 64;
/// Pilot runs at most.
const PILOTS: u32 = 60;
/// Packets of all branches for one of the main run, at most.
const PACKETS_MAX: u64 = 100;
/// Branches are not limited before they have had so many packets.
const PACKETS_FREE: u64 = 5_000_000;

impl SystemSpec {
    /// Why rare drops of this system cannot be had by splitting, if they cannot.
    ///
    /// # Errors
    /// [`SplittingFault::NotFor`], with the part that does not branch.
    pub fn check_splitting(&self) -> Result<(), SplittingFault> {
        let unbranchable = self.traffic.iter().find_map(|traffic| traffic.unbranchable());
        let small = self.buffers.reserve.as_ref().is_some_and(|r| r.small.is_some());
        let fault = if let Some(traffic) = unbranchable {
            traffic
        } else if matches!(self.host, HostSpec::Trace { .. }) {
            "a recorded host"
        } else if !self.host.is_light_tailed() {
            "a host with heavy-tailed times"
        } else if !self.stalls.iter().all(StallSpec::is_bounded) {
            "stalls without a greatest length"
        } else if self.fifo.capacity > 0 {
            "a FIFO, which fills only when the rings are full"
        } else if small {
            "size classes"
        } else {
            return Ok(());
        };
        Err(SplittingFault::NotFor(fault))
    }

    /// Finds thresholds by pilot runs with streams of their own; `None` if it was stopped.
    ///
    /// # Errors
    /// [`SplittingFault`] where splitting does not apply or finds no way.
    #[must_use]
    pub fn thresholds(
        &self,
        streams: Streams,
        progress: &Progress,
    ) -> Option<Result<Thresholds, SplittingFault>> {
        if let Err(fault) = self.check_splitting() {
            return Some(Err(fault));
        }
        let warm = self.warm(streams, progress)?;
        let mut thresholds = Thresholds::default();
        let mut packets = PILOT_PACKETS;
        for pilot in 0..PILOTS {
            let chance = streams.stream(&format!("splitting pilot {pilot}"));
            let mut run = Splitting::new(self, &thresholds, chance, progress);
            run.seen = Some(Distances::default());
            run.pilot_packets = packets;
            run.in_phase = in_phase(&warm);
            run.split(&warm, 0);
            if progress.stop.load(Ordering::Relaxed) {
                return None;
            }
            if run.too_many {
                return Some(Err(SplittingFault::TooMany));
            }
            let seen = run.seen.take().expect("it was just set");
            let found = seen.thresholds();
            if run.drops >= PILOT_DROPS {
                return Some(Ok(found));
            }
            let nearest = |it: &Thresholds| it.levels.last().map_or(u32::MAX, |level| level.enter);
            if nearest(&found) < nearest(&thresholds) {
                thresholds = found;
            } else if packets < PILOT_PACKETS_MAX {
                packets *= PILOT_LONGER;
            } else {
                break;
            }
        }
        Some(Err(SplittingFault::NoWay))
    }

    /// A run at the beginning of its window.
    fn warm(&self, streams: Streams, progress: &Progress) -> Option<System<'_>> {
        let mut system = System::new(self, streams, Observers::default());
        system.start();
        while system.step(self.window.start) {
            if progress.stop.load(Ordering::Relaxed) {
                return None;
            }
        }
        Some(system)
    }

    /// Runs one replication as [`run`](Self::run) does, with branches that see rare drops, unless
    /// there are too many of them; `None` if it was stopped.
    #[must_use]
    pub fn run_splitting<'a>(
        &'a self,
        thresholds: &Thresholds,
        streams: Streams,
        progress: &Progress,
        observers: Observers<'a>,
    ) -> Option<Outcome> {
        let chance = streams.stream("splitting");
        let mut run = Splitting::new(self, thresholds, chance, progress);
        let outcome = run.main(streams, observers)?;
        Some(Outcome { split_drops: (!run.too_many).then_some(run.weighted), ..outcome })
    }
}

/// A run with its branches.
struct Splitting<'a, 'p> {
    spec: &'a SystemSpec,
    levels: Vec<Level>,
    progress: &'p Progress,
    /// Of what the branches draw their streams.
    chance: Generator,
    /// The sources of each process of phases.
    in_phase: Vec<Vec<usize>>,
    end: SimTime,
    /// What a drop, or a packet, counts at each level.
    weights: Vec<f64>,
    /// Drops expected in parts of the window.
    weighted: [f64; BATCHES],
    /// Drops seen.
    drops: u64,
    /// Length of such a part.
    part: SimDuration,
    /// Packets of all branches and the main run, and those of the latter.
    packets: u64,
    main_packets: u64,
    /// Those that [`Progress`] knows of.
    reported: u64,
    /// Only of pilot runs.
    seen: Option<Distances>,
    /// Packets of such a run.
    pilot_packets: u64,
    /// Everything ends: it was stopped, or a pilot run has seen enough.
    is_over: bool,
    /// Only the main run goes on.
    too_many: bool,
}

/// The main run or a branch.
struct Branch<'a> {
    system: System<'a>,
    /// The level it began at; 0: the main run.
    born: usize,
    level: usize,
    /// Of its system, counted so far.
    dropped: u64,
    arrived: u64,
    distance: u32,
}

/// Events between two looks at [`Progress`].
const EVENTS_PER_LOOK: u32 = 1 << 14;

impl<'a, 'p> Splitting<'a, 'p> {
    fn new(
        spec: &'a SystemSpec,
        thresholds: &Thresholds,
        chance: Generator,
        progress: &'p Progress,
    ) -> Self {
        let mut weights = vec![1.0];
        for level in &thresholds.levels {
            let last = weights.last().expect("it begins with one");
            weights.push(last / f64::from(level.factor));
        }
        let (start, end) = (spec.window.start, spec.window.end_or_max());
        let part = end.saturating_since(start).as_ps().div_ceil(BATCHES as u64).max(1);
        Self {
            spec,
            levels: thresholds.levels.clone(),
            progress,
            chance,
            in_phase: Vec::new(),
            end,
            weights,
            weighted: [0.0; BATCHES],
            drops: 0,
            part: SimDuration::from_ps(part),
            packets: 0,
            main_packets: 0,
            reported: 0,
            seen: None,
            pilot_packets: PILOT_PACKETS,
            is_over: false,
            too_many: false,
        }
    }

    /// The main run, and all that branches off; `None` if it was stopped.
    fn main(&mut self, streams: Streams, observers: Observers<'a>) -> Option<Outcome> {
        let mut system = System::new(self.spec, streams, observers);
        self.in_phase = in_phase(&system);
        system.start();
        let mut main = Branch::new(system, 0);
        self.run(&mut main);
        (!self.is_over).then(|| main.system.close())
    }

    /// Runs until the end of the window or until the branch leaves the level it began at.
    fn run(&mut self, branch: &mut Branch<'a>) {
        while self.goes_on(branch.born) {
            for _ in 0..EVENTS_PER_LOOK {
                if !branch.system.step(self.end) {
                    return;
                }
                self.count(branch);
                if !self.follow(branch) {
                    return;
                }
            }
        }
    }

    /// Whether a branch that began at this level goes on.
    fn goes_on(&mut self, born: usize) -> bool {
        self.progress.packets.fetch_add(self.packets - self.reported, Ordering::Relaxed);
        self.reported = self.packets;
        self.is_over |= self.progress.stop.load(Ordering::Relaxed);
        if self.seen.is_some() {
            // A branch is not cut short at once, lest it count for less than it is.
            let most = self.pilot_packets * if born == 0 { 1 } else { 8 };
            self.is_over |= self.packets > most;
        }
        let most = self.main_packets.saturating_mul(PACKETS_MAX).max(PACKETS_FREE);
        self.too_many |= self.packets > most;
        !self.is_over && (born == 0 || !self.too_many)
    }

    /// Counts what the last event has brought.
    #[inline]
    fn count(&mut self, branch: &mut Branch<'a>) {
        let ledger = &branch.system.machine.ledger;
        let arrived = ledger.arrived();
        if arrived == branch.arrived {
            return;
        }
        self.packets += arrived - branch.arrived;
        branch.arrived = arrived;
        let weight = self.weights[branch.level];
        if branch.born == 0 {
            self.main_packets = arrived;
        }
        if let Some(seen) = &mut self.seen {
            seen.add(branch.distance, weight, branch.born == 0);
        }
        let dropped = ledger.dropped_in_window();
        if dropped > branch.dropped {
            let since = branch.system.machine.now.saturating_since(self.spec.window.start);
            let part = since.as_ps() / self.part.as_ps();
            let part = usize::try_from(part).map_or(BATCHES - 1, |part| part.min(BATCHES - 1));
            self.weighted[part] += weight * to_f64(dropped - branch.dropped);
            self.drops += dropped - branch.dropped;
            branch.dropped = dropped;
        }
    }

    /// Follows a branch to the level it has come to, and runs what branches off on the way; `false`
    /// when it has left the one it began at.
    #[inline]
    fn follow(&mut self, branch: &mut Branch<'a>) -> bool {
        let distance = branch.system.machine.buffers.distance_to_drop();
        branch.distance = distance;
        while let Some(level) = self.levels.get(branch.level).copied()
            && distance <= level.enter
        {
            branch.level += 1;
            for _ in 1..level.factor {
                self.split(&branch.system, branch.level);
            }
        }
        while branch.level > 0 && distance > self.levels[branch.level - 1].leave {
            if branch.level == branch.born {
                return false;
            }
            branch.level -= 1;
        }
        true
    }

    /// Runs a branch that begins where `parent` is, at the level that it enters there.
    fn split(&mut self, parent: &System<'a>, level: usize) {
        if self.is_over || self.too_many {
            return;
        }
        let mut system = parent.fork();
        let mut chance = branch_off(&mut self.chance);
        system.branch_off(&self.in_phase, &mut chance);
        let mut branch = Branch::new(system, level);
        if self.follow(&mut branch) {
            self.run(&mut branch);
        }
    }
}

impl<'a> Branch<'a> {
    fn new(system: System<'a>, born: usize) -> Self {
        let ledger = &system.machine.ledger;
        Self {
            born,
            level: born,
            dropped: ledger.dropped_in_window(),
            arrived: ledger.arrived(),
            distance: system.machine.buffers.distance_to_drop(),
            system,
        }
    }
}

/// The sources of each process of phases.
fn in_phase(system: &System<'_>) -> Vec<Vec<usize>> {
    let mut groups: Vec<((usize, QueueId), Vec<usize>)> = Vec::new();
    for (index, source) in system.sources.iter().enumerate() {
        let Some(phases) = source.phases_of() else { continue };
        match groups.iter_mut().find(|(other, _)| *other == phases) {
            Some((_, sources)) => sources.push(index),
            None => groups.push((phases, vec![index])),
        }
    }
    groups.into_iter().map(|(_, sources)| sources).collect()
}

/// How near packets came to a drop.
#[derive(Debug, Default)]
struct Distances {
    /// By distance: packets as far as they count, and packets seen.
    packets: Vec<(f64, u64)>,
    /// Packets of the main run.
    main: f64,
}

impl Distances {
    fn add(&mut self, distance: u32, weight: f64, is_main: bool) {
        let index = distance as usize;
        if index >= self.packets.len() {
            self.packets.resize(index + 1, (0.0, 0));
        }
        self.packets[index].0 += weight;
        self.packets[index].1 += 1;
        self.main += if is_main { 1.0 } else { 0.0 };
    }

    /// Levels each of which one packet in [`STEP`] of the one before reaches, as far as was seen.
    fn thresholds(&self) -> Thresholds {
        // Share of packets, and packets seen, at each distance or nearer.
        let nearer: Vec<(f64, u64)> = self
            .packets
            .iter()
            .scan((0.0, 0), |(share, seen), (weight, count)| {
                *share += weight / self.main;
                *seen += count;
                Some((*share, *seen))
            })
            .collect();
        let below = |share: f64| nearer.iter().rposition(|(other, _)| *other <= share);
        let mut levels: Vec<Level> = Vec::new();
        let Some(mut leave) = below(0.5) else { return Thresholds::default() };
        let (mut share, mut runs) = (nearer[leave].0, 1.0);
        let first = share;
        while let Some(enter) = below(share / STEP).filter(|enter| nearer[*enter].1 >= SUPPORT) {
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

/// Runs for each run that enters a level, at most.
const FACTOR_MAX: f64 = 64.0;

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
        let levels = seen.thresholds().levels;
        assert!(levels.iter().all(|level| level.factor == 3 && level.enter + 1 == level.leave));
        // Four hundred packets are needed at a threshold or beyond: at 2 are 457, at 1 and 0 203.
        assert_eq!(levels.last().unwrap().enter, 2);
        assert_eq!(Distances::default().thresholds(), Thresholds::default());
    }
}
