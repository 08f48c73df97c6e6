//! The wire and the on-NIC FIFO: what one ring without buffers does to the others, by timelines
//! worked out by hand.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/timeline.rs"]
mod timeline;

use rxplan::model::buffers::BufferSpec;
use rxplan::model::distribution::Distribution;
use rxplan::model::host::HostSpec;
use rxplan::model::port::{FifoOrder, FifoSpec};
use rxplan::model::system::SystemSpec;
use rxplan::model::traffic::Window;
use rxplan::units::{BitRate, SimDuration, SimTime};

use timeline::{packets, timeline};

/// A frame of this length takes 100 bytes and so, at 8 Gbit/s, 100 ns of the wire.
const LEN: u32 = 76;

/// Two rings of one entry: a packet of queue 0 is served 1000 ns, one of queue 1 only 10 ns.
fn system(fifo: FifoSpec, arrivals: &[(u64, u32)]) -> SystemSpec {
    SystemSpec {
        buffers: BufferSpec {
            rx: vec![1, 1],
            rx_buf_len: 2048,
            completion_entries: 1 << 10,
            completion_flow_control: false,
            reserve: None,
        },
        fifo,
        line_rate: BitRate::parse("8 Gbit/s").ok(),
        host: HostSpec::Server {
            service: [1000, 10].map(|ns| Distribution::Constant(ns * 1000)).to_vec(),
            wakeup: Distribution::Constant(0),
        },
        stalls: Vec::new(),
        traffic: packets(arrivals, LEN),
        window: Window { start: SimTime::ZERO, end: None },
    }
}

/// Two packets for the slow queue, then two for the fast one.
const SLOW_FIRST: &[(u64, u32)] = &[(0, 0), (0, 0), (0, 1), (0, 1)];

#[test]
fn a_fifo_in_order_of_queues_lets_the_fast_queue_pass() {
    let fifo = FifoSpec { capacity: 1000, ..FifoSpec::default() };
    let (fates, outcome) = timeline(&system(fifo, SLOW_FIRST));
    let expected = [(0, Some(1000)), (100, Some(2000)), (200, Some(210)), (300, Some(310))];
    assert_eq!(fates, expected);
    assert_eq!(outcome.wire.unwrap().pauses, 0);
}

#[test]
fn one_empty_ring_holds_up_all_in_order_of_the_port() {
    let fifo = FifoSpec { capacity: 1000, order: FifoOrder::Port, pause: false };
    let (fates, _) = timeline(&system(fifo, SLOW_FIRST));
    // The fast queue has one entry: its second packet waits for its first, too.
    let expected = [(0, Some(1000)), (100, Some(2000)), (200, Some(1010)), (300, Some(1020))];
    assert_eq!(fates, expected);
}

#[test]
fn a_full_fifo_in_order_of_the_port_drops_what_its_queue_had_room_for() {
    let fifo = FifoSpec { capacity: LEN.into(), order: FifoOrder::Port, pause: false };
    let (fates, _) = timeline(&system(fifo, SLOW_FIRST));
    assert_eq!(fates, [(0, Some(1000)), (100, Some(2000)), (200, None), (300, None)]);
}

#[test]
fn a_pause_holds_frames_at_the_sender_instead_of_dropping_them() {
    let fifo = FifoSpec { capacity: LEN.into(), order: FifoOrder::Port, pause: true };
    let (fates, outcome) = timeline(&system(fifo, SLOW_FIRST));
    // Paused from 200, when the third is due, to 1000, when the second leaves the FIFO.
    let expected = [(0, Some(1000)), (100, Some(2000)), (1000, Some(1010)), (1100, Some(1110))];
    assert_eq!(fates, expected);
    let wire = outcome.wire.unwrap();
    assert_eq!((wire.pauses, wire.paused_ps), (1, 800_000));
    assert_eq!((wire.delay.frames, wire.delay.sum_ps), (4, 2_200_000));
    assert_eq!(wire.delay.max, SimDuration::from_ps(1_100_000));
}

#[test]
fn without_a_fifo_a_pause_waits_for_the_ring_itself() {
    let fifo = FifoSpec { capacity: 0, order: FifoOrder::Queue, pause: true };
    let (fates, outcome) = timeline(&system(fifo, SLOW_FIRST));
    let expected = [(0, Some(1000)), (1000, Some(2000)), (1100, Some(1110)), (1200, Some(1210))];
    assert_eq!(fates, expected);
    assert_eq!(outcome.wire.unwrap().paused_ps, 900_000);
}

#[test]
fn a_frame_that_no_ring_can_hold_does_not_pause_the_port_for_ever() {
    let fifo = FifoSpec { capacity: 0, order: FifoOrder::Port, pause: true };
    let mut system = system(fifo, SLOW_FIRST);
    system.buffers.rx[0] = 0;
    let (fates, outcome) = timeline(&system);
    assert_eq!(fates, [(0, None), (100, None), (200, Some(210)), (300, Some(310))]);
    assert_eq!(outcome.wire.unwrap().pauses, 0);
}
