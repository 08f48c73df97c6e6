//! Fast paths: no departure is an event.
//!
//! A server takes its packets in order, so a packet's end of service is known when it is admitted:
//! `done = max(arrival, done of the packet before) + work` (Lindley's recursion). Two paths stand
//! on that, and a third does the same with the packets of a poll. All give the reference engine's
//! result packet for packet and bit for bit (`tests/fast.rs`, `tests/fast_hosts.rs`):
//!
//! - `settling`: all arrivals in order of time; any service, policy and accounting;
//! - `windowed`: queues run alone for a while, and only what they ask of the reserve is ordered;
//!   constant services, pinned accounting;
//! - `cores`: polled hosts and recordings, each core alone until an answer of the reserve matters.

mod cores;
mod depths;
mod feeds;
mod ordered;
mod pool;
mod settling;
mod windowed;
mod windows;

use crate::model::buffers::{Levels, Refiller, ReserveSpec};
use crate::model::host::HostSpec;
use crate::model::ledger::Closed;
use crate::model::outcome::{Finished, Outcome};
use crate::model::policy::Policy;
use crate::model::port::FifoSpec;
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::model::traffic::Source;
use crate::random::Streams;

/// Which fast path to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FastPath {
    /// All arrivals in order, one after another.
    Settling,
    /// All arrivals in order, window by window.
    Ordered,
    /// Queues alone in windows of time.
    Windowed,
    /// Cores alone until an answer of the reserve matters.
    Cores,
}

impl FastPath {
    /// Whether the path gives this system the reference engine's result.
    #[must_use]
    pub fn is_valid(self, system: &SystemSpec) -> bool {
        let host_fits = self == Self::Cores || system.has_plain_servers();
        host_fits
            && system.is_plain()
            && match self {
                Self::Settling => settling::is_valid(system),
                Self::Ordered => ordered::is_valid(system),
                Self::Windowed => windowed::is_valid(system),
                Self::Cores => cores::is_valid(system),
            }
    }
}

impl SystemSpec {
    /// The path to take, `None` where only the reference engine gives the right result.
    #[must_use]
    pub fn fast_path(&self) -> Option<FastPath> {
        let pays = |path| match path {
            FastPath::Windowed => windowed::pays(self),
            FastPath::Cores => cores::pays(self),
            FastPath::Ordered | FastPath::Settling => true,
        };
        [FastPath::Windowed, FastPath::Ordered, FastPath::Settling, FastPath::Cores]
            .into_iter()
            .find(|path| path.is_valid(self) && pays(*path))
    }

    /// Servers that wake at once and never stall.
    fn has_plain_servers(&self) -> bool {
        let wakes_at_once =
            matches!(&self.host, HostSpec::Server { wakeup, .. } if wakeup.is_zero());
        wakes_at_once && self.stalls.is_empty()
    }

    /// No wire, no FIFO and at most one reserve of one level, reposted singly and without cost; a
    /// window with an end.
    fn is_plain(&self) -> bool {
        let simple = |r: &ReserveSpec| {
            r.groups == 1
                && r.device_entries == 0
                && r.small.is_none()
                && r.repost == 1
                && r.refiller == Refiller::ConsumingCore
                && r.low_watermark.is_none()
                && r.sync_cost.is_zero()
        };
        self.line_rate.is_none()
            && self.fifo == FifoSpec::default()
            && self.buffers.reserve.as_ref().is_none_or(simple)
            && self.window.end.is_some()
            && self.transfers().is_none()
    }

    /// Whether systems can be [run together](Self::run_together): they differ in the size of one
    /// reserve of complete sharing alone, and the windowed path is valid for each.
    #[must_use]
    pub fn can_run_together(systems: &[&Self]) -> bool {
        let entries = |system: &&&Self| system.buffers.reserve.as_ref().map(|it| it.entries);
        let Some(largest) = systems.iter().max_by_key(entries) else { return false };
        let is_alike = |system: &&Self| {
            let mut alike = (*system).clone();
            alike.buffers.completion_entries = largest.buffers.completion_entries;
            match (&mut alike.buffers.reserve, &largest.buffers.reserve) {
                (Some(own), Some(other)) => own.entries = other.entries,
                _ => return false,
            }
            alike == **largest && FastPath::Windowed.is_valid(system)
        };
        let policy = largest.buffers.reserve.as_ref().map(|reserve| reserve.policy);
        policy == Some(Policy::CompleteSharing)
            && entries(&largest) > Some(0)
            && systems.iter().all(is_alike)
    }

    /// Runs one replication of systems in one pass over their traffic, each with the outcome that
    /// it has alone; `None` if they were stopped.
    ///
    /// # Panics
    /// Where they [cannot](Self::can_run_together).
    #[must_use]
    pub fn run_together(
        systems: &[&Self],
        streams: Streams,
        progress: &Progress,
    ) -> Option<Vec<Outcome>> {
        assert!(Self::can_run_together(systems), "the caller asks first");
        windowed::Grid::new(systems, streams).run(progress)
    }

    /// Runs one replication on a fast path; `None` if it was stopped. A timeline is not recorded.
    ///
    /// # Panics
    /// Where the path is not [valid](FastPath::is_valid).
    #[must_use]
    pub fn run_fast<'a>(
        &'a self,
        path: FastPath,
        streams: Streams,
        progress: &Progress,
        observers: Observers<'a>,
    ) -> Option<Outcome> {
        assert!(path.is_valid(self), "the caller asks first");
        match path {
            FastPath::Settling => settling::Servers::new(self, streams, observers).run(progress),
            FastPath::Ordered => ordered::Ordered::new(self, streams, observers).run(progress),
            FastPath::Windowed => windowed::Lanes::new(self, streams, observers).run(progress),
            FastPath::Cores => cores::run(self, streams, progress, observers),
        }
    }
}

fn packets_per_ps(spec: &SystemSpec) -> f64 {
    spec.packets_per_second() / 1e12
}

/// What a path has measured: there is no wire, and no timeline.
fn outcome(
    spec: &SystemSpec,
    streams: Streams,
    sources: &[Source],
    closed: Closed,
    levels: Levels,
) -> Outcome {
    let end = spec.window.end_or_max();
    Finished { spec, streams, sources, closed, wire: None, levels, end, timeline: None }.outcome()
}
