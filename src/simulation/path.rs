//! Which way replications are run.

use super::{Engine, SimulationError};
use crate::model::fast::FastPath;
use crate::model::outcome::Outcome;
use crate::model::splitting::{SplittingFault, Thresholds};
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::random::Streams;
use crate::scenario::{RunMethod, Scenario};
use crate::stats::Method;

/// How each replication of a scenario is run.
pub(super) enum Path {
    /// One event after another.
    Reference,
    /// On a fast path.
    Fast(FastPath),
    /// By the reference engine, with branches.
    Splitting(Thresholds),
    /// By the reference engine, as there are no thresholds to branch at.
    Unsplit(SplittingFault),
}

/// The streams of pilot runs: those of a replication that is never run.
const PILOT: u32 = u32::MAX;

impl Path {
    pub(super) fn new(
        scenario: &Scenario,
        system: &SystemSpec,
        engine: Engine,
        progress: &Progress,
    ) -> Result<Self, SimulationError> {
        if scenario.run.method != RunMethod::Splitting {
            return Ok(engine.path(system)?.map_or(Self::Reference, Self::Fast));
        }
        if engine == Engine::Fast {
            return Err(SimulationError::NoFastPath);
        }
        let pilot = Streams::new(scenario.run.seed, PILOT);
        match system.thresholds(pilot, progress) {
            None => Err(SimulationError::Stopped),
            Some(Ok(thresholds)) => Ok(Self::Splitting(thresholds)),
            Some(Err(fault)) => Ok(Self::Unsplit(fault)),
        }
    }

    /// Whether replications are run in windows.
    pub(super) const fn is_windowed(&self) -> bool {
        matches!(self, Self::Fast(FastPath::Windowed))
    }

    /// Runs one replication; `None` if it was stopped. A timeline is the reference engine's.
    pub(super) fn run<'a>(
        &self,
        system: &'a SystemSpec,
        streams: Streams,
        progress: &Progress,
        observers: Observers<'a>,
    ) -> Option<Outcome> {
        match self {
            Self::Fast(path) if !observers.timeline => {
                system.run_fast(*path, streams, progress, observers)
            }
            Self::Splitting(thresholds) => {
                system.run_splitting(thresholds, streams, progress, observers)
            }
            _ => system.run(streams, progress, observers),
        }
    }

    /// Why the drop rate was not estimated by splitting, though it was to be.
    pub(super) fn fault(&self, method: Method) -> Option<SplittingFault> {
        match self {
            Self::Unsplit(fault) => Some(fault.clone()),
            Self::Splitting(_) if method != Method::Splitting => Some(SplittingFault::TooMany),
            _ => None,
        }
    }
}
