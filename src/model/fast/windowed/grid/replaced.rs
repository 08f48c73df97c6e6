//! What the leader did in queues that a member has of its own.

use super::Span;
use crate::model::fast::windowed::Lanes;
use crate::model::fast::windowed::books::{Account, Books, Exact, QueueBooks, Sums, Told};
use crate::model::fast::windowed::lane::Lane;
use crate::model::fast::windowed::packets::{Packets, Part};

/// Books of what the leader did in a member's own queues: no part of what the member did.
#[derive(Debug)]
pub(super) struct Replaced {
    pub(super) books: Books,
    pub(super) queues: Vec<QueueBooks>,
}

/// From when on a queue is a member's own in the window under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    pub(super) queue: usize,
    /// The place of the first packet.
    pub(super) place: usize,
    /// When the leader's packets before are done.
    pub(super) done: u64,
}

impl Replaced {
    /// Everything that the leader did so far.
    pub(super) fn all(leader: &Lanes<'_>) -> Self {
        Self { books: leader.books.clone(), queues: leader.queues.clone() }
    }

    /// Adds the packets of the leader's queue in a window.
    pub(super) fn add(
        &mut self,
        lane: &Lane,
        since: &Since,
        (packets, longest): (&mut Packets, u64),
        span: Span,
    ) {
        let part = packets.part(since.place..lane.places.end);
        let (own, books) = (&mut self.queues[since.queue], &mut self.books);
        if part.times.is_empty() {
            return;
        }
        if span.in_sums {
            let sums = Sums::new(&mut books.totals.sojourn, longest);
            let total = replay(&part, lane.service, since.done, sums).total();
            books.add(own, &total);
            books.add_drops(own, &part, total.admitted, since.done);
        } else {
            replay(&part, lane.service, since.done, Exact { own, books, tags: part.tags });
        }
    }
}

/// Tells of packets whose fates are known; those before are done at `done`.
fn replay<A: Account>(part: &Part<'_>, service: u64, mut done: u64, mut account: A) -> A {
    let packets = part.times.iter().zip(&*part.verdicts);
    for (place, (&time, &verdict)) in (part.first..).zip(packets) {
        let (before, after) = (done, done.max(time) + service);
        let told = Told { place, time, before, done: after, verdict };
        if verdict & 1 == 1 {
            done = after;
            account.admitted(told);
        } else {
            account.dropped(told);
        }
    }
    account
}
