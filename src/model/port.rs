//! The port: the wire before the NIC, and the on-NIC packet memory behind it.

use std::collections::VecDeque;

use crate::id::QueueId;
use crate::model::host::Packet;
use crate::model::traffic::{Arrival, Window};
use crate::stats::Overlap;
use crate::units::{BitRate, SimDuration, SimTime, sum_to_f64, to_f64};

/// On-NIC packet memory in front of the rings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FifoSpec {
    /// Bytes of `len` that it holds, for the port; 0: none.
    pub capacity: u64,
    /// What a refused queue holds up.
    pub order: FifoOrder,
    /// Whether the sender is paused instead of dropping what the FIFO has no room for.
    ///
    /// The pause is ideal: it begins and ends without delay, so that no headroom for frames in
    /// flight is needed. Real ports pause in quanta of 512 bit times (IEEE 802.3 annex 31B) and
    /// need headroom. Frames held back wait at the sender and arrive when they are sent.
    pub pause: bool,
}

/// In which order packets leave the FIFO.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FifoOrder {
    /// A queue that is refused lets the others pass, as NICs do that can drop per queue.
    #[default]
    Queue,
    /// Strictly in order of arrival: one queue without buffers holds up all, as in ixgbe where
    /// `DROP_EN` is off (Linux 7.3 drivers/net/ethernet/intel/ixgbe/ixgbe_main.c).
    Port,
}

/// The wire: one frame at a time, in order.
///
/// A frame of `len` bytes without FCS takes `max(len + 4, 64) + 20` bytes on the wire: FCS, minimum
/// frame, preamble and gap (IEEE 802.3). One that finds the wire busy arrives when it is free.
/// Instants are kept as exact fractions of a picosecond; an arrival is rounded up.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    /// Bits in `per_ps` picoseconds.
    bits: u128,
    per_ps: u128,
    /// When the wire is free, in units of `1 / bits` picoseconds.
    free_scaled: u128,
    /// Frames that wait at the sender, with the times from which they are ready.
    ready: VecDeque<Arrival>,
    /// Since when the first of them is held back.
    paused_since: Option<SimTime>,
    window: Window,
    paused: Overlap,
    pauses: u64,
    delay: SenderDelay,
}

/// What was measured of a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireOutcome {
    /// Times the sender was paused.
    pub pauses: u64,
    /// Time it was paused, in picoseconds.
    pub paused_ps: u128,
    /// How long frames waited at the sender.
    pub delay: SenderDelay,
}

/// How long frames waited at the sender, because the wire was busy or they were held back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SenderDelay {
    /// Frames that arrived in the window.
    pub frames: u64,
    /// Sum of their waits, in picoseconds.
    pub sum_ps: u128,
    /// The longest.
    pub max: SimDuration,
}

impl WireOutcome {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let (delay, others) = (self.delay, other.delay);
        Self {
            pauses: self.pauses + other.pauses,
            paused_ps: self.paused_ps + other.paused_ps,
            delay: SenderDelay {
                frames: delay.frames + others.frames,
                sum_ps: delay.sum_ps + others.sum_ps,
                max: delay.max.max(others.max),
            },
        }
    }
}

impl SenderDelay {
    fn add(&mut self, wait: SimDuration) {
        self.frames += 1;
        self.sum_ps += u128::from(wait.as_ps());
        self.max = self.max.max(wait);
    }

    /// The mean in microseconds; 0 of no frames.
    #[must_use]
    pub fn mean_us(&self) -> f64 {
        match self.frames {
            0 => 0.0,
            frames => sum_to_f64(self.sum_ps) / 1e6 / to_f64(frames),
        }
    }
}

/// Bytes a frame of `len` bytes without FCS takes on the wire.
#[must_use]
pub fn wire_bytes(len: u32) -> u64 {
    (u64::from(len) + 4).max(64) + 20
}

impl Wire {
    pub(crate) fn new(rate: BitRate, window: Window) -> Self {
        let (bits, per_ps) = rate.fraction();
        Self {
            bits: u128::from(bits),
            per_ps: u128::from(per_ps),
            free_scaled: 0,
            ready: VecDeque::new(),
            paused_since: None,
            window,
            paused: Overlap::new(window.start, window.end_or_max()),
            pauses: 0,
            delay: SenderDelay::default(),
        }
    }

    /// A sender has a frame that is ready at `arrival.time`; it waits its turn.
    pub(crate) fn send(&mut self, arrival: Arrival) {
        self.ready.push_back(arrival);
    }

    /// When the first waiting frame begins, in units of `1 / bits` picoseconds.
    fn begins_scaled(&self, first: &Arrival) -> u128 {
        (u128::from(first.time.as_ps()) * self.bits).max(self.free_scaled)
    }

    /// When the next frame arrives at the NIC; never while the sender is paused.
    pub(crate) fn next_time(&self) -> SimTime {
        match self.ready.front() {
            Some(first) if self.paused_since.is_none() => {
                let ps = self.begins_scaled(first).div_ceil(self.bits);
                SimTime::from_ps(u64::try_from(ps).unwrap_or(u64::MAX))
            }
            _ => SimTime::MAX,
        }
    }

    /// The frame that is next.
    pub(crate) fn first(&self) -> Option<&Arrival> {
        self.ready.front()
    }

    /// The next frame arrives now, at its [`next_time`](Self::next_time).
    pub(crate) fn pop(&mut self) -> Option<Arrival> {
        let time = self.next_time();
        let mut arrival = self.ready.pop_front()?;
        self.free_scaled =
            self.begins_scaled(&arrival) + u128::from(wire_bytes(arrival.len)) * 8 * self.per_ps;
        if self.window.start <= time && time < self.window.end_or_max() {
            self.delay.add(time - arrival.time);
        }
        arrival.time = time;
        Some(arrival)
    }

    /// The sender is paused: the next frame, due now, is held back.
    pub(crate) fn pause(&mut self, now: SimTime) {
        self.paused_since = Some(now);
        self.pauses += u64::from(self.window.start <= now && now < self.window.end_or_max());
    }

    /// Whether the sender is paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused_since.is_some()
    }

    /// The pause is over: the frame held back arrives now.
    pub(crate) fn resume(&mut self, now: SimTime) {
        if let Some(since) = self.paused_since.take() {
            self.paused.add(since, now);
            self.free_scaled = self.free_scaled.max(u128::from(now.as_ps()) * self.bits);
        }
    }

    /// What was measured until `end`.
    pub(crate) fn close(mut self, end: SimTime) -> WireOutcome {
        self.resume(end);
        WireOutcome { pauses: self.pauses, paused_ps: self.paused.sum_ps(), delay: self.delay }
    }
}

/// The on-NIC FIFO: packets that were refused and wait for buffers.
///
/// One for the port, in bytes of `len`. Waiting packets are retried in order of arrival after every
/// release; whether a queue that is refused holds up the others is the [`FifoOrder`], but packets
/// of one queue never overtake each other.
#[derive(Debug, Clone)]
pub(crate) struct Fifo {
    spec: FifoSpec,
    used: u64,
    order: u64,
    /// Per queue, in order of arrival, each with its number in the order of the port.
    queues: Vec<VecDeque<(u64, Packet)>>,
    waiting: usize,
}

impl Fifo {
    pub(crate) fn new(spec: FifoSpec, queues: usize) -> Self {
        let queues = (0..queues).map(|_| VecDeque::new()).collect();
        Self { spec, used: 0, order: 0, queues, waiting: 0 }
    }

    /// Whether the NIC has such memory at all.
    pub(crate) fn exists(&self) -> bool {
        self.spec.capacity > 0
    }

    /// Whether it pauses the sender rather than drop.
    pub(crate) fn pauses(&self) -> bool {
        self.spec.pause
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Whether packets wait that a new one for this queue must not pass.
    pub(crate) fn holds_up(&self, queue: QueueId) -> bool {
        self.waiting > 0
            && (self.spec.order == FifoOrder::Port || !self.queues[queue.index()].is_empty())
    }

    /// Whether a packet of `len` bytes has room.
    pub(crate) fn has_room(&self, len: u32) -> bool {
        self.used + u64::from(len) <= self.spec.capacity
    }

    pub(crate) fn push(&mut self, queue: QueueId, packet: Packet) {
        self.used += u64::from(packet.len);
        self.queues[queue.index()].push_back((self.order, packet));
        self.order += 1;
        self.waiting += 1;
    }

    /// The packet to retry next when the queues in `refused` have been: the one that has waited
    /// longest, of those that need not wait for it.
    pub(crate) fn first(&self, refused: &[bool]) -> Option<(QueueId, &Packet)> {
        let in_order = self.spec.order == FifoOrder::Port;
        if in_order && refused.contains(&true) {
            return None;
        }
        (0..)
            .map(QueueId::new)
            .zip(&self.queues)
            .zip(refused)
            .filter(|(_, refused)| !**refused)
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

    fn wire(rate: &str) -> Wire {
        let window = Window { start: SimTime::ZERO, end: None };
        Wire::new(BitRate::parse(rate).unwrap(), window)
    }

    fn send(wire: &mut Wire, ps: u64, len: u32) -> u64 {
        wire.send(Arrival { time: SimTime::from_ps(ps), queue: QueueId::new(0), len });
        wire.pop().expect("just sent").time.as_ps()
    }

    #[test]
    fn minimum_frames_are_6720_ps_apart_at_100_gbit() {
        let mut wire = wire("100 Gbit/s");
        let times: Vec<u64> = (0..3).map(|_| send(&mut wire, 0, 60)).collect();
        assert_eq!(times, [0, 6_720, 13_440]);
        assert_eq!(send(&mut wire, 1_000_000, 1514), 1_000_000);
        assert_eq!(send(&mut wire, 1_000_000, 1514), 1_000_000 + 1538 * 80);
    }

    #[test]
    fn fractions_of_a_picosecond_do_not_accumulate() {
        // 84 bytes at 3 Gbit/s take 224,000 ps exactly; at 7 Gbit/s 96,000 ps; at 9, 74,666.67 ps
        let mut wire = wire("9 Gbit/s");
        let times: Vec<u64> = (0..4).map(|_| send(&mut wire, 0, 60)).collect();
        assert_eq!(times, [0, 74_667, 149_334, 224_000]);
    }

    #[test]
    fn a_pause_moves_all_that_waits_and_is_measured() {
        let mut wire = wire("100 Gbit/s");
        let at = SimTime::from_ps;
        for ready in [0, 1_000] {
            wire.send(Arrival { time: at(ready), queue: QueueId::new(0), len: 60 });
        }
        wire.pause(at(0));
        assert_eq!(wire.next_time(), SimTime::MAX);
        wire.resume(at(10_000));
        assert_eq!(wire.pop().unwrap().time, at(10_000));
        assert_eq!(wire.pop().unwrap().time, at(16_720));
        let delay = SenderDelay { frames: 2, sum_ps: 25_720, max: SimDuration::from_ps(15_720) };
        let expected = WireOutcome { pauses: 1, paused_ps: 10_000, delay };
        assert_eq!(wire.close(at(20_000)), expected);
    }
}
