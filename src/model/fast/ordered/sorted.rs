//! The packets of a window in order of time.

use crate::model::fast::feeds::Feeds;
use crate::model::fast::windows::part_shift;
use crate::units::SimTime;

/// The longest window whose times fit a key.
pub(super) const WINDOW_MAX: u64 = 1 << 31;

/// Bits of a key that hold the packet's index.
const INDEX_BITS: u32 = 32;

/// A packet, where and how long it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    pub(super) queue: u32,
    pub(super) len: u32,
}

/// The packets of a window.
#[derive(Debug)]
pub(super) struct Sorted {
    /// In the order of sources.
    packets: Vec<Packet>,
    /// Time since the window's beginning, then index: in order once they are sorted.
    keys: Vec<u64>,
    /// Scratch.
    unsorted: Vec<u64>,
    times: Vec<u64>,
    begins: Box<[u32; PARTS]>,
}

/// The most parts of a window, as a power of two.
const PART_BITS: u32 = 12;
const PARTS: usize = 1 << PART_BITS;

impl Default for Sorted {
    fn default() -> Self {
        Self {
            packets: Vec::new(),
            keys: Vec::new(),
            unsorted: Vec::new(),
            times: Vec::new(),
            begins: Box::new([0; PARTS]),
        }
    }
}

impl Sorted {
    /// Takes the packets that arrive from `from` on and before `to` from their sources, but for
    /// those that `take` takes itself: the first ones of some that come to one queue.
    #[inline]
    pub(super) fn gather(
        &mut self,
        feeds: &mut Feeds,
        from: u64,
        to: u64,
        mut take: impl FnMut(Packet, &[u64]) -> usize,
    ) {
        let limit = SimTime::from_ps(to);
        self.packets.clear();
        self.unsorted.clear();
        for feed in &mut feeds.feeds {
            while let Some(first) = feed.take(limit, &mut self.times) {
                let queue = u32::try_from(first.queue.index()).expect("ids are 32 bits");
                let packet = Packet { queue, len: first.len };
                let times = &self.times[take(packet, &self.times)..];
                let index = self.packets.len() as u64;
                let keys = (index..).zip(times);
                self.unsorted.extend(keys.map(|(index, time)| (time - from) << INDEX_BITS | index));
                self.packets.resize(self.packets.len() + times.len(), packet);
                self.times.clear();
            }
        }
        assert!(self.packets.len() < 1 << INDEX_BITS, "a window has fewer packets");
        self.sort(to - from);
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Number `place` in order of time: its time since the window's beginning, and the packet.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low half")]
    pub(super) fn packet(&self, place: usize) -> (u64, Packet) {
        let key = self.keys[place];
        (key >> INDEX_BITS, self.packets[key as u32 as usize])
    }

    /// Distributes the keys to parts of a window of this `length`, and sorts what is left.
    fn sort(&mut self, length: u64) {
        let count = self.unsorted.len();
        let bits = (usize::BITS - count.leading_zeros()).min(PART_BITS);
        let shift = part_shift(length, bits) + INDEX_BITS;
        let part = |key: u64| usize::try_from(key >> shift).expect("few parts") % PARTS;
        let (keys, begins) = (&mut self.keys, &mut *self.begins);
        begins[..1 << bits].fill(0);
        for key in &self.unsorted {
            begins[part(*key)] += 1;
        }
        let (mut begin, mut most) = (0, 0);
        for count in &mut begins[..1 << bits] {
            most = most.max(*count);
            begin += std::mem::replace(count, begin);
        }
        // What was there is written over.
        keys.resize(count.max(keys.len()), 0);
        let keys = &mut keys[..count];
        for key in &self.unsorted {
            let place = &mut begins[part(*key)];
            keys[*place as usize] = *key;
            *place += 1;
        }
        if most > 16 {
            keys.sort_unstable();
            return;
        }
        for place in 1..count {
            let key = keys[place];
            let mut hole = place;
            while hole > 0 && keys[hole - 1] > key {
                keys[hole] = keys[hole - 1];
                hole -= 1;
            }
            keys[hole] = key;
        }
    }
}
