//! Planning: the least memory that meets a drop goal, with and without a reserve.
//!
//! `search` says which configurations are judged, `judge` how long each is simulated and what makes
//! a claim of it, `verdict` what all of that means. A configuration meets the goal only if the
//! *upper* end of its interval does; the winner is the one with the fewest total bytes, confirmed
//! by a run that the search has not seen; both of its neighbours one step cheaper are judged too.

mod judge;
mod prescreen;
mod search;
mod verdict;

use std::cell::Cell;

use judge::{Effort, Judge, own_shape};
use search::{Place, Search, variants};
use verdict::Findings;

use crate::model::buffers::ReserveSpec;
use crate::model::memory::Memory;
use crate::model::policy::Policy;
use crate::model::system::Progress;
use crate::scenario::{Scenario, Shape, Warning};
use crate::simulation::{self, Engine, Simulation, SimulationError};
use crate::stats::Estimate;
use crate::units::SimDuration;

/// The outcome of a search.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whether the goal can be met.
    pub verdict: Verdict,
    /// Why, in a sentence or two.
    pub why: String,
    /// Whether the search came to its end; if not, something cheaper may meet the goal too.
    pub complete: bool,
    /// The least memory that meets the goal.
    pub recommended: Option<Candidate>,
    /// The least memory that meets it without a reserve: what can be set up today.
    pub today: Option<Candidate>,
    /// What to compare with.
    pub baseline: Candidate,
    /// The scenario's own configuration, where all its rings are of one depth.
    pub scenario: Option<Candidate>,
    /// Candidates that no cheaper one beats, by rising memory.
    pub frontier: Vec<Candidate>,
    /// Candidates simulated.
    pub judged: usize,
    /// Doubts about the scenario.
    pub warnings: Vec<Warning>,
}

/// Whether the goal can be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// At least one configuration meets it.
    Feasible,
    /// Even the largest configuration searched misses it.
    Infeasible,
    /// The simulation was too short to tell.
    Inconclusive,
}

/// A configuration and how it did.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its place among the scenario's variants.
    variant: usize,
    /// Receive queues.
    pub queues: usize,
    /// Rings and reserve.
    pub shape: Shape,
    /// Entries of all reserves together.
    pub reserve_entries: u64,
    /// The reserve's policy; `None` without a reserve.
    pub policy: Option<Policy>,
    /// Share of packets dropped.
    pub drop_rate: Estimate,
    /// Whether that was confirmed by a run of its own.
    pub certified: bool,
    /// 99th percentile of the sojourn time in microseconds.
    pub p99_us: f64,
    /// Memory it pins.
    pub memory: Memory,
    /// Most buffer bytes in use at once.
    pub in_use_bytes_max: u64,
    /// Bytes of the buffers that are used in rotation: all of the rings, and what was in use of the
    /// reserve.
    pub rotation_bytes: u64,
    /// Measured time of each replication.
    simulated: SimDuration,
    /// Whether more looks would tell no more.
    decided: bool,
}

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Configurations judged so far.
    pub so_far: usize,
    /// How many are expected, in all.
    pub expected: usize,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is nothing to search.
    #[error(
        "reserve.policy: \"peer-borrow\" has no reserve whose size could be searched; use simulate \
         with --set nic.rx=..., or another policy"
    )]
    PeerBorrow,
    /// A simulation gave no result.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
}

/// Certificates that are tried at most.
const ATTEMPTS: u32 = 16;

/// Searches the configurations of the scenario's `[plan]`.
///
/// When `progress.stop` is set the best that was found so far is the answer, marked as such.
///
/// # Errors
/// [`PlanError`] when there is nothing to search, or it was stopped before anything was found.
pub fn plan(
    scenario: &Scenario,
    jobs: usize,
    engine: Engine,
    progress: &Progress,
    judged: &dyn Fn(Judged),
) -> Result<Plan, PlanError> {
    let lends = |reserve: &ReserveSpec| reserve.policy == Policy::PeerBorrow;
    if scenario.reserve.as_ref().is_some_and(lends) {
        return Err(PlanError::PeerBorrow);
    }
    let scenario = &simulation::warmed(scenario, jobs, progress)?;
    let variants = variants(scenario);
    let judge = Judge { variants: &variants, jobs, engine, progress };
    let so_far = Cell::new(0);
    let expected = expected(scenario, variants.len());
    let count = || {
        so_far.set(so_far.get() + 1);
        judged(Judged { so_far: so_far.get(), expected: expected.max(so_far.get()) });
    };
    let mut search = Search::new(&scenario.plan, &variants, |place, effort| {
        let candidate = judge.judge(place, effort)?;
        count();
        Ok(candidate)
    });
    let baseline = search.compare((0, scenario.plan.baseline))?;
    let own = match own_shape(scenario) {
        Some(shape) => Some(search.compare((0, shape))?),
        None => None,
    };
    let largest = search.largest();
    let largest = search.compare(largest)?;
    let overload = scenario.warnings.iter().find(|it| matches!(it, Warning::Overload { .. }));
    let overload = overload.filter(|_| scenario.plan.queues.is_empty());
    let finished = match overload {
        Some(_) => Ok(()),
        None => judge
            .private_depths()
            .map(|depths| search.private = depths)
            .and_then(|()| search.run())
            .and_then(|()| certify(&scenario.plan.reserve, &judge, &mut search, &count)),
    };
    let complete = match finished {
        Ok(()) => true,
        Err(SimulationError::Stopped) => false,
        Err(error) => return Err(error.into()),
    };
    let best = |reserves: &[u32]| search.best(reserves).cloned().filter(|_| overload.is_none());
    let (recommended, today) = (best(&scenario.plan.reserve), best(&[0]));
    let findings =
        Findings { scenario, search: &search, baseline: &baseline, largest: &largest, complete };
    let (verdict, why) = findings.verdict(recommended.as_ref(), overload);
    Ok(Plan {
        verdict,
        why,
        complete,
        recommended,
        today,
        baseline,
        scenario: own,
        frontier: search.frontier(),
        judged: search.candidates.len(),
        warnings: scenario.warnings.clone(),
    })
}

/// Confirms the best with the reserves searched, and the best without one, by runs of their own;
/// where that fails, the next best.
fn certify<J>(
    searched: &[u32],
    judge: &Judge<'_>,
    search: &mut Search<'_, J>,
    count: &impl Fn(),
) -> Result<(), SimulationError>
where
    J: FnMut(Place, Effort) -> Result<Candidate, SimulationError>,
{
    let mut attempt = 0;
    for reserves in [searched, &[0]] {
        while let Some(best) = search.best(reserves).cloned().filter(|best| !best.certified)
            && attempt < ATTEMPTS
        {
            attempt += 1;
            let place = best.place();
            let seen = judge.certify(&best, attempt)?;
            if search.meets_goal(&seen) {
                search.candidates.insert(place, Candidate { certified: true, ..seen });
            } else {
                search.refused.push(place);
                search.settle()?;
            }
            count();
        }
    }
    Ok(())
}

/// Configurations that a search is expected to judge: those compared with, for each variant
/// a bisection without a reserve and a staircase through the reserves, the neighbours of the best,
/// and certificates.
fn expected(scenario: &Scenario, variants: usize) -> usize {
    let depths = scenario.plan.rx.len();
    let bisection = (usize::BITS - depths.leading_zeros()) as usize;
    3 + variants * (bisection + scenario.plan.reserve.len()) + 2 + 2
}

impl Candidate {
    fn new((variant, shape): Place, scenario: &Scenario, simulation: &Simulation) -> Self {
        let reserve = scenario.reserve.as_ref();
        let memory = scenario.memory();
        let rings = scenario.queues() as u64 * u64::from(shape.rx);
        let in_rotation = rings.saturating_add(simulation.reserve_in_use.max);
        Self {
            variant,
            queues: scenario.queues(),
            shape,
            reserve_entries: reserve
                .map_or(0, |reserve| u64::from(reserve.groups) * u64::from(reserve.entries)),
            policy: reserve.map(|reserve| reserve.policy),
            drop_rate: simulation.drop_rate,
            certified: false,
            p99_us: simulation.sojourn.quantile_us(0.99),
            memory: simulation.memory,
            in_use_bytes_max: memory.bytes_of(simulation.in_use.max),
            rotation_bytes: memory.bytes_of(in_rotation),
            simulated: simulation.simulated,
            decided: false,
        }
    }

    const fn place(&self) -> Place {
        (self.variant, self.shape)
    }
}
