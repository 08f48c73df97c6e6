//! The books that all queues share.

use crate::model::fast::windowed::agenda::Agenda;
use crate::model::fast::windows::Totals;
use crate::model::log::PacketLog;
use crate::model::system::{Observers, SystemSpec};
use crate::units::SimTime;

use super::peaks::Parts;

/// What cores write to while they run: the books, and what they ask of the reserve.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) books: Books<'a>,
    /// Requests and returns that have not been dealt with.
    pub(super) agenda: Agenda,
    /// When the window under way began.
    pub(super) from: u64,
    pub(super) parts: Parts,
}

/// The books.
#[derive(Debug)]
pub(super) struct Books<'a> {
    pub(super) totals: Totals,
    /// Whether the window of measurement has begun.
    pub(super) measured: bool,
    pub(super) time_squeeze: u64,
    pub(super) returns_without_buffer: u64,
    pub(super) log: Option<PacketLog<'a>>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(spec: &SystemSpec, observers: Observers<'a>) -> Self {
        Self {
            books: Books::new(spec, observers),
            agenda: Agenda::default(),
            from: 0,
            parts: Parts::default(),
        }
    }
}

impl<'a> Books<'a> {
    fn new(spec: &SystemSpec, observers: Observers<'a>) -> Self {
        Self {
            totals: Totals::new(spec),
            measured: false,
            time_squeeze: 0,
            returns_without_buffer: 0,
            log: observers.packets.map(PacketLog::new),
        }
    }

    /// A core works from `from` to `to`.
    #[inline]
    pub(super) fn busy(&mut self, from: u64, to: u64) {
        self.totals.busy.add(SimTime::from_ps(from), SimTime::from_ps(to));
    }

    /// An interrupt has come.
    pub(super) fn woken(&mut self, now: u64) {
        self.totals.wakeups += u64::from(now >= self.totals.start);
    }

    /// Softirq runs ended early, `count` of them now.
    pub(super) fn squeezed(&mut self, count: u64, now: u64) {
        self.time_squeeze += if now >= self.totals.start { count } else { 0 };
    }
}
