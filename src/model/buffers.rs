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
//!
//! There may be a second level: reserves of groups, such as NUMA nodes, that draw on the buffers of
//! the device when their own are used up. What a group uses above its own entries is the device's,
//! and is repaid first: reserve buffers are posted by cores, which may post any to any pool.

mod conserved;
mod lease;
mod spec;

pub(crate) use lease::Held;
pub use lease::Lease;
pub use spec::{Accounting, BufferSpec, Refiller, ReserveSpec, SmallSpec};

use crate::id::{GroupId, QueueId};
use crate::model::policy::{Admission, Claim, Policy, longest_queue_drop, peer_borrow};
use crate::random::{Generator, Streams};
use crate::stats::{Level, Peak};
use crate::units::SimTime;

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
#[derive(Debug, Clone)]
struct Ring {
    rx: i64,
    group: GroupId,
    /// Buffers not posted: held by packets or awaiting repost.
    in_use: Level,
    /// Those of them that are the reserve's.
    reserve_in_use: Level,
    /// Reserve buffers released but waiting for a full repost batch.
    awaiting_repost: u32,
    /// Those handed to the reserve's own core, which has not posted them yet.
    refilling: u32,
    completions: u32,
}

/// Occupancy as measured over the window.
#[derive(Debug, Clone)]
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

impl Ring {
    /// Reserve buffers that came back and are not posted.
    fn returned(&self) -> u32 {
        self.awaiting_repost + self.refilling
    }

    /// Buffers that its packets hold.
    fn held(&self) -> i64 {
        self.in_use.value() - i64::from(self.returned())
    }
}

/// Dedicated entries and reserves, live.
#[derive(Debug, Clone)]
pub(crate) struct Buffers {
    rx_buf_len: u64,
    completion_entries: u32,
    completions_run_out: bool,
    policy: Policy,
    accounting: Accounting,
    repost: u32,
    refiller: Refiller,
    low_watermark: Option<u32>,
    /// Too few were free since this was last asked.
    limit_reached: bool,
    rings: Vec<Ring>,
    groups: Vec<Group>,
    device: Device,
    total: Peak,
    reserve_total: Peak,
    /// 1 while any group has no free reserve buffer.
    exhausted: Level,
    is_exhausted: bool,
    /// Groups that have used up their own.
    used_up_groups: u32,
}

/// The queues that share a reserve, or lend each other their buffers.
#[derive(Debug, Clone)]
struct Group {
    /// Buffers of its reserve, or all that its queues lend each other.
    entries: i64,
    /// Those that its queues use, of these and of the device.
    in_use: i64,
    /// Queues that use any of the reserve.
    holders: u32,
    admission: Admission,
}

impl Group {
    /// What it uses of the device.
    fn of_device(&self) -> i64 {
        (self.in_use - self.entries).max(0)
    }

    /// Free ones of its own.
    fn own_free(&self) -> i64 {
        (self.entries - self.in_use).max(0)
    }
}

/// The buffers behind all reserves.
#[derive(Debug, Clone)]
struct Device {
    entries: i64,
    /// Of these, used by groups whose own are used up.
    in_use: i64,
}

impl Device {
    fn free(&self) -> i64 {
        self.entries - self.in_use
    }
}

impl Buffers {
    pub(crate) fn new(spec: &BufferSpec, streams: Streams) -> Self {
        let queues = spec.rx.len();
        let reserve = spec.reserve.as_ref();
        let groups = reserve.map_or(1, |reserve| reserve.groups);
        let policy = reserve.map_or(Policy::CompleteSharing, |reserve| reserve.policy);
        let group = |queue| reserve.map_or(GroupId::new(0), |r| r.group_of(queue, queues));
        let ring = |(queue, rx): (usize, &u32)| Ring {
            rx: i64::from(*rx),
            group: group(queue),
            in_use: Level::default(),
            reserve_in_use: Level::default(),
            awaiting_repost: 0,
            refilling: 0,
            completions: 0,
        };
        let rings: Vec<Ring> = spec.rx.iter().enumerate().map(ring).collect();
        let entries = reserve.map_or(0, |reserve| reserve.entries);
        let reach = reserve.map_or(0, ReserveSpec::within_reach);
        let device = reserve.map_or(0, |reserve| i64::from(reserve.device_entries));
        let groups: Vec<Group> = (0..groups)
            .map(|number| {
                let own = |ring: &&Ring| ring.group == GroupId::new(number);
                let lent: i64 = rings.iter().filter(own).map(|ring| ring.rx).sum();
                let lends = policy == Policy::PeerBorrow;
                Group {
                    entries: if lends { lent } else { i64::from(entries) },
                    in_use: 0,
                    holders: 0,
                    admission: Admission::new(policy, reach, queues, number, streams),
                }
            })
            .collect();
        // Those that never have any are not used up.
        let is_used_up = |group: &&Group| group.own_free() == 0 && group.entries + device > 0;
        let used_up_groups = groups.iter().filter(is_used_up).count();
        let used_up_groups = u32::try_from(used_up_groups).expect("no more than queues");
        let mut buffers = Self {
            rx_buf_len: spec.rx_buf_len,
            completion_entries: spec.completion_entries,
            completions_run_out: false,
            policy,
            accounting: match policy {
                Policy::PeerBorrow => Accounting::Relabelled,
                _ => reserve.map_or(Accounting::Pinned, |reserve| reserve.accounting),
            },
            repost: reserve.map_or(1, |reserve| reserve.repost),
            refiller: reserve.map_or(Refiller::ConsumingCore, |reserve| reserve.refiller),
            low_watermark: reserve.and_then(|reserve| reserve.low_watermark),
            limit_reached: false,
            rings,
            groups,
            device: Device { entries: device, in_use: 0 },
            total: Peak::default(),
            reserve_total: Peak::default(),
            exhausted: Level::default(),
            is_exhausted: false,
            used_up_groups,
        };
        buffers.completions_run_out =
            buffers.rings.iter().any(|ring| buffers.most(ring) >= spec.completion_entries.into());
        buffers
    }

    /// The most buffers that a queue can have.
    fn most(&self, ring: &Ring) -> i64 {
        let shared = self.groups[ring.group.index()].entries + self.device.entries;
        match self.policy {
            Policy::StaticCap { cap } => ring.rx + shared.min(cap.into()),
            Policy::PeerBorrow => shared,
            _ => ring.rx + shared,
        }
    }

    /// Whether a queue could have the buffers for `len` bytes if all of them were free.
    pub(crate) fn can_ever_hold(&self, queue: QueueId, len: u32) -> bool {
        let needed = if len == 0 { 0 } else { buffers_needed(len, self.rx_buf_len) };
        i64::from(needed) <= self.most(&self.rings[queue.index()])
    }

    /// The buffers that a packet is given if it takes them now, or why it gets none.
    pub(crate) fn offer(
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
        let held = small(ring.reserve_in_use.value());
        let dedicated_free = ring.rx - (ring.in_use.value() - i64::from(held));
        let dedicated = needed.min(small(dedicated_free.max(0)));
        let reserve = needed - dedicated;
        let group_free = self.free(ring.group);
        if self.policy == Policy::PeerBorrow {
            let lends = peer_borrow::lends(needed, group_free);
            return lends.then_some(Lease { dedicated, reserve }).ok_or(Refusal::NoBuffer);
        }
        if reserve > 0 {
            let free = small(group_free);
            if reserve > free {
                return Err(Refusal::NoBuffer);
            }
            let group = &mut self.groups[ring.group.index()];
            let holders = group.holders;
            let claim = Claim { queue, held, free, count: reserve, holders, now };
            if !group.admission.grants(claim) {
                return Err(Refusal::ReserveDenied);
            }
        }
        Ok(Lease { dedicated, reserve })
    }

    /// Gives a packet its buffers and a completion entry, or says why not.
    pub(crate) fn take(
        &mut self,
        queue: QueueId,
        len: u32,
        now: SimTime,
    ) -> Result<Lease, Refusal> {
        let lease = self.offer(queue, len, now)?;
        let ring = &mut self.rings[queue.index()];
        ring.completions += 1;
        if ring.held() == 0 {
            self.groups[ring.group.index()].admission.filled(queue, now);
        }
        self.repost_below_watermark(queue, lease.reserve, now);
        self.change_in_use(queue, i64::from(lease.total()), now);
        self.change_reserve(queue, i64::from(lease.reserve), now);
        Ok(lease)
    }

    /// Whether a limit event has reposted buffers since this was last asked.
    pub(crate) fn limit_reached(&mut self) -> bool {
        std::mem::take(&mut self.limit_reached)
    }

    /// Of the queues that share a reserve with `queue`, the one with most of it, if that is more
    /// than `queue` would have with the buffers that a packet of `len` bytes lacks.
    pub(crate) fn longest_beyond(&self, queue: QueueId, len: u32) -> Option<QueueId> {
        let own = &self.rings[queue.index()];
        let free = own.rx - (own.in_use.value() - own.reserve_in_use.value());
        let lacking = (i64::from(buffers_needed(len, self.rx_buf_len)) - free.max(0)).max(0);
        let own_then = own.reserve_in_use.value() + lacking;
        let queues = (0..).map(QueueId::new).zip(&self.rings);
        let sharing = queues.filter(|(_, ring)| ring.group == own.group);
        let holders = sharing.map(|(id, ring)| (id, ring.reserve_in_use.value()));
        longest_queue_drop::victim(holders, own_then)
    }

    /// The policy.
    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    /// The reserve that the queue draws on.
    pub(crate) fn group(&self, queue: QueueId) -> GroupId {
        self.rings[queue.index()].group
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
                let owed = small(ring.reserve_in_use.value()) - ring.returned();
                let reserve = lease.total().min(owed);
                Lease { dedicated: lease.total() - reserve, reserve }
            }
        }
    }

    /// Reserve buffers that are reposted when `returning` more come back to the queue: all full
    /// batches.
    pub(crate) fn due(&self, queue: QueueId, returning: u32) -> u32 {
        let waiting = self.rings[queue.index()].awaiting_repost + returning;
        match (self.low_watermark, self.repost) {
            (Some(_), _) => 0,
            (None, 1) => waiting,
            (None, batch) => waiting - waiting % batch,
        }
    }

    /// Releases buffers: dedicated ones are posted at once, reserve ones in full batches. Returns
    /// how many of these are handed to the reserve's own core instead.
    pub(crate) fn release(&mut self, queue: QueueId, lease: Lease, now: SimTime) -> u32 {
        let due = self.due(queue, lease.reserve);
        self.change_in_use(queue, -i64::from(lease.dedicated), now);
        self.rings[queue.index()].awaiting_repost += lease.reserve;
        let handed = self.repost(queue, due, now);
        self.repost_below_watermark(queue, 0, now);
        let ring = &self.rings[queue.index()];
        let kept = small(ring.held());
        self.groups[ring.group.index()].admission.returned(queue, lease.total(), kept, now);
        handed
    }

    /// Reserve buffers of the queue that wait for a full batch.
    pub(crate) fn awaiting_repost(&self, queue: QueueId) -> u32 {
        // Those that wait for the limit event are not for the queue's core to repost.
        let waiting = self.rings[queue.index()].awaiting_repost;
        if self.low_watermark.is_some() { 0 } else { waiting }
    }

    /// Reposts a partial batch, as when the queue empties; returns how many are handed to the
    /// reserve's own core instead.
    pub(crate) fn flush(&mut self, queue: QueueId, now: SimTime) -> u32 {
        self.repost(queue, self.awaiting_repost(queue), now)
    }

    /// Posts buffers that wait, or hands them to the reserve's own core; returns how many it gets.
    fn repost(&mut self, queue: QueueId, count: u32, now: SimTime) -> u32 {
        match self.refiller {
            Refiller::ConsumingCore => {
                self.post_reserve(queue, count, now);
                0
            }
            Refiller::OneCore => {
                let ring = &mut self.rings[queue.index()];
                ring.awaiting_repost -= count;
                ring.refilling += count;
                count
            }
        }
    }

    /// The reserve's own core has posted buffers that were handed to it.
    pub(crate) fn refilled(&mut self, queue: QueueId, count: u32, now: SimTime) {
        let ring = &mut self.rings[queue.index()];
        ring.refilling -= count;
        ring.awaiting_repost += count;
        self.post_reserve(queue, count, now);
    }

    /// The limit event: all that waits is reposted as soon as too few are free but for the `coming`
    /// ones, which are about to be taken.
    fn repost_below_watermark(&mut self, queue: QueueId, coming: u32, now: SimTime) {
        let Some(watermark) = self.low_watermark else { return };
        let id = self.rings[queue.index()].group;
        if self.free(id) - i64::from(coming) >= i64::from(watermark) {
            return;
        }
        for other in (0..).map(QueueId::new).take(self.rings.len()) {
            let ring = &self.rings[other.index()];
            if ring.group == id && ring.awaiting_repost > 0 {
                self.limit_reached = true;
                self.post_reserve(other, ring.awaiting_repost, now);
            }
        }
    }

    fn post_reserve(&mut self, queue: QueueId, count: u32, now: SimTime) {
        if count > 0 {
            self.rings[queue.index()].awaiting_repost -= count;
            self.change_in_use(queue, -i64::from(count), now);
            self.change_reserve(queue, -i64::from(count), now);
        }
    }

    fn change_in_use(&mut self, queue: QueueId, change: i64, now: SimTime) {
        let ring = &mut self.rings[queue.index()];
        ring.in_use.change(change, now);
        self.total.change(change);
        if self.policy == Policy::PeerBorrow {
            let group = ring.group;
            self.change_group(group, change, now);
        }
    }

    fn change_reserve(&mut self, queue: QueueId, change: i64, now: SimTime) {
        if change == 0 {
            return;
        }
        let ring = &mut self.rings[queue.index()];
        let (before, group) = (ring.reserve_in_use.value(), ring.group);
        ring.reserve_in_use.change(change, now);
        self.reserve_total.change(change);
        if before == 0 {
            self.groups[group.index()].holders += 1;
        } else if before + change == 0 {
            self.groups[group.index()].holders -= 1;
        }
        if self.policy != Policy::PeerBorrow {
            self.change_group(group, change, now);
        }
    }

    /// Buffers that the queues of a group can still share: its own, and the device's.
    fn free(&self, id: GroupId) -> i64 {
        self.groups[id.index()].own_free() + self.device.free()
    }

    /// More, or fewer, of what the queues of a group share are in use.
    fn change_group(&mut self, id: GroupId, change: i64, now: SimTime) {
        let group = &mut self.groups[id.index()];
        let (was_used_up, owed) = (group.own_free() == 0, group.of_device());
        group.in_use += change;
        let is_used_up = group.own_free() == 0;
        let borrowed = group.of_device() - owed;
        self.used_up_groups += u32::from(is_used_up);
        self.used_up_groups -= u32::from(was_used_up);
        self.device.in_use += borrowed;
        let was_exhausted = self.is_exhausted;
        self.is_exhausted = self.used_up_groups > 0 && self.device.free() == 0;
        if self.is_exhausted != was_exhausted {
            self.exhausted.change(if was_exhausted { -1 } else { 1 }, now);
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

    /// How many more packets of one buffer the queue that is nearest to a drop could be given, were
    /// nothing to come back.
    pub(crate) fn distance_to_drop(&self) -> u32 {
        if self.policy == Policy::PeerBorrow {
            return small(self.groups.iter().map(Group::own_free).min().unwrap_or(0));
        }
        let own =
            |ring: &Ring| (ring.rx - ring.in_use.value() + ring.reserve_in_use.value()).max(0);
        if self.groups.len() == 1 && !self.policy.has_limits() && !self.completions_run_out {
            let own = self.rings.iter().map(own).min().unwrap_or(0);
            return small(own + self.free(GroupId::new(0)));
        }
        let headroom = |ring: &Ring| {
            let free = small(self.free(ring.group));
            let held = small(ring.reserve_in_use.value());
            let buffers = small(own(ring)) + self.policy.headroom(held, free);
            buffers.min(self.completion_entries.saturating_sub(ring.completions))
        };
        self.rings.iter().map(headroom).min().unwrap_or(0)
    }

    /// Goes on with streams of its own.
    pub(crate) fn branch_off(&mut self, chance: &mut Generator) {
        for group in &mut self.groups {
            group.admission.branch_off(chance);
        }
    }

    /// Number of queues.
    pub(crate) fn queues(&self) -> usize {
        self.rings.len()
    }

    /// Buffers of the queue that are not posted.
    pub(crate) fn in_use(&self, queue: QueueId) -> &Level {
        &self.rings[queue.index()].in_use
    }

    /// Those of the reserve among the queue's buffers that are not posted.
    pub(crate) fn reserve_in_use(&self, queue: QueueId) -> &Level {
        &self.rings[queue.index()].reserve_in_use
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
