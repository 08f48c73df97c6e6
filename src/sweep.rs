//! Sweeps: a scenario with some keys varied, over a grid or a part of one.
//!
//! Every point is a scenario of its own, and sees the same traffic as every other of the same seed
//! (common random numbers), so that differences between points are sharper than the points
//! themselves. Points are independent: any set of them may run anywhere, in any order.

mod grid;
mod journal;
mod sampling;

pub use journal::{Header, Journal, Record, Shard, line, read};
pub use sampling::{Sample, SampleMethod};

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::grid::Grid;
use crate::model::system::Progress;
use crate::scenario::{Axis, Place, Scenario, ScenarioError, ScenarioText, Template};
use crate::simulation::{Batch, Engine, Simulation, SimulationError, simulate_batch};

/// What a sweep is asked for: all that its rows depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepSpec {
    /// The scenario.
    pub scenario: ScenarioText,
    /// Overrides, as given to `--set`.
    pub overrides: Vec<String>,
    /// Axes beside those of `[sweep]`, as given to `--vary`.
    pub vary: Vec<String>,
    /// Which points to take; `None`: all.
    pub sample: Option<Sample>,
    /// Seed of all random streams, instead of the scenario's.
    pub seed: Option<u64>,
    /// Values of the points that others are compared with, as `KEY=VALUE`; a point keeps its own
    /// value of a key that is not named. Empty: the values of the first point.
    pub baseline: Vec<String>,
}

/// A sweep whose axes make sense.
#[derive(Debug, Clone)]
pub struct Sweep {
    template: Template,
    grid: Grid,
    sample: Option<Sample>,
    seed: Option<u64>,
    /// Grid points in order.
    points: Vec<u64>,
    /// For each axis the position that the baseline has, or `None` for a point's own.
    baseline: Vec<Option<usize>>,
}

/// Why a sweep cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The scenario or an axis is wrong.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// There is no axis.
    #[error(
        "the sweep varies nothing; give the scenario a [sweep] with keys such as \"nic.rx\", or \
         --vary nic.rx=\"64..4096 x2\""
    )]
    NothingVaries,
    /// The grid is too large.
    #[error(
        "the grid has {points} points, more than {POINTS_MAX}; vary less, or take a part of them \
         with --sample {SAMPLE_EXAMPLE}"
    )]
    TooMany {
        /// How many; where they cannot be counted, in words.
        points: String,
    },
    /// A point's values do not go together.
    #[error("point {} of {of} ({values}): {message}", number + 1)]
    Point {
        /// Its number, from 0.
        number: usize,
        /// Points of the sweep.
        of: usize,
        /// What is varied.
        values: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The baseline is none of the points.
    #[error("--baseline {text}: {message}")]
    Baseline {
        /// What was written.
        text: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// Seeds are varied and given.
    #[error("--seed: the sweep varies run.seed; leave one of them out")]
    SeedVaries,
}

/// What points ask for, all replications together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Expected {
    /// Packets to simulate.
    pub packets: f64,
    /// Packets and periods of traffic to simulate.
    pub events: f64,
    /// Replications.
    pub replications: u64,
}

/// Most points of a sweep: their rows, about 5 kB each, are held in memory.
pub const POINTS_MAX: u32 = 250_000;
/// What the message about large grids suggests.
const SAMPLE_EXAMPLE: u32 = 1000;
/// The key whose values are not compared with each other, but each within its own.
const SEED_KEY: &str = "run.seed";
/// The key of which many values can be simulated in one pass.
const RESERVE_KEY: &str = "reserve.entries";
/// Most points of a group: each has books of its own, and is finished when all are.
const GROUP_MAX: usize = 32;

impl Sweep {
    /// Makes sense of what was asked for. Points are not looked at: see [`check`](Self::check).
    ///
    /// # Errors
    /// [`SweepError`] when nothing is varied, or too much, or what is not there.
    pub fn new(spec: &SweepSpec) -> Result<Self, SweepError> {
        let template = Template::read(&spec.scenario, &spec.overrides, &spec.vary)?;
        let axes = template.axes();
        if axes.is_empty() {
            return Err(SweepError::NothingVaries);
        }
        if spec.seed.is_some() && axes.iter().any(|axis| axis.key == SEED_KEY) {
            return Err(SweepError::SeedVaries);
        }
        let lengths = axes.iter().map(|axis| axis.values.len()).collect();
        let grid = Grid::new(lengths)
            .ok_or_else(|| SweepError::TooMany { points: "more than 2^64".to_owned() })?;
        let points = match spec.sample {
            Some(sample) => sample.of(&grid),
            None if grid.len() <= u64::from(POINTS_MAX) => (0..grid.len()).collect(),
            None => return Err(SweepError::TooMany { points: grid.len().to_string() }),
        };
        let first = points.first().expect("axes have values, samples have points");
        let baseline = baseline(axes, &spec.baseline, &grid.positions(*first))?;
        let (sample, seed) = (spec.sample, spec.seed);
        Ok(Self { template, grid, sample, seed, points, baseline })
    }

    /// Number of points.
    #[must_use]
    pub fn points(&self) -> usize {
        self.points.len()
    }

    /// Number of points of the whole grid, of which these may be a sample.
    #[must_use]
    pub const fn grid_points(&self) -> u64 {
        self.grid.len()
    }

    /// What is varied.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        self.template.axes()
    }

    /// SHA-256 of the scenario's text and overrides.
    #[must_use]
    pub fn scenario_hash(&self) -> &str {
        self.template.hash()
    }

    /// SHA-256 of all that the rows depend on, this program's version included.
    #[must_use]
    pub fn hash(&self) -> String {
        let axes: Vec<_> = self.axes().iter().map(|axis| (&axis.key, &axis.values)).collect();
        let all = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "scenario": self.scenario_hash(),
            "axes": axes,
            "sample": self.sample,
            "seed": self.seed,
        });
        let digest = Sha256::digest(all.to_string());
        digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// The first line of a journal of this sweep, or of a shard of it.
    #[must_use]
    pub fn header(&self, shard: Option<Shard>) -> Header {
        Header {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario_sha256: self.scenario_hash().to_owned(),
            seed: self.seed,
            sweep_sha256: self.hash(),
            shard,
        }
    }

    /// The values of a point, one for each axis.
    #[must_use]
    pub fn values(&self, point: usize) -> Vec<&Value> {
        let positions = self.grid.positions(self.points[point]);
        self.axes().iter().zip(positions).map(|(axis, at)| &axis.values[at]).collect()
    }

    /// The values of a point for people: `nic.rx = 128, reserve.entries = 0`.
    #[must_use]
    pub fn label(&self, point: usize) -> String {
        let mut label = String::new();
        for (axis, value) in self.axes().iter().zip(self.values(point)) {
            let comma = if label.is_empty() { "" } else { ", " };
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            write!(label, "{comma}{} = {value}", axis.key).expect("writing to memory");
        }
        label
    }

    /// The point that a point is compared with, if the sweep has it.
    #[must_use]
    pub fn baseline(&self, point: usize) -> Option<usize> {
        let own = self.grid.positions(self.points[point]);
        let positions: Vec<usize> =
            self.baseline.iter().zip(own).map(|(fixed, own)| fixed.unwrap_or(own)).collect();
        self.points.binary_search(&self.grid.point(&positions)).ok()
    }

    /// The scenario of a point.
    ///
    /// # Errors
    /// [`SweepError::Point`] when its values do not go together.
    pub fn scenario(&self, point: usize) -> Result<Scenario, SweepError> {
        let mut scenario = self
            .template
            .scenario(&self.values(point))
            .map_err(|error| self.at(point, &self.message(&error)))?;
        if let Some(seed) = self.seed {
            scenario.run.seed = seed;
        }
        Ok(scenario)
    }

    /// The seed of all points, where they have the same.
    ///
    /// # Errors
    /// [`SweepError::Point`] when the first point is wrong.
    pub fn common_seed(&self) -> Result<Option<u64>, SweepError> {
        if self.axes().iter().any(|axis| axis.key == SEED_KEY) {
            return Ok(None);
        }
        Ok(Some(self.scenario(0)?.run.seed))
    }

    /// Makes sure that all of these points can be simulated, and says how much work they are.
    ///
    /// # Errors
    /// [`SweepError::Point`] for the first that cannot.
    pub fn check(&self, points: &[usize], engine: Engine) -> Result<Expected, SweepError> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let chunk = points.len().div_ceil(threads).max(1);
        let checked: Vec<Result<Expected, SweepError>> = std::thread::scope(|scope| {
            let start = |points| scope.spawn(move || self.check_in_order(points, engine));
            let running: Vec<_> = points.chunks(chunk).map(start).collect();
            running.into_iter().map(|one| one.join().expect("loading does not panic")).collect()
        });
        checked.into_iter().try_fold(Expected::default(), |sum, part| Ok(sum.with(&part?)))
    }

    fn check_in_order(&self, points: &[usize], engine: Engine) -> Result<Expected, SweepError> {
        points.iter().try_fold(Expected::default(), |sum, point| {
            let scenario = self.scenario(*point)?;
            engine.name(&scenario.system()).map_err(|e| self.at(*point, &e.to_string()))?;
            Ok(sum.with(&Expected {
                packets: scenario.expected_packets(),
                events: scenario.expected_events(),
                replications: u64::from(scenario.run.replications),
            }))
        })
    }

    /// Simulates points, handing each finished one to `done`, in no certain order. When
    /// `progress.stop` is set, unfinished points are left out. Points that differ in the size of
    /// the reserve alone are simulated in one pass where that gives the same.
    ///
    /// # Errors
    /// The first of `done`, of loading or of simulating.
    pub fn simulate<E: From<SweepError> + From<SimulationError> + Send>(
        &self,
        points: &[usize],
        (jobs, engine): (usize, Engine),
        progress: &Progress,
        done: &(dyn Fn(usize, &Scenario, &Simulation) -> Result<(), E> + Sync),
    ) -> Result<(), E> {
        let batch = Batch {
            groups: &self.groups(points),
            jobs,
            engine,
            load: &|point| Ok(self.scenario(point)?),
            done,
        };
        simulate_batch(&batch, progress)
    }

    /// The points in groups that differ in the size of the reserve alone, as far as values say.
    fn groups(&self, points: &[usize]) -> Vec<Vec<usize>> {
        let Some(reserve) = self.axes().iter().position(|axis| axis.key == RESERVE_KEY) else {
            return points.iter().map(|point| vec![*point]).collect();
        };
        let mut groups: Vec<Vec<usize>> = Vec::new();
        // The group that points with these values elsewhere go to.
        let mut open: BTreeMap<u64, usize> = BTreeMap::new();
        for point in points {
            let mut positions = self.grid.positions(self.points[*point]);
            positions[reserve] = 0;
            let group = open.entry(self.grid.point(&positions)).or_insert(groups.len());
            if groups.get(*group).is_some_and(|group| group.len() == GROUP_MAX) {
                *group = groups.len();
            }
            match groups.get_mut(*group) {
                Some(group) => group.push(*point),
                None => groups.push(vec![*point]),
            }
        }
        groups
    }

    /// What is wrong with a point; without a place where that is one of the values that the point
    /// is named by.
    fn message(&self, error: &ScenarioError) -> String {
        let varied = |text: &str| {
            let key = text.split_once('=').map_or("", |(key, _)| key);
            self.axes().iter().any(|axis| axis.key == key)
        };
        match error {
            ScenarioError::Value { place: Place::Set(text), key, message } if varied(text) => {
                format!("{key}: {message}")
            }
            ScenarioError::Override { text, message } if varied(text) => message.clone(),
            other => other.to_string(),
        }
    }

    fn at(&self, point: usize, message: &str) -> SweepError {
        SweepError::Point {
            number: point,
            of: self.points(),
            values: self.label(point),
            message: message.to_owned(),
        }
    }
}

impl Expected {
    fn with(&self, other: &Self) -> Self {
        Self {
            packets: self.packets + other.packets,
            events: self.events + other.events,
            replications: self.replications + other.replications,
        }
    }
}

/// For each axis the baseline's position.
fn baseline(
    axes: &[Axis],
    given: &[String],
    first: &[usize],
) -> Result<Vec<Option<usize>>, SweepError> {
    if given.is_empty() {
        let position = |(axis, at): (&Axis, &usize)| (axis.key != SEED_KEY).then_some(*at);
        return Ok(axes.iter().zip(first).map(position).collect());
    }
    let mut baseline = vec![None; axes.len()];
    for text in given {
        let wrong = |message: String| SweepError::Baseline { text: text.clone(), message };
        let keys = || axes.iter().map(|axis| axis.key.as_str()).collect::<Vec<_>>().join(", ");
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| wrong("has no '='; write KEY=VALUE, as in nic.rx=1024".to_owned()))?;
        let axis = axes
            .iter()
            .position(|axis| axis.key == key.trim())
            .ok_or_else(|| wrong(format!("is not varied; varied are {}", keys())))?;
        let position = axes[axis].position(value).ok_or_else(|| {
            let values: Vec<String> = axes[axis].values.iter().map(Value::to_string).collect();
            wrong(format!("is none of its values; they are {}", values.join(", ")))
        })?;
        baseline[axis] = Some(position);
    }
    Ok(baseline)
}
