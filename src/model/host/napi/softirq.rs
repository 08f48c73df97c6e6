//! Whose turn it is on a core: the softirq's lists, or the threads that are ready.
//!
//! `net_rx_action` (Linux 7.3 net/core/dev.c) takes the core's poll list and polls each of it once;
//! one that used its budget is polled again by the next run, which comes at once. A run ends early,
//! squeezed, when `netdev_budget` packets or `netdev_budget_usecs` are used up; what is left of the
//! list goes before those scheduled since, and these before those to be polled again. After a
//! squeeze, ten runs or 2 ms (`MAX_SOFTIRQ_RESTART`, `MAX_SOFTIRQ_TIME` of kernel/softirq.c)
//! ksoftirqd has to be scheduled before the next run.

use std::collections::VecDeque;

use super::spec::NapiContext;
use crate::id::QueueId;
use crate::model::distribution::Distribution;
use crate::random::{Generator, branch_off};
use crate::units::{SimDuration, SimTime};

/// Runs after which the softirq gives way (`MAX_SOFTIRQ_RESTART`).
const RUNS_MAX: u32 = 10;

/// Time after which it does (`MAX_SOFTIRQ_TIME`).
const TIME_MAX: SimDuration = SimDuration::from_us(2_000);

/// The queues that wait for a poll on one core.
#[derive(Debug, Clone)]
pub(in crate::model) enum Turns {
    Softirq(Softirq),
    /// Threads take turns poll by poll: each calls `cond_resched` after one
    /// (`napi_threaded_poll_loop`).
    Threads(VecDeque<QueueId>),
}

/// `struct softnet_data`, as far as it is needed.
#[derive(Debug, Clone)]
pub(in crate::model) struct Softirq {
    netdev_budget: u32,
    netdev_budget_usecs: SimDuration,
    ksoftirqd_delay: Distribution,
    delays: Generator,
    /// Scheduled since the run under way began.
    poll_list: VecDeque<QueueId>,
    /// To be polled by the run under way; `None`: no run is under way.
    run: Option<Run>,
    /// Of this softirq or turn of ksoftirqd: runs so far, and its beginning.
    runs: u32,
    entered: SimTime,
}

#[derive(Debug, Clone)]
struct Run {
    list: VecDeque<QueueId>,
    repoll: VecDeque<QueueId>,
    budget: u32,
    begun: SimTime,
}

/// What follows a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) enum Then {
    /// Another poll.
    Poll,
    /// Another poll once ksoftirqd has been scheduled, so much later.
    Ksoftirqd(SimDuration),
    /// Nothing.
    Idle,
}

/// How a poll ended.
#[derive(Debug, Clone, Copy)]
pub(in crate::model) struct Polled {
    pub(in crate::model) queue: QueueId,
    pub(in crate::model) packets: u32,
    /// It used its budget, so that it is polled again.
    pub(in crate::model) again: bool,
}

impl Turns {
    pub(in crate::model) fn new(context: &NapiContext, delays: Generator) -> Self {
        match context {
            NapiContext::Threads => Self::Threads(VecDeque::new()),
            NapiContext::Softirq { netdev_budget, netdev_budget_usecs, ksoftirqd_delay } => {
                Self::Softirq(Softirq {
                    netdev_budget: *netdev_budget,
                    netdev_budget_usecs: *netdev_budget_usecs,
                    ksoftirqd_delay: ksoftirqd_delay.clone(),
                    delays,
                    poll_list: VecDeque::new(),
                    run: None,
                    runs: 0,
                    entered: SimTime::ZERO,
                })
            }
        }
    }

    /// Goes on with a stream of its own.
    pub(in crate::model) fn branch_off(&mut self, chance: &mut Generator) {
        if let Self::Softirq(softirq) = self {
            softirq.delays = branch_off(chance);
        }
    }

    /// The queue is to be polled.
    pub(in crate::model) fn schedule(&mut self, queue: QueueId) {
        match self {
            Self::Softirq(softirq) => softirq.poll_list.push_back(queue),
            Self::Threads(ready) => ready.push_back(queue),
        }
    }

    /// The softirq is entered anew, from an interrupt or by ksoftirqd.
    pub(in crate::model) fn enter(&mut self, now: SimTime) {
        if let Self::Softirq(softirq) = self {
            (softirq.runs, softirq.entered) = (0, now);
        }
    }

    /// The queue to poll now.
    pub(in crate::model) fn next(&mut self, now: SimTime) -> QueueId {
        let next = match self {
            Self::Softirq(softirq) => softirq.next(now),
            Self::Threads(ready) => ready.pop_front(),
        };
        next.expect("a core that runs has something to poll")
    }

    /// A poll is over; counts a squeeze in `squeezes`.
    pub(in crate::model) fn polled(
        &mut self,
        polled: Polled,
        now: SimTime,
        squeezes: &mut u64,
    ) -> Then {
        match self {
            Self::Softirq(softirq) => softirq.polled(polled, now, squeezes),
            Self::Threads(ready) => {
                if polled.again {
                    ready.push_back(polled.queue);
                }
                if ready.is_empty() { Then::Idle } else { Then::Poll }
            }
        }
    }
}

impl Softirq {
    fn next(&mut self, now: SimTime) -> Option<QueueId> {
        let run = self.run.get_or_insert_with(|| Run {
            list: std::mem::take(&mut self.poll_list),
            repoll: VecDeque::new(),
            budget: self.netdev_budget,
            begun: now,
        });
        run.list.pop_front()
    }

    fn polled(&mut self, polled: Polled, now: SimTime, squeezes: &mut u64) -> Then {
        let run = self.run.as_mut().expect("a poll belongs to a run");
        if polled.again {
            run.repoll.push_back(polled.queue);
        }
        run.budget = run.budget.saturating_sub(polled.packets);
        let squeezed = run.budget == 0 || now - run.begun >= self.netdev_budget_usecs;
        *squeezes += u64::from(squeezed);
        if !squeezed {
            if run.list.is_empty() && run.repoll.is_empty() {
                // What was scheduled meanwhile belongs to this run, too.
                run.list = std::mem::take(&mut self.poll_list);
            }
            if !run.list.is_empty() {
                return Then::Poll;
            }
        }
        let Some(Run { mut list, mut repoll, .. }) = self.run.take() else { return Then::Idle };
        list.append(&mut self.poll_list);
        list.append(&mut repoll);
        self.poll_list = list;
        if self.poll_list.is_empty() {
            return Then::Idle;
        }
        self.runs += 1;
        if squeezed || self.runs >= RUNS_MAX || now - self.entered >= TIME_MAX {
            let delay = self.ksoftirqd_delay.sample(&mut self.delays);
            return Then::Ksoftirqd(SimDuration::from_ps(delay));
        }
        Then::Poll
    }
}
