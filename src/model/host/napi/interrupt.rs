//! When a queue is polled: coalesced interrupts, timers, and the wake-up after them.

use super::dim::{Dim, Sample};
use super::spec::{Coalescing, Defer, Moderation, NapiContext, NapiSpec};
use crate::model::distribution::Distribution;
use crate::random::{Generator, branch_off};
use crate::units::{SimDuration, SimTime};

/// The interrupt of one queue, and what stands in for it.
#[derive(Debug, Clone)]
pub(in crate::model) struct Interrupts {
    coalescing: Coalescing,
    cqe_mode: bool,
    dim: Option<Dim>,
    defer: Option<Defer>,
    busy_poll: SimDuration,
    has_thread: bool,
    wakeup: Distribution,
    wakeups: Generator,
    state: State,
    /// Polls that may still find nothing before interrupts are enabled.
    deferrals: u32,
    /// For [`Dim`].
    seen: Sample,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Interrupts are enabled, with so many completions since the last one.
    Armed { completions: u32 },
    /// An application polls for some time yet.
    Spinning,
    /// The next poll comes by timer.
    Deferred,
    /// The queue's thread is waking up.
    Waking,
    /// On its core's list, or being polled.
    Scheduled,
}

/// What has to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) enum Event {
    None,
    /// The queue's timer is to go off then.
    Timer(SimTime),
    /// The core, or the queue's thread, is awake so much later.
    Interrupt {
        wakeup: SimDuration,
    },
    /// The queue is to be polled at once.
    Ready,
}

/// A poll that found fewer packets than its budget.
#[derive(Debug, Clone, Copy)]
pub(in crate::model) struct Completed {
    /// Whether it found any.
    pub(in crate::model) found: bool,
    /// Packets that have come since it last looked.
    pub(in crate::model) waiting: usize,
}

impl Interrupts {
    pub(in crate::model) fn new(spec: &NapiSpec, wakeups: Generator) -> Self {
        let dim = (spec.moderation == Moderation::Adaptive).then(|| Dim::new(spec.cqe_mode));
        let coalescing = match spec.moderation {
            Moderation::Fixed(coalescing) => coalescing,
            Moderation::Adaptive => Dim::new(spec.cqe_mode).coalescing(),
        };
        Self {
            coalescing,
            cqe_mode: spec.cqe_mode,
            dim,
            defer: spec.defer,
            busy_poll: spec.busy_poll,
            has_thread: spec.context == NapiContext::Threads,
            wakeup: spec.wakeup.clone(),
            wakeups,
            state: State::Armed { completions: 0 },
            deferrals: 0,
            seen: Sample::default(),
        }
    }

    /// Goes on with a stream of its own.
    pub(in crate::model) fn branch_off(&mut self, chance: &mut Generator) {
        self.wakeups = branch_off(chance);
    }

    /// What is left of the wake-up of the queue's thread, drawn anew; `None` where none is under
    /// way or what is left depends on how long it has lasted.
    pub(in crate::model) fn thread_wakes(&mut self) -> Option<SimDuration> {
        if self.state != State::Waking {
            return None;
        }
        self.wakeup.memoryless_residual(&mut self.wakeups).map(SimDuration::from_ps)
    }

    /// The NIC has completed a packet.
    #[inline]
    pub(in crate::model) fn completion(&mut self, now: SimTime) -> Event {
        match self.state {
            State::Armed { completions } => self.completions(completions + 1, 1, now),
            State::Spinning => {
                self.state = State::Scheduled;
                Event::Ready
            }
            State::Deferred | State::Waking | State::Scheduled => Event::None,
        }
    }

    /// Whether something may follow from the next packet that the NIC completes.
    pub(in crate::model) fn listens(&self) -> bool {
        let Coalescing { usecs, frames } = self.coalescing;
        match self.state {
            State::Armed { completions } => {
                completions == 0 || frames > 0 || (self.cqe_mode && !usecs.is_zero())
            }
            State::Spinning => true,
            State::Deferred | State::Waking | State::Scheduled => false,
        }
    }

    /// The poll has processed a packet.
    pub(in crate::model) fn counts(&mut self, len: u32) {
        self.seen.packets += 1;
        self.seen.bytes += u64::from(len);
    }

    /// The queue's timer has gone off.
    pub(in crate::model) fn timer_due(&mut self, now: SimTime, waiting: usize) -> Event {
        match self.state {
            State::Armed { .. } => self.interrupt(),
            State::Deferred => self.wake(),
            State::Spinning => self.defer_or_arm(Completed { found: true, waiting }, now),
            State::Waking => {
                self.state = State::Scheduled;
                Event::Ready
            }
            State::Scheduled => unreachable!("a scheduled queue has no timer"),
        }
    }

    /// The queue is being polled.
    pub(in crate::model) fn polled(&self) {
        assert_eq!(self.state, State::Scheduled, "only a scheduled queue is polled");
    }

    /// A poll has completed.
    pub(in crate::model) fn completed(&mut self, completed: Completed, now: SimTime) -> Event {
        if let Some(dim) = &mut self.dim {
            self.seen.time = now;
            dim.sample(self.seen);
            self.coalescing = dim.coalescing();
        }
        if !completed.found || self.busy_poll.is_zero() {
            return self.defer_or_arm(completed, now);
        }
        if completed.waiting > 0 {
            return Event::Ready;
        }
        self.state = State::Spinning;
        Event::Timer(now + self.busy_poll)
    }

    /// `napi_complete_done`: the next poll by timer, or interrupts enabled.
    fn defer_or_arm(&mut self, completed: Completed, now: SimTime) -> Event {
        if let Some(defer) = self.defer {
            if completed.found {
                self.deferrals = defer.hard_irqs;
            }
            if self.deferrals > 0 {
                self.deferrals -= 1;
                self.state = State::Deferred;
                return Event::Timer(now + defer.timeout);
            }
        }
        self.state = State::Armed { completions: 0 };
        let waiting = u32::try_from(completed.waiting).unwrap_or(u32::MAX);
        if waiting == 0 { Event::None } else { self.completions(waiting, waiting, now) }
    }

    /// There are so many completions since the last interrupt, `new` of them from now.
    fn completions(&mut self, completions: u32, new: u32, now: SimTime) -> Event {
        let Coalescing { usecs, frames } = self.coalescing;
        if frames > 0 && completions >= frames {
            return self.interrupt();
        }
        self.state = State::Armed { completions };
        if !usecs.is_zero() && (self.cqe_mode || completions == new) {
            return Event::Timer(now + usecs);
        }
        Event::None
    }

    fn interrupt(&mut self) -> Event {
        self.seen.interrupts += 1;
        self.wake()
    }

    fn wake(&mut self) -> Event {
        self.state = if self.has_thread { State::Waking } else { State::Scheduled };
        let wakeup = SimDuration::from_ps(self.wakeup.sample(&mut self.wakeups));
        Event::Interrupt { wakeup }
    }
}
