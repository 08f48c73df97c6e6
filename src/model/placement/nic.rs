//! The NIC's part in placement, live: its tables, header buffers and application buffers.
//!
//! For every packet of a transfer it says what the packet needs: a placed one no ring buffer at
//! all, one that falls back a buffer for its payload as ever, and one that fails the PSP check is
//! dropped. Where headers are split every packet takes a header buffer of its queue, from arrival
//! to delivery; one that finds none is refused as one that finds no ring buffer is.
//!
//! Departures from hardware: the tables are looked up in no time, a packet has the key that its
//! sender has when it arrives, and a region of a flow that finds the allow list full stays out of
//! it for good.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::lro::Sessions;
use super::{
    AllowList, Attack, AttackKind, Change, DIRECT_FROM, Fallback, FlowKey, FlowKind, Generation,
    Genuine, Keys, Load, MemoryId, Mode, PlacementCounts, PlacementHeader, Protection, Region,
    Regions, Segment, Seq, Spi,
};
use crate::id::QueueId;
use crate::model::distribution::Distribution;
use crate::model::ledger::DropReason;
use crate::model::traffic::TransfersSpec;
use crate::random::{Generator, Streams};
use crate::units::{SimDuration, SimTime};

/// What a packet needs and costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handling {
    /// Bytes that go to ring buffers.
    pub(crate) stored: u32,
    /// Whether it takes a header buffer.
    pub(crate) header: bool,
    /// Host time to copy or map its payload.
    pub(crate) copying: SimDuration,
    way: Way,
    payload: u32,
}

/// The way of a packet's payload to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// None of this module's business.
    Plain,
    Copied,
    Placed,
    Mapped {
        pages: u32,
    },
    /// In so many application buffers.
    Registered {
        buffers: u32,
    },
}

impl Handling {
    /// A packet without a placement header on a NIC that does not split headers.
    #[inline]
    pub(crate) const fn plain(len: u32) -> Self {
        let (copying, way) = (SimDuration::ZERO, Way::Plain);
        Self { stored: len, header: false, copying, way, payload: 0 }
    }
}

/// Placement, live.
#[derive(Debug)]
pub(crate) struct Placement {
    spec: super::PlacementSpec,
    rx_buf_len: u64,
    regions: Regions,
    regions_per_flow: u32,
    keys: Keys,
    /// Of each flow, or of each flow's each region with keys per region.
    spis: Vec<Spi>,
    rotation: Option<Rotation>,
    allowed: Option<AllowList>,
    /// What will change in the table of regions.
    changes: BinaryHeap<Reverse<Change>>,
    /// What the next packet of each source carries.
    loads: Vec<Option<Load>>,
    /// What the frames on the wire carry.
    on_wire: VecDeque<Option<Load>>,
    queues: Vec<Queue>,
    /// Packets that arrive from here on are measured.
    start: SimTime,
    counts: PlacementCounts,
}

/// When device keys rotate, and when senders learn of it.
#[derive(Debug)]
struct Rotation {
    every: Distribution,
    generator: Generator,
    next: SimTime,
    notice: SimDuration,
    /// When senders will have the keys of the last rotations, rising.
    unknown: VecDeque<SimTime>,
}

impl Rotation {
    fn new(spec: &super::RotationSpec, mut generator: Generator) -> Self {
        let every = spec.every.clone();
        let next = SimTime::ZERO + SimDuration::from_ps(every.sample(&mut generator));
        Self { every, generator, next, notice: spec.notice, unknown: VecDeque::new() }
    }

    /// Goes on to `now`; how often keys rotated.
    fn advance(&mut self, now: SimTime) -> u32 {
        let mut rotations = 0;
        while self.next <= now {
            self.unknown.push_back(self.next + self.notice);
            self.next += SimDuration::from_ps(self.every.sample(&mut self.generator));
            rotations += 1;
        }
        while self.unknown.front().is_some_and(|known| *known <= now) {
            self.unknown.pop_front();
        }
        rotations
    }

    /// Whether the keys that senders use are the current ones or those before.
    fn senders_are_in_time(&self) -> bool {
        self.unknown.len() <= 1
    }
}

/// A queue's buffers that are not ring buffers.
#[derive(Debug)]
struct Queue {
    header_in_use: u32,
    /// Application buffers that packets or the application hold.
    registered_in_use: u32,
    /// Application buffers that come back, with the time.
    returning: BinaryHeap<Reverse<(SimTime, u32)>>,
    tokens: Generator,
    sessions: Sessions,
}

impl Placement {
    /// The NIC's part for this traffic; `sources` sources, `queues` queues.
    pub(crate) fn new(
        transfers: &TransfersSpec,
        rx_buf_len: u64,
        (queues, sources): (usize, usize),
        start: SimTime,
        streams: Streams,
    ) -> Self {
        let mut keys = Keys::new(DIRECT_FROM);
        let mut spis = Vec::new();
        let mut allowed = None;
        let ids = |flow: u32| (0..transfers.regions).map(move |place| (flow, place));
        let all = || (0..transfers.flows).flat_map(ids);
        let mut issue = |region| keys.issue_direct(region).expect("fewer flows than indices");
        match transfers.nic.mode {
            Mode::Direct(Protection::RegionKeys) => {
                spis.extend(all().map(|(flow, at)| issue(Some(transfers.region_id(flow, at)))));
            }
            Mode::Direct(Protection::AllowList { kind, entries }) => {
                spis.extend((0..transfers.flows).map(|_| issue(None)));
                let mut list = AllowList::new(kind, entries as usize);
                for (flow, at) in all() {
                    let key = flow_key(kind, flow, spis[flow as usize]);
                    if list.allow(key, transfers.region_id(flow, at)).is_err() {
                        break;
                    }
                }
                allowed = Some(list);
            }
            _ => spis.extend((0..transfers.flows).map(|_| issue(None))),
        }
        let stream = |queue| streams.stream(&format!("placement queue {queue} token"));
        let queue = |queue| Queue {
            header_in_use: 0,
            registered_in_use: 0,
            returning: BinaryHeap::new(),
            tokens: stream(queue),
            sessions: Sessions::default(),
        };
        Self {
            spec: transfers.nic.clone(),
            rx_buf_len,
            regions: Regions::new(u64::MAX),
            regions_per_flow: transfers.regions,
            keys,
            spis,
            rotation: transfers
                .nic
                .rotation
                .as_ref()
                .map(|rotation| Rotation::new(rotation, streams.stream("placement key rotation"))),
            allowed,
            changes: BinaryHeap::new(),
            loads: vec![None; sources],
            on_wire: VecDeque::new(),
            queues: (0..queues).map(queue).collect(),
            start,
            counts: PlacementCounts::default(),
        }
    }

    /// A source's next packet is known: what it carries, and what changes by the time it is sent.
    pub(crate) fn fetched(
        &mut self,
        source: usize,
        load: Option<Load>,
        changes: impl Iterator<Item = Change>,
    ) {
        self.loads[source] = load;
        self.changes.extend(changes.map(Reverse));
    }

    /// What the packet carries that the source sends now.
    pub(crate) fn sending(&mut self, source: usize) -> Option<Load> {
        self.loads[source].take()
    }

    /// A frame goes onto the wire.
    pub(crate) fn enters_wire(&mut self, load: Option<Load>) {
        self.on_wire.push_back(load);
    }

    /// The frame that has been longest on the wire leaves it.
    pub(crate) fn leaves_wire(&mut self) -> Option<Load> {
        self.on_wire.pop_front().expect("what enters the wire leaves it, in order")
    }

    /// What a packet that arrives needs, or why it is dropped at once.
    pub(crate) fn judge(
        &mut self,
        queue: QueueId,
        len: u32,
        load: Option<Load>,
        now: SimTime,
    ) -> Result<Handling, DropReason> {
        let header = self.spec.mode.splits_headers();
        let Some(load) = load else { return Ok(Handling { header, ..Handling::plain(len) }) };
        self.make_changes(now);
        self.rotate_keys(now);
        self.take_back(queue, now);
        let (spi, segment) = match load {
            Load::Genuine(it) => (self.spi(it.flow, it.segment.header.memory), it.segment),
            Load::Attack(attack) => self.forge(&attack),
        };
        let measured = now >= self.start;
        let mut outcomes = super::Outcomes { offered: 1, ..Default::default() };
        let id = segment.header.memory;
        let in_time = self.rotation.as_ref().is_none_or(Rotation::senders_are_in_time);
        let result = if in_time && self.keys.accepts(spi, id) {
            Ok(self.handle(queue, len, load, spi, &segment, &mut outcomes))
        } else {
            outcomes.psp_rejected += 1;
            Err(DropReason::PspRejected)
        };
        if measured {
            self.counts.note(load, &outcomes);
            if let (Load::Genuine(genuine), Some(lro)) = (&load, &self.spec.lro) {
                let sessions = &mut self.queues[queue.index()].sessions;
                sessions.arrive(lro, genuine, now, &mut self.counts.lro);
            }
        }
        result
    }

    /// What an authentic packet needs.
    fn handle(
        &mut self,
        queue: QueueId,
        len: u32,
        load: Load,
        spi: Spi,
        segment: &Segment,
        outcomes: &mut super::Outcomes,
    ) -> Handling {
        let payload = segment.payload;
        let copied = Handling {
            stored: payload,
            header: true,
            copying: self.spec.copy_per_byte * u64::from(payload),
            way: Way::Copied,
            payload,
        };
        let linear = Handling { stored: len, header: false, ..copied };
        let split_fails = matches!(load, Load::Genuine(Genuine { split_fails: true, .. }));
        if self.spec.mode == Mode::Off || split_fails {
            if self.spec.mode != Mode::Off {
                outcomes.fell_back(Fallback::SplitFailed);
            }
            return linear;
        }
        match self.spec.mode {
            Mode::Off | Mode::HeaderSplit => copied,
            Mode::PageMap { page } => {
                let payload = u64::from(payload);
                if payload == 0 || !payload.is_multiple_of(page) {
                    return copied;
                }
                let pages = u32::try_from(payload / page).expect("fewer pages than bytes");
                let copying = self.spec.map_per_page * u64::from(pages);
                Handling { copying, way: Way::Mapped { pages }, ..copied }
            }
            Mode::Registered { entries, .. } => {
                let buffers = u64::from(payload).div_ceil(self.rx_buf_len);
                let buffers = u32::try_from(buffers).expect("fewer buffers than bytes");
                if self.queues[queue.index()].registered_in_use + buffers > entries {
                    return copied;
                }
                let (stored, copying) = (0, SimDuration::ZERO);
                Handling { stored, copying, way: Way::Registered { buffers }, ..copied }
            }
            Mode::Direct(_) => {
                let flow = self.allowed_key(load, spi);
                match self.regions.resolve(segment, flow, self.allowed.as_ref()) {
                    Ok(_) => {
                        outcomes.placed += 1;
                        let (stored, copying) = (0, SimDuration::ZERO);
                        Handling { stored, copying, way: Way::Placed, ..copied }
                    }
                    Err(reason) => {
                        outcomes.fell_back(reason);
                        copied
                    }
                }
            }
        }
    }

    /// The flow of a packet as the allow list knows it.
    fn allowed_key(&self, load: Load, spi: Spi) -> FlowKey {
        let flow = match load {
            Load::Genuine(it) => it.flow,
            Load::Attack(Attack { kind: AttackKind::Replay, victim, .. }) => victim,
            Load::Attack(attack) => attack.attacker,
        };
        match self.spec.mode {
            Mode::Direct(Protection::AllowList { kind, .. }) => flow_key(kind, flow, spi),
            _ => FlowKey::spi(spi),
        }
    }

    /// The index with which a flow writes to a region.
    fn spi(&self, flow: u32, region: MemoryId) -> Spi {
        let per_flow = self.regions_per_flow;
        match self.spec.mode {
            Mode::Direct(Protection::RegionKeys) => self.spis[usize::from(region.get())],
            _ => {
                debug_assert_eq!(u32::from(region.get()) / per_flow, flow, "a region of its own");
                self.spis[flow as usize]
            }
        }
    }

    /// What an attacker sends now.
    fn forge(&self, attack: &Attack) -> (Spi, Segment) {
        let Attack { kind, attacker, target, victim, draw, payload } = *attack;
        let first = u16::try_from(attacker * self.regions_per_flow);
        let first = MemoryId::new(first.expect("memory ids have 16 bits"));
        let now = self.regions.get(target).map_or_else(Generation::default, |(_, it)| it);
        let room = self.spec.region.saturating_sub(u64::from(payload)) + 1;
        let (spi, generation, base_offset) = match kind {
            // Indices are handed out from the top, so the lowest ones were not.
            AttackKind::WrongSpi => (Spi::new(DIRECT_FROM), now, draw % room),
            AttackKind::WrongRegion => (self.spi(attacker, first), now, draw % room),
            AttackKind::OutOfBounds => (self.spi(attacker, target), now, self.spec.region | draw),
            AttackKind::Replay => {
                let age = u16::try_from(1 + draw % 1_000).expect("at most 1,000");
                let old = Generation::new(now.get().wrapping_sub(age));
                (self.spi(victim, target), old, draw % room)
            }
        };
        let base_seq = Seq::new(0);
        let header = PlacementHeader { memory: target, generation, base_offset, base_seq };
        (spi, Segment { header, seq: base_seq, payload })
    }

    /// Makes the changes of the table that are due.
    fn make_changes(&mut self, now: SimTime) {
        while self.changes.peek().is_some_and(|Reverse(change)| change.time <= now) {
            let Reverse(Change { region: id, .. }) = self.changes.pop().expect("just seen");
            if self.regions.reuse(id).is_none() {
                let len = self.spec.region;
                let region = Region { base: u64::from(id.get()) * len, len };
                self.regions.register(id, region).expect("regions lie side by side");
            }
        }
    }

    /// Rotates the keys as often as due; flows get new ones at once, senders in a while.
    fn rotate_keys(&mut self, now: SimTime) {
        let rotations = self.rotation.as_mut().map_or(0, |rotation| rotation.advance(now));
        for _ in 0..rotations {
            self.keys.rotate();
            for spi in &mut self.spis {
                *spi = self.keys.renew(*spi).expect("renewed at every rotation");
            }
        }
    }

    /// Takes back the application buffers of a queue that are due.
    fn take_back(&mut self, queue: QueueId, now: SimTime) {
        let queue = &mut self.queues[queue.index()];
        while queue.returning.peek().is_some_and(|Reverse((time, _))| *time <= now) {
            let Reverse((_, buffers)) = queue.returning.pop().expect("just seen");
            queue.registered_in_use -= buffers;
        }
    }

    /// Whether the queue has the header buffer that a packet needs.
    pub(crate) fn has_header(&self, queue: QueueId, handling: &Handling) -> bool {
        !handling.header || self.queues[queue.index()].header_in_use < self.spec.header_entries
    }

    /// A packet that arrived at `arrival` has got what it needs.
    pub(crate) fn admitted(
        &mut self,
        queue: QueueId,
        handling: &Handling,
        len: u32,
        arrival: SimTime,
    ) {
        let queue = &mut self.queues[queue.index()];
        queue.header_in_use += u32::from(handling.header);
        if let Way::Registered { buffers } = handling.way {
            queue.registered_in_use += buffers;
        }
        let peak = u64::from(queue.header_in_use);
        self.counts.header_in_use_max = self.counts.header_in_use_max.max(peak);
        if arrival >= self.start {
            let may_starve = matches!(self.spec.mode, Mode::Registered { .. });
            self.counts.take(handling, len, may_starve);
        }
    }

    /// A packet has been delivered: its header buffer is free, application buffers in a while.
    pub(crate) fn delivered(&mut self, queue: QueueId, handling: &Handling, now: SimTime) {
        let queue = &mut self.queues[queue.index()];
        queue.header_in_use -= u32::from(handling.header);
        if let (Way::Registered { buffers }, Mode::Registered { token, .. }) =
            (handling.way, &self.spec.mode)
        {
            let kept = SimDuration::from_ps(Distribution::sample(token, &mut queue.tokens));
            queue.returning.push(Reverse((now + kept, buffers)));
        }
    }

    /// What was counted.
    pub(crate) fn counts(&self) -> PlacementCounts {
        self.counts
    }
}

impl PlacementCounts {
    fn note(&mut self, load: Load, outcomes: &super::Outcomes) {
        match load {
            Load::Genuine(_) => self.genuine.add(outcomes),
            Load::Attack(attack) => {
                self.attack.add(outcomes);
                self.attack_kinds[attack.kind as usize] += 1;
            }
        }
    }

    fn take(&mut self, handling: &Handling, len: u32, may_starve: bool) {
        let (len, payload) = (u64::from(len), u64::from(handling.payload));
        self.written_bytes += len;
        self.read_bytes += len - payload;
        self.payload_bytes += payload;
        match handling.way {
            Way::Plain => {}
            Way::Copied => {
                self.copied_bytes += payload;
                self.copies += 1;
                self.written_bytes += payload;
                self.read_bytes += payload;
                self.starved += u64::from(may_starve && handling.header);
            }
            Way::Placed => self.placed_bytes += payload,
            Way::Mapped { pages } => {
                self.mapped_bytes += payload;
                self.page_updates += u64::from(pages);
            }
            Way::Registered { .. } => self.registered_bytes += payload,
        }
    }
}

/// A flow as the allow list knows it; its addresses are made of its number.
fn flow_key(kind: FlowKind, flow: u32, spi: Spi) -> FlowKey {
    match kind {
        FlowKind::Spi => FlowKey::spi(spi),
        FlowKind::Ipv6 => {
            let mut fields = [0; 36];
            fields[12..16].copy_from_slice(&flow.to_be_bytes());
            FlowKey::ipv6(fields)
        }
    }
}
