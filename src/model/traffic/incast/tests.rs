use super::*;
use crate::model::traffic::Segmentation;
use crate::units::BitRate;

/// Every 50 us, 4 senders of 2000 bytes at 10 Gbit/s, over 8 queues.
fn spec(jitter: Distribution) -> IncastSpec {
    let segmentation = Segmentation::new(1500, 1, BitRate::parse("10 Gbit/s").unwrap());
    IncastSpec {
        every: Distribution::Constant(50_000_000),
        senders: Distribution::Constant(4),
        answers: MessageSpec::new(Distribution::Constant(2_000), segmentation),
        table: None,
        jitter,
        rss: Rss::equal(&[0, 1, 2, 3, 4, 5, 6, 7], 128).unwrap(),
    }
}

fn packets(spec: &IncastSpec, count: usize) -> Vec<Arrival> {
    let mut source = IncastSource::new(spec, "traffic 0", Streams::new(1, 0));
    let next = || source.next(SimTime::ZERO, SimTime::MAX).0;
    std::iter::from_fn(next).take(count).collect()
}

#[test]
fn all_senders_answer_at_once_and_each_goes_to_its_own_queue() {
    let packets = packets(&spec(Distribution::Constant(0)), 16);
    let [first, second] = [&packets[..8], &packets[8..]];
    let queues = |packets: &[Arrival]| packets.iter().map(|p| p.queue).collect::<Vec<_>>();
    // Four whole packets at once, then the four rests, in the order of senders.
    assert_eq!(queues(&first[..4]), queues(&first[4..]));
    assert_eq!(queues(first), queues(second));
    let begin = first[0].time;
    for (place, packet) in first.iter().enumerate() {
        let (after, len) = if place < 4 { (0, 1_514) } else { (1_230_400, 2_000 - 1_460 + 54) };
        assert_eq!(packet.time, begin + SimDuration::from_ps(after));
        assert_eq!(packet.len, len);
    }
    assert_eq!(second[0].time, begin + SimDuration::from_us(50));
}

#[test]
fn jitter_spreads_the_senders() {
    let spread = Distribution::Uniform { min: 0, max: 20_000_000 };
    let packets = packets(&spec(spread), 80_000);
    assert!(packets.is_sorted_by_key(|packet| packet.time));
    // Whole packets are the first of each sender: their times after the request are the jitter.
    let request = 50_000_000;
    let first = spec(Distribution::Constant(0));
    let phase = self::packets(&first, 1)[0].time.as_ps();
    let mut jitters: Vec<f64> = packets
        .iter()
        .filter(|packet| packet.len == 1_514)
        .map(|packet| crate::units::to_f64((packet.time.as_ps() - phase) % request))
        .collect();
    jitters.sort_by(f64::total_cmp);
    let n = jitters.len() as f64;
    let ranked = jitters.iter().zip(1_u32..);
    let gaps = ranked.map(|(jitter, rank)| (jitter / 2e7 - f64::from(rank) / n).abs());
    // Kolmogorov-Smirnov at 0.001
    assert!(gaps.fold(0.0, f64::max) * n.sqrt() < 1.95);
}

#[test]
fn a_seed_keeps_its_answers() {
    let spec = IncastSpec {
        senders: Distribution::Geometric { mean: 3.0 },
        ..spec(Distribution::Exponential { mean: 1e6 })
    };
    let drawn: Vec<(u64, u32)> =
        packets(&spec, 4).iter().map(|packet| (packet.time.as_ps(), packet.queue.get())).collect();
    assert_eq!(drawn, [(1_687_819, 3), (2_918_219, 3), (51_659_506, 3), (51_943_829, 1)]);
}
