//! The port: the wire before the NIC, and the on-NIC packet memory behind it.

use std::collections::VecDeque;

use crate::id::QueueId;
use crate::model::host::Packet;
use crate::model::traffic::Arrival;
use crate::units::{BitRate, SimTime};

/// The wire: one frame at a time, in order.
///
/// A frame of `len` bytes without FCS takes `max(len + 4, 64) + 20` bytes on the wire: FCS, minimum
/// frame, preamble and gap (IEEE 802.3). One that finds the wire busy arrives when it is free.
/// Instants are kept as exact fractions of a picosecond; an arrival is rounded up.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Bits in `per_ps` picoseconds.
    bits: u128,
    per_ps: u128,
    /// When the wire is free, in units of `1 / bits` picoseconds.
    free_scaled: u128,
    delayed: VecDeque<Arrival>,
}

/// Bytes a frame of `len` bytes without FCS takes on the wire.
#[must_use]
pub fn wire_bytes(len: u32) -> u64 {
    (u64::from(len) + 4).max(64) + 20
}

impl Wire {
    pub(crate) fn new(rate: BitRate) -> Self {
        let (bits, per_ps) = rate.fraction();
        Self {
            bits: u128::from(bits),
            per_ps: u128::from(per_ps),
            free_scaled: 0,
            delayed: VecDeque::new(),
        }
    }

    /// Sends a frame that is ready at `arrival.time`; it waits its turn in `delayed`.
    pub(crate) fn send(&mut self, mut arrival: Arrival) {
        let ready = u128::from(arrival.time.as_ps()) * self.bits;
        let begin = ready.max(self.free_scaled);
        self.free_scaled = begin + u128::from(wire_bytes(arrival.len)) * 8 * self.per_ps;
        let ps = u64::try_from(begin.div_ceil(self.bits)).unwrap_or(u64::MAX);
        arrival.time = SimTime::from_ps(ps);
        self.delayed.push_back(arrival);
    }

    /// When the next frame arrives at the NIC.
    pub(crate) fn next_time(&self) -> SimTime {
        self.delayed.front().map_or(SimTime::MAX, |arrival| arrival.time)
    }

    pub(crate) fn pop(&mut self) -> Option<Arrival> {
        self.delayed.pop_front()
    }
}

/// The on-NIC FIFO: packets that were refused and wait for buffers.
///
/// One for the port, in bytes of `len`. Waiting packets are retried in order of arrival after every
/// release; a queue that is refused does not hold up the others, but packets of one queue never
/// overtake each other.
#[derive(Debug)]
pub(crate) struct Fifo {
    capacity: u64,
    used: u64,
    order: u64,
    /// Per queue, in order of arrival, each with its number in the order of the port.
    queues: Vec<VecDeque<(u64, Packet)>>,
    waiting: usize,
}

impl Fifo {
    pub(crate) fn new(capacity: u64, queues: usize) -> Self {
        let queues = (0..queues).map(|_| VecDeque::new()).collect();
        Self { capacity, used: 0, order: 0, queues, waiting: 0 }
    }

    /// Whether the NIC has such memory at all.
    pub(crate) fn exists(&self) -> bool {
        self.capacity > 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Whether packets of the queue wait, so that a new one must not pass them.
    pub(crate) fn holds(&self, queue: QueueId) -> bool {
        self.waiting > 0 && !self.queues[queue.index()].is_empty()
    }

    /// Whether a packet of `len` bytes has room.
    pub(crate) fn has_room(&self, len: u32) -> bool {
        self.used + u64::from(len) <= self.capacity
    }

    pub(crate) fn push(&mut self, queue: QueueId, packet: Packet) {
        self.used += u64::from(packet.len);
        self.queues[queue.index()].push_back((self.order, packet));
        self.order += 1;
        self.waiting += 1;
    }

    /// The longest waiting packet of all queues for which `blocked` is not set.
    pub(crate) fn first(&self, blocked: &[bool]) -> Option<(QueueId, &Packet)> {
        (0..)
            .map(QueueId::new)
            .zip(&self.queues)
            .zip(blocked)
            .filter(|(_, blocked)| !**blocked)
            .filter_map(|((queue, waiting), _)| Some((queue, waiting.front()?)))
            .min_by_key(|(_, (order, _))| *order)
            .map(|(queue, (_, packet))| (queue, packet))
    }

    pub(crate) fn pop(&mut self, queue: QueueId) -> Option<Packet> {
        let (_, packet) = self.queues[queue.index()].pop_front()?;
        self.used -= u64::from(packet.len);
        self.waiting -= 1;
        Some(packet)
    }

    /// Number of packets waiting.
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(wire: &mut Wire, ps: u64, len: u32) -> u64 {
        wire.send(Arrival { time: SimTime::from_ps(ps), queue: QueueId::new(0), len });
        wire.delayed.back().expect("just sent").time.as_ps()
    }

    #[test]
    fn minimum_frames_are_6720_ps_apart_at_100_gbit() {
        let mut wire = Wire::new(BitRate::parse("100 Gbit/s").unwrap());
        let times: Vec<u64> = (0..3).map(|_| send(&mut wire, 0, 60)).collect();
        assert_eq!(times, [0, 6_720, 13_440]);
        assert_eq!(send(&mut wire, 1_000_000, 1514), 1_000_000);
        assert_eq!(send(&mut wire, 1_000_000, 1514), 1_000_000 + 1538 * 80);
    }

    #[test]
    fn fractions_of_a_picosecond_do_not_accumulate() {
        // 84 bytes at 3 Gbit/s take 224,000 ps exactly; at 7 Gbit/s 96,000 ps; at 9, 74,666.67 ps
        let mut wire = Wire::new(BitRate::parse("9 Gbit/s").unwrap());
        let times: Vec<u64> = (0..4).map(|_| send(&mut wire, 0, 60)).collect();
        assert_eq!(times, [0, 74_667, 149_334, 224_000]);
    }
}
