//! What queues give back in each interval, for active buffer management: told at once when an
//! interval is over, as no window reaches into the next.

use super::lane::Lane;
use super::packets::Packets;
use crate::id::QueueId;
use crate::model::policy::{Admission, Drained, Policy};
use crate::units::SimTime;

/// What all queues give back.
#[derive(Debug)]
pub(super) struct Drains {
    interval: u64,
    /// The end of the interval under way.
    end: u64,
    queues: Vec<Drain>,
}

/// What one queue gives back in the interval under way.
#[derive(Debug, Clone, Copy, Default)]
struct Drain {
    /// Packets there before it.
    before: u64,
    /// Packets it has got since.
    got: u64,
    /// Whether one of them found it empty.
    woke: bool,
}

impl Drains {
    /// `None` for policies that do not ask.
    pub(super) fn new(policy: Policy, queues: usize) -> Option<Self> {
        let Policy::Abm { interval, .. } = policy else { return None };
        let interval = interval.as_ps();
        Some(Self { interval, end: interval, queues: vec![Drain::default(); queues] })
    }

    /// Tells of all intervals that are over at `now`; returns when the next one is.
    pub(super) fn tell(&mut self, lanes: &[Lane], admission: &mut Admission, now: u64) -> u64 {
        while self.end <= now {
            let end = self.end;
            let mut is_idle = true;
            for ((index, lane), queue) in (0..).zip(lanes).zip(&mut self.queues) {
                let left = lane.packets_at(lane.done, end - 1);
                let returned = queue.before + queue.got - left;
                let returned = u32::try_from(returned).expect("an interval has fewer packets");
                let was_empty = queue.before == 0 || queue.woke || lane.done < end;
                let is_empty = left == 0;
                is_idle &= returned == 0 && is_empty;
                admission.drained(QueueId::new(index), Drained { returned, was_empty, is_empty });
                *queue = Drain { before: left, ..Drain::default() };
            }
            // Nothing changes until somebody gets something.
            let skipped = if is_idle { (now - end) / self.interval } else { 0 };
            self.end += (1 + skipped) * self.interval;
            admission.interval_over(SimTime::from_ps(end + skipped * self.interval));
        }
        self.end
    }

    /// Notes what became of the packets of a window.
    pub(super) fn note(&mut self, lanes: &[Lane], packets: &Packets) {
        for (lane, queue) in lanes.iter().zip(&mut self.queues) {
            let verdicts = &packets.verdicts[lane.places.clone()];
            let mut done = lane.done_before;
            for (time, verdict) in packets.times[lane.places.clone()].iter().zip(verdicts) {
                if verdict & 1 == 1 {
                    queue.got += 1;
                    queue.woke |= done <= *time;
                    done = done.max(*time) + lane.service;
                }
            }
        }
    }
}
