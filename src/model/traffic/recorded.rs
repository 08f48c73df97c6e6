//! Packets of a trace or capture, as they were recorded.

use std::fmt;
use std::sync::Arc;

use super::{Arrival, RecordedPacket};
use crate::units::SimTime;

/// Packets of a recording, one at a time, sorted by time.
pub type Playing = Box<dyn Iterator<Item = RecordedPacket> + Send>;

/// What can play a recording any number of times, at the same time too.
pub trait Player: fmt::Debug + Send + Sync {
    /// Plays it from its beginning.
    fn play(&self) -> Playing;

    /// Why a playing has ended before the recording did, if one has: its packets are no result.
    fn fault(&self) -> Option<String>;
}

/// A recording: packets sorted by time.
#[derive(Debug, Clone)]
pub struct Recorded {
    count: u64,
    last: SimTime,
    longest: u32,
    player: Arc<dyn Player>,
}

impl Recorded {
    /// What `player` plays: so many packets, the last one at `last`, the longest with so many
    /// bytes.
    #[must_use]
    pub fn new(count: u64, last: SimTime, longest: u32, player: Arc<dyn Player>) -> Self {
        Self { count, last, longest, player }
    }

    /// How many packets there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// When the last one arrives; zero without packets.
    #[must_use]
    pub const fn last(&self) -> SimTime {
        self.last
    }

    /// Bytes of the longest one, without FCS; 0 without packets.
    #[must_use]
    pub const fn longest(&self) -> u32 {
        self.longest
    }

    /// The packets from the beginning.
    #[must_use]
    pub fn play(&self) -> Playing {
        self.player.play()
    }

    /// Why a playing has ended before the recording did, if one has.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.player.fault()
    }
}

impl PartialEq for Recorded {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.player, &other.player) || self.play().eq(other.play())
    }
}

/// Holds packets, which must be sorted by time, in memory.
impl FromIterator<RecordedPacket> for Recorded {
    fn from_iter<I: IntoIterator<Item = RecordedPacket>>(packets: I) -> Self {
        let packets: Arc<[RecordedPacket]> = packets.into_iter().collect();
        let last = packets.last().map_or(SimTime::ZERO, |packet| packet.time);
        let longest = packets.iter().map(|packet| packet.len).max().unwrap_or(0);
        Self::new(packets.len() as u64, last, longest, Arc::new(Held(packets)))
    }
}

/// Packets in memory.
#[derive(Debug)]
struct Held(Arc<[RecordedPacket]>);

impl Player for Held {
    fn play(&self) -> Playing {
        let packets = Arc::clone(&self.0);
        Box::new((0..packets.len()).map(move |index| packets[index]))
    }

    fn fault(&self) -> Option<String> {
        None
    }
}

/// Replays a recording.
pub(super) struct RecordedSource {
    packets: Playing,
    has_begun: bool,
}

impl fmt::Debug for RecordedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedSource").finish_non_exhaustive()
    }
}

impl RecordedSource {
    pub(super) fn new(recorded: &Recorded) -> Self {
        Self { packets: recorded.play(), has_begun: false }
    }

    /// The next packet before `end`; none after the first one that is later.
    pub(super) fn next(&mut self, end: SimTime) -> (Option<Arrival>, u64) {
        let packet = self.packets.next().filter(|packet| packet.time < end);
        let Some(RecordedPacket { time, queue, len }) = packet else { return (None, 0) };
        let first = u64::from(!std::mem::replace(&mut self.has_begun, true));
        (Some(Arrival { time, queue, len }), first)
    }
}
