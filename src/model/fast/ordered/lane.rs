//! One queue and its server: what it was given, and what became of that.

use std::collections::VecDeque;

use super::tally::Tally;
use crate::id::QueueId;
use crate::model::ledger::PacketCounts;
use crate::model::log::LogId;

/// A packet that has its buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) time: u64,
    /// When its service ends, and how long that takes.
    pub(super) done: u64,
    pub(super) work: u64,
    pub(super) len: u32,
    /// Whether it sits in a buffer of the reserve, which goes back there.
    pub(super) from_reserve: bool,
}

impl Entry {
    /// The first instant whose arrivals find its buffer free: what takes no time starts, and ends,
    /// after the arrivals of its instant.
    #[inline]
    pub(super) fn free_at(&self) -> u64 {
        self.done + u64::from(self.work == 0)
    }
}

/// One queue and its server.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: QueueId,
    /// Packets in order of arrival; the first `settled` are in the books.
    pub(super) entries: Vec<Entry>,
    pub(super) settled: usize,
    /// Their places in the log, where packets are logged.
    pub(super) logged: Vec<Option<LogId>>,
    /// When each dedicated entry is, or was last, free again, and the one that is free first.
    ring: Box<[u64]>,
    next_entry: usize,
    /// When the last packet is done, and its buffer free.
    pub(super) done: u64,
    free_at: u64,
    /// When buffers come back after the window under way: free at, done.
    pub(super) later: VecDeque<(u64, u64)>,
    /// Numbers of those that come back in it, where any may be cancelled.
    pub(super) soon: Vec<u32>,
    /// Whether all packets of the window so far are served, in advance of others'.
    pub(super) is_alone: bool,
    pub(super) reserve_max: u32,
    /// The most packets it has had.
    pub(super) most: usize,
    pub(super) counts: PacketCounts,
    pub(super) in_use_ps: u128,
    pub(super) reserve_ps: i128,
}

impl Lane {
    pub(super) fn new(id: QueueId, rx: u32) -> Self {
        Self {
            id,
            entries: Vec::new(),
            settled: 0,
            logged: Vec::new(),
            ring: vec![0; rx as usize].into(),
            next_entry: 0,
            done: 0,
            free_at: 0,
            later: VecDeque::new(),
            soon: Vec::new(),
            is_alone: false,
            reserve_max: 0,
            most: 0,
            counts: PacketCounts::default(),
            in_use_ps: 0,
            reserve_ps: 0,
        }
    }

    /// Dedicated entries.
    pub(super) fn rx(&self) -> usize {
        self.ring.len()
    }

    /// Whether a dedicated entry is free.
    #[inline]
    pub(super) fn has_own(&self, now: u64) -> bool {
        self.ring.get(self.next_entry).is_some_and(|free_at| *free_at <= now)
    }

    /// Whether it has no packet.
    #[inline]
    pub(super) fn is_empty(&self, now: u64) -> bool {
        self.free_at <= now
    }

    /// Whether all of `room` completion entries are taken. Each is free again when a service
    /// starts: after the arrivals of its instant.
    pub(super) fn is_completion_full(&self, room: usize, now: u64) -> bool {
        let waits = |entry: &Entry| entry.done - entry.work >= now;
        let oldest = self.entries.len().checked_sub(room);
        oldest.is_some_and(|oldest| room == 0 || self.entries.get(oldest).is_some_and(waits))
    }

    /// Adds a packet that takes this much work.
    #[inline]
    pub(super) fn push(&mut self, time: u64, work: u64, len: u32, from_reserve: bool) -> Entry {
        let entry = Entry { time, done: self.done.max(time) + work, work, len, from_reserve };
        // If as many as ever are there, this is one more. Those before the window are gone.
        let since = self.entries.len() - self.settled;
        if since >= self.most {
            let oldest = self.entries.get(self.entries.len() - self.most);
            self.most += usize::from(oldest.is_none_or(|oldest| oldest.free_at() > time));
        }
        self.entries.push(entry);
        (self.done, self.free_at) = (entry.done, entry.free_at());
        entry
    }

    /// The packet added last has taken a dedicated entry.
    #[inline]
    pub(super) fn take_own(&mut self) {
        self.ring[self.next_entry] = self.free_at;
        self.next_entry =
            if self.next_entry + 1 == self.ring.len() { 0 } else { self.next_entry + 1 };
    }

    /// Takes back the last packet in a buffer of the reserve, which is not its first: those behind
    /// it, all in dedicated entries, are served so much earlier.
    pub(super) fn take_back(&mut self) -> (Entry, Option<LogId>) {
        let last = self.entries.iter().rposition(|entry| entry.from_reserve);
        let last = last.expect("it holds some");
        let entry = self.entries.remove(last);
        let logged = if self.logged.is_empty() { None } else { self.logged.remove(last) };
        let mut own = self.next_entry;
        for behind in &mut self.entries[last..] {
            behind.done -= entry.work;
            own = own.checked_sub(1).unwrap_or(self.ring.len() - 1);
            self.ring[own] -= entry.work;
        }
        let end = self.entries.last().expect("it was not the first");
        (self.done, self.free_at) = (end.done, end.free_at());
        (entry, logged)
    }

    /// Enters those packets into the books that are over, from the first one on.
    #[inline]
    pub(super) fn settle(&mut self, is_over: impl Fn(&Entry) -> bool, tally: &mut Tally<'_>) {
        let waiting = &self.entries[self.settled..];
        let count = waiting.iter().take_while(|entry| is_over(entry)).count();
        let (begin, end) = (self.settled, self.settled + count);
        let batch = &self.entries[begin..end];
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return };
        if first.time >= tally.totals.start
            && last.done <= tally.totals.end
            && self.logged.is_empty()
        {
            let sums = tally.add_inside(batch);
            self.counts.delivered += batch.len() as u64;
            self.in_use_ps += u128::from(sums.sum_ps);
            self.reserve_ps += i128::from(sums.reserve_ps);
        } else {
            for index in begin..end {
                self.settle_one(index, tally);
            }
        }
        self.settled = end;
    }

    /// Enters the packet with this index into the books, as it is at the end.
    pub(super) fn settle_one(&mut self, index: usize, tally: &mut Tally<'_>) {
        let entry = self.entries[index];
        let inside = tally.inside(entry.time, entry.done);
        self.in_use_ps += u128::from(inside);
        self.reserve_ps += i128::from(inside) * i128::from(entry.from_reserve);
        let is_delivered = tally.add(&entry, inside, self.logged.get(index).copied().flatten());
        self.counts.delivered += u64::from(is_delivered && entry.time >= tally.totals.start);
    }

    /// Forgets what is in the books.
    pub(super) fn forget(&mut self) {
        const AT_ONCE: usize = 128;
        if self.settled > AT_ONCE {
            self.entries.drain(..self.settled);
            self.logged.drain(..self.settled.min(self.logged.len()));
            self.settled = 0;
        }
    }
}
