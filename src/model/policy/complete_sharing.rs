//! Complete sharing: anyone while a buffer is free.

/// Whether a queue may take one of `free` buffers: `free >= 1`.
pub(super) const fn admits(free: u32) -> bool {
    free >= 1
}
