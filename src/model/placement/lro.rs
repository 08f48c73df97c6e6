//! Receive coalescing in the NIC (LRO, hardware GRO): what it would merge, and how long it would
//! hold packets back.
//!
//! Every queue has a table of sessions, one a flow. A segment that continues its flow's session
//! is merged into it; one that does not, or no longer fits, closes it and opens another. A session
//! is also closed when its time is up, when it is full, and, the oldest, when the table has no room
//! for another flow. (mlx5 merges into reservations of 64 KiB: Linux 7.3
//! drivers/net/ethernet/mellanox/mlx5/core/en.h.)
//!
//! This is counted beside the run: rings and host see the packets as they arrive.

use super::{Genuine, Seq};
use crate::units::{SimDuration, SimTime};

/// A NIC's coalescing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LroSpec {
    /// Sessions of a queue.
    pub sessions: u32,
    /// How long a session is open, at most.
    pub timeout: SimDuration,
    /// Bytes of payload of a session, at most.
    pub max_bytes: u64,
}

/// What coalescing came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LroCounts {
    /// Segments merged, alone in their session or with others.
    pub segments: u64,
    /// Sessions closed: packets that the host would see.
    pub aggregates: u64,
    /// Of these, closed to make room for another flow.
    pub evictions: u64,
    /// Times from arrival to the session's end, summed over segments (ps).
    pub held_ps: u128,
    /// The longest of them.
    pub held_max: SimDuration,
}

/// The sessions of a queue, the oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions {
    open: Vec<Session>,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    flow: u32,
    opened: SimTime,
    next: Seq,
    bytes: u64,
    segments: u64,
    /// Sum of the arrivals since it was opened (ps).
    since_opened_ps: u128,
}

impl Sessions {
    /// A segment arrives.
    pub(super) fn arrive(
        &mut self,
        spec: &LroSpec,
        genuine: &Genuine,
        now: SimTime,
        counts: &mut LroCounts,
    ) {
        self.close_due(spec, now, counts);
        let Genuine { flow, segment, .. } = genuine;
        let payload = u64::from(segment.payload);
        if let Some(place) = self.open.iter().position(|session| session.flow == *flow) {
            let session = &self.open[place];
            if session.next != segment.seq || session.bytes + payload > spec.max_bytes {
                self.open.remove(place).close(now, counts);
            }
        }
        let place = self.open.iter().position(|session| session.flow == *flow);
        let place = place.unwrap_or_else(|| {
            if self.open.len() >= spec.sessions as usize {
                self.open.remove(0).close(now, counts);
                counts.evictions += 1;
            }
            let (bytes, segments, since_opened_ps) = (0, 0, 0);
            let (flow, next) = (*flow, segment.seq);
            self.open.push(Session { flow, opened: now, next, bytes, segments, since_opened_ps });
            self.open.len() - 1
        });
        let session = &mut self.open[place];
        session.next = segment.seq.plus(segment.payload);
        session.bytes += payload;
        session.segments += 1;
        session.since_opened_ps += u128::from((now - session.opened).as_ps());
        if session.bytes + payload > spec.max_bytes {
            self.open.remove(place).close(now, counts);
        }
    }

    /// Closes the sessions whose time is up.
    fn close_due(&mut self, spec: &LroSpec, now: SimTime, counts: &mut LroCounts) {
        let due = self.open.partition_point(|session| session.opened + spec.timeout <= now);
        for session in self.open.drain(..due) {
            session.close(session.opened + spec.timeout, counts);
        }
    }
}

impl Session {
    fn close(self, now: SimTime, counts: &mut LroCounts) {
        let open = now - self.opened;
        counts.aggregates += 1;
        counts.segments += self.segments;
        counts.held_ps += u128::from(open.as_ps()) * u128::from(self.segments);
        counts.held_ps -= self.since_opened_ps;
        counts.held_max = counts.held_max.max(open);
    }
}

impl LroCounts {
    /// Adds the counts of another run.
    pub(super) fn add(&mut self, other: &Self) {
        self.segments += other.segments;
        self.aggregates += other.aggregates;
        self.evictions += other.evictions;
        self.held_ps += other.held_ps;
        self.held_max = self.held_max.max(other.held_max);
    }
}
