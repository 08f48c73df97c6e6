//! A dynamic threshold: a queue may hold in proportion to what is free.

use crate::units::round_to_u64;

/// Whether a queue that holds `held` may take one of `free` buffers: `held < alpha x free`.
pub(super) fn admits(held: u32, free: u32, alpha: f64) -> bool {
    f64::from(held) < alpha * f64::from(free)
}

/// How many buffers of `free` a queue that holds `held` may take one after another: the least `n`
/// with `held + n >= alpha x (free - n)`.
pub(super) fn headroom(held: u32, free: u32, alpha: f64) -> u32 {
    let most = (alpha * f64::from(free) - f64::from(held)) / (1.0 + alpha);
    u32::try_from(round_to_u64(most.max(0.0).ceil())).map_or(free, |most| most.min(free))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headroom_is_what_can_be_taken_one_after_another() {
        for (held, free, alpha) in [(0, 100, 1.0), (3, 17, 0.5), (20, 10, 1.0), (0, 9, 2.0)] {
            let taken = (0..free).take_while(|n| admits(held + n, free - n, alpha)).count();
            assert_eq!(headroom(held, free, alpha) as usize, taken, "{held}, {free}, {alpha}");
        }
    }
}
