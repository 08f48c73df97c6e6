//! The warm-up that a scenario needs, where it is to be found out.

use std::sync::Mutex;

use rayon::prelude::*;

use super::{SimulationError, threads};
use crate::model::outcome::Outcome;
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::model::traffic::Window;
use crate::model::watch::Look;
use crate::random::Streams;
use crate::scenario::{Scenario, Warning};
use crate::stats::mser5;
use crate::units::{SimDuration, SimTime, to_f64};

/// Pilot runs, whose mean is looked at.
const PILOTS: u32 = 4;
/// The streams of the first of them: replications that are never run.
const FIRST_PILOT: u32 = u32::MAX - PILOTS;
/// Looks at a pilot run.
const LOOKS: u64 = 5_000;

/// The scenario with the warm-up that MSER-5 finds for it, where that is asked for: from the
/// buffers in use in pilot runs that start empty and are as long as the scenario's own.
///
/// # Errors
/// [`SimulationError`] where pilot runs were stopped or cannot be run.
pub fn warmed(
    scenario: &Scenario,
    jobs: usize,
    progress: &Progress,
) -> Result<Scenario, SimulationError> {
    let mut warmed = scenario.clone();
    let Some(duration) = scenario.run.duration.filter(|_| scenario.run.finds_warmup) else {
        return Ok(warmed);
    };
    warmed.run.finds_warmup = false;
    let step = SimDuration::from_ps((duration.as_ps() / LOOKS).max(1));
    let window = Window { start: SimTime::ZERO, end: Some(SimTime::ZERO + duration) };
    let system = SystemSpec { window, ..scenario.system() };
    let pool = threads(jobs)?;
    let sums = Mutex::new(vec![0_u64; usize::try_from(LOOKS).expect("a few thousand")]);
    let run = |pilot: u32| -> Option<Outcome> {
        let mut looks = 0;
        let mut watcher = |look: &Look| {
            let in_use = look.queues.iter().map(|queue| u64::from(queue.in_use)).sum::<u64>();
            let mut sums = sums.lock().expect("nobody panics with the lock");
            if let Some(sum) = sums.get_mut(looks) {
                *sum += in_use;
            }
            looks += 1;
            look.time + step
        };
        let observers = Observers { watcher: Some(&mut watcher), ..Observers::default() };
        system.run(Streams::new(scenario.run.seed, FIRST_PILOT + pilot), progress, observers)
    };
    let outcomes: Option<Vec<Outcome>> =
        pool.install(|| (0..PILOTS).into_par_iter().map(run).collect());
    outcomes.ok_or(SimulationError::Stopped)?;
    let sums = sums.into_inner().expect("nobody panics with the lock");
    let series: Vec<f64> = sums.into_iter().map(to_f64).collect();
    let settled = mser5(&series);
    let looks = settled.unwrap_or(series.len() / 2);
    warmed.run.warmup = step * looks as u64;
    if settled.is_none() {
        warmed.warnings.push(Warning::Unsettled { duration });
    }
    Ok(warmed)
}
