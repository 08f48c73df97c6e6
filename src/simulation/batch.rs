//! Simulating many scenarios: their replications over one set of threads, in order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Engine, Merged, Path, Simulation, SimulationError, warmed};
use crate::model::outcome::Outcome;
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::random::Streams;
use crate::scenario::{RunMethod, Scenario};

/// How to simulate many scenarios.
#[expect(missing_debug_implementations, reason = "holds closures")]
pub struct Batch<'a, E> {
    /// The numbers of the scenarios, in groups of those that may differ in nothing but the size of
    /// their reserve: they are run in one pass where that gives the same.
    pub groups: &'a [Vec<usize>],
    /// Threads; 0: one per processor.
    pub jobs: usize,
    /// Which engine simulates.
    pub engine: Engine,
    /// Gives the scenario of a number; called in order.
    pub load: &'a (dyn Fn(usize) -> Result<Scenario, E> + Sync),
    /// Receives each finished simulation, in no certain order, on any thread.
    pub done: &'a (dyn Fn(usize, &Scenario, &Simulation) -> Result<(), E> + Sync),
}

/// Parts that there should be for each thread, so that all have something to do until the end.
const PARTS_PER_JOB: usize = 2;
/// Buffers of all systems of a pass, about: 64 MiB if all differ.
const ENTRIES_MAX: u64 = 8 << 20;

/// Runs all replications of all scenarios of a batch, each with the result that
/// [`simulate`](super::simulate) gives.
///
/// When `progress.stop` is set, scenarios of which a replication is unfinished give no result.
///
/// # Errors
/// The first of `load` or `done`, or a [`SimulationError`].
pub fn simulate_batch<E: From<SimulationError> + Send>(
    batch: &Batch<'_, E>,
    progress: &Progress,
) -> Result<(), E> {
    let jobs = match batch.jobs {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        jobs => jobs,
    };
    let state = State { next: 0, alone: VecDeque::new(), current: VecDeque::new(), failure: None };
    let failed = AtomicBool::new(false);
    let run = Run { batch, jobs, progress, failed, state: Mutex::new(state) };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let builder = std::thread::Builder::new();
            if builder.spawn_scoped(scope, || run.work()).is_err() {
                run.fail(SimulationError::Threads { jobs }.into());
                break;
            }
        }
    });
    let state = run.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.failure.map_or(Ok(()), Err)
}

/// A batch under way.
struct Run<'a, E> {
    batch: &'a Batch<'a, E>,
    jobs: usize,
    progress: &'a Progress,
    failed: AtomicBool,
    state: Mutex<State<E>>,
}

struct State<E> {
    /// The next group to load.
    next: usize,
    /// Scenarios of the group before, to be loaded one by one.
    alone: VecDeque<usize>,
    /// What is run in one pass each, and the next replication of it.
    current: VecDeque<(Arc<Pass>, u32)>,
    failure: Option<E>,
}

/// Scenarios that are run in one pass, or a single one.
struct Pass {
    points: Vec<Point>,
}

/// A scenario of the batch.
struct Point {
    number: usize,
    scenario: Scenario,
    system: SystemSpec,
    path: Path,
    outcomes: Mutex<InOrder>,
}

/// Outcomes merged in order of their replications, whatever order they come in.
#[derive(Default)]
struct InOrder {
    merged: Option<Merged>,
    next: u32,
    early: BTreeMap<u32, Outcome>,
}

impl<E: From<SimulationError> + Send> Run<'_, E> {
    /// What each thread does.
    fn work(&self) {
        while !self.failed.load(Ordering::Relaxed) && !self.progress.stop.load(Ordering::Relaxed) {
            let (pass, replication) = match self.take() {
                Ok(Some(task)) => task,
                Ok(None) => return,
                Err(error) => return self.fail(error),
            };
            let outcomes = pass.run(replication, self.progress).unwrap_or_default();
            for (point, outcome) in pass.points.iter().zip(outcomes) {
                let finished = match point.add(replication, outcome) {
                    Some(Ok(simulation)) => {
                        (self.batch.done)(point.number, &point.scenario, &simulation)
                    }
                    Some(Err(error)) => Err(error.into()),
                    None => Ok(()),
                };
                if let Err(error) = finished {
                    self.fail(error);
                }
            }
        }
    }

    /// The next replication of the first pass that has one left.
    fn take(&self) -> Result<Option<(Arc<Pass>, u32)>, E> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.current.is_empty() {
            let passes = self.next_passes(&mut state)?;
            state.current.extend(passes.into_iter().map(|pass| (Arc::new(pass), 0)));
        }
        let Some((pass, replication)) = state.current.pop_front() else { return Ok(None) };
        if replication + 1 < pass.replications() {
            state.current.push_front((Arc::clone(&pass), replication + 1));
        }
        Ok(Some((pass, replication)))
    }

    /// The passes of the next group, or of the next scenario that is not to share one.
    fn next_passes(&self, state: &mut State<E>) -> Result<Vec<Pass>, E> {
        if let Some(number) = state.alone.pop_front() {
            return Ok(vec![Pass { points: vec![self.load(number)?] }]);
        }
        let group = self.batch.groups.get(state.next).map(Vec::as_slice);
        let Some([first, others @ ..]) = group else { return Ok(Vec::new()) };
        state.next += 1;
        let scenario = (self.batch.load)(*first)?;
        let may_share = !others.is_empty() && self.may_share(&scenario);
        let mut points = vec![self.prepare(*first, &scenario)?];
        if !may_share {
            state.alone.extend(others);
            return Ok(vec![Pass { points }]);
        }
        for number in others {
            points.push(self.load(*number)?);
        }
        Ok(self.passes(points))
    }

    /// Whether scenarios like this one may share a pass: whether they can is seen when all are
    /// loaded, which takes long where that needs pilot runs.
    fn may_share(&self, scenario: &Scenario) -> bool {
        self.batch.engine != Engine::Reference
            && scenario.run.method == RunMethod::Plain
            && !scenario.run.finds_warmup
    }

    /// The scenarios of a group, in one pass if they can share it, or in more to keep all threads
    /// busy; otherwise each alone.
    fn passes(&self, mut points: Vec<Point>) -> Vec<Pass> {
        let mut parts = points.len();
        if can_share(&points) {
            // Neighbours have most in common.
            points.sort_by_key(|point| point.system.buffers.reserve.as_ref().map(|it| it.entries));
            let replications = points.first().map_or(1, |first| first.scenario.run.replications);
            let passes = self.batch.groups.len().saturating_mul(replications as usize).max(1);
            let for_jobs = (PARTS_PER_JOB * self.jobs).div_ceil(passes);
            parts = parts.min(for_jobs.max(parts_for_memory(&points)));
        }
        let (count, mut points) = (points.len(), points.into_iter());
        let end = |part: usize| count * part / parts;
        let points = |part| points.by_ref().take(end(part + 1) - end(part)).collect();
        (0..parts).map(points).map(|points| Pass { points }).collect()
    }

    fn load(&self, number: usize) -> Result<Point, E> {
        self.prepare(number, &(self.batch.load)(number)?)
    }

    /// What is needed to run a scenario.
    fn prepare(&self, number: usize, scenario: &Scenario) -> Result<Point, E> {
        let scenario = warmed(scenario, 1, self.progress)?;
        let system = scenario.system();
        let path = Path::new(&scenario, &system, self.batch.engine, self.progress)?;
        Ok(Point { number, scenario, system, path, outcomes: Mutex::default() })
    }

    fn fail(&self, error: E) {
        self.failed.store(true, Ordering::Relaxed);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failure.get_or_insert(error);
    }
}

/// Whether one pass gives each of the scenarios the result that it has alone.
fn can_share(points: &[Point]) -> bool {
    let Some(first) = points.first().map(|point| &point.scenario.run) else { return false };
    let is_alike = |point: &Point| {
        let run = &point.scenario.run;
        point.path.is_windowed() && (run.seed, run.replications) == (first.seed, first.replications)
    };
    let systems: Vec<&SystemSpec> = points.iter().map(|point| &point.system).collect();
    points.iter().all(is_alike) && SystemSpec::can_run_together(&systems)
}

/// Parts that each keep within [`ENTRIES_MAX`].
fn parts_for_memory(points: &[Point]) -> usize {
    let of = |point: &Point| {
        let buffers = &point.system.buffers;
        let dedicated: u64 = buffers.rx.iter().map(|rx| u64::from(*rx)).sum();
        dedicated + buffers.reserve.as_ref().map_or(0, |reserve| u64::from(reserve.entries))
    };
    let parts = points.iter().map(of).sum::<u64>().div_ceil(ENTRIES_MAX);
    usize::try_from(parts).unwrap_or(usize::MAX)
}

impl Pass {
    fn replications(&self) -> u32 {
        self.points.first().map_or(0, |point| point.scenario.run.replications)
    }

    /// Runs a replication of all scenarios; `None` if it was stopped.
    fn run(&self, replication: u32, progress: &Progress) -> Option<Vec<Outcome>> {
        if let [point] = &*self.points {
            let streams = Streams::new(point.scenario.run.seed, replication);
            let observers = Observers::default();
            return Some(vec![point.path.run(&point.system, streams, progress, observers)?]);
        }
        let streams = Streams::new(self.points.first()?.scenario.run.seed, replication);
        let systems: Vec<&SystemSpec> = self.points.iter().map(|point| &point.system).collect();
        SystemSpec::run_together(&systems, streams, progress)
    }
}

impl Point {
    /// Adds the outcome of a replication; the scenario's result if that was its last one.
    fn add(
        &self,
        replication: u32,
        outcome: Outcome,
    ) -> Option<Result<Simulation, SimulationError>> {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.add(replication, outcome);
        let complete = outcomes.next == self.scenario.run.replications;
        let merged = if complete { outcomes.merged.take() } else { None };
        merged.map(|merged| merged.finish(&self.scenario, &self.path))
    }
}

impl InOrder {
    fn add(&mut self, replication: u32, outcome: Outcome) {
        self.early.insert(replication, outcome);
        while let Some(outcome) = self.early.remove(&self.next) {
            self.next += 1;
            match &mut self.merged {
                None => self.merged = Some(Merged::new(outcome)),
                Some(merged) => merged.add(&outcome),
            }
        }
    }
}
