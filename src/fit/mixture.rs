//! Gaps as a mixture of two exponentials, the short ones within bursts and the long ones between.
//!
//! An on-off source with exponential periods and Poisson packets while it is on (an interrupted
//! Poisson process) is a renewal process whose gaps are such a mixture (Kuczura, "The interrupted
//! Poisson process as an overflow process", Bell System Technical Journal 52(3), 1973), so that the
//! likelihood of the gaps tells all there is to know of it.

/// `share` of gaps have the mean `short`, the others the mean `long`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mixture {
    pub(super) share: f64,
    pub(super) short: f64,
    pub(super) long: f64,
}

/// On-off traffic: packets a picosecond while on, mean periods in picoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interrupted {
    pub(super) rate: f64,
    pub(super) on: f64,
    pub(super) off: f64,
}

/// Rounds of maximisation, at most.
const ROUNDS: u32 = 500;
/// The likelihood of a gap has converged when it rises by less.
const CONVERGED: f64 = 1e-10;
/// Shares of short gaps to begin with.
const BEGINNINGS: [f64; 4] = [0.5, 0.9, 0.98, 0.998];

impl Mixture {
    /// The likeliest mixture for gaps (ps) with so many of each, in rising order; `None` when they
    /// are not of two kinds.
    pub(super) fn of(gaps: &[(f64, f64)]) -> Option<Self> {
        // A gap of nothing is one too short to be seen.
        let gaps: Vec<(f64, f64)> = gaps.iter().map(|(gap, n)| (gap.max(0.5), *n)).collect();
        let best = BEGINNINGS
            .iter()
            .filter_map(|share| Self::beginning(&gaps, *share)?.maximised(&gaps))
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        let mixture = best.0;
        let proper = mixture.long > 2.0 * mixture.short && (0.0..1.0).contains(&mixture.share);
        proper.then_some(mixture)
    }

    /// The means of the shortest `share` of gaps and of the others.
    fn beginning(gaps: &[(f64, f64)], share: f64) -> Option<Self> {
        let total: f64 = gaps.iter().map(|(_, n)| n).sum();
        let (mut below, mut parts) = (0.0, [(0.0, 0.0); 2]);
        for (gap, n) in gaps {
            let part = &mut parts[usize::from(below >= share * total)];
            (part.0, part.1) = (part.0 + n * gap, part.1 + n);
            below += n;
        }
        let [(short, shorts), (long, longs)] = parts;
        (shorts > 0.0 && longs > 0.0).then(|| Self {
            share,
            short: short / shorts,
            long: long / longs,
        })
    }

    /// Expectation and maximisation in turn; with the likelihood's logarithm for a gap.
    fn maximised(mut self, gaps: &[(f64, f64)]) -> Option<(Self, f64)> {
        let total: f64 = gaps.iter().map(|(_, n)| n).sum();
        let mut last = f64::NEG_INFINITY;
        for _ in 0..ROUNDS {
            let (mut likelihood, mut shorts, mut short, mut long) = (0.0, 0.0, 0.0, 0.0);
            for (gap, n) in gaps {
                let a = self.share / self.short * (-gap / self.short).exp();
                let b = (1.0 - self.share) / self.long * (-gap / self.long).exp();
                let (sum, is_short) = (a + b, n * a / (a + b));
                likelihood += n * sum.ln();
                shorts += is_short;
                short += is_short * gap;
                long += (n - is_short) * gap;
            }
            if !(shorts > 0.0 && shorts < total && likelihood.is_finite()) {
                return None;
            }
            self = Self {
                share: shorts / total,
                short: short / shorts,
                long: long / (total - shorts),
            };
            let likelihood = likelihood / total;
            if likelihood - last < CONVERGED {
                return Some((self, likelihood));
            }
            last = likelihood;
        }
        Some((self, last))
    }

    /// The gap that is as likely of the one kind as of the other.
    pub(super) fn border(&self) -> f64 {
        let ratio = self.share / self.short / ((1.0 - self.share) / self.long);
        (ratio.ln() / (1.0 / self.short - 1.0 / self.long)).max(self.short)
    }

    /// The on-off source whose gaps these are: the relation between the two solved for it.
    pub(super) fn interrupted(&self) -> Option<Interrupted> {
        let (fast, slow) = (1.0 / self.short, 1.0 / self.long);
        let rate = self.share * fast + (1.0 - self.share) * slow;
        let begin = fast * slow / rate;
        let end = fast + slow - rate - begin;
        (begin > 0.0 && end > 0.0).then(|| Interrupted { rate, on: 1.0 / end, off: 1.0 / begin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_gives_gaps_that_give_the_source() {
        // Rate 2, on 5, off 30 on average: the gaps' mixture by Kuczura's equations.
        let (rate, end, begin) = (2.0_f64, 1.0 / 5.0, 1.0 / 30.0);
        let sum = rate + end + begin;
        let root = (sum * sum - 4.0 * rate * begin).sqrt();
        let (fast, slow) = ((sum + root) / 2.0, (sum - root) / 2.0);
        let share = (rate - slow) / (fast - slow);
        let mixture = Mixture { share, short: 1.0 / fast, long: 1.0 / slow };
        let source = mixture.interrupted().unwrap();
        for (found, true_value) in [(source.rate, 2.0), (source.on, 5.0), (source.off, 30.0)] {
            assert!((found - true_value).abs() < 1e-9, "{source:?}");
        }
    }

    #[test]
    fn the_likeliest_mixture_of_a_mixture_is_itself() {
        let truth = Mixture { share: 0.97, short: 1e6, long: 4e8 };
        // The expected number of gaps in each of many narrow bins.
        let below = |x: f64| {
            1.0 - truth.share * (-x / truth.short).exp()
                - (1.0 - truth.share) * (-x / truth.long).exp()
        };
        let edges: Vec<f64> = (0..3000).map(|k| 1e3 * 1.008_f64.powi(k)).collect();
        let gaps: Vec<(f64, f64)> = edges
            .windows(2)
            .map(|edge| ((edge[0] * edge[1]).sqrt(), 1e6 * (below(edge[1]) - below(edge[0]))))
            .filter(|(_, n)| *n > 1e-9)
            .collect();
        let found = Mixture::of(&gaps).unwrap();
        assert!((found.share - truth.share).abs() < 1e-3, "{found:?}");
        assert!((found.short / truth.short - 1.0).abs() < 0.01, "{found:?}");
        assert!((found.long / truth.long - 1.0).abs() < 0.01, "{found:?}");
        // Half of the gaps at the border are of either kind.
        let short = truth.share / truth.short * (-truth.border() / truth.short).exp();
        let long = (1.0 - truth.share) / truth.long * (-truth.border() / truth.long).exp();
        assert!((short / long - 1.0).abs() < 1e-9);
    }

    #[test]
    fn gaps_of_one_kind_are_no_mixture() {
        let gaps: Vec<(f64, f64)> =
            (1..400).map(|k| (f64::from(k) * 1e4, (-f64::from(k) / 100.0).exp() * 1e3)).collect();
        assert_eq!(Mixture::of(&gaps), None);
        assert_eq!(Mixture::of(&[(1e6, 50.0)]), None);
        assert_eq!(Mixture::of(&[]), None);
    }
}
