//! Pilot runs, which find where runs are to branch.

use std::sync::atomic::Ordering;

use super::thresholds::{Distances, Thresholds};
use super::{Splitting, SplittingFault, in_phase};
use crate::model::system::{Observers, Progress, System, SystemSpec};
use crate::random::Streams;

/// Drops that the last pilot run must see, unless it is as long as may be.
const DROPS: u64 = 100;
/// Packets of one pilot run, all branches together, at first; more where its main run has had
/// neither so many nor enough excursions.
const PACKETS: u64 = 400_000;
/// How many times as many where they are too short or get no nearer to a drop; at most so many, or
/// as many as a run of the scenario has.
const LONGER: u64 = 4;
const PACKETS_MAX: u64 = PACKETS * 64;
/// Times that a pilot run must come near and go again, lest it see but a part of what happens.
const EXCURSIONS: usize = 20;
/// As many as tell all that is to be learnt from one run.
const EXCURSIONS_PLENTY: usize = 200;
/// The longest runs whose sights are put together where they see fewer, at most.
const TOGETHER: u32 = 12;
/// Pilot runs at most.
const PILOTS: u32 = 60;

/// What a pilot run sees.
#[derive(Debug, Default)]
pub(super) struct Pilot {
    pub(super) seen: Distances,
    /// How often the main run has entered the first level.
    pub(super) entered: usize,
}

impl Pilot {
    /// Whether so much has happened that a short main run is enough.
    pub(super) const fn has_seen_enough(&self) -> bool {
        self.entered >= EXCURSIONS_PLENTY
    }
}

impl SystemSpec {
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
        let mut packets = PACKETS;
        // What the longest runs have seen together, where one alone sees too little.
        let (mut seen, mut together) = (Distances::default(), 0);
        // Short runs, of a search say, are not worth long pilots.
        let expected = self.packets_expected();
        let packets_max = PACKETS_MAX.max(expected);
        for pilot in 0..PILOTS {
            let chance = streams.stream(&format!("splitting pilot {pilot}"));
            let mut run = Splitting::new(self, &thresholds, chance, progress);
            run.pilot = Some(Pilot { seen: std::mem::take(&mut seen), entered: 0 });
            run.main_expected = packets;
            run.in_phase = in_phase(&warm);
            run.split(&warm, 0);
            if progress.stop.load(Ordering::Relaxed) {
                return None;
            }
            if run.too_many {
                return Some(Err(SplittingFault::TooMany));
            }
            let pilot = run.pilot.take().expect("it was just set");
            let (found, excursions) = pilot.seen.thresholds();
            let may_be_longer = packets < packets_max;
            let is_short = packets < expected && excursions < EXCURSIONS;
            if is_short && thresholds.is_empty() {
                packets = packets_max.min(packets * LONGER);
                continue;
            }
            if run.drops >= if may_be_longer { DROPS } else { 1 } {
                return Some(Ok(found));
            }
            let is_slow = packets <= expected && !may_be_longer && excursions < EXCURSIONS_PLENTY;
            if is_slow && together < TOGETHER {
                (thresholds, seen) = (found, pilot.seen);
                together += 1;
            } else if found.nearest() < thresholds.nearest() {
                thresholds = found;
            } else if may_be_longer {
                packets = packets_max.min(packets * LONGER);
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
}
