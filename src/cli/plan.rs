//! `rxplan plan`: the least memory that meets a goal.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::Args;

use super::{
    CommandError, Format, Global, host, load, output, print, progress, read_source, show, warn,
};
use crate::host::{Findings, Load, Offered, scenario};
use crate::model::system::Progress;
use crate::model::traffic::TABLES;
use crate::plan::{self, Judged, Verdict};
use crate::report::PlanReport;
use crate::scenario::{ScenarioText, Source};
use crate::simulation::Engine;
use crate::units::{BitRate, to_f64};

/// Find the least memory that meets a drop goal.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Scenario file (TOML); `-` for standard input.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    scenario: Option<PathBuf>,
    /// Override a key, as in nic.rx=1024 or traffic.0.rate="3 Mpps".
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// The goal: at most this share of packets dropped [default: the scenario's, or 1e-6].
    #[arg(long, value_name = "P", value_parser = share)]
    max_drop_rate: Option<f64>,
    /// Instead of a scenario: a live interface, or saved output of ethtool as `host --from` takes.
    #[arg(long, value_name = "IFACE|FILE", num_args = 1..)]
    from: Vec<PathBuf>,
    /// With --from: samples of its traffic, as `observe` writes them, or the name of a table of
    /// flow sizes such as websearch; else bursts are assumed.
    #[arg(long, value_name = "FILE|TABLE", conflicts_with = "scenario")]
    traffic: Option<PathBuf>,
    /// With --from: the share of the line rate that assumed traffic has on average, below 0.5.
    #[arg(long, value_name = "SHARE", default_value = "0.3", value_parser = host::load)]
    load: Load,
    /// With --from: rate of the line, such as "25 Gbit/s", instead of what the interface says.
    #[arg(long, value_name = "RATE", conflicts_with = "scenario")]
    #[arg(value_parser = host::line_rate)]
    line_rate: Option<BitRate>,
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
    let source = match &args.scenario {
        Some(scenario) => read_source(scenario)?,
        None => interface_source(args, global)?,
    };
    plan_source(&source, &args.overrides, args.max_drop_rate, global)
}

/// The scenario of an interface; with --out it is kept there.
fn interface_source(args: &PlanArgs, global: &Global) -> Result<Source, CommandError> {
    let is_live = |path: &PathBuf| path.as_os_str() != "-" && !path.exists();
    let (inventory, name) = match &args.from[..] {
        [name] if is_live(name) => {
            let name = name.to_string_lossy();
            (host::inventory(&[], Some(&name))?, name.into_owned())
        }
        files => (host::inventory(files, None)?, files[0].display().to_string()),
    };
    let findings = Findings::new(&inventory, args.line_rate);
    warn(&findings.notes, global);
    let folder = std::env::current_dir().unwrap_or_default();
    let offered = match &args.traffic {
        None => Offered::Assumed(args.load),
        Some(file) => match TABLES.iter().find(|table| file.as_os_str() == table.name) {
            Some(table) => Offered::Flows(table.name, args.load),
            None => Offered::Samples(folder.join(file).display().to_string()),
        },
    };
    let text =
        scenario(&findings, &offered).map_err(|fault| CommandError::Refused(fault.to_string()))?;
    if let Some(out) = &global.out {
        output::write_files(out, &[(SCENARIO, text)])?;
        return Ok(Source::File(out.join(SCENARIO)));
    }
    Ok(Source::Text(ScenarioText { name: format!("<{name}>"), folder, text }))
}

/// The file in the folder of results that an interface's scenario is kept in.
const SCENARIO: &str = "scenario.toml";

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
    show(&report, global, PlanReport::table, PlanReport::csv)?;
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
