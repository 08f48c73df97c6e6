//! A static cap: a queue may hold so many at most.

/// Whether a queue that holds `held` may take one more: `held < cap`.
pub(super) const fn admits(held: u32, cap: u32) -> bool {
    held < cap
}
