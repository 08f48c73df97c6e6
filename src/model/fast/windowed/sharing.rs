//! Complete sharing where there is less than is asked for: who comes first takes what is free.
//!
//! Each buffer goes to the first request after its return that no other buffer has gone to. So it
//! is enough to go from return to return and to look for that request; nobody looks at those that
//! are refused, and no level is kept between.

use std::ops::{Range, RangeInclusive};

use super::agenda::Event;
use super::lane::Lane;
use super::packets::{GRANTED, NO_BUFFER, Packets, Tag};
use crate::model::fast::pool::Pool;
use crate::units::SimTime;

/// What is needed for a while.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    requests: Parts,
    comebacks: Parts,
    events: Vec<Event>,
    /// What comes back in order of time, each with the first request after it.
    pairs: Vec<(Event, Found)>,
}

/// Stands behind the last event.
const END: Event = Event::MAX;

/// An event, and its index.
type Found = (Event, u32);

impl Sharing {
    /// Decides what is asked for in a `window`, of buffers that have all been in use at some time.
    pub(super) fn decide(
        &mut self,
        pool: &mut Pool,
        lanes: &mut [Lane],
        packets: &mut Packets,
        window: RangeInclusive<u64>,
    ) {
        let (from, length) = (*window.start(), window.end() - window.start());
        let free = pool.max - pool.in_use;
        self.collect(lanes, &window);
        let count = u32::try_from(self.events.len()).expect("buffers of the reserve");
        self.requests.arrange(length, packets.times.len());
        for lane in lanes.iter().filter(|lane| lane.asked > 0) {
            self.requests.add_requests(lane.tail..lane.places.end, packets, from);
        }
        self.requests.finish();
        let Packets { times, verdicts, tags, .. } = packets;
        let request = |place: u32| match times.get(place as usize) {
            None => END,
            Some(time) => {
                let order = tags.get(place as usize).map_or(place, |tag| tag.order);
                Event::request(time - from, order)
            }
        };
        // Looked up beforehand, as none of these waits for another.
        self.pairs.clear();
        self.comebacks.in_order(length, &self.events, |comeback| {
            self.pairs.push((comeback, self.requests.first_after(request, comeback)));
        });
        let mut granted = 0;
        let mut last = self.requests.grant_first(free, request, |place| {
            verdicts[place as usize] = GRANTED;
            granted += 1;
        });
        // Without a buffer from the last request granted on until the next one comes back.
        let mut without_ps = 0;
        let pairs = if granted < free { &[] } else { &*self.pairs };
        for (comeback, next) in pairs.iter().copied() {
            without_ps += comeback.since().saturating_sub(last.since());
            let is_free = next.0 > last;
            let next = if is_free { next } else { self.requests.first_after(request, last) };
            if next.0 == END {
                break;
            }
            verdicts[next.1 as usize] = GRANTED;
            last = next.0;
            granted += 1;
        }
        let at = SimTime::from_ps;
        if free == 0 {
            pool.exhausted.change(-1, at(from));
        }
        pool.exhausted.change(1, at(0));
        pool.exhausted.change(-1, at(without_ps));
        pool.in_use = pool.in_use + granted - count;
        if granted == free + count {
            pool.exhausted.change(1, at(from + last.since()));
        }
        self.events.clear();
    }

    /// Collects what comes back in the window.
    fn collect(&mut self, lanes: &mut [Lane], window: &RangeInclusive<u64>) {
        for (queue, lane) in (0..).zip(lanes) {
            let waiting = &lane.reserve_done[lane.returned..];
            let count = waiting.iter().take_while(|done| **done <= *window.end()).count();
            let comeback = |done: &u64| Event::comeback(done - window.start(), queue);
            self.events.extend(waiting[..count].iter().map(comeback));
            lane.returned += count;
            lane.reserve_held -= u32::try_from(count).expect("they are held");
        }
    }
}

/// Parts of a window: so many that few have more than one event.
const PARTS: usize = 8192;

/// Words of a bit a part.
const WORDS: usize = PARTS / 64;

/// No other event.
const NONE: u32 = u32::MAX;

/// Events by parts of a window.
#[derive(Debug)]
struct Parts {
    /// How far events are shifted for their parts.
    shift: u32,
    /// Parts with events, a bit each, and one behind them.
    any: [u64; WORDS + 1],
    /// The next word with a bit, from each word on.
    next: [u8; WORDS + 1],
    /// The event of each part, where there is one that came last; behind them, that of the end.
    last: Box<[u32; PARTS + 64]>,
    /// The event that lies in the same part as each event, and came to it before.
    others: Vec<u32>,
    /// Scratch: the events of a part.
    sorted: Vec<Event>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            shift: 0,
            any: [0; WORDS + 1],
            next: [0; WORDS + 1],
            last: Box::new([0; PARTS + 64]),
            others: Vec::new(),
            sorted: Vec::new(),
        }
    }
}

impl Parts {
    /// Makes room for up to `count` events of a window, none of which is later than `length` after
    /// its beginning.
    fn arrange(&mut self, length: u64, count: usize) {
        self.shift = Event::shift(length, PARTS.ilog2());
        self.any.fill(0);
        if self.others.len() < count {
            self.others.resize(count, NONE);
        }
    }

    /// Adds events with their indices, those that are there.
    #[inline]
    fn add(&mut self, events: impl Iterator<Item = (u32, Event, bool)>, others: Range<usize>) {
        let shift = self.shift;
        let (any, lasts) = (&mut self.any, &mut *self.last);
        for ((index, event, is_there), other) in events.zip(&mut self.others[others]) {
            let part = event.part(shift) % PARTS;
            let (word, bit) = (&mut any[part / 64], part % 64);
            let last = lasts[part];
            *other = if *word >> bit & 1 == 1 { last } else { NONE };
            *word |= u64::from(is_there) << bit;
            lasts[part] = if is_there { index } else { last };
        }
    }

    /// Adds a queue's requests.
    fn add_requests(&mut self, places: Range<usize>, packets: &Packets, from: u64) {
        let first = u32::try_from(places.start).expect("a window has fewer packets");
        let asks = packets.verdicts[places.clone()].iter().map(|verdict| *verdict == NO_BUFFER);
        let times = packets.times[places.clone()].iter().map(|time| time - from);
        let all = (first..).zip(times).zip(asks);
        if packets.tags.is_empty() {
            let own = |((place, since), asks)| (place, Event::request(since, place), asks);
            self.add(all.map(own), places);
        } else {
            let tags = packets.tags[places.clone()].iter();
            let tagged = |(((place, since), asks), tag): (_, &Tag)| {
                (place, Event::request(since, tag.order), asks)
            };
            self.add(all.zip(tags).map(tagged), places);
        }
    }

    /// All events are there.
    fn finish(&mut self) {
        self.any[WORDS] = 1;
        let mut next = WORDS;
        for (next_word, (word, bits)) in self.next.iter_mut().zip(self.any.iter().enumerate()).rev()
        {
            next = if *bits == 0 { next } else { word };
            *next_word = u8::try_from(next).expect("there are fewer words");
        }
    }

    /// The first event after another one, which need not be here itself; `event` gives those with
    /// an index, and the end.
    #[inline]
    fn first_after(&self, event: impl Fn(u32) -> Event, after: Event) -> Found {
        let mut part = after.part(self.shift) % PARTS;
        loop {
            let word = part / 64;
            let rest = self.any[word] >> (part % 64) << (part % 64);
            let next = usize::from(self.next[word + 1]);
            let (word, rest) = if rest == 0 { (next, self.any[next]) } else { (word, rest) };
            part = word * 64 + rest.trailing_zeros() as usize;
            let mut index = self.last[part];
            let mut first = (END, index);
            if part == PARTS {
                return first;
            }
            loop {
                let one = event(index);
                first = if one > after && one < first.0 { (one, index) } else { first };
                match self.others[index as usize] {
                    NONE => break,
                    other => index = other,
                }
            }
            if first.0 < END {
                return first;
            }
            part += 1;
        }
    }

    /// Grants the first `most` events, in order of time, if so many are there; returns the last.
    #[inline]
    fn grant_first(
        &mut self,
        most: u32,
        event: impl Fn(u32) -> Event,
        mut grant: impl FnMut(u32),
    ) -> Event {
        let (mut left, mut last) = (most, Event::default());
        let mut found = Vec::new();
        for (word, bits) in self.any[..WORDS].iter().enumerate() {
            let mut rest = *bits;
            while rest > 0 && left > 0 {
                let index = self.last[word * 64 + rest.trailing_zeros() as usize];
                rest &= rest - 1;
                if self.others[index as usize] == NONE {
                    grant(index);
                    last = event(index);
                    left -= 1;
                    continue;
                }
                let other =
                    |index: &u32| Some(self.others[*index as usize]).filter(|it| *it < NONE);
                found.clear();
                found.extend(std::iter::successors(Some(index), other));
                found.sort_unstable_by_key(|index| event(*index));
                for index in found.iter().take(left as usize) {
                    grant(*index);
                    last = event(*index);
                    left -= 1;
                }
            }
            if left == 0 {
                break;
            }
        }
        last
    }

    /// Shows all these events of a window in order of time.
    #[inline]
    fn in_order(&mut self, length: u64, events: &[Event], mut show: impl FnMut(Event)) {
        self.arrange(length, events.len());
        let all = (0..).zip(events).map(|(index, event)| (index, *event, true));
        self.add(all, 0..events.len());
        for (word, bits) in self.any[..WORDS].iter().enumerate() {
            let mut rest = *bits;
            while rest > 0 {
                let mut index = self.last[word * 64 + rest.trailing_zeros() as usize] as usize;
                rest &= rest - 1;
                if self.others[index] == NONE {
                    show(events[index]);
                    continue;
                }
                self.sorted.clear();
                self.sorted.push(events[index]);
                while self.others[index] != NONE {
                    index = self.others[index] as usize;
                    self.sorted.push(events[index]);
                }
                self.sorted.sort_unstable();
                self.sorted.iter().for_each(|event| show(*event));
            }
        }
    }
}
