//! Rings of many depths in one pass over the traffic.
//!
//! Without a reserve queues do not meet, and a server needs no departure events: a ring of `rx`
//! entries is the times at which the last `rx` packets that it took are gone, and it has room when
//! the oldest of them has passed. So each packet, drawn once, can be offered to a ring of every
//! depth in turn. What comes out is what each depth drops, to the packet; nothing else is measured.

use std::sync::atomic::Ordering;

use super::windowed::fits_one_buffer;
use crate::calendar::Calendar;
use crate::model::host::Work;
use crate::model::system::{Progress, SystemSpec};
use crate::model::traffic::{Arrival, Source};
use crate::random::Streams;
use crate::stats::Counts;
use crate::units::SimTime;

/// One queue's ring of one depth.
struct Ring {
    /// When each entry is free; the next one to be taken is the oldest.
    free: Box<[u64]>,
    next: usize,
    /// When the last packet is done.
    done: u64,
}

/// Entries of all rings of all depths, at most: 64 MiB.
const ENTRIES_MAX: u64 = 8 << 20;
/// Packets between two looks at [`Progress`].
const PACKETS_PER_LOOK: u32 = 1 << 14;

impl SystemSpec {
    /// Whether [`private_drops`](Self::private_drops) can tell what rings of these depths drop.
    #[must_use]
    pub fn has_private_drops(&self, depths: &[u32]) -> bool {
        let entries: u64 = depths.iter().map(|depth| u64::from(*depth)).sum();
        self.is_plain()
            && self.buffers.reserve.is_none()
            && self.traffic.iter().all(|traffic| fits_one_buffer(self, traffic))
            && entries.saturating_mul(self.buffers.rx.len() as u64) <= ENTRIES_MAX
    }

    /// Dropped and offered packets of the window, were all rings of each of these depths and had
    /// room for their completions, in one pass; `None` if it was stopped.
    ///
    /// # Panics
    /// Where [`has_private_drops`](Self::has_private_drops) says no.
    #[must_use]
    pub fn private_drops(
        &self,
        depths: &[u32],
        streams: Streams,
        progress: &Progress,
    ) -> Option<Vec<Counts>> {
        assert!(self.has_private_drops(depths), "the caller asks first");
        let mut sources: Vec<Source> = (0..)
            .zip(&self.traffic)
            .flat_map(|(table, traffic)| traffic.sources(table, streams, self.window))
            .collect();
        let mut pending: Vec<Option<Arrival>> = sources.iter_mut().map(Source::next).collect();
        let mut calendar = Calendar::new(sources.len());
        let time_of = |arrival: &Option<Arrival>| arrival.map_or(SimTime::MAX, |it| it.time);
        for (slot, arrival) in pending.iter().enumerate() {
            calendar.set(slot, time_of(arrival));
        }
        let queues = self.buffers.rx.len();
        let mut work = Work::new(&self.host, queues, streams);
        let ring = |depth: &u32| Ring { free: vec![0; *depth as usize].into(), next: 0, done: 0 };
        let mut rings: Vec<Ring> = (0..queues).flat_map(|_| depths.iter().map(ring)).collect();
        let mut counts = vec![Counts::default(); depths.len()];
        loop {
            for _ in 0..PACKETS_PER_LOOK {
                let Some((_, slot)) = calendar.next() else { return Some(counts) };
                let Arrival { time, queue, .. } = pending[slot].expect("a due source has a packet");
                pending[slot] = sources[slot].next();
                calendar.set(slot, time_of(&pending[slot]));
                let (now, service) = (time.as_ps(), work.draw(queue).as_ps());
                let measured = u64::from(time >= self.window.start);
                let first = queue.index() * depths.len();
                for (ring, counts) in rings[first..].iter_mut().zip(&mut counts) {
                    counts.whole += measured;
                    counts.part += measured * u64::from(!ring.take(now, service));
                }
            }
            progress.packets.fetch_add(PACKETS_PER_LOOK.into(), Ordering::Relaxed);
            if progress.stop.load(Ordering::Relaxed) {
                return None;
            }
        }
    }
}

impl Ring {
    /// Takes a packet that arrives at `now`, if there is room.
    #[inline]
    fn take(&mut self, now: u64, service: u64) -> bool {
        let Some(entry) = self.free.get_mut(self.next).filter(|free| **free <= now) else {
            return false;
        };
        self.done = self.done.max(now).saturating_add(service);
        // What takes no time ends after the arrivals of its instant.
        *entry = self.done.saturating_add(u64::from(service == 0));
        self.next = if self.next + 1 == self.free.len() { 0 } else { self.next + 1 };
        true
    }
}
