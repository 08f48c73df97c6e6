//! Borrowing: the free dedicated buffers of all queues of a group are anyone's.

/// Whether a packet that needs `needed` buffers gets them while `free` of the group's are:
/// `needed <= free`.
pub(crate) const fn lends(needed: u32, free: i64) -> bool {
    needed as i64 <= free
}
