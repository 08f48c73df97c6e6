//! The contract as a loop over picoseconds: slow, obvious, and written apart from the engine.
//!
//! At every instant: buffers are released, the FIFO is retried, packets arrive, polls, visits and
//! services start; and all over again as long as any of it happens. Service and holding times come
//! with the packets, wake-ups are constant and stalls recorded, so that nothing is random.

#[path = "naive_hosts.rs"]
mod hosts;
#[path = "naive_napi.rs"]
mod napi;

use std::collections::VecDeque;

use rxplan::id::QueueId;
use rxplan::model::buffers::Accounting;
use rxplan::model::ledger::DropReason;
use rxplan::model::log::{Fate, PacketOutcome};
use rxplan::model::policy::Policy;
use rxplan::model::system::SystemSpec;
use rxplan::units::SimTime;

/// A packet on its way in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming {
    pub(crate) time: u64,
    pub(crate) queue: usize,
    pub(crate) len: u32,
    /// Its service or holding time.
    pub(crate) work: u64,
    /// Bytes of it that go to ring buffers.
    pub(crate) stored: u32,
    /// Whether it takes a header buffer.
    pub(crate) header: bool,
    /// Whether it fails the PSP check.
    pub(crate) rejected: bool,
}

impl Incoming {
    /// A packet that carries nothing for placement.
    pub(crate) fn plain(time: u64, queue: usize, len: u32, work: u64) -> Self {
        Self { time, queue, len, work, stored: len, header: false, rejected: false }
    }
}

/// Buffers not posted: time average over the window, and maximum from time zero to its end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Level {
    pub(crate) mean: f64,
    pub(crate) max: u32,
}

/// What became of the packets of the window, and of the buffers meanwhile.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) packets: Vec<PacketOutcome>,
    /// Of each queue: all buffers, and those of the reserve.
    pub(crate) queues: Vec<[Level; 2]>,
    /// Of all queues together.
    pub(crate) total: [Level; 2],
    /// Time average of the bytes of packets in rings.
    pub(crate) packet_bytes: f64,
    /// Share of the time in which some group had no free reserve buffer.
    pub(crate) exhausted: f64,
    /// Time spent reposting reserve buffers.
    pub(crate) sync: u64,
}

/// Buffers of either kind.
#[derive(Debug, Clone, Copy, Default)]
struct Buffers {
    dedicated: u32,
    reserve: u32,
}

#[derive(Debug)]
struct Packet {
    incoming: Incoming,
    /// What it was given, and what it still holds.
    given: Buffers,
    held: Buffers,
    fate: Fate,
}

#[derive(Debug, Default)]
struct Queue {
    /// Packets in the ring, oldest first, by number.
    ring: VecDeque<usize>,
    dedicated_held: u32,
    reserve_held: u32,
    /// Reserve buffers that wait for a full repost batch.
    reserve_waiting: u32,
    completions: u32,
    headers: u32,
    levels: [Level; 2],
}

/// What every host model does; each call of `finish` and `start` does one thing at most.
trait Host {
    /// A packet has been put into its ring.
    fn placed(&mut self, nic: &mut Nic<'_>, number: usize);

    /// Ends something that ends now.
    fn finish(&mut self, nic: &mut Nic<'_>) -> bool;

    /// Starts something that starts now.
    fn start(&mut self, nic: &mut Nic<'_>) -> bool;
}

/// Rings, reserves and FIFO, and all packets.
#[derive(Debug)]
struct Nic<'a> {
    spec: &'a SystemSpec,
    now: u64,
    packets: Vec<Packet>,
    queues: Vec<Queue>,
    fifo: Vec<usize>,
    /// Buffers have been released since the FIFO was last retried.
    released: bool,
    total: [Level; 2],
    sync: u64,
    start: u64,
    end: u64,
}

/// Runs `spec`, whose window has an end, on these packets.
pub(crate) fn simulate(spec: &SystemSpec, arrivals: &[Incoming]) -> Told {
    let start = spec.window.start.as_ps();
    let end = spec.window.end.expect("the window has an end").as_ps();
    let queues = spec.buffers.rx.len();
    let mut nic = Nic {
        spec,
        now: 0,
        packets: Vec::new(),
        queues: (0..queues).map(|_| Queue::default()).collect(),
        fifo: Vec::new(),
        released: false,
        total: Default::default(),
        sync: 0,
        start,
        end,
    };
    let mut host = hosts::new(spec);
    let mut arrivals = arrivals.iter().filter(|packet| packet.time < end).peekable();
    let (mut packet_bytes, mut exhausted) = (0.0, 0.0);
    let share = 1.0 / (end - start) as f64;
    for now in 0..=end {
        nic.now = now;
        loop {
            if host.finish(&mut nic) {
            } else if nic.released {
                nic.retry_fifo(host.as_mut());
            } else if let Some(incoming) = arrivals.next_if(|packet| packet.time == now) {
                nic.arrive(*incoming, host.as_mut());
            } else if !host.start(&mut nic) {
                break;
            }
        }
        if (start..end).contains(&now) {
            nic.average(share);
            packet_bytes += share * nic.bytes_in_rings() as f64;
            if (0..queues).any(|queue| nic.reserve_free(queue) == 0) {
                exhausted += share;
            }
        }
    }
    Told {
        packets: nic.outcomes(),
        queues: nic.queues.iter().map(|queue| queue.levels).collect(),
        total: nic.total,
        packet_bytes,
        exhausted,
        sync: nic.sync,
    }
}

impl Level {
    fn average(&mut self, now: u32, share: f64) {
        self.mean += share * f64::from(now);
    }

    fn peak(&mut self, now: u32) {
        self.max = self.max.max(now);
    }
}

impl Queue {
    fn reserve_not_posted(&self) -> u32 {
        self.reserve_held + self.reserve_waiting
    }

    /// Buffers not posted: all, and those of the reserve.
    fn not_posted(&self) -> [u32; 2] {
        [self.dedicated_held + self.reserve_not_posted(), self.reserve_not_posted()]
    }
}

impl Nic<'_> {
    /// Free buffers of the reserve that `queue` may draw on.
    fn reserve_free(&self, queue: usize) -> u32 {
        let Some(reserve) = &self.spec.buffers.reserve else { return 0 };
        let group = |queue: usize| queue * reserve.groups as usize / self.queues.len();
        let used: u32 = (0..self.queues.len())
            .filter(|other| group(*other) == group(queue))
            .map(|other| self.queues[other].reserve_not_posted())
            .sum();
        reserve.entries - used
    }

    /// Buffers not posted, all queues together.
    fn not_posted(&self) -> [u32; 2] {
        self.queues.iter().fold([0, 0], |sum, queue| {
            let [all, reserve] = queue.not_posted();
            [sum[0] + all, sum[1] + reserve]
        })
    }

    /// Weighs what is not posted now with `share`.
    fn average(&mut self, share: f64) {
        let total = self.not_posted();
        for (kind, all) in total.into_iter().enumerate() {
            self.total[kind].average(all, share);
            for queue in &mut self.queues {
                let now = queue.not_posted()[kind];
                queue.levels[kind].average(now, share);
            }
        }
    }

    /// Notes that `queue` has been given buffers.
    fn peak(&mut self, queue: usize) {
        let total = self.not_posted();
        let queue = &mut self.queues[queue];
        let own = queue.not_posted();
        for kind in [0, 1] {
            self.total[kind].peak(total[kind]);
            queue.levels[kind].peak(own[kind]);
        }
    }

    fn bytes_in_rings(&self) -> u64 {
        let numbers = self.queues.iter().flat_map(|queue| &queue.ring);
        numbers.map(|number| u64::from(self.packets[*number].incoming.stored)).sum()
    }

    /// Whether the policy gives `queue` all of `count` reserve buffers, of which enough are free.
    fn admits(&self, queue: usize, count: u32) -> bool {
        let Some(reserve) = &self.spec.buffers.reserve else { return count == 0 };
        let held = self.queues[queue].reserve_not_posted();
        let free = self.reserve_free(queue);
        (0..count).all(|more| match reserve.policy {
            Policy::CompleteSharing => true,
            Policy::StaticCap { cap } => held + more < cap,
            Policy::DynamicThreshold { alpha } => {
                f64::from(held + more) < alpha * f64::from(free - more)
            }
        })
    }

    /// The buffers a packet would get now, or why it gets none.
    fn offer(&self, incoming: Incoming) -> Result<Buffers, DropReason> {
        let buffers = &self.spec.buffers;
        let state = &self.queues[incoming.queue];
        if state.completions == buffers.completion_entries {
            return Err(DropReason::CompletionFull);
        }
        let headers = self.spec.transfers().map(|transfers| transfers.nic.header_entries);
        if incoming.header && headers.is_some_and(|headers| state.headers == headers) {
            return Err(DropReason::NoBuffer);
        }
        let len = u64::from(incoming.stored);
        let needed = (0..).find(|n| u64::from(*n) * buffers.rx_buf_len >= len).expect("some n");
        let free = buffers.rx[incoming.queue] - state.dedicated_held;
        let dedicated = free.min(needed);
        let reserve = needed - dedicated;
        if reserve > self.reserve_free(incoming.queue) {
            Err(DropReason::NoBuffer)
        } else if !self.admits(incoming.queue, reserve) {
            Err(DropReason::ReserveDenied)
        } else {
            Ok(Buffers { dedicated, reserve })
        }
    }

    /// Whether a packet could have its buffers if all of them were free.
    fn fits_ever(&self, incoming: Incoming) -> bool {
        let buffers = &self.spec.buffers;
        let reserve = buffers.reserve.as_ref().map_or(0, |reserve| match reserve.policy {
            Policy::StaticCap { cap } => reserve.entries.min(cap),
            _ => reserve.entries,
        });
        let most = u64::from(buffers.rx[incoming.queue] + reserve);
        u64::from(incoming.stored) <= most * buffers.rx_buf_len
    }

    fn arrive(&mut self, incoming: Incoming, host: &mut dyn Host) {
        let number = self.packets.len();
        let (given, fate) = (Buffers::default(), Fate::Outstanding);
        self.packets.push(Packet { incoming, given, held: given, fate });
        let waits = |number: &usize| self.packets[*number].incoming.queue == incoming.queue;
        let overtakes = self.fifo.iter().any(waits);
        let len = |number: &usize| u64::from(self.packets[*number].incoming.len);
        if incoming.rejected {
            self.packets[number].fate = Fate::Dropped(DropReason::PspRejected);
            return;
        }
        let room = self.fifo.iter().map(len).sum::<u64>() + u64::from(incoming.len);
        let reason = match self.offer(incoming) {
            Ok(buffers) if !overtakes => return self.place(number, buffers, host),
            _ if !self.fits_ever(incoming) && overtakes => DropReason::NoBuffer,
            Err(reason) if !self.fits_ever(incoming) => reason,
            _ if room <= self.spec.fifo => return self.fifo.push(number),
            Err(reason) if self.spec.fifo == 0 => reason,
            _ => DropReason::FifoFull,
        };
        self.packets[number].fate = Fate::Dropped(reason);
    }

    fn place(&mut self, number: usize, buffers: Buffers, host: &mut dyn Host) {
        let packet = &mut self.packets[number];
        (packet.given, packet.held) = (buffers, buffers);
        let state = &mut self.queues[packet.incoming.queue];
        state.completions += 1;
        state.headers += u32::from(packet.incoming.header);
        state.dedicated_held += buffers.dedicated;
        state.reserve_held += buffers.reserve;
        state.ring.push_back(number);
        let queue = packet.incoming.queue;
        self.peak(queue);
        host.placed(self, number);
    }

    /// In order of arrival; a queue that is refused lets the others pass.
    fn retry_fifo(&mut self, host: &mut dyn Host) {
        self.released = false;
        let mut refused = vec![false; self.queues.len()];
        for number in std::mem::take(&mut self.fifo) {
            let incoming = self.packets[number].incoming;
            match self.offer(incoming) {
                Ok(buffers) if !refused[incoming.queue] => self.place(number, buffers, host),
                _ => {
                    refused[incoming.queue] = true;
                    self.fifo.push(number);
                }
            }
        }
    }

    fn deliver(&mut self, number: usize) {
        let packet = &mut self.packets[number];
        packet.fate = Fate::Delivered(SimTime::from_ps(self.now));
        self.queues[packet.incoming.queue].headers -= u32::from(packet.incoming.header);
        self.released |= packet.incoming.header;
    }

    fn repost(&self) -> u32 {
        self.spec.buffers.reserve.as_ref().map_or(1, |reserve| reserve.repost)
    }

    /// Which pools `buffers` go to when `queue` gives them back.
    fn destination(&self, queue: usize, buffers: Buffers) -> Buffers {
        let accounting = self.spec.buffers.reserve.as_ref().map(|reserve| reserve.accounting);
        if accounting != Some(Accounting::Relabelled) {
            return buffers;
        }
        let all = buffers.dedicated + buffers.reserve;
        let reserve = all.min(self.queues[queue].reserve_held);
        Buffers { dedicated: all - reserve, reserve }
    }

    /// Reserve buffers that would be reposted if `queue` gave `buffers` back.
    fn due(&self, queue: usize, buffers: Buffers) -> u32 {
        let waiting = self.queues[queue].reserve_waiting + self.destination(queue, buffers).reserve;
        waiting / self.repost() * self.repost()
    }

    fn release(&mut self, queue: usize, buffers: Buffers) {
        let due = self.due(queue, buffers);
        let Buffers { dedicated, reserve } = self.destination(queue, buffers);
        let state = &mut self.queues[queue];
        state.dedicated_held -= dedicated;
        state.reserve_held -= reserve;
        state.reserve_waiting += reserve;
        state.reserve_waiting -= due;
        self.released = true;
    }

    /// Reposts a partial batch.
    fn flush(&mut self, queue: usize) {
        if self.queues[queue].reserve_waiting > 0 {
            self.queues[queue].reserve_waiting = 0;
            self.released = true;
        }
    }

    /// When a core that begins now has paid for reposting `count` reserve buffers.
    fn synchronized(&mut self, count: u32) -> u64 {
        let cost =
            self.spec.buffers.reserve.as_ref().map_or(0, |reserve| reserve.sync_cost.as_ps());
        let done = self.now + cost * u64::from(count);
        let within = |time: u64| time.clamp(self.start, self.end);
        self.sync += within(done) - within(self.now);
        done
    }

    /// Packets that arrived in the window.
    fn outcomes(&self) -> Vec<PacketOutcome> {
        self.packets
            .iter()
            .filter(|packet| packet.incoming.time >= self.start)
            .map(|Packet { incoming, given, fate, .. }| PacketOutcome {
                arrival: SimTime::from_ps(incoming.time),
                queue: QueueId::new(u32::try_from(incoming.queue).expect("few queues")),
                len: incoming.len,
                fate: *fate,
                from_reserve: given.reserve,
            })
            .collect()
    }
}
