//! The most buffers in use, of each queue and of all together.
//!
//! A queue's own maximum is looked for where it could rise: not where even all packets admitted in
//! the window, or all entries with the most of the reserve, would not raise it. For all queues
//! together the window is cut into parts, in which the level is bounded by what was in use before
//! and what was admitted; only parts whose bound is above the maximum so far are put in order.

use crate::model::fast::windowed::packets::Verdict;
use crate::model::fast::windows::part_shift;

use super::queue::Queue;

/// Parts of a window, of a few packets each.
const PARTS: usize = 256;

/// Buffers taken and posted in each part of a window.
#[derive(Debug)]
pub(super) struct Parts {
    from: u64,
    shift: u32,
    admitted: [u32; PARTS + 1],
    returned: [u32; PARTS + 1],
}

/// The maximum over all queues.
#[derive(Debug, Default)]
pub(super) struct TotalPeak {
    pub(super) max: u64,
    /// Scratch: buffers are taken and posted in a part of the window.
    steps: Vec<(u64, i64)>,
}

impl Default for Parts {
    fn default() -> Self {
        Self { from: 0, shift: 0, admitted: [0; PARTS + 1], returned: [0; PARTS + 1] }
    }
}

impl Parts {
    /// Empty parts of the window from `from` to `to`.
    pub(super) fn begin(&mut self, from: u64, to: u64) {
        let shift = part_shift(to - from, PARTS.ilog2());
        *self = Self { from, shift, ..Self::default() };
    }

    /// Counts packets that are admitted, as they wait in a queue: twice their time and a bit.
    pub(super) fn admit(&mut self, packets: &[u64]) {
        for packet in packets {
            let part = ((packet >> 1) - self.from) >> self.shift;
            self.admitted[usize::try_from(part).unwrap_or(PARTS)] += 1;
        }
    }

    fn return_buffers(&mut self, times: &[u64]) {
        for time in times {
            let part = (*time - self.from) >> self.shift;
            self.returned[usize::try_from(part).unwrap_or(PARTS)] += 1;
        }
    }
}

impl TotalPeak {
    /// The window of measurement opens while the queues have these buffers in use.
    pub(super) fn open(&mut self, level: u64) {
        self.max = level;
    }

    /// Raises the maximum by what happened in a window, before which `level` buffers were in use.
    pub(super) fn watch(&mut self, queues: &[Queue], parts: &mut Parts, mut level: u64) {
        let admitted: usize = parts.admitted.iter().map(|count| *count as usize).sum();
        if level + admitted as u64 <= self.max {
            return;
        }
        queues.iter().for_each(|queue| parts.return_buffers(&queue.returns));
        for part in 0..PARTS {
            let most = level + u64::from(parts.admitted[part]);
            if most > self.max {
                let begin = parts.from + ((part as u64) << parts.shift);
                self.search(queues, level, begin, begin + (1 << parts.shift));
            }
            level = most - u64::from(parts.returned[part]);
        }
    }

    /// Finds the maximum from `from` to `to`, buffer by buffer.
    fn search(&mut self, queues: &[Queue], level: u64, from: u64, to: u64) {
        self.steps.clear();
        for queue in queues {
            let within = |times: &[u64]| {
                times.partition_point(|time| *time < from)..times.partition_point(|time| *time < to)
            };
            let packets = within(&queue.times);
            let verdicts = queue.verdicts[packets.clone()].iter();
            let admitted = queue.times[packets].iter().zip(verdicts).filter(is_admitted);
            self.steps.extend(admitted.map(|(time, _)| (*time, 1)));
            let returns = within(&queue.returns);
            self.steps.extend(queue.returns[returns].iter().map(|time| (*time, -1)));
        }
        self.steps.sort_unstable();
        let mut total = level.cast_signed();
        for (_, step) in &self.steps {
            total += step;
            // What was posted at the very start of the window was in use before it.
            if *step > 0 {
                self.max = self.max.max(total.cast_unsigned());
            }
        }
    }
}

fn is_admitted((_, verdict): &(&u64, &Verdict)) -> bool {
    *verdict & 1 == 1
}

/// Raises a queue's own maximum by what happened in a window, before which `before` buffers were in
/// use and in which `admitted` packets were admitted.
pub(super) fn watch_own(queue: &mut Queue, before: u64, admitted: u64) {
    let entries = u64::from(queue.rx) + u64::from(queue.reserve_peak);
    if entries.min(before + admitted) <= queue.sums.in_use_max {
        return;
    }
    let (mut level, mut returned, mut max) = (before, 0, queue.sums.in_use_max);
    for (time, _) in queue.times.iter().zip(&queue.verdicts).filter(is_admitted) {
        while queue.returns.get(returned).is_some_and(|at| at <= time) {
            returned += 1;
            level -= 1;
        }
        level += 1;
        max = max.max(level);
    }
    queue.sums.in_use_max = max;
}
