//! `rxplan check`: is a scenario right?

use std::process::ExitCode;

use serde_json::json;

use super::{CommandError, Format, Global, ScenarioArgs, print, warn};
use crate::model::traffic::TrafficSpec;
use crate::units::format_bytes;

pub(super) fn run(args: &ScenarioArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let scenario = args.load(global)?;
    let warnings: Vec<String> = scenario.warnings.iter().map(ToString::to_string).collect();
    let memory = scenario.memory().memory().expect("checked when the scenario was resolved");
    let packets = scenario.expected_packets();
    let tables: Vec<_> = scenario.traffic.iter().filter_map(TrafficSpec::size_table).collect();
    match global.format {
        Format::Table => {
            warn(&warnings, global);
            print(&format!(
                "{}: ok; {} queues, {}, {} memory, host {}, about {packets:.2e} packets to \
                 simulate\n",
                args.scenario.display(),
                scenario.queues(),
                scenario.reserve.as_ref().map_or_else(
                    || "no reserve".to_owned(),
                    |reserve| match reserve.device_entries {
                        0 => format!("{} x {} reserve", reserve.groups, reserve.entries),
                        device => {
                            let (groups, entries) = (reserve.groups, reserve.entries);
                            format!("{groups} x {entries} + {device} reserve")
                        }
                    }
                ),
                format_bytes(memory.total_bytes),
                scenario.host.name(),
            ))?;
            for table in tables {
                print(&format!("sizes \"{}\": {table}\n", table.name))?;
            }
        }
        Format::Csv => print(&format!("ok,warnings\ntrue,{}\n", warnings.len()))?,
        Format::Json => {
            let json = json!({
                "schema": crate::report::SCHEMA,
                "command": "check",
                "ok": true,
                "warnings": warnings,
                "size_tables": tables
                    .iter()
                    .map(|table| json!({ "name": table.name, "about": table.to_string() }))
                    .collect::<Vec<_>>(),
            });
            print(&format!("{json:#}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
