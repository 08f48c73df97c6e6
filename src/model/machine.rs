//! What hosts act on, in a run of the reference engine.

use crate::calendar::{Calendar, Slot};
use crate::id::QueueId;
use crate::model::buffers::{Buffers, Held, Lease, Refusal};
use crate::model::host::Packet;
use crate::model::ledger::{DropReason, Ledger};
use crate::model::log::{Fate, PacketLog};
use crate::model::placement::{Handling, Placement};
use crate::model::refill::Refills;
use crate::model::small::SmallPools;
use crate::units::{SimDuration, SimTime};

/// What hosts act on: the clock, the calendar, the buffers and the books.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    pub(crate) now: SimTime,
    pub(crate) calendar: Calendar,
    pub(crate) buffers: Buffers,
    pub(crate) ledger: Ledger,
    pub(super) log: Option<PacketLog<'a>>,
    /// Where there are transfers.
    pub(super) placement: Option<Box<Placement>>,
    /// What the packets of each queue hold, kept apart from the buffers' own books; only in debug
    /// builds.
    pub(super) held: Vec<Held>,
    /// Buffers have been released since the FIFO was last retried.
    pub(super) released: bool,
    /// Completion entries have been freed since then, and packets may wait for them.
    pub(super) completions_freed: bool,
    pub(super) completion_flow_control: bool,
    /// The visits of this instant have begun.
    pub(crate) visits_over: bool,
    /// Until when each reserve's lock is held; empty: reserves have none.
    pub(super) locks: Vec<SimTime>,
    pub(super) refills: Refills,
    pub(super) small: SmallPools,
    /// The last arrival, delivery or release.
    pub(super) last_activity: SimTime,
}

impl Machine<'_> {
    /// A copy for a branch of the run, which nobody looks into.
    ///
    /// # Panics
    /// Where there are transfers.
    pub(super) fn fork<'b>(&self) -> Machine<'b> {
        assert!(self.placement.is_none(), "a run with transfers does not branch");
        Machine {
            now: self.now,
            calendar: self.calendar.clone(),
            buffers: self.buffers.clone(),
            ledger: self.ledger.fork(),
            log: None,
            placement: None,
            held: self.held.clone(),
            released: self.released,
            completions_freed: self.completions_freed,
            completion_flow_control: self.completion_flow_control,
            visits_over: self.visits_over,
            locks: self.locks.clone(),
            refills: self.refills.clone(),
            small: self.small.clone(),
            last_activity: self.last_activity,
        }
    }

    /// The queue with this index.
    pub(crate) fn queue(&self, index: usize) -> QueueId {
        QueueId::new(u32::try_from(index).expect("queues are counted in 32 bits"))
    }

    /// A packet's processing has ended.
    pub(crate) fn deliver(&mut self, queue: QueueId, packet: &Packet) {
        let stored = packet.handling.stored;
        self.ledger.delivered(queue, packet.arrival, stored, self.now);
        if let Some(placement) = &mut self.placement {
            placement.delivered(queue, &packet.handling, self.now);
            // A packet in the FIFO may wait for a header buffer.
            self.released |= packet.handling.header;
        }
        if self.small.are_for(stored) {
            self.small.give_back(self.buffers.group(queue), self.now);
            self.released = true;
        }
        if let (Some(log), Some(id)) = (&mut self.log, packet.log) {
            log.settled(id, Fate::Delivered(self.now));
        }
        self.last_activity = self.now;
    }

    /// A packet is taken back from a ring for another queue's.
    pub(crate) fn push_out(&mut self, queue: QueueId, packet: &Packet) {
        self.ledger.pushed_out(queue, packet.arrival, packet.handling.stored, self.now);
        if let Some(placement) = &mut self.placement {
            placement.delivered(queue, &packet.handling, self.now);
        }
        if let (Some(log), Some(id)) = (&mut self.log, packet.log) {
            log.settled(id, Fate::Dropped(DropReason::PushedOut));
        }
        self.free_completion(queue);
        let lease = self.buffers.destination(queue, packet.lease);
        self.release(queue, lease);
    }

    /// Buffers come back.
    pub(crate) fn release(&mut self, queue: QueueId, lease: Lease) {
        let handed = self.buffers.release(queue, lease, self.now);
        self.hand(queue, handed);
        if cfg!(debug_assertions) {
            self.held[queue.index()].change(lease, -1);
            self.assert_conserved(queue);
        }
        self.released = true;
        self.last_activity = self.now;
    }

    /// The host has done something that a run without an end has to wait for.
    pub(crate) fn active(&mut self) {
        self.last_activity = self.now;
    }

    pub(super) fn assert_conserved(&self, queue: QueueId) {
        self.buffers.assert_conserved(queue, self.held[queue.index()]);
    }

    /// A partial repost batch is reposted.
    pub(crate) fn flush(&mut self, queue: QueueId) {
        if self.buffers.awaiting_repost(queue) > 0 {
            let handed = self.buffers.flush(queue, self.now);
            self.hand(queue, handed);
            self.released = true;
            self.last_activity = self.now;
        }
    }

    /// A packet of the queue is taken by the host: its completion entry is free.
    pub(crate) fn free_completion(&mut self, queue: QueueId) {
        self.buffers.free_completion(queue);
        self.completions_freed |= self.completion_flow_control;
    }

    /// Gives a packet what it needs, or says why not.
    #[inline]
    pub(super) fn take(&mut self, queue: QueueId, handling: &Handling) -> Result<Lease, Refusal> {
        if !self.has_header(queue, handling) {
            let full = self.buffers.is_completion_full(queue);
            return Err(if full { Refusal::CompletionFull } else { Refusal::NoBuffer });
        }
        let taken = match handling.stored {
            stored if self.small.are_for(stored) => self.take_small(queue),
            0 => self.buffers.take_none(queue),
            stored => self.buffers.take(queue, stored, self.now),
        };
        self.released |= self.buffers.limit_reached();
        taken
    }

    /// Gives a short packet its small buffer.
    fn take_small(&mut self, queue: QueueId) -> Result<Lease, Refusal> {
        let group = self.buffers.group(queue);
        if !self.small.has_free(group) && !self.buffers.is_completion_full(queue) {
            return Err(Refusal::NoBuffer);
        }
        let lease = self.buffers.take_none(queue)?;
        self.small.take(group, self.now);
        Ok(lease)
    }

    /// Whether a packet of the queue could have its buffers if all were free.
    pub(super) fn can_ever_hold(&self, queue: QueueId, len: u32) -> bool {
        match self.small.are_for(len) {
            true => self.small.has_any(),
            false => self.buffers.can_ever_hold(queue, len),
        }
    }

    /// Whether a packet of the queue could have its buffers now.
    pub(super) fn has_room(&mut self, queue: QueueId, len: u32) -> bool {
        match self.small.are_for(len) {
            true => {
                let group = self.buffers.group(queue);
                self.small.has_free(group) && !self.buffers.is_completion_full(queue)
            }
            false => self.buffers.offer(queue, len, self.now).is_ok(),
        }
    }

    /// Whether the header buffer that the packet needs, if it does, is there.
    pub(super) fn has_header(&self, queue: QueueId, handling: &Handling) -> bool {
        self.placement.as_ref().is_none_or(|placement| placement.has_header(queue, handling))
    }

    /// A core spends `cost` on reposting to the queue's reserve, after waiting for those that hold
    /// its lock, until the event of release slot `slot`; returns its time.
    pub(crate) fn synchronize(&mut self, queue: QueueId, slot: Slot, cost: SimDuration) -> SimTime {
        let group = self.buffers.group(queue).index();
        let begin = self.locks.get(group).map_or(self.now, |free| self.now.max(*free));
        let end = begin + cost;
        if let Some(lock) = self.locks.get_mut(group) {
            *lock = end;
        }
        self.ledger.synchronizing(self.now, begin, end);
        self.calendar.set(slot, end);
        end
    }
}
