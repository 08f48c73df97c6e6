use super::*;
use crate::model::distribution::Empirical;
use crate::random::Streams;

fn gbit(rate: u32) -> BitRate {
    BitRate::parse(&format!("{rate} Gbit/s")).unwrap()
}

/// Time (ps) and length of all packets of one message.
fn packets(segmentation: Segmentation, bytes: u64) -> Vec<(u64, u32)> {
    let mut messages = Messages::new(segmentation);
    messages.begin(SimTime::from_ps(100), QueueId::new(0), bytes);
    std::iter::from_fn(|| messages.next()).map(|packet| (packet.time.as_ps(), packet.len)).collect()
}

#[test]
fn a_message_is_cut_into_packets_at_the_senders_rate() {
    // 1460 bytes a packet; a frame of 1514 takes 1538 bytes on the wire, 1230.4 ns at 10 Gbit/s.
    let cut = packets(Segmentation::new(1500, 1, gbit(10)), 3_000);
    assert_eq!(cut, [(100, 1_514), (1_230_500, 1_514), (2_460_900, 134)]);
    // 4102.67 ns at 3 Gbit/s: no fraction adds up
    let slow = packets(Segmentation::new(1500, 1, gbit(3)), 4 * 1_460);
    let times: Vec<u64> = slow.iter().map(|(time, _)| time - 100).collect();
    assert_eq!(times, [0, 4_101_333, 8_202_666, 12_304_000]);
}

#[test]
fn a_train_leaves_at_once_and_the_next_one_follows_at_the_senders_rate() {
    let cut = packets(Segmentation::new(1500, 3, gbit(10)), 4 * 1_460 + 1);
    let later = 100 + 3 * 1_230_400;
    assert_eq!(cut, [(100, 1_514), (100, 1_514), (100, 1_514), (later, 1_514), (later, 60)]);
}

#[test]
fn means_are_those_of_messages_counted_one_by_one() {
    let segmentation = Segmentation::new(1500, 1, gbit(10));
    let means = segmentation.means(&Distribution::Constant(3_000));
    let exact = [3.0, 3_000.0 + 3.0 * 54.0, 3_000.0 + 3.0 * 78.0];
    for (mean, exact) in [means.packets, means.frame_bytes, means.wire_bytes].iter().zip(exact) {
        assert!((mean - exact).abs() < 1e-6, "{mean} against {exact}");
    }
    assert!((means.lasts_ps - 2.0 * 1_230_400.0).abs() < 1e-3, "{}", means.lasts_ps);
    // Evenly from nothing to ten packets: 5.5 packets on average, and bytes in the last packet are
    // below the 6 that fill a frame of 60 in 6 of 1460 cases, 3.5 short on average.
    let line = Empirical::new(vec![(0.0, 0.0), (14_600.0, 1.0)]).unwrap();
    let means = segmentation.means(&Distribution::Empirical(line));
    assert!((means.packets - 5.5).abs() < 1e-3, "{}", means.packets);
    let frames = 7_300.0 + 5.5 * 54.0 + 5.0 * 6.0 / 1_460.0 * 0.5;
    assert!((means.frame_bytes - frames).abs() < 0.1, "{} against {frames}", means.frame_bytes);
    assert!((means.lasts_ps - 4.5 * 1_230_400.0).abs() < 2e3, "{}", means.lasts_ps);
}

#[test]
fn messages_under_way_at_time_zero_send_what_the_long_run_does() {
    const STARTS: u32 = 4_000;
    // 10,000 messages a second of 1 to 100 whole packets, in a window of 100 us.
    let segmentation = Segmentation::new(1500, 2, gbit(1));
    let sizes = Distribution::Uniform { min: 1, max: 146_000 };
    let spec = MessageSpec::new(sizes, segmentation);
    let end = 100_000_000;
    let counts: Vec<f64> = (0..STARTS)
        .map(|start| {
            let mut generator = Streams::new(3, start).stream("start");
            let mut messages = Messages::new(segmentation);
            messages.start_stationary(&spec, 1e4, &mut generator, || QueueId::new(0));
            let times = std::iter::from_fn(|| messages.next()).map(|packet| packet.time.as_ps());
            f64::from(u32::try_from(times.take_while(|time| *time < end).count()).unwrap())
        })
        .collect();
    // Train k of a message that began `a` before time zero comes at `k x train - a`. That is in
    // the window for as many `a` as `min(k x train, window)`. Messages have 1 to 50 trains of 2
    // packets, all equally likely, but for half of the last ones, which have a single packet.
    let train = 2.0 * 12.304e-6;
    let inside = |k: u32| 1e4 * (f64::from(k) * train).min(1e-4);
    let trains: f64 = (1..=50).map(|last| (1..last).map(inside).sum::<f64>()).sum();
    let singles: f64 = (1..50).map(inside).sum::<f64>() / 2.0;
    let exact = (2.0 * trains - singles) / 50.0;
    let n = f64::from(STARTS);
    let mean = counts.iter().sum::<f64>() / n;
    let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / n;
    let error = (variance / n).sqrt();
    // Four standard errors: a false alarm in 6e-5 of all seeds.
    assert!((mean - exact).abs() < 4.0 * error, "{mean} against {exact} +- {error}");
}
