use super::*;
use crate::model::traffic::Spacing;
use crate::random::Streams;

/// Mean OFF period and least ON period (ps); ON periods have a Pareto tail.
const OFF: f64 = 4e8;
const ON_MIN: f64 = 5e7;
const SHAPE: f64 = 2.5;

fn spec(correlation: f64) -> OnOffSpec {
    OnOffSpec {
        rate: PacketRate::new(1, 1_000_000).unwrap(),
        rate_off: PacketRate::ZERO,
        on: Distribution::Pareto { min: ON_MIN, shape: SHAPE, max: None },
        off: Distribution::Exponential { mean: OFF },
        spacing: Spacing::Poisson,
        in_phase: 0,
        correlation,
    }
}

/// ON and OFF periods of one queue, from time zero to `end`: whether ON, begin and end.
fn periods(correlation: f64, queue: u32, end: u64) -> Vec<(bool, u64, u64)> {
    let streams = Streams::new(5, 0);
    let streams = CorrelatedStreams {
        start: streams.stream("start"),
        triggers: streams.stream("triggers"),
        own: streams.stream(&format!("queue {queue}")),
    };
    let mut phases = Correlated::new(&spec(correlation), streams);
    let (rate, under_way) = phases.first();
    let mut periods = vec![(!rate.is_zero(), 0, under_way.residual)];
    while let Some((_, _, begin)) = periods.last().copied().filter(|(_, _, end_of)| *end_of < end) {
        let phase = phases.next();
        periods.push((phase.is_burst, begin, begin + phase.length.as_ps()));
    }
    periods
}

/// Kolmogorov-Smirnov distance of sorted lengths, times the root of their number.
fn distance(mut lengths: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    lengths.sort_by(f64::total_cmp);
    let n = lengths.len() as f64;
    let ranked = lengths.iter().zip(1_u32..);
    let gaps = ranked.map(|(length, rank)| (cdf(*length) - f64::from(rank) / n).abs());
    gaps.fold(0.0, f64::max) * n.sqrt()
}

#[test]
fn on_and_off_periods_have_their_distributions_in_turn() {
    let mut phases = OnOff::new(&spec(0.0), Streams::new(5, 0).stream("on-off"));
    phases.first();
    let mut lengths: [Vec<f64>; 2] = Default::default();
    let mut was_on = phases.is_on;
    for _ in 0..200_000 {
        let phase = phases.next();
        assert_eq!(phase.is_burst, !was_on);
        was_on = phase.is_burst;
        lengths[usize::from(was_on)].push(to_f64(phase.length.as_ps()));
    }
    let [off, on] = lengths;
    // 1.95 is the critical value at 0.001
    assert!(distance(on, |x| 1.0 - (ON_MIN / x).powf(SHAPE).min(1.0)) < 1.95);
    assert!(distance(off, |x| 1.0 - (-x / OFF).exp()) < 1.95);
}

#[test]
fn a_queue_is_on_at_time_zero_with_its_long_run_share() {
    const STARTS: u32 = 20_000;
    let on = spec(0.0).on.mean();
    let share = on / (on + OFF);
    let starts_on = |replication: u32| {
        let mut phases = OnOff::new(&spec(0.0), Streams::new(5, replication).stream("start"));
        !phases.first().0.is_zero()
    };
    let count = f64::from((0..STARTS).map(|start| u32::from(starts_on(start))).sum::<u32>());
    let expected = f64::from(STARTS) * share;
    let score = (count - expected) / (expected * (1.0 - share)).sqrt();
    // Four standard deviations: a false alarm in 6e-5 of all seeds.
    assert!(score.abs() < 4.0, "{count} against {expected}");
}

#[test]
fn correlation_leaves_each_queue_its_periods() {
    for correlation in [0.01, 0.5, 0.99] {
        let whole = &periods(correlation, 3, 5_000_000_000_000)[1..];
        let lengths = |wanted: bool| -> Vec<f64> {
            let of_kind = whole.iter().filter(|(is_on, _, _)| *is_on == wanted);
            of_kind.map(|(_, begin, end)| to_f64(end - begin)).collect()
        };
        // 1.95 is the critical value at 0.001
        let on = distance(lengths(true), |x| 1.0 - (ON_MIN / x).powf(SHAPE).min(1.0));
        let off = distance(lengths(false), |x| 1.0 - (-x / OFF).exp());
        assert!(on < 1.95 && off < 1.95, "{correlation}: {on} {off}");
    }
}

/// Time in which both queues are ON and in which both are OFF, and bursts that begin at both.
fn together(correlation: f64, end: u64) -> (f64, f64, u64) {
    let queues = [0, 1].map(|queue| periods(correlation, queue, end));
    let mut at = [0, 0];
    let (mut on, mut off, mut bursts) = (0.0, 0.0, 0);
    let mut now = 0;
    while now < end {
        let [left, right] = [0, 1].map(|queue| queues[queue][at[queue]]);
        let until = left.2.min(right.2);
        match (left.0, right.0) {
            (true, true) => on += to_f64(until - now),
            (false, false) => {
                off += to_f64(until - now);
                bursts += u64::from(left.2 == right.2);
            }
            _ => {}
        }
        at[0] += usize::from(left.2 == until);
        at[1] += usize::from(right.2 == until);
        now = until;
    }
    (on, off, bursts)
}

#[test]
fn common_triggers_start_bursts_at_all_queues_that_are_off() {
    for correlation in [0.2, 0.8] {
        let (_, off, bursts) = together(correlation, 10_000_000_000_000);
        // While both are OFF, common triggers come at `c / OFF`. The count less its intensity over
        // time is a martingale whose variance is the expected count: 4 standard deviations.
        let expected = correlation / OFF * off;
        let score = (to_f64(bursts) - expected) / expected.sqrt();
        assert!(score.abs() < 4.0, "{correlation}: {bursts} against {expected}");
    }
}

#[test]
fn between_independent_and_in_step_queues_are_ever_more_often_on_together() {
    let end = 20_000_000_000_000;
    let on = spec(0.5).on.mean();
    let share = on / (on + OFF);
    let both = |correlation| together(correlation, end).0 / to_f64(end);
    let [low, middle, high] = [0.001, 0.5, 0.999].map(both);
    // About 40,000 cycles: one in a hundred is far beyond four standard errors.
    assert!((low - share * share).abs() < 0.01 * share, "{low} against {}", share * share);
    assert!((high - share).abs() < 0.02 * share, "{high} against {share}");
    assert!(low + 0.1 * share < middle && middle + 0.1 * share < high, "{low} {middle} {high}");
}
