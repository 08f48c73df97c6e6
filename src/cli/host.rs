//! `rxplan host`: what an interface says of its receive path, live or from captures.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{CommandError, Format, Global, output, print, show, warn};
use crate::host::{Findings, Load, Offered, scenario};
use crate::input::ethtool::{Captures, Inventory, read_live, read_path, read_text};
use crate::report::{HostReport, write_atomically};
use crate::units::BitRate;

/// Read an interface, live or from saved output of ethtool: memory, ring time, drops, and a
/// scenario to go on with. Changes no setting.
#[derive(Debug, Args)]
pub(super) struct HostArgs {
    /// The interface [default: the only one with a device, or that the captures are of].
    #[arg(value_name = "IFACE")]
    interface: Option<String>,
    /// Saved output of ethtool -g -l -c -S -i -x -k -a, `ip -j -s -s link` or ynl, in any order and
    /// form; a folder of it or a sosreport; `-` for standard input. Instead of the live interface.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from: Vec<PathBuf>,
    /// Rate of the line, such as "25 Gbit/s", instead of what the interface says.
    #[arg(long, value_name = "RATE", value_parser = line_rate)]
    line_rate: Option<BitRate>,
    /// Write a scenario of this interface, with assumed traffic.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Share of the line rate that the scenario's traffic has on average, below 0.5.
    #[arg(long, value_name = "SHARE", default_value = "0.3", value_parser = load)]
    load: Load,
}

pub(super) fn run(args: &HostArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let inventory = inventory(&args.from, args.interface.as_deref())?;
    let findings = Findings::new(&inventory, args.line_rate);
    warn(&findings.notes, global);
    let report = HostReport::new(&inventory, &findings);
    if let Some(path) = &args.scenario {
        let text = scenario(&findings, &Offered::Assumed(args.load))
            .map_err(|fault| CommandError::Refused(fault.to_string()))?;
        write_scenario(path, &text)?;
    }
    if let Some(folder) = &global.out {
        output::write_files(folder, &[("host.csv", report.csv())])?;
    }
    show(&report, global, HostReport::table, HostReport::csv)?;
    if let Some(path) = &args.scenario
        && global.format == Format::Table
        && !global.quiet
    {
        let path = path.display();
        print(&format!(
            "\nScenario: {path}. Put your traffic there, then `rxplan plan {path}`.\n"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is known of an interface: live, or from captures if there are any.
pub(super) fn inventory(
    from: &[PathBuf],
    interface: Option<&str>,
) -> Result<Inventory, CommandError> {
    if from.is_empty() {
        let (name, captures) = read_live(interface)?;
        return Ok(captures.inventory(Some(&name))?);
    }
    Ok(captures(from)?.inventory(interface)?)
}

fn captures(paths: &[PathBuf]) -> Result<Captures, CommandError> {
    let mut captures = Captures::default();
    for path in paths {
        captures.extend(if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            crate::input::decompressed(io::stdin())
                .and_then(|mut reader| reader.read_to_end(&mut bytes))
                .map_err(CommandError::Stdin)?;
            read_text("<stdin>", &String::from_utf8_lossy(&bytes))
        } else {
            read_path(path)?
        });
    }
    Ok(captures)
}

/// Writes the scenario, but over no file that is there.
fn write_scenario(path: &Path, text: &str) -> Result<(), CommandError> {
    if path.is_file() {
        return Err(CommandError::Refused(format!(
            "{}: is there already; give --scenario a new name",
            path.display()
        )));
    }
    Ok(write_atomically(path, text.as_bytes())?)
}

pub(super) fn line_rate(text: &str) -> Result<BitRate, String> {
    let rate = BitRate::parse(text).map_err(|error| error.to_string())?;
    if rate.is_zero() {
        return Err("it must be above zero".to_owned());
    }
    Ok(rate)
}

pub(super) fn load(text: &str) -> Result<Load, String> {
    let share: f64 = text.parse().map_err(|_| format!("\"{text}\" is no number"))?;
    Load::new(share).ok_or_else(|| "it must be above 0 and below 0.5".to_owned())
}
