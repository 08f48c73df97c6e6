//! Finite Markov chains: exploration from one state, and the stationary distribution.

use std::collections::BTreeMap;

/// Multiplications the elimination may spend before the iteration takes over
/// (a dense chain of 800 states, or a long one with a narrow band).
const ELIMINATION_BUDGET: usize = 600_000_000;

/// L1 norm of the imbalance, relative to the total flow, at which the iteration stops.
const RESIDUAL: f64 = 1e-13;

/// Sweeps after which the iteration gives up.
const MAX_SWEEPS: usize = 200_000;

/// Unnormalised probabilities are scaled down by this factor once one of them exceeds its inverse.
pub(super) const SHRINK: f64 = 1e-200;

/// A Markov chain in continuous time, or one in discrete time whose jump probabilities are rates.
#[derive(Debug)]
pub(super) struct Chain<S> {
    states: Vec<S>,
    edges: Vec<Vec<(usize, f64)>>,
}

impl<S: Clone + Ord> Chain<S> {
    /// All states reachable from `start`, breadth first. `jumps` lists where a state can go and at
    /// which rate; `start` must be recurrent. Jumps to the same state or of rate zero are dropped.
    pub(super) fn explore(start: S, jumps: impl Fn(&S) -> Vec<(S, f64)>) -> Self {
        let mut index = BTreeMap::from([(start.clone(), 0)]);
        let mut states = vec![start];
        let mut edges: Vec<Vec<(usize, f64)>> = Vec::new();
        while edges.len() < states.len() {
            let from = edges.len();
            let mut row = Vec::new();
            for (target, rate) in jumps(&states[from]) {
                if rate > 0.0 && target != states[from] {
                    let to = *index.entry(target.clone()).or_insert_with(|| {
                        states.push(target);
                        states.len() - 1
                    });
                    row.push((to, rate));
                }
            }
            edges.push(row);
        }
        Self { states, edges }
    }
}

impl<S> Chain<S> {
    /// Number of states.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// Mean of `value` over the distribution `pi`.
    pub(super) fn mean(&self, pi: &[f64], value: impl Fn(&S) -> f64) -> f64 {
        pi.iter().zip(&self.states).map(|(p, state)| p * value(state)).sum()
    }

    /// The stationary distribution, in order of discovery.
    pub(super) fn stationary(&self) -> Vec<f64> {
        let half = self.half_band();
        if self.len().saturating_mul(half).saturating_mul(half) <= ELIMINATION_BUDGET {
            self.eliminate(half)
        } else {
            self.iterate()
        }
    }

    /// The largest distance between the numbers of two neighbouring states.
    fn half_band(&self) -> usize {
        let spans = self
            .edges
            .iter()
            .enumerate()
            .flat_map(|(from, row)| row.iter().map(move |&(to, _)| to.abs_diff(from)));
        spans.max().unwrap_or(0)
    }

    /// State reduction without subtractions (Grassmann, Taksar & Heyman, Operations Research 33(5),
    /// 1985) on a band matrix: every probability is exact to a small relative error.
    fn eliminate(&self, half: usize) -> Vec<f64> {
        let count = self.len();
        let width = 2 * half + 1;
        let cell = |row: usize, column: usize| row * width + (column + half - row);
        let mut rates = vec![0.0; count * width];
        for (from, row) in self.edges.iter().enumerate() {
            for &(to, rate) in row {
                rates[cell(from, to)] += rate;
            }
        }
        for last in (1..count).rev() {
            let low = last.saturating_sub(half);
            let (rest, row) = rates.split_at_mut(cell(last, low));
            let row = &row[..last - low];
            let down: f64 = row.iter().sum();
            assert!(down > 0.0, "the chain is irreducible");
            for upper in low..last {
                let through = rest[cell(upper, last)] / down;
                rest[cell(upper, last)] = through;
                let target = &mut rest[cell(upper, low)..cell(upper, last)];
                for (sum, &rate) in target.iter_mut().zip(row) {
                    *sum += through * rate;
                }
            }
        }
        let mut pi = vec![1.0];
        for next in 1..count {
            let low = next.saturating_sub(half);
            let p: f64 = (low..next).map(|from| pi[from] * rates[cell(from, next)]).sum();
            push_scaled(&mut pi, p);
        }
        normalise(&mut pi);
        pi
    }

    /// Gauss-Seidel sweeps, forth and back, until the imbalance is below `RESIDUAL`. Unlike the
    /// elimination this bounds the absolute error only: probabilities far below it are not exact.
    fn iterate(&self) -> Vec<f64> {
        let count = self.len();
        let mut incoming = vec![Vec::new(); count];
        for (from, row) in self.edges.iter().enumerate() {
            for &(to, rate) in row {
                incoming[to].push((from, rate));
            }
        }
        let leaving: Vec<f64> =
            self.edges.iter().map(|row| row.iter().map(|edge| edge.1).sum()).collect();
        let inflow = |pi: &[f64], to: usize| -> f64 {
            incoming[to].iter().map(|&(from, rate)| pi[from] * rate).sum()
        };
        let mut pi = vec![1.0; count];
        for _ in 0..MAX_SWEEPS {
            for to in (0..count).chain((0..count).rev()) {
                pi[to] = inflow(&pi, to) / leaving[to];
            }
            normalise(&mut pi);
            let outflow: f64 = pi.iter().zip(&leaving).map(|(p, rate)| p * rate).sum();
            let imbalance: f64 =
                (0..count).map(|to| (inflow(&pi, to) - pi[to] * leaving[to]).abs()).sum();
            if imbalance <= RESIDUAL * outflow {
                return pi;
            }
        }
        panic!("the iteration did not settle within {MAX_SWEEPS} sweeps");
    }
}

/// Appends `weight`, after shrinking all weights if it has grown too large for the next step.
pub(super) fn push_scaled(weights: &mut Vec<f64>, weight: f64) {
    weights.push(weight);
    if weight > 1.0 / SHRINK {
        weights.iter_mut().for_each(|w| *w *= SHRINK);
    }
}

/// Divides the weights by their sum.
pub(super) fn normalise(weights: &mut [f64]) {
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= total);
}

#[cfg(test)]
mod tests {
    use super::super::assert_close;
    use super::Chain;

    /// Two queues of unequal load on a torus-like grid, with a jump back to the origin.
    fn sample() -> Chain<(usize, usize)> {
        Chain::explore((0, 0), |&(x, y)| {
            vec![
                (((x + 1) % 9, y), 0.7),
                ((x, (y + 1).min(6)), 0.4),
                ((x, y.saturating_sub(1)), 1.0),
                ((0, 0), 0.01),
            ]
        })
    }

    #[test]
    fn birth_death_chain_is_geometric() {
        let chain = Chain::explore(0_usize, |&n| {
            let mut jumps = vec![((n + 1).min(400), 0.01)];
            if n > 0 {
                jumps.push((n - 1, 1.0));
            }
            jumps
        });
        assert_eq!(chain.len(), 401);
        let pi = chain.stationary();
        assert_close(pi[0], 0.99, 1e-14);
        assert_close(pi[120], 0.99e-240, 1e-12);
    }

    #[test]
    fn growing_weights_are_scaled_in_time() {
        let chain = Chain::explore(0_usize, |&n| {
            vec![((n + 1).min(900), 10.0), (n.saturating_sub(1), 1.0)]
        });
        let pi = chain.stationary();
        assert_close(pi[900], 0.9, 1e-13);
        assert_close(pi[800], 0.9e-100, 1e-12);
    }

    #[test]
    fn iteration_agrees_with_elimination() {
        let chain = sample();
        assert_eq!(chain.len(), 63);
        let exact = chain.eliminate(chain.half_band());
        for (iterated, eliminated) in chain.iterate().into_iter().zip(exact) {
            assert_close(iterated, eliminated, 1e-10);
        }
    }

    #[test]
    fn a_chain_too_wide_to_eliminate_is_iterated() {
        let count = 900_usize;
        let chain = Chain::explore(0_usize, |&n| {
            vec![((n + 1) % count, 1.0), ((n * 7 + 3) % count, 0.5), (0, 0.25)]
        });
        let half = chain.half_band();
        assert!(chain.len() * half * half > super::ELIMINATION_BUDGET);
        let pi = chain.stationary();
        assert_close(chain.mean(&pi, |_| 1.0), 1.0, 1e-14);
        let exact = chain.eliminate(half);
        let distance: f64 = pi.iter().zip(exact).map(|(p, e)| (p - e).abs()).sum();
        assert!(distance < 1e-11, "{distance:e}");
    }
}
