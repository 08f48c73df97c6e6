//! The packets of a window.

use std::ops::Range;

/// What became of a packet, in two bits: the lower one says that it is admitted.
pub(in crate::model::fast) type Verdict = u8;

/// Dropped: no buffer is free.
pub(in crate::model::fast) const NO_BUFFER: Verdict = 0;
/// Takes a dedicated entry.
pub(in crate::model::fast) const DEDICATED: Verdict = 1;
/// Dropped: the policy refuses it.
pub(in crate::model::fast) const DENIED: Verdict = 2;
/// Takes a buffer of the reserve.
pub(in crate::model::fast) const GRANTED: Verdict = 3;

/// The packets of a window, queue by queue, at each queue in order of time.
#[derive(Debug, Default)]
pub(super) struct Packets {
    pub(super) times: Vec<u64>,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) queues: Vec<u32>,
    /// Empty where packets of one instant come in the order of their places, and all are of one
    /// length.
    pub(super) tags: Vec<Tag>,
    /// Places of packets by their order; empty with the tags.
    pub(super) places: Vec<u32>,
}

/// What one packet has of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    /// Its place among packets of one instant.
    pub(super) order: u32,
    pub(super) len: u32,
}

/// A packet whose queue is still to be found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incoming {
    pub(super) time: u64,
    pub(super) tag: Tag,
}

/// The packets of one queue, or the last ones of them.
pub(super) struct Part<'a> {
    /// Place of the first.
    pub(super) first: usize,
    pub(super) times: &'a [u64],
    pub(super) verdicts: &'a mut [Verdict],
    /// Of all packets.
    pub(super) tags: &'a [Tag],
}

impl Packets {
    pub(super) fn clear(&mut self) {
        self.times.clear();
        self.queues.clear();
        self.tags.clear();
        self.places.clear();
    }

    /// Adds those of a queue that is met for the first time in this window.
    pub(super) fn append(&mut self, queue: u32, arrivals: &mut Vec<Incoming>) -> Range<usize> {
        let begin = self.times.len();
        self.times.extend(arrivals.iter().map(|incoming| incoming.time));
        self.tags.extend(arrivals.drain(..).map(|incoming| incoming.tag));
        self.own(begin, queue)
    }

    /// All packets from place `begin` on are the queue's.
    pub(super) fn own(&mut self, begin: usize, queue: u32) -> Range<usize> {
        self.queues.resize(self.times.len(), queue);
        begin..self.times.len()
    }

    /// Makes room for what is to be found out about them.
    pub(super) fn prepare(&mut self) {
        let count = self.times.len();
        if self.verdicts.len() < count {
            self.verdicts.resize(count, NO_BUFFER);
        }
        if !self.tags.is_empty() {
            self.places.resize(count, 0);
            for (place, tag) in (0..).zip(&self.tags) {
                self.places[tag.order as usize] = place;
            }
        }
    }

    pub(super) fn part(&mut self, places: Range<usize>) -> Part<'_> {
        Part {
            first: places.start,
            times: &self.times[places.clone()],
            verdicts: &mut self.verdicts[places],
            tags: &self.tags,
        }
    }

    /// The number of the packet in a place among those of one instant.
    #[inline]
    pub(super) fn order(&self, place: usize) -> u32 {
        let own = || u32::try_from(place).expect("a window has fewer packets");
        self.tags.get(place).map_or_else(own, |tag| tag.order)
    }

    /// The place of the packet that is number `order` among those of one instant.
    #[inline]
    pub(super) fn place(&self, order: u32) -> usize {
        self.places.get(order as usize).map_or(order, |place| *place) as usize
    }
}
