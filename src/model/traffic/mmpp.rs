//! Markov-modulated Poisson processes, and self-similar counts made of them.

use crate::units::{PacketRate, round_to_u64, to_f64};

/// Poisson packets whose rate is set by a Markov chain in continuous time.
#[derive(Debug, Clone, PartialEq)]
pub struct MmppSpec {
    rates: Vec<PacketRate>,
    /// Mean time that the chain stays in each state, in picoseconds.
    sojourns: Vec<f64>,
    /// Where it goes from each state: probabilities.
    next: Vec<Vec<f64>>,
    /// Long-run share of time in each state.
    stationary: Vec<f64>,
    /// The first this many queues share one chain; 0 and 1: all independent.
    pub in_phase: usize,
}

/// Why a chain is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MmppError {
    /// No way leads out of this state.
    NoWayOut(usize),
    /// No way leads from the first of these states to the second.
    NoWay(usize, usize),
}

impl MmppSpec {
    /// A chain that is in state `i` with `rates[i]` and changes from `i` to `j` at the rate
    /// `transition[i][j]`, in changes a picosecond; the diagonal is not looked at.
    ///
    /// # Errors
    /// [`MmppError`] unless every state can be reached from every other.
    ///
    /// # Panics
    /// Unless `transition` is square, has a row for each rate, and no number in it is negative.
    pub fn new(
        rates: Vec<PacketRate>,
        transition: &[Vec<f64>],
        in_phase: usize,
    ) -> Result<Self, MmppError> {
        let states = rates.len();
        assert!(states > 0 && transition.len() == states, "a row of changes for each rate");
        let changes = |state: usize| {
            let row = transition[state].iter().enumerate();
            row.map(|(to, rate)| if to == state { 0.0 } else { *rate }).collect::<Vec<f64>>()
        };
        let changes: Vec<Vec<f64>> = (0..states).map(changes).collect();
        let valid = |row: &Vec<f64>| row.len() == states && row.iter().all(|rate| *rate >= 0.0);
        assert!(changes.iter().all(valid), "a square of rates");
        check_ways(&changes)?;
        let leave = |row: &Vec<f64>| row.iter().sum::<f64>();
        let next = |row: &Vec<f64>| row.iter().map(|rate| rate / leave(row)).collect();
        Ok(Self {
            sojourns: changes.iter().map(|row| 1.0 / leave(row)).collect(),
            next: changes.iter().map(next).collect(),
            stationary: stationary(changes),
            rates,
            in_phase,
        })
    }

    /// Packets per second in the state of the highest rate, and the mean time in it in picoseconds.
    #[must_use]
    pub fn peak(&self) -> (f64, f64) {
        let states = self.rates.iter().zip(&self.sojourns);
        let states = states.map(|(rate, sojourn)| (rate.per_second(), *sojourn));
        states.max_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or((0.0, 0.0))
    }

    /// Changes the rate of each state.
    ///
    /// # Errors
    /// The first that `change` gives.
    pub(crate) fn map_rates<E>(
        &mut self,
        change: impl Fn(PacketRate) -> Result<PacketRate, E>,
    ) -> Result<(), E> {
        self.rates.iter_mut().try_for_each(|rate| {
            *rate = change(*rate)?;
            Ok(())
        })
    }

    /// Counts of mean `rate` that are self-similar with parameter `hurst` over scales of time from
    /// `shortest` to `longest` (ps): four on-off sources, superposed to one chain.
    ///
    /// A power law is a mixture of exponentials: `t^-b = 1 / G(b) x integral of s^(b-1) exp(-s t)
    /// ds`. Taken at values of `s` in geometric progression, each has the weight `s^b`. The rate of
    /// an on-off source with mean periods `T`, on and off, and rate `a` while on has the
    /// autocovariance `a^2 / 4 x exp(-2 t / T)`. So sources of periods `T` with `a ~ T^(H-1)`
    /// together have one that falls as `t^-(2-2H)` between the scales, which makes counts
    /// self-similar there. The idea, and that four sources are enough for several scales, is that
    /// of Andersen and Nielsen, "A Markovian approach for modeling packet traffic with long-range
    /// dependence", IEEE JSAC 16(5), 1998.
    ///
    /// # Panics
    /// Unless `0.5 < hurst < 1`, and `shortest` is above zero and below `longest`.
    #[must_use]
    pub fn self_similar(
        rate: PacketRate,
        hurst: f64,
        shortest: u64,
        longest: u64,
        in_phase: usize,
    ) -> Self {
        assert!(hurst > 0.5 && hurst < 1.0, "a Hurst parameter of {hurst}");
        assert!(0 < shortest && shortest < longest, "scales from {shortest} to {longest} ps");
        let ratio = (to_f64(longest) / to_f64(shortest)).powf(1.0 / to_f64(SOURCES as u64 - 1));
        let periods: Vec<f64> =
            (0..SOURCES).map(|k| to_f64(shortest) * ratio.powf(to_f64(k as u64))).collect();
        let weights: Vec<f64> = periods.iter().map(|period| period.powf(hurst - 1.0)).collect();
        let total: f64 = weights.iter().sum();
        // Bit k of a state says whether source k is on.
        let is_on = |state: usize, source: usize| state >> source & 1 == 1;
        let states = 1 << SOURCES;
        let rate_of = |state: usize| {
            let on = (0..SOURCES).filter(|k| is_on(state, *k)).map(|k| weights[k]).sum::<f64>();
            // Each source is on half of the time.
            let per_second = 2.0 * rate.per_second() * on / total;
            PacketRate::new(u128::from(round_to_u64(per_second * 1e6)), 1_000_000_000_000_000_000)
                .expect("no more than twice a rate that exists")
        };
        let row = |state: usize| {
            let mut row = vec![0.0; states];
            for (source, period) in periods.iter().enumerate() {
                row[state ^ 1 << source] = 1.0 / period;
            }
            row
        };
        let transition: Vec<Vec<f64>> = (0..states).map(row).collect();
        Self::new((0..states).map(rate_of).collect(), &transition, in_phase)
            .expect("any source may turn on or off")
    }

    /// Mean packets per second.
    #[must_use]
    pub fn mean_rate(&self) -> f64 {
        self.rates.iter().zip(&self.stationary).map(|(rate, p)| rate.per_second() * p).sum()
    }

    /// Mean changes of state per second.
    #[must_use]
    pub fn changes(&self) -> f64 {
        self.sojourns.iter().zip(&self.stationary).map(|(mean, p)| 1e12 * p / mean).sum()
    }

    /// Long-run share of time in each state.
    #[must_use]
    pub fn stationary(&self) -> &[f64] {
        &self.stationary
    }

    pub(super) fn rate(&self, state: usize) -> PacketRate {
        self.rates[state]
    }

    pub(super) fn mean_sojourn_ps(&self, state: usize) -> f64 {
        self.sojourns[state]
    }

    pub(super) fn next_states(&self, state: usize) -> &[f64] {
        &self.next[state]
    }

    /// Whether no state has a higher rate. From the entry into one such state to the next, all
    /// begins afresh.
    pub(super) fn is_peak(&self, state: usize) -> bool {
        let gap = |rate: &PacketRate| rate.mean_gap_ps();
        self.rates.iter().all(|other| gap(other) >= gap(&self.rates[state]))
    }
}

/// On-off sources of self-similar counts.
const SOURCES: usize = 4;

/// Every state must be reached from every other.
fn check_ways(changes: &[Vec<f64>]) -> Result<(), MmppError> {
    let states = changes.len();
    let leads = |from: usize, to: usize| changes[from][to] > 0.0;
    if let Some(stuck) = (0..states).find(|from| !(0..states).any(|to| leads(*from, to))) {
        return Err(MmppError::NoWayOut(stuck));
    }
    for from in 0..states {
        let mut reached = vec![false; states];
        reached[from] = true;
        let mut open = vec![from];
        while let Some(state) = open.pop() {
            for (to, reached) in reached.iter_mut().enumerate() {
                if leads(state, to) && !*reached {
                    *reached = true;
                    open.push(to);
                }
            }
        }
        if let Some(to) = reached.iter().position(|reached| !reached) {
            return Err(MmppError::NoWay(from, to));
        }
    }
    Ok(())
}

/// The long-run shares of time of an irreducible chain, by state reduction without subtraction
/// (Grassmann, Taksar and Heyman, Operations Research 33(5), 1985).
fn stationary(mut changes: Vec<Vec<f64>>) -> Vec<f64> {
    let states = changes.len();
    for last in (1..states).rev() {
        let leave: f64 = changes[last][..last].iter().sum();
        for from in 0..last {
            changes[from][last] /= leave;
            for to in 0..last {
                let detour = changes[from][last] * changes[last][to];
                changes[from][to] += detour;
            }
        }
    }
    let mut shares = vec![1.0; states];
    for state in 1..states {
        shares[state] = (0..state).map(|from| shares[from] * changes[from][state]).sum();
    }
    let total: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= total);
    shares
}

#[cfg(test)]
mod tests;
