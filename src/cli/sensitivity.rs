//! `rxplan sensitivity`: what bursts in step cost.

use std::process::ExitCode;

use super::{CommandError, Global, ScenarioArgs, load, output, progress, show, warn};
use crate::model::system::Progress;
use crate::report::SensitivityReport;
use crate::sensitivity;
use crate::simulation::Engine;

pub(super) fn run(args: &ScenarioArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let source = args.source()?;
    let scenario = load(&source, &args.overrides, global)?;
    let steps = sensitivity::steps(&scenario).len();
    // A staircase through the grid for each, its ends, and the configuration itself.
    let runs = scenario.plan.rx.len() + scenario.plan.reserve.len() + 3;
    output::check_length(&scenario, runs * steps, global)?;
    let engine = Engine::from(global.engine);
    let name = engine.name(&scenario.system())?;
    if let Some(folder) = &global.out {
        output::make_folder(folder)?;
    }
    let progress = Progress::default();
    let jobs = global.jobs.unwrap_or(0);
    let (result, wall) = progress::watch(global, 0.0, &progress, |bar| {
        sensitivity::sensitivity(&scenario, jobs, engine, &progress, &|queues| {
            bar.set_message(format!("{queues} queues in step,"));
        })
    });
    let report = SensitivityReport::new(&scenario, &result?);
    if let Some(folder) = &global.out {
        let packets = progress.packets.load(std::sync::atomic::Ordering::Relaxed);
        let engine = output::engine(name, packets, wall);
        let manifest =
            output::manifest("sensitivity", &source, &args.overrides, &scenario, engine).toml();
        output::write_files(
            folder,
            &[("sensitivity.csv", report.csv()), ("manifest.toml", manifest)],
        )?;
    }
    warn(&report.warnings, global);
    show(&report, global, SensitivityReport::table, SensitivityReport::csv)?;
    Ok(ExitCode::SUCCESS)
}
