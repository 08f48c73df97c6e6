//! `rxplan fit`: a traffic model from a trace.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum, value_parser};

use super::{CommandError, Global, output, progress, show, warn};
use crate::fit::{Options, Pace, fit};
use crate::id::QueueId;
use crate::input::{RecordingKind, decompressed, open};
use crate::model::steering::{MICROSOFT_KEY, Rss, key_of_text};
use crate::model::system::Progress;
use crate::recording::{Form, InSample, Packets, Queues, Recording, Replay};
use crate::report::{EngineReport, FitReport, Manifest, file_sha256, write_atomically};
use crate::units::SimDuration;

/// Fit on-off or Markov-modulated traffic to a trace: writes `[[traffic]]` tables, and says how
/// well they reproduce the trace's bursts and the drops of rings.
#[derive(Debug, Args)]
pub(super) struct FitArgs {
    /// CSV of packets or of samples, pcap or pcapng, Millisampler's JSON or a folder of it; gzip is
    /// fine; `-` for standard input.
    trace: PathBuf,
    /// Write a scenario with the fitted traffic.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Queues over which RSS spreads a capture.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = value_parser!(u32).range(1..=65_536))]
    queues: u32,
    /// RSS key of the capture's NIC, as `ethtool -x` prints it [default: Microsoft's].
    #[arg(long, value_name = "KEY", value_parser = key)]
    rss_key: Option<Key>,
    /// Length of a Millisampler sample.
    #[arg(long, value_name = "TIME", default_value = "1 ms", value_parser = time)]
    interval: SimDuration,
    /// Where packets lie within a sample.
    #[arg(long, value_enum, default_value_t = Within::Even)]
    packets: Within,
    /// Bytes of the frames that Millisampler's bytes are cut into.
    #[arg(long, value_name = "BYTES", default_value_t = 1500)]
    #[arg(value_parser = value_parser!(u32).range(1..))]
    len: u32,
    /// Time that the host of the compared rings takes for a packet [default: so that the busiest
    /// queue is busy for 70 % of the time].
    #[arg(long, value_name = "TIME", value_parser = time)]
    service: Option<SimDuration>,
}

/// A hash key of RSS.
#[derive(Debug, Clone)]
struct Key(Vec<u8>);

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Within {
    /// Equally far apart.
    Even,
    /// All at its beginning.
    Burst,
    /// At random.
    Poisson,
}

impl From<Within> for InSample {
    fn from(within: Within) -> Self {
        match within {
            Within::Even => Self::Even,
            Within::Burst => Self::Burst,
            Within::Poisson => Self::Poisson,
        }
    }
}

pub(super) fn run(args: &FitArgs, global: &Global) -> Result<ExitCode, CommandError> {
    if let Some(folder) = &global.out {
        output::make_folder(folder)?;
    }
    let seed = global.seed.unwrap_or(1);
    let name =
        if args.is_stdin() { "<stdin>".to_owned() } else { args.trace.display().to_string() };
    let mut packets = args.open(&name)?;
    let options = Options { name: name.clone(), seed, service: args.service };
    let progress = Progress::default();
    let (fitted, wall) = progress::watch(global, 0.0, &progress, |_| {
        let (jobs, engine) = (global.jobs.unwrap_or(0), global.engine.into());
        fit(&mut packets, &options, &Pace { jobs, engine, progress: &progress })
    });
    let fitted = fitted?;
    let report = FitReport::new(name.clone(), seed, &fitted, warnings(&packets));
    if let Some(path) = &args.scenario {
        write_atomically(path, fitted.scenario.as_bytes())?;
    }
    if let Some(folder) = &global.out {
        let mut files = vec![
            ("fit.csv", report.csv()),
            ("parameters.csv", report.parameters_csv()),
            ("traffic.toml", report.traffic.clone()),
        ];
        if args.trace.is_file() {
            let simulated = progress.packets.load(std::sync::atomic::Ordering::Relaxed);
            let engine = output::engine("auto", simulated, wall);
            files.push(("manifest.toml", args.manifest(name, seed, engine)?.toml()));
        }
        output::write_files(folder, &files)?;
    }
    warn(&report.warnings, global);
    show(&report, global, FitReport::table, FitReport::csv)?;
    Ok(ExitCode::SUCCESS)
}

/// What should be known of the file that was read.
fn warnings(packets: &Packets) -> Vec<String> {
    let notes = packets.notes();
    let mut warnings = Vec::new();
    if notes.reordered > 0 {
        warnings.push(format!(
            "{} frames are stamped before an earlier one, and given its time",
            notes.reordered
        ));
    }
    if notes.skipped > 0 {
        warnings.push(format!("{} records have no ingressBytes and are left out", notes.skipped));
    }
    let resolution = packets.resolution();
    if !resolution.is_zero() {
        warnings.push(format!(
            "samples cannot show bursts shorter than {resolution}, nor what rings drop because of \
             them"
        ));
    }
    warnings
}

impl FitArgs {
    fn is_stdin(&self) -> bool {
        self.trace.as_os_str() == "-"
    }

    /// Opens the trace, whatever it is.
    fn open(&self, name: &str) -> Result<Packets, CommandError> {
        let path = if self.is_stdin() { PathBuf::from(name) } else { self.trace.clone() };
        let recording = |kind| Recording {
            path: path.clone(),
            form: self.form(kind),
            replay: Replay::default(),
        };
        if path.is_dir() {
            return Ok(recording(RecordingKind::Millisampler).open()?);
        }
        let reader = if self.is_stdin() {
            decompressed(io::stdin()).map_err(CommandError::Trace)?
        } else {
            open(&path)?
        };
        let (kind, reader) = RecordingKind::sniff(&path, reader)?;
        Ok(recording(kind).read(reader)?)
    }

    fn form(&self, kind: RecordingKind) -> Form {
        let place = self.packets.into();
        match kind {
            RecordingKind::Trace => Form::Trace(Queues::All),
            RecordingKind::Samples => Form::Samples { queues: Queues::All, place },
            RecordingKind::Capture => {
                const TABLE_LEN: usize = 128;
                let key = self.rss_key.as_ref().map_or(&MICROSOFT_KEY[..], |key| &key.0);
                let table = (0..self.queues).cycle().take(TABLE_LEN.max(self.queues as usize));
                let rss = Rss::new(key, table.collect());
                Form::Capture(rss.expect("the key is long enough, the table has an entry"))
            }
            RecordingKind::Millisampler => {
                let queues = (0..crate::scenario::QUEUES_MAX).map(QueueId::new).collect();
                Form::Millisampler { queues, interval: self.interval, len: self.len, place }
            }
        }
    }

    /// What makes the same result again.
    fn manifest(
        &self,
        trace: String,
        seed: u64,
        engine: EngineReport,
    ) -> Result<Manifest, CommandError> {
        let scenario_sha256 = file_sha256(&self.trace)
            .map_err(|error| CommandError::Refused(format!("{trace}: cannot read: {error}")))?;
        let mut arguments = Vec::new();
        let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        add("--queues", self.queues.to_string());
        if let Some(Key(bytes)) = &self.rss_key {
            add("--rss-key", bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        add("--interval", self.interval.to_string());
        let within = self.packets.to_possible_value().expect("none is hidden");
        add("--packets", within.get_name().to_owned());
        add("--len", self.len.to_string());
        if let Some(service) = self.service {
            add("--service", service.to_string());
        }
        Ok(Manifest {
            version: env!("CARGO_PKG_VERSION"),
            command: "fit",
            scenario: trace,
            scenario_sha256,
            overrides: Vec::new(),
            arguments,
            seed: Some(seed),
            engine,
        })
    }
}

fn key(text: &str) -> Result<Key, String> {
    key_of_text(text)
        .map(Key)
        .ok_or_else(|| "it must be 40 bytes in hexadecimal, as `ethtool -x` prints".to_owned())
}

/// A time above zero.
fn time(text: &str) -> Result<SimDuration, String> {
    let time = SimDuration::parse(text).map_err(|error| error.to_string())?;
    if time.is_zero() { Err("it must be above zero".to_owned()) } else { Ok(time) }
}
