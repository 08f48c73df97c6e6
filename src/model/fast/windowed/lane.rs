//! One queue and its server, in a window.

use std::ops::Range;

use super::books::{Account, Told};
use super::packets::{DEDICATED, GRANTED, Incoming, NO_BUFFER, Part, Verdict};

/// One queue and its server.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) service: u64,
    /// Packets of the window whose queue had to be found.
    pub(super) arrivals: Vec<Incoming>,
    /// Places of the window's packets.
    pub(super) places: Range<usize>,
    /// Place of the first request of the window, or the end.
    pub(super) tail: usize,
    /// When each dedicated entry is, or was last, free again.
    pub(super) ring: Box<[u64]>,
    /// The entry that is free first.
    pub(super) next_entry: usize,
    /// When the last packet is done.
    pub(super) done: u64,
    /// The same at the beginning of the window.
    pub(super) done_before: u64,
    /// When packets in reserve buffers are done; the first `returned` of them are.
    pub(super) reserve_done: Vec<u64>,
    pub(super) returned: usize,
    /// Those of them that were before the window.
    pub(super) returned_before: usize,
    pub(super) reserve_held: u32,
    pub(super) reserve_max: u32,
    /// Requests of the window.
    pub(super) asked: u32,
}

/// What passes over a queue's packets need for a while.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// When dedicated entries are free.
    free_at: Vec<u64>,
    /// Packets that are admitted, their times and verdicts.
    times: Vec<u64>,
    verdicts: Vec<Verdict>,
}

impl Lane {
    pub(super) fn new(rx: u32, service: u64) -> Self {
        Self {
            service,
            arrivals: Vec::new(),
            places: 0..0,
            tail: 0,
            ring: vec![0; rx as usize].into(),
            next_entry: 0,
            done: 0,
            done_before: 0,
            reserve_done: Vec::new(),
            returned: 0,
            returned_before: 0,
            reserve_held: 0,
            reserve_max: 0,
            asked: 0,
        }
    }

    /// Packets at time `now` (what is released then is gone), where the last is done at `done`.
    pub(super) fn packets_at(&self, done: u64, now: u64) -> u64 {
        done.saturating_sub(now).div_ceil(self.service)
    }

    /// First pass, as long as what happens is known at once: serves the window's packets up to the
    /// first request.
    pub(super) fn serve_head<A: Account>(
        &mut self,
        part: Part<'_>,
        has_reserve: bool,
        mut account: A,
    ) -> A {
        let Part { first, times, verdicts, .. } = part;
        let (ring, service) = (&mut *self.ring, self.service);
        let (mut done, mut entry) = (self.done, self.next_entry);
        self.done_before = done;
        self.tail = first + times.len();
        self.asked = 0;
        for (place, (&time, verdict)) in (first..).zip(times.iter().zip(verdicts)) {
            let before = done;
            let after = before.max(time) + service;
            if ring.get(entry).is_none_or(|free_at| *free_at > time) {
                if has_reserve {
                    self.tail = place;
                    break;
                }
                *verdict = NO_BUFFER;
                account.dropped(Told { place, time, before, done: after, verdict: NO_BUFFER });
                continue;
            }
            done = after;
            ring[entry] = done;
            entry = if entry + 1 == ring.len() { 0 } else { entry + 1 };
            *verdict = DEDICATED;
            account.admitted(Told { place, time, before, done, verdict: DEDICATED });
        }
        (self.done, self.next_entry) = (done, entry);
        account
    }

    /// First pass, from the first request on: which packets find a dedicated entry free. An entry
    /// that is taken is not free again in this window, whenever it will be.
    pub(super) fn sort_out(&mut self, part: Part<'_>, scratch: &mut Scratch) {
        let most = self.ring.len().min(part.times.len());
        let (later, sooner) = self.ring.split_at(self.next_entry);
        let sooner = &sooner[..most.min(sooner.len())];
        let free_at = &mut scratch.free_at;
        free_at.clear();
        free_at.extend_from_slice(sooner);
        free_at.extend_from_slice(&later[..most - sooner.len()]);
        free_at.extend_from_slice(&[u64::MAX; 2]);
        // The entry after the next is looked up before it is known whether it will be the next, and
        // there is no branch: what became of one packet is not waited for.
        let (mut taken, mut soonest, mut later) = (0, free_at[0], free_at[1]);
        for (time, verdict) in part.times.iter().zip(part.verdicts) {
            let is_free = soonest <= *time;
            *verdict = u8::from(is_free) * DEDICATED;
            soonest = if is_free { later } else { soonest };
            taken += usize::from(is_free);
            later = free_at[taken + 1];
        }
        self.asked = u32::try_from(part.times.len() - taken).expect("a window has fewer packets");
    }

    /// Raises the most that was held of the reserve, where that can be: by packets granted in this
    /// window, of which none returns what it holds.
    fn raise_reserve_max(&mut self, before: usize, times: &[u64], verdicts: &[Verdict]) {
        let held = &self.reserve_done[self.returned_before..before];
        let mut returning = held.iter().peekable();
        let mut held = held.len();
        for (time, _) in times.iter().zip(verdicts).filter(|(_, verdict)| **verdict == GRANTED) {
            while returning.next_if(|done| *done <= time).is_some() {
                held -= 1;
            }
            held += 1;
            self.reserve_max = self.reserve_max.max(u32::try_from(held).expect("buffers"));
        }
    }

    /// Last pass: serves the packets from the window's first request on.
    pub(super) fn serve_tail<A: Account>(
        &mut self,
        part: Part<'_>,
        scratch: &mut Scratch,
        mut account: A,
    ) -> A {
        let Part { first, times, verdicts, .. } = part;
        let asked = self.asked as usize;
        // What was there is written over, and may be more.
        let dedicated = times.len() - asked + 1;
        scratch.free_at.resize(dedicated.max(scratch.free_at.len()), 0);
        let before = self.reserve_done.len();
        self.reserve_done.resize(before + asked + 1, 0);
        let serve = Serve {
            service: self.service,
            done: self.done,
            free_at: &mut scratch.free_at,
            dedicated: 0,
            in_reserve: &mut self.reserve_done[before..],
            granted: 0,
        };
        let (dedicated, granted);
        if A::HEARS_OF_DROPS {
            let mut serve = serve;
            for (place, (&time, &verdict)) in (first..).zip(times.iter().zip(&*verdicts)) {
                if verdict & 1 == 1 {
                    serve.packet(place, time, verdict, &mut account);
                } else {
                    let (before, done) = (serve.done, serve.done + self.service);
                    account.dropped(Told { place, time, before, done, verdict });
                }
            }
            (dedicated, granted, self.done) = (serve.dedicated, serve.granted, serve.done);
        } else {
            let mut serve = serve;
            scratch.times.resize(times.len().max(scratch.times.len()), 0);
            scratch.verdicts.resize(scratch.times.len(), NO_BUFFER);
            let mut admitted = 0;
            for (time, verdict) in times.iter().zip(&*verdicts) {
                // Written down in any case, to stay only if it is admitted: no branch.
                scratch.times[admitted] = *time;
                scratch.verdicts[admitted] = *verdict;
                admitted += usize::from(*verdict & 1);
            }
            let admitted_times = scratch.times[..admitted].iter();
            for (time, verdict) in admitted_times.zip(&scratch.verdicts[..admitted]) {
                serve.packet(first, *time, *verdict, &mut account);
            }
            (dedicated, granted, self.done) = (serve.dedicated, serve.granted, serve.done);
        }
        self.reserve_done.truncate(before + granted);
        if before + granted - self.returned_before > self.reserve_max as usize {
            self.raise_reserve_max(before, times, verdicts);
        }
        self.reserve_done.drain(..self.returned);
        self.returned = 0;
        self.reserve_held = u32::try_from(self.reserve_done.len()).expect("buffers");
        for free_at in &scratch.free_at[..dedicated] {
            self.ring[self.next_entry] = *free_at;
            self.next_entry =
                if self.next_entry + 1 == self.ring.len() { 0 } else { self.next_entry + 1 };
        }
        account
    }
}

/// A server at work on packets that are admitted.
struct Serve<'a> {
    service: u64,
    done: u64,
    /// Where the ends of service go: of packets in dedicated entries, and in the reserve.
    free_at: &'a mut [u64],
    dedicated: usize,
    in_reserve: &'a mut [u64],
    granted: usize,
}

impl Serve<'_> {
    #[inline]
    fn packet<A: Account>(&mut self, place: usize, time: u64, verdict: Verdict, account: &mut A) {
        let before = self.done;
        let done = before.max(time) + self.service;
        self.done = done;
        // Written down in both places, to stay in one: no branch.
        self.free_at[self.dedicated] = done;
        self.in_reserve[self.granted] = done;
        self.dedicated += usize::from(verdict == DEDICATED);
        self.granted += usize::from(verdict == GRANTED);
        account.admitted(Told { place, time, before, done, verdict });
    }
}
