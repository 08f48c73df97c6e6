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

mod pilots;
mod thresholds;

use std::sync::atomic::Ordering;

use crate::id::QueueId;
use crate::model::host::HostSpec;
use crate::model::ledger::BATCHES;
use crate::model::outcome::Outcome;
use crate::model::stall::StallSpec;
use crate::model::system::{Observers, Progress, System, SystemSpec};
use crate::random::{Generator, Streams, branch_off};
use crate::units::{SimDuration, SimTime, round_to_u64, to_f64};

pub use thresholds::Thresholds;

use pilots::Pilot;
use thresholds::Level;

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

/// Packets of all branches for one of the main run, at most.
const PACKETS_MAX: u64 = 100;
/// They are not limited before they are so many for one that the main run will have.
const PACKETS_FREE: u64 = 20;

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

    /// Packets of a run, about.
    fn packets_expected(&self) -> u64 {
        let seconds = to_f64(self.window.end_or_max().as_ps()) / 1e12;
        round_to_u64((self.packets_per_second() * seconds).min(1e18))
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
    /// What the main run will have, about.
    main_expected: u64,
    /// Those that [`Progress`] knows of.
    reported: u64,
    pilot: Option<Pilot>,
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
            main_expected: spec.packets_expected(),
            reported: 0,
            pilot: None,
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
        if let Some(pilot) = self.pilot.as_ref().filter(|_| born == 0) {
            let had_all = self.main_packets > self.main_expected || pilot.has_seen_enough();
            self.is_over |= self.packets > self.main_expected && had_all;
        }
        let free = self.main_expected.saturating_mul(PACKETS_FREE);
        let most = self.main_packets.saturating_mul(PACKETS_MAX).max(free);
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
        let new = arrived - branch.arrived;
        branch.arrived = arrived;
        self.packets += new;
        self.main_packets += if branch.born == 0 { new } else { 0 };
        let weight = self.weights[branch.level];
        if let Some(pilot) = &mut self.pilot {
            pilot.seen.add(branch.distance, weight, branch.born == 0);
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
            if let (Some(pilot), 0, 1) = (&mut self.pilot, branch.born, branch.level) {
                pilot.entered += 1;
            }
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
