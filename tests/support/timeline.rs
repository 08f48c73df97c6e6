//! Recorded packets in, their fates out, in nanoseconds: for timelines worked out by hand.

use rxplan::id::QueueId;
use rxplan::model::distribution::Distribution;
use rxplan::model::log::{Fate, PacketOutcome};
use rxplan::model::outcome::Outcome;
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::model::traffic::{RecordedPacket, TrafficKind, TrafficSpec};
use rxplan::random::Streams;
use rxplan::units::{SimDuration, SimTime};

/// Packets of `len` bytes at these times, in nanoseconds, for these queues.
pub(crate) fn packets(arrivals: &[(u64, u32)], len: u32) -> Vec<TrafficSpec> {
    let recorded = arrivals.iter().map(|(ns, queue)| RecordedPacket {
        time: SimTime::ZERO + SimDuration::from_ps(ns * 1000),
        queue: QueueId::new(*queue),
        len,
    });
    vec![TrafficSpec {
        queues: vec![QueueId::new(0)],
        size: Distribution::Constant(u64::from(len)),
        kind: TrafficKind::Recorded(recorded.collect()),
    }]
}

/// Arrival of each packet and when it was delivered, in nanoseconds; `None`: dropped.
pub(crate) fn timeline(system: &SystemSpec) -> (Vec<(u64, Option<u64>)>, Outcome) {
    let mut fates = Vec::new();
    let mut sink = |packet: &PacketOutcome| {
        let delivered = match packet.fate {
            Fate::Delivered(time) => Some(time.as_ps() / 1000),
            Fate::Dropped(_) | Fate::Outstanding => None,
        };
        fates.push((packet.arrival.as_ps() / 1000, delivered));
    };
    let observers = Observers { packets: Some(&mut sink), ..Observers::default() };
    let outcome = system.run(Streams::new(1, 0), &Progress::default(), observers);
    (fates, outcome.expect("nobody stops it"))
}
