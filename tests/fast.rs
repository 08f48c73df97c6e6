//! The fast path against the reference engine: the same packets, counts, levels and sums.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/engines.rs"]
mod engines;
#[path = "support/scenarios.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod scenarios;

use engines::{measure, memoryless, one_buffer, plain, plain_reserve, run, steady};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use rxplan::id::QueueId;
use rxplan::model::buffers::{Accounting, BufferSpec, ReserveSpec};
use rxplan::model::distribution::Distribution;
use rxplan::model::fast::FastPath;
use rxplan::model::host::HostSpec;
use rxplan::model::policy::Policy;
use rxplan::model::port::FifoSpec;
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::model::traffic::{OnOffSpec, Spacing, TrafficKind, TrafficSpec, Window};
use rxplan::random::Streams;
use rxplan::units::{PacketRate, SimDuration, SimTime};
use scenarios::{AMPLE, BUFFER, server, with_host};

/// The same with pinned accounting, and no policy that looks at all that comes back.
fn orderly(mut system: SystemSpec) -> SystemSpec {
    if let Some(reserve) = &mut system.buffers.reserve {
        reserve.accounting = Accounting::Pinned;
        if let Policy::Abm { .. } = reserve.policy {
            reserve.policy = Policy::LongestQueueDrop;
        }
    }
    one_buffer(system)
}

/// The same with bursts at all queues, which hold much of a reserve when a batch of windows ends,
/// lose it to each other and are empty soon after.
fn draining(mut system: SystemSpec) -> SystemSpec {
    let Some(reserve) = &mut system.buffers.reserve else { return system };
    reserve.policy = Policy::LongestQueueDrop;
    reserve.entries = reserve.entries.max(3);
    system.buffers.completion_entries = AMPLE;
    let queues = u32::try_from(system.buffers.rx.len()).expect("a few");
    system.traffic = vec![TrafficSpec {
        queues: (0..queues).map(QueueId::new).collect(),
        size: Distribution::Constant(u64::from(BUFFER) - 1),
        kind: TrafficKind::OnOff(OnOffSpec {
            rate: PacketRate::new(1, 2).expect("above zero"),
            rate_off: PacketRate::new(1, 20).expect("above zero"),
            on: Distribution::Exponential { mean: 10.0 },
            off: Distribution::Exponential { mean: 40.0 },
            spacing: Spacing::Poisson,
            in_phase: 0,
            correlation: 0.0,
        }),
    }];
    system
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
        system in with_host(server).prop_map(plain).prop_map(memoryless),
        seed in 0_u64..1000,
    ) {
        prop_assert!(FastPath::Settling.is_valid(&system));
        let expected = run(&system, seed, None);
        let unwatched = measure(&system, seed, Some(FastPath::Settling), Observers::default());
        prop_assert_eq!(&unwatched, &expected.0);
        prop_assert_eq!(run(&system, seed, Some(FastPath::Settling)), expected);
    }

    #[test]
    fn windows_in_order_are_the_reference_engine(
        system in with_host(server).prop_map(plain).prop_map(orderly),
        seed in 0_u64..1000,
    ) {
        prop_assert!(FastPath::Ordered.is_valid(&system));
        let expected = run(&system, seed, None);
        let unwatched = measure(&system, seed, Some(FastPath::Ordered), Observers::default());
        prop_assert_eq!(&unwatched, &expected.0);
        prop_assert_eq!(run(&system, seed, Some(FastPath::Ordered)), expected);
    }

    #[test]
    fn push_out_from_queues_that_drain_is_the_reference_engine(
        system in with_host(server).prop_map(plain).prop_map(orderly).prop_map(draining),
        seed in 0_u64..1000,
    ) {
        let expected = measure(&system, seed, None, Observers::default());
        let got = measure(&system, seed, Some(FastPath::Ordered), Observers::default());
        prop_assert_eq!(got, expected);
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
            system.buffers.reserve = None;
            one_buffer(system)
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

/// As many packets as fill windows: 32 queues in bursts, `load` packets a service and queue.
fn crowd(policy: Policy, entries: u32, service: Distribution, load: u64) -> SystemSpec {
    const SERVICE_PS: u128 = 1_000_000;
    let queues = 32_u32;
    let on_off = OnOffSpec {
        rate: PacketRate::new(5 * u128::from(load), 10 * SERVICE_PS).unwrap(),
        rate_off: PacketRate::ZERO,
        on: Distribution::Exponential { mean: 1e8 },
        off: Distribution::Exponential { mean: 4e8 },
        spacing: Spacing::Poisson,
        in_phase: 0,
        correlation: 0.0,
    };
    let at = |ms: u64| SimTime::ZERO + SimDuration::from_ms(ms);
    SystemSpec {
        buffers: BufferSpec {
            rx: vec![128; queues as usize],
            rx_buf_len: 2048,
            completion_entries: 1 << 13,
            completion_flow_control: true,
            reserve: Some(ReserveSpec { policy, ..plain_reserve(entries) }),
        },
        fifo: FifoSpec::default(),
        line_rate: None,
        host: HostSpec::Server {
            service: vec![service; queues as usize],
            wakeup: Distribution::Constant(0),
        },
        stalls: Vec::new(),
        traffic: vec![TrafficSpec {
            queues: (0..queues).map(QueueId::new).collect(),
            size: Distribution::Constant(1514),
            kind: TrafficKind::OnOff(on_off),
        }],
        window: Window { start: at(1), end: Some(at(6)) },
    }
}

#[test]
fn full_windows_are_the_reference_engine() {
    let interval = SimDuration::from_us(30);
    let policies = [
        (Policy::CompleteSharing, 512),
        (Policy::CompleteSharing, 4096),
        (Policy::CompleteSharing, 0),
        (Policy::StaticCap { cap: 64 }, 512),
        (Policy::DynamicThreshold { alpha: 1.0 }, 512),
        (Policy::EarlyDrop { pass: 0.5, drop: 0.1 }, 512),
        (Policy::Abm { alpha: 1.0, interval }, 512),
        (Policy::LongestQueueDrop, 512),
        (Policy::PeerBorrow, 0),
    ];
    let services =
        [Distribution::Constant(1_000_000), Distribution::Exponential { mean: 1_000_000.0 }];
    let mut seed = 0;
    let mut taken = Vec::new();
    for (policy, entries) in policies {
        for service in &services {
            for load in [1, 6] {
                let system = crowd(policy, entries, service.clone(), load);
                let expected = measure(&system, seed, None, Observers::default());
                let paths = [FastPath::Settling, FastPath::Ordered, FastPath::Windowed];
                for path in paths.into_iter().filter(|path| path.is_valid(&system)) {
                    let got = measure(&system, seed, Some(path), Observers::default());
                    assert!(got == expected, "{path:?} {policy:?} of {entries}, load {load}");
                    taken.push(path);
                }
                seed += 1;
            }
        }
    }
    assert_eq!(taken.len(), 66, "{taken:?}");
}
