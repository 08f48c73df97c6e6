//! The reserve: answers the requests of all queues in order of time.

use crate::model::buffers::BufferSpec;
use crate::model::fast::pool::Pool;
use crate::model::fast::windowed::agenda::{Agenda, Event};
use crate::model::fast::windowed::packets::{DENIED, GRANTED};
use crate::model::policy::Policy;
use crate::units::SimTime;

use super::books::Desk;
use super::queue::{EARLY, Queue};

/// The reserve.
#[derive(Debug)]
pub(super) struct Reserve {
    entries: u32,
    policy: Policy,
    pub(super) pool: Pool,
    /// Whether the window of measurement has just opened.
    opening: bool,
    /// Scratch: events that are too late to be dealt with.
    later: Vec<Event>,
}

/// Where the packet of each order is: its queue, and its place among the queue's packets.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) queues: Vec<u32>,
    /// Empty where queues say what the order of their first packet is.
    pub(super) indices: Vec<u32>,
}

impl Places {
    #[inline]
    fn find(&self, order: u32, queues: &[Queue]) -> (usize, usize) {
        let queue = self.queues[order as usize] as usize;
        let index = self.indices.get(order as usize).copied();
        (queue, index.unwrap_or_else(|| order - queues[queue].first_order) as usize)
    }
}

impl Reserve {
    pub(super) fn new(spec: &BufferSpec) -> Self {
        let reserve = spec.reserve.as_ref();
        Self {
            entries: reserve.map_or(0, |reserve| reserve.entries),
            policy: reserve.map_or(Policy::CompleteSharing, |reserve| reserve.policy),
            pool: Pool::default(),
            opening: false,
            later: Vec::new(),
        }
    }

    /// The window of measurement opens at `start`.
    pub(super) fn open(&mut self, start: u64) {
        self.opening = true;
        self.pool.exhausted.open(SimTime::from_ps(start));
    }

    /// Answers all requests before `limit`, and takes back what comes back until then; no event is
    /// later than `to`.
    pub(super) fn answer(
        &mut self,
        desk: &mut Desk<'_>,
        queues: &mut [Queue],
        places: &Places,
        limit: u64,
        to: u64,
    ) {
        if std::mem::take(&mut self.opening) {
            self.begin_maxima(&desk.agenda, queues);
        }
        if limit < to {
            let since = limit - desk.from;
            self.later.clear();
            self.later.extend(desk.agenda.events.extract_if(.., |event| event.since() >= since));
        }
        if !desk.agenda.events.is_empty() {
            let mut agenda = std::mem::take(&mut desk.agenda);
            agenda.arrange(to - desk.from);
            self.go_through(&mut agenda, desk.from, queues, places);
            agenda.clear();
            desk.agenda = agenda;
        }
        desk.agenda.events.append(&mut self.later);
        queues.iter_mut().for_each(|queue| queue.answered_before(limit));
    }

    /// What is posted at the very start of the window of measurement, before that instant's
    /// arrivals, was in use before it.
    fn begin_maxima(&mut self, agenda: &Agenda, queues: &mut [Queue]) {
        self.pool.max = self.pool.in_use;
        for queue in &mut *queues {
            queue.reserve_peak = queue.reserve_held;
        }
        let at_once = |event: &&Event| !event.is_request() && event.since() == 0;
        for event in agenda.events.iter().filter(at_once).filter(|it| it.who() & EARLY > 0) {
            self.pool.max -= 1;
            queues[(event.who() & !EARLY) as usize].reserve_peak -= 1;
        }
    }

    fn go_through(
        &mut self,
        agenda: &mut Agenda,
        from: u64,
        queues: &mut [Queue],
        places: &Places,
    ) {
        // At hand, as every event looks at it.
        let mut pool = std::mem::take(&mut self.pool);
        // Where nothing is free, requests are in vain until something comes back.
        while let Some(events) = agenda.next(pool.in_use < self.entries) {
            for event in events {
                let free = self.entries - pool.in_use;
                if !event.is_request() {
                    let is_late = event.who() & EARLY == 0;
                    let now = from + event.since() - u64::from(is_late);
                    pool.take_back(free == 0, SimTime::from_ps(now));
                    queues[(event.who() & !EARLY) as usize].reserve_held -= 1;
                } else if free > 0 {
                    let (queue, index) = places.find(event.who(), queues);
                    let queue = &mut queues[queue];
                    if self.policy.admits(queue.reserve_held, free) {
                        pool.give(free == 1, SimTime::from_ps(from + event.since()));
                        queue.answer(index, GRANTED);
                    } else {
                        queue.answer(index, DENIED);
                    }
                }
            }
        }
        self.pool = pool;
    }
}
