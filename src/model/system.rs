//! The system: all parts of a scenario put together, and the loop that runs them.
//!
//! This is the reference engine: one event after another in order of time, obvious and exact. The
//! calendar's slots are laid out in the order in which things happen at one instant:
//!
//! ```text
//!  | releases (host) | frames leaving the wire | sources, by table and queue | visits (host) |
//!   then FIFO retries,                                                         and starts
//!   a paused sender goes on
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::calendar::{Calendar, Slot};
use crate::id::QueueId;
use crate::model::buffers::{BufferSpec, Buffers, Held, Lease, Refusal};
use crate::model::host::{Host, HostSlots, HostSpec, Packet, Work};
use crate::model::ledger::{DropReason, Ledger};
use crate::model::log::{Fate, PacketLog, PacketSink, Timeline};
use crate::model::outcome::{Finished, Outcome};
use crate::model::port::{Fifo, FifoSpec, Wire};
use crate::model::stall::StallSpec;
use crate::model::traffic::{Arrival, Source, TrafficKind, TrafficSpec, Window};
use crate::random::Streams;
use crate::units::{BitRate, SimDuration, SimTime};

/// Everything a run needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemSpec {
    /// Rings and reserve.
    pub buffers: BufferSpec,
    /// On-NIC FIFO.
    pub fifo: FifoSpec,
    /// Rate of the wire; `None`: frames arrive whenever they are sent.
    pub line_rate: Option<BitRate>,
    /// The host.
    pub host: HostSpec,
    /// Its stalls.
    pub stalls: Vec<StallSpec>,
    /// Where packets come from.
    pub traffic: Vec<TrafficSpec>,
    /// What is measured.
    pub window: Window,
}

/// Lets another thread watch and stop a run.
#[derive(Debug, Default)]
pub struct Progress {
    /// Packets that have arrived, over all runs that share this.
    pub packets: AtomicU64,
    /// Set to make the runs end without a result.
    pub stop: AtomicBool,
}

/// Ways to look into a run.
#[derive(Default)]
#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct Observers<'a> {
    /// Receives every packet of the window in order of arrival.
    pub packets: Option<&'a mut PacketSink<'a>>,
    /// Whether to record occupancy over time.
    pub timeline: bool,
}

/// What hosts act on: the clock, the calendar, the buffers and the books.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    pub(crate) now: SimTime,
    pub(crate) calendar: Calendar,
    pub(crate) buffers: Buffers,
    pub(crate) ledger: Ledger,
    log: Option<PacketLog<'a>>,
    /// What the packets of each queue hold, kept apart from the buffers' own books; only in debug
    /// builds.
    held: Vec<Held>,
    /// Buffers have been released since the FIFO was last retried.
    released: bool,
    /// Completion entries have been freed since then, and packets may wait for them.
    completions_freed: bool,
    completion_flow_control: bool,
    /// The visits of this instant have begun.
    pub(crate) visits_over: bool,
    /// Until when each reserve's lock is held; empty: reserves have none.
    locks: Vec<SimTime>,
    /// The last arrival, delivery or release.
    last_activity: SimTime,
}

impl Machine<'_> {
    /// The queue with this index.
    pub(crate) fn queue(&self, index: usize) -> QueueId {
        QueueId::new(u32::try_from(index).expect("queues are counted in 32 bits"))
    }

    /// A packet's processing has ended.
    pub(crate) fn deliver(&mut self, queue: QueueId, packet: &Packet) {
        self.ledger.delivered(queue, packet.arrival, packet.len, self.now);
        if let (Some(log), Some(id)) = (&mut self.log, packet.log) {
            log.settled(id, Fate::Delivered(self.now));
        }
        self.last_activity = self.now;
    }

    /// A packet is taken back from a ring for another queue's.
    pub(crate) fn push_out(&mut self, queue: QueueId, packet: &Packet) {
        self.ledger.pushed_out(queue, packet.arrival, packet.len, self.now);
        if let (Some(log), Some(id)) = (&mut self.log, packet.log) {
            log.settled(id, Fate::Dropped(DropReason::PushedOut));
        }
        self.free_completion(queue);
        let lease = self.buffers.destination(queue, packet.lease);
        self.release(queue, lease);
    }

    /// Buffers come back.
    pub(crate) fn release(&mut self, queue: QueueId, lease: Lease) {
        self.buffers.release(queue, lease, self.now);
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

    fn assert_conserved(&self, queue: QueueId) {
        self.buffers.assert_conserved(queue, self.held[queue.index()]);
    }

    /// A partial repost batch is reposted.
    pub(crate) fn flush(&mut self, queue: QueueId) {
        if self.buffers.awaiting_repost(queue) > 0 {
            self.buffers.flush(queue, self.now);
            self.released = true;
            self.last_activity = self.now;
        }
    }

    /// A packet of the queue is taken by the host: its completion entry is free.
    pub(crate) fn free_completion(&mut self, queue: QueueId) {
        self.buffers.free_completion(queue);
        self.completions_freed |= self.completion_flow_control;
    }

    /// Gives a packet its buffers, or says why not.
    fn take(&mut self, queue: QueueId, len: u32) -> Result<Lease, Refusal> {
        let taken = self.buffers.take(queue, len, self.now);
        self.released |= self.buffers.limit_reached();
        taken
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
        self.ledger.synchronizing(self.now, end);
        self.calendar.set(slot, end);
        end
    }
}

/// A scenario, running.
#[derive(Debug)]
pub(crate) struct System<'a> {
    spec: &'a SystemSpec,
    streams: Streams,
    machine: Machine<'a>,
    host: Host,
    work: Work,
    sources: Vec<Source>,
    /// The next packet of each source.
    pending: Vec<Option<Arrival>>,
    wire: Option<Wire>,
    first_source: Slot,
    fifo: Fifo,
    slots: HostSlots,
    window_open: bool,
    timeline: Option<Timeline>,
}

/// Events between two looks at [`Progress`].
const EVENTS_PER_LOOK: u32 = 1 << 14;

/// How long after the last recorded arrival stalls still come: without an end, a host whose stalls
/// always overlap would never finish.
const AFTER_RECORDING: SimDuration = SimDuration::from_ms(60_000);

impl SystemSpec {
    /// Runs one replication; `None` if it was stopped.
    #[must_use]
    pub fn run<'a>(
        &'a self,
        streams: Streams,
        progress: &Progress,
        observers: Observers<'a>,
    ) -> Option<Outcome> {
        System::new(self, streams, observers).run(progress)
    }

    /// The last instant at which a packet may arrive.
    pub(crate) fn last_arrival(&self) -> SimTime {
        let recorded = self.traffic.iter().filter_map(|traffic| match &traffic.kind {
            TrafficKind::Recorded(packets) => packets.last().map(|packet| packet.time),
            _ => None,
        });
        self.window.end.or_else(|| recorded.max()).unwrap_or(SimTime::ZERO)
    }
}

impl<'a> System<'a> {
    fn new(spec: &'a SystemSpec, streams: Streams, observers: Observers<'a>) -> Self {
        let queues = spec.buffers.rx.len();
        let mut sources = Vec::new();
        for (table, traffic) in spec.traffic.iter().enumerate() {
            sources.extend(traffic.sources(table, streams, spec.window));
        }
        let sync_cost = spec.buffers.reserve.as_ref().map_or(SimDuration::ZERO, |r| r.sync_cost);
        let delays = !spec.stalls.is_empty() || !sync_cost.is_zero();
        let (releases, visits) = Host::slots(&spec.host, queues, delays);
        let first_source = releases + usize::from(spec.line_rate.is_some());
        let slots = HostSlots { releases, visits, first_visit: first_source + sources.len() };
        let last_arrival = spec.last_arrival();
        let start = spec.window.start;
        let machine = Machine {
            now: SimTime::ZERO,
            calendar: Calendar::new(slots.first_visit + slots.visits),
            buffers: Buffers::new(&spec.buffers, streams),
            ledger: Ledger::new(queues, spec.window, last_arrival),
            log: observers.packets.map(PacketLog::new),
            held: vec![Held::default(); queues],
            released: false,
            completions_freed: false,
            visits_over: false,
            completion_flow_control: spec.buffers.completion_flow_control,
            locks: match &spec.buffers.reserve {
                Some(reserve) if reserve.lock => vec![SimTime::ZERO; reserve.groups as usize],
                _ => Vec::new(),
            },
            last_activity: SimTime::ZERO,
        };
        let timeline =
            observers.timeline.then(|| Timeline::new(start, last_arrival.saturating_since(start)));
        Self {
            spec,
            streams,
            machine,
            host: Host::new(
                &spec.host,
                &spec.stalls,
                spec.window.end.unwrap_or(last_arrival + AFTER_RECORDING),
                sync_cost,
                queues,
                slots,
                streams,
            ),
            work: Work::new(&spec.host, queues, streams),
            pending: vec![None; sources.len()],
            sources,
            wire: spec.line_rate.map(|rate| Wire::new(rate, spec.window)),
            first_source,
            fifo: Fifo::new(spec.fifo, queues),
            slots,
            window_open: false,
            timeline,
        }
    }

    fn run(mut self, progress: &Progress) -> Option<Outcome> {
        for source in 0..self.sources.len() {
            self.fetch(source);
        }
        self.host.start(&mut self.machine);
        let end = self.spec.window.end_or_max();
        let mut counted = 0;
        loop {
            for _ in 0..EVENTS_PER_LOOK {
                if !self.step(end) {
                    return Some(self.close());
                }
            }
            let arrived = self.machine.ledger.arrived();
            progress.packets.fetch_add(arrived - counted, Ordering::Relaxed);
            counted = arrived;
            if progress.stop.load(Ordering::Relaxed) {
                return None;
            }
        }
    }

    /// Does the next thing; `false` when nothing is left to do before or at `end`.
    fn step(&mut self, end: SimTime) -> bool {
        let next = self.machine.calendar.next();
        let now = self.machine.now;
        let over = |slot| next.is_none_or(|(time, at)| time > now || at >= slot);
        let waits = !self.fifo.is_empty() || self.wire.as_ref().is_some_and(Wire::is_paused);
        if self.machine.released && waits && over(self.slots.releases) {
            self.retry();
            return true;
        }
        if self.host.has_starts() && over(self.slots.first_visit) {
            self.host.start_services(&mut self.machine);
            return true;
        }
        // Completion entries are freed by visits and starts: what waits for them comes after all.
        if self.machine.completions_freed && waits && over(Slot::MAX) {
            self.machine.visits_over = true;
            self.retry();
            self.machine.visits_over = false;
            return true;
        }
        let Some((time, slot)) = next.filter(|(time, _)| *time <= end) else { return false };
        assert!(time >= now, "time goes backward from {now} to {time}");
        self.machine.now = time;
        // What is released at the very start of the window was in use before it, not in it.
        let start = self.spec.window.start;
        if !self.window_open && (time > start || (time == start && slot >= self.slots.releases)) {
            self.open_window();
        }
        if let (true, Some(timeline)) = (self.window_open, &mut self.timeline) {
            timeline.advance(time, &self.machine.buffers);
        }
        if slot < self.slots.releases {
            self.host.release_due(slot, &mut self.machine);
        } else if slot < self.first_source {
            self.leave_wire();
        } else if slot < self.slots.first_visit {
            self.send(slot - self.first_source);
        } else {
            self.host.visit_due(slot - self.slots.first_visit, &mut self.machine);
        }
        true
    }

    fn open_window(&mut self) {
        self.window_open = true;
        self.machine.buffers.open_window(self.spec.window.start);
        self.machine.ledger.open_window();
    }

    /// Puts the next packet of a source into the calendar.
    #[inline]
    fn fetch(&mut self, source: usize) {
        let arrival = self.sources[source].next();
        self.pending[source] = arrival;
        let time = arrival.map_or(SimTime::MAX, |arrival| arrival.time);
        self.machine.calendar.set(self.first_source + source, time);
    }

    /// A source sends its packet: onto the wire if there is one, else straight into the NIC.
    #[inline]
    fn send(&mut self, source: usize) {
        let arrival = self.pending[source].expect("a due source has a packet");
        self.fetch(source);
        match &mut self.wire {
            None => self.arrive(arrival),
            Some(wire) => {
                wire.send(arrival);
                let next = wire.next_time();
                if next == self.machine.now {
                    self.leave_wire();
                } else {
                    self.machine.calendar.set(self.slots.releases, next);
                }
            }
        }
    }

    /// The next frame of the wire is due: it arrives, or the sender is paused.
    fn leave_wire(&mut self) {
        if !self.may_arrive() {
            let wire = self.wire.as_mut().expect("only a wire has such events");
            wire.pause(self.machine.now);
            self.machine.calendar.set(self.slots.releases, SimTime::MAX);
            return;
        }
        let wire = self.wire.as_mut().expect("only a wire has such events");
        let arrival = wire.pop().expect("a frame is due");
        self.machine.calendar.set(self.slots.releases, wire.next_time());
        // Frames still on the wire at the end of the window have not arrived.
        if arrival.time < self.spec.window.end_or_max() {
            self.arrive(arrival);
        }
    }

    /// Whether the next frame of the wire need not be held back: it would be placed, or wait in the
    /// FIFO, or be dropped whatever is free.
    fn may_arrive(&mut self) -> bool {
        let first = self.wire.as_ref().and_then(Wire::first);
        let Some(&Arrival { queue, len, .. }) = first.filter(|_| self.fifo.pauses()) else {
            return true;
        };
        let now = self.machine.now;
        let buffers = &mut self.machine.buffers;
        self.fifo.has_room(len)
            || !buffers.can_ever_hold(queue, len)
            || (!self.fifo.holds_up(queue) && buffers.offer(queue, len, now).is_ok())
    }

    /// Buffers have come back: a paused sender may go on.
    fn resume_sender(&mut self) {
        if self.wire.as_ref().is_some_and(Wire::is_paused) && self.may_arrive() {
            let wire = self.wire.as_mut().expect("it was just seen");
            wire.resume(self.machine.now);
            self.machine.calendar.set(self.slots.releases, wire.next_time());
        }
    }

    /// A packet arrives at the NIC.
    #[inline]
    fn arrive(&mut self, Arrival { time, queue, len }: Arrival) {
        let work = self.work.draw(queue);
        let machine = &mut self.machine;
        machine.ledger.offered(queue, time);
        machine.last_activity = time;
        let log = match &mut machine.log {
            Some(log) if machine.ledger.measures(time) => Some(log.arrived(time, queue, len)),
            _ => None,
        };
        let mut packet = Packet { arrival: time, len, work, lease: Lease::default(), log };
        // A packet must not pass those of its queue that wait in the FIFO.
        let taken = if self.fifo.holds_up(queue) {
            Err(DropReason::NoBuffer)
        } else {
            let mut taken = machine.take(queue, len);
            while taken == Err(Refusal::NoBuffer) && self.host.push_out(queue, len, machine) {
                taken = machine.take(queue, len);
            }
            taken.map_err(DropReason::from)
        };
        let reason = match taken {
            Ok(lease) => {
                packet.lease = lease;
                return self.place(queue, packet);
            }
            // One that needs more buffers than its queue can ever have would wait for ever.
            Err(reason) if !machine.buffers.can_ever_hold(queue, len) => reason,
            Err(_) if self.fifo.has_room(len) => return self.fifo.push(queue, packet),
            Err(_) if self.fifo.exists() => DropReason::FifoFull,
            Err(reason) => reason,
        };
        self.machine.ledger.dropped(queue, reason, time);
        if let (Some(log), Some(id)) = (&mut self.machine.log, packet.log) {
            log.settled(id, Fate::Dropped(reason));
        }
    }

    /// Puts a packet that has its buffers into the ring.
    #[inline]
    fn place(&mut self, queue: QueueId, packet: Packet) {
        let machine = &mut self.machine;
        machine.ledger.placed(packet.len, machine.now);
        if let (Some(log), Some(id)) = (&mut machine.log, packet.log) {
            log.placed(id, packet.lease.reserve);
        }
        if let Some(timeline) = &mut self.timeline {
            timeline.rise(queue, &machine.buffers);
        }
        if cfg!(debug_assertions) {
            machine.held[queue.index()].change(packet.lease, 1);
            machine.assert_conserved(queue);
        }
        self.host.packet_placed(queue, packet, machine);
    }

    /// Tries the packets again that wait in the FIFO, and the one that a paused sender has.
    fn retry(&mut self) {
        self.machine.released = false;
        self.machine.completions_freed = false;
        self.retry_fifo();
        self.resume_sender();
    }

    fn retry_fifo(&mut self) {
        let mut refused = vec![false; self.spec.buffers.rx.len()];
        while let Some((queue, packet)) = self.fifo.first(&refused) {
            match self.machine.take(queue, packet.len) {
                Err(_) => refused[queue.index()] = true,
                Ok(lease) => {
                    let mut packet = self.fifo.pop(queue).expect("it was just seen");
                    packet.lease = lease;
                    self.place(queue, packet);
                }
            }
        }
    }

    fn close(mut self) -> Outcome {
        let start = self.spec.window.start;
        let end = self.spec.window.end.unwrap_or(self.machine.last_activity).max(start);
        if !self.window_open {
            self.open_window();
        }
        if let Some(timeline) = &mut self.timeline {
            timeline.advance(end, &self.machine.buffers);
        }
        self.assert_conserved();
        if let Some(log) = &mut self.machine.log {
            log.close();
        }
        let Machine { buffers, ledger, .. } = self.machine;
        Finished {
            spec: self.spec,
            streams: self.streams,
            sources: &self.sources,
            closed: ledger.close(end),
            wire: self.wire.map(|wire| wire.close(end)),
            levels: buffers.into_levels(),
            end,
            timeline: self.timeline,
        }
        .outcome()
    }

    /// Conservation: every packet and every buffer is where the books say.
    fn assert_conserved(&self) {
        let mut in_rings = 0;
        for index in 0..self.spec.buffers.rx.len() {
            let queue = self.machine.queue(index);
            let (held, packets) = self.host.held(queue);
            if cfg!(debug_assertions) {
                let counted = self.machine.held[index].total;
                assert_eq!(i64::from(held.total()), counted, "queue {queue}: buffers held");
            }
            self.machine.buffers.assert_conserved(queue, Held::from(held));
            in_rings += packets;
        }
        self.machine.buffers.assert_totals();
        let outstanding = in_rings + self.fifo.len() as u64;
        assert_eq!(
            self.machine.ledger.outstanding(),
            outstanding,
            "offered = delivered + dropped + outstanding"
        );
    }
}
