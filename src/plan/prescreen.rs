//! What closed forms foretell, so that the search begins near its end. They decide nothing.

use statrs::function::gamma::gamma_ur;

use crate::model::distribution::Distribution;
use crate::model::host::HostSpec;
use crate::model::traffic::TrafficKind;
use crate::scenario::Scenario;
use crate::units::to_f64;

/// The least depth of rings, beside a reserve of `reserve` entries, with which a host with Poisson
/// arrivals and exponential times is expected to drop no more than `goal`; `None` where no form
/// applies.
pub(super) fn least_depth(scenario: &Scenario, reserve: u32, goal: f64) -> Option<u32> {
    let queues = u32::try_from(scenario.queues()).ok()?;
    let mut load = 0.0;
    for traffic in &scenario.traffic {
        let TrafficKind::Poisson { rate } = &traffic.kind else { return None };
        if traffic.queues.len() != scenario.queues() {
            return None;
        }
        load += rate.per_second() / 1e12;
    }
    let exponential = |time: &Distribution| match time {
        Distribution::Exponential { mean } => Some(*mean),
        _ => None,
    };
    match &scenario.host {
        HostSpec::Server { service, .. } if reserve == 0 => {
            load *= exponential(service.first()?)?;
            let fits = |entries: u32| one_queue(load, entries) <= goal;
            (load < 1.0).then(|| least(fits)).flatten()
        }
        HostSpec::Hold { time } => {
            load *= exponential(time)?;
            least(|entries| overflow(queues, entries, reserve, load) <= goal)
        }
        _ => None,
    }
}

/// Entries beyond which nobody goes.
const ENTRIES: u32 = 1 << 20;

/// The least number that fits, where all greater ones do.
fn least(fits: impl Fn(u32) -> bool) -> Option<u32> {
    let (mut low, mut high) = (0, ENTRIES);
    if !fits(high) {
        return None;
    }
    while low < high {
        let middle = u32::midpoint(low, high);
        if fits(middle) { high = middle } else { low = middle + 1 }
    }
    Some(low)
}

/// Drops of a queue of `entries`, the one in service included, at load `r` below 1: M/M/1/K,
/// `(1 - r) r^K / (1 - r^(K + 1))`.
fn one_queue(load: f64, entries: u32) -> f64 {
    let power = load.powf(f64::from(entries));
    (1.0 - load) * power / (1.0 - power * load)
}

/// Erlang's loss formula for `entries` servers, any number above 0, and an offered `load`:
/// `B = load^n exp(-load) / Gamma(n + 1, load)`, the incomplete gamma function continuing it
/// between whole numbers (Fortet's integral).
fn erlang(entries: f64, load: f64) -> f64 {
    if load <= 0.0 {
        return 0.0;
    }
    let density = entries * load.ln() - load - statrs::function::gamma::ln_gamma(entries + 1.0);
    density.exp() / gamma_ur(entries + 1.0, load)
}

/// Drops of `queues` rings of `entries`, each with the offered `load`, that overflow to a shared
/// reserve: equivalent random theory (Wilkinson 1956) with Rapp's approximation. What one
/// ring passes on has mean `M = load B` and variance `V = M (1 - M + load / (entries + 1 + M -
/// load))` (Riordan); all of it together is like what one larger ring would pass on.
fn overflow(queues: u32, entries: u32, reserve: u32, load: f64) -> f64 {
    let own = f64::from(entries);
    let mean = load * erlang(own, load);
    if reserve == 0 || mean <= 0.0 {
        return mean / load;
    }
    let variance = mean * (1.0 - mean + load / (own + 1.0 + mean - load));
    let (mean, variance) = (mean * f64::from(queues), variance * f64::from(queues));
    let peakedness = variance / mean;
    let equivalent = variance + 3.0 * peakedness * (peakedness - 1.0);
    let servers = equivalent * (mean + peakedness) / (mean + peakedness - 1.0) - mean - 1.0;
    let lost = equivalent * erlang(servers.max(0.0) + f64::from(reserve), equivalent);
    lost / (load * to_f64(u64::from(queues)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(value: f64, expected: f64, relative: f64) {
        assert!((value / expected - 1.0).abs() < relative, "{value:e} is not {expected:e}");
    }

    #[test]
    fn one_queue_is_the_closed_form() {
        is_near(one_queue(0.8, 64), 1.255_421e-7, 1e-6);
        is_near(one_queue(0.95, 128), 7.049_735e-5, 1e-6);
    }

    #[test]
    fn erlangs_formula_is_the_recursion() {
        let recursion = |servers: u32, load: f64| {
            (1..=servers).fold(1.0, |b, n| load * b / (f64::from(n) + load * b))
        };
        for (servers, load) in [(1, 0.5), (8, 4.0), (64, 50.0), (512, 600.0)] {
            is_near(erlang(f64::from(servers), load), recursion(servers, load), 1e-9);
        }
    }

    /// Rings, entries, reserve, load, and what the theory gives (exact chains are within 4 %).
    #[test]
    fn overflow_is_that_of_equivalent_random_theory() {
        for (queues, entries, reserve, load, expected) in [
            (1, 4, 4, 4.0, 3.116_676e-2),
            (2, 2, 2, 2.0, 1.570_581e-1),
            (2, 4, 4, 3.0, 2.016_201e-2),
            (3, 4, 4, 3.0, 3.407_547e-2),
            (4, 3, 6, 2.0, 5.536_403e-3),
        ] {
            is_near(overflow(queues, entries, reserve, load), expected, 1e-5);
        }
    }

    #[test]
    fn the_least_is_found_between_what_fits_and_what_does_not() {
        assert_eq!(least(|entries| entries >= 77), Some(77));
        assert_eq!(least(|_| true), Some(0));
        assert_eq!(least(|_| false), None);
    }
}
