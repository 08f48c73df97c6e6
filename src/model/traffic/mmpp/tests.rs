use super::*;
use crate::id::QueueId;
use crate::model::distribution::Distribution;
use crate::model::traffic::phases::{Mmpp, Phases};
use crate::model::traffic::{TrafficKind, TrafficSpec, Window};
use crate::random::Streams;
use crate::units::SimTime;

fn mpps(rates: &[u128]) -> Vec<PacketRate> {
    rates.iter().map(|rate| PacketRate::new(*rate, 1_000_000).unwrap()).collect()
}

/// Up from 0 to 1 to 2 and down again, at these changes a picosecond.
fn birth_and_death() -> MmppSpec {
    let changes = [vec![9.0, 2e-8, 0.0], vec![1e-8, 9.0, 3e-8], vec![0.0, 4e-8, 9.0]];
    MmppSpec::new(mpps(&[1, 2, 8]), &changes, 0).unwrap()
}

#[test]
fn stationary_shares_are_those_of_the_balance_equations() {
    // p1 = p0 x 2 / 1, p2 = p1 x 3 / 4
    let spec = birth_and_death();
    for (share, exact) in spec.stationary().iter().zip([1.0, 2.0, 1.5]) {
        assert!((share - exact / 4.5).abs() < 1e-12, "{share} against {exact} / 4.5");
    }
    assert!((spec.mean_rate() - 1e6 * (1.0 + 2.0 * 2.0 + 1.5 * 8.0) / 4.5).abs() < 1e-3);
    // each share times what leaves it: 1 x 2 + 2 x 4 + 1.5 x 4 changes in 1e8 ps
    assert!((spec.changes() - 1e12 * 1e-8 * 16.0 / 4.5).abs() < 1e-6);
}

#[test]
fn a_chain_needs_a_way_from_every_state_to_every_other() {
    let new = |changes: [Vec<f64>; 2]| MmppSpec::new(mpps(&[1, 2]), &changes, 0);
    assert_eq!(new([vec![0.0, 1.0], vec![0.0, 5.0]]), Err(MmppError::NoWayOut(1)));
    let changes = [vec![0.0, 1.0, 1.0], vec![0.0, 0.0, 1.0], vec![0.0, 1.0, 0.0]];
    assert_eq!(MmppSpec::new(mpps(&[1, 2, 3]), &changes, 0), Err(MmppError::NoWay(1, 0)));
    assert!(new([vec![0.0, 1.0], vec![1.0, 0.0]]).is_ok());
}

#[test]
fn only_the_state_of_the_highest_rate_is_a_burst() {
    let spec = birth_and_death();
    assert_eq!([0, 1, 2].map(|state| spec.is_peak(state)), [false, false, true]);
}

#[test]
fn states_and_the_times_in_them_are_those_of_the_chain() {
    const CHANGES: u32 = 200_000;
    let mut phases =
        Phases::Mmpp(Mmpp::new(&birth_and_death(), Streams::new(3, 0).stream("chain")));
    phases.first();
    let mut times: [Vec<f64>; 3] = Default::default();
    for _ in 0..CHANGES {
        let phase = phases.next();
        let state = mpps(&[1, 2, 8]).iter().position(|rate| *rate == phase.rate);
        times[state.unwrap()].push(to_f64(phase.length.as_ps()));
    }
    // From state 1 the chain goes up with 3/4. In equilibrium of the changes, half lead to 1.
    let ups = times[2].len() as f64;
    let from_1 = ups + times[0].len() as f64;
    let score = (ups - 0.75 * from_1) / (from_1 * 0.75 * 0.25).sqrt();
    // chi-square with 1 degree of freedom at 0.001
    assert!(score * score < 10.83, "{score}");
    for (times, mean) in times.iter_mut().zip([5e7, 2.5e7, 2.5e7]) {
        times.sort_by(f64::total_cmp);
        let n = times.len() as f64;
        let distance = times
            .iter()
            .zip(1_u32..)
            .map(|(time, rank)| (1.0 - (-time / mean).exp() - f64::from(rank) / n).abs())
            .fold(0.0, f64::max);
        // Kolmogorov-Smirnov at 0.001
        assert!(distance * n.sqrt() < 1.95, "mean {mean}: {distance}");
    }
}

/// Silence and 1 Gpps in turn, each for 1 ms on average, at two queues.
fn bursts(in_phase: usize) -> TrafficSpec {
    let rates = vec![PacketRate::ZERO, PacketRate::new(1, 1_000).unwrap()];
    let spec = MmppSpec::new(rates, &[vec![0.0, 1e-9], vec![1e-9, 0.0]], in_phase).unwrap();
    TrafficSpec {
        queues: vec![QueueId::new(0), QueueId::new(1)],
        size: Distribution::Constant(64),
        kind: TrafficKind::Mmpp(spec),
    }
}

/// Times of packets that follow at least 10 us of silence, in microseconds, of each queue.
fn burst_beginnings(in_phase: usize) -> [Vec<u64>; 2] {
    let window = Window { start: SimTime::ZERO, end: Some(SimTime::from_ps(20_000_000_000)) };
    let sources = bursts(in_phase).sources(0, Streams::new(4, 0), window);
    let beginnings = sources.into_iter().map(|mut source| {
        let times: Vec<u64> =
            std::iter::from_fn(|| source.next()).map(|packet| packet.time.as_ps()).collect();
        let gaps = times.windows(2).filter(|pair| pair[1] - pair[0] > 10_000_000);
        gaps.map(|pair| (pair[1] + 500_000) / 1_000_000).collect()
    });
    beginnings.collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn queues_in_phase_burst_together_and_others_do_not() {
    let [first, second] = burst_beginnings(2);
    assert!(first.len() > 3, "{first:?}");
    // Packets come every nanosecond while the rate is high.
    assert!(first.iter().zip(&second).all(|(a, b)| a.abs_diff(*b) <= 1), "{first:?} {second:?}");
    assert_eq!(first.len(), second.len());
    let [first, second] = burst_beginnings(0);
    assert!(first.iter().zip(&second).any(|(a, b)| a.abs_diff(*b) > 10), "{first:?} {second:?}");
}

#[test]
fn a_seed_keeps_its_packets() {
    let mut traffic = bursts(0);
    traffic.kind = TrafficKind::Mmpp(birth_and_death());
    let window = Window { start: SimTime::ZERO, end: None };
    let mut source = traffic.sources(0, Streams::new(1, 0), window).remove(0);
    let drawn: Vec<u64> =
        std::iter::from_fn(|| source.next()).take(4).map(|p| p.time.as_ps()).collect();
    assert_eq!(drawn, [416_932, 444_784, 464_169, 500_444]);
}

/// Variance of the counts of self-similar traffic in windows of length `t`: Poisson noise, and that
/// of independent on-off rates, whose autocovariance is `a^2 / 4 exp(-2 t / T)`.
fn variance(sources: &[(f64, f64)], rate: f64, t: f64) -> f64 {
    let modulation: f64 = sources
        .iter()
        .map(|(a, period)| {
            let s = 2.0 / period;
            a * a / 2.0 / (s * s) * (s * t - 1.0 + (-s * t).exp())
        })
        .sum();
    rate * t + modulation
}

/// Rates while on (packets a second) and mean periods (s): five decades, Hurst 0.8.
fn sources() -> [(f64, f64); SOURCES] {
    let periods = [1e-5, 4.641_588_833_612_779e-4, 2.154_434_690_031_884e-2, 1.0];
    // periods^(0.8 - 1), and their sum
    let weights: [f64; 4] = [10.0, 4.641_588_833_612_779, 2.154_434_690_031_884, 1.0];
    let total: f64 = weights.iter().sum();
    std::array::from_fn(|k| (2.0 * 1e6 * weights[k] / total, periods[k]))
}

#[test]
fn self_similar_counts_have_the_variance_of_their_hurst_parameter() {
    // log var(m) rises with 2 H = 1.6 where modulation, not Poisson noise, makes the variance.
    let slope = |from: f64, to: f64| {
        let modulated = |t| variance(&sources(), 0.0, t);
        (modulated(to) / modulated(from)).ln() / (to / from).ln()
    };
    let slope = slope(1e-4, 1e-1);
    assert!((slope - 1.6).abs() < 0.05, "{slope}");
}

#[test]
fn self_similar_traffic_has_the_counts_of_its_four_sources() {
    const WINDOWS: usize = 4_000;
    let rate = PacketRate::new(1, 1_000_000).unwrap();
    let spec = MmppSpec::self_similar(rate, 0.8, 10_000_000, 1_000_000_000_000, 0);
    assert!((spec.mean_rate() - 1e6).abs() < 1.0);
    let traffic = TrafficSpec {
        queues: vec![QueueId::new(0)],
        size: Distribution::Constant(64),
        kind: TrafficKind::Mmpp(spec),
    };
    let window = Window { start: SimTime::ZERO, end: Some(SimTime::from_ps(1_000_000_000)) };
    // One window of 1 ms from each replication: independent.
    let counts: Vec<f64> = (0..WINDOWS)
        .map(|replication| {
            let streams = Streams::new(9, u32::try_from(replication).unwrap());
            let mut source = traffic.sources(0, streams, window).remove(0);
            f64::from((0_u32..).find(|_| source.next().is_none()).unwrap())
        })
        .collect();
    let n = WINDOWS as f64;
    let mean = counts.iter().sum::<f64>() / n;
    let moment = |k: i32| counts.iter().map(|count| (count - mean).powi(k)).sum::<f64>() / n;
    let exact = variance(&sources(), 1e6, 1e-3);
    // Four standard errors each: false alarms in less than 2e-4 of all seeds.
    assert!((mean - 1e3).abs() < 4.0 * (moment(2) / n).sqrt(), "{mean}");
    let error = ((moment(4) - moment(2).powi(2)) / n).sqrt();
    assert!((moment(2) - exact).abs() < 4.0 * error, "{} against {exact} +- {error}", moment(2));
}
