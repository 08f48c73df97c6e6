//! Exact loss of `n` equal queues, each with `a` dedicated buffers, and one reserve of `r` behind
//! them. Dedicated buffers are taken first.
//!
//! *Relabelled* accounting charges a queue `max(0, packets - a)` reserve buffers. *Pinned*
//! accounting leaves each packet in the buffer it arrived in, and serves in order of arrival.

use std::collections::VecDeque;

use super::chain::Chain;
use super::single::{interruption_rates, mm1k_loss};

/// Loss of the relabelled reserve with Poisson arrivals and exponential service.
///
/// Product form `P(n) ~ prod rho^(n_i)` on `{sum max(0, n_i - a) <= R}`, normalised by convolution
/// over the reserve in O(N R). `rho`: offered load per queue. Kamoun & Kleinrock, IEEE Trans. Comm.
/// 28(7), 1980 (sharing with minimum allocation); Latouche 1978.
///
/// A queue weighs `w_0 = sum_(j<=a) rho^j` without reserve and `rho^(a+e)` with `e` buffers of it.
/// Both are divided by `w_0`, and by `s^e` with `s = max(1, rho)` against overflow.
pub(crate) fn relabelled_loss(n: usize, a: usize, r: usize, rho: f64) -> f64 {
    let dedicated_full = mm1k_loss(rho, a);
    let tilt = rho.max(1.0);
    // Weights of the reserve in use by a queue whose dedicated buffers are full, and by any queue.
    let with_full = |others: &[f64]| -> Vec<f64> {
        let filter = others.iter().scan(0.0, |sum, weight| {
            *sum = weight + rho / tilt * *sum;
            Some(dedicated_full * *sum)
        });
        filter.collect()
    };
    let with_any = |others: &[f64]| -> Vec<f64> {
        let not_full = others.iter().map(|weight| (1.0 - dedicated_full) * weight);
        not_full.zip(with_full(others)).map(|(below, full)| below + full).collect()
    };
    let mut others = vec![0.0; r + 1];
    others[0] = 1.0;
    for _ in 1..n {
        others = with_any(&others);
        let largest = others.iter().copied().fold(0.0, f64::max);
        others.iter_mut().for_each(|weight| *weight /= largest);
    }
    let total = with_any(&others).into_iter().fold(0.0, |sum, weight| sum / tilt + weight);
    with_full(&others)[r] / total
}

/// Loss of the relabelled reserve with Poisson arrivals and a policy, by its whole chain.
///
/// `admit(u_q, free)` decides each further reserve buffer of a queue that holds `u_q` of them while
/// `free >= 1` are free. `rho`: offered load per queue. States differ in the multiset of the queue
/// lengths only, the queues being equal. With `admit` always true this is [`relabelled_loss`].
pub(crate) fn relabelled_chain(
    n: usize,
    a: usize,
    r: usize,
    rho: f64,
    admit: impl Fn(usize, usize) -> bool,
) -> f64 {
    let rings = Rings { n, a, r, source: Source::poisson(rho), admit };
    rings.solve::<usize>().loss
}

/// Stationary measures of a pinned reserve.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pinned {
    /// Fraction of the packets that are lost.
    pub(crate) loss: f64,
    /// Mean number of reserve buffers that hold a packet.
    pub(crate) reserve_in_use_mean: f64,
    /// Number of states of the chain.
    pub(crate) states: usize,
}

/// The pinned reserve with Poisson arrivals and a policy, by its whole chain.
///
/// A state is a string over {dedicated, reserve} per queue, oldest packet first; arguments as in
/// [`relabelled_chain`]. Loss not below the relabelled one of Kamoun & Kleinrock, IEEE Trans. Comm.
/// 28(7), 1980, and equal to it for one queue.
pub(crate) fn pinned_chain(
    n: usize,
    a: usize,
    r: usize,
    rho: f64,
    admit: impl Fn(usize, usize) -> bool,
) -> Pinned {
    let rings = Rings { n, a, r, source: Source::poisson(rho), admit };
    rings.solve::<VecDeque<Buffer>>()
}

/// Loss of the relabelled reserve, open to all, with interrupted Poisson sources.
///
/// Source parameters as in [`super::ippm1k_loss`], per queue; `common`: all queues share one phase
/// instead of having independent ones. Whole chain on queue lengths and phases.
pub(crate) fn ipp_relabelled_loss(
    n: usize,
    a: usize,
    r: usize,
    on_rate: f64,
    mean_burst: f64,
    rho: f64,
    common: bool,
) -> f64 {
    let source = Source::interrupted(on_rate, mean_burst, rho, common);
    Rings { n, a, r, source, admit: |_, _| true }.solve::<usize>().loss
}

/// Loss of the pinned reserve, open to all, with interrupted Poisson sources.
///
/// Arguments as in [`ipp_relabelled_loss`], states as in [`pinned_chain`] with the phases.
pub(crate) fn ipp_pinned_loss(
    n: usize,
    a: usize,
    r: usize,
    on_rate: f64,
    mean_burst: f64,
    rho: f64,
    common: bool,
) -> f64 {
    let source = Source::interrupted(on_rate, mean_burst, rho, common);
    Rings { n, a, r, source, admit: |_, _| true }.solve::<VecDeque<Buffer>>().loss
}

/// Loss of a reserve whose packets hold their buffers for independent exponential times of mean 1.
///
/// `load`: offered load per queue in Erlang. Whole chain on `(d_1..d_N, reserve in use)`, the
/// dedicated counts sorted. This is the overflow system of teletraffic theory (Wilkinson, BSTJ
/// 35(2), 1956): primary groups of `a` servers and a common overflow group of `r`.
pub(crate) fn hold_overflow_loss(n: usize, a: usize, r: usize, load: f64) -> f64 {
    let chain = Chain::explore((vec![0_usize; n], 0_usize), |(dedicated, reserve)| {
        let mut jumps = Vec::new();
        for (queue, &held) in dedicated.iter().enumerate() {
            let with = |count: usize| {
                let mut changed = dedicated.clone();
                changed[queue] = count;
                changed.sort_unstable();
                (changed, *reserve)
            };
            if held < a {
                jumps.push((with(held + 1), load));
            } else if *reserve < r {
                jumps.push(((dedicated.clone(), reserve + 1), load));
            }
            if held > 0 {
                jumps.push((with(held - 1), held as f64));
            }
        }
        if *reserve > 0 {
            jumps.push(((dedicated.clone(), reserve - 1), *reserve as f64));
        }
        jumps
    });
    let pi = chain.stationary();
    let blocked = |(dedicated, reserve): &(Vec<usize>, usize)| {
        let full = dedicated.iter().filter(|&&held| held == a).count();
        if *reserve == r { full as f64 } else { 0.0 }
    };
    chain.mean(&pi, blocked) / n as f64
}

/// Where a packet is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Buffer {
    Dedicated,
    Reserve,
}

/// The content of one queue under either accounting.
trait Queue: Clone + Default + Ord {
    /// Whether states that differ by the order of the queues only are merged.
    const MERGED: bool;

    fn packets(&self) -> usize;

    /// Reserve buffers held by a queue with `a` dedicated ones.
    fn reserve_held(&self, a: usize) -> usize;

    fn arrive(&mut self, buffer: Buffer);

    /// Removes the oldest packet of a queue that has one.
    fn depart(&mut self);
}

/// Relabelled accounting: the number of packets says it all.
impl Queue for usize {
    const MERGED: bool = true;

    fn packets(&self) -> usize {
        *self
    }

    fn reserve_held(&self, a: usize) -> usize {
        self.saturating_sub(a)
    }

    fn arrive(&mut self, _buffer: Buffer) {
        *self += 1;
    }

    fn depart(&mut self) {
        *self -= 1;
    }
}

/// Pinned accounting: the buffers of the packets, oldest first.
impl Queue for VecDeque<Buffer> {
    const MERGED: bool = false;

    fn packets(&self) -> usize {
        self.len()
    }

    fn reserve_held(&self, _a: usize) -> usize {
        self.iter().filter(|&&buffer| buffer == Buffer::Reserve).count()
    }

    fn arrive(&mut self, buffer: Buffer) {
        self.push_back(buffer);
    }

    fn depart(&mut self) {
        self.pop_front();
    }
}

/// The arrivals of each queue: Poisson while ON, none while OFF.
#[derive(Clone, Copy, Debug)]
struct Source {
    on_rate: f64,
    on_to_off: f64,
    off_to_on: f64,
    common: bool,
}

impl Source {
    /// A source that never leaves the ON phase.
    fn poisson(rho: f64) -> Self {
        Self { on_rate: rho, on_to_off: 0.0, off_to_on: 0.0, common: false }
    }

    fn interrupted(on_rate: f64, mean_burst: f64, rho: f64, common: bool) -> Self {
        let (on_to_off, off_to_on) = interruption_rates(on_rate, mean_burst, rho);
        Self { on_rate, on_to_off, off_to_on, common }
    }
}

/// One queue with the phase of its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ring<Q> {
    on: bool,
    queue: Q,
}

/// The system: `n` rings of `a` dedicated buffers, a reserve of `r`, and who may use it.
struct Rings<F> {
    n: usize,
    a: usize,
    r: usize,
    source: Source,
    admit: F,
}

impl<F: Fn(usize, usize) -> bool> Rings<F> {
    fn solve<Q: Queue>(&self) -> Pinned {
        let start = vec![Ring { on: true, queue: Q::default() }; self.n];
        let chain = Chain::explore(start, |rings| self.jumps(rings));
        let pi = chain.stationary();
        let lost = |rings: &Vec<Ring<Q>>| {
            let refused = |ring: &&Ring<Q>| ring.on && self.place(rings, &ring.queue).is_none();
            rings.iter().filter(refused).count() as f64
        };
        let offered = |rings: &Vec<Ring<Q>>| rings.iter().filter(|ring| ring.on).count() as f64;
        Pinned {
            loss: chain.mean(&pi, lost) / chain.mean(&pi, offered),
            reserve_in_use_mean: chain.mean(&pi, |rings| self.reserve_in_use(rings) as f64),
            states: chain.len(),
        }
    }

    fn reserve_in_use<Q: Queue>(&self, rings: &[Ring<Q>]) -> usize {
        rings.iter().map(|ring| ring.queue.reserve_held(self.a)).sum()
    }

    /// The buffer that a packet arriving to `queue` gets, if any.
    fn place<Q: Queue>(&self, rings: &[Ring<Q>], queue: &Q) -> Option<Buffer> {
        let held = queue.reserve_held(self.a);
        if queue.packets() - held < self.a {
            return Some(Buffer::Dedicated);
        }
        let free = self.r - self.reserve_in_use(rings);
        (free >= 1 && (self.admit)(held, free)).then_some(Buffer::Reserve)
    }

    /// All transitions out of a state.
    fn jumps<Q: Queue>(&self, rings: &[Ring<Q>]) -> Vec<(Vec<Ring<Q>>, f64)> {
        let mut jumps = Vec::new();
        let mut jump = |rate: f64, change: &dyn Fn(&mut [Ring<Q>])| {
            if rate > 0.0 {
                let mut target = rings.to_vec();
                change(&mut target);
                if Q::MERGED {
                    target.sort();
                }
                jumps.push((target, rate));
            }
        };
        for (i, ring) in rings.iter().enumerate() {
            if ring.on
                && let Some(buffer) = self.place(rings, &ring.queue)
            {
                jump(self.source.on_rate, &|target| target[i].queue.arrive(buffer));
            }
            if ring.queue.packets() > 0 {
                jump(1.0, &|target| target[i].queue.depart());
            }
            if !self.source.common {
                jump(self.switch_rate(ring.on), &|target| target[i].on = !ring.on);
            }
        }
        if self.source.common {
            let on = rings[0].on;
            jump(self.switch_rate(on), &|target| target.iter_mut().for_each(|ring| ring.on = !on));
        }
        jumps
    }

    fn switch_rate(&self, on: bool) -> f64 {
        if on { self.source.on_to_off } else { self.source.off_to_on }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assert_close, ippm1k_loss};
    use super::*;

    /// Relative half unit of the last of seven, and of ten, printed digits.
    const SEVEN: f64 = 5e-7;
    const TEN: f64 = 5e-10;

    fn always(_held: usize, _free: usize) -> bool {
        true
    }

    #[test]
    fn product_form_matches_the_printed_table() {
        for (n, a, r, rho, loss) in [
            (2, 1, 1, 0.8, 3.001443001e-1),
            (2, 2, 2, 0.8, 1.422281696e-1),
            (3, 1, 2, 0.8, 2.565151591e-1),
            (2, 8, 8, 0.9, 2.632364463e-2),
            (4, 8, 8, 0.9, 3.223339771e-2),
            (32, 16, 128, 0.9, 2.927086911e-4),
            (32, 16, 128, 0.95, 1.148455662e-2),
        ] {
            assert_close(relabelled_loss(n, a, r, rho), loss, TEN);
            if n <= 4 {
                assert_close(relabelled_chain(n, a, r, rho, always), loss, TEN);
            }
        }
        for (k, rho, loss) in [
            (2, 0.8, 2.622951e-1),
            (3, 0.8, 1.734417e-1),
            (4, 0.8, 1.218467e-1),
            (12, 0.9, 3.786866e-2),
            (16, 0.9, 2.223905e-2),
            (10, 0.9, 5.081373e-2),
            (20, 0.9, 1.365139e-2),
            (144, 0.9, 2.575855e-8),
            (20, 0.95, 2.718115e-2),
            (144, 0.95, 3.100451e-5),
        ] {
            assert_close(mm1k_loss(rho, k), loss, SEVEN);
        }
    }

    #[test]
    fn product_form_agrees_with_the_chain() {
        for (n, a, r, rho) in [(1, 3, 4, 0.7), (2, 0, 5, 0.9), (3, 2, 6, 1.3), (4, 2, 5, 1.0)] {
            let chain = relabelled_chain(n, a, r, rho, always);
            assert_close(relabelled_loss(n, a, r, rho), chain, 1e-12);
        }
    }

    #[test]
    fn large_configuration_matches_the_printed_table() {
        for (rho, reserve, private) in [
            (0.98, 8.04e-43, [2.31e-38, 4.85e-8, 6.44e-7]),
            (0.99, 2.44e-21, [1.32e-20, 1.61e-5, 5.86e-5]),
            (0.995, 4.19e-9, [6.06e-12, 2.11e-4, 4.16e-4]),
            (0.999, 6.43e-4, [1.69e-5, 1.11e-3, 1.49e-3]),
            (1.0, 1.20e-3, [2.44e-4, 1.56e-3, 1.95e-3]),
        ] {
            assert_close(relabelled_loss(32, 512, 4096, rho), reserve, 5e-3);
            for (k, loss) in [4096, 640, 512].into_iter().zip(private) {
                assert_close(mm1k_loss(rho, k), loss, 5e-3);
            }
        }
        // Far into overload the loss is what the servers cannot carry, and nothing overflows.
        assert_close(relabelled_loss(256, 512, 4096, 4.0), 0.75, 1e-9);
    }

    #[test]
    fn static_cap_keeps_the_product_form() {
        let (a, r, rho, cap) = (2_usize, 4, 0.9_f64, 3);
        let excess = |packets: usize| packets.saturating_sub(a);
        let (mut total, mut lost) = (0.0, 0.0);
        for (first, second) in (0..=a + cap).flat_map(|x| (0..=a + cap).map(move |y| (x, y))) {
            let used = excess(first) + excess(second);
            if used > r {
                continue;
            }
            let weight = rho.powf((first + second) as f64);
            total += weight;
            if first >= a && (used == r || excess(first) == cap) {
                lost += weight;
            }
        }
        let capped = relabelled_chain(2, a, r, rho, |held, _| held < cap);
        assert_close(capped, lost / total, 1e-12);
    }

    #[test]
    fn a_closed_reserve_is_no_reserve() {
        let private = mm1k_loss(0.8, 3);
        assert_close(relabelled_chain(2, 3, 5, 0.8, |_, _| false), private, 1e-13);
        let pinned = pinned_chain(2, 3, 5, 0.8, |_, _| false);
        assert_close(pinned.loss, private, 1e-13);
        assert!(pinned.reserve_in_use_mean.abs() < f64::MIN_POSITIVE);
        // Refusing the last free buffer is a reserve of one less.
        let shorter = pinned_chain(2, 2, 2, 0.8, always);
        let spared = pinned_chain(2, 2, 3, 0.8, |_, free| free > 1);
        assert_close(spared.loss, shorter.loss, 1e-13);
        assert_eq!(spared.states, shorter.states);
    }

    #[test]
    fn pinned_matches_the_printed_table() {
        for (n, a, r, rho, states, pinned, relabelled, in_use) in [
            (1, 2, 2, 0.8, 19, 1.218467396e-1, 1.218467396e-1, 0.574951),
            (2, 1, 1, 0.8, 16, 3.093188177e-1, 3.001443001e-1, 0.538839),
            (2, 2, 2, 0.8, 141, 1.482790581e-1, 1.422281696e-1, 0.907821),
            (2, 2, 2, 0.95, 141, 2.121067122e-1, 2.060606814e-1, 1.114838),
            (2, 1, 3, 0.8, 85, 1.787074729e-1, 1.733019567e-1, 1.533915),
            (2, 3, 2, 0.8, 356, 1.025807049e-1, 9.844034126e-2, 0.782227),
            (3, 1, 2, 0.8, 146, 2.679875343e-1, 2.565151591e-1, 1.257519),
        ] {
            let measured = pinned_chain(n, a, r, rho, always);
            assert_eq!(measured.states, states);
            assert_close(measured.loss, pinned, TEN);
            assert!((measured.reserve_in_use_mean - in_use).abs() <= 5.1e-7);
            assert_close(relabelled_loss(n, a, r, rho), relabelled, TEN);
        }
    }

    #[test]
    fn synchronised_bursts_match_the_printed_values() {
        let relabelled = |a, common| ipp_relabelled_loss(2, a, a, 4.0, 4.0, 0.5, common);
        let pinned = |a, common| ipp_pinned_loss(2, a, a, 4.0, 4.0, 0.5, common);
        let private = |k| ippm1k_loss(4.0, 4.0, 0.5, k);
        for (loss, printed) in [
            (relabelled(4, false), 0.1835770),
            (relabelled(4, true), 0.2246237),
            (private(8), 0.1717088),
            (private(6), 0.2425989),
            (relabelled(2, false), 0.3664636),
            (pinned(2, false), 0.3752050),
            (relabelled(2, true), 0.4120792),
            (pinned(2, true), 0.4165855),
            (private(4), 0.3515619),
            (private(3), 0.4292208),
        ] {
            assert_close(loss, printed, SEVEN);
        }
    }

    #[test]
    fn overflow_system_matches_the_printed_table() {
        for (n, a, r, load, loss) in [
            (1, 4, 4, 4.0, 3.042006e-2),
            (2, 2, 2, 2.0, 1.551951e-1),
            (2, 4, 4, 3.0, 1.978480e-2),
            (3, 4, 4, 3.0, 3.292327e-2),
            (4, 3, 6, 2.0, 5.638640e-3),
        ] {
            assert_close(hold_overflow_loss(n, a, r, load), loss, SEVEN);
        }
    }
}
