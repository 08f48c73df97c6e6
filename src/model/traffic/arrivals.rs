//! The packets of all tables of traffic, in the order in which they arrive.

use super::source::Source;
use super::{Arrival, TrafficSpec, Window};
use crate::calendar::Calendar;
use crate::random::Streams;
use crate::units::SimTime;

/// Packets in order of time, at one instant by table and queue, without a wire between.
#[derive(Debug)]
pub struct Arrivals {
    sources: Vec<Source>,
    /// The next packet of each source.
    heads: Vec<Option<Arrival>>,
    calendar: Calendar,
}

impl Arrivals {
    /// The packets of `traffic` that arrive in one replication before the window's end.
    #[must_use]
    pub fn new(traffic: &[TrafficSpec], streams: Streams, window: Window) -> Self {
        let tables = traffic.iter().enumerate();
        let mut sources: Vec<Source> =
            tables.flat_map(|(table, spec)| spec.sources(table, streams, window)).collect();
        let heads: Vec<Option<Arrival>> = sources.iter_mut().map(Source::next).collect();
        let mut calendar = Calendar::new(sources.len());
        for (slot, head) in heads.iter().enumerate() {
            calendar.set(slot, head.map_or(SimTime::MAX, |arrival| arrival.time));
        }
        Self { sources, heads, calendar }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let (_, slot) = self.calendar.next()?;
        let next = self.sources[slot].next();
        self.calendar.set(slot, next.map_or(SimTime::MAX, |arrival| arrival.time));
        std::mem::replace(&mut self.heads[slot], next)
    }
}
