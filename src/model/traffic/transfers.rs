//! Transfers: responses of given sizes over flows whose packets carry placement headers.
//!
//! Every flow has regions of application memory that it uses in turn. A request prepares as many
//! as the response needs, each at its next generation, which the NIC knows a configuration time
//! later; the response begins `lead` after the request and is sent at the flow's rate. One flow's
//! responses do not overlap: the next request comes when the last response has been sent, if it is
//! late.
//!
//! ```text
//!  request --lead--> response: | super-frame (tso)      | super-frame            | ...
//!     |                        | mss | mss | mss | mss  | mss | ...
//!     +--configuration--> NIC      one base offset and base sequence a super-frame
//! ```
//!
//! A super-frame is cut into segments by the sender's NIC, which repeats its headers and only
//! advances the sequence number: so all of its segments have the base of the first, and one that
//! spans two regions cannot be placed as a whole. Segments may be lost (and come again, with the
//! same address), late, or twice. In a *storm* every region gets a new generation at once, which
//! senders learn of a while later: what is in flight by then falls back.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Arrival;
use crate::id::QueueId;
use crate::model::distribution::{Distribution, exponential, uniform_between, unit};
use crate::model::placement::{
    Attack, AttackKind, Change, Generation, Genuine, Load, MemoryId, PlacementHeader,
    PlacementSpec, Segment, Seq,
};
use crate::random::{Generator, Streams};
use crate::units::{BitRate, PacketRate, SimDuration, SimTime, round_to_u64, to_f64};

/// Transfers: see the module documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct TransfersSpec {
    /// Number of flows; flow f arrives at queue `f mod queues` of the table.
    pub flows: u32,
    /// Regions of each flow.
    pub regions: u32,
    /// Time between requests of one flow, in picoseconds.
    pub every: Distribution,
    /// Bytes of a response; what is more than all regions of the flow hold is cut off.
    pub bytes: Distribution,
    /// Bytes of payload of a segment, at most.
    pub mss: u32,
    /// Bytes of a frame that are not payload.
    pub overhead: u32,
    /// Bytes of payload of a super-frame, at most.
    pub tso: u64,
    /// Whether super-frames end where a region ends.
    pub align: bool,
    /// Rate at which a flow's frames follow each other, without what the wire adds.
    pub rate: BitRate,
    /// From request to response.
    pub lead: SimDuration,
    /// From request until the NIC knows, in picoseconds.
    pub config_latency: Distribution,
    /// What happens to segments on the way.
    pub network: NetworkSpec,
    /// Packets of attackers per second.
    pub attack: Option<PacketRate>,
    /// When all generations change at once.
    pub storm: Option<StormSpec>,
    /// The NIC's part.
    pub nic: PlacementSpec,
}

/// What happens to segments on the way: each by chance, independently.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkSpec {
    /// Chance to be lost.
    pub loss: f64,
    /// After which time a lost segment is sent again, and a duplicate comes, in picoseconds.
    pub retransmit: Distribution,
    /// Chance to come twice.
    pub duplicate: f64,
    /// Chance to be late.
    pub reorder: f64,
    /// How late, in picoseconds.
    pub reorder_by: Distribution,
    /// Chance that the NIC cannot tell header and payload apart.
    pub split_fails: f64,
}

/// When all generations change at once.
#[derive(Debug, Clone, PartialEq)]
pub struct StormSpec {
    /// Time from one to the next, in picoseconds.
    pub every: Distribution,
    /// How long senders go on with the old generations.
    pub notice: SimDuration,
}

impl TransfersSpec {
    /// The memory id of a flow's region.
    ///
    /// # Panics
    /// Past 65,536 regions: a bug of whoever made the spec.
    #[must_use]
    pub fn region_id(&self, flow: u32, place: u32) -> MemoryId {
        let id = u16::try_from(flow * self.regions + place);
        MemoryId::new(id.expect("memory ids have 16 bits"))
    }

    /// Bytes of all regions of a flow.
    #[must_use]
    pub fn flow_bytes(&self) -> u64 {
        u64::from(self.regions) * self.nic.region
    }

    /// Mean packets per second of all flows and attackers, losses and duplicates left out.
    #[must_use]
    pub fn packets_per_second(&self) -> f64 {
        let segments = self.bytes.mean().min(to_f64(self.flow_bytes())) / f64::from(self.mss);
        // The last segment of a response is half full on average.
        let packets = if self.bytes.is_constant() { segments.ceil() } else { segments + 0.5 };
        let requests = f64::from(self.flows) * 1e12 / self.every.mean();
        requests * packets + self.attack.map_or(0.0, PacketRate::per_second)
    }

    /// Segments that a flow sends in this time at its rate: what a storm of that long turns back.
    #[must_use]
    pub fn segments_in(&self, time: SimDuration) -> u64 {
        let gap = self.rate.time_of(u64::from(self.mss + self.overhead));
        time.as_ps().div_ceil(gap.as_ps().max(1))
    }
}

/// A flow, live.
#[derive(Debug)]
struct Flow {
    queue: QueueId,
    /// Sequence number of its next new byte.
    seq: Seq,
    /// The region that its next response begins in.
    next_region: u32,
    regions: Vec<RegionUse>,
    /// When the last request came.
    requested: SimTime,
    response: Option<Response>,
    requests: Generator,
    sizes: Generator,
    network: Generator,
    configuration: Generator,
}

/// How far a region's uses have come.
#[derive(Debug, Clone, Copy)]
struct RegionUse {
    /// Requests that prepared it.
    uses: u64,
    /// When its last change takes effect.
    configured: SimTime,
}

/// A response under way.
#[derive(Debug, Clone, Copy)]
struct Response {
    /// Bytes to come.
    left: u64,
    /// Where its next byte belongs.
    region: u32,
    offset: u64,
    frame: SuperFrame,
}

/// A super-frame under way.
#[derive(Debug, Clone, Copy)]
struct SuperFrame {
    /// Its bytes to come.
    left: u64,
    region: u32,
    base_offset: u64,
    base_seq: Seq,
}

/// A segment on its way, all but its generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Sent {
    flow: u32,
    region: u32,
    uses: u64,
    base_offset: u64,
    base_seq: u32,
    seq: u32,
    payload: u32,
    split_fails: bool,
}

/// Something that happens. At one instant what changes regions comes before packets, and then
/// what was planned earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    time: SimTime,
    is_packet: bool,
    order: u64,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A flow asks for its next response.
    Request(u32),
    /// A flow sends its next segment.
    Send(u32),
    /// A segment that was late, lost or doubled comes.
    Arrive(Sent),
    /// All generations change.
    Storm,
    /// Senders learn of it.
    Notice,
    /// An attacker sends.
    Attack,
}

/// Transfers of one table, in order of time.
#[derive(Debug)]
pub(super) struct TransfersSource {
    spec: TransfersSpec,
    flows: Vec<Flow>,
    events: BinaryHeap<Reverse<Event>>,
    order: u64,
    /// Storms that senders know of.
    noticed: u64,
    storms: Generator,
    attacks: Generator,
    /// What the packet given out last carries.
    load: Option<Load>,
    /// Changes not yet handed on.
    changes: Vec<Change>,
}

impl TransfersSource {
    pub(super) fn new(
        spec: &TransfersSpec,
        queues: &[QueueId],
        name: &str,
        streams: Streams,
    ) -> Self {
        let flow = |flow: u32| {
            let stream = |what: &str| streams.stream(&format!("{name} flow {flow} {what}"));
            let mut seqs = stream("sequence");
            let first = u32::try_from(uniform_between(&mut seqs, 0, u64::from(u32::MAX)));
            let unused = RegionUse { uses: 0, configured: SimTime::ZERO };
            Flow {
                queue: queues[flow as usize % queues.len()],
                seq: Seq::new(first.expect("drawn from 32 bits")),
                next_region: 0,
                regions: vec![unused; spec.regions as usize],
                requested: SimTime::ZERO,
                response: None,
                requests: stream("request"),
                sizes: stream("bytes"),
                network: stream("network"),
                configuration: stream("configuration"),
            }
        };
        let mut source = Self {
            spec: spec.clone(),
            flows: (0..spec.flows).map(flow).collect(),
            events: BinaryHeap::new(),
            order: 0,
            noticed: 0,
            storms: streams.stream(&format!("{name} storm")),
            attacks: streams.stream(&format!("{name} attack")),
            load: None,
            changes: Vec::new(),
        };
        source.plan_first();
        source
    }

    fn plan_first(&mut self) {
        let first = |every: &Distribution, generator: &mut Generator| {
            SimTime::from_ps(every.sample_in_progress(generator).residual)
        };
        for (number, index) in (0..).zip(0..self.flows.len()) {
            let time = first(&self.spec.every, &mut self.flows[index].requests);
            self.plan(time, What::Request(number));
        }
        if let Some(storm) = &self.spec.storm {
            let time = first(&storm.every, &mut self.storms);
            self.plan(time, What::Storm);
        }
        self.plan_attack(SimTime::ZERO);
    }

    fn plan(&mut self, time: SimTime, what: What) {
        self.order += 1;
        let is_packet = matches!(what, What::Send(_) | What::Arrive(_) | What::Attack);
        self.events.push(Reverse(Event { time, is_packet, order: self.order, what }));
    }

    /// The next packet before `end`, and the requests in the window on the way to it.
    pub(super) fn next(&mut self, start: SimTime, end: SimTime) -> (Option<Arrival>, u64) {
        let mut bursts = 0;
        while self.events.peek().is_some_and(|Reverse(event)| event.time < end) {
            let Reverse(Event { time, what, .. }) = self.events.pop().expect("just seen");
            let arrival = match what {
                What::Request(flow) => {
                    bursts += u64::from(time >= start);
                    self.request(flow, time);
                    None
                }
                What::Send(flow) => self.send(flow, time),
                What::Arrive(sent) => self.travel(sent, time, true),
                What::Storm => {
                    self.change_all(time);
                    None
                }
                What::Notice => {
                    self.noticed += 1;
                    None
                }
                What::Attack => Some(self.attack(time)),
            };
            if arrival.is_some() {
                return (arrival, bursts);
            }
        }
        self.load = None;
        (None, bursts)
    }

    /// What the packet given out last carries.
    pub(super) fn load(&self) -> Option<Load> {
        self.load
    }

    /// Changes of the NIC's table that have become known.
    pub(super) fn changes(&mut self) -> impl Iterator<Item = Change> {
        self.changes.drain(..)
    }

    /// A flow asks for its next response, and prepares regions for it.
    fn request(&mut self, number: u32, time: SimTime) {
        let region_bytes = self.spec.nic.region;
        let most = self.spec.flow_bytes();
        let flow = &mut self.flows[number as usize];
        let bytes = self.spec.bytes.sample(&mut flow.sizes).clamp(1, most);
        let latency = self.spec.config_latency.sample(&mut flow.configuration);
        let known = time + SimDuration::from_ps(latency);
        let first = flow.next_region;
        let count = u32::try_from(bytes.div_ceil(region_bytes)).expect("at most its regions");
        for step in 0..count {
            let place = (first + step) % self.spec.regions;
            let region = &mut flow.regions[place as usize];
            region.uses += 1;
            region.configured = region.configured.max(known);
            let change =
                Change { time: region.configured, region: self.spec.region_id(number, place) };
            self.changes.push(change);
        }
        flow.next_region = (first + count) % self.spec.regions;
        flow.requested = time;
        let frame = SuperFrame { left: 0, region: first, base_offset: 0, base_seq: flow.seq };
        flow.response = Some(Response { left: bytes, region: first, offset: 0, frame });
        self.plan(time + self.spec.lead, What::Send(number));
    }

    /// A flow sends its next segment.
    fn send(&mut self, number: u32, time: SimTime) -> Option<Arrival> {
        let spec = &self.spec;
        let flow = &mut self.flows[number as usize];
        let response = flow.response.as_mut().expect("only a flow with a response sends");
        if response.frame.left == 0 {
            response.begin_frame(spec, flow.seq);
        }
        let frame = &mut response.frame;
        let payload = u64::from(spec.mss).min(frame.left);
        let split_fails = happens(spec.network.split_fails, &mut flow.network);
        let bytes = u32::try_from(payload).expect("at most a segment");
        let sent = Sent {
            flow: number,
            region: frame.region,
            uses: flow.regions[frame.region as usize].uses,
            base_offset: frame.base_offset,
            base_seq: frame.base_seq.get(),
            seq: flow.seq.get(),
            payload: bytes,
            split_fails,
        };
        frame.left -= payload;
        flow.seq = flow.seq.plus(bytes);
        response.advance(payload, spec);
        let next = time + spec.rate.time_of(u64::from(bytes + spec.overhead));
        if response.left > 0 {
            self.plan(next, What::Send(number));
        } else {
            flow.response = None;
            let every = SimDuration::from_ps(spec.every.sample(&mut flow.requests));
            let request = (flow.requested + every).max(next);
            self.plan(request, What::Request(number));
        }
        self.travel(sent, time, false)
    }

    /// A segment is on its way, `again` or for the first time: it may be lost, late, or doubled.
    fn travel(&mut self, sent: Sent, time: SimTime, again: bool) -> Option<Arrival> {
        let network = &self.spec.network;
        let generator = &mut self.flows[sent.flow as usize].network;
        if happens(network.loss, generator) {
            let later = time + SimDuration::from_ps(network.retransmit.sample(generator));
            self.plan(later, What::Arrive(sent));
            return None;
        }
        if again {
            return Some(self.arrive(sent, time));
        }
        if happens(network.duplicate, generator) {
            let later = time + SimDuration::from_ps(network.retransmit.sample(generator));
            self.plan(later, What::Arrive(sent));
        }
        let network = &self.spec.network;
        let generator = &mut self.flows[sent.flow as usize].network;
        if happens(network.reorder, generator) {
            let later = time + SimDuration::from_ps(network.reorder_by.sample(generator));
            self.plan(later, What::Arrive(sent));
            return None;
        }
        Some(self.arrive(sent, time))
    }

    fn arrive(&mut self, sent: Sent, time: SimTime) -> Arrival {
        // Uses and storms count from 0 on and wrap.
        let generation = u16::try_from((sent.uses - 1 + self.noticed) % (1 << 16));
        let header = PlacementHeader {
            memory: self.spec.region_id(sent.flow, sent.region),
            generation: Generation::new(generation.expect("16 bits")),
            base_offset: sent.base_offset,
            base_seq: Seq::new(sent.base_seq),
        };
        let segment = Segment { header, seq: Seq::new(sent.seq), payload: sent.payload };
        let Sent { flow, split_fails, .. } = sent;
        self.load = Some(Load::Genuine(Genuine { flow, segment, split_fails }));
        let queue = self.flows[flow as usize].queue;
        Arrival { time, queue, len: self.spec.overhead + sent.payload }
    }

    /// Every region gets its next generation.
    fn change_all(&mut self, time: SimTime) {
        for (number, flow) in (0..).zip(&mut self.flows) {
            for (place, region) in (0..).zip(&mut flow.regions) {
                region.configured = region.configured.max(time);
                let region_id = self.spec.region_id(number, place);
                self.changes.push(Change { time: region.configured, region: region_id });
            }
        }
        let storm = self.spec.storm.as_ref().expect("only a storm has such events");
        let next = time + SimDuration::from_ps(storm.every.sample(&mut self.storms));
        let notice = time + storm.notice;
        self.plan(next, What::Storm);
        self.plan(notice, What::Notice);
    }

    fn plan_attack(&mut self, time: SimTime) {
        if let Some(rate) = self.spec.attack {
            let gap = round_to_u64(rate.mean_gap_ps() * exponential(&mut self.attacks));
            self.plan(time + SimDuration::from_ps(gap), What::Attack);
        }
    }

    fn attack(&mut self, time: SimTime) -> Arrival {
        let mut draw = |below: u32| {
            let number = uniform_between(&mut self.attacks, 0, u64::from(below) - 1);
            u32::try_from(number).expect("below 32 bits")
        };
        let kind = AttackKind::ALL[draw(4) as usize];
        let attacker = draw(self.spec.flows);
        // Another flow.
        let victim = (attacker + 1 + draw(self.spec.flows - 1)) % self.spec.flows;
        let place = draw(self.spec.regions);
        let owner = if kind == AttackKind::OutOfBounds { attacker } else { victim };
        let attack = Attack {
            kind,
            attacker,
            target: self.spec.region_id(owner, place),
            victim,
            draw: uniform_between(&mut self.attacks, 0, u64::MAX),
            payload: self.spec.mss,
        };
        self.load = Some(Load::Attack(attack));
        self.plan_attack(time);
        let queue = self.flows[attacker as usize].queue;
        Arrival { time, queue, len: self.spec.overhead + self.spec.mss }
    }
}

impl Response {
    /// Begins the next super-frame, whose base is the response's next byte.
    fn begin_frame(&mut self, spec: &TransfersSpec, seq: Seq) {
        let mut bytes = spec.tso.min(self.left);
        if spec.align {
            bytes = bytes.min(spec.nic.region - self.offset);
        }
        let (region, base_offset) = (self.region, self.offset);
        self.frame = SuperFrame { left: bytes, region, base_offset, base_seq: seq };
    }

    /// So many bytes more have been sent.
    fn advance(&mut self, bytes: u64, spec: &TransfersSpec) {
        self.left -= bytes;
        self.offset += bytes;
        while self.offset >= spec.nic.region {
            self.offset -= spec.nic.region;
            self.region = (self.region + 1) % spec.regions;
        }
    }
}

/// Whether something of this chance happens; nothing is drawn where it never does.
fn happens(chance: f64, generator: &mut Generator) -> bool {
    chance > 0.0 && unit(generator) < chance
}
