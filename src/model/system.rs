//! The system: all parts of a scenario put together, and the loop that runs them.
//!
//! This is the reference engine: one event after another in order of time, obvious and exact. The
//! calendar's slots are laid out in the order in which things happen at one instant:
//!
//! ```text
//!  | releases (host, then refills) | frames leaving the wire | sources, by table and queue |
//!   then FIFO retries,
//!   a paused sender goes on                                            | visits (host) | starts
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::calendar::{Calendar, Slot};
use crate::id::QueueId;
use crate::model::buffers::{BufferSpec, Buffers, Held, Lease, Refusal, ReserveSpec};
use crate::model::host::{Host, HostSlots, HostSpec, Packet, Work};
use crate::model::ledger::{DropReason, Ledger};
use crate::model::log::{Fate, PacketLog, PacketSink, Timeline};
use crate::model::machine::Machine;
use crate::model::outcome::{Finished, Occupancy, Outcome};
use crate::model::placement::{Handling, Load, Placement};
use crate::model::port::{Fifo, FifoSpec, Wire};
use crate::model::refill::Refills;
use crate::model::small::SmallPools;
use crate::model::stall::StallSpec;
use crate::model::traffic::{
    Arrival, Recorded, Source, TrafficSpec, TransfersSpec, Window, branch_off_phases,
};
use crate::model::watch::{Watch, Watcher};
use crate::random::{Generator, Streams};
use crate::units::{BitRate, SimDuration, SimTime, to_f64};

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
    /// Is shown the window as it happens.
    pub watcher: Option<&'a mut Watcher<'a>>,
}

/// A scenario, running.
#[derive(Debug)]
pub(crate) struct System<'a> {
    spec: &'a SystemSpec,
    streams: Streams,
    pub(super) machine: Machine<'a>,
    host: Host,
    work: Work,
    pub(super) sources: Vec<Source>,
    /// The next packet of each source.
    pending: Vec<Option<Arrival>>,
    wire: Option<Wire>,
    first_refill: Slot,
    first_source: Slot,
    fifo: Fifo,
    slots: HostSlots,
    window_open: bool,
    timeline: Option<Timeline>,
    watch: Option<Watch<'a>>,
}

/// Events between two looks at [`Progress`].
const EVENTS_PER_LOOK: u32 = 1 << 14;

/// How long after the last recorded arrival stalls still come: without an end, a host whose stalls
/// always overlap would never finish.
const AFTER_RECORDING: SimDuration = SimDuration::from_ms(60_000);

impl SystemSpec {
    /// Mean packets per second of all traffic.
    #[must_use]
    pub fn packets_per_second(&self) -> f64 {
        let rate = |it: &TrafficSpec| it.rate_per_queue() * to_f64(it.queues.len() as u64);
        self.traffic.iter().map(rate).sum()
    }

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

    /// The traffic that carries placement headers, if there is any.
    #[must_use]
    pub fn transfers(&self) -> Option<&TransfersSpec> {
        self.traffic.iter().find_map(TrafficSpec::transfers)
    }

    /// The last instant at which a packet may arrive.
    pub(crate) fn last_arrival(&self) -> SimTime {
        let recorded = self.traffic.iter().filter_map(TrafficSpec::recorded).map(Recorded::last);
        self.window.end.or_else(|| recorded.max()).unwrap_or(SimTime::ZERO)
    }
}

impl<'a> System<'a> {
    pub(super) fn new(spec: &'a SystemSpec, streams: Streams, observers: Observers<'a>) -> Self {
        let queues = spec.buffers.rx.len();
        let mut sources = Vec::new();
        for (table, traffic) in spec.traffic.iter().enumerate() {
            sources.extend(traffic.sources(table, streams, spec.window));
        }
        let reserve = spec.buffers.reserve.as_ref();
        let sync_cost = reserve.map_or(SimDuration::ZERO, ReserveSpec::cost_of_consumers);
        let delays = !spec.stalls.is_empty() || !sync_cost.is_zero();
        let (first_refill, visits) = Host::slots(&spec.host, queues, delays);
        let refills = Refills::new(reserve, first_refill);
        let releases = first_refill + refills.count();
        let first_source = releases + usize::from(spec.line_rate.is_some());
        let slots = HostSlots { releases, visits, first_visit: first_source + sources.len() };
        let last_arrival = spec.last_arrival();
        let start = spec.window.start;
        let mut buffers = Buffers::new(&spec.buffers, streams);
        let small = SmallPools::new(reserve);
        if spec.transfers().is_some() || small.has_any() {
            buffers.expect_bufferless();
        }
        let machine = Machine {
            now: SimTime::ZERO,
            calendar: Calendar::new(slots.first_visit + slots.visits),
            buffers,
            ledger: Ledger::new(queues, spec.window, last_arrival),
            log: observers.packets.map(PacketLog::new),
            placement: spec.transfers().map(|transfers| {
                let counts = (queues, sources.len());
                let buf_len = spec.buffers.rx_buf_len;
                Box::new(Placement::new(transfers, buf_len, counts, start, streams))
            }),
            held: vec![Held::default(); queues],
            released: false,
            completions_freed: false,
            visits_over: false,
            completion_flow_control: spec.buffers.completion_flow_control,
            locks: match &spec.buffers.reserve {
                Some(reserve) if reserve.lock => vec![SimTime::ZERO; reserve.groups as usize],
                _ => Vec::new(),
            },
            refills,
            small,
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
            first_refill,
            first_source,
            fifo: Fifo::new(spec.fifo, queues),
            slots,
            window_open: false,
            timeline,
            watch: observers.watcher.map(|watcher| Watch::new(watcher, start, queues)),
        }
    }

    /// A copy that goes on by itself, with nobody to look into it.
    pub(super) fn fork(&self) -> Self {
        Self {
            spec: self.spec,
            streams: self.streams,
            machine: self.machine.fork(),
            host: self.host.clone(),
            work: self.work.clone(),
            sources: self.sources.iter().map(Source::fork).collect(),
            pending: self.pending.clone(),
            wire: self.wire.clone(),
            first_refill: self.first_refill,
            first_source: self.first_source,
            fifo: self.fifo.clone(),
            slots: self.slots,
            window_open: self.window_open,
            timeline: None,
            watch: None,
        }
    }

    /// Lets what is still to come differ from what comes to the run this one is a copy of.
    /// `in_phase` lists the sources of each process of phases.
    pub(super) fn branch_off(&mut self, in_phase: &[Vec<usize>], chance: &mut Generator) {
        for source in &mut self.sources {
            source.branch_off(chance);
        }
        for of in in_phase {
            branch_off_phases(&mut self.sources, of, chance);
        }
        self.work.branch_off(chance);
        self.host.branch_off(&mut self.work, &mut self.machine, chance);
        self.machine.buffers.branch_off(chance);
    }

    /// Puts the first events into the calendar.
    pub(super) fn start(&mut self) {
        for source in 0..self.sources.len() {
            self.fetch(source);
        }
        self.host.start(&mut self.machine);
    }

    fn run(mut self, progress: &Progress) -> Option<Outcome> {
        self.start();
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
    pub(super) fn step(&mut self, end: SimTime) -> bool {
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
        if let (true, Some(watch)) = (self.window_open, &mut self.watch) {
            watch.advance(time, &self.machine.buffers, &self.machine.ledger);
        }
        if slot < self.first_refill {
            self.host.release_due(slot, &mut self.machine);
        } else if slot < self.slots.releases {
            self.machine.refill_due(slot);
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
        self.machine.small.open_window(self.spec.window.start);
        self.machine.ledger.open_window();
    }

    /// Puts the next packet of a source into the calendar.
    #[inline]
    fn fetch(&mut self, source: usize) {
        let arrival = self.sources[source].next();
        self.pending[source] = arrival;
        let time = arrival.map_or(SimTime::MAX, |arrival| arrival.time);
        self.machine.calendar.set(self.first_source + source, time);
        if let Some(placement) = &mut self.machine.placement {
            let source_of = &mut self.sources[source];
            placement.fetched(source, source_of.load(), source_of.changes());
        }
    }

    /// A source sends its packet: onto the wire if there is one, else straight into the NIC.
    #[inline]
    fn send(&mut self, source: usize) {
        let arrival = self.pending[source].expect("a due source has a packet");
        let load = self.machine.placement.as_mut().and_then(|it| it.sending(source));
        self.fetch(source);
        match &mut self.wire {
            None => self.arrive(arrival, load),
            Some(wire) => {
                wire.send(arrival);
                if let Some(placement) = &mut self.machine.placement {
                    placement.enters_wire(load);
                }
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
        let load = self.machine.placement.as_mut().and_then(|it| it.leaves_wire());
        // Frames still on the wire at the end of the window have not arrived.
        if arrival.time < self.spec.window.end_or_max() {
            self.arrive(arrival, load);
        }
    }

    /// Whether the next frame of the wire need not be held back: it would be placed, or wait in the
    /// FIFO, or be dropped whatever is free.
    fn may_arrive(&mut self) -> bool {
        let first = self.wire.as_ref().and_then(Wire::first);
        let Some(&Arrival { queue, len, .. }) = first.filter(|_| self.fifo.pauses()) else {
            return true;
        };
        self.fifo.has_room(len)
            || !self.machine.can_ever_hold(queue, len)
            || (!self.fifo.holds_up(queue) && self.machine.has_room(queue, len))
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
    fn arrive(&mut self, Arrival { time, queue, len }: Arrival, load: Option<Load>) {
        let work = self.work.draw(queue);
        let machine = &mut self.machine;
        machine.ledger.offered(queue, time);
        machine.last_activity = time;
        let log = match &mut machine.log {
            Some(log) if machine.ledger.measures(time) => Some(log.arrived(time, queue, len)),
            _ => None,
        };
        let judged = match &mut machine.placement {
            None => Ok(Handling::plain(len)),
            Some(placement) => placement.judge(queue, len, load, time),
        };
        let handling = judged.unwrap_or_else(|_| Handling::plain(len));
        let lease = Lease::default();
        let mut packet = Packet { arrival: time, len, work, lease, handling, log };
        // A packet must not pass those of its queue that wait in the FIFO.
        let taken = match judged {
            Err(reason) => return self.refuse(queue, &packet, reason),
            Ok(_) if self.fifo.holds_up(queue) => Err(DropReason::NoBuffer),
            Ok(_) => {
                let mut taken = machine.take(queue, &handling);
                while taken == Err(Refusal::NoBuffer)
                    && machine.has_header(queue, &handling)
                    && self.host.push_out(queue, handling.stored, machine)
                {
                    taken = machine.take(queue, &handling);
                }
                taken.map_err(DropReason::from)
            }
        };
        let reason = match taken {
            Ok(lease) => {
                packet.lease = lease;
                return self.place(queue, packet);
            }
            // One that needs more buffers than its queue can ever have would wait for ever.
            Err(reason) if !machine.can_ever_hold(queue, handling.stored) => reason,
            Err(_) if self.fifo.has_room(len) => return self.fifo.push(queue, packet),
            Err(_) if self.fifo.exists() => DropReason::FifoFull,
            Err(reason) => reason,
        };
        self.refuse(queue, &packet, reason);
    }

    /// Drops a packet that has just arrived.
    fn refuse(&mut self, queue: QueueId, packet: &Packet, reason: DropReason) {
        self.machine.ledger.dropped(queue, reason, packet.arrival);
        if let (Some(log), Some(id)) = (&mut self.machine.log, packet.log) {
            log.settled(id, Fate::Dropped(reason));
        }
    }

    /// Puts a packet that has its buffers into the ring.
    #[inline]
    fn place(&mut self, queue: QueueId, packet: Packet) {
        let machine = &mut self.machine;
        machine.ledger.placed(packet.handling.stored, machine.now);
        if let Some(placement) = &mut machine.placement {
            placement.admitted(queue, &packet.handling, packet.len, packet.arrival);
        }
        if let (Some(log), Some(id)) = (&mut machine.log, packet.log) {
            log.placed(id, packet.lease.reserve);
        }
        if let Some(timeline) = &mut self.timeline {
            timeline.rise(queue, &machine.buffers);
        }
        if let (true, Some(watch)) = (self.window_open, &mut self.watch) {
            watch.rise(queue, &machine.buffers);
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
            let handling = packet.handling;
            match self.machine.take(queue, &handling) {
                Err(_) => refused[queue.index()] = true,
                Ok(lease) => {
                    let mut packet = self.fifo.pop(queue).expect("it was just seen");
                    packet.lease = lease;
                    self.place(queue, packet);
                }
            }
        }
    }

    pub(super) fn close(mut self) -> Outcome {
        let start = self.spec.window.start;
        let end = self.spec.window.end.unwrap_or(self.machine.last_activity).max(start);
        if !self.window_open {
            self.open_window();
        }
        if let Some(timeline) = &mut self.timeline {
            timeline.advance(end, &self.machine.buffers);
        }
        if let Some(watch) = &mut self.watch {
            watch.finish(end, &self.machine.buffers, &self.machine.ledger);
        }
        self.assert_conserved();
        if let Some(log) = &mut self.machine.log {
            log.close();
        }
        let Machine { buffers, ledger, placement, small, .. } = self.machine;
        let outcome = Finished {
            spec: self.spec,
            streams: self.streams,
            sources: &self.sources,
            closed: ledger.close(end),
            wire: self.wire.map(|wire| wire.close(end)),
            levels: buffers.into_levels(),
            end,
            timeline: self.timeline,
        }
        .outcome();
        Outcome {
            placement: placement.map(|placement| placement.counts()),
            small_in_use: Occupancy::of(&small.into_level(), start, end),
            ..outcome
        }
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
