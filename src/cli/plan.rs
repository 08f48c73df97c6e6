//! `rxplan plan`: the least memory that meets a goal.

use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::Args;

use super::{CommandError, Format, Global, ScenarioArgs, load, output, print, progress, warn};
use crate::model::system::Progress;
use crate::plan::{self, Judged, Verdict};
use crate::report::PlanReport;
use crate::scenario::Source;
use crate::simulation::Engine;
use crate::units::to_f64;

/// Find the least memory that meets a drop goal.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// The goal: at most this share of packets dropped [default: the scenario's, or 1e-6].
    #[arg(long, value_name = "P", value_parser = share)]
    max_drop_rate: Option<f64>,
}

/// Exit status of a plan that ended infeasible or inconclusive.
const NOT_FEASIBLE: u8 = 3;

/// Plans the built-in scenario and says where to go from there.
pub(super) fn run_default(global: &Global) -> Result<ExitCode, CommandError> {
    let code = plan_source(&Source::BuiltIn, &[], None, global)?;
    if global.format == Format::Table && !global.quiet {
        print(
            "\nThis was the built-in scenario. `rxplan --help` shows what else there is; plan one \
             of your own with\n`rxplan plan SCENARIO.toml` (see scenarios/ and `rxplan schema`).\n",
        )?;
    }
    Ok(code)
}

pub(super) fn run(args: &PlanArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let source = args.scenario.source()?;
    plan_source(&source, &args.scenario.overrides, args.max_drop_rate, global)
}

fn plan_source(
    source: &Source,
    overrides: &[String],
    max_drop_rate: Option<f64>,
    global: &Global,
) -> Result<ExitCode, CommandError> {
    let mut scenario = load(source, overrides, global)?;
    if let Some(goal) = max_drop_rate {
        scenario.plan.max_drop_rate = goal;
    }
    // A staircase through the grid, and what it is compared with.
    let runs = scenario.plan.rx.len() + scenario.plan.reserve.len() + 2;
    output::check_length(&scenario, runs, global)?;
    if let Some(folder) = &global.out {
        output::make_folder(folder)?;
    }
    let expected = scenario.expected_packets() * to_f64(runs as u64);
    let engine = Engine::from(global.engine).name(&scenario.system())?;
    let progress = Progress::default();
    let jobs = global.jobs.unwrap_or(0);
    let (planned, wall) = progress::watch(global, expected, &progress, |bar| {
        plan::plan(
            &scenario,
            jobs,
            global.engine.into(),
            &progress,
            &|Judged { so_far, expected }| {
                let packets = progress.packets.load(Ordering::Relaxed);
                bar.set_length(packets.saturating_mul(expected as u64) / so_far as u64);
                bar.set_message(format!("{so_far} configurations judged,"));
            },
        )
    });
    let planned = planned?;
    let report = PlanReport::new(&scenario, &planned);
    if let Some(folder) = &global.out {
        let packets = progress.packets.load(Ordering::Relaxed);
        let engine = output::engine(engine, packets, wall);
        let mut manifest = output::manifest("plan", source, overrides, &scenario, engine);
        if let Some(goal) = max_drop_rate {
            manifest.arguments = vec!["--max-drop-rate".to_owned(), goal.to_string()];
        }
        let json = format!("{:#}\n", serde_json::json!(report));
        output::write_files(
            folder,
            &[
                ("plan.json", json),
                ("frontier.csv", report.csv()),
                ("manifest.toml", manifest.toml()),
            ],
        )?;
    }
    warn(&report.warnings, global);
    print(&match global.format {
        Format::Table => report.table(),
        Format::Json => format!("{:#}\n", serde_json::json!(report)),
        Format::Csv => report.csv(),
    })?;
    Ok(match planned.verdict {
        Verdict::Feasible => ExitCode::SUCCESS,
        Verdict::Infeasible | Verdict::Inconclusive => ExitCode::from(NOT_FEASIBLE),
    })
}

fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| *share > 0.0 && *share < 1.0)
        .ok_or_else(|| "write a share above 0 and below 1, such as 1e-6".to_owned())
}
