//! `rxplan sweep`: a grid of scenarios, in parallel on this machine.

use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{CommandError, Format, Global, ScenarioArgs, output, print, progress, warn};
use crate::model::system::Progress;
use crate::report::{EngineReport, Existing, FinishedPoints, Manifest, SweepReport, sweep_record};
use crate::simulation::{Engine, SimulationError};
use crate::sweep::{Expected, POINTS_MAX, Record, Sample, SampleMethod, Sweep, SweepSpec};

/// Simulate a grid of scenarios: every combination of the values of some keys.
#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    grid: GridArgs,
    /// Go on with the unfinished sweep in the folder of --out, instead of refusing to touch it.
    #[arg(long)]
    resume: bool,
}

/// Which points a sweep has.
#[derive(Debug, Args)]
pub(super) struct GridArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Vary a key, beside those of the scenario's sweep table: nic.rx="64..4096 x2", nic.rx="0..512
    /// step 64", nic.rx=64,128 or a list in brackets. The last key varies fastest.
    #[arg(long, value_name = "KEY=VALUES")]
    vary: Vec<String>,
    /// Take only so many points of the grid.
    #[arg(long, value_name = "N", value_parser = sample_points)]
    sample: Option<NonZeroU32>,
    /// How the points of --sample are chosen.
    #[arg(long, value_enum, default_value_t = Sampling::LatinHypercube, requires = "sample")]
    sampling: Sampling,
    /// Seed of that choice, apart from the seed of the traffic.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "sample")]
    sample_seed: u64,
    /// What other points are compared with: those with these values, and otherwise their own
    /// [default: the first point].
    #[arg(long, value_name = "KEY=VALUE,...", value_delimiter = ',')]
    baseline: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sampling {
    /// Each set of points is as likely as any other.
    Random,
    /// The values of every key are covered evenly.
    LatinHypercube,
}

/// The journal's name in the folder of --out.
pub(super) const JOURNAL: &str = "sweep.journal";

pub(super) fn run(args: &SweepArgs, global: &Global) -> Result<ExitCode, CommandError> {
    if args.resume && global.out.is_none() {
        let message = "--resume: needs --out DIR, the folder of the sweep to go on with";
        return Err(CommandError::Usage(message.to_owned()));
    }
    let spec = args.grid.spec(global)?;
    let sweep = Sweep::new(&spec)?;
    let open = |existing| match &global.out {
        None => Ok(FinishedPoints::in_memory(sweep.header(None))),
        Some(folder) => {
            output::make_folder(folder)?;
            let journal = folder.join(JOURNAL);
            Ok::<_, CommandError>(FinishedPoints::open(&journal, sweep.header(None), existing)?)
        }
    };
    let all: Vec<usize> = (0..sweep.points()).collect();
    let (work, mut finished) = if args.resume {
        let finished = open(Existing::Resume)?;
        (Work::left(&sweep, &all, &finished, global)?, finished)
    } else {
        // What is wrong is found before anything is written.
        let work = Work::of(&sweep, all, global)?;
        let finished = open(Existing::Replace(sweep.points()))?;
        (work, finished)
    };
    let effort = work.simulate(&sweep, &mut finished, global.jobs, global)?;
    if let Some(folder) = &global.out {
        finished.write(&folder.join(JOURNAL))?;
    }
    let records = finished.into_records();
    if records.is_empty() {
        return Err(SimulationError::Stopped.into());
    }
    if records.len() < sweep.points() {
        let (finished, points) = (records.len(), sweep.points());
        let how = if global.out.is_some() { "--resume" } else { "--out DIR and then --resume" };
        warn(&[format!("stopped after {finished} of {points} points; go on with {how}")], global);
    }
    present(&sweep, &spec, &records, effort, global)
}

/// Points to simulate, of which each is known to be right.
pub(super) struct Work {
    points: Vec<usize>,
    expected: Expected,
}

impl Work {
    fn of(sweep: &Sweep, points: Vec<usize>, global: &Global) -> Result<Self, CommandError> {
        let expected = sweep.check(&points, global.engine.into())?;
        Ok(Self { points, expected })
    }

    /// Those of `points` that are not finished.
    pub(super) fn left(
        sweep: &Sweep,
        points: &[usize],
        finished: &FinishedPoints,
        global: &Global,
    ) -> Result<Self, CommandError> {
        let left = points.iter().copied().filter(|point| !finished.has(*point));
        Self::of(sweep, left.collect(), global)
    }

    /// Simulates the points and adds them to those that are finished.
    pub(super) fn simulate(
        &self,
        sweep: &Sweep,
        finished: &mut FinishedPoints,
        jobs: Option<usize>,
        global: &Global,
    ) -> Result<Effort, CommandError> {
        let threads_max = usize::try_from(self.expected.replications).unwrap_or(usize::MAX);
        if !finished.has_journal() {
            // With a journal nothing is lost, however long it takes.
            output::check_packets(self.expected.events, threads_max, global)?;
        }
        let jobs = jobs.unwrap_or(0).min(threads_max);
        let how = (jobs, Engine::from(global.engine));
        let points = finished.len() + self.points.len();
        let progress = Progress::default();
        let done = Mutex::new(finished);
        let (simulated, wall) = progress::watch(global, self.expected.packets, &progress, |bar| {
            let show = |finished: &FinishedPoints| {
                bar.set_message(format!("{} of {points} points,", finished.len()));
            };
            show(&done.lock().unwrap_or_else(PoisonError::into_inner));
            sweep.simulate(&self.points, how, &progress, &|point, scenario, simulation| {
                let record = sweep_record(sweep, point, scenario, simulation);
                let mut finished = done.lock().unwrap_or_else(PoisonError::into_inner);
                finished.add(record)?;
                show(&finished);
                Ok::<_, CommandError>(())
            })
        });
        simulated?;
        Ok(Effort { packets: progress.packets.load(Ordering::Relaxed), wall })
    }
}

/// What was simulated, and how long it took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Effort {
    pub(super) packets: u64,
    pub(super) wall: Duration,
}

/// Writes the files of --out and prints the result.
pub(super) fn present(
    sweep: &Sweep,
    spec: &SweepSpec,
    records: &[Record],
    effort: Effort,
    global: &Global,
) -> Result<ExitCode, CommandError> {
    let report = SweepReport::new(sweep, records);
    if let Some(folder) = &global.out {
        let engine = output::engine("auto", effort.packets, effort.wall);
        output::write_files(
            folder,
            &[
                ("sweep.csv", report.csv()),
                ("sweep.jsonl", report.json_lines()),
                ("differences.csv", report.differences_csv()),
                ("manifest.toml", manifest(sweep, spec, engine)?.toml()),
            ],
        )?;
    }
    warn(&report.warnings(), global);
    print(&match global.format {
        Format::Table => report.table(),
        Format::Json => report.json(),
        Format::Csv => report.csv(),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn manifest(
    sweep: &Sweep,
    spec: &SweepSpec,
    engine: EngineReport,
) -> Result<Manifest, CommandError> {
    Ok(Manifest {
        version: env!("CARGO_PKG_VERSION"),
        command: "sweep",
        scenario: spec.scenario.name.clone(),
        scenario_sha256: sweep.scenario_hash().to_owned(),
        overrides: spec.overrides.clone(),
        arguments: arguments(spec),
        seed: sweep.common_seed()?,
        engine,
    })
}

/// The arguments that ask for the same points.
fn arguments(spec: &SweepSpec) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut add = |name: &str, value: &str| arguments.extend([name.to_owned(), value.to_owned()]);
    for text in &spec.vary {
        add("--vary", text);
    }
    if let Some(sample) = spec.sample {
        add("--sample", &sample.points.to_string());
        add("--sampling", sample.method.name());
        add("--sample-seed", &sample.seed.to_string());
    }
    for text in &spec.baseline {
        add("--baseline", text);
    }
    arguments
}

impl GridArgs {
    /// What the arguments ask for.
    pub(super) fn spec(&self, global: &Global) -> Result<SweepSpec, CommandError> {
        Ok(SweepSpec {
            scenario: self.scenario.source()?.read()?,
            overrides: self.scenario.overrides.clone(),
            vary: self.vary.clone(),
            sample: self.sample.map(|points| Sample {
                points,
                method: match self.sampling {
                    Sampling::Random => SampleMethod::Random,
                    Sampling::LatinHypercube => SampleMethod::LatinHypercube,
                },
                seed: self.sample_seed,
            }),
            seed: global.seed,
            baseline: self.baseline.clone(),
        })
    }
}

fn sample_points(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .ok()
        .filter(|points: &NonZeroU32| points.get() <= POINTS_MAX)
        .ok_or_else(|| format!("write a whole number from 1 to {POINTS_MAX}"))
}
