//! `rxplan footprint`: memory arithmetic.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{CommandError, Format, Global, ScenarioArgs, load, output, print};
use crate::model::memory::{MemorySpec, default_completion_entries};
use crate::report::{ConfigurationRow, FootprintReport};
use crate::scenario::{Scenario, Source};
use crate::units::Bytes;

/// Memory arithmetic only. Without scenario and options: the built-in host, today and with a
/// reserve.
#[derive(Debug, Args)]
pub(super) struct FootprintArgs {
    /// Scenario file (TOML); `-` for standard input. Options below go before its values.
    scenario: Option<PathBuf>,
    /// Override a key of the scenario.
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "scenario")]
    overrides: Vec<String>,
    /// Receive queues [default: 32].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    queues: Option<u32>,
    /// Dedicated entries per queue [default: 4096].
    #[arg(long, value_name = "N")]
    rx: Option<u32>,
    /// Bytes of one buffer [default: 8 KiB].
    #[arg(long, value_name = "SIZE", value_parser = buffer_size)]
    rx_buf_len: Option<Bytes>,
    /// Entries of the reserve [default: none].
    #[arg(long, value_name = "N")]
    reserve: Option<u32>,
}

pub(super) fn run(args: &FootprintArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let rows = match &args.scenario {
        Some(path) => {
            let source = ScenarioArgs { scenario: path.clone(), overrides: Vec::new() }.source()?;
            let scenario = load(&source, &args.overrides, global)?;
            let mut spec = scenario.memory();
            args.apply(&mut spec, scenario.nic.completion_entries.is_some());
            if spec.groups as usize > spec.rx.len() {
                let (queues, groups) = (spec.rx.len(), spec.groups);
                return Err(CommandError::Refused(format!(
                    "--queues {queues} is less than the scenario's {groups} reserve groups; give \
                     at least as many queues"
                )));
            }
            vec![row("scenario", &spec)?]
        }
        None => args.without_scenario(global)?,
    };
    let report = FootprintReport::new(rows);
    let text = match global.format {
        Format::Table => report.table(),
        Format::Json => format!("{:#}\n", serde_json::json!(report)),
        Format::Csv => report.csv(),
    };
    if let Some(folder) = &global.out {
        output::write_files(folder, &[("summary.csv", report.csv())])?;
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

impl FootprintArgs {
    fn is_empty(&self) -> bool {
        self.queues.is_none()
            && self.rx.is_none()
            && self.rx_buf_len.is_none()
            && self.reserve.is_none()
    }

    fn without_scenario(&self, global: &Global) -> Result<Vec<ConfigurationRow>, CommandError> {
        let built_in = load(&Source::BuiltIn, &[], global)?;
        let baseline = built_in.with_shape(built_in.plan.baseline).memory();
        if self.is_empty() {
            return Ok(vec![
                row("private rings", &baseline)?,
                row("with a reserve", &Scenario::memory(&built_in))?,
            ]);
        }
        let mut spec = baseline;
        self.apply(&mut spec, false);
        Ok(vec![row("as given", &spec)?])
    }

    /// Puts the options in place of the configuration's values; completion rings follow unless they
    /// are fixed.
    fn apply(&self, spec: &mut MemorySpec, completions_fixed: bool) {
        let queues = self.queues.map_or(spec.rx.len(), |queues| queues as usize);
        if let Some(rx) = self.rx {
            spec.rx = vec![rx; queues];
        }
        let last = spec.rx.last().copied().unwrap_or(0);
        spec.rx.resize(queues, last);
        if let Some(size) = self.rx_buf_len {
            spec.rx_buf_len = size.get();
        }
        if let Some(reserve) = self.reserve {
            spec.reserve_entries = reserve;
        }
        if !completions_fixed {
            let rx_max = spec.rx.iter().copied().max().unwrap_or(0);
            spec.completion_entries = default_completion_entries(rx_max, spec.reserve_entries);
        }
    }
}

fn row(name: &str, spec: &MemorySpec) -> Result<ConfigurationRow, CommandError> {
    ConfigurationRow::new(name, spec).ok_or_else(|| {
        CommandError::Refused(
            "the configuration takes more than 2^64 bytes; lower --rx, --reserve or --rx-buf-len"
                .to_owned(),
        )
    })
}

fn buffer_size(text: &str) -> Result<Bytes, String> {
    let size = Bytes::parse(text).map_err(|error| error.to_string())?;
    if size.get() == 0 {
        return Err("it must be at least one byte".to_owned());
    }
    Ok(size)
}
