//! The reserve, in a window: requests and returns of all queues in order of time.

use super::agenda::{Agenda, Event};
use super::lane::Lane;
use super::packets::{DENIED, GRANTED, Packets};
use crate::model::policy::Policy;
use crate::stats::Level;
use crate::units::SimTime;

/// The reserve.
#[derive(Debug)]
pub(super) struct Reserve {
    pub(super) entries: u32,
    pub(super) policy: Policy,
    pub(super) in_use: u32,
    pub(super) max: u32,
    pub(super) exhausted: Level,
    /// What happens in the window.
    pub(super) agenda: Agenda,
}

impl Reserve {
    pub(super) fn new(entries: u32, policy: Policy) -> Self {
        Self {
            entries,
            policy,
            in_use: 0,
            max: 0,
            exhausted: Level::default(),
            agenda: Agenda::default(),
        }
    }

    /// Takes back what comes back until `until`, while nobody asks.
    pub(super) fn take_back(&mut self, lanes: &mut [Lane], until: u64) {
        let (mut first, mut count) = (u64::MAX, 0);
        for lane in lanes {
            let before = lane.returned;
            while let Some(done) = lane.reserve_done.get(lane.returned).filter(|d| **d <= until) {
                first = first.min(*done);
                lane.returned += 1;
            }
            let returned = u32::try_from(lane.returned - before).expect("buffers of the reserve");
            lane.reserve_held -= returned;
            count += returned;
        }
        if count > 0 && self.in_use == self.entries {
            self.exhausted.change(-1, SimTime::from_ps(first));
        }
        self.in_use -= count;
    }

    /// Decides the requests of a window that begins at `from`, in order of time, with the buffers
    /// that come back until `until`.
    pub(super) fn decide(
        &mut self,
        lanes: &mut [Lane],
        packets: &mut Packets,
        from: u64,
        until: u64,
    ) {
        let requests = u32::try_from(self.agenda.events.len()).expect("a window has fewer packets");
        let in_use = self.in_use + requests;
        if requests == 0 {
            self.take_back(lanes, until);
            return;
        }
        let is_plenty = self.policy == Policy::CompleteSharing
            && in_use < self.entries
            && in_use <= self.max
            && lanes.iter().all(|lane| lane.reserve_held + lane.asked <= lane.reserve_max);
        if is_plenty {
            // In any order all are granted, and no maximum rises.
            for request in self.agenda.events.drain(..) {
                let place = packets.place(request.who());
                packets.verdicts[place] = GRANTED;
            }
            self.in_use = in_use;
            lanes.iter_mut().for_each(|lane| lane.reserve_held += lane.asked);
            self.take_back(lanes, until);
            return;
        }
        for (queue, lane) in (0..).zip(&mut *lanes) {
            while let Some(done) = lane.reserve_done.get(lane.returned).filter(|d| **d <= until) {
                self.agenda.events.push(Event::comeback(done - from, queue));
                lane.returned += 1;
            }
        }
        let mut agenda = std::mem::take(&mut self.agenda);
        agenda.arrange(until - from);
        // Where nothing is free, requests are in vain until something comes back.
        while let Some(events) = agenda.next(self.in_use < self.entries) {
            for event in events {
                self.happens(*event, lanes, packets, from);
            }
        }
        agenda.clear();
        self.agenda = agenda;
    }

    #[inline]
    fn happens(&mut self, event: Event, lanes: &mut [Lane], packets: &mut Packets, from: u64) {
        let now = SimTime::from_ps(from + event.since());
        if event.is_request() {
            let free = self.entries - self.in_use;
            if free > 0 {
                let place = packets.place(event.who());
                let lane = &mut lanes[packets.queues[place] as usize];
                packets.verdicts[place] = self.ask(lane, free, now);
            }
        } else {
            if self.in_use == self.entries {
                self.exhausted.change(-1, now);
            }
            self.in_use -= 1;
            lanes[event.who() as usize].reserve_held -= 1;
        }
    }

    /// A queue asks while something is free.
    #[inline]
    fn ask(&mut self, lane: &mut Lane, free: u32, now: SimTime) -> u8 {
        if !self.policy.admits(lane.reserve_held, free) {
            return DENIED;
        }
        self.in_use += 1;
        self.max = self.max.max(self.in_use);
        if self.in_use == self.entries {
            self.exhausted.change(1, now);
        }
        lane.reserve_held += 1;
        lane.reserve_max = lane.reserve_max.max(lane.reserve_held);
        GRANTED
    }
}
