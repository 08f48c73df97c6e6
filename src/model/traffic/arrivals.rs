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

    /// Appends the times of all packets that come before `limit`, source by source: each source's
    /// in order, but none between sources, which is what ordering costs.
    pub fn take_times(&mut self, limit: SimTime, times: &mut Vec<u64>) {
        for (slot, source) in self.sources.iter_mut().enumerate() {
            let head = &mut self.heads[slot];
            while let Some(first) = head.filter(|arrival| arrival.time < limit) {
                times.push(first.time.as_ps());
                source.run(limit, times);
                *head = source.next();
            }
            self.calendar.set(slot, head.map_or(SimTime::MAX, |arrival| arrival.time));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::QueueId;
    use crate::model::distribution::Distribution;
    use crate::model::traffic::{OnOffSpec, Spacing, TrafficKind};
    use crate::units::PacketRate;

    #[test]
    fn times_taken_by_source_are_those_of_the_packets_in_order() {
        let rate = PacketRate::new(3, 10).unwrap();
        let periods = |mean| Distribution::Exponential { mean };
        let on_off = OnOffSpec {
            rate,
            rate_off: PacketRate::ZERO,
            on: periods(50.0),
            off: periods(100.0),
            spacing: Spacing::Poisson,
            in_phase: 0,
            correlation: 0.0,
        };
        let kinds = [
            TrafficKind::OnOff(on_off),
            TrafficKind::Poisson { rate },
            TrafficKind::Constant { rate },
        ];
        let traffic = kinds.map(|kind| TrafficSpec {
            queues: (0..3).map(QueueId::new).collect(),
            size: Distribution::Constant(80),
            kind,
        });
        let end = 5000;
        let window = Window { start: SimTime::ZERO, end: Some(SimTime::from_ps(end)) };
        let all = || Arrivals::new(&traffic, Streams::new(1, 0), window);
        let in_order: Vec<u64> = all().map(|arrival| arrival.time.as_ps()).collect();
        let (mut by_source, mut times) = (all(), Vec::new());
        // In steps, and what is left one at a time.
        for limit in (100..end / 2).step_by(100) {
            let before = times.len();
            by_source.take_times(SimTime::from_ps(limit), &mut times);
            times[before..].sort_unstable();
        }
        assert!(times.len() > 1000, "many are taken by source");
        times.extend(by_source.map(|arrival| arrival.time.as_ps()));
        assert_eq!(times, in_order);
    }
}
