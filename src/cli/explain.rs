//! `rxplan explain`: why a ring needs the depth that it needs.

use std::process::ExitCode;

use super::{CommandError, Format, Global, ScenarioArgs, print, warn};
use crate::explain::explain;
use crate::report::ExplainReport;

pub(super) fn run(args: &ScenarioArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let scenario = args.load(global)?;
    let report = ExplainReport::new(&scenario, &explain(&scenario));
    warn(&report.warnings, global);
    print(&match global.format {
        Format::Table => report.table(),
        Format::Json => format!("{:#}\n", serde_json::json!(report)),
        Format::Csv => report.csv(),
    })?;
    Ok(ExitCode::SUCCESS)
}
