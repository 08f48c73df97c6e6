//! The live sources of a table of traffic.

use super::batch::{BatchSource, BatchStreams};
use super::flows::FlowsSource;
use super::incast::IncastSource;
use super::modulated::ModulatedSource;
use super::phases::{Correlated, CorrelatedStreams, Mmpp, OnOff, Phases};
use super::recorded::RecordedSource;
use super::steady::{ConstantSource, PoissonSource};
use super::transfers::TransfersSource;
use super::{Arrival, Spacing, TrafficKind, TrafficSpec, Window};
use crate::id::QueueId;
use crate::model::distribution::Distribution;
use crate::model::placement::{Change, Load};
use crate::random::{Generator, Streams, branch_off};
use crate::units::SimTime;

/// A stream of packets in order of time.
#[derive(Debug)]
pub(crate) struct Source {
    process: Process,
    /// Its table and the queue whose process of phases it shares, where it has phases.
    phases_of: Option<(usize, QueueId)>,
    window: Window,
    bursts: u64,
    counts_bursts: bool,
}

#[derive(Debug)]
enum Process {
    Poisson(Box<PoissonSource>),
    Constant(ConstantSource),
    Modulated(Box<ModulatedSource>),
    Batch(Box<BatchSource>),
    Flows(Box<FlowsSource>),
    Incast(Box<IncastSource>),
    Transfers(Box<TransfersSource>),
    Recorded(RecordedSource),
}

/// Draws frame lengths.
#[derive(Debug, Clone)]
pub(super) struct Sizes {
    size: Distribution,
    generator: Generator,
}

impl Sizes {
    fn new(spec: &TrafficSpec, name: &str, streams: Streams) -> Self {
        Self { size: spec.size.clone(), generator: streams.stream(&format!("{name} size")) }
    }

    /// Goes on with a stream of its own.
    pub(super) fn branch_off(&mut self, chance: &mut Generator) {
        self.generator = branch_off(chance);
    }

    /// Whether nothing is drawn.
    pub(super) const fn are_constant(&self) -> bool {
        self.size.is_constant()
    }

    #[inline]
    pub(super) fn draw(&mut self) -> u32 {
        let len = self.size.sample(&mut self.generator).clamp(1, u64::from(u32::MAX));
        u32::try_from(len).expect("clamped to 32 bits")
    }
}

impl Source {
    /// The next packet before the window's end, `None` when there is none.
    pub(crate) fn next(&mut self) -> Option<Arrival> {
        let end = self.window.end_or_max();
        let (arrival, bursts) = match &mut self.process {
            Process::Poisson(source) => source.next(end),
            Process::Constant(source) => source.next(end),
            Process::Modulated(source) => source.next(self.window.start, end),
            Process::Batch(source) => source.next(self.window.start, end),
            Process::Flows(source) => source.next(self.window.start, end),
            Process::Incast(source) => source.next(self.window.start, end),
            Process::Transfers(source) => source.next(self.window.start, end),
            Process::Recorded(source) => source.next(end),
        };
        let measured = arrival.is_some_and(|arrival| arrival.time >= self.window.start);
        self.bursts += match &self.process {
            Process::Poisson(_) => u64::from(measured),
            _ => bursts,
        };
        arrival
    }

    /// Appends the times of some packets that follow the one given out last, at the same queue and
    /// with the same length, before `limit`: those that it can tell of in one go, maybe none.
    pub(crate) fn run(&mut self, limit: SimTime, times: &mut Vec<u64>) {
        let limit = limit.min(self.window.end_or_max());
        match &mut self.process {
            Process::Poisson(source) => {
                let before = times.len();
                source.run(limit, times);
                let start = self.window.start.as_ps();
                let measured = times[before..].iter().filter(|time| **time >= start);
                self.bursts += measured.count() as u64;
            }
            Process::Modulated(source) => source.run(limit, times),
            Process::Constant(_)
            | Process::Batch(_)
            | Process::Flows(_)
            | Process::Incast(_)
            | Process::Transfers(_)
            | Process::Recorded(_) => {}
        }
    }

    /// Whether it comes in bursts that are independent of one another.
    pub(crate) const fn is_bursty(&self) -> bool {
        matches!(
            self.process,
            Process::Modulated(_)
                | Process::Batch(_)
                | Process::Flows(_)
                | Process::Incast(_)
                | Process::Transfers(_)
        )
    }

    /// A copy that goes on by itself.
    ///
    /// # Panics
    /// For traffic of messages, transfers and recordings: see [`TrafficSpec::unbranchable`], which
    /// says so.
    pub(crate) fn fork(&self) -> Self {
        let process = match &self.process {
            Process::Poisson(source) => Process::Poisson(source.clone()),
            Process::Constant(source) => Process::Constant(source.clone()),
            Process::Modulated(source) => Process::Modulated(source.clone()),
            Process::Batch(source) => Process::Batch(source.clone()),
            Process::Flows(_)
            | Process::Incast(_)
            | Process::Transfers(_)
            | Process::Recorded(_) => unreachable!("the caller asks whether traffic branches"),
        };
        Self { process, ..*self }
    }

    /// Its process of phases, where it has one: the same for queues in phase.
    pub(crate) fn phases_of(&self) -> Option<(usize, QueueId)> {
        self.phases_of.filter(|_| matches!(self.process, Process::Modulated(_)))
    }

    fn modulated_mut(&mut self) -> &mut ModulatedSource {
        let Process::Modulated(source) = &mut self.process else {
            unreachable!("only these have a process of phases")
        };
        source
    }

    /// Goes on with streams of its own, but for phases: see [`branch_off_phases`].
    pub(crate) fn branch_off(&mut self, chance: &mut Generator) {
        match &mut self.process {
            Process::Poisson(source) => source.branch_off(chance),
            Process::Constant(source) => source.branch_off(chance),
            Process::Batch(source) => source.branch_off(chance),
            _ => {}
        }
    }

    /// What the packet given out last carries for placement.
    pub(crate) fn load(&self) -> Option<Load> {
        if let Process::Transfers(source) = &self.process { source.load() } else { None }
    }

    /// Changes of the NIC's table of regions that have become known with the last packet.
    pub(crate) fn changes(&mut self) -> impl Iterator<Item = Change> {
        let source =
            if let Process::Transfers(source) = &mut self.process { Some(source) } else { None };
        source.into_iter().flat_map(|source| source.changes())
    }

    /// Independent bursts begun in the window so far: what a bound on unseen drops may count.
    pub(crate) fn bursts(&self) -> u64 {
        if self.counts_bursts { self.bursts } else { 0 }
    }
}

/// Lets the sources with these indices, which are in phase, go on with streams of their own: the
/// same for their phases. Where the length of the period under way does not depend on how long it
/// has lasted, what is left of it is drawn anew.
///
/// # Panics
/// Where they have no process of phases.
pub(crate) fn branch_off_phases(sources: &mut [Source], of: &[usize], chance: &mut Generator) {
    let drawn = of.iter().map(|index| sources[*index].modulated_mut().drawn()).max().unwrap_or(0);
    let mut told = None;
    let mut left = None;
    for index in of {
        let source = sources[*index].modulated_mut();
        source.draw_ahead(drawn);
        told = told.max(source.told_of_last_period());
    }
    let phases = branch_off(chance);
    for index in of {
        let source = sources[*index].modulated_mut();
        source.branch_off(phases.clone(), chance);
        // All draw it, so that their streams stay the same.
        left = source.memoryless_residual();
    }
    if let (Some(told), Some(left)) = (told, left) {
        for index in of {
            sources[*index].modulated_mut().end_last_period(told + left);
        }
    }
}

impl TrafficSpec {
    /// Why a run with this traffic cannot branch, if it cannot.
    pub(crate) fn unbranchable(&self) -> Option<&'static str> {
        match &self.kind {
            TrafficKind::OnOff(spec) if spec.correlation > 0.0 => Some("correlated bursts"),
            TrafficKind::OnOff(spec) => {
                let off = !spec.rate_off.is_zero() && !spec.off.is_light_tailed();
                (off || !spec.on.is_light_tailed()).then_some("bursts with a heavy tail")
            }
            TrafficKind::Batch(spec) => {
                (!spec.count.is_light_tailed()).then_some("batches with a heavy tail")
            }
            TrafficKind::Poisson { .. } | TrafficKind::Constant { .. } | TrafficKind::Mmpp(_) => {
                None
            }
            TrafficKind::Flows(_) | TrafficKind::Incast(_) | TrafficKind::Transfers(_) => {
                Some("traffic made of messages, whose sizes are decided long before they arrive")
            }
            TrafficKind::Recorded(_) => Some("recorded traffic"),
        }
    }

    /// The live sources of this table, number `table` of the scenario, in the order in which their
    /// packets arrive at one instant.
    pub(crate) fn sources(&self, table: usize, streams: Streams, window: Window) -> Vec<Source> {
        let source = |process, phases_of, counts_bursts| Source {
            process,
            phases_of,
            window,
            bursts: 0,
            counts_bursts,
        };
        if let Some(process) = self.port_process(table, streams) {
            return vec![source(process, None, true)];
        }
        let queues = Queues { spec: self, table, streams, shared: self.queues_in_phase() };
        let mut order: Vec<QueueId> = self.queues.clone();
        order.sort();
        let mut sources = Vec::new();
        for queue in order {
            if let Some(process) = queues.process(queue) {
                // Bursts that may be common are counted at one queue.
                let first = !self.is_correlated() || sources.is_empty();
                let leader = queues.leader(queue);
                sources.push(source(process, Some((table, leader)), first && leader == queue));
            }
        }
        sources
    }

    /// The one process of traffic whose packets carry their queues.
    fn port_process(&self, table: usize, streams: Streams) -> Option<Process> {
        let name = format!("traffic {table}");
        let process = match &self.kind {
            TrafficKind::Flows(spec) => {
                Process::Flows(Box::new(FlowsSource::new(spec, &name, streams)))
            }
            TrafficKind::Incast(spec) => {
                Process::Incast(Box::new(IncastSource::new(spec, &name, streams)))
            }
            TrafficKind::Transfers(spec) => {
                let source = TransfersSource::new(spec, &self.queues, &name, streams);
                Process::Transfers(Box::new(source))
            }
            TrafficKind::Recorded(recorded) => Process::Recorded(RecordedSource::new(recorded)),
            _ => return None,
        };
        Some(process)
    }

    fn is_correlated(&self) -> bool {
        matches!(&self.kind, TrafficKind::OnOff(spec) if spec.correlation > 0.0)
    }

    /// The queues that share one process of phases, the leader first; none if only one would.
    fn queues_in_phase(&self) -> &[QueueId] {
        let in_phase = match &self.kind {
            TrafficKind::OnOff(spec) => spec.in_phase,
            TrafficKind::Mmpp(spec) => spec.in_phase,
            TrafficKind::Batch(spec) => spec.in_phase,
            _ => 0,
        };
        if in_phase < 2 { &[] } else { &self.queues[..in_phase.min(self.queues.len())] }
    }
}

/// Makes the processes of single queues.
struct Queues<'a> {
    spec: &'a TrafficSpec,
    table: usize,
    streams: Streams,
    /// Queues in phase, the leader first.
    shared: &'a [QueueId],
}

impl Queues<'_> {
    /// The process of a queue, `None` where its leader's covers it.
    fn process(&self, queue: QueueId) -> Option<Process> {
        let (arrivals, sizes) = (|| self.stream(queue, "arrival"), || self.sizes(queue));
        let process = match &self.spec.kind {
            TrafficKind::Poisson { rate } => {
                let source = PoissonSource::new(queue, *rate, arrivals(), sizes());
                Process::Poisson(Box::new(source))
            }
            TrafficKind::Constant { rate } => {
                Process::Constant(ConstantSource::new(queue, *rate, arrivals(), sizes()))
            }
            TrafficKind::OnOff(spec) => {
                let phase = self.stream(self.leader(queue), "phase");
                let phases = if spec.correlation > 0.0 {
                    Phases::Correlated(Correlated::new(spec, self.correlated(phase)))
                } else {
                    Phases::OnOff(OnOff::new(spec, phase))
                };
                self.modulated(queue, spec.spacing, phases)
            }
            TrafficKind::Mmpp(spec) => {
                let phase = self.stream(self.leader(queue), "phase");
                self.modulated(queue, Spacing::Poisson, Phases::Mmpp(Mmpp::new(spec, phase)))
            }
            TrafficKind::Batch(spec) if self.leader(queue) == queue => {
                let alone = [queue];
                let queues = if self.shared.contains(&queue) { self.shared } else { &alone };
                let queues = queues.iter().map(|queue| (*queue, self.sizes(*queue))).collect();
                let streams = BatchStreams::new(&self.name(queue), self.streams);
                Process::Batch(Box::new(BatchSource::new(spec, queues, streams)))
            }
            _ => return None,
        };
        Some(process)
    }

    /// The queue whose process of phases this one shares: itself, or the first of those in phase.
    fn leader(&self, queue: QueueId) -> QueueId {
        if self.shared.contains(&queue) { self.shared[0] } else { queue }
    }

    fn name(&self, queue: QueueId) -> String {
        format!("traffic {} queue {queue}", self.table)
    }

    fn stream(&self, queue: QueueId, what: &str) -> Generator {
        self.streams.stream(&format!("{} {what}", self.name(queue)))
    }

    fn sizes(&self, queue: QueueId) -> Sizes {
        Sizes::new(self.spec, &self.name(queue), self.streams)
    }

    fn correlated(&self, own: Generator) -> CorrelatedStreams {
        let common = |what| self.streams.stream(&format!("traffic {} common {what}", self.table));
        CorrelatedStreams { start: common("start"), triggers: common("trigger"), own }
    }

    fn modulated(&self, queue: QueueId, spacing: Spacing, phases: Phases) -> Process {
        let (arrivals, sizes) = (self.stream(queue, "arrival"), self.sizes(queue));
        let source = ModulatedSource::new(queue, spacing, phases, arrivals, sizes);
        Process::Modulated(Box::new(source))
    }
}
