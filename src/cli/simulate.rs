//! `rxplan simulate`: one scenario.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{CommandError, Global, ScenarioArgs, load, output, progress, show, warn};
use crate::model::log::PacketOutcome;
use crate::model::system::Progress;
use crate::report::{
    RowFile, SimulateReport, check_writable, queues_csv, summary_csv, timeline_csv,
    write_atomically,
};
use crate::scenario::Scenario;
use crate::simulation::{self, Engine, Options};

/// Simulate one scenario.
#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Write what became of every packet of the first replication's window, in order of arrival
    /// (CSV).
    #[arg(long, value_name = "FILE")]
    packets: Option<PathBuf>,
    /// Write the occupancy of rings and reserve over time in the first replication (CSV).
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
    /// Show the first replication in the terminal, rings filling and the reserve draining, at a
    /// speed that keys set; then nothing is printed (feature `tui`).
    #[arg(long, conflicts_with_all = ["packets", "timeline"])]
    live: bool,
}

pub(super) fn run(args: &SimulateArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let source = args.scenario.source()?;
    let scenario = load(&source, &args.scenario.overrides, global)?;
    if args.live {
        return live(&scenario);
    }
    output::check_length(&scenario, 1, global)?;
    let engine = Engine::from(global.engine).name(&scenario.system())?;
    if let Some(folder) = &global.out {
        output::make_folder(folder)?;
    }
    if let Some(path) = &args.timeline {
        check_writable(path)?;
    }
    let create = |path: &PathBuf| RowFile::create(path, "");
    let mut packet_file = args.packets.as_ref().map(create).transpose()?;
    let progress = Progress::default();
    let expected = scenario.expected_packets();
    let (simulated, wall) = progress::watch(global, expected, &progress, |_| {
        let mut write = packet_file.as_mut().map(|file| |packet: &PacketOutcome| file.add(packet));
        let options = Options {
            jobs: global.jobs.unwrap_or(0),
            packets: write.as_mut().map(|write| write as &mut (dyn FnMut(&PacketOutcome) + Send)),
            timeline: args.timeline.is_some(),
            engine: global.engine.into(),
        };
        simulation::simulate(&scenario, options, &progress)
    });
    let simulation = simulated?;
    let engine = output::engine(engine, simulation.packets_simulated, wall);
    let mut report = SimulateReport::new(&scenario, &simulation);
    if let Some(file) = packet_file {
        file.finish()?;
    }
    if let (Some(path), Some(timeline)) = (&args.timeline, &simulation.timeline) {
        write_atomically(path, timeline_csv(timeline).as_bytes())?;
    }
    if let Some(folder) = &global.out {
        let overrides = &args.scenario.overrides;
        let manifest =
            output::manifest("simulate", &source, overrides, &scenario, engine.clone()).toml();
        let (summary, queues) = (summary_csv(&report), queues_csv(&report));
        output::write_files(
            folder,
            &[("summary.csv", summary), ("queues.csv", queues), ("manifest.toml", manifest)],
        )?;
    }
    warn(&report.warnings, global);
    // It says how long this run took, which files that can be made again must not.
    report.engine = Some(engine);
    show(&report, global, SimulateReport::table, summary_csv)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "tui")]
fn live(scenario: &Scenario) -> Result<ExitCode, CommandError> {
    super::live::run(scenario)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(not(feature = "tui"))]
fn live(_: &Scenario) -> Result<ExitCode, CommandError> {
    let why = "--live: this rxplan was built without it; install it with cargo install --path . \
               --locked --features tui";
    Err(CommandError::Refused(why.to_owned()))
}
