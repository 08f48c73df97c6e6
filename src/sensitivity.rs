//! Sensitivity to phase: what a configuration drops, and how much memory a goal needs, as more and
//! more queues burst in step.
//!
//! A reserve stands on bursts that do not come together. When `k` queues of a group burst at once,
//! a reserve of R is worth at most `R / k` entries to each: the deterministic bound `rx + R / k`.

use crate::model::system::Progress;
use crate::plan::{self, Plan, PlanError};
use crate::scenario::Scenario;
use crate::simulation::{self, Engine, Options, SimulationError};
use crate::stats::Estimate;
use crate::units::to_f64;

/// A scenario with 1, 2, 4 ... all of its queues in step.
#[derive(Debug, Clone)]
pub struct Sensitivity {
    /// By rising number of queues in step.
    pub steps: Vec<InPhase>,
}

/// The scenario with some queues in step.
#[derive(Debug, Clone)]
pub struct InPhase {
    /// How many; 1: all are independent.
    pub queues: usize,
    /// Share of packets that the scenario's own rings and reserve drop.
    pub drop_rate: Estimate,
    /// 99th percentile of the sojourn time in microseconds, with these rings and reserve.
    pub p99_us: f64,
    /// Entries that each queue in step can count on: `rx + reserve / k`, of the shortest ring.
    pub entries_bound: f64,
    /// The least memory that meets the scenario's goal.
    pub plan: Plan,
}

/// Why there is no sensitivity to phase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SensitivityError {
    /// No traffic has phases.
    #[error(
        "traffic: no table comes in bursts of two queues or more, so nothing can be in step; give \
         one of kind \"on-off\", \"mmpp\", \"self-similar\" or \"batch\""
    )]
    NoPhases,
    /// A simulation gave no result.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// Numbers of queues in step to look at: 1, 2, 4 ... and all.
#[must_use]
pub fn steps(scenario: &Scenario) -> Vec<usize> {
    let all = scenario.phased_queues();
    let mut steps: Vec<usize> =
        std::iter::successors(Some(1_usize), |k| Some(2 * k)).take_while(|k| *k < all).collect();
    if all > 0 {
        steps.push(all);
    }
    steps
}

/// Simulates the scenario, and plans it, with 1, 2, 4 ... all queues in step. `step` is told the
/// number of queues before each.
///
/// # Errors
/// [`SensitivityError`] when nothing can be in step, or a simulation was stopped.
pub fn sensitivity(
    scenario: &Scenario,
    jobs: usize,
    engine: Engine,
    progress: &Progress,
    step: &dyn Fn(usize),
) -> Result<Sensitivity, SensitivityError> {
    if scenario.phased_queues() < 2 {
        return Err(SensitivityError::NoPhases);
    }
    let mut rows = Vec::new();
    for queues in steps(scenario) {
        step(queues);
        let scenario = scenario.with_in_phase(queues);
        let options = Options { jobs, engine, ..Options::default() };
        let own = simulation::simulate(&scenario, options, progress)?;
        if own.replications < scenario.run.replications {
            return Err(SimulationError::Stopped.into());
        }
        rows.push(InPhase {
            queues,
            drop_rate: own.drop_rate,
            p99_us: own.sojourn.quantile_us(0.99),
            entries_bound: entries_bound(&scenario, queues),
            plan: plan::plan(&scenario, jobs, engine, progress, &|_| {})?,
        });
    }
    Ok(Sensitivity { steps: rows })
}

/// `rx + reserve / k`: where there are several reserves, queues in step are spread over them.
fn entries_bound(scenario: &Scenario, queues: usize) -> f64 {
    let rx = scenario.nic.buffers().into_iter().min().unwrap_or(0);
    let share = scenario.reserve.as_ref().map_or(0.0, |reserve| {
        let per_group = queues.min(scenario.queues().div_ceil(reserve.groups as usize));
        let of_group = f64::from(reserve.entries) / to_f64(per_group as u64);
        of_group + f64::from(reserve.device_entries) / to_f64(queues as u64)
    });
    f64::from(rx) + share
}
