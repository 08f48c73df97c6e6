//! The command line: arguments, printing, exit status. The only part that knows standard output and
//! the wall clock.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what this module is for"
)]

mod check;
mod explain;
mod fit;
mod footprint;
mod host;
#[cfg(feature = "tui")]
mod live;
mod man;
#[cfg(target_os = "linux")]
mod observe;
mod output;
mod placement;
mod plan;
mod plot;
mod presets;
mod progress;
mod reproduce;
mod sensitivity;
mod shard;
mod simulate;
mod sweep;

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::fit::FitError;
use crate::input::InputError;
use crate::input::ethtool::{InventoryError, LiveError};
use crate::plan::PlanError;
use crate::plot::PlotError;
use crate::recording::RecordingError;
use crate::report::{JournalError, OutputError, results_schema};
use crate::scenario::{Scenario, ScenarioError, Source, printable, schema};
use crate::sensitivity::SensitivityError;
use crate::shard::ShardError;
use crate::simulation::{self, SimulationError};
use crate::sweep::SweepError;
use crate::units::SimDuration;

/// How much receive-buffer memory does this NIC need, and what happens to drops if it gets less, or
/// gets it in another shape?
///
/// Without a command, plans the built-in scenario: 32 queues, 8 KiB buffers, short bursts.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    global: Global,
}

const EXAMPLES: &str = "\
Examples:
  rxplan footprint --queues 32 --rx 512 --reserve 4096
  rxplan footprint --nic mlx5 --queues 128 --mtu 9000
  rxplan simulate scenarios/shared-reserve.toml --set nic.rx=256
  rxplan sweep scenarios/shared-reserve.toml --vary nic.rx=64,128,256 --out rings
  rxplan plan scenarios/memory-waste.toml --max-drop-rate 1e-3 --format json

Exit status: 0 done; 1 the input or the environment is wrong; 2 usage; 3 a plan ended infeasible or
inconclusive.";

/// Options of every command.
#[derive(Debug, Args)]
struct Global {
    /// Form of the result on standard output.
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write summary.csv, queues.csv (or frontier.csv, sweep.csv and so on) and manifest.toml into
    /// this folder.
    #[arg(long, short, global = true, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed of all random streams, instead of the scenario's.
    #[arg(long, global = true, value_name = "N")]
    seed: Option<u64>,
    /// Threads; the result is the same with any number [default: one per processor].
    #[arg(long, global = true, value_name = "N")]
    jobs: Option<usize>,
    /// No progress and no warnings.
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Stop after this much wall-clock time, such as "30 s", with what is finished by then.
    #[arg(long, global = true, value_name = "TIME", value_parser = time_limit)]
    time_limit: Option<Duration>,
    /// Engine that simulates.
    #[arg(long, global = true, value_enum, default_value_t = Engine::Auto)]
    engine: Engine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One header line and rows.
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// The fastest one that fits; the result is the same.
    Auto,
    /// One event after another.
    Reference,
    /// No events but arrivals: plain server hosts only.
    Fast,
}

impl From<Engine> for simulation::Engine {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Auto => Self::Auto,
            Engine::Reference => Self::Reference,
            Engine::Fast => Self::Fast,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Memory arithmetic only, no simulation.
    Footprint(footprint::FootprintArgs),
    /// Simulate one scenario: drops, memory, occupancy, latency, each with its interval.
    Simulate(simulate::SimulateArgs),
    /// Simulate a grid of scenarios: every combination of the values of some keys.
    Sweep(sweep::SweepArgs),
    /// The same grid in parts, for Slurm, Kubernetes, GNU parallel or Snakemake.
    Shard(shard::ShardArgs),
    /// Find the least memory that meets a drop goal, with and without a reserve.
    Plan(plan::PlanArgs),
    /// Why a ring needs the depth it needs: bursts, stalls and delays, each with its share.
    Explain(ScenarioArgs),
    /// Drops and memory as 1, 2, 4 ... all queues burst in step.
    Sensitivity(ScenarioArgs),
    /// Fit traffic to a trace, and say how good the fit is.
    Fit(fit::FitArgs),
    /// Sample what the queues of an interface receive into a trace.
    #[cfg(target_os = "linux")]
    Observe(observe::ObserveArgs),
    /// Read an interface, live or from saved output of ethtool.
    Host(host::HostArgs),
    /// NICs that are known: ring limits, memory, refill, drop counters, each with its source.
    Presets(presets::PresetsArgs),
    /// Figures (SVG) and a report (HTML) from result files; simulates nothing.
    Plot(plot::PlotArgs),
    /// The zero-copy placement header on the wire, and where a packet would land.
    #[command(subcommand)]
    Placement(placement::PlacementCommand),
    /// Validate a scenario and everything it names.
    Check(ScenarioArgs),
    /// Print the JSON Schema of a scenario.
    Schema {
        /// That of results in JSON instead.
        #[arg(long)]
        results: bool,
    },
    /// Make the results beside a manifest again, and say whether they are the same bytes.
    Reproduce(reproduce::ReproduceArgs),
    /// Print a script that completes commands and options in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, of rxplan or of one of its commands.
    Man {
        /// The command; absent: rxplan itself.
        command: Option<String>,
    },
}

/// A scenario and its overrides.
#[derive(Debug, Args)]
struct ScenarioArgs {
    /// Scenario file (TOML); `-` for standard input.
    scenario: PathBuf,
    /// Override a key, as in nic.rx=1024 or traffic.0.rate="3 Mpps".
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

/// Why a command ended without a result.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Sensitivity(#[from] SensitivityError),
    #[error(transparent)]
    Fit(#[from] FitError),
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error("standard input: {0}; pipe a trace in")]
    Trace(#[source] io::Error),
    #[error(transparent)]
    Sweep(#[from] SweepError),
    #[error(transparent)]
    Shard(#[from] ShardError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    #[error(transparent)]
    Live(#[from] LiveError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Plot(#[from] PlotError),
    #[error("standard output: {0}")]
    Stdout(#[source] io::Error),
    #[error("standard input: {0}; give a scenario file, or pipe one in")]
    Stdin(#[source] io::Error),
    #[error("{0}")]
    Refused(String),
    /// What is wrong is how the program was called; trying again is no use.
    #[error("{0}")]
    Usage(String),
}

/// Runs the program with the process's arguments.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match dispatch(&cli) {
        Ok(code) => code,
        Err(CommandError::Stdout(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}", printable(&error.to_string()));
            ExitCode::from(if matches!(error, CommandError::Usage(_)) { 2 } else { 1 })
        }
    }
}

/// Help and version are successes; everything else is a usage error.
fn usage(error: &clap::Error) -> ExitCode {
    let wanted = error.print();
    if error.use_stderr() || wanted.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    }
}

fn dispatch(cli: &Cli) -> Result<ExitCode, CommandError> {
    let global = &cli.global;
    match &cli.command {
        None => plan::run_default(global),
        Some(Command::Footprint(args)) => footprint::run(args, global),
        Some(Command::Simulate(args)) => simulate::run(args, global),
        Some(Command::Sweep(args)) => sweep::run(args, global),
        Some(Command::Shard(args)) => shard::run(args, global),
        Some(Command::Plan(args)) => plan::run(args, global),
        Some(Command::Explain(args)) => explain::run(args, global),
        Some(Command::Sensitivity(args)) => sensitivity::run(args, global),
        Some(Command::Fit(args)) => fit::run(args, global),
        #[cfg(target_os = "linux")]
        Some(Command::Observe(args)) => observe::run(args, global),
        Some(Command::Host(args)) => host::run(args, global),
        Some(Command::Presets(args)) => presets::run(args, global),
        Some(Command::Plot(args)) => plot::run(args, global),
        Some(Command::Placement(command)) => placement::run(command, global),
        Some(Command::Check(args)) => check::run(args, global),
        Some(Command::Reproduce(args)) => reproduce::run(args, global),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "rxplan", &mut script);
            print(&String::from_utf8_lossy(&script))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Man { command }) => {
            print(&man::page(command.as_deref())?)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Schema { results }) => {
            print(&format!("{:#}\n", if *results { results_schema() } else { schema() }))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Writes to standard output; a broken pipe is an error that [`run`] takes for success.
fn print(text: &str) -> Result<(), CommandError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(CommandError::Stdout)
}

/// Prints a report in the format that was asked for.
fn show<R: Serialize>(
    report: &R,
    global: &Global,
    table: impl Fn(&R) -> String,
    csv: impl Fn(&R) -> String,
) -> Result<(), CommandError> {
    print(&match global.format {
        Format::Table => table(report),
        Format::Json => format!("{:#}\n", serde_json::json!(report)),
        Format::Csv => csv(report),
    })
}

/// Shows warnings, unless asked not to.
fn warn(warnings: &[String], global: &Global) {
    if !global.quiet {
        for warning in warnings {
            eprintln!("warning: {}", printable(warning));
        }
    }
}

impl ScenarioArgs {
    fn source(&self) -> Result<Source, CommandError> {
        read_source(&self.scenario)
    }

    fn load(&self, global: &Global) -> Result<Scenario, CommandError> {
        load(&self.source()?, &self.overrides, global)
    }
}

/// The scenario that an argument names: a file, or `-` for standard input.
fn read_source(scenario: &Path) -> Result<Source, CommandError> {
    if scenario.as_os_str() != "-" {
        return Ok(Source::File(scenario.to_owned()));
    }
    let mut text = String::new();
    crate::input::decompressed(io::stdin())
        .and_then(|mut reader| reader.read_to_string(&mut text))
        .map_err(CommandError::Stdin)?;
    Ok(Source::Stdin(text))
}

/// Reads a scenario; `--seed` goes before its own seed.
fn load(source: &Source, overrides: &[String], global: &Global) -> Result<Scenario, CommandError> {
    let mut scenario = Scenario::load(source, overrides)?;
    if let Some(seed) = global.seed {
        scenario.run.seed = seed;
    }
    Ok(scenario)
}

fn time_limit(text: &str) -> Result<Duration, String> {
    let limit = SimDuration::parse(text).map_err(|error| error.to_string())?;
    if limit.is_zero() {
        return Err("it must be above zero".to_owned());
    }
    Ok(Duration::from_nanos(limit.as_ps().div_ceil(1_000)))
}
