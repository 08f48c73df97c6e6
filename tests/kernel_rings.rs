//! The simulator against recordings of real Linux kernel rings (AF_XDP, 4 queues, 25,000 packets
//! each; `tests/data/README.md`): replayed with the recorded returns of buffers, and predicted from
//! the consumer's nominal numbers alone.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use rxplan::input::open;
use rxplan::model::log::{Fate, PacketOutcome};
use rxplan::model::system::Progress;
use rxplan::scenario::{Scenario, Source};
use rxplan::simulation::{Options, Simulation, simulate};

/// Recorded depths, and what the kernel's own counters said it dropped.
const RECORDINGS: [(u32, u64); 6] =
    [(64, 7536), (128, 6151), (256, 4851), (512, 4254), (1024, 2806), (2048, 1178)];

/// The kernel stamps an arrival and a return with two clock readings on two cores, so that a few
/// packets that came within that jitter of a return can be judged differently.
const JUDGED_DIFFERENTLY_MAX: usize = 8;

fn recording(depth: u32, part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/data/kernel-rings/xsk4_d{depth}.{part}.csv.gz"))
}

/// Simulates a recording behind a host; returns the result and every packet's fate.
fn run(depth: u32, host: &str) -> (Simulation, Vec<PacketOutcome>) {
    let text = format!(
        "[nic]\nqueues = 4\nrx = {depth}\nrx_buf_len = \"4 KiB\"\n{host}\n\
         [[traffic]]\nkind = \"trace\"\nfile = '{}'\n",
        recording(depth, "arr").display()
    );
    let scenario = Scenario::load(&Source::Stdin(text), &[]).unwrap();
    let mut packets = Vec::new();
    let mut keep = |packet: &PacketOutcome| packets.push(*packet);
    let options = Options { packets: Some(&mut keep), ..Options::default() };
    let simulation = simulate(&scenario, options, &Progress::default()).unwrap();
    (simulation, packets)
}

/// Whether the kernel dropped each packet.
fn kernel_drops(depth: u32) -> Vec<bool> {
    let mut reader = csv::Reader::from_reader(open(&recording(depth, "arr")).unwrap());
    let column = reader.headers().unwrap().iter().position(|name| name == "dropped").unwrap();
    reader.records().map(|record| &record.unwrap()[column] == "1").collect()
}

#[test]
fn replayed_returns_drop_what_the_kernel_dropped() {
    for (depth, counted) in RECORDINGS {
        let host =
            format!("[host]\nmodel = \"trace\"\nfile = '{}'\n", recording(depth, "ev").display());
        let (simulation, packets) = run(depth, &host);
        assert_eq!(simulation.packets.dropped, counted, "depth {depth}");
        let kernel = kernel_drops(depth);
        assert_eq!(packets.len(), kernel.len(), "depth {depth}");
        let differently = packets
            .iter()
            .zip(&kernel)
            .filter(|(packet, dropped)| matches!(packet.fate, Fate::Dropped(_)) != **dropped)
            .count();
        assert!(differently <= JUDGED_DIFFERENTLY_MAX, "depth {depth}: {differently} packets");
    }
}

#[test]
fn nominal_numbers_predict_the_kernels_drops_within_4_percent() {
    for (depth, counted) in RECORDINGS.into_iter().filter(|(depth, _)| *depth <= 1024) {
        let host = format!(
            "[host]\nmodel = \"busy-poll\"\nbudget = 64\nper_packet = \"1200 ns\"\nrefill = 16\n\
             [[host.stall]]\ntrace = '{}'\nscope = \"host\"\n",
            recording(depth, "stall").display()
        );
        let (simulation, _) = run(depth, &host);
        let dropped = simulation.packets.dropped;
        assert!(dropped.abs_diff(counted) * 100 <= counted * 4, "depth {depth}: {dropped}");
    }
}
