//! Packets of a trace or capture, as they were recorded.

use std::sync::Arc;

use super::{Arrival, RecordedPacket};
use crate::units::SimTime;

/// Replays a recording.
#[derive(Debug)]
pub(super) struct RecordedSource {
    packets: Arc<[RecordedPacket]>,
    next: usize,
}

impl RecordedSource {
    pub(super) fn new(packets: Arc<[RecordedPacket]>) -> Self {
        Self { packets, next: 0 }
    }

    pub(super) fn next(&mut self, end: SimTime) -> (Option<Arrival>, u64) {
        let Some(packet) = self.packets.get(self.next) else { return (None, 0) };
        if packet.time >= end {
            return (None, 0);
        }
        let first = u64::from(self.next == 0);
        self.next += 1;
        let RecordedPacket { time, queue, len } = *packet;
        (Some(Arrival { time, queue, len }), first)
    }
}
