//! Messages cut into packets: what senders do with many bytes.
//!
//! A message of `bytes` is cut into packets of at most `mtu` with TCP and IPv4 headers. A sender
//! gives its NIC trains of packets (one packet, or as many as TCP segmentation offload takes at
//! once), which leave back to back: here at the same instant, and one after another at the rate of
//! the port's wire if it has one. The next train follows when the last would have passed at
//! `sender_rate`: train k starts at `floor(k x time of a whole train)`.
//!
//! Senders do not react to anything; there is no slow start and no back-off.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Arrival;
use crate::id::QueueId;
use crate::model::distribution::{Distribution, InProgress, exponential, uniform_between};
use crate::model::port::wire_bytes;
use crate::random::Generator;
use crate::units::{BitRate, SimDuration, SimTime, to_f64};

/// How messages become packets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segmentation {
    /// Bytes of an IP packet, at most.
    mtu: u32,
    /// Packets of a train, at most.
    train: u32,
    sender_rate: BitRate,
}

/// Messages: how large they are and how they become packets.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageSpec {
    sizes: Distribution,
    segmentation: Segmentation,
    means: MessageMeans,
}

impl MessageSpec {
    /// Messages whose bytes are distributed as `sizes`.
    #[must_use]
    pub fn new(sizes: Distribution, segmentation: Segmentation) -> Self {
        let means = segmentation.means(&sizes);
        Self { sizes, segmentation, means }
    }

    /// What they cost on average.
    #[must_use]
    pub const fn means(&self) -> MessageMeans {
        self.means
    }

    /// How they become packets.
    #[must_use]
    pub const fn segmentation(&self) -> Segmentation {
        self.segmentation
    }

    /// The same messages in packets of at most `mtu` bytes.
    #[must_use]
    pub fn with_mtu(&self, mtu: u32) -> Self {
        Self::new(self.sizes.clone(), Segmentation { mtu, ..self.segmentation })
    }

    /// Draws the bytes of one.
    pub(super) fn draw(&self, generator: &mut Generator) -> u64 {
        self.sizes.sample(generator)
    }

    /// How many are under way on average, of those that come at `per_second`.
    #[must_use]
    pub fn under_way(&self, per_second: f64) -> f64 {
        per_second * self.means.lasts_ps / 1e12
    }
}

/// What messages cost on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MessageMeans {
    /// Packets of a message.
    pub packets: f64,
    /// Bytes of its frames, without FCS.
    pub frame_bytes: f64,
    /// Bytes of its frames on the wire.
    pub wire_bytes: f64,
    /// Time from its first train to its last, in picoseconds.
    lasts_ps: f64,
}

impl Segmentation {
    /// Packets of at most `mtu` bytes (IP header included) in trains of `train`.
    ///
    /// # Panics
    /// Unless an MTU holds more than its headers, a train has a packet, and the rate is not zero.
    #[must_use]
    pub fn new(mtu: u32, train: u32, sender_rate: BitRate) -> Self {
        assert!(mtu > HEADERS, "an MTU of {mtu}");
        assert!(train > 0 && !sender_rate.is_zero(), "trains of {train}");
        Self { mtu, train, sender_rate }
    }

    /// The longest frame, without FCS, in bytes.
    #[must_use]
    pub fn longest_frame(&self) -> u32 {
        frame(self.payload())
    }

    /// Bytes of a message in a whole packet.
    fn payload(&self) -> u32 {
        self.mtu - HEADERS
    }

    /// Bytes of a message in a whole train.
    fn train_payload(&self) -> u64 {
        u64::from(self.payload()) * u64::from(self.train)
    }

    /// When train number `k` starts, in picoseconds after the message.
    fn train_start(&self, k: u64) -> u64 {
        let (bits, per_ps) = self.sender_rate.fraction();
        let scaled = u128::from(self.train_wire_bits()) * u128::from(per_ps) * u128::from(k);
        let ps = scaled / u128::from(bits);
        u64::try_from(ps).unwrap_or(u64::MAX)
    }

    /// The first train that starts no earlier than `ps` after the message.
    fn train_reaching(&self, ps: u64) -> u64 {
        let (bits, per_ps) = self.sender_rate.fraction();
        let scaled = u128::from(ps) * u128::from(bits);
        let k = scaled.div_ceil(u128::from(self.train_wire_bits()) * u128::from(per_ps));
        u64::try_from(k).unwrap_or(u64::MAX)
    }

    fn train_wire_bits(&self) -> u64 {
        u64::from(self.train) * wire_bytes(self.longest_frame()) * 8
    }

    fn trains(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.train_payload()).max(1)
    }

    /// Averages over messages of this size. Beside what is proportional to size, a message costs
    /// an amount between bounds (its last packet is not full), which is averaged.
    fn means(&self, sizes: &Distribution) -> MessageMeans {
        let payload = to_f64(u64::from(self.payload()));
        let train_payload = to_f64(self.train_payload());
        let (mut packets, mut padding, mut trains) = (0.0, 0.0, 0.0);
        for (bytes, share) in representatives(sizes) {
            let bytes = bytes.max(1);
            let whole = to_f64(bytes.div_ceil(self.payload().into()));
            packets += share * (whole - to_f64(bytes) / payload);
            padding += share * f64::from(self.last_padding(bytes));
            trains += share * (to_f64(self.trains(bytes)) - to_f64(bytes) / train_payload);
        }
        let bytes = sizes.mean();
        packets += bytes / payload;
        trains += bytes / train_payload;
        let frame_bytes = bytes + packets * f64::from(HEADERS + ETHERNET) + padding;
        let train_ps = to_f64(self.train_start(1 << 20)) / f64::from(1 << 20);
        MessageMeans {
            packets,
            frame_bytes,
            wire_bytes: frame_bytes + packets * f64::from(WIRE_OVERHEAD),
            lasts_ps: (trains - 1.0).max(0.0) * train_ps,
        }
    }

    /// Bytes that fill the last packet of a message up to the least frame.
    fn last_padding(&self, bytes: u64) -> u32 {
        let last = (bytes - 1) % u64::from(self.payload()) + 1;
        let last = u32::try_from(last).expect("at most a packet's payload");
        frame(last) - (last + HEADERS + ETHERNET)
    }

    /// A message under way at time zero, of those that come at random: with a chance proportional
    /// to the time from first to last train, uniform within it. Some tries fail.
    fn under_way(&self, sizes: &Distribution, generator: &mut Generator) -> Option<(u64, u64)> {
        // Chances proportional to bytes first; a part of those is right.
        let InProgress { age, residual } = sizes.sample_in_progress(generator);
        let bytes = age + residual;
        let whole = (self.trains(bytes) - 1) * self.train_payload();
        if whole == 0 || uniform_between(generator, 1, bytes) > whole {
            return None;
        }
        let lasts = self.train_start(self.trains(bytes) - 1);
        Some((bytes, uniform_between(generator, 0, lasts.saturating_sub(1))))
    }
}

/// Values with their shares: all where they are few, else evenly spaced quantiles.
fn representatives(sizes: &Distribution) -> Vec<(u64, f64)> {
    const QUANTILES: u32 = 100_000;
    let share = 1.0 / f64::from(QUANTILES);
    let quantile = |k: u32| (sizes.quantile((f64::from(k) + 0.5) * share), share);
    match sizes {
        Distribution::Constant(bytes) => vec![(*bytes, 1.0)],
        Distribution::Discrete { values, weights } => {
            values.iter().copied().zip(weights.iter().copied()).collect()
        }
        _ => (0..QUANTILES).map(quantile).collect(),
    }
}

/// A frame with so many bytes of a message, without FCS.
fn frame(payload: u32) -> u32 {
    (payload + HEADERS + ETHERNET).max(FRAME_MIN)
}

/// IPv4 and TCP headers without options (RFC 791, RFC 9293), in bytes.
pub const HEADERS: u32 = 40;

/// Ethernet header, in bytes.
const ETHERNET: u32 = 14;

/// Least frame without FCS, in bytes (IEEE 802.3).
const FRAME_MIN: u32 = 60;

/// What a frame, without FCS and no shorter than the least, takes on the wire beside its bytes.
const WIRE_OVERHEAD: u32 = 24;

/// Messages that are being sent.
#[derive(Debug)]
pub(super) struct Messages {
    segmentation: Segmentation,
    active: BinaryHeap<Reverse<Message>>,
    /// Messages begun, to keep order at one instant.
    begun: u64,
}

/// A message with packets still to come, ordered by (time of the next packet, number).
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Message {
    time: SimTime,
    number: u64,
    queue: QueueId,
    start: SimTime,
    /// How long before time zero it began, in picoseconds, if it did.
    age: u64,
    /// Bytes still to come.
    bytes: u64,
    /// The train under way, and how many of its packets are still to come.
    train: u64,
    in_train: u32,
}

impl Messages {
    pub(super) fn new(segmentation: Segmentation) -> Self {
        Self { segmentation, active: BinaryHeap::new(), begun: 0 }
    }

    /// A message of `bytes` begins.
    pub(super) fn begin(&mut self, start: SimTime, queue: QueueId, bytes: u64) {
        self.add(Message {
            time: start,
            number: self.begun,
            queue,
            start,
            age: 0,
            bytes: bytes.max(1),
            train: 0,
            in_train: self.segmentation.train,
        });
    }

    /// Messages that began before time zero, of those that come at `per_second`; `queue` gives each
    /// its queue.
    pub(super) fn start_stationary(
        &mut self,
        spec: &MessageSpec,
        per_second: f64,
        generator: &mut Generator,
        mut queue: impl FnMut() -> QueueId,
    ) {
        // A Poisson number: as many as exponential times in a span of the mean.
        let mut span = spec.under_way(per_second) - exponential(generator);
        while span > 0.0 {
            span -= exponential(generator);
            let under_way = || spec.segmentation.under_way(&spec.sizes, generator);
            let found = std::iter::repeat_with(under_way).flatten().next();
            let (bytes, age) = found.expect("tries go on until one succeeds");
            let segmentation = self.segmentation;
            let train = segmentation.train_reaching(age);
            self.add(Message {
                time: SimTime::from_ps(segmentation.train_start(train) - age),
                number: self.begun,
                queue: queue(),
                start: SimTime::ZERO,
                age,
                bytes: bytes - train * segmentation.train_payload(),
                train,
                in_train: segmentation.train,
            });
        }
    }

    fn add(&mut self, message: Message) {
        self.begun += 1;
        self.active.push(Reverse(message));
    }

    /// How many are under way.
    #[cfg(test)]
    pub(super) fn active(&self) -> usize {
        self.active.len()
    }

    /// When the next packet comes.
    pub(super) fn next_time(&self) -> Option<SimTime> {
        self.active.peek().map(|Reverse(message)| message.time)
    }

    /// Takes the next packet.
    pub(super) fn next(&mut self) -> Option<Arrival> {
        let Reverse(mut message) = self.active.pop()?;
        let payload = self.segmentation.payload();
        let bytes = u32::try_from(message.bytes.min(payload.into())).expect("at most a payload");
        let arrival = Arrival { time: message.time, queue: message.queue, len: frame(bytes) };
        message.bytes -= u64::from(bytes);
        message.in_train -= 1;
        if message.in_train == 0 {
            message.train += 1;
            message.in_train = self.segmentation.train;
            let ps = self.segmentation.train_start(message.train) - message.age;
            message.time = message.start + SimDuration::from_ps(ps);
        }
        if message.bytes > 0 {
            self.active.push(Reverse(message));
        }
        Some(arrival)
    }
}

#[cfg(test)]
mod tests;
