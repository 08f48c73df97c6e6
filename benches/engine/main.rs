//! How fast the engine is, beside peers on the same workload in the same run.
//!
//! `cargo bench --bench engine` prints everything, with `-- PART ...` some of it: `engines` (our
//! engines and peers on the two ring32 workloads), `hosts` (other hosts),
//! `policies` (each beside a textbook simulator of its own), `scaling` (over queues, load, reserve
//! and threads), `grid` (a sweep in few passes).
//!
//! Everything in a table takes turns, and the median of several rounds counts, so that a noisy
//! machine is noisy for all. Times of different runs or machines say little; ratios within a run
//! do. docs/engine.md says what makes the difference.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to people")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench may panic")]

mod grid;
mod hosts;
mod measure;
mod peers;
mod policies;
mod scaling;

use std::path::Path;

use measure::{Runner, Speed, median, show, show_heading, take_turns};
use peers::Peer;
use rxplan::model::fast::FastPath;
use rxplan::scenario::{Scenario, Source};

/// What can be asked for.
const PARTS: [&str; 5] = ["engines", "hosts", "policies", "scaling", "grid"];

/// Our engines.
const ENGINES: [(&str, Option<FastPath>); 4] = [
    ("reference", None),
    ("settling", Some(FastPath::Settling)),
    ("ordered", Some(FastPath::Ordered)),
    ("windowed", Some(FastPath::Windowed)),
];

/// A shipped workload with its mean ON and OFF periods, which the peers are told.
#[derive(Debug, Clone, Copy)]
struct Workload {
    name: &'static str,
    on_us: u32,
    off_us: u32,
}

const RING32: Workload = Workload { name: "ring32", on_us: 100, off_us: 400 };
const RING32_LIGHT: Workload = Workload { name: "ring32-light", on_us: 20, off_us: 80 };

/// A shipped scenario, with overrides as `--set` takes them.
fn load(name: &str, overrides: &[&str]) -> Scenario {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    Scenario::load(&Source::File(folder.join(name).with_extension("toml")), &overrides)
        .expect("a shipped scenario")
}

fn main() {
    // Cargo adds an option of its own.
    let parts: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    if let Some(part) = parts.iter().find(|it| !PARTS.contains(&it.as_str())) {
        panic!("there is no part {part}, but {}", PARTS.join(", "));
    }
    let wants = |part: &str| parts.is_empty() || parts.iter().any(|it| it == part);
    if wants("engines") {
        let textbook = peers::textbook();
        let others: Vec<Peer> = [peers::simpy(), peers::nexosim()].into_iter().flatten().collect();
        engines(textbook.as_ref(), &others);
    }
    if wants("hosts") {
        hosts::compare();
    }
    if wants("policies") {
        policies::compare();
    }
    if wants("scaling") {
        scaling::all();
    }
    if wants("grid") {
        grid::compare();
    }
}

/// Our engines and the peers, on both workloads, above the floor: the times of packets alone.
fn engines(textbook: Option<&Peer>, others: &[Peer]) {
    const ROUNDS: u32 = 5;
    println!("\nEngines and peers: one thread, median of {ROUNDS} rounds");
    println!("ratio: to the textbook simulator (C++, one heap, two events a packet)");
    println!("floor: the times of packets alone, queue by queue and in order over all queues\n");
    show_heading("workload", "engine", Some("ratio"));
    for workload in [RING32, RING32_LIGHT] {
        let system = load(workload.name, &[]).system();
        measure::assert_same(workload.name, &system, &ENGINES);
        let peer = |peer| Runner::peer(peer, workload);
        let mut runners: Vec<Runner<'_>> = textbook.into_iter().map(peer).collect();
        runners.extend(others.iter().map(peer));
        let ours = ENGINES.map(|(name, path)| Runner::engine(name, &system, path));
        runners.extend(ours);
        runners.push(Runner::ordered_floor(&system));
        runners.push(Runner::floor(&system));
        let speeds = take_turns(&runners, ROUNDS);
        let yardstick = textbook.map(|_| median(&speeds[0]).packets_per_second);
        for (runner, speeds) in runners.iter().zip(&speeds) {
            let speed: Speed = median(speeds);
            let ratio = yardstick.map(|yardstick| speed.packets_per_second / yardstick);
            show(workload.name, &runner.name, speed, ratio);
        }
    }
}
