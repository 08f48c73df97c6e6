//! `rxplan presets`: what is known about NICs.

use std::process::ExitCode;

use clap::Args;

use super::{CommandError, Global, output, show};
use crate::preset::{self, Preset};
use crate::report::PresetsReport;

/// List the NICs that are known, or show one with the source of every value.
#[derive(Debug, Args)]
pub(super) struct PresetsArgs {
    /// The one to show.
    #[arg(value_name = "NAME", value_parser = preset::find)]
    preset: Option<&'static Preset>,
}

pub(super) fn run(args: &PresetsArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let report = PresetsReport::new(match &args.preset {
        Some(preset) => std::slice::from_ref(preset),
        None => &preset::ALL,
    });
    if let Some(folder) = &global.out {
        output::write_files(folder, &[("summary.csv", report.csv())])?;
    }
    show(&report, global, PresetsReport::table, PresetsReport::csv)?;
    Ok(ExitCode::SUCCESS)
}
