//! The most packets in all queues together: only this needs the order of all packets, and only
//! where so many come before others leave that it may be above what was seen before.

use crate::model::fast::windows::part_shift;
use std::iter::Peekable;
use std::ops::Range;

use super::lane::Lane;
use super::packets::{Packets, Verdict};

/// Parts of a window in which the maximum over all queues is bounded: so many that few packets
/// come in one.
const PARTS: usize = 256;

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
        let shift = part_shift(to - from, PARTS.ilog2());
        let (mut level, mut steps) = (0, [Steps::default(); PARTS]);
        for lane in lanes {
            level += count_steps(lane, packets, from..to, shift, &mut steps);
        }
        // No more than if all came before any leaves.
        let is_above = |steps: &Steps| {
            let bound = level + u64::from(steps.up);
            level = bound - u64::from(steps.down);
            bound > self.max
        };
        let above: Vec<bool> = steps.iter().map(is_above).collect();
        let first = above.iter().position(|is_above| *is_above);
        let last = above.iter().rposition(|is_above| *is_above);
        if let (Some(first), Some(last)) = (first, last) {
            let begin = |part: usize| from + ((part as u64) << shift);
            self.search(lanes, packets, begin(first), to.min(begin(last + 1)));
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

/// Packets that come and go in a part of a window.
#[derive(Debug, Clone, Copy, Default)]
struct Steps {
    up: u32,
    down: u32,
}

/// Counts a queue's packets that come and go in each part of the window, `1 << shift` long; returns
/// how many are there before. What leaves at its very beginning has left.
fn count_steps(
    lane: &Lane,
    packets: &Packets,
    window: Range<u64>,
    shift: u32,
    steps: &mut [Steps; PARTS],
) -> u64 {
    let Range { start, end } = window;
    let part = |time: u64| usize::try_from((time - start) >> shift).expect("few parts") % PARTS;
    let waiting = lane.packets_at(lane.done_before, start);
    let first = lane.done_before.saturating_sub(waiting.saturating_sub(1) * lane.service);
    let leaving = (0..waiting).map(|k| first + k * lane.service);
    leaving.take_while(|done| *done < end).for_each(|done| steps[part(done)].down += 1);
    let verdicts = &packets.verdicts[lane.places.clone()];
    let mut done = lane.done_before;
    for (time, verdict) in packets.times[lane.places.clone()].iter().zip(verdicts) {
        let is_admitted = verdict & 1 == 1;
        let after = done.max(*time) + lane.service;
        done = if is_admitted { after } else { done };
        steps[part(*time)].up += u32::from(is_admitted);
        // What is done after the window is counted nowhere.
        steps[part(done.clamp(start, end - 1))].down += u32::from(is_admitted && done < end);
    }
    waiting
}
