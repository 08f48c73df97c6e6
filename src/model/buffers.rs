//! Receive buffers: every queue's dedicated entries and the reserves behind them.
//!
//! A packet of `len` bytes needs `ceil(len / rx_buf_len)` buffers. It takes free dedicated ones of
//! its queue first, then reserve buffers if the policy admits the queue; all or nothing.
//!
//! ```text
//!   queue 0: dedicated [####....]  ring of rx entries      '#' = not posted (in use)
//!   queue 1: dedicated [########]--+
//!   queue 2: dedicated [##......]  |  the rest
//!                                  v
//!   reserve of the group     [#####...........]
//! ```
//!
//! *Pinned* accounting is what hardware does: a packet sits in the physical buffer it was placed
//! in, and that buffer returns to the pool it came from. *Relabelled* accounting is what switch
//! memory managers do: a queue's reserve use is always `max(0, buffers in use - rx)`, so a release
//! repays the reserve first. (In literature: Latouche 1978, "L reserved areas + one common area";
//! Kamoun and Kleinrock, IEEE Trans. Comm. 28(7), 1980, whose product form holds when relabelled.)

use crate::id::{GroupId, QueueId};
use crate::model::policy::Policy;
use crate::stats::{Level, Peak};
use crate::units::{SimDuration, SimTime};

/// A reserve, or several alike.
#[derive(Debug, Clone, PartialEq)]
pub struct ReserveSpec {
    /// Buffers of each reserve.
    pub entries: u32,
    /// Who may take one more.
    pub policy: Policy,
    /// Where a released buffer goes.
    pub accounting: Accounting,
    /// Number of reserves; queue q uses number `q * groups / queues`.
    pub groups: u32,
    /// Host time for each reserve buffer that is reposted.
    pub sync_cost: SimDuration,
    /// Reserve buffers are reposted in batches of this many, per queue.
    pub repost: u32,
}

/// Where a released buffer goes: see the module documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounting {
    /// To the pool it came from.
    Pinned,
    /// To the reserve as long as the queue owes it any.
    Relabelled,
}

/// What the buffers of a NIC are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct BufferSpec {
    /// Dedicated entries of each queue.
    pub rx: Vec<u32>,
    /// Bytes of one buffer.
    pub rx_buf_len: u64,
    /// Completion entries of each queue.
    pub completion_entries: u32,
    /// The reserve, if there is one.
    pub reserve: Option<ReserveSpec>,
}

/// The buffers a packet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lease {
    /// Of its queue's dedicated ones.
    pub dedicated: u32,
    /// Of the reserve.
    pub reserve: u32,
}

/// Buffers held by the packets of a queue, counted where packets come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Held {
    /// All of them.
    pub(crate) total: i64,
    /// Those taken from, less those returned to, the reserve.
    pub(crate) reserve: i64,
}

impl Held {
    /// Adds (`sign` 1) or subtracts (-1) a lease.
    #[inline]
    pub(crate) fn change(&mut self, lease: Lease, sign: i64) {
        self.total += sign * i64::from(lease.total());
        self.reserve += sign * i64::from(lease.reserve);
    }
}

impl From<Lease> for Held {
    /// What is held from now on, where it returns to the pools it came from.
    fn from(lease: Lease) -> Self {
        Self { total: i64::from(lease.total()), reserve: i64::from(lease.reserve) }
    }
}

impl Lease {
    /// Buffers of both kinds.
    #[must_use]
    pub fn total(self) -> u32 {
        self.dedicated + self.reserve
    }

    /// Both leases together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { dedicated: self.dedicated + other.dedicated, reserve: self.reserve + other.reserve }
    }
}

/// Why a packet gets no buffers now, in the order in which it is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The completion ring has no room.
    CompletionFull,
    /// Fewer buffers are free than the packet needs.
    NoBuffer,
    /// Enough are free, but the policy refuses the queue.
    ReserveDenied,
}

/// One queue's share.
#[derive(Debug)]
struct Ring {
    rx: i64,
    group: GroupId,
    /// Buffers not posted: held by packets or awaiting repost.
    in_use: Level,
    /// Those of them that are the reserve's.
    reserve_in_use: Level,
    /// Reserve buffers released but waiting for a full repost batch.
    awaiting_repost: u32,
    completions: u32,
}

/// Occupancy as measured over the window.
#[derive(Debug)]
pub(crate) struct Levels {
    /// Of each queue: buffers not posted, and those of them that are the reserve's.
    pub(crate) queues: Vec<(Level, Level)>,
    /// Buffers not posted, all queues together.
    pub(crate) total: Peak,
    /// Reserve buffers not posted, all groups together.
    pub(crate) reserve_total: Peak,
    /// 1 while any group has no free reserve buffer.
    pub(crate) exhausted: Level,
}

/// Dedicated entries and reserves, live.
#[derive(Debug)]
pub(crate) struct Buffers {
    rx_buf_len: u64,
    completion_entries: u32,
    completions_run_out: bool,
    entries: u32,
    policy: Policy,
    accounting: Accounting,
    repost: u32,
    rings: Vec<Ring>,
    /// Buffers in use of each reserve.
    reserves: Vec<i64>,
    total: Peak,
    reserve_total: Peak,
    /// 1 while any group has no free reserve buffer.
    exhausted: Level,
    exhausted_groups: u32,
}

impl Buffers {
    pub(crate) fn new(spec: &BufferSpec) -> Self {
        let queues = spec.rx.len() as u64;
        let groups = spec.reserve.as_ref().map_or(1, |reserve| reserve.groups);
        let rings = (0_u64..)
            .zip(&spec.rx)
            .map(|(queue, rx)| {
                let group = queue * u64::from(groups) / queues;
                let group = GroupId::new(u32::try_from(group).expect("below groups"));
                Ring {
                    rx: i64::from(*rx),
                    group,
                    in_use: Level::default(),
                    reserve_in_use: Level::default(),
                    awaiting_repost: 0,
                    completions: 0,
                }
            })
            .collect();
        let reserve = spec.reserve.as_ref();
        let entries = reserve.map_or(0, |reserve| u64::from(reserve.entries));
        Self {
            rx_buf_len: spec.rx_buf_len,
            completion_entries: spec.completion_entries,
            completions_run_out: spec
                .rx
                .iter()
                .any(|rx| u64::from(*rx) + entries >= u64::from(spec.completion_entries)),
            entries: reserve.map_or(0, |reserve| reserve.entries),
            policy: reserve.map_or(Policy::CompleteSharing, |reserve| reserve.policy),
            accounting: reserve.map_or(Accounting::Pinned, |reserve| reserve.accounting),
            repost: reserve.map_or(1, |reserve| reserve.repost),
            rings,
            reserves: vec![0; groups as usize],
            total: Peak::default(),
            reserve_total: Peak::default(),
            exhausted: Level::default(),
            exhausted_groups: 0,
        }
    }

    /// Whether a queue could have the buffers for `len` bytes if all of them were free.
    pub(crate) fn can_ever_hold(&self, queue: QueueId, len: u32) -> bool {
        let reserve = match self.policy {
            Policy::StaticCap { cap } => self.entries.min(cap),
            _ => self.entries,
        };
        let needed = if len == 0 { 0 } else { buffers_needed(len, self.rx_buf_len) };
        i64::from(needed) <= self.rings[queue.index()].rx + i64::from(reserve)
    }

    /// Gives a packet its buffers and a completion entry, or says why not.
    pub(crate) fn take(
        &mut self,
        queue: QueueId,
        len: u32,
        now: SimTime,
    ) -> Result<Lease, Refusal> {
        let needed = buffers_needed(len, self.rx_buf_len);
        let ring = &self.rings[queue.index()];
        if ring.completions >= self.completion_entries {
            return Err(Refusal::CompletionFull);
        }
        let dedicated_free = ring.rx - (ring.in_use.value() - ring.reserve_in_use.value());
        let dedicated = needed.min(small(dedicated_free.max(0)));
        let reserve = needed - dedicated;
        if reserve > 0 {
            let free = self.entries - small(self.reserves[ring.group.index()]);
            if reserve > free {
                return Err(Refusal::NoBuffer);
            }
            if !self.policy.admits_all(small(ring.reserve_in_use.value()), free, reserve) {
                return Err(Refusal::ReserveDenied);
            }
        }
        let lease = Lease { dedicated, reserve };
        self.rings[queue.index()].completions += 1;
        self.change_in_use(queue, i64::from(needed), now);
        self.change_reserve(queue, i64::from(reserve), now);
        Ok(lease)
    }

    /// Gives a packet that needs no buffer its completion entry, or says why not.
    pub(crate) fn take_none(&mut self, queue: QueueId) -> Result<Lease, Refusal> {
        if self.is_completion_full(queue) {
            return Err(Refusal::CompletionFull);
        }
        self.rings[queue.index()].completions += 1;
        Ok(Lease::default())
    }

    /// Whether the queue's completion ring has no room.
    pub(crate) fn is_completion_full(&self, queue: QueueId) -> bool {
        self.rings[queue.index()].completions >= self.completion_entries
    }

    /// Dedicated entries of the queue.
    pub(crate) fn rx(&self, queue: QueueId) -> u32 {
        small(self.rings[queue.index()].rx)
    }

    /// Bytes of one buffer.
    pub(crate) fn rx_buf_len(&self) -> u64 {
        self.rx_buf_len
    }

    /// Whether a queue can have so many packets that its completion entries are all taken.
    pub(crate) fn completions_run_out(&self) -> bool {
        self.completions_run_out
    }

    /// Packets without buffers will come, so that completion entries can all be taken.
    pub(crate) fn expect_bufferless(&mut self) {
        self.completions_run_out = true;
    }

    /// Frees the completion entry of a packet that the host takes.
    pub(crate) fn free_completion(&mut self, queue: QueueId) {
        self.rings[queue.index()].completions -= 1;
    }

    /// The pools to which the buffers of `lease` would return now.
    pub(crate) fn destination(&self, queue: QueueId, lease: Lease) -> Lease {
        match self.accounting {
            Accounting::Pinned => lease,
            Accounting::Relabelled => {
                let ring = &self.rings[queue.index()];
                let owed = small(ring.reserve_in_use.value()) - ring.awaiting_repost;
                let reserve = lease.total().min(owed);
                Lease { dedicated: lease.total() - reserve, reserve }
            }
        }
    }

    /// Reserve buffers that are reposted when `returning` more come back to the queue: all full
    /// batches.
    pub(crate) fn due(&self, queue: QueueId, returning: u32) -> u32 {
        let waiting = self.rings[queue.index()].awaiting_repost + returning;
        if self.repost == 1 { waiting } else { waiting - waiting % self.repost }
    }

    /// Releases buffers: dedicated ones are posted at once, reserve ones in full batches.
    pub(crate) fn release(&mut self, queue: QueueId, lease: Lease, now: SimTime) {
        let due = self.due(queue, lease.reserve);
        self.change_in_use(queue, -i64::from(lease.dedicated), now);
        self.rings[queue.index()].awaiting_repost += lease.reserve;
        self.post_reserve(queue, due, now);
    }

    /// Reserve buffers of the queue that wait for a full batch.
    pub(crate) fn awaiting_repost(&self, queue: QueueId) -> u32 {
        self.rings[queue.index()].awaiting_repost
    }

    /// Reposts a partial batch, as when the queue empties.
    pub(crate) fn flush(&mut self, queue: QueueId, now: SimTime) {
        self.post_reserve(queue, self.awaiting_repost(queue), now);
    }

    fn post_reserve(&mut self, queue: QueueId, count: u32, now: SimTime) {
        if count > 0 {
            self.rings[queue.index()].awaiting_repost -= count;
            self.change_in_use(queue, -i64::from(count), now);
            self.change_reserve(queue, -i64::from(count), now);
        }
    }

    fn change_in_use(&mut self, queue: QueueId, change: i64, now: SimTime) {
        self.rings[queue.index()].in_use.change(change, now);
        self.total.change(change);
    }

    fn change_reserve(&mut self, queue: QueueId, change: i64, now: SimTime) {
        if change == 0 {
            return;
        }
        let ring = &mut self.rings[queue.index()];
        ring.reserve_in_use.change(change, now);
        let reserve = &mut self.reserves[ring.group.index()];
        let full = i64::from(self.entries);
        let was_exhausted = *reserve == full;
        *reserve += change;
        let is_exhausted = *reserve == full;
        self.reserve_total.change(change);
        if was_exhausted != is_exhausted {
            let before = i64::from(self.exhausted_groups > 0);
            if is_exhausted {
                self.exhausted_groups += 1;
            } else {
                self.exhausted_groups -= 1;
            }
            self.exhausted.change(i64::from(self.exhausted_groups > 0) - before, now);
        }
    }

    /// Opens the measured window.
    pub(crate) fn open_window(&mut self, start: SimTime) {
        for ring in &mut self.rings {
            ring.in_use.open(start);
            ring.reserve_in_use.open(start);
        }
        self.total.open();
        self.reserve_total.open();
        self.exhausted.open(start);
    }

    /// Number of queues.
    pub(crate) fn queues(&self) -> usize {
        self.rings.len()
    }

    /// Buffers of the queue that are not posted.
    pub(crate) fn in_use(&self, queue: QueueId) -> &Level {
        &self.rings[queue.index()].in_use
    }

    /// Buffers not posted, all queues together.
    pub(crate) fn total(&self) -> &Peak {
        &self.total
    }

    /// Reserve buffers not posted, all groups together.
    pub(crate) fn reserve_total(&self) -> &Peak {
        &self.reserve_total
    }

    /// What was measured of them.
    pub(crate) fn into_levels(self) -> Levels {
        Levels {
            queues: self.rings.into_iter().map(|ring| (ring.in_use, ring.reserve_in_use)).collect(),
            total: self.total,
            reserve_total: self.reserve_total,
            exhausted: self.exhausted,
        }
    }

    /// Asserts what must hold of one queue at every event: `held` is what its packets hold.
    ///
    /// # Panics
    /// When a buffer was lost or made from nothing: a bug of the simulator.
    pub(crate) fn assert_conserved(&self, queue: QueueId, held: Held) {
        let ring = &self.rings[queue.index()];
        let (in_use, reserve) = (ring.in_use.value(), ring.reserve_in_use.value());
        let dedicated = in_use - reserve;
        assert!((0..=ring.rx).contains(&dedicated), "queue {queue}: {dedicated} of {}", ring.rx);
        assert!(reserve >= i64::from(ring.awaiting_repost), "queue {queue}: more await than held");
        // posted + outstanding + awaiting repost = configured
        let expected = held.total + i64::from(ring.awaiting_repost);
        assert_eq!(in_use, expected, "queue {queue}: buffers in use");
        match self.accounting {
            Accounting::Pinned => {
                let expected = held.reserve + i64::from(ring.awaiting_repost);
                assert_eq!(reserve, expected, "queue {queue}: reserve buffers in use");
            }
            Accounting::Relabelled => {
                let owed = (in_use - ring.rx).max(0);
                // A waiting repost batch keeps reserve buffers longer than the rule alone would.
                let exact = self.repost == 1;
                assert!(reserve >= owed, "queue {queue}: reserve use {reserve} below {owed}");
                assert!(!exact || reserve == owed, "queue {queue}: {reserve} instead of {owed}");
            }
        }
        let group = self.reserves[ring.group.index()];
        assert!((0..=i64::from(self.entries)).contains(&group), "group {}: {group}", ring.group);
    }

    /// Asserts that queues and groups add up to the totals.
    ///
    /// # Panics
    /// When they do not: a bug of the simulator.
    pub(crate) fn assert_totals(&self) {
        let in_use: i64 = self.rings.iter().map(|ring| ring.in_use.value()).sum();
        assert_eq!(in_use, self.total.value(), "buffers in use, all queues");
        let by_queue: i64 = self.rings.iter().map(|ring| ring.reserve_in_use.value()).sum();
        let by_group: i64 = self.reserves.iter().sum();
        assert_eq!(by_queue, by_group, "reserve buffers in use, by queue and by group");
        assert_eq!(by_group, self.reserve_total.value(), "reserve buffers in use, total");
    }
}

/// Buffers of `rx_buf_len` bytes that a packet of `len` bytes needs.
#[inline]
pub(crate) fn buffers_needed(len: u32, rx_buf_len: u64) -> u32 {
    if u64::from(len) <= rx_buf_len {
        return 1;
    }
    u32::try_from(u64::from(len).div_ceil(rx_buf_len)).expect("len is 32 bits")
}

/// A count of buffers, out of the signed books.
pub(crate) fn small(value: i64) -> u32 {
    u32::try_from(value).expect("a count of buffers fits 32 bits and is not negative")
}
