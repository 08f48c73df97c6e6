//! Simulating many scenarios: their replications over one set of threads, in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Engine, Merged, Path, Simulation, SimulationError, warmed};
use crate::model::outcome::Outcome;
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::random::Streams;
use crate::scenario::Scenario;

/// How to simulate many scenarios.
#[expect(missing_debug_implementations, reason = "holds closures")]
pub struct Batch<'a, E> {
    /// How many there are.
    pub count: usize,
    /// Threads; 0: one per processor.
    pub jobs: usize,
    /// Which engine simulates.
    pub engine: Engine,
    /// Gives the scenario of a number below `count`; called in order.
    pub load: &'a (dyn Fn(usize) -> Result<Scenario, E> + Sync),
    /// Receives each finished simulation, in no certain order, on any thread.
    pub done: &'a (dyn Fn(usize, &Scenario, &Simulation) -> Result<(), E> + Sync),
}

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
    let state = State { next: 0, current: None, failure: None };
    let run = Run { batch, progress, failed: AtomicBool::new(false), state: Mutex::new(state) };
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
    progress: &'a Progress,
    failed: AtomicBool,
    state: Mutex<State<E>>,
}

struct State<E> {
    /// The next scenario to load.
    next: usize,
    /// The scenario of which replications are handed out, and the next of them.
    current: Option<(Arc<Point>, u32)>,
    failure: Option<E>,
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
            let (point, replication) = match self.take() {
                Ok(Some(task)) => task,
                Ok(None) => return,
                Err(error) => return self.fail(error),
            };
            let done = |simulation: &Simulation| {
                (self.batch.done)(point.number, &point.scenario, simulation)
            };
            let finished = match point.simulate(replication, self.progress) {
                Some(Ok(simulation)) => done(&simulation),
                Some(Err(error)) => Err(error.into()),
                None => Ok(()),
            };
            if let Err(error) = finished {
                self.fail(error);
            }
        }
    }

    /// The next replication of the first scenario that has one left.
    fn take(&self) -> Result<Option<(Arc<Point>, u32)>, E> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (point, replication) = match state.current.take() {
            Some(current) => current,
            None if state.next < self.batch.count => {
                state.next += 1;
                (Arc::new(self.load(state.next - 1)?), 0)
            }
            None => return Ok(None),
        };
        if replication + 1 < point.scenario.run.replications {
            state.current = Some((Arc::clone(&point), replication + 1));
        }
        Ok(Some((point, replication)))
    }

    fn load(&self, number: usize) -> Result<Point, E> {
        let scenario = warmed(&(self.batch.load)(number)?, 1, self.progress)?;
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

impl Point {
    /// Runs a replication; the scenario's result if that was its last one.
    fn simulate(
        &self,
        replication: u32,
        progress: &Progress,
    ) -> Option<Result<Simulation, SimulationError>> {
        let streams = Streams::new(self.scenario.run.seed, replication);
        let outcome = self.path.run(&self.system, streams, progress, Observers::default())?;
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
