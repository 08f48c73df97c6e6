//! `rxplan shard`: a sweep cut into parts for Slurm, Kubernetes, GNU parallel or Snakemake.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::sweep::{Effort, GridArgs, JOURNAL, Work, present};
use super::{CommandError, Global, output, print, show, warn};
use crate::report::{
    Existing, FinishedPoints, JournalError, ShardState, ShardStatus, write_atomically,
};
use crate::shard::{Emit, PLAN_FILE, SHARDS_MAX, Scheduler, ShardError, ShardPlan, array_text};
use crate::simulation::Engine;
use crate::sweep::{Record, Shard};

/// Cut a sweep into shards that any scheduler can run, and put their parts together.
#[derive(Debug, Args)]
pub(super) struct ShardArgs {
    #[command(subcommand)]
    command: ShardCommand,
}

#[derive(Debug, Subcommand)]
enum ShardCommand {
    /// Check all points and write a plan into the folder of --out.
    Plan(PlanArgs),
    /// Simulate the points of one shard, or what is left of them.
    ///
    /// Exit status: 0 done, also if it was done before; 1 worth another try; 2 not worth one.
    Run(RunArgs),
    /// Say which shards are done.
    Status(FolderArgs),
    /// Put the parts together: the same result as of the sweep run whole.
    Merge(FolderArgs),
    /// Print a script that runs all shards.
    Emit(EmitArgs),
}

#[derive(Debug, Args)]
struct PlanArgs {
    #[command(flatten)]
    grid: GridArgs,
    /// How many shards.
    #[arg(long, value_name = "N", value_parser = shard_count)]
    shards: usize,
}

#[derive(Debug, Args)]
struct FolderArgs {
    /// The plan's folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    plan: FolderArgs,
    /// Which shard, from 0 [default: SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX or HQ_TASK_ID].
    #[arg(long, value_name = "I")]
    shard: Option<usize>,
}

#[derive(Debug, Args)]
struct EmitArgs {
    /// What will run the shards.
    scheduler: SchedulerName,
    #[command(flatten)]
    plan: FolderArgs,
    /// Container image, for Kubernetes.
    #[arg(long, default_value = concat!("rxplan:", env!("CARGO_PKG_VERSION")))]
    image: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchedulerName {
    /// An array job.
    Slurm,
    /// An Indexed Job.
    Kubernetes,
    /// GNU parallel.
    Parallel,
    /// Snakemake.
    Snakemake,
}

/// Where schedulers say which shard a job is to run, the first that is set.
const INDEX_VARIABLES: [&str; 3] = ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "HQ_TASK_ID"];
/// Where Slurm says how many cores a job has.
const CORES_VARIABLE: &str = "SLURM_CPUS_PER_TASK";
/// Most tasks of an array job in Slurm, unless its `MaxArraySize` was changed.
const SLURM_ARRAY_MAX: usize = 1000;

pub(super) fn run(args: &ShardArgs, global: &Global) -> Result<ExitCode, CommandError> {
    match &args.command {
        ShardCommand::Plan(args) => plan(args, global),
        ShardCommand::Run(args) => run_shard(args, global).map_err(not_worth_a_retry),
        ShardCommand::Status(args) => status(args, global),
        ShardCommand::Merge(args) => merge(args, global),
        ShardCommand::Emit(args) => emit(args, global),
    }
}

fn plan(args: &PlanArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let Some(folder) = &global.out else {
        return Err(CommandError::Usage("--out: is missing; give the plan a folder".to_owned()));
    };
    let mut spec = args.grid.spec(global)?;
    // Shards run elsewhere.
    spec.scenario.folder = absolute(&Path::new(".").join(&spec.scenario.folder));
    let plan = ShardPlan::new(spec, args.shards)?;
    let all: Vec<usize> = (0..plan.sweep().points()).collect();
    plan.sweep().check(&all, Engine::from(global.engine))?;
    output::make_folder(folder)?;
    let path = folder.join(PLAN_FILE);
    let text = plan.text();
    if std::fs::read_to_string(&path).is_ok_and(|there| there != text) {
        return Err(CommandError::Refused(format!(
            "{}: is of another sweep; give --out another folder",
            path.display()
        )));
    }
    write_atomically(&path, text.as_bytes())?;
    let (points, shards) = (all.len(), plan.shards());
    let folder = folder.display();
    print(&format!(
        "{points} points in {shards} shards. Next: rxplan shard emit slurm {folder} (or \
         kubernetes, parallel, snakemake),\nor rxplan shard run {folder} --shard 0 to {}; then \
         rxplan shard merge {folder} --out RESULTS.\n",
        shards - 1
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn run_shard(args: &RunArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let folder = &args.plan.folder;
    let plan = args.plan.read()?;
    let index = match args.shard {
        Some(index) => index,
        None => index_from_environment()?,
    };
    let shard = plan.shard(index)?;
    let points = plan.points(shard);
    let part = folder.join(shard.part_name());
    if read_part(&plan, shard, folder)?.is_some() {
        warn(&[format!("shard {index} of {}: is done already", shard.count)], global);
        return Ok(ExitCode::SUCCESS);
    }
    let journal = folder.join(shard.journal_name());
    let mut finished = FinishedPoints::open(&journal, plan.header(shard), Existing::Resume)?;
    let jobs = global.jobs.or_else(|| std::env::var(CORES_VARIABLE).ok()?.parse().ok());
    let work = Work::left(plan.sweep(), &points, &finished, global)?;
    work.simulate(plan.sweep(), &mut finished, jobs, global)?;
    if finished.len() < points.len() {
        return Err(CommandError::Refused(format!(
            "shard {index} of {}: stopped after {} of {} points; run it again to go on",
            shard.count,
            finished.len(),
            points.len()
        )));
    }
    finished.write(&part)?;
    Ok(ExitCode::SUCCESS)
}

fn status(args: &FolderArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let plan = args.read()?;
    let mut states = Vec::new();
    for shard in plan.all() {
        let points = plan.points(shard).len();
        states.push(match read_part(&plan, shard, &args.folder)? {
            Some(_) => ShardState::done(shard, points),
            None => {
                let journal = args.folder.join(shard.journal_name());
                ShardState::unfinished(shard, points, FinishedPoints::count(&journal))
            }
        });
    }
    let status = ShardStatus::new(states);
    show(&status, global, ShardStatus::table, ShardStatus::csv)?;
    Ok(ExitCode::SUCCESS)
}

fn merge(args: &FolderArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let plan = args.read()?;
    let mut missing = Vec::new();
    let mut all = FinishedPoints::in_memory(plan.sweep().header(None));
    for shard in plan.all() {
        match read_part(&plan, shard, &args.folder)? {
            Some(records) => records.into_iter().try_for_each(|record| all.add(record))?,
            None => missing.push(shard.index),
        }
    }
    if !missing.is_empty() {
        return Err(CommandError::Refused(format!(
            "{}: shards {} of {} are not done; run them first",
            args.folder.display(),
            array_text(&missing),
            plan.shards()
        )));
    }
    if let Some(folder) = &global.out {
        output::make_folder(folder)?;
        all.write(&folder.join(JOURNAL))?;
    }
    present(plan.sweep(), plan.spec(), &all.into_records(), Effort::default(), global)
}

fn emit(args: &EmitArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let plan = args.plan.read()?;
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("rxplan"));
    let (folder, shards) = (absolute(&args.plan.folder), plan.shards());
    let scheduler = match args.scheduler {
        SchedulerName::Slurm => Scheduler::Slurm,
        SchedulerName::Kubernetes => Scheduler::Kubernetes,
        SchedulerName::Parallel => Scheduler::Parallel,
        SchedulerName::Snakemake => Scheduler::Snakemake,
    };
    if scheduler == Scheduler::Slurm && shards > SLURM_ARRAY_MAX {
        let doubt = format!(
            "{shards} shards are more than Slurm takes in an array unless its MaxArraySize was \
             raised (scontrol show config); plan fewer shards"
        );
        warn(&[doubt], global);
    }
    let emit = Emit { program: &program, folder: &folder, shards, image: &args.image };
    print(&emit.script(scheduler))?;
    Ok(ExitCode::SUCCESS)
}

impl FolderArgs {
    fn read(&self) -> Result<ShardPlan, CommandError> {
        let path = self.folder.join(PLAN_FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            CommandError::Refused(format!(
                "{}: cannot read the plan: {error}; make one with rxplan shard plan",
                path.display()
            ))
        })?;
        ShardPlan::read(&text).map_err(|error| match error {
            ShardError::Sweep(error) => error.into(),
            other => CommandError::Usage(format!("{}: {other}", path.display())),
        })
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The points of a shard's part; `None` when it is not done.
fn read_part(
    plan: &ShardPlan,
    shard: Shard,
    folder: &Path,
) -> Result<Option<Vec<Record>>, CommandError> {
    let path = folder.join(shard.part_name());
    let Some(records) = FinishedPoints::read(&path, &plan.header(shard))? else { return Ok(None) };
    let points: Vec<usize> = records.iter().map(|record| record.point).collect();
    if points != plan.points(shard) {
        let why = "not whole".to_owned();
        return Err(JournalError::Foreign { path, why }.into());
    }
    Ok(Some(records))
}

fn index_from_environment() -> Result<usize, CommandError> {
    let set = INDEX_VARIABLES.into_iter().find_map(|name| Some((name, std::env::var(name).ok()?)));
    let Some((name, value)) = set else {
        return Err(CommandError::Usage(format!(
            "--shard: is missing, and none of {} is set; give --shard I",
            INDEX_VARIABLES.join(", ")
        )));
    };
    value.parse().map_err(|_| {
        CommandError::Usage(format!("{name} is \"{value}\", not the number of a shard"))
    })
}

/// What is wrong with the input stays wrong: schedulers must not try again.
fn not_worth_a_retry(error: CommandError) -> CommandError {
    match error {
        CommandError::Scenario(_)
        | CommandError::Sweep(_)
        | CommandError::Shard(_)
        | CommandError::Journal(JournalError::Foreign { .. }) => {
            CommandError::Usage(error.to_string())
        }
        other => other,
    }
}

fn shard_count(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| (1..=SHARDS_MAX).contains(count))
        .ok_or_else(|| format!("write a whole number from 1 to {SHARDS_MAX}"))
}
