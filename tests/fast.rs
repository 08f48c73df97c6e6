//! The fast path against the reference engine: the same packets, counts, levels and sums.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/plain.rs"]
mod plain;
#[path = "support/scenarios.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod scenarios;

use plain::{plain, steady};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use rxplan::model::fast::FastPath;
use rxplan::model::log::PacketOutcome;
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::random::Streams;
use scenarios::{server, with_host};

/// Everything measured, as text (floats to the last bit), and every packet.
type Measured = (String, Vec<PacketOutcome>);

/// Runs it on a fast path, or on the reference engine, and watches the packets.
fn run(system: &SystemSpec, seed: u64, path: Option<FastPath>) -> Measured {
    let mut packets = Vec::new();
    let mut sink = |packet: &PacketOutcome| packets.push(*packet);
    let observers = Observers { packets: Some(&mut sink), ..Observers::default() };
    (measure(system, seed, path, observers), packets)
}

/// Runs it, with others who look on, or nobody: a path may take shortcuts then.
fn measure<'a>(
    system: &'a SystemSpec,
    seed: u64,
    path: Option<FastPath>,
    observers: Observers<'a>,
) -> String {
    let (streams, progress) = (Streams::new(seed, 0), Progress::default());
    let outcome = match path {
        Some(path) => system.run_fast(path, streams, &progress, observers),
        None => system.run(streams, &progress, observers),
    };
    format!("{:?}", outcome.expect("nobody stops it"))
}

proptest! {
    #![proptest_config(Config {
        cases: 4000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(8),
        ..Config::default()
    })]

    #[test]
    fn settling_is_the_reference_engine(
        system in with_host(server).prop_map(plain),
        seed in 0_u64..1000,
    ) {
        prop_assert!(FastPath::Settling.is_valid(&system));
        let expected = run(&system, seed, None);
        let unwatched = measure(&system, seed, Some(FastPath::Settling), Observers::default());
        prop_assert_eq!(&unwatched, &expected.0);
        prop_assert_eq!(run(&system, seed, Some(FastPath::Settling)), expected);
    }

    #[test]
    fn windows_are_the_reference_engine(
        system in with_host(server).prop_map(plain).prop_map(steady),
        seed in 0_u64..1000,
    ) {
        prop_assert!(FastPath::Windowed.is_valid(&system));
        let expected = run(&system, seed, None);
        let unwatched = measure(&system, seed, Some(FastPath::Windowed), Observers::default());
        prop_assert_eq!(&unwatched, &expected.0);
        prop_assert_eq!(run(&system, seed, Some(FastPath::Windowed)), expected);
    }

    #[test]
    fn one_pass_drops_for_every_depth_what_the_reference_engine_drops(
        system in with_host(server).prop_map(plain).prop_map(|mut system| {
            // Services stay as they are: of any distribution, some of no time.
            for traffic in steady(system.clone()).traffic.iter().zip(&mut system.traffic) {
                *traffic.1 = traffic.0.clone();
            }
            system.buffers.reserve = None;
            system
        }),
        seed in 0_u64..1000,
    ) {
        let depths = [1, 2, 5, 40];
        prop_assert!(system.has_private_drops(&depths));
        let streams = Streams::new(seed, 0);
        let drops = system.private_drops(&depths, streams, &Progress::default()).unwrap();
        for (depth, drops) in depths.into_iter().zip(drops) {
            let mut system = system.clone();
            system.buffers.rx.fill(depth);
            system.buffers.completion_entries = depth + 1;
            let outcome = system.run(streams, &Progress::default(), Observers::default()).unwrap();
            let queues = outcome.queues.iter().map(|queue| queue.packets);
            let sum = queues.fold((0, 0), |sum, it| (sum.0 + it.dropped, sum.1 + it.offered));
            prop_assert_eq!((drops.part, drops.whole), sum, "rx {}", depth);
        }
    }
}
