//! A dynamic threshold: a queue may hold in proportion to what is free.

/// Whether a queue that holds `held` may take one of `free` buffers: `held < alpha x free`.
pub(super) fn admits(held: u32, free: u32, alpha: f64) -> bool {
    f64::from(held) < alpha * f64::from(free)
}
