//! Dynamic interrupt moderation: `lib/dim/net_dim.c` and `lib/dim/dim.c` of Linux 7.3.
//!
//! Every 64 interrupts the bytes, packets and interrupts of a millisecond are compared with those
//! of the measurement before; the profile goes on in its direction while things get better, and
//! turns back when they do not. Where a driver applies a profile in a work item, here it applies at
//! once.

use super::spec::Coalescing;
use crate::units::{SimDuration, SimTime};

/// Interrupts between two looks (`DIM_NEVENTS`).
const EVENTS: u64 = 64;

/// Where a queue starts (`NET_DIM_DEF_PROFILE_EQE` and `_CQE`).
const START: usize = 1;

/// Profiles a table has (`NET_DIM_PARAMS_NUM_PROFILES`).
const PROFILES: usize = 5;

/// Microseconds and packets (`NET_DIM_RX_EQE_PROFILES`).
const EQE: [(u64, u32); PROFILES] = [(1, 256), (8, 256), (64, 256), (128, 256), (256, 256)];

/// Microseconds and packets (`NET_DIM_RX_CQE_PROFILES`).
const CQE: [(u64, u32); PROFILES] = [(2, 256), (8, 128), (16, 64), (32, 64), (64, 64)];

/// What has been received so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) time: SimTime,
    pub(super) interrupts: u64,
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

/// The moderation of one queue.
#[derive(Debug, Clone)]
pub(super) struct Dim {
    table: &'static [(u64, u32); PROFILES],
    profile: usize,
    state: Tuning,
    steps_right: u32,
    steps_left: u32,
    tired: usize,
    /// Where the measurement under way began; `None`: it begins with the next sample.
    start: Option<Sample>,
    before: Rates,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tuning {
    ParkingOnTop,
    ParkingTired,
    GoingRight,
    GoingLeft,
}

/// Per millisecond, rounded up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Rates {
    bytes: u64,
    packets: u64,
    interrupts: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    Better,
    Same,
    Worse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Stepped,
    TooTired,
    OnEdge,
}

impl Dim {
    pub(super) fn new(cqe_mode: bool) -> Self {
        Self {
            table: if cqe_mode { &CQE } else { &EQE },
            profile: START,
            // A zeroed `struct dim`: the first of the enumerators.
            state: Tuning::ParkingOnTop,
            steps_right: 0,
            steps_left: 0,
            tired: 0,
            start: None,
            before: Rates::default(),
        }
    }

    /// The values in force.
    pub(super) fn coalescing(&self) -> Coalescing {
        let (usecs, frames) = self.table[self.profile];
        Coalescing { usecs: SimDuration::from_us(usecs), frames }
    }

    /// A poll has completed (`net_dim`).
    pub(super) fn sample(&mut self, now: Sample) {
        let Some(start) = self.start else {
            self.start = Some(now);
            return;
        };
        if now.interrupts - start.interrupts < EVENTS {
            return;
        }
        let Some(rates) = Rates::between(&start, &now) else { return };
        let changed = self.decide(rates);
        self.start = (!changed).then_some(now);
    }

    /// `net_dim_decision`: whether the profile has changed.
    fn decide(&mut self, rates: Rates) -> bool {
        let (state, profile) = (self.state, self.profile);
        match state {
            Tuning::ParkingOnTop => {
                if rates.compare(&self.before) != Compared::Same {
                    self.exit_parking();
                }
            }
            Tuning::ParkingTired => {
                self.tired -= 1;
                if self.tired == 0 {
                    self.exit_parking();
                }
            }
            Tuning::GoingRight | Tuning::GoingLeft => {
                if rates.compare(&self.before) != Compared::Better {
                    self.turn();
                }
                if self.is_on_top() {
                    self.park(Tuning::ParkingOnTop);
                } else {
                    match self.step() {
                        Step::Stepped => {}
                        Step::OnEdge => self.park(Tuning::ParkingOnTop),
                        Step::TooTired => self.park(Tuning::ParkingTired),
                    }
                }
            }
        }
        if state != Tuning::ParkingOnTop || self.state != Tuning::ParkingOnTop {
            self.before = rates;
        }
        self.profile != profile
    }

    /// `net_dim_step`.
    fn step(&mut self) -> Step {
        if self.tired == PROFILES * 2 {
            return Step::TooTired;
        }
        match self.state {
            Tuning::ParkingOnTop | Tuning::ParkingTired => {}
            Tuning::GoingRight if self.profile == PROFILES - 1 => return Step::OnEdge,
            Tuning::GoingRight => {
                self.profile += 1;
                self.steps_right += 1;
            }
            Tuning::GoingLeft if self.profile == 0 => return Step::OnEdge,
            Tuning::GoingLeft => {
                self.profile -= 1;
                self.steps_left += 1;
            }
        }
        self.tired += 1;
        Step::Stepped
    }

    /// `net_dim_exit_parking`.
    fn exit_parking(&mut self) {
        self.state = if self.profile > 0 { Tuning::GoingLeft } else { Tuning::GoingRight };
        self.step();
    }

    /// `dim_turn`.
    fn turn(&mut self) {
        match self.state {
            Tuning::ParkingOnTop | Tuning::ParkingTired => {}
            Tuning::GoingRight => {
                self.state = Tuning::GoingLeft;
                self.steps_left = 0;
            }
            Tuning::GoingLeft => {
                self.state = Tuning::GoingRight;
                self.steps_right = 0;
            }
        }
    }

    /// `dim_on_top`: the last step overshot the best profile.
    fn is_on_top(&self) -> bool {
        match self.state {
            Tuning::ParkingOnTop | Tuning::ParkingTired => true,
            Tuning::GoingRight => self.steps_left > 1 && self.steps_right == 1,
            Tuning::GoingLeft => self.steps_right > 1 && self.steps_left == 1,
        }
    }

    /// `dim_park_on_top` and `dim_park_tired`.
    fn park(&mut self, state: Tuning) {
        (self.steps_right, self.steps_left) = (0, 0);
        if state == Tuning::ParkingOnTop {
            self.tired = 0;
        }
        self.state = state;
    }
}

impl Rates {
    /// `dim_calc_stats`; `None` within less than a microsecond.
    fn between(start: &Sample, end: &Sample) -> Option<Self> {
        let us = (end.time - start.time).as_ps() / 1_000_000;
        let per_ms = |count: u64| (count * 1_000).div_ceil(us);
        (us > 0).then(|| Self {
            bytes: per_ms(end.bytes - start.bytes),
            packets: per_ms(end.packets - start.packets),
            interrupts: per_ms(EVENTS),
        })
    }

    /// `net_dim_stats_compare`: more bytes, then more packets, then fewer interrupts are better.
    fn compare(&self, before: &Self) -> Compared {
        let better = |is_better: bool| if is_better { Compared::Better } else { Compared::Worse };
        if before.bytes == 0 {
            return if self.bytes > 0 { Compared::Better } else { Compared::Same };
        }
        if differs(self.bytes, before.bytes) {
            return better(self.bytes > before.bytes);
        }
        if before.packets == 0 {
            return if self.packets > 0 { Compared::Better } else { Compared::Same };
        }
        if differs(self.packets, before.packets) {
            return better(self.packets > before.packets);
        }
        if differs(self.interrupts, before.interrupts) {
            return better(self.interrupts < before.interrupts);
        }
        Compared::Same
    }
}

/// By more than 10 % (`IS_SIGNIFICANT_DIFF`).
fn differs(value: u64, reference: u64) -> bool {
    reference > 0 && 100 * value.abs_diff(reference) / reference > 10
}

#[cfg(test)]
mod tests;
