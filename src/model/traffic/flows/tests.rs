use super::*;
use crate::model::steering::MICROSOFT_KEY;
use crate::model::traffic::{Segmentation, TrafficKind, TrafficSpec, Window};
use crate::units::{BitRate, to_f64};

/// Single packets at a million a second, steered over 5 queues.
fn spec() -> FlowsSpec {
    let segmentation = Segmentation::new(1500, 1, BitRate::parse("10 Gbit/s").unwrap());
    FlowsSpec {
        messages: MessageSpec::new(Distribution::Constant(100), segmentation),
        table: None,
        together: Distribution::Constant(1),
        epochs: 1e6,
        connections: Connections { count: 0, zipf: 0.0, heavy: 0, heavy_share: 0.0 },
        rss: Rss::equal(&[0, 1, 2, 3, 4], 128).unwrap(),
    }
}

/// So many packets.
fn packets(spec: &FlowsSpec, count: usize) -> Vec<Arrival> {
    let mut source = FlowsSource::new(spec, "traffic 0", Streams::new(1, 0));
    let next = || source.next(SimTime::ZERO, SimTime::MAX).0;
    std::iter::from_fn(next).take(count).collect()
}

/// Pearson's statistic of counts against shares.
fn chi_square(counts: &[u32], shares: &[f64]) -> f64 {
    let total: u32 = counts.iter().sum();
    let cells = counts.iter().zip(shares);
    cells
        .map(|(count, share)| {
            let expected = f64::from(total) * share;
            (f64::from(*count) - expected).powi(2) / expected
        })
        .sum()
}

#[test]
fn flows_of_one_packet_are_a_poisson_process() {
    const PACKETS: usize = 100_000;
    let times: Vec<u64> = packets(&spec(), PACKETS).iter().map(|p| p.time.as_ps()).collect();
    let mut gaps: Vec<f64> = times.windows(2).map(|pair| to_f64(pair[1] - pair[0])).collect();
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let distance = gaps
        .iter()
        .zip(1_u32..)
        .map(|(gap, rank)| (1.0 - (-gap / 1e6).exp() - f64::from(rank) / n).abs())
        .fold(0.0, f64::max);
    // Kolmogorov-Smirnov at 0.001
    assert!(distance * n.sqrt() < 1.95, "{distance}");
}

#[test]
fn queues_get_flows_by_their_entries_in_the_indirection_table() {
    let mut counts = [0; 5];
    packets(&spec(), 100_000).iter().for_each(|packet| counts[packet.queue.index()] += 1);
    // 128 entries dealt to 5 queues; chi-square with 4 degrees of freedom at 0.001
    let shares = [26.0, 26.0, 26.0, 25.0, 25.0].map(|entries| entries / 128.0);
    let statistic = chi_square(&counts, &shares);
    assert!(statistic < 18.47, "{statistic}: {counts:?}");
}

/// Flows of each connection, by giving each a queue of its own.
fn of_connections(connections: Connections) -> Vec<u32> {
    let spec = FlowsSpec { connections, ..spec() };
    let mut steering = Steering::new(&spec, "traffic 0", Streams::new(2, 0));
    let hashes = steering.hashes.clone();
    // Under this table a hash is its own queue.
    let table = (0..7919).collect();
    steering.rss = Rss::new(&MICROSOFT_KEY, table).unwrap();
    let mut counts = vec![0; hashes.len()];
    for _ in 0..100_000 {
        let queue = steering.next().get();
        let connection = hashes.iter().position(|hash| hash % 7919 == queue).unwrap();
        counts[connection] += 1;
    }
    counts
}

#[test]
fn connections_are_chosen_by_zipfs_law() {
    let connections = Connections { count: 4, zipf: 1.0, heavy: 0, heavy_share: 0.0 };
    let counts = of_connections(connections);
    // 1 + 1/2 + 1/3 + 1/4 = 25/12; chi-square with 3 degrees of freedom at 0.001
    let shares = [1.0, 2.0, 3.0, 4.0].map(|rank| 12.0 / 25.0 / rank);
    let statistic = chi_square(&counts, &shares);
    assert!(statistic < 16.27, "{statistic}: {counts:?}");
}

#[test]
fn heavy_hitters_have_their_share_of_flows() {
    let connections = Connections { count: 2, zipf: 0.0, heavy: 2, heavy_share: 0.3 };
    let statistic = chi_square(&of_connections(connections), &[0.15, 0.15, 0.35, 0.35]);
    // chi-square with 3 degrees of freedom at 0.001
    assert!(statistic < 16.27, "{statistic}");
}

#[test]
fn flows_that_begin_together_come_at_one_instant() {
    let spec = FlowsSpec { together: Distribution::Constant(3), ..spec() };
    let times: Vec<SimTime> = packets(&spec, 300).iter().map(|packet| packet.time).collect();
    for trio in times.chunks(3) {
        assert!(trio[0] == trio[1] && trio[1] == trio[2], "{trio:?}");
    }
    assert!(times[0] < times[3]);
}

#[test]
fn what_is_held_does_not_grow_with_time() {
    let segmentation = Segmentation::new(1500, 1, BitRate::parse("1 Gbit/s").unwrap());
    let sizes = Distribution::Uniform { min: 1, max: 146_000 };
    let messages = MessageSpec::new(sizes, segmentation);
    let mut source = FlowsSource::new(
        &FlowsSpec { messages, epochs: 1e4, ..spec() },
        "traffic 0",
        Streams::new(1, 0),
    );
    let mut most = |packets: u32| {
        (0..packets)
            .map(|_| {
                source.next(SimTime::ZERO, SimTime::MAX);
                source.messages.active()
            })
            .max()
            .unwrap_or(0)
    };
    // About 6 under way on average, Poisson: 40 would come once in 1e18 looks.
    assert!(most(1_000) < 40 && most(1_000_000) < 40);
}

#[test]
fn a_seed_keeps_its_flows() {
    let segmentation = spec().messages.segmentation();
    let sizes = Distribution::Uniform { min: 1, max: 3_000 };
    let spec = FlowsSpec { messages: MessageSpec::new(sizes, segmentation), ..spec() };
    let traffic = TrafficSpec {
        queues: (0..5).map(QueueId::new).collect(),
        size: Distribution::Constant(1),
        kind: TrafficKind::Flows(Box::new(spec)),
    };
    let window = Window { start: SimTime::ZERO, end: None };
    let mut source = traffic.sources(0, Streams::new(1, 0), window).remove(0);
    let drawn: Vec<(u64, u32, u32)> = std::iter::from_fn(|| source.next())
        .take(4)
        .map(|packet| (packet.time.as_ps(), packet.queue.get(), packet.len))
        .collect();
    let expected =
        [(174_271, 0, 1_514), (1_404_671, 0, 1_434), (2_374_227, 1, 831), (2_591_213, 3, 1_514)];
    assert_eq!(drawn, expected);
}
