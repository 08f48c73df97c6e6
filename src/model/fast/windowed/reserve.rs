//! The reserve, in a window: requests and returns of all queues in order of time.

use super::agenda::{Agenda, Event};
use super::lane::Lane;
use super::packets::{DENIED, GRANTED, NO_BUFFER, Packets};
use super::sharing::Sharing;
use crate::id::QueueId;
use crate::model::fast::pool::Pool;
use crate::model::policy::{Admission, Claim, Policy};
use crate::random::Streams;
use crate::units::SimTime;

/// The reserve.
#[derive(Debug)]
pub(super) struct Reserve {
    pub(super) entries: u32,
    pub(super) policy: Policy,
    pub(super) admission: Admission,
    pub(super) pool: Pool,
    /// What happens in the window.
    pub(super) agenda: Agenda,
    sharing: Sharing,
}

impl Reserve {
    pub(super) fn new(entries: u32, policy: Policy, queues: usize, streams: Streams) -> Self {
        Self {
            entries,
            policy,
            admission: Admission::new(policy, entries, queues, 0, streams),
            pool: Pool::default(),
            agenda: Agenda::default(),
            sharing: Sharing::default(),
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
        if count > 0 && self.pool.in_use == self.entries {
            self.pool.exhausted.change(-1, SimTime::from_ps(first));
        }
        self.pool.in_use -= count;
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
        lanes.iter_mut().for_each(|lane| lane.returned_before = lane.returned);
        let requests: u32 = lanes.iter().map(|lane| lane.asked).sum();
        let in_use = self.pool.in_use + requests;
        if requests == 0 {
            self.take_back(lanes, until);
            return;
        }
        if self.policy == Policy::CompleteSharing {
            if in_use < self.entries && in_use <= self.pool.max {
                self.grant_all(lanes, packets);
                self.take_back(lanes, until);
                return;
            }
            if self.pool.max == self.entries {
                self.sharing.decide(&mut self.pool, lanes, packets, from..=until);
                return;
            }
        }
        let events = &mut self.agenda.events;
        for (queue, lane) in (0..).zip(&mut *lanes) {
            let asks = |place: &usize| packets.verdicts[*place] == NO_BUFFER;
            let request = |place| Event::request(packets.times[place] - from, packets.order(place));
            if lane.asked > 0 {
                events.extend((lane.tail..lane.places.end).filter(asks).map(request));
            }
            while let Some(done) = lane.reserve_done.get(lane.returned).filter(|d| **d <= until) {
                events.push(Event::comeback(done - from, queue));
                lane.returned += 1;
            }
        }
        let mut agenda = std::mem::take(&mut self.agenda);
        agenda.arrange(until - from);
        // At hand, as every event looks at it.
        let mut pool = std::mem::take(&mut self.pool);
        let holds = |lane: &&Lane| lane.reserve_held > 0;
        let mut holders = u32::try_from(lanes.iter().filter(holds).count()).expect("few queues");
        let is_memoryless = self.policy.is_memoryless();
        // Where nothing is free, requests are in vain until something comes back.
        while let Some(events) = agenda.next(pool.in_use < self.entries) {
            for event in events {
                let now = SimTime::from_ps(from + event.since());
                let free = self.entries - pool.in_use;
                if !event.is_request() {
                    pool.take_back(free == 0, now);
                    let held = &mut lanes[event.who() as usize].reserve_held;
                    *held -= 1;
                    holders -= u32::from(*held == 0);
                } else if free > 0 {
                    let place = packets.place(event.who());
                    let queue = packets.queues[place];
                    let held = &mut lanes[queue as usize].reserve_held;
                    let is_granted = if is_memoryless {
                        self.policy.admits(*held, free)
                    } else {
                        let (queue, held) = (QueueId::new(queue), *held);
                        self.admission.grants(Claim { queue, held, free, count: 1, holders, now })
                    };
                    packets.verdicts[place] = if is_granted {
                        pool.give(free == 1, now);
                        holders += u32::from(*held == 0);
                        *held += 1;
                        GRANTED
                    } else {
                        DENIED
                    };
                }
            }
        }
        agenda.clear();
        (self.agenda, self.pool) = (agenda, pool);
    }

    /// Grants all requests, in any order, where there is enough and no maximum rises.
    fn grant_all(&mut self, lanes: &mut [Lane], packets: &mut Packets) {
        for lane in lanes.iter_mut().filter(|lane| lane.asked > 0) {
            for verdict in &mut packets.verdicts[lane.tail..lane.places.end] {
                *verdict = if *verdict == NO_BUFFER { GRANTED } else { *verdict };
            }
            lane.reserve_held += lane.asked;
            self.pool.in_use += lane.asked;
        }
    }
}
