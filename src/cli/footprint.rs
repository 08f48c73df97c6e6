//! `rxplan footprint`: memory arithmetic.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{CommandError, Global, ScenarioArgs, load, output, show, warn};
use crate::model::buffers::ReserveSpec;
use crate::preset::{self, Preset, QueueRule};
use crate::report::{ConfigurationRow, FootprintReport};
use crate::scenario::{
    MTU, MTU_MAX, MTU_MIN, NicSpec, Scenario, Source, Warning, default_reserve, driver_depth,
};
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
    /// The NIC, which knows its ring depth and how it allocates (see `rxplan presets`).
    #[arg(long, value_name = "PRESET", value_parser = preset::find)]
    nic: Option<&'static Preset>,
    /// MTU, on which a NIC's buffers depend [default: 1500].
    #[arg(long, value_name = "N", value_parser = mtu_range())]
    mtu: Option<u32>,
}

/// What memory is needed for.
struct Configuration {
    name: &'static str,
    nic: NicSpec,
    reserve: Option<ReserveSpec>,
    warnings: Vec<Warning>,
}

pub(super) fn run(args: &FootprintArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let mut rows = Vec::new();
    for configuration in args.configurations(global)? {
        let warnings: Vec<String> =
            configuration.warnings.iter().map(ToString::to_string).collect();
        warn(&warnings, global);
        rows.push(row(&configuration)?);
    }
    let report = FootprintReport::new(rows);
    if let Some(folder) = &global.out {
        output::write_files(folder, &[("summary.csv", report.csv())])?;
    }
    show(&report, global, FootprintReport::table, FootprintReport::csv)?;
    Ok(ExitCode::SUCCESS)
}

impl FootprintArgs {
    fn is_empty(&self) -> bool {
        self.queues.is_none()
            && self.rx.is_none()
            && self.rx_buf_len.is_none()
            && self.reserve.is_none()
            && self.nic.is_none()
            && self.mtu.is_none()
    }

    /// The scenario with the options before its values; without one, the NIC as given, or the
    /// built-in host.
    fn configurations(&self, global: &Global) -> Result<Vec<Configuration>, CommandError> {
        if let Some(path) = &self.scenario {
            let source = ScenarioArgs { scenario: path.clone(), overrides: Vec::new() }.source()?;
            let scenario = load(&source, &self.overrides, global)?;
            return Ok(vec![self.apply(Configuration::of("scenario", scenario))?]);
        }
        if let Some(preset) = self.nic {
            return Ok(vec![self.apply(self.of_preset(preset)?)?]);
        }
        let built_in = load(&Source::BuiltIn, &[], global)?;
        let baseline = built_in.with_shape(built_in.plan.baseline);
        if self.is_empty() {
            return Ok(vec![
                Configuration::of("private rings", baseline),
                Configuration::of("with a reserve", built_in),
            ]);
        }
        Ok(vec![self.apply(Configuration::of("as given", baseline))?])
    }

    /// A NIC with nothing but its defaults, and the number of queues.
    fn of_preset(&self, preset: &'static Preset) -> Result<Configuration, CommandError> {
        let queues = match (self.queues, preset.queues.value) {
            (Some(queues), _) | (None, QueueRule::Fixed(queues)) => queues,
            (None, QueueRule::Rule(rule)) => {
                return Err(CommandError::Refused(format!(
                    "--queues is missing; {} has as many as its machine ({rule}): give --queues 32",
                    preset.name
                )));
            }
        };
        let rx = vec![preset.rx.default.value; queues as usize];
        Ok(Configuration {
            name: preset.name,
            nic: NicSpec::of_preset(preset, rx, self.mtu.unwrap_or(MTU)),
            reserve: Some(ReserveSpec { entries: preset.reserve, ..default_reserve() }),
            warnings: Vec::new(),
        })
    }

    /// Puts the options in place of the configuration's values; completion rings follow unless they
    /// are fixed.
    fn apply(&self, mut to: Configuration) -> Result<Configuration, CommandError> {
        let queues = self.queues.map_or(to.nic.rx.len(), |queues| queues as usize);
        let mut rx = self.rx.map_or_else(|| to.nic.rx.clone(), |rx| vec![rx; queues]);
        let last = rx.last().copied().unwrap_or(0);
        rx.resize(queues, last);
        let mtu = self.mtu.unwrap_or(to.nic.mtu);
        if let Some(preset) = self.nic {
            to.nic = to.nic.with_preset(preset, mtu);
        } else if self.mtu.is_some() {
            to.nic = to.nic.at_mtu(mtu).ok_or_else(|| {
                CommandError::Refused(
                    "--mtu has no effect without a NIC whose buffers depend on it; add --nic"
                        .to_owned(),
                )
            })?;
        }
        if let Some(preset) = to.nic.preset {
            for rx in &mut rx {
                *rx = driver_depth(preset, *rx, mtu, &mut to.warnings)
                    .map_err(|error| CommandError::Refused(format!("--rx {error}")))?;
            }
        }
        to.nic.rx = rx;
        if let Some(size) = self.rx_buf_len {
            to.nic.rx_buf_len = size.get();
            to.nic.driver = None;
        }
        if let Some(entries) = self.reserve {
            to.reserve =
                Some(ReserveSpec { entries, ..to.reserve.unwrap_or_else(default_reserve) });
        }
        match to.reserve.as_ref().map(|reserve| reserve.groups) {
            Some(groups) if groups as usize > queues => Err(CommandError::Refused(format!(
                "--queues {queues} is less than the scenario's {groups} reserve groups; give at \
                 least as many queues"
            ))),
            _ => Ok(to),
        }
    }
}

impl Configuration {
    fn of(name: &'static str, scenario: Scenario) -> Self {
        let Scenario { nic, reserve, mut warnings, .. } = scenario;
        warnings.retain(|warning| matches!(warning, Warning::RoundedRing { .. }));
        Self { name, nic, reserve, warnings }
    }
}

fn row(configuration: &Configuration) -> Result<ConfigurationRow, CommandError> {
    let Configuration { name, nic, reserve, .. } = configuration;
    ConfigurationRow::new(name, nic, reserve.as_ref()).ok_or_else(|| {
        CommandError::Refused(
            "the configuration takes more than 2^64 bytes; lower --rx, --reserve or --rx-buf-len"
                .to_owned(),
        )
    })
}

fn mtu_range() -> impl clap::builder::TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(i64::from(MTU_MIN)..=i64::from(MTU_MAX))
}

fn buffer_size(text: &str) -> Result<Bytes, String> {
    let size = Bytes::parse(text).map_err(|error| error.to_string())?;
    if size.get() == 0 {
        return Err("it must be at least one byte".to_owned());
    }
    Ok(size)
}
