//! `rxplan explain`: why a ring needs the depth that it needs.

use std::process::ExitCode;

use super::{CommandError, Global, ScenarioArgs, show, warn};
use crate::explain::explain;
use crate::report::ExplainReport;

pub(super) fn run(args: &ScenarioArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let scenario = args.load(global)?;
    let report = ExplainReport::new(&scenario, &explain(&scenario));
    warn(&report.warnings, global);
    show(&report, global, ExplainReport::table, ExplainReport::csv)?;
    Ok(ExitCode::SUCCESS)
}
