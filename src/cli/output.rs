//! What commands that simulate share: the files of `--out`, and the refusal of endless runs.

use std::path::Path;
use std::time::Duration;

use super::{CommandError, Global};
use crate::report::{EngineReport, Manifest, OutputError, write_atomically};
use crate::scenario::{Scenario, Source};
use crate::units::to_f64;

/// Packets beyond which a run is refused unless it has a time limit: hours at any speed.
const PACKETS_MAX: f64 = 1e11;
/// Packets per second and thread to reckon with, before anything was measured.
const PACKETS_PER_SECOND: f64 = 8e6;

/// Refuses to simulate `runs` configurations of a scenario where that would take hours, and says
/// how long it would take.
pub(super) fn check_length(
    scenario: &Scenario,
    runs: usize,
    global: &Global,
) -> Result<(), CommandError> {
    let packets = scenario.expected_events() * to_f64(runs as u64);
    check_packets(packets, scenario.run.replications as usize, global)
}

/// Refuses to simulate this many packets, on at most so many threads, where that would take hours.
pub(super) fn check_packets(
    packets: f64,
    threads_max: usize,
    global: &Global,
) -> Result<(), CommandError> {
    if packets <= PACKETS_MAX || global.time_limit.is_some() {
        return Ok(());
    }
    let threads = global
        .jobs
        .filter(|jobs| *jobs > 0)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let threads = threads.min(threads_max);
    let hours = packets / (PACKETS_PER_SECOND * to_f64(threads as u64)) / 3600.0;
    Err(CommandError::Refused(format!(
        "run.duration: the run asks for {packets:.1e} packets and bursts, about {hours:.0} hours \
         on {threads} threads; shorten run.duration, or set --time-limit to stop with what is done"
    )))
}

/// The engine's speed in a run.
pub(super) fn engine(name: &'static str, packets: u64, wall: Duration) -> EngineReport {
    let wall_s = wall.as_secs_f64();
    let packets_per_second = if wall_s > 0.0 { to_f64(packets) / wall_s } else { 0.0 };
    EngineReport { name, packets_per_second, wall_s }
}

/// The manifest of a run.
pub(super) fn manifest(
    command: &'static str,
    source: &Source,
    overrides: &[String],
    scenario: &Scenario,
    engine: EngineReport,
) -> Manifest {
    Manifest {
        version: env!("CARGO_PKG_VERSION"),
        command,
        scenario: source.name(),
        scenario_sha256: scenario.hash.clone(),
        overrides: overrides.to_vec(),
        arguments: Vec::new(),
        seed: Some(scenario.run.seed),
        engine,
    }
}

/// Writes result files into a folder, which is made if it is not there.
pub(super) fn write_files(folder: &Path, files: &[(&str, String)]) -> Result<(), CommandError> {
    make_folder(folder)?;
    for (name, content) in files {
        write_atomically(&folder.join(name), content.as_bytes())?;
        #[cfg(feature = "parquet")]
        if let Some(stem) = name.strip_suffix(".csv").filter(|_| !content.is_empty()) {
            let content = crate::report::parquet(content);
            write_atomically(&folder.join(stem).with_extension("parquet"), &content)?;
        }
    }
    Ok(())
}

/// Makes the folder for results; before the work, so that a wrong path costs nothing.
pub(super) fn make_folder(folder: &Path) -> Result<(), CommandError> {
    if folder.exists() && !folder.is_dir() {
        let message = "is not a folder; give --out the name of one, or a new name";
        return Err(CommandError::Refused(format!("{}: {message}", folder.display())));
    }
    std::fs::create_dir_all(folder)
        .map_err(|source| OutputError { path: folder.to_owned(), source }.into())
}
