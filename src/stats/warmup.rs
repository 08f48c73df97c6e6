//! Where a run from an empty start has settled.

/// How many observations from the front of a series belong to its warm-up, by MSER-5: batches of
/// five are cut off until the standard error of the mean of the rest is least,
/// `sum (x - mean)^2 / n^2` over the n batches that are left (White, Cobb and Spratt, "A comparison
/// of five steady-state truncation heuristics", Winter Simulation Conference 2000). `None` where
/// the least lies in the second half: the series is too short to tell.
#[must_use]
pub fn mser5(series: &[f64]) -> Option<usize> {
    let means: Vec<f64> =
        series.chunks_exact(BATCH).map(|batch| batch.iter().sum::<f64>() / WIDTH).collect();
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    let mut least = (f64::INFINITY, 0);
    // From the back, so that sums of what is left grow.
    for (place, mean) in means.iter().enumerate().rev() {
        sum += mean;
        squares += mean * mean;
        count += 1.0;
        let error = (squares - sum * sum / count).max(0.0) / (count * count);
        // A rest of a few batches has a small error by chance.
        if count >= REST_MIN && error <= least.0 {
            least = (error, place);
        }
    }
    (least.1 <= means.len() / 2).then_some(least.1 * BATCH)
}

/// Observations of a batch.
const BATCH: usize = 5;
/// The same, to divide by.
const WIDTH: f64 = 5.0;
/// Batches that are left at least.
const REST_MIN: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// A series that comes from 0 to 1 within `settles` observations, with a ripple of 0.1.
    fn series(settles: f64, length: u32) -> Vec<f64> {
        let ripple = |k: u32| if (k / 5).is_multiple_of(2) { 0.1 } else { -0.1 };
        (0..length).map(|k| (f64::from(k) / settles).min(1.0) + ripple(k)).collect()
    }

    #[test]
    fn what_has_not_settled_is_cut_off() {
        let cut = mser5(&series(500.0, 5_000)).unwrap();
        // Only the last steps, which are within the ripple, may be left.
        assert!((400..=500).contains(&cut), "{cut}");
    }

    #[test]
    fn what_has_settled_is_kept() {
        assert_eq!(mser5(&series(0.5, 5_000)), Some(0));
        assert_eq!(mser5(&vec![3.0; 5_000]), Some(0));
    }

    #[test]
    fn a_series_that_never_settles_is_too_short() {
        assert_eq!(mser5(&series(5_000.0, 5_000)), None);
    }
}
