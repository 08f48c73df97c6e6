//! The most packets in all queues together: only this needs the order of all packets, and only
//! where the sum of the queues' own maxima is above what was seen before.

use std::iter::Peekable;

use super::lane::Lane;
use super::packets::{Packets, Verdict};
use crate::units::to_f64;

/// Parts of a window in which the maximum over all queues is bounded.
const PARTS: usize = 16;

/// The maximum over all queues.
#[derive(Debug, Default)]
pub(super) struct TotalPeak {
    pub(super) max: u64,
    /// Scratch: packets come and go in a part of the window.
    steps: Vec<(u64, i64)>,
}

impl TotalPeak {
    /// Raises the maximum by what happened from `from` to `to`.
    pub(super) fn watch(&mut self, lanes: &[&Lane], packets: &Packets, from: u64, to: u64) {
        let mut shift = 0;
        while (to - from).div_ceil(1 << shift) > PARTS as u64 {
            shift += 1;
        }
        let mut bounds = [0.0; PARTS];
        let bounds = &mut bounds[..usize::try_from((to - from).div_ceil(1 << shift)).expect("few")];
        for lane in lanes {
            bound_packets(lane, packets, from, shift, bounds);
        }
        for (part, bound) in (0..).zip(&*bounds) {
            if *bound >= to_f64(self.max) {
                let begin = from + (part << shift);
                self.search(lanes, packets, begin, to.min(begin + (1 << shift)));
            }
        }
    }

    /// Finds the maximum from `from` to `to`, packet by packet.
    fn search(&mut self, lanes: &[&Lane], packets: &Packets, from: u64, to: u64) {
        self.steps.clear();
        let mut total: i64 = 0;
        for lane in lanes {
            let mut served = served(lane, packets);
            let mut done = lane.done_before;
            while let Some((_, next)) = served.next_if(|(time, _)| *time < from) {
                done = next;
            }
            let waiting = lane.packets_at(done, from);
            total += waiting.cast_signed();
            let first = done.saturating_sub(waiting.saturating_sub(1) * lane.service);
            let leaving = (0..waiting).map(|k| first + k * lane.service);
            self.steps.extend(leaving.take_while(|done| *done < to).map(|done| (done, -1)));
            while let Some((time, next)) = served.next_if(|(time, _)| *time < to) {
                if next == done {
                    continue;
                }
                done = next;
                self.steps.push((time, 1));
                if done < to {
                    self.steps.push((done, -1));
                }
            }
        }
        self.steps.sort_unstable();
        for (_, step) in &self.steps {
            total += step;
            self.max = self.max.max(total.cast_unsigned());
        }
    }
}

/// A queue's packets: when each arrives, and when the last one admitted so far is done.
fn served<'a>(
    lane: &'a Lane,
    packets: &'a Packets,
) -> Peekable<impl Iterator<Item = (u64, u64)> + 'a> {
    let verdicts = &packets.verdicts[lane.places.clone()];
    let mut done = lane.done_before;
    let serve = move |(time, verdict): (&u64, &Verdict)| {
        let after = done.max(*time) + lane.service;
        done = if verdict & 1 == 1 { after } else { done };
        (*time, done)
    };
    packets.times[lane.places.clone()].iter().zip(verdicts).map(serve).peekable()
}

/// Adds to each part of the window, `1 << shift` long, a bound on a queue's packets in it.
fn bound_packets(lane: &Lane, packets: &Packets, from: u64, shift: u32, bounds: &mut [f64]) {
    let per_ps = 1.0 / to_f64(lane.service);
    // ceil(x) < x + 1
    let bound = |backlog: u64| match backlog {
        0 => 0.0,
        backlog => to_f64(backlog) * per_ps + 1.0,
    };
    let mut done = lane.done_before;
    let mut served = served(lane, packets);
    for (part, sum) in (0_u64..).zip(bounds) {
        let begin = from + (part << shift);
        let end = begin + (1 << shift);
        let mut backlog = done.saturating_sub(begin);
        while let Some((time, next)) = served.next_if(|(time, _)| *time < end) {
            done = next;
            backlog = backlog.max(done.saturating_sub(time));
        }
        *sum += bound(backlog);
    }
}
