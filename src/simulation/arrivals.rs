//! What sources send in each replication, without rings.

use std::sync::atomic::Ordering;

use rayon::prelude::*;

use super::{SimulationError, check_recordings};
use crate::model::system::Progress;
use crate::model::traffic::{Arrival, Arrivals};
use crate::random::Streams;
use crate::scenario::Scenario;

/// Packets between two looks at [`Progress`].
const PACKETS_PER_LOOK: u64 = 1 << 14;

/// Gives the packets of each replication of a scenario to `gather`, in the order in which they
/// arrive; returns what it made of them, by replication.
///
/// # Errors
/// [`SimulationError`] when it was stopped or no thread could be had.
pub fn arrivals<T: Send>(
    scenario: &Scenario,
    jobs: usize,
    progress: &Progress,
    gather: impl Fn(&mut dyn Iterator<Item = Arrival>) -> T + Sync,
) -> Result<Vec<T>, SimulationError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(jobs)
        .build()
        .map_err(|_| SimulationError::Threads { jobs })?;
    let system = scenario.system();
    let one = |replication: u32| {
        let streams = Streams::new(scenario.run.seed, replication);
        let mut count = 0_u64;
        let arrivals = Arrivals::new(&system.traffic, streams, system.window);
        let mut arrivals = arrivals.take_while(|_| {
            count += 1;
            if !count.is_multiple_of(PACKETS_PER_LOOK) {
                return true;
            }
            progress.packets.fetch_add(PACKETS_PER_LOOK, Ordering::Relaxed);
            !progress.stop.load(Ordering::Relaxed)
        });
        gather(&mut arrivals)
    };
    let replications = 0..scenario.run.replications;
    let gathered = pool.install(|| replications.into_par_iter().map(one).collect());
    if progress.stop.load(Ordering::Relaxed) {
        return Err(SimulationError::Stopped);
    }
    check_recordings(scenario)?;
    Ok(gathered)
}
