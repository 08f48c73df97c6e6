//! The reserve of the naive model: who is admitted to it, and how its buffers come back.

use std::collections::VecDeque;

use rxplan::model::buffers::{Accounting, Refiller, ReserveSpec};
use rxplan::model::ledger::DropReason;
use rxplan::model::log::Fate;
use rxplan::model::policy::Policy;

use super::{Buffers, Host, Incoming, Nic};

/// What the packets of a queue hold from `time` on, and what they gave back then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    time: u64,
    returned: u32,
    held: u32,
}

impl Nic<'_> {
    fn reserve(&self) -> Option<&ReserveSpec> {
        self.spec.buffers.reserve.as_ref()
    }

    fn policy(&self) -> Policy {
        self.reserve().map_or(Policy::CompleteSharing, |reserve| reserve.policy)
    }

    /// Whether queues lend each other their dedicated buffers.
    pub(super) fn lends(&self) -> bool {
        self.policy() == Policy::PeerBorrow
    }

    fn group(&self, queue: usize) -> usize {
        let groups = self.reserve().map_or(1, |reserve| reserve.groups as usize);
        queue * groups / self.queues.len()
    }

    /// The queues that share a reserve with this one, itself too.
    fn sharing(&self, queue: usize) -> impl Iterator<Item = usize> {
        let same = move |other: &usize| self.group(*other) == self.group(queue);
        (0..self.queues.len()).filter(same)
    }

    /// Free buffers of the reserve that `queue` may draw on, or of all rings that lend to it.
    pub(super) fn reserve_free(&self, queue: usize) -> u32 {
        let Some(reserve) = self.reserve() else { return 0 };
        let not_posted = |other: usize| self.queues[other].not_posted();
        if self.lends() {
            let rx: u32 = self.sharing(queue).map(|other| self.spec.buffers.rx[other]).sum();
            return rx - self.sharing(queue).map(|other| not_posted(other)[0]).sum::<u32>();
        }
        // A buffer of its own, or one of the device's, of which others borrow what they lack.
        let used =
            |queue: usize| self.sharing(queue).map(|other| not_posted(other)[1]).sum::<u32>();
        let mut device = reserve.device_entries;
        let mut seen = Vec::new();
        for other in 0..self.queues.len() {
            if !seen.contains(&self.group(other)) {
                seen.push(self.group(other));
                device -= used(other).saturating_sub(reserve.entries);
            }
        }
        reserve.entries.saturating_sub(used(queue)) + device
    }

    /// Whether the policy gives `queue` all of `count` reserve buffers, of which enough are free.
    pub(super) fn admits(&self, queue: usize, count: u32) -> bool {
        let Some(reserve) = self.reserve() else { return count == 0 };
        let held = self.queues[queue].reserve_not_posted();
        let free = self.reserve_free(queue);
        (0..count).all(|more| {
            let (held, free) = (f64::from(held + more), f64::from(free - more));
            match reserve.policy {
                Policy::CompleteSharing | Policy::LongestQueueDrop | Policy::PeerBorrow => true,
                Policy::StaticCap { cap } => held < f64::from(cap),
                Policy::DynamicThreshold { alpha } => held < alpha * free,
                Policy::Abm { alpha, interval } => {
                    let mu = self.drain_rate(queue, interval.as_ps());
                    held < alpha * mu / f64::from(self.in_need(queue)) * free
                }
                // The levels are next to each other, so that there is no chance.
                Policy::EarlyDrop { drop, .. } => {
                    free / f64::from(reserve.entries + reserve.device_entries) > drop
                }
            }
        })
    }

    /// Queues that hold some of the reserve, or ask for it.
    fn in_need(&self, queue: usize) -> u32 {
        let holds = |other: &usize| self.queues[*other].reserve_not_posted() > 0;
        let needs = self.sharing(queue).filter(|other| *other == queue || holds(other));
        u32::try_from(needs.count()).expect("few queues")
    }

    /// What the queue gave back in the last whole interval over the most that any of those that
    /// share its reserve did; 1 where that says nothing.
    fn drain_rate(&self, queue: usize, interval: u64) -> f64 {
        let number = self.now / interval;
        if number == 0 {
            return 1.0;
        }
        let within = (number - 1) * interval..number * interval;
        let changes = |queue: usize| {
            let history = self.queues[queue].history.iter();
            history.filter(|change| within.contains(&change.time))
        };
        let returned = |queue: usize| changes(queue).map(|change| change.returned).sum::<u32>();
        let most = self.sharing(queue).map(returned).max().unwrap_or(0);
        let before = self.queues[queue].history.iter().rev();
        let at_start = before.into_iter().find(|change| change.time < within.start);
        let was_empty = at_start.is_none_or(|change| change.held == 0)
            || changes(queue).any(|change| change.held == 0);
        if was_empty || most == 0 { 1.0 } else { f64::from(returned(queue)) / f64::from(most) }
    }

    pub(super) fn note_change(&mut self, queue: usize, returned: u32) {
        let time = self.now;
        let state = &mut self.queues[queue];
        let held = state.dedicated_held + state.reserve_held;
        state.history.push(Change { time, returned, held });
    }

    /// Whether a packet takes a small buffer.
    pub(super) fn is_short(&self, incoming: Incoming) -> bool {
        let small = self.reserve().and_then(|reserve| reserve.small);
        small.is_some_and(|small| (1..=small.buf_len).contains(&incoming.stored.into()))
    }

    /// Small buffers that are free.
    pub(super) fn small_free(&self, queue: usize) -> u32 {
        let entries = self.reserve().and_then(|reserve| reserve.small).map_or(0, |own| own.entries);
        entries - self.sharing(queue).map(|other| self.queues[other].small).sum::<u32>()
    }

    /// Whether a packet could have its buffers if all of them were free.
    pub(super) fn fits_ever(&self, incoming: Incoming) -> bool {
        if self.is_short(incoming) {
            return self.reserve().and_then(|own| own.small).is_some_and(|own| own.entries > 0);
        }
        let buffers = &self.spec.buffers;
        let rx = buffers.rx[incoming.queue];
        let entries = self.reserve().map_or(0, |r| r.entries + r.device_entries);
        let most = match self.policy() {
            Policy::StaticCap { cap } => rx + entries.min(cap),
            Policy::PeerBorrow => self.sharing(incoming.queue).map(|other| buffers.rx[other]).sum(),
            _ => rx + entries,
        };
        u64::from(incoming.stored) <= u64::from(most) * buffers.rx_buf_len
    }

    /// The queue that would hold most of the reserve loses a packet, unless that is the one that
    /// asks. Whether it did.
    pub(super) fn push_out(&mut self, incoming: Incoming, host: &mut dyn Host) -> bool {
        if self.policy() != Policy::LongestQueueDrop || self.lacks_header(incoming) {
            return false;
        }
        let own = &self.queues[incoming.queue];
        let free = self.spec.buffers.rx[incoming.queue] - own.dedicated_held;
        let needed = u64::from(incoming.stored).div_ceil(self.spec.buffers.rx_buf_len);
        let lacking = u32::try_from(needed).expect("few buffers").saturating_sub(free);
        let mut longest = (own.reserve_not_posted() + lacking, incoming.queue);
        for other in self.sharing(incoming.queue).collect::<Vec<_>>() {
            let held = self.queues[other].reserve_not_posted();
            if held > longest.0 {
                longest = (held, other);
            }
        }
        let (_, queue) = longest;
        if queue == incoming.queue {
            return false;
        }
        let Some(number) = host.take_back(self, queue) else { return false };
        self.packets[number].fate = Fate::Dropped(DropReason::PushedOut);
        self.queues[queue].completions -= 1;
        self.queues[queue].headers -= u32::from(self.packets[number].incoming.header);
        self.release(queue, self.packets[number].held);
        true
    }

    /// Which pools `buffers` go to when `queue` gives them back.
    pub(super) fn destination(&self, queue: usize, buffers: Buffers) -> Buffers {
        let relabelled =
            |reserve: &ReserveSpec| reserve.accounting == Accounting::Relabelled || self.lends();
        if !self.reserve().is_some_and(relabelled) {
            return buffers;
        }
        let all = buffers.dedicated + buffers.reserve;
        let reserve = all.min(self.queues[queue].reserve_held);
        Buffers { dedicated: all - reserve, reserve }
    }

    /// Reserve buffers that would be reposted if `queue` gave `buffers` back.
    pub(super) fn due(&self, queue: usize, buffers: Buffers) -> u32 {
        let batch = self.reserve().map_or(1, |reserve| reserve.repost);
        let waiting = self.queues[queue].reserve_waiting + self.destination(queue, buffers).reserve;
        waiting / batch * batch
    }

    pub(super) fn release(&mut self, queue: usize, buffers: Buffers) {
        let due = self.due(queue, buffers);
        let one_core = self.one_core();
        let limited = self.reserve().is_some_and(|reserve| reserve.low_watermark.is_some());
        let Buffers { dedicated, reserve } = self.destination(queue, buffers);
        let state = &mut self.queues[queue];
        state.dedicated_held -= dedicated;
        state.reserve_held -= reserve;
        if limited {
            state.below_limit_waiting += reserve;
        } else {
            state.reserve_waiting += reserve;
            state.reserve_waiting -= due;
            if one_core {
                self.hand(queue, due);
            }
        }
        self.released = true;
        self.note_change(queue, dedicated + reserve);
        self.repost_below_limit(queue);
    }

    /// Reposts a partial batch.
    pub(super) fn flush(&mut self, queue: usize) {
        if self.queues[queue].reserve_waiting > 0 {
            let waiting = std::mem::take(&mut self.queues[queue].reserve_waiting);
            self.released = true;
            if self.one_core() {
                self.hand(queue, waiting);
            }
        }
    }

    /// Whether a core of the reserve's own reposts.
    fn one_core(&self) -> bool {
        self.reserve().is_some_and(|reserve| reserve.refiller == Refiller::OneCore)
    }

    fn hand(&mut self, queue: usize, count: u32) {
        if count > 0 {
            let cost = self.reserve().expect("of its buffers").sync_cost.as_ps();
            let group = self.group(queue);
            self.queues[queue].refilling += count;
            self.refills[group].push_back((queue, count, cost * u64::from(count)));
        }
    }

    /// A reserve's own core has posted a batch; whether one did.
    pub(super) fn refill(&mut self) -> bool {
        for batches in &mut self.refills {
            if let Some((queue, count, _)) = batches.pop_front_if(|(.., left)| *left == 0) {
                self.queues[queue].refilling -= count;
                self.released = true;
                return true;
            }
        }
        false
    }

    /// Each reserve's own core works for a picosecond on its first batch.
    pub(super) fn work_on_refills(&mut self) {
        for (.., left) in self.refills.iter_mut().filter_map(VecDeque::front_mut) {
            *left -= 1;
        }
    }

    /// Where too few are free, all that wait are reposted.
    pub(super) fn repost_below_limit(&mut self, queue: usize) {
        let Some(limit) = self.reserve().and_then(|reserve| reserve.low_watermark) else { return };
        if self.reserve_free(queue) < limit {
            for other in self.sharing(queue).collect::<Vec<_>>() {
                let waiting = std::mem::take(&mut self.queues[other].below_limit_waiting);
                self.released |= waiting > 0;
            }
        }
    }

    /// When a core that begins now has paid for reposting `count` reserve buffers of `queue`.
    pub(super) fn synchronized(&mut self, queue: usize, count: u32) -> u64 {
        let Some(reserve) = self.reserve() else { return self.now };
        let (cost, lock) = (reserve.sync_cost.as_ps() * u64::from(count), reserve.lock);
        if cost == 0 || self.one_core() {
            return self.now;
        }
        let group = self.group(queue);
        let held_until = &mut self.locks[group];
        let begin = if lock { self.now.max(*held_until) } else { self.now };
        let done = begin + cost;
        *held_until = done;
        let within = |time: u64| time.clamp(self.start, self.end);
        self.sync += within(done) - within(self.now);
        done
    }

    /// Completion entries that are taken, of each queue.
    pub(super) fn completions(&self) -> Vec<u32> {
        self.queues.iter().map(|queue| queue.completions).collect()
    }

    /// Packets that wait for completion entries are tried again when some have been freed.
    pub(super) fn note_completions(&mut self, before: Vec<u32>) {
        let freed = self.completions().iter().zip(before).any(|(now, before)| *now < before);
        self.completions_freed |= freed && self.spec.buffers.completion_flow_control;
    }
}
