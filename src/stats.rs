//! Statistics of simulated time: averages and maxima over a window, quantiles, intervals.
//!
//! Nothing here knows what is being counted.

mod estimate;
mod histogram;
mod warmup;
mod window;

pub use estimate::{
    Counts, Estimate, Method, Weighted, batch_means, exact, paired_difference, pooled_batches,
    replications, splitting, zero_seen,
};
pub use histogram::{Histogram, Spans};
pub use warmup::mser5;
pub use window::{Level, Overlap, Peak};
