//! Traffic that leaves nothing but its phase to chance: every packet is where the contract says.

use proptest::prelude::*;
use rxplan::id::QueueId;
use rxplan::model::buffers::BufferSpec;
use rxplan::model::distribution::Distribution;
use rxplan::model::host::HostSpec;
use rxplan::model::port::FifoSpec;
use rxplan::model::system::SystemSpec;
use rxplan::model::traffic::{
    BatchSpec, OnOffSpec, RecordedPacket, Spacing, TrafficKind, TrafficSpec, Window,
};
use rxplan::units::{BitRate, PacketRate, SimDuration, SimTime};

use crate::runs::{config, run};
use crate::scenarios::AMPLE;

/// End of the patterns.
const END: i64 = 300;

/// One table of traffic into rings with room for everything.
fn system(queues: &[u32], kind: TrafficKind) -> SystemSpec {
    let queues: Vec<QueueId> = queues.iter().map(|queue| QueueId::new(*queue)).collect();
    SystemSpec {
        buffers: BufferSpec {
            rx: vec![AMPLE; queues.len()],
            rx_buf_len: 2000,
            completion_entries: AMPLE,
            completion_flow_control: false,
            reserve: None,
        },
        fifo: FifoSpec::default(),
        line_rate: None,
        host: HostSpec::Hold { time: Distribution::Constant(1000) },
        stalls: Vec::new(),
        traffic: vec![TrafficSpec { queues, size: Distribution::Constant(1), kind }],
        window: Window { start: SimTime::ZERO, end: Some(SimTime::from_ps(END.unsigned_abs())) },
    }
}

/// Time and queue of every packet, in order of arrival.
fn arrivals(system: &SystemSpec) -> Vec<(i64, u32)> {
    let packets = run(system).packets.into_iter();
    packets.map(|packet| (time(packet.arrival.as_ps()), packet.queue.get())).collect()
}

fn time(ps: u64) -> i64 {
    i64::try_from(ps).expect("times are short")
}

/// Time and queue of every packet if `cycle` begins at `first` and every `length` after, sorted.
fn cycles(cycle: &[(i64, u32)], first: i64, length: i64) -> Vec<(i64, u32)> {
    let beginnings = (0..).map(|number| first + number * length).take_while(|begin| *begin < END);
    let begun = |begin| cycle.iter().map(move |(after, queue)| (begin + after, *queue));
    let mut packets: Vec<(i64, u32)> = beginnings.flat_map(begun).collect();
    packets.retain(|(time, _)| (0..END).contains(time));
    packets.sort_unstable();
    packets
}

/// A recording that passes a wire of so many Gbit/s.
fn on_the_wire(frames: &[RecordedPacket], gbit: u64) -> SystemSpec {
    let mut system = system(&[0], TrafficKind::Recorded(frames.iter().copied().collect()));
    system.line_rate = BitRate::parse(&format!("{gbit} Gbit/s")).ok();
    system.window.end = None;
    system
}

proptest! {
    #![proptest_config(config(1000))]

    #[test]
    fn constant_traffic_is_evenly_spaced(packets in 1_u32..4, ps in 2_u32..30) {
        let rate = PacketRate::new(packets.into(), ps.into()).expect("fits");
        let arrivals = arrivals(&system(&[0], TrafficKind::Constant { rate }));
        let (packets, ps) = (i64::from(packets), i64::from(ps));
        let phase = arrivals[0].0;
        prop_assert!(phase * packets < ps, "the first gap has a packet");
        let spaced = (0..).map(|k| phase + k * ps / packets).take_while(|time| *time < END);
        prop_assert!(arrivals.iter().map(|packet| packet.0).eq(spaced));
    }

    #[test]
    fn constantly_spaced_bursts_begin_one_gap_late(
        (packets, ps) in (1_u32..4, 1_u32..8),
        (on, off) in (1_u64..30, 1_u64..30),
    ) {
        let kind = TrafficKind::OnOff(OnOffSpec {
            rate: PacketRate::new(packets.into(), ps.into()).expect("fits"),
            rate_off: PacketRate::ZERO,
            on: Distribution::Constant(on),
            off: Distribution::Constant(off),
            spacing: Spacing::Constant,
            in_phase: 0,
            correlation: 0.0,
        });
        let arrivals = arrivals(&system(&[0], kind));
        let (packets, ps) = (i64::from(packets), i64::from(ps));
        let offsets = (1..).map(|k| k * ps / packets).take_while(|after| *after <= time(on));
        let burst: Vec<(i64, u32)> = offsets.map(|after| (after, 0)).collect();
        // The burst under way at time zero is seen from where it stands, but for what falls on time
        // zero itself: a phase is rounded, and may have begun or ended just before.
        let later = |packets: Vec<(i64, u32)>| -> Vec<(i64, u32)> {
            packets.into_iter().filter(|packet| packet.0 > 0).collect()
        };
        let (seen, length) = (later(arrivals), time(on + off));
        prop_assert!((-length..=0).any(|first| seen == later(cycles(&burst, first, length))));
    }

    #[test]
    fn batches_are_dealt_round_robin(
        queues in Just(vec![0_u32, 1, 2]).prop_shuffle(),
        in_phase in 2_usize..=3,
        (every, count, spacing) in (1_u64..40, 0_u64..5, 0_u64..6),
    ) {
        let kind = TrafficKind::Batch(BatchSpec {
            every: Distribution::Constant(every),
            count: Distribution::Constant(count),
            spacing: SimDuration::from_ps(spacing),
            in_phase,
        });
        let (shared, alone) = queues.split_at(in_phase);
        let arrivals = arrivals(&system(&queues, kind));
        for group in [shared].into_iter().chain(alone.chunks(1)) {
            let mut seen = arrivals.clone();
            seen.retain(|(_, queue)| group.contains(queue));
            // Batches that overlap are merged; at one instant any order of the queues will do.
            seen.sort_unstable();
            let batch: Vec<(i64, u32)> = (0..count)
                .flat_map(|k| group.iter().map(move |queue| (time(k * spacing), *queue)))
                .collect();
            let every = time(every);
            prop_assert!((0..=every).any(|first| seen == cycles(&batch, first, every)));
        }
    }

    #[test]
    fn frames_take_the_wire_one_after_another(
        frames in prop::collection::vec((0_u64..100_000, 1_u32..2000), 1..50),
        gbit in 1_u64..400,
    ) {
        let frames: Vec<RecordedPacket> = frames
            .into_iter()
            .scan(0, |time, (gap, len)| {
                *time += gap;
                Some(RecordedPacket { time: SimTime::from_ps(*time), queue: QueueId::new(0), len })
            })
            .collect();
        let sent = run(&on_the_wire(&frames, gbit)).packets;
        prop_assert_eq!(sent.len(), frames.len());
        // Instants in units of 1 / gbit picoseconds, in which a bit takes 1000.
        let mut free = 0;
        for (frame, sent) in frames.iter().zip(sent) {
            let begin = (frame.time.as_ps() * gbit).max(free);
            free = begin + 1000 * 8 * u64::from((frame.len + 4).max(64) + 20);
            prop_assert_eq!(sent.arrival.as_ps(), begin.div_ceil(gbit));
        }
    }
}
