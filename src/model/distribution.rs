//! Distributions of times, sizes and counts.
//!
//! One type for all three: values are picoseconds, bytes or packets, as the place of use says.
//! Samples are rounded to the nearest whole number. Each stream's numbers are a fixed sequence of
//! operations on one generator; exponentials use the ziggurat of `rand_distr`.

use rand::Rng as _;
use rand_distr::{Distribution as _, Exp1, Gamma, StandardNormal};
use statrs::function::erf::{erfc, erfc_inv};

use crate::random::Generator;
use crate::units::{round_to_u64, to_f64};

mod empirical;

pub use empirical::Empirical;

/// A distribution of non-negative whole numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// Always this value; draws nothing.
    Constant(u64),
    /// Exponential with this mean.
    Exponential {
        /// The mean.
        mean: f64,
    },
    /// Every whole number from `min` to `max`, equally likely.
    Uniform {
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
    },
    /// `exp(mu + sigma z)` with z standard normal.
    LogNormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Pareto from `min` with tail index `shape`, truncated at `max` if there is one.
    Pareto {
        /// Least value.
        min: f64,
        /// Tail index.
        shape: f64,
        /// Greatest value; the distribution is conditioned on staying below it.
        max: Option<f64>,
    },
    /// Weibull: `P(X > x) = exp(-(x / scale)^shape)`.
    Weibull {
        /// Scale.
        scale: f64,
        /// Shape.
        shape: f64,
    },
    /// A mixture of exponentials, weights summing to 1.
    HyperExponential {
        /// The mean of each branch.
        means: Vec<f64>,
        /// The probability of each branch.
        weights: Vec<f64>,
    },
    /// Geometric on 1, 2, 3 ... with this mean.
    Geometric {
        /// The mean, at least 1.
        mean: f64,
    },
    /// A measured distribution, straight lines between the points of its CDF.
    Empirical(Empirical),
    /// A few values with weights summing to 1.
    Discrete {
        /// The values.
        values: Vec<u64>,
        /// The probability of each.
        weights: Vec<f64>,
    },
}

/// Where in its current period a stationary renewal process stands at time zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InProgress {
    /// Time since the period began.
    pub age: u64,
    /// Time until it ends.
    pub residual: u64,
}

impl Distribution {
    /// The mean value; infinite for a Pareto tail of index 1 or less without a `max`.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            Self::Constant(value) => to_f64(*value),
            Self::Exponential { mean } | Self::Geometric { mean } => *mean,
            Self::Uniform { min, max } => f64::midpoint(to_f64(*min), to_f64(*max)),
            Self::LogNormal { mu, sigma } => (mu + sigma * sigma / 2.0).exp(),
            Self::Pareto { min, shape, max } => pareto_mean(*min, *shape, *max),
            Self::Weibull { scale, shape } => {
                scale * statrs::function::gamma::gamma(1.0 + 1.0 / shape)
            }
            Self::HyperExponential { means, weights } => dot(means, weights),
            Self::Empirical(empirical) => empirical.mean(),
            Self::Discrete { values, weights } => {
                values.iter().zip(weights).map(|(value, weight)| to_f64(*value) * weight).sum()
            }
        }
    }

    /// Whether every value is the same, so that nothing is drawn.
    #[must_use]
    pub const fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    /// Whether great values come about by many small chances rather than by one: bounded values,
    /// and tails that fall at least as fast as an exponential's, on one scale.
    #[must_use]
    pub const fn is_light_tailed(&self) -> bool {
        match self {
            Self::Constant(_)
            | Self::Exponential { .. }
            | Self::Uniform { .. }
            | Self::Geometric { .. }
            | Self::Empirical(_)
            | Self::Discrete { .. } => true,
            Self::Weibull { shape, .. } => *shape >= 1.0,
            Self::LogNormal { .. } | Self::Pareto { .. } | Self::HyperExponential { .. } => false,
        }
    }

    /// Whether there is a greatest value, and great ones are not rare.
    #[must_use]
    pub const fn is_bounded(&self) -> bool {
        matches!(
            self,
            Self::Constant(_) | Self::Uniform { .. } | Self::Empirical(_) | Self::Discrete { .. }
        )
    }

    /// What is left of a time under way, drawn anew where that does not depend on how long it has
    /// lasted.
    pub(crate) fn memoryless_residual(&self, generator: &mut Generator) -> Option<u64> {
        matches!(self, Self::Exponential { .. }).then(|| self.sample(generator))
    }

    /// Whether every value is 0.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        matches!(self, Self::Constant(0))
    }

    /// Draws a value.
    #[inline]
    pub fn sample(&self, generator: &mut Generator) -> u64 {
        match self {
            Self::Constant(value) => *value,
            _ => self.draw(generator),
        }
    }

    /// Draws values, as so many single draws would.
    pub(crate) fn sample_block(&self, generator: &mut Generator, block: &mut [u64]) {
        // A generator of its own stays in registers.
        let mut own = generator.clone();
        match self {
            Self::Exponential { mean } => {
                block.fill_with(|| round_to_u64(mean * exponential(&mut own)));
            }
            _ => block.fill_with(|| self.sample(&mut own)),
        }
        *generator = own;
    }

    fn draw(&self, generator: &mut Generator) -> u64 {
        let value = match self {
            Self::Constant(value) => return *value,
            Self::Uniform { min, max } => return uniform_between(generator, *min, *max),
            Self::Discrete { values, weights } => return values[branch(generator, weights)],
            Self::Exponential { mean } => mean * exponential(generator),
            Self::LogNormal { mu, sigma } => (mu + sigma * normal(generator)).exp(),
            Self::Pareto { min, shape, max } => power_law(unit(generator), *min, *max, *shape),
            Self::Weibull { scale, shape } => scale * exponential(generator).powf(1.0 / shape),
            Self::HyperExponential { means, weights } => {
                means[branch(generator, weights)] * exponential(generator)
            }
            Self::Geometric { mean } => return geometric(unit(generator), *mean),
            Self::Empirical(empirical) => empirical.quantile(unit(generator)),
        };
        round_to_u64(value)
    }

    /// The least value that is not below a share `u` of all values, `0 < u < 1`.
    #[must_use]
    pub fn quantile(&self, u: f64) -> u64 {
        let value = match self {
            Self::Constant(value) => return *value,
            Self::Uniform { min, max } => {
                let above = u * (to_f64(max - min) + 1.0);
                return (min + round_to_u64((above - 1.0).ceil().max(0.0))).min(*max);
            }
            Self::Discrete { values, weights } => return values[place(u, weights)],
            Self::Exponential { mean } => -mean * (-u).ln_1p(),
            Self::LogNormal { mu, sigma } => (mu + sigma * normal_quantile(u)).exp(),
            Self::Pareto { min, shape, max } => power_law(u, *min, *max, *shape),
            Self::Weibull { scale, shape } => scale * (-(-u).ln_1p()).powf(1.0 / shape),
            Self::HyperExponential { means, weights } => hyperexponential(u, means, weights),
            Self::Geometric { mean } => return geometric(u, *mean),
            Self::Empirical(empirical) => empirical.quantile(u),
        };
        round_to_u64(value)
    }

    /// Draws the state of a stationary renewal process with these periods: the period under way at
    /// time zero is length-biased, and time zero is uniform within it.
    pub fn sample_in_progress(&self, generator: &mut Generator) -> InProgress {
        let period = match self {
            Self::Constant(value) => to_f64(*value),
            Self::Exponential { mean } => mean * gamma(generator, 2.0),
            Self::Uniform { min, max } => {
                // density proportional to x on [min, max]
                let (low, high) = (to_f64(*min), to_f64(*max));
                (low * low + unit(generator) * (high * high - low * low)).sqrt()
            }
            Self::LogNormal { mu, sigma } => (mu + sigma * sigma + sigma * normal(generator)).exp(),
            Self::Pareto { min, shape, max } => power_law(unit(generator), *min, *max, shape - 1.0),
            Self::Weibull { scale, shape } => {
                scale * gamma(generator, 1.0 + 1.0 / shape).powf(1.0 / shape)
            }
            Self::HyperExponential { means, weights } => {
                let total = dot(means, weights);
                let biased: Vec<f64> =
                    means.iter().zip(weights).map(|(mean, weight)| mean * weight / total).collect();
                means[branch(generator, &biased)] * gamma(generator, 2.0)
            }
            Self::Geometric { mean } => {
                // length-biased geometric = the sum of two minus one
                let mut draw = || geometric(unit(generator), *mean);
                to_f64(draw() + draw() - 1)
            }
            Self::Empirical(empirical) => empirical.sample_length_biased(generator),
            Self::Discrete { values, weights } => {
                let total = self.mean();
                let biased: Vec<f64> = values
                    .iter()
                    .zip(weights)
                    .map(|(value, weight)| to_f64(*value) * weight / total)
                    .collect();
                to_f64(values[branch(generator, &biased)])
            }
        };
        let period = round_to_u64(period);
        let age = round_to_u64(unit(generator) * to_f64(period)).min(period);
        InProgress { age, residual: period - age }
    }
}

/// A standard exponential.
#[inline]
pub(crate) fn exponential(generator: &mut Generator) -> f64 {
    Exp1.sample(generator)
}

/// Uniform on [0, 1), 53 bits.
pub(crate) fn unit(generator: &mut Generator) -> f64 {
    to_f64(generator.next_u64() >> 11) * (1.0 / to_f64(1 << 53))
}

/// A whole number from `min` to `max`, both possible, by the high half of a 128-bit product.
pub(crate) fn uniform_between(generator: &mut Generator, min: u64, max: u64) -> u64 {
    let span = u128::from(max - min) + 1;
    let offset = (u128::from(generator.next_u64()) * span) >> 64;
    min + u64::try_from(offset).expect("below the span, which starts at min and ends at max")
}

/// A standard normal.
pub(crate) fn normal(generator: &mut Generator) -> f64 {
    StandardNormal.sample(generator)
}

/// The standard normal distribution function.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z / std::f64::consts::SQRT_2)
}

fn normal_quantile(u: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * u)
}

fn gamma(generator: &mut Generator, shape: f64) -> f64 {
    Gamma::new(shape, 1.0).expect("shape is above 1").sample(generator)
}

fn geometric(u: f64, mean: f64) -> u64 {
    if mean <= 1.0 {
        return 1;
    }
    let failures = (1.0 - u).ln() / (1.0 - 1.0 / mean).ln();
    1 + round_to_u64(failures.floor())
}

pub(crate) fn branch(generator: &mut Generator, weights: &[f64]) -> usize {
    place(unit(generator), weights)
}

/// Which of several parts, with weights summing to 1, the share `u` lies in.
fn place(u: f64, weights: &[f64]) -> usize {
    let mut left = u;
    for (index, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return index;
        }
    }
    weights.len() - 1
}

fn dot(values: &[f64], weights: &[f64]) -> f64 {
    values.iter().zip(weights).map(|(value, weight)| value * weight).sum()
}

/// The quantile `u` of a density proportional to `x^-(index + 1)` on [min, max]; `index` may be 0
/// or negative if there is a `max`.
fn power_law(u: f64, min: f64, max: Option<f64>, index: f64) -> f64 {
    match max {
        None => min * (1.0 - u).powf(-1.0 / index),
        Some(max) if index.abs() < 1e-9 => min * (max / min).powf(u),
        Some(max) => {
            let ratio = (min / max).powf(index);
            (min * (1.0 - u * (1.0 - ratio)).powf(-1.0 / index)).min(max)
        }
    }
}

/// The quantile `u` of a mixture of exponentials, by bisection.
fn hyperexponential(u: f64, means: &[f64], weights: &[f64]) -> f64 {
    let above = |x: f64| -> f64 {
        means.iter().zip(weights).map(|(mean, weight)| weight * (-x / mean).exp()).sum()
    };
    // Every branch is below its own quantile, so the mixture is below the largest of them.
    let largest = means.iter().copied().fold(0.0, f64::max);
    let (mut low, mut high) = (0.0, -largest * (-u).ln_1p());
    for _ in 0..BISECTIONS {
        let middle = f64::midpoint(low, high);
        if above(middle) > 1.0 - u { low = middle } else { high = middle }
    }
    high
}

/// Halvings after which an interval is as small as a float can tell.
const BISECTIONS: u32 = 60;

fn pareto_mean(min: f64, shape: f64, max: Option<f64>) -> f64 {
    match max {
        None if shape <= 1.0 => f64::INFINITY,
        None => shape * min / (shape - 1.0),
        Some(max) if (shape - 1.0).abs() < 1e-9 => min * (max / min).ln() / (1.0 - min / max),
        Some(max) => {
            let ratio = min / max;
            shape * min / (shape - 1.0) * (1.0 - ratio.powf(shape - 1.0))
                / (1.0 - ratio.powf(shape))
        }
    }
}

#[cfg(test)]
mod tests;
