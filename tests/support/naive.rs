//! The contract as a loop over picoseconds: slow, obvious, and written apart from the engine.
//!
//! At every instant: buffers are released, the FIFO is retried, packets arrive, polls, visits and
//! services start; and all over again as long as any of it happens. Service and holding times come
//! with the packets, wake-ups are constant and stalls recorded, so that nothing is random.

#[path = "naive_hosts.rs"]
mod hosts;
#[path = "naive_napi.rs"]
mod napi;
#[path = "naive_reserve.rs"]
mod reserve;

use std::collections::VecDeque;

use rxplan::id::QueueId;
use rxplan::model::ledger::DropReason;
use rxplan::model::log::{Fate, PacketOutcome};
use rxplan::model::port::FifoOrder;
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
    /// Time in which the sender was paused.
    pub(crate) paused: u64,
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
    /// Reserve buffers that wait until too few are free.
    below_limit_waiting: u32,
    /// Reserve buffers that the reserve's own core has, but has not posted.
    refilling: u32,
    /// What its packets hold, and what they gave back, whenever that changed.
    history: Vec<reserve::Change>,
    completions: u32,
    headers: u32,
    /// Small buffers.
    small: u32,
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

    /// Takes a packet back from the end of the ring, by number, whose buffers repay the reserve.
    fn take_back(&mut self, _nic: &mut Nic<'_>, _queue: usize) -> Option<usize> {
        None
    }
}

/// Rings, reserves and FIFO, and all packets.
#[derive(Debug)]
struct Nic<'a> {
    spec: &'a SystemSpec,
    now: u64,
    packets: Vec<Packet>,
    queues: Vec<Queue>,
    fifo: Vec<usize>,
    /// Packets that senders have ready, if there is a wire that may be paused.
    ready: VecDeque<Incoming>,
    /// When the wire is free, in picoseconds times `bits`.
    wire_free: u128,
    paused: bool,
    /// Time in the window in which the sender was paused.
    paused_time: u64,
    /// Buffers have been released since the FIFO was last retried.
    released: bool,
    /// Completion entries have been freed since then, and packets may wait for them.
    completions_freed: bool,
    total: [Level; 2],
    sync: u64,
    /// Until when the lock of each reserve is held.
    locks: Vec<u64>,
    /// Batches that each reserve's own core has: queue, buffers, and the time left.
    refills: Vec<VecDeque<(usize, u32, u64)>>,
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
        ready: VecDeque::new(),
        wire_free: 0,
        paused: false,
        paused_time: 0,
        released: false,
        completions_freed: false,
        total: Default::default(),
        sync: 0,
        locks: vec![0; queues],
        refills: vec![VecDeque::new(); queues],
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
            let taken = nic.completions();
            if host.finish(&mut nic) {
                nic.note_completions(taken);
            } else if nic.refill() {
            } else if nic.released {
                nic.retry_fifo(host.as_mut());
            } else if let Some(incoming) = nic.off_the_wire() {
                if incoming.time < end {
                    nic.arrive(incoming, host.as_mut());
                }
            } else if let Some(incoming) = arrivals.next_if(|packet| packet.time == now) {
                if spec.fifo.pause {
                    nic.ready.push_back(*incoming);
                } else {
                    nic.arrive(*incoming, host.as_mut());
                }
            } else {
                let taken = nic.completions();
                if host.start(&mut nic) {
                    nic.note_completions(taken);
                } else if nic.completions_freed {
                    nic.retry_fifo(host.as_mut());
                } else {
                    break;
                }
            }
        }
        if (start..end).contains(&now) {
            nic.average(share);
            nic.paused_time += u64::from(nic.paused);
            packet_bytes += share * nic.bytes_in_rings() as f64;
            nic.sync += nic.refills.iter().filter(|batches| !batches.is_empty()).count() as u64;
            if (0..queues).any(|queue| nic.reserve_free(queue) == 0) {
                exhausted += share;
            }
        }
        nic.work_on_refills();
    }
    Told {
        packets: nic.outcomes(),
        queues: nic.queues.iter().map(|queue| queue.levels).collect(),
        total: nic.total,
        packet_bytes,
        exhausted,
        sync: nic.sync,
        paused: nic.paused_time,
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
        self.reserve_held + self.reserve_waiting + self.below_limit_waiting + self.refilling
    }

    /// Buffers not posted: all, and those of the reserve.
    fn not_posted(&self) -> [u32; 2] {
        [self.dedicated_held + self.reserve_not_posted(), self.reserve_not_posted()]
    }
}

impl Nic<'_> {
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

    /// Whether the header buffer that a packet needs is missing.
    pub(super) fn lacks_header(&self, incoming: Incoming) -> bool {
        let headers = self.spec.transfers().map(|transfers| transfers.nic.header_entries);
        incoming.header && headers == Some(self.queues[incoming.queue].headers)
    }

    /// The buffers a packet would get now, or why it gets none.
    fn offer(&self, incoming: Incoming) -> Result<Buffers, DropReason> {
        let buffers = &self.spec.buffers;
        let state = &self.queues[incoming.queue];
        if state.completions == buffers.completion_entries {
            return Err(DropReason::CompletionFull);
        }
        if self.lacks_header(incoming) {
            return Err(DropReason::NoBuffer);
        }
        if self.is_short(incoming) {
            let free = self.small_free(incoming.queue);
            return if free > 0 { Ok(Buffers::default()) } else { Err(DropReason::NoBuffer) };
        }
        let len = u64::from(incoming.stored);
        let needed = (0..).find(|n| u64::from(*n) * buffers.rx_buf_len >= len).expect("some n");
        let free = buffers.rx[incoming.queue] - state.dedicated_held;
        let dedicated = free.min(needed);
        let reserve = needed - dedicated;
        if self.lends() {
            let lent = needed <= self.reserve_free(incoming.queue);
            return if lent {
                Ok(Buffers { dedicated, reserve })
            } else {
                Err(DropReason::NoBuffer)
            };
        }
        if reserve > self.reserve_free(incoming.queue) {
            Err(DropReason::NoBuffer)
        } else if !self.admits(incoming.queue, reserve) {
            Err(DropReason::ReserveDenied)
        } else {
            Ok(Buffers { dedicated, reserve })
        }
    }

    fn arrive(&mut self, incoming: Incoming, host: &mut dyn Host) {
        let number = self.packets.len();
        let (given, fate) = (Buffers::default(), Fate::Outstanding);
        self.packets.push(Packet { incoming, given, held: given, fate });
        if incoming.rejected {
            self.packets[number].fate = Fate::Dropped(DropReason::PspRejected);
            return;
        }
        let overtakes = self.overtakes(incoming);
        let mut offer = self.offer(incoming);
        while offer.is_err_and(|reason| reason == DropReason::NoBuffer)
            && !overtakes
            && self.push_out(incoming, host)
        {
            offer = self.offer(incoming);
        }
        let reason = match offer {
            Ok(buffers) if !overtakes => return self.place(number, buffers, host),
            _ if !self.fits_ever(incoming) && overtakes => DropReason::NoBuffer,
            Err(reason) if !self.fits_ever(incoming) => reason,
            _ if self.fifo_takes(incoming) => return self.fifo.push(number),
            Err(reason) if self.spec.fifo.capacity == 0 => reason,
            _ => DropReason::FifoFull,
        };
        self.packets[number].fate = Fate::Dropped(reason);
    }

    /// Whether a packet would overtake one that waits and that it must not overtake.
    fn overtakes(&self, incoming: Incoming) -> bool {
        let waits = |number: &usize| self.packets[*number].incoming.queue == incoming.queue;
        match self.spec.fifo.order {
            FifoOrder::Queue => self.fifo.iter().any(waits),
            FifoOrder::Port => !self.fifo.is_empty(),
        }
    }

    fn fifo_takes(&self, incoming: Incoming) -> bool {
        let len = |number: &usize| u64::from(self.packets[*number].incoming.len);
        let then = self.fifo.iter().map(len).sum::<u64>() + u64::from(incoming.len);
        then <= self.spec.fifo.capacity
    }

    /// Whether a frame that is due must wait at the sender.
    fn held_back(&self, incoming: Incoming) -> bool {
        let placed = self.offer(incoming).is_ok() && !self.overtakes(incoming);
        !placed && !self.fifo_takes(incoming) && self.fits_ever(incoming)
    }

    /// The frame that has the wire from now on, unless it is held back.
    fn off_the_wire(&mut self) -> Option<Incoming> {
        let first = *self.ready.front()?;
        let (bits, per_ps) = self.spec.line_rate.expect("a wire to pause").fraction();
        let bits = u128::from(bits);
        let begin = self.wire_free.max(u128::from(first.time) * bits);
        if begin > u128::from(self.now) * bits || self.paused {
            return None;
        }
        if self.held_back(first) {
            self.paused = true;
            return None;
        }
        let bytes = (first.len + 4).max(64) + 20;
        self.wire_free = begin + u128::from(bytes) * 8 * u128::from(per_ps);
        self.ready.pop_front();
        Some(Incoming { time: self.now, ..first })
    }

    fn place(&mut self, number: usize, buffers: Buffers, host: &mut dyn Host) {
        let short = self.is_short(self.packets[number].incoming);
        let packet = &mut self.packets[number];
        (packet.given, packet.held) = (buffers, buffers);
        let state = &mut self.queues[packet.incoming.queue];
        state.completions += 1;
        state.small += u32::from(short);
        state.headers += u32::from(packet.incoming.header);
        state.dedicated_held += buffers.dedicated;
        state.reserve_held += buffers.reserve;
        state.ring.push_back(number);
        let queue = packet.incoming.queue;
        self.note_change(queue, 0);
        self.repost_below_limit(queue);
        self.peak(queue);
        host.placed(self, number);
    }

    /// In order of arrival; a queue that is refused lets the others pass.
    fn retry_fifo(&mut self, host: &mut dyn Host) {
        (self.released, self.completions_freed) = (false, false);
        let mut refused = vec![false; self.queues.len()];
        for number in std::mem::take(&mut self.fifo) {
            let incoming = self.packets[number].incoming;
            match self.offer(incoming) {
                Ok(buffers) if !self.held_up(incoming.queue, &refused) => {
                    self.place(number, buffers, host)
                }
                _ => {
                    refused[incoming.queue] = true;
                    self.fifo.push(number);
                }
            }
        }
        if self.paused && !self.held_back(self.ready[0]) {
            self.paused = false;
            let (bits, _) = self.spec.line_rate.expect("a wire to pause").fraction();
            self.wire_free = self.wire_free.max(u128::from(self.now) * u128::from(bits));
        }
    }

    /// Whether a packet for `queue` waits because others have been refused before it.
    fn held_up(&self, queue: usize, refused: &[bool]) -> bool {
        match self.spec.fifo.order {
            FifoOrder::Queue => refused[queue],
            FifoOrder::Port => refused.contains(&true),
        }
    }

    fn deliver(&mut self, number: usize) {
        let short = self.is_short(self.packets[number].incoming);
        let packet = &mut self.packets[number];
        packet.fate = Fate::Delivered(SimTime::from_ps(self.now));
        self.queues[packet.incoming.queue].headers -= u32::from(packet.incoming.header);
        self.released |= packet.incoming.header || short;
        self.queues[packet.incoming.queue].small -= u32::from(short);
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
