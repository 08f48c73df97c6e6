//! Reserve policies and reposting, by timelines worked out by hand.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/timeline.rs"]
mod timeline;

use rxplan::model::buffers::{Accounting, BufferSpec, Refiller, ReserveSpec, SmallSpec};
use rxplan::model::distribution::Distribution;
use rxplan::model::host::HostSpec;
use rxplan::model::ledger::DropReason;
use rxplan::model::policy::Policy;
use rxplan::model::port::FifoSpec;
use rxplan::model::system::SystemSpec;
use rxplan::model::traffic::Window;
use rxplan::units::{SimDuration, SimTime};

use timeline::{packets, timeline};

/// Two servers of 100 ns a packet behind rings of `rx` entries and a reserve of `entries`.
fn system(rx: u32, entries: u32, policy: Policy, arrivals: &[(u64, u32)]) -> SystemSpec {
    SystemSpec {
        buffers: BufferSpec {
            rx: vec![rx; 2],
            rx_buf_len: 2048,
            completion_entries: 1 << 10,
            completion_flow_control: false,
            reserve: Some(ReserveSpec {
                entries,
                policy,
                accounting: Accounting::Pinned,
                groups: 1,
                sync_cost: SimDuration::ZERO,
                repost: 1,
                low_watermark: None,
                refiller: Refiller::ConsumingCore,
                device_entries: 0,
                lock: false,
                small: None,
            }),
        },
        fifo: FifoSpec::default(),
        line_rate: None,
        host: HostSpec::Server {
            service: vec![Distribution::Constant(100_000); 2],
            wakeup: Distribution::Constant(0),
        },
        stalls: Vec::new(),
        traffic: packets(arrivals, 1000),
        window: Window { start: SimTime::ZERO, end: None },
    }
}

fn with_reserve(mut system: SystemSpec, change: impl FnOnce(&mut ReserveSpec)) -> SystemSpec {
    change(system.buffers.reserve.as_mut().unwrap());
    system
}

/// The mean of a level with this integral, but for rounding.
#[track_caller]
fn assert_mean(mean: f64, integral: u32, time: u32) {
    let expected = f64::from(integral) / f64::from(time);
    assert!((mean - expected).abs() < 1e-12, "{mean}, not {expected}");
}

#[test]
fn push_out_takes_the_last_packet_of_the_longest_queue_and_spares_the_one_in_service() {
    let arrivals = &[(0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 1)];
    let (fates, outcome) = timeline(&system(0, 3, Policy::LongestQueueDrop, arrivals));
    // At 3 queue 0 has three: its last goes. At 4 it has two and queue 1 would have two: no longer.
    let expected =
        [(0, Some(100)), (1, Some(200)), (2, None), (3, Some(103)), (4, None), (5, None)];
    assert_eq!(fates, expected);
    let count = |reason: DropReason| {
        outcome.drops[DropReason::ALL.iter().position(|other| *other == reason).unwrap()]
    };
    assert_eq!((count(DropReason::PushedOut), count(DropReason::NoBuffer)), (1, 2));
}

#[test]
fn push_out_drops_nothing_while_there_is_room() {
    let arrivals = &[(0, 0), (1, 0), (2, 0), (3, 1)];
    let (fates, _) = timeline(&system(0, 4, Policy::LongestQueueDrop, arrivals));
    assert!(fates.iter().all(|(_, delivered)| delivered.is_some()));
}

#[test]
fn a_queue_borrows_what_its_peer_has_free_and_the_peer_finds_it_gone() {
    let arrivals = &[(0, 0), (1, 0), (2, 0), (3, 1), (100, 1)];
    let (fates, outcome) = timeline(&system(2, 0, Policy::PeerBorrow, arrivals));
    // Four entries in all: the third packet borrows one, the fifth comes as the first leaves.
    let expected = [(0, Some(100)), (1, Some(200)), (2, Some(300)), (3, Some(103))];
    assert_eq!(fates[..4], expected);
    assert_eq!(fates[4], (100, Some(203)));
    assert_eq!(outcome.reserve_in_use.max, 1);
    let crowded = &[(0, 0), (1, 0), (2, 0), (3, 0), (4, 1)];
    let (fates, _) = timeline(&system(2, 0, Policy::PeerBorrow, crowded));
    assert_eq!(fates[4], (4, None));
}

#[test]
fn reposts_of_two_cores_at_once_wait_for_the_lock() {
    let with_cost = |lock| {
        with_reserve(system(0, 8, Policy::CompleteSharing, &[(0, 0), (0, 1)]), |reserve| {
            reserve.sync_cost = SimDuration::from_ps(10_000);
            reserve.lock = lock;
        })
    };
    let (fates, outcome) = timeline(&with_cost(false));
    assert_eq!(fates, [(0, Some(110)), (0, Some(110))]);
    assert_eq!((outcome.sync_ps, outcome.lock_wait_ps), (20_000, 0));
    let (fates, outcome) = timeline(&with_cost(true));
    assert_eq!(fates, [(0, Some(110)), (0, Some(120))]);
    assert_eq!((outcome.sync_ps, outcome.lock_wait_ps), (30_000, 10_000));
}

#[test]
fn groups_that_have_used_up_their_own_draw_on_the_device_and_repay_it_first() {
    let arrivals = &[(0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 0), (150, 1), (151, 0), (152, 1)];
    let two_levels = with_reserve(system(0, 1, Policy::CompleteSharing, arrivals), |reserve| {
        reserve.groups = 2;
        reserve.device_entries = 2;
    });
    let (fates, outcome) = timeline(&two_levels);
    // Queue 0 takes its group's one and both of the device's. At 3 queue 1 takes its own one; at 4
    // and 5 nothing is left. At 100 queue 0 repays one to the device. At 150 queue 1 takes its own
    // one again, at 151 queue 0 the device's; at 152 nothing is left for queue 1.
    let expected = [
        (0, Some(100)),
        (1, Some(200)),
        (2, Some(300)),
        (3, Some(103)),
        (4, None),
        (5, None),
        (150, Some(250)),
        (151, Some(400)),
        (152, None),
    ];
    assert_eq!(fates, expected);
    assert_eq!(outcome.reserve_in_use.max, 4);
}

#[test]
fn a_core_of_the_reserves_own_posts_batches_one_after_another_and_keeps_no_packet_waiting() {
    let arrivals = &[(0, 0), (0, 1), (105, 0), (125, 1), (135, 1)];
    let one_core = with_reserve(system(0, 2, Policy::CompleteSharing, arrivals), |reserve| {
        reserve.refiller = Refiller::OneCore;
        reserve.sync_cost = SimDuration::from_ps(20_000);
    });
    let (fates, outcome) = timeline(&one_core);
    // Both are delivered at 100, not later; their buffers are posted at 120 and 140.
    let expected = [(0, Some(100)), (0, Some(100)), (105, None), (125, Some(225)), (135, None)];
    assert_eq!(fates, expected);
    assert_eq!(outcome.sync_ps, 40_000 + 20_000);
}

#[test]
fn below_the_low_watermark_all_that_came_back_is_reposted_at_once() {
    let limited = |arrivals: &[(u64, u32)]| {
        with_reserve(system(0, 4, Policy::CompleteSharing, arrivals), |reserve| {
            reserve.low_watermark = Some(2);
        })
    };
    // One comes back at 100 and waits, as 3 are free. The next leaves 2 free, which are enough; the
    // third would leave 1, so that the one that waits is reposted first.
    let (_, outcome) = timeline(&limited(&[(0, 0), (200, 0)]));
    assert_eq!(outcome.reserve_in_use.max, 2);
    assert_mean(outcome.reserve_in_use.mean, 200 + 2 * 100, 300);
    let (_, outcome) = timeline(&limited(&[(0, 0), (200, 0), (201, 1)]));
    assert_eq!(outcome.reserve_in_use.max, 2);
    assert_mean(outcome.reserve_in_use.mean, 200 + 2 * 101, 301);
}

#[test]
fn a_packet_that_waits_for_a_completion_entry_gets_it_when_the_host_takes_another() {
    let mut system = system(8, 1, Policy::CompleteSharing, &[(0, 0), (1, 0), (2, 0)]);
    system.buffers.completion_entries = 1;
    system.fifo.capacity = 10_000;
    // At 100 the first packet releases its buffer and then the second is taken: only then is there
    // a completion entry for the third, which is tried again at 200 otherwise.
    let (_, outcome) = timeline(&system);
    assert_mean(outcome.in_use.mean, 100 + 199 + 100, 300);
    system.buffers.completion_flow_control = true;
    let (_, outcome) = timeline(&system);
    assert_mean(outcome.in_use.mean, 100 + 199 + 200, 300);
}

#[test]
fn short_packets_have_buffers_of_their_own_and_no_others() {
    let arrivals = &[(0, 0), (1, 0), (2, 1), (3, 0), (101, 1)];
    let mut classes = with_reserve(system(1, 1, Policy::CompleteSharing, arrivals), |reserve| {
        reserve.small = Some(SmallSpec { entries: 2, buf_len: 1000 });
    });
    let (fates, outcome) = timeline(&classes);
    // Two small buffers for both queues; at 2 and 3 they are taken, and rings and reserve are no
    // help. At 100 the first is delivered.
    let expected = [(0, Some(100)), (1, Some(200)), (2, None), (3, None), (101, Some(201))];
    assert_eq!(fates, expected);
    assert_eq!((outcome.small_in_use.max, outcome.in_use.max), (2, 0));
    assert_mean(outcome.small_in_use.mean, 1 + 2 * 99 + 1 + 2 * 99 + 1, 201);
    // One byte less, and all of them are long: at 101 queue 1 still has its own entry in use, and
    // queue 0 the reserve's.
    let reserve = classes.buffers.reserve.as_mut().unwrap();
    reserve.small = Some(SmallSpec { entries: 2, buf_len: 999 });
    let (fates, outcome) = timeline(&classes);
    let expected = [(0, Some(100)), (1, Some(200)), (2, Some(102)), (3, None), (101, None)];
    assert_eq!(fates, expected);
    assert_eq!((outcome.small_in_use.max, outcome.in_use.max), (0, 3));
}
