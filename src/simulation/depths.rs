//! Rings of many depths, judged by one pass over the traffic.

use rayon::prelude::*;

use super::{SimulationError, threads};
use crate::model::system::{Progress, SystemSpec};
use crate::random::Streams;
use crate::scenario::Scenario;
use crate::stats::Counts;

/// Dropped and offered packets of all replications, were all rings of each of these depths and
/// there no reserve, in one pass over the traffic; `None` where only whole simulations tell.
///
/// # Errors
/// [`SimulationError`] where it was stopped or no thread could be had.
pub fn private_drops(
    scenario: &Scenario,
    depths: &[u32],
    jobs: usize,
    progress: &Progress,
) -> Result<Option<Vec<Counts>>, SimulationError> {
    let mut system = scenario.system();
    system.buffers.reserve = None;
    if scenario.nic.completion_entries.is_some() || !system.has_private_drops(depths) {
        return Ok(None);
    }
    let pool = threads(jobs)?;
    let run = |replication: u32| {
        let streams = Streams::new(scenario.run.seed, replication);
        SystemSpec::private_drops(&system, depths, streams, progress)
    };
    let add = |mut sum: Vec<Counts>, other: Vec<Counts>| {
        for (sum, other) in sum.iter_mut().zip(other) {
            sum.part += other.part;
            sum.whole += other.whole;
        }
        sum
    };
    let none = || vec![Counts::default(); depths.len()];
    let sum: Option<Vec<Counts>> = pool.install(|| {
        let replications = (0..scenario.run.replications).into_par_iter().map(run);
        replications.try_reduce(none, |sum, other| Some(add(sum, other)))
    });
    sum.map(Some).ok_or(SimulationError::Stopped)
}
