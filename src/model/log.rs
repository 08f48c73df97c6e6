//! Watching a run: every packet's fate, and occupancy over time.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU64;

use crate::id::QueueId;
use crate::model::buffers::Buffers;
use crate::model::ledger::DropReason;
use crate::units::{SimDuration, SimTime};

/// What became of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketOutcome {
    /// When it arrived.
    pub arrival: SimTime,
    /// Its queue.
    pub queue: QueueId,
    /// Its length without FCS, in bytes.
    pub len: u32,
    /// Its fate.
    pub fate: Fate,
    /// Buffers of the reserve it was given.
    pub from_reserve: u32,
}

/// Delivered, dropped, or neither yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Not delivered by the end of the window.
    Outstanding,
    /// Delivered at this time.
    Delivered(SimTime),
    /// Dropped on arrival.
    Dropped(DropReason),
}

/// Receives the packets of a window in order of arrival.
pub type PacketSink<'a> = dyn FnMut(&PacketOutcome) + 'a;

/// Holds packets back until all before them are settled, so that they come out in arrival order;
/// memory grows with what is outstanding, not with the run.
pub(crate) struct PacketLog<'a> {
    sink: &'a mut PacketSink<'a>,
    /// Number of the packet at the front of `waiting`.
    first: NonZeroU64,
    waiting: VecDeque<PacketOutcome>,
}

impl fmt::Debug for PacketLog<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketLog").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

/// The number of a logged packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogId(NonZeroU64);

impl<'a> PacketLog<'a> {
    pub(crate) fn new(sink: &'a mut PacketSink<'a>) -> Self {
        Self { sink, first: NonZeroU64::MIN, waiting: VecDeque::new() }
    }

    pub(crate) fn arrived(&mut self, arrival: SimTime, queue: QueueId, len: u32) -> LogId {
        let id = LogId(self.first.saturating_add(self.waiting.len() as u64));
        let fate = Fate::Outstanding;
        self.waiting.push_back(PacketOutcome { arrival, queue, len, fate, from_reserve: 0 });
        id
    }

    pub(crate) fn placed(&mut self, id: LogId, from_reserve: u32) {
        self.entry(id).from_reserve = from_reserve;
    }

    pub(crate) fn settled(&mut self, id: LogId, fate: Fate) {
        self.entry(id).fate = fate;
        while self.waiting.front().is_some_and(|packet| packet.fate != Fate::Outstanding) {
            let packet = self.waiting.pop_front().expect("the front was just seen");
            self.first = self.first.saturating_add(1);
            (self.sink)(&packet);
        }
    }

    /// Gives out what is still waiting: the end of the window has come.
    pub(crate) fn close(&mut self) {
        for packet in self.waiting.drain(..) {
            (self.sink)(&packet);
        }
    }

    fn entry(&mut self, id: LogId) -> &mut PacketOutcome {
        let index =
            usize::try_from(id.0.get() - self.first.get()).expect("fits memory, so fits usize");
        &mut self.waiting[index]
    }
}

/// Occupancy over time in bins, each with its maxima: decimated without losing a peak.
#[derive(Debug, Clone)]
pub struct Timeline {
    start: SimTime,
    width: SimDuration,
    bins: Vec<Bin>,
}

/// The highest occupancies seen in one bin of a [`Timeline`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bin {
    /// Buffers in use, all queues together.
    pub total: u32,
    /// Reserve buffers in use, all groups together.
    pub reserve: u32,
    /// Buffers in use of each queue.
    pub queues: Vec<u32>,
}

/// Bins are merged in pairs when there are this many.
const BINS_MAX: usize = 2_000;

impl Timeline {
    /// An empty timeline from `start`, with bins so narrow that about a thousand cover `span`.
    pub(crate) fn new(start: SimTime, span: SimDuration) -> Self {
        let width = SimDuration::from_ps((span.as_ps() / 1_000).max(1));
        Self { start, width, bins: Vec::new() }
    }

    /// Time of a bin's beginning.
    #[must_use]
    pub fn begin_of(&self, bin: usize) -> SimTime {
        self.start + self.width * bin as u64
    }

    /// The bins in order of time.
    #[must_use]
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// Opens all bins up to `now`, each with what is in use.
    pub(crate) fn advance(&mut self, now: SimTime, buffers: &Buffers) {
        if now < self.start {
            return;
        }
        while self.begin_of(self.bins.len()) <= now {
            let queues = (0..).map(QueueId::new).take(buffers.queues());
            self.bins.push(Bin {
                total: clamp(buffers.total().value()),
                reserve: clamp(buffers.reserve_total().value()),
                queues: queues.map(|queue| clamp(buffers.in_use(queue).value())).collect(),
            });
            if self.bins.len() >= BINS_MAX {
                self.merge_pairs();
            }
        }
    }

    /// Notes that `queue` has just been given buffers.
    pub(crate) fn rise(&mut self, queue: QueueId, buffers: &Buffers) {
        if let Some(bin) = self.bins.last_mut() {
            bin.total = bin.total.max(clamp(buffers.total().value()));
            bin.reserve = bin.reserve.max(clamp(buffers.reserve_total().value()));
            let level = &mut bin.queues[queue.index()];
            *level = (*level).max(clamp(buffers.in_use(queue).value()));
        }
    }

    fn merge_pairs(&mut self) {
        self.width = self.width * 2;
        self.bins = self
            .bins
            .chunks(2)
            .map(|pair| {
                let mut bin = pair[0].clone();
                for other in &pair[1..] {
                    bin.total = bin.total.max(other.total);
                    bin.reserve = bin.reserve.max(other.reserve);
                    for (level, other) in bin.queues.iter_mut().zip(&other.queues) {
                        *level = (*level).max(*other);
                    }
                }
                bin
            })
            .collect();
    }
}

fn clamp(level: i64) -> u32 {
    u32::try_from(level).unwrap_or(u32::MAX)
}
