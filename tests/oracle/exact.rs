//! Exact loss probabilities that the simulator must agree with.
//!
//! Conventions: the mean service (or holding) time is 1, a size counts the packet in service, and a
//! loss is the fraction of *packets* lost, not the fraction of time the queue is full. Every sum is
//! a sum of positive terms, so small losses keep their relative precision.

// The paths are explicit so that this file compiles both as a module and alone with `rustc --test`.
#[path = "exact/chain.rs"]
mod chain;
#[path = "exact/shared.rs"]
mod shared;
#[path = "exact/single.rs"]
mod single;

pub(crate) use shared::*;
pub(crate) use single::*;

/// Fails unless `actual` is within the relative `tolerance` of `expected`.
#[cfg(test)]
#[track_caller]
fn assert_close(actual: f64, expected: f64, tolerance: f64) {
    let error = (actual - expected).abs();
    assert!(
        error <= tolerance * expected.abs(),
        "{actual:.12e} is not {expected:.12e} within {tolerance:e}"
    );
}

#[cfg(test)]
mod tests {
    use super::assert_close;

    #[test]
    fn without_a_reserve_each_queue_is_private() {
        let (a, rho) = (3, 0.8);
        let private = super::mm1k_loss(rho, a);
        assert_close(super::relabelled_loss(2, a, 0, rho), private, 1e-13);
        assert_close(super::relabelled_chain(2, a, 0, rho, |_, _| true), private, 1e-13);
        assert_close(super::pinned_chain(2, a, 0, rho, |_, _| true).loss, private, 1e-13);
        assert_close(super::hold_overflow_loss(2, a, 0, rho), super::erlang_b(rho, a), 1e-13);
    }

    #[test]
    fn a_lone_queue_owns_the_whole_reserve() {
        let (a, r) = (2, 3);
        let poisson = super::mm1k_loss(0.9, a + r);
        assert_close(super::relabelled_loss(1, a, r, 0.9), poisson, 1e-13);
        assert_close(super::pinned_chain(1, a, r, 0.9, |_, _| true).loss, poisson, 1e-13);
        let bursty = super::ippm1k_loss(4.0, 4.0, 0.5, a + r);
        for common in [false, true] {
            let relabelled = super::ipp_relabelled_loss(1, a, r, 4.0, 4.0, 0.5, common);
            let pinned = super::ipp_pinned_loss(1, a, r, 4.0, 4.0, 0.5, common);
            assert_close(relabelled, bursty, 1e-12);
            assert_close(pinned, bursty, 1e-12);
        }
        assert_close(super::hold_overflow_loss(1, 4, 4, 4.0), super::erlang_b(4.0, 8), 1e-13);
    }

    #[test]
    fn capped_lone_queue_is_a_shorter_queue() {
        let cap = |held: usize, _free: usize| held < 2;
        let shorter = super::mm1k_loss(0.9, 5);
        assert_close(super::relabelled_chain(1, 3, 4, 0.9, cap), shorter, 1e-13);
        assert_close(super::pinned_chain(1, 3, 4, 0.9, cap).loss, shorter, 1e-13);
    }
}
