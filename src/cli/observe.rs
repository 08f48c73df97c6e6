//! `rxplan observe`: what the queues of an interface receive, as a trace of samples.
#![allow(clippy::disallowed_methods, reason = "observing takes wall-clock time")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;

use super::{CommandError, Global, output, progress, show, warn};
use crate::input::ethtool::QueueCounters;
use crate::input::samples::SampleRecord;
use crate::model::system::Progress;
use crate::observe::Observer;
use crate::report::{ObserveReport, Observed, RowFile};
use crate::units::SimDuration;

/// Sample what the queues of an interface receive into a trace, for `fit` and for traffic of kind
/// `samples`. Reads counters and changes nothing.
#[derive(Debug, Args)]
pub(super) struct ObserveArgs {
    /// The interface [default: the only one with a device].
    #[arg(value_name = "IFACE")]
    interface: Option<String>,
    /// Time between two readings, 10 us to 1 s.
    #[arg(long, value_name = "TIME", default_value = "1 ms", value_parser = interval)]
    interval: SimDuration,
    /// How long, at most a day; Ctrl-C ends it sooner and keeps what was seen.
    #[arg(long = "for", value_name = "TIME", default_value = "10 s", value_parser = length)]
    length: SimDuration,
    /// The file to make, CSV [default: IFACE-samples.csv, or samples.csv in the folder of --out].
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

pub(super) fn run(args: &ObserveArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let mut counters = QueueCounters::open(args.interface.as_deref())?;
    let interface = counters.interface().to_owned();
    if let Some(folder) = &global.out {
        output::make_folder(folder)?;
    }
    let trace = match (&args.trace, &global.out) {
        (Some(path), _) => path.clone(),
        (None, Some(folder)) => folder.join("samples.csv"),
        (None, None) => PathBuf::from(format!("{interface}-samples.csv")),
    };
    let mut file = create(&trace, &interface)?;
    let mut observer = Observer::default();
    let progress = Progress::default();
    let (ended_by, _) = progress::watch(global, 0.0, &progress, |_| {
        let write = |sample: &SampleRecord| file.add(sample);
        observe(&mut counters, args, &mut observer, &progress, write)
    });
    if observer.totals().spans.count() == 0 {
        let why = ended_by.unwrap_or_else(|| "--for is shorter than one reading".to_owned());
        return Err(CommandError::Refused(format!("{interface}: nothing was observed: {why}")));
    }
    file.finish()?;
    let observed = Observed {
        interface,
        source: counters.source(),
        trace: trace.display().to_string(),
        interval: args.interval,
        ended_by,
    };
    let report = ObserveReport::new(observed, observer.totals());
    if let Some(folder) = &global.out {
        output::write_files(folder, &[("queues.csv", report.csv())])?;
    }
    warn(&report.warnings, global);
    show(&report, global, ObserveReport::table, ObserveReport::csv)?;
    Ok(ExitCode::SUCCESS)
}

/// Begins the file of samples, but over none that is there.
fn create(path: &Path, interface: &str) -> Result<RowFile<SampleRecord>, CommandError> {
    if path.is_file() {
        return Err(CommandError::Refused(format!(
            "{}: is there already; give --trace a new name",
            path.display()
        )));
    }
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let began = format!("{interface}, from {:.3} s after 1970", since_1970.as_secs_f64());
    Ok(RowFile::create(path, &began)?)
}

/// Reads the counters until the end; says what ended it before its time.
fn observe(
    counters: &mut QueueCounters,
    args: &ObserveArgs,
    observer: &mut Observer,
    progress: &Progress,
    mut write: impl FnMut(&SampleRecord),
) -> Option<String> {
    let started = Instant::now();
    let elapsed = || {
        let ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        SimDuration::from_ps(ns.saturating_mul(1_000))
    };
    let interval = args.interval.as_ps();
    loop {
        if progress.stop.load(Ordering::Relaxed) {
            let seconds = elapsed().as_secs_f64();
            return Some(format!("stopped after {seconds:.3} s; what was seen until then is kept"));
        }
        let begun = elapsed();
        let Ok(counts) = counters.read() else {
            let (interface, seconds) = (counters.interface(), begun.as_secs_f64());
            return Some(format!("{interface} has no counters any more after {seconds:.3} s"));
        };
        let ended = elapsed();
        for sample in observer.take(begun, ended, &counts) {
            progress.packets.fetch_add(sample.packets.into(), Ordering::Relaxed);
            write(&sample);
        }
        if ended >= args.length {
            return None;
        }
        // At whole intervals since the beginning: those that a reading overran are left out.
        let next = (ended.as_ps() / interval + 1) * interval;
        let wait = next.min(args.length.as_ps()).saturating_sub(elapsed().as_ps());
        std::thread::sleep(Duration::from_nanos(wait / 1_000));
    }
}

fn interval(text: &str) -> Result<SimDuration, String> {
    between(text, SimDuration::from_us(10), SimDuration::from_ms(1_000))
}

fn length(text: &str) -> Result<SimDuration, String> {
    between(text, SimDuration::from_us(10), SimDuration::from_ms(24 * 3_600_000))
}

fn between(text: &str, min: SimDuration, max: SimDuration) -> Result<SimDuration, String> {
    let time = SimDuration::parse(text).map_err(|error| error.to_string())?;
    if time < min || time > max {
        return Err(format!("it must be {min} to {max}"));
    }
    Ok(time)
}
