//! A distribution given by points of its cumulative distribution function.

use super::unit;
use crate::random::Generator;

/// Points `(x, P(X <= x))` with straight lines between them.
///
/// The probability at the first point is an atom there. Every source of such tables in the field
/// (flow sizes, wake-up latencies) reads them so.
#[derive(Debug, Clone, PartialEq)]
pub struct Empirical {
    points: Vec<(f64, f64)>,
    /// Cumulative first moment up to each point, for length-biased draws.
    moments: Vec<f64>,
}

impl Empirical {
    /// A distribution from points sorted by x and by cumulative probability, the last one 1.
    ///
    /// # Errors
    /// A sentence when there is no point, a value is negative or not finite, the points are not
    /// sorted, or the last probability is not 1.
    pub fn new(points: Vec<(f64, f64)>) -> Result<Self, String> {
        let Some(&(_, last)) = points.last() else {
            return Err("has no points; give at least one [value, cumulative]".to_owned());
        };
        if points.iter().any(|(x, p)| !x.is_finite() || *x < 0.0 || !(0.0..=1.0).contains(p)) {
            return Err("needs values of at least 0 and cumulative shares from 0 to 1".to_owned());
        }
        if points.windows(2).any(|pair| pair[1].0 < pair[0].0 || pair[1].1 < pair[0].1) {
            return Err("needs its points in rising order of value and of share".to_owned());
        }
        if (last - 1.0).abs() > 1e-6 {
            return Err(format!("ends at a cumulative share of {last}; the last must be 1"));
        }
        let mut total = points[0].0 * points[0].1;
        let mut moments = vec![total];
        for pair in points.windows(2) {
            total += f64::midpoint(pair[0].0, pair[1].0) * (pair[1].1 - pair[0].1);
            moments.push(total);
        }
        Ok(Self { points, moments })
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.moments.last().copied().unwrap_or(0.0)
    }

    /// The value below which a share `u` of all values lies.
    #[must_use]
    pub fn quantile(&self, u: f64) -> f64 {
        let above = self.points.partition_point(|(_, p)| *p < u);
        let above = above.min(self.points.len() - 1);
        if above == 0 {
            return self.points[0].0;
        }
        let ((x0, p0), (x1, p1)) = (self.points[above - 1], self.points[above]);
        if p1 <= p0 { x1 } else { x0 + (x1 - x0) * (u - p0).clamp(0.0, p1 - p0) / (p1 - p0) }
    }

    /// Draws a value with probability proportional to its size.
    pub(super) fn sample_length_biased(&self, generator: &mut Generator) -> f64 {
        let target = unit(generator) * self.mean();
        let above = self.moments.partition_point(|moment| *moment < target);
        let above = above.min(self.moments.len() - 1);
        if above == 0 {
            return self.points[0].0;
        }
        let (low, high) = (self.points[above - 1].0, self.points[above].0);
        (low * low + unit(generator) * (high * high - low * low)).sqrt()
    }
}
