//! Packets of a window, taken from their sources.

use crate::model::fast::feeds::Feeds;
use crate::model::fast::windowed::{common_len, is_straight};
use crate::model::system::SystemSpec;
use crate::random::Streams;
use crate::units::SimTime;

use super::books::Desk;
use super::queue::{Queue, Tag};
use super::reserve::Places;

/// Where packets come from.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) feeds: Feeds,
    /// The length of all packets, where each source feeds a queue of its own and nobody watches:
    /// then packets need no tags.
    pub(super) plain: Option<u32>,
    /// Each queue's number in the order of cores.
    queues: Vec<u32>,
    pub(super) places: Places,
    /// Scratch.
    run: Vec<u64>,
    incoming: Vec<Vec<(u64, Tag)>>,
}

impl Intake {
    /// `queues` are the queues' numbers in the order of cores.
    pub(super) fn new(
        spec: &SystemSpec,
        streams: Streams,
        queues: Vec<u32>,
        is_watched: bool,
    ) -> Self {
        Self {
            feeds: Feeds::new(spec, streams),
            plain: common_len(spec).filter(|_| is_straight(spec) && !is_watched),
            incoming: vec![Vec::new(); queues.len()],
            queues,
            places: Places::default(),
            run: Vec::new(),
        }
    }

    /// Takes the packets that arrive before `to` from their sources.
    pub(super) fn gather(&mut self, to: u64, queues: &mut [Queue], desk: &mut Desk<'_>) {
        self.places.queues.clear();
        self.places.indices.clear();
        let limit = SimTime::from_ps(to);
        if self.plain.is_some() {
            self.gather_plain(limit, queues);
        } else {
            self.gather_tagged(limit, queues, desk);
        }
        queues.iter_mut().for_each(Queue::prepare);
    }

    fn gather_plain(&mut self, limit: SimTime, queues: &mut [Queue]) {
        for feed in &mut self.feeds.feeds {
            while let Some(first) = feed.next.filter(|arrival| arrival.time < limit) {
                let place = self.queues[first.queue.index()];
                let queue = &mut queues[place as usize];
                if queue.times.is_empty() {
                    queue.first_order = order(self.places.queues.len());
                }
                feed.take(limit, &mut queue.times);
                let packets = queue.first_order as usize + queue.times.len();
                self.places.queues.resize(packets, place);
            }
        }
    }

    fn gather_tagged(&mut self, limit: SimTime, queues: &mut [Queue], desk: &mut Desk<'_>) {
        let mut count = 0;
        for feed in &mut self.feeds.feeds {
            while let Some(first) = feed.take(limit, &mut self.run) {
                let incoming = &mut self.incoming[first.queue.index()];
                for time in self.run.drain(..) {
                    incoming.push((time, Tag { order: order(count), len: first.len, log: None }));
                    count += 1;
                }
            }
        }
        self.places.queues.resize(count, 0);
        self.places.indices.resize(count, 0);
        for (place, incoming) in self.queues.iter().zip(&mut self.incoming) {
            let queue = &mut queues[*place as usize];
            incoming.sort_by_key(|(time, _)| *time);
            for (index, (time, tag)) in (0..).zip(incoming.drain(..)) {
                self.places.queues[tag.order as usize] = *place;
                self.places.indices[tag.order as usize] = index;
                queue.times.push(time);
                queue.tags.push(tag);
            }
        }
        if desk.books.log.is_some() && desk.books.measured {
            log(queues, desk);
        }
    }
}

/// Tells those who watch of the packets, in order of arrival.
fn log(queues: &mut [Queue], desk: &mut Desk<'_>) {
    let Some(log) = &mut desk.books.log else { return };
    let mut packets = Vec::new();
    for (place, queue) in queues.iter().enumerate() {
        let tags = queue.times.iter().zip(&queue.tags).enumerate();
        packets.extend(tags.map(|(index, (time, tag))| (*time, tag.order, place, index)));
    }
    packets.sort_unstable();
    for (time, _, place, index) in packets {
        let queue = &mut queues[place];
        let tag = &mut queue.tags[index];
        tag.log = Some(log.arrived(SimTime::from_ps(time), queue.id, tag.len));
    }
}

fn order(count: usize) -> u32 {
    u32::try_from(count).expect("a window has fewer packets")
}
