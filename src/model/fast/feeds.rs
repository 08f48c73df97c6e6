//! Where the packets of windows come from.

use crate::model::system::SystemSpec;
use crate::model::traffic::{Arrival, Source};
use crate::random::Streams;
use crate::units::SimTime;

/// All sources.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    pub(super) feeds: Vec<Feed>,
}

/// A source and the packet that it has ready.
#[derive(Debug)]
pub(super) struct Feed {
    source: Source,
    pub(super) next: Option<Arrival>,
}

impl Feeds {
    /// The sources of a system, each with its first packet.
    pub(super) fn new(spec: &SystemSpec, streams: Streams) -> Self {
        let feeds = (0..)
            .zip(&spec.traffic)
            .flat_map(|(table, traffic)| traffic.sources(table, streams, spec.window))
            .map(|mut source| Feed { next: source.next(), source })
            .collect();
        Self { feeds }
    }

    /// When the next packet arrives, if one does.
    pub(super) fn next_arrival(&self) -> Option<u64> {
        self.feeds.iter().filter_map(|feed| feed.next).map(|arrival| arrival.time.as_ps()).min()
    }

    /// The sources, when all packets have been taken.
    pub(super) fn into_sources(self) -> Vec<Source> {
        self.feeds.into_iter().map(|feed| feed.source).collect()
    }
}

impl Feed {
    /// Appends the times of its next packets before `limit` that have one length and one queue, and
    /// returns the first of them; `None` where the next packet comes later.
    #[inline]
    pub(super) fn take(&mut self, limit: SimTime, times: &mut Vec<u64>) -> Option<Arrival> {
        let first = self.next.filter(|arrival| arrival.time < limit)?;
        times.push(first.time.as_ps());
        self.source.run(limit, times);
        self.next = self.source.next();
        Some(first)
    }
}
