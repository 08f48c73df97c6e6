//! How fast the engine is, beside peers on the same workload in the same run: `cargo bench`.
//!
//! One thread, one replication a run; engines and peers take turns, and the median of several
//! rounds counts, so that a noisy machine is noisy for all of them. The peer in C++ is built with
//! the system's compiler where there is one.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to people")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench may panic")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rxplan::model::fast::FastPath;
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::random::Streams;
use rxplan::scenario::{Scenario, Source};
use rxplan::units::to_f64;

/// Rounds in which everything runs once.
const ROUNDS: u32 = 5;

/// Packets per second, and the share of packets dropped.
#[derive(Clone, Copy)]
struct Speed {
    packets_per_second: f64,
    drop_rate: f64,
}

fn main() {
    let peer = build_peer();
    println!(
        "median of {ROUNDS} rounds, one thread; ratio to the textbook simulator (C++, one heap)\n"
    );
    println!(
        "{:<14} {:<10} {:>10} {:>10} {:>7}  drop rate",
        "workload", "engine", "Mpps", "ns/packet", "ratio"
    );
    for (name, on_us, off_us) in [("ring32", 100, 400), ("ring32-light", 20, 80)] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = Source::File(root.join("scenarios").join(name).with_extension("toml"));
        let system = Scenario::load(&file, &[]).expect("a shipped scenario").system();
        let mut engines = Vec::from([
            Engine::Rxplan("reference", None),
            Engine::Rxplan("settling", Some(FastPath::Settling)),
            Engine::Rxplan("windowed", Some(FastPath::Windowed)),
        ]);
        if let Some(program) = &peer {
            engines.insert(0, Engine::Textbook { program, on_us, off_us });
        }
        let mut speeds = vec![Vec::new(); engines.len()];
        for round in 0..ROUNDS {
            for (engine, speeds) in engines.iter().zip(&mut speeds) {
                speeds.push(engine.run(&system, round));
            }
        }
        let medians: Vec<f64> = speeds.iter().map(|speeds| median(speeds)).collect();
        for ((engine, speeds), rate) in engines.iter().zip(&speeds).zip(&medians) {
            let drops: f64 = speeds.iter().map(|speed| speed.drop_rate).sum();
            let ratio = peer
                .as_ref()
                .map_or_else(|| "-".to_owned(), |_| format!("{:.2}", rate / medians[0]));
            println!(
                "{name:<14} {:<10} {:>10.2} {:>10.1} {ratio:>7}  {:.4}",
                engine.name(),
                rate / 1e6,
                1e9 / rate,
                drops / f64::from(ROUNDS)
            );
        }
    }
}

/// Something that simulates the workload.
enum Engine<'a> {
    /// The peer in C++.
    Textbook { program: &'a Path, on_us: u32, off_us: u32 },
    /// Ours, on a fast path or none.
    Rxplan(&'static str, Option<FastPath>),
}

impl Engine<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Textbook { .. } => "textbook",
            Self::Rxplan(name, _) => name,
        }
    }

    fn run(&self, system: &SystemSpec, round: u32) -> Speed {
        match self {
            Self::Textbook { program, on_us, off_us } => run_peer(program, *on_us, *off_us),
            Self::Rxplan(_, path) => run(system, *path, round),
        }
    }
}

/// One replication of a scenario.
fn run(system: &SystemSpec, path: Option<FastPath>, replication: u32) -> Speed {
    let (streams, progress) = (Streams::new(1, replication), Progress::default());
    #[expect(clippy::disallowed_methods, reason = "this is a bench")]
    let began = Instant::now();
    let outcome = match path {
        Some(path) => system.run_fast(path, streams, &progress, Observers::default()),
        None => system.run(streams, &progress, Observers::default()),
    };
    let seconds = began.elapsed().as_secs_f64();
    let outcome = outcome.expect("nobody stops it");
    let packets = outcome.queues.iter().map(|queue| queue.packets);
    let (dropped, offered) = packets.fold((0, 0), |(dropped, offered), queue| {
        (dropped + queue.dropped, offered + queue.offered)
    });
    Speed {
        packets_per_second: to_f64(outcome.packets_simulated) / seconds,
        drop_rate: to_f64(dropped) / to_f64(offered),
    }
}

/// Builds the textbook simulator; `None`, with a message, where there is no compiler.
fn build_peer() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/heap.cpp");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("heap");
    let built =
        Command::new("c++").args(["-O3", "-march=native", "-o"]).args([&program, &source]).status();
    match built {
        Ok(status) if status.success() => Some(program),
        _ => {
            eprintln!("no textbook simulator to compare with: c++ is not there or fails");
            None
        }
    }
}

/// Half a second of the workload, as the scenarios have it.
fn run_peer(program: &Path, on_us: u32, off_us: u32) -> Speed {
    let arguments = ["510000".to_owned(), on_us.to_string(), off_us.to_string()];
    let output = Command::new(program).args(arguments).output().expect("it was just built");
    let text = String::from_utf8(output.stdout).expect("it prints numbers");
    let numbers: Vec<f64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    Speed { packets_per_second: numbers[2], drop_rate: numbers[1] }
}

fn median(speeds: &[Speed]) -> f64 {
    let mut rates: Vec<f64> = speeds.iter().map(|speed| speed.packets_per_second).collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
