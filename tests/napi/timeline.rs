//! Timelines worked out by hand: a few recorded packets, every time exact.

use rxplan::id::QueueId;
use rxplan::model::buffers::BufferSpec;
use rxplan::model::distribution::Distribution;
use rxplan::model::host::{
    CacheSpec, Coalescing, Defer, HostSpec, Moderation, NapiContext, NapiSpec, Recycle, Refill,
};
use rxplan::model::ledger::DropReason;
use rxplan::model::log::{Fate, PacketOutcome};
use rxplan::model::outcome::Outcome;
use rxplan::model::port::FifoSpec;
use rxplan::model::stall::{RecordedStall, Scope, StallPattern, StallSpec};
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::model::traffic::{RecordedPacket, TrafficKind, TrafficSpec, Window};
use rxplan::random::Streams;
use rxplan::units::{SimDuration, SimTime};

const DROPPED: u64 = u64::MAX;

fn ns(count: u64) -> SimDuration {
    SimDuration::from_ps(count * 1_000)
}

fn constant(ns: u64) -> Distribution {
    Distribution::Constant(ns * 1_000)
}

/// An interrupt with every packet, 10 ns a packet, everything else free.
pub(crate) fn plain() -> NapiSpec {
    NapiSpec {
        cores: 1,
        moderation: Moderation::Fixed(Coalescing { usecs: SimDuration::ZERO, frames: 1 }),
        cqe_mode: false,
        wakeup: constant(0),
        poll_overhead: SimDuration::ZERO,
        per_packet: ns(10),
        per_byte: SimDuration::ZERO,
        budget: 64,
        context: softirq(300, 1_000_000, 0),
        defer: None,
        busy_poll: SimDuration::ZERO,
        refill: Refill::EveryPoll,
        recycle: Recycle::PagePool,
        hold: constant(0),
        cache: None,
    }
}

fn softirq(netdev_budget: u32, usecs_ns: u64, delay: u64) -> NapiContext {
    NapiContext::Softirq {
        netdev_budget,
        netdev_budget_usecs: ns(usecs_ns),
        ksoftirqd_delay: constant(delay),
    }
}

fn coalesced(usecs: u64, frames: u32) -> Moderation {
    Moderation::Fixed(Coalescing { usecs: ns(usecs), frames })
}

/// Packets of 100 bytes, each a time in nanoseconds and a queue.
struct Case {
    spec: NapiSpec,
    queues: usize,
    rx: u32,
    stalls: Vec<(u64, u64)>,
    packets: Vec<(u64, u32)>,
}

fn case(spec: NapiSpec, packets: &[u64]) -> Case {
    let packets = packets.iter().map(|time| (*time, 0)).collect();
    Case { spec, queues: 1, rx: 1000, stalls: Vec::new(), packets }
}

impl Case {
    fn system(&self) -> SystemSpec {
        let mut packets = self.packets.clone();
        packets.sort_by_key(|(time, _)| *time);
        let recorded = packets.iter().map(|(time, queue)| RecordedPacket {
            time: SimTime::ZERO + ns(*time),
            queue: QueueId::new(*queue),
            len: 100,
        });
        let stalls = self.stalls.iter().map(|(start, length)| RecordedStall {
            start: SimTime::ZERO + ns(*start),
            duration: ns(*length),
        });
        let pattern = StallPattern::Recorded(stalls.collect());
        SystemSpec {
            buffers: BufferSpec {
                rx: vec![self.rx; self.queues],
                rx_buf_len: 1000,
                completion_entries: 1 << 20,
                completion_flow_control: false,
                reserve: None,
            },
            fifo: FifoSpec::default(),
            line_rate: None,
            host: HostSpec::Napi(Box::new(self.spec.clone())),
            stalls: vec![StallSpec { scope: Scope::Host, pattern }],
            traffic: vec![TrafficSpec {
                queues: vec![QueueId::new(0)],
                size: Distribution::Constant(100),
                kind: TrafficKind::Recorded(recorded.collect()),
            }],
            window: Window { start: SimTime::ZERO, end: None },
        }
    }

    /// When each packet was delivered, in nanoseconds and in order of arrival.
    fn run(&self) -> (Vec<u64>, Outcome) {
        let mut delivered = Vec::new();
        let mut sink = |packet: &PacketOutcome| {
            delivered.push(match packet.fate {
                Fate::Delivered(time) => time.as_ps() / 1_000,
                Fate::Dropped(DropReason::NoBuffer) => DROPPED,
                fate => panic!("{fate:?}"),
            });
        };
        let observers = Observers { packets: Some(&mut sink), ..Observers::default() };
        let system = self.system();
        let outcome = system.run(Streams::new(1, 0), &Progress::default(), observers).unwrap();
        (delivered, outcome)
    }

    #[track_caller]
    fn delivers(&self, expected: &[u64]) -> Outcome {
        let (delivered, outcome) = self.run();
        assert_eq!(delivered, expected);
        outcome
    }
}

#[test]
fn without_coalescing_every_packet_that_finds_the_queue_unscheduled_interrupts() {
    let outcome = case(plain(), &[0, 5, 100]).delivers(&[10, 20, 110]);
    assert_eq!(outcome.wakeups, 2);
}

#[test]
fn an_interrupt_comes_rx_usecs_after_the_first_packet() {
    let spec = NapiSpec { moderation: coalesced(100, 0), ..plain() };
    let outcome = case(spec, &[0, 90, 100, 300]).delivers(&[110, 120, 130, 410]);
    assert_eq!(outcome.wakeups, 2);
}

#[test]
fn an_interrupt_comes_with_the_rx_frames_th_packet() {
    let spec = NapiSpec { moderation: coalesced(100, 3), ..plain() };
    let outcome = case(spec, &[0, 20, 40, 200]).delivers(&[50, 60, 70, 310]);
    assert_eq!(outcome.wakeups, 2);
}

#[test]
fn in_cqe_mode_the_timer_restarts_with_every_packet() {
    let spec = NapiSpec { moderation: coalesced(100, 0), cqe_mode: true, ..plain() };
    case(spec.clone(), &[0, 90, 180, 1000]).delivers(&[290, 300, 310, 1110]);
    case(NapiSpec { cqe_mode: false, ..spec }, &[0, 90, 180]).delivers(&[110, 120, 290]);
}

#[test]
fn a_wakeup_lies_between_interrupt_and_poll_but_not_between_polls() {
    let spec = NapiSpec { wakeup: constant(50), poll_overhead: ns(7), ..plain() };
    let outcome = case(spec, &[0, 30, 70, 200]).delivers(&[67, 77, 87, 267]);
    // Busy: three packets, one packet, and the overhead of two polls.
    assert_eq!((outcome.wakeups, outcome.simulated), (2, ns(267)));
    assert!((outcome.utilization - 54.0 / 267.0).abs() < 1e-12);
}

#[test]
fn per_byte_is_paid_for_the_length() {
    let spec = NapiSpec { per_byte: SimDuration::from_ps(500), ..plain() };
    case(spec, &[0, 0]).delivers(&[60, 120]);
}

#[test]
fn a_poll_that_used_its_budget_is_repeated_even_when_the_ring_is_empty() {
    let spec = NapiSpec { budget: 2, poll_overhead: ns(100), ..plain() };
    // Polls: 0-120, an empty one 120-220, in which the third packet is seen.
    case(spec.clone(), &[0, 0, 130]).delivers(&[110, 120, 230]);
    // It is over at 220: a packet then is a new completion.
    let outcome = case(spec, &[0, 0, 221]).delivers(&[110, 120, 331]);
    assert_eq!(outcome.wakeups, 2);
}

#[test]
fn queues_of_a_core_take_turns_poll_by_poll() {
    let spec = NapiSpec { budget: 2, ..plain() };
    let packets = vec![(0, 0), (0, 0), (0, 0), (0, 1), (0, 1), (0, 1)];
    let shared = Case { packets, queues: 2, ..case(spec.clone(), &[]) };
    shared.delivers(&[10, 20, 50, 30, 40, 60]);
    let apart = Case { spec: NapiSpec { cores: 2, ..spec }, ..shared };
    apart.delivers(&[10, 20, 30, 10, 20, 30]);
}

/// Three queues with five packets each on one core, polls of two, at most three packets a run.
#[test]
fn a_squeezed_run_counts_and_waits_for_ksoftirqd() {
    let spec = NapiSpec { budget: 2, context: softirq(3, 1_000_000, 1000), ..plain() };
    let packets = (0..3).flat_map(|queue| vec![(0, queue); 5]).collect();
    let outcome = Case { packets, queues: 3, ..case(spec, &[]) }.delivers(&[
        // The run from 0 polls queues 0 and 1, that from 1040 queue 2 (left over) and 0, that from
        // 2080 queues 1 and 2, that from 3120 queues 0 (its last packet) and 1 (too), and that is 2
        // packets: queue 2 follows in the same run.
        10, 20, 1070, 1080, 3130, //
        30, 40, 2090, 2100, 3140, //
        1050, 1060, 2110, 2120, 3150,
    ]);
    assert_eq!(outcome.time_squeeze, 4);
}

#[test]
fn a_run_is_squeezed_by_time_as_well() {
    let spec = NapiSpec { budget: 2, context: softirq(300, 20, 1000), ..plain() };
    let outcome = case(spec, &[0; 5]).delivers(&[10, 20, 1030, 1040, 2050]);
    assert_eq!(outcome.time_squeeze, 2);
}

#[test]
fn one_queue_alone_is_not_squeezed_by_netdev_budget_but_gives_way_after_ten_runs() {
    let spec = NapiSpec { budget: 1, context: softirq(300, 1_000_000, 1000), ..plain() };
    let mut expected: Vec<u64> = (1..=10).map(|packet| packet * 10).collect();
    expected.extend([1110, 1120]);
    let outcome = case(spec, &[0; 12]).delivers(&expected);
    assert_eq!(outcome.time_squeeze, 0);
}

#[test]
fn the_softirq_gives_way_after_two_milliseconds() {
    let spec = NapiSpec {
        budget: 1,
        per_packet: ns(1_000_000),
        context: softirq(300, 9_000_000, 500),
        ..plain()
    };
    case(spec, &[0; 3]).delivers(&[1_000_000, 2_000_000, 3_000_500]);
}

#[test]
fn an_interrupt_enters_the_softirq_before_ksoftirqd() {
    let spec = NapiSpec { budget: 2, context: softirq(2, 1_000_000, 1000), ..plain() };
    let packets = vec![(0, 0), (0, 0), (0, 0), (200, 1)];
    Case { packets, queues: 2, ..case(spec, &[]) }.delivers(&[10, 20, 210, 220]);
}

#[test]
fn threads_wake_up_each_by_itself_and_know_no_netdev_budget() {
    let spec =
        NapiSpec { context: NapiContext::Threads, wakeup: constant(50), budget: 2, ..plain() };
    let packets = vec![(0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (10, 1)];
    let outcome = Case { packets, queues: 2, ..case(spec, &[]) };
    // Queue 1 is ready at 60 and has its turn after queue 0's first poll.
    let outcome = outcome.delivers(&[60, 70, 90, 100, 110, 80]);
    assert_eq!((outcome.wakeups, outcome.time_squeeze), (2, 0));
}

#[test]
fn deferred_interrupts_are_polls_by_timer() {
    let spec = NapiSpec {
        wakeup: constant(5),
        defer: Some(Defer { hard_irqs: 2, timeout: ns(100) }),
        ..plain()
    };
    // Polls at 5 to 15 (found), at 120 to 130 (found), at 235 and 340 (empty): then interrupts.
    let outcome = case(spec.clone(), &[0, 50, 400]).delivers(&[15, 130, 415]);
    // Interrupts at 0 and 400, timers at 115, 230, 335, 515, 620.
    assert_eq!(outcome.wakeups, 7);
    case(spec, &[0, 50, 330, 500]).delivers(&[15, 130, 350, 570]);
}

#[test]
fn a_spinning_application_sees_a_packet_at_once() {
    let spec = NapiSpec { wakeup: constant(50), busy_poll: ns(100), ..plain() };
    // Spins from 60 to 160, from 120 to 220, from 180 to 280.
    let outcome = case(spec, &[0, 110, 170, 281]).delivers(&[60, 120, 180, 341]);
    assert_eq!(outcome.wakeups, 2);
}

#[test]
fn what_is_refilled_after_a_poll_is_not_usable_during_it() {
    let every_poll = Case { rx: 4, ..case(plain(), &[0, 0, 0, 0, 15, 35, 41]) };
    every_poll.delivers(&[10, 20, 30, 40, DROPPED, DROPPED, 51]);
    let batch = NapiSpec { refill: Refill::Batch(2), ..plain() };
    let batch = Case { spec: batch, ..every_poll };
    batch.delivers(&[10, 20, 30, 40, DROPPED, 50, 60]);
    let half = Refill::Fraction { numerator: 1, denominator: 2, most: u32::MAX };
    let half = Case { spec: NapiSpec { refill: half, ..plain() }, ..batch };
    half.delivers(&[10, 20, 30, 40, DROPPED, 50, 60]);
    let one = Case { spec: NapiSpec { refill: Refill::Batch(1), ..plain() }, ..half };
    one.delivers(&[10, 20, 30, 40, 50, 60, 70]);
}

#[test]
fn a_partial_batch_waits_for_the_next_packets() {
    let spec = NapiSpec { refill: Refill::Batch(3), ..plain() };
    let outcome = Case { rx: 4, ..case(spec, &[0, 0, 100, 100, 100]) };
    let outcome = outcome.delivers(&[10, 20, 110, 120, DROPPED]);
    assert_eq!(outcome.in_use.max, 4);
}

#[test]
fn a_stall_holds_up_the_next_poll_and_no_interrupt() {
    let spec = NapiSpec { budget: 2, moderation: coalesced(30, 0), ..plain() };
    let packets = [0, 0, 0, 200, 205];
    let stalled = Case { stalls: vec![(40, 100), (190, 50)], ..case(spec, &packets) };
    // The poll at 30 is finished at 50, the next starts at 140; the interrupt at 230 waits.
    stalled.delivers(&[40, 50, 150, 250, 260]);
}

#[test]
fn pages_of_the_pool_are_held_above_the_ring() {
    let spec = NapiSpec { hold: constant(100), refill: Refill::Batch(1), ..plain() };
    let outcome = Case { rx: 1, ..case(spec, &[0, 20, 40]) }.delivers(&[10, 30, 50]);
    // Held from 10 to 110, from 30 to 130 and from 50 to 150, which is the end.
    assert_eq!((outcome.held.max, outcome.simulated), (3, ns(150)));
    assert!((outcome.held.mean - 2.0).abs() < 1e-12);
    assert!((outcome.in_use.mean - 0.2).abs() < 1e-12);
}

#[test]
fn a_slot_whose_page_is_not_returned_stays_empty() {
    let spec = NapiSpec { hold: constant(100), recycle: Recycle::Return, ..plain() };
    let outcome = Case { rx: 2, ..case(spec, &[0, 0, 50, 110, 119, 120]) };
    let outcome = outcome.delivers(&[10, 20, DROPPED, 120, DROPPED, 130]);
    assert_eq!((outcome.held.max, outcome.in_use.max), (0, 2));
}

#[test]
fn packets_cost_more_once_the_buffers_in_rotation_exceed_the_cache() {
    let cache = CacheSpec { llc_share: 2000, miss_cost: ns(40) };
    let spec = NapiSpec { cache: Some(cache), ..plain() };
    // 2 buffers of 1000 bytes fit; of 4, half are missed, and of 8, three quarters.
    let of = |rx| Case { rx, ..case(spec.clone(), &[0, 0]) };
    of(2).delivers(&[10, 20]);
    of(4).delivers(&[30, 60]);
    of(8).delivers(&[40, 80]);
    // Rings without traffic do not rotate; pages held above the ring do.
    Case { queues: 3, ..of(4) }.delivers(&[30, 60]);
    let held = NapiSpec { hold: constant(1000), refill: Refill::Batch(1), ..spec.clone() };
    Case { spec: held, rx: 3, ..case(spec, &[0, 100]) }.delivers(&[23, 130]);
}
